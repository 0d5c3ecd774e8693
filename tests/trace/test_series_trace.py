"""Series counted from a stored trace."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from support.jobs_of import jobs_of

from simcost.errors import InputError
from simcost.trace.jobs.store import write_jobs
from simcost.trace.requests.readers import import_trace
from simcost.trace.requests.writer import TraceWriter
from simcost.trace.series.reader import is_counted, read_series
from simcost.trace.series.series import Grid

NS = 1_000_000_000


def trace(folder: Path, arrival_s: list[float], *, start_s: int | None = None, span_s: float | None = None) -> Path:
    """Requests of 2 prompt and 3 output tokens, by turns of model `m/a` of tenant t and of model b of none."""
    path, count = folder / "load.parquet", len(arrival_s)
    arrival = np.round(np.array(arrival_s) * NS).astype(np.int64) + (start_s or 0) * NS
    with TraceWriter(
        path,
        source="test",
        optional=["model", "tenant"],
        origin="start" if start_s is None else "epoch",
        span_ns=None if span_s is None else round(span_s * NS),
    ) as writer:
        labels = [["m/a", "b"][i % 2] for i in range(count)], [["t", None][i % 2] for i in range(count)]
        writer.write(
            pa.table(
                [arrival, [2] * count, [3] * count, *labels],
                names=["arrival_ns", "prompt_tokens", "output_tokens", "model", "tenant"],
            )
        )
    return path


def kinds(findings: list[dict[str, object]]) -> list[object]:
    return [finding["kind"] for finding in findings]


def test_requests_per_minute(tmp_path: Path) -> None:
    path = trace(tmp_path, [0, 1, 59, 60, 200, 239.9])
    (series,), findings = read_series(path)
    assert (series.name, series.quantity, series.grid) == ("load", "requests", Grid(start_s=0, step_s=60))
    assert series.values.tolist() == [3, 1, 0, 2]
    assert kinds(findings) == ["clock_unknown", "frequency"]
    (series,), _ = read_series(path, quantity="output_tokens", freq="1min")
    assert series.values.tolist() == [9, 3, 0, 6]


def test_partial_steps_are_left_out(tmp_path: Path) -> None:
    path = trace(tmp_path, [0, 40, 50, 100, 130], start_s=1715472030)
    (series,), findings = read_series(path, freq="1min")
    assert (series.grid.start_s, series.values.tolist()) == (1715472060, [2])
    assert "the first and the last step of 1min" in findings[0]["message"]
    assert read_series(trace(tmp_path, [0, 59.5, 119.5], start_s=1715472000))[0][0].values.tolist() == [2, 1]


def test_hours_from_a_day_on(tmp_path: Path) -> None:
    (series,), _ = read_series(trace(tmp_path, [0, 90_000], span_s=100_800))
    assert (series.grid.name, len(series), series.values.sum()) == ("1h", 28, 2)


def test_days_begin_at_local_midnight(tmp_path: Path) -> None:
    start_s = int(np.datetime64("2024-03-30T12:00", "s").astype(np.int64))
    path = trace(tmp_path, list(range(0, 5 * 86400, 900)), start_s=start_s, span_s=5 * 86400)
    for zone, first in (("Europe/Berlin", 23), ("America/Los_Angeles", 24), ("UTC", 24)):
        (series,), _ = read_series(path, freq="1d", timezone=zone)
        assert series.grid.times(1)[0] == np.datetime64("2024-03-31")
        assert series.values.tolist() == [4 * first, 96, 96, 96]


def test_by_model_and_tenant(tmp_path: Path) -> None:
    path = trace(tmp_path, [0, 10, 20, 70, 119.9])
    found, _ = read_series(path, by=["tenant", "model"], quantity="prompt_tokens")
    assert {series.name: series.values.tolist() for series in found} == {"t/m:a": [4, 2], "(none)/b": [2, 2]}
    with pytest.raises(InputError, match=r"cannot group by 'session'; this trace has tenant and model"):
        read_series(path, by=["session"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"quantity": "tokens"}, "no quantity 'tokens'; did you mean"),
        ({"freq": "1h"}, "no whole step of 1h"),
        ({"freq": "1d"}, "no whole step of"),
        ({"mapping": {"value": "x"}}, "no mapping"),
        ({"regressors": ["x"]}, "no regressors"),
    ],
)
def test_refused(tmp_path: Path, options: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_series(trace(tmp_path, [0, 100]), **options)  # type: ignore[arg-type]


def test_real_trace(shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "conv.parquet"
    import_trace(shared / "data/traces/AzureLLMInferenceTrace_conv.csv", "azure-llm", out)
    (series,), findings = read_series(out)
    assert series.grid == Grid(start_s=1700158560, step_s=60)  # 18:15:46.7 is in its first minute
    assert len(series) == 58
    assert 19_366 * 0.97 < series.values.sum() < 19_366
    assert kinds(findings) == ["frequency", "partial_step"]


def jobs_file(folder: Path, **columns: object) -> Path:
    """Jobs of 2 GPUs for half an hour, every 20 minutes for 30 hours, by turns in two pools."""
    count = 90
    path, every = folder / "jobs.parquet", np.arange(count)
    jobs = jobs_of(1200 * every, np.full(count, 1800), np.full(count, 2), pool=every % 2, pools=("a", "b"), **columns)
    write_jobs(path, jobs)
    return path


def test_jobs_and_their_work_per_hour(tmp_path: Path) -> None:
    path = jobs_file(tmp_path, start_utc="2026-01-05T00:00:00Z")
    (series,), findings = read_series(path)
    assert (series.name, series.quantity, series.grid) == (
        "jobs",
        "jobs",
        Grid(start_s=1767571200, step_s=3600),
    )
    assert (len(series), set(series.values.tolist())) == (29, {3.0})
    assert kinds(findings) == ["frequency", "partial_step"]
    assert read_series(path, quantity="gpus")[0][0].values[0] == 6
    assert read_series(path, quantity="gpu_hours", freq="1d")[0][0].values.tolist() == [72]
    pools, _ = read_series(path, by=["pool", "user"])
    assert [series.name for series in pools] == ["a/(none)", "b/(none)"]
    assert sum(series.values for series in pools).tolist() == [3.0] * 29  # type: ignore[attr-defined]
    assert is_counted(path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"quantity": "requests"}, "known: jobs, gpus, gpu_hours"),
        ({"by": ["tenant"]}, "cannot group by 'tenant'"),
        ({"freq": "1w"}, "whole step"),
        ({"mapping": {"value": "gpus"}}, "takes no mapping"),
    ],
)
def test_what_jobs_do_not_have(tmp_path: Path, options: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_series(jobs_file(tmp_path), **options)  # type: ignore[arg-type]
