"""Nothing is lost or doubled between rows, steps, coarser steps and the wall clock."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.trace.requests.writer import TraceWriter
from simcost.trace.series.local_time import from_local, local_numbers, local_steps, local_values
from simcost.trace.series.reader import read_series
from simcost.trace.series.resample import coarsen
from simcost.trace.series.series import Grid, Series

ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata", "Australia/Lord_Howe"])
STARTS = st.integers(1_704_067_200 // 900, 1_735_689_600 // 900).map(lambda quarter: 900 * quarter)  # in 2024


@given(st.integers(0, 2**32), st.integers(0, 10**13), st.data())
def test_requests_in_whole_steps_are_counted_once(
    tmp_path_factory: pytest.TempPathFactory, seed: int, start_ns: int, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "law.parquet"
    gaps = np.random.default_rng(seed).integers(4 * 10**10, 10**11, 300)
    arrival = start_ns + np.cumsum(gaps)
    prompt = np.arange(1, len(gaps) + 1)
    model = [str(i % 3) for i in prompt]
    with TraceWriter(path, source="law", origin="epoch", optional=["model"]) as writer:
        writer.write(
            pa.table(
                [arrival, prompt, prompt, model],
                names=["arrival_ns", "prompt_tokens", "output_tokens", "model"],
            )
        )
    freq = data.draw(st.sampled_from(["1min", "15min", "1h"]))
    by = data.draw(st.sampled_from([(), ("model",)]))
    found, _ = read_series(path, freq=freq, by=by, quantity="prompt_tokens")
    grid = found[0].grid
    end_s = grid.start_s + len(found[0]) * grid.step_s
    inside = (arrival >= grid.start_s * 10**9) & (arrival < end_s * 10**9)
    assert sum(series.values.sum() for series in found) == prompt[inside].sum()
    assert (arrival[0] - grid.start_s * 10**9) <= 0.01 * grid.step_s * 10**9
    assert grid.start_s * 10**9 - arrival[0] < grid.step_s * 10**9
    assert end_s * 10**9 - arrival[-1] <= 0.01 * grid.step_s * 10**9
    assert arrival[-1] - end_s * 10**9 < grid.step_s * 10**9


@given(ZONES, STARTS, st.integers(40 * 96, 50 * 96), st.sampled_from([3600, 86400, 7 * 86400, 0]))
def test_coarser_steps_conserve_totals(zone: str, start_s: int, steps: int, step_s: int) -> None:
    """The total of whole coarse steps is that of the fine steps in them, one run without holes."""
    values = np.arange(steps) % 101 + 1.0
    fine = Series(name="a", quantity="requests", grid=Grid(start_s=start_s, step_s=900), values=values)
    if step_s == 0 and steps < 62 * 96:
        fine = Series(name="a", quantity="requests", grid=fine.grid, values=np.resize(values, 62 * 96))
    coarse, findings = coarsen(fine, step_s, zone)
    left_out = sum(finding["count"] for finding in findings if finding["kind"] == "partial_step")
    total = np.concatenate([[0.0], np.cumsum(fine.values)])
    inside = len(fine) - left_out
    assert coarse.values.sum() in total[inside:] - total[: left_out + 1]
    assert np.isfinite(coarse.values).all()


@given(st.permutations(range(60)), st.sampled_from([1, 3]))
def test_the_order_of_rows_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], count: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "order.csv"
    times = np.datetime64("2024-03-30", "s") + 3600 * (np.arange(60) // count)
    rows = [f"s{i % count},{times[i]}Z,{i}" for i in order]
    path.write_text("\n".join(["series,timestamp,value", *rows]))
    found, _ = read_series(path)
    assert len(found) == count
    for series in found:
        assert series.grid == Grid(start_s=1711756800, step_s=3600)
        assert series.values.tolist() == list(range(int(series.name[1:]), 60, count))


@given(ZONES, STARTS, st.integers(100, 300), st.integers(1, 100), st.sampled_from([900, 1800, 3600, 7200]))
def test_local_and_back(zone: str, start_s: int, history: int, horizon: int, step_s: int) -> None:
    """A horizon is found again on the local grid that continues the history's; only hours shown twice are even."""
    grid = Grid(start_s=start_s // step_s * step_s, step_s=step_s)
    values = np.arange(history + horizon, dtype=float)
    local_grid, local = local_values(grid, values, zone)
    before_grid, before = local_values(grid, values[:history], zone)
    steps = local_steps(grid.after(history), horizon, zone)
    back = from_local(local[len(before) :][:steps], grid.after(history), horizon, zone)
    assert local_grid == before_grid
    assert len(local) <= len(before) + steps
    assert np.abs(back - values[history:]).max() <= 3600 / step_s
    shown = np.unique(local_numbers(grid, len(values), zone))
    assert local[shown].sum() <= values.sum()
