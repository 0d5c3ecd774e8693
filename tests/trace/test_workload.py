"""Replay, resampling, synthesis and merging: deterministic, in order, and with the right means."""

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.errors import InputError
from simcost.trace.requests.batch import RequestBatch, concat, merge
from simcost.trace.requests.store import open_trace, read_batches
from simcost.trace.requests.writer import TraceWriter
from simcost.trace.synthesis.generator import synthetic
from simcost.trace.synthesis.stored_requests import synthesize
from simcost.trace.workload.arrivals import batches, merged, span_s
from simcost.trace.workload.replay import replay
from simcost.trace.workload.spec import Lengths, RecordedWorkload, Synthetic, Workload

FLAT = (1.0,) * 24


def draw(
    workload: Workload,
    folder: Path,
    index: int = 0,
    horizon_s: float | None = None,
    part: int = 0,
    seed: int = 1,
) -> RequestBatch:
    return concat(list(batches(workload, folder=folder, seed=seed, index=index, horizon_s=horizon_s, part=part)))


def same(one: RequestBatch, other: RequestBatch) -> bool:
    return all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes()
        for name in ("arrival_ns", "prompt_tokens", "output_tokens")
    )


def ordered(batch: RequestBatch) -> bool:
    return bool((np.diff(batch.arrival_ns) >= 0).all())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a trace of two hours, its rate rising; the token pairs say at which second each request came."""
    home = tmp_path_factory.mktemp("traces")
    rng = np.random.default_rng(4)
    arrival = np.sort((np.sqrt(rng.random(40_000)) * 7200e9).astype(np.int64))
    arrival -= arrival[0]
    second = (arrival // 10**9 + 1).astype(np.int32)
    with TraceWriter(home / "t.parquet", source="test") as writer:
        writer.write_batch(RequestBatch(arrival, second, second + 1))
    return home


def test_recorded_as_it_was(folder: Path) -> None:
    stored = concat(list(read_batches(folder / "t.parquet")))
    assert same(draw(RecordedWorkload(path="t.parquet"), folder), stored)
    span = span_s(RecordedWorkload(path="t.parquet"), folder)
    assert same(draw(RecordedWorkload(path="t.parquet"), folder, horizon_s=span), stored)
    cut = draw(RecordedWorkload(path="t.parquet"), folder, horizon_s=1000.0)
    assert same(cut, stored[: len(cut)])
    assert cut.arrival_ns[-1] <= 1000 * 10**9 < stored.arrival_ns[len(cut)]


@pytest.mark.parametrize(
    "workload",
    [
        RecordedWorkload(path="t.parquet"),
        RecordedWorkload(path="t.parquet", rate_scale=0.4),
        RecordedWorkload(path="t.parquet", rate_scale=2.3, block=7.0, reach=100.0),
        Synthetic(rate=3.0),
        Synthetic(rate=3.0, burst_cv=1.0, burst_window=700.0, lengths=Lengths(trace="t.parquet")),
    ],
)
@pytest.mark.parametrize("index", [0, 1])
def test_same_seed_same_bytes(folder: Path, workload: Workload, index: int) -> None:
    one = draw(workload, folder, index, 5000.0)
    assert same(one, draw(workload, folder, index, 5000.0))
    assert ordered(one)
    assert one.arrival_ns[-1] <= 5000 * 10**9
    assert one.prompt_tokens.dtype == one.output_tokens.dtype == np.int32
    assert min(one.prompt_tokens.min(), one.output_tokens.min()) >= 1
    assert not same(one, draw(workload, folder, index + 2, 5000.0))
    if index or isinstance(workload, Synthetic):
        assert not same(one, draw(workload, folder, index, 5000.0, part=1))
        assert not same(one, draw(workload, folder, index, 5000.0, seed=2))


@pytest.mark.parametrize("rate_scale", [0.3, 1.0, 1.7])
@pytest.mark.parametrize("index", [0, 3])
def test_replay_is_independent_of_batch_sizes(folder: Path, rate_scale: float, index: int) -> None:
    workload = RecordedWorkload(path="t.parquet", rate_scale=rate_scale)
    small, large = (
        concat(list(replay(workload, folder=folder, seed=1, index=index, horizon_s=None, part=0, batch_rows=rows)))
        for rows in (777, 10**6)
    )
    assert same(small, large)


@pytest.mark.parametrize("index", [0, 2])
def test_a_repeated_trace_begins_anew(folder: Path, index: int) -> None:
    """Recorded: shifted copies; resampled: as many requests in the mean."""
    once = draw(RecordedWorkload(path="t.parquet"), folder)
    span = span_s(RecordedWorkload(path="t.parquet"), folder)
    found = draw(RecordedWorkload(path="t.parquet", repeat=True), folder, index, horizon_s=3 * span)
    assert ordered(found)
    assert len(found) == pytest.approx(3 * len(once), rel=0.05)
    if index == 0:
        count = len(once)
        assert np.unique(found.arrival_ns[count : 2 * count] - once.arrival_ns).size == 1
        assert (found.prompt_tokens[count : 2 * count] == once.prompt_tokens).all()


def test_a_day_laid_over_a_trace_leaves_its_busiest_time_as_it_is(folder: Path) -> None:
    night = (0.0,) * 12 + (1.0,) * 12
    day_s = 86400.0
    whole = draw(RecordedWorkload(path="t.parquet", repeat=True), folder, horizon_s=day_s)
    kept = draw(RecordedWorkload(path="t.parquet", repeat=True, daily=night), folder, horizon_s=day_s)
    hour = kept.arrival_ns / 3.6e12
    assert not ((hour > 0.5) & (hour < 11.5)).any()
    busy = [(b.arrival_ns / 3.6e12 > 12.5) & (b.arrival_ns / 3.6e12 < 23.5) for b in (whole, kept)]
    assert busy[0].sum() == busy[1].sum()


def test_bootstrap_takes_from_within_reach(folder: Path) -> None:
    got = draw(RecordedWorkload(path="t.parquet", block=60.0, reach=300.0), folder, 1)
    own = got.arrival_ns / 1e9
    moved = np.abs(own - got.prompt_tokens)
    assert moved.max() <= 301
    assert moved.mean() > 100  # uniform in +-300 s: 150
    hour = [((own >= a) & (own < a + 1800)).sum() / 40_000 for a in (0, 1800, 3600, 5400)]
    assert hour == pytest.approx([1 / 16, 3 / 16, 5 / 16, 7 / 16], abs=0.02)


def test_bootstrap_keeps_the_mean(folder: Path) -> None:
    counts = [len(draw(RecordedWorkload(path="t.parquet"), folder, index)) for index in range(1, 41)]
    assert np.mean(counts) == pytest.approx(40_000, rel=0.01)
    assert len(set(counts)) > 30


def test_bootstrap_of_one_block_is_the_trace(folder: Path) -> None:
    got = draw(RecordedWorkload(path="t.parquet", block=10**6), folder, 1)
    assert same(got, concat(list(read_batches(folder / "t.parquet"))))


@pytest.mark.parametrize("index", [0, 2])
@pytest.mark.parametrize("scale", [0.25, 1.5, 3.0])
def test_rate_scale(folder: Path, scale: float, index: int) -> None:
    got = draw(RecordedWorkload(path="t.parquet", rate_scale=scale), folder, index)
    assert len(got) == pytest.approx(40_000 * scale, rel=0.04)
    middle = np.median(got.arrival_ns) / 7200e9
    assert middle == pytest.approx(np.sqrt(0.5), abs=0.02)


def test_paths_outside_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="outside"):
        draw(RecordedWorkload(path="../t.parquet"), folder)
    with pytest.raises(InputError, match="outside"):
        draw(Synthetic(rate=1.0, lengths=Lengths(trace="/t.parquet")), folder, horizon_s=10.0)


def test_synthetic_needs_a_horizon(folder: Path) -> None:
    with pytest.raises(InputError, match="horizon"):
        draw(Synthetic(rate=1.0), folder)
    with pytest.raises(InputError, match="horizon"):
        span_s(Synthetic(rate=1.0), folder)


@pytest.mark.parametrize(
    ("burst_cv", "window_s", "weekly"),
    [
        (0.0, 10.0, None),
        (0.5, 10.0, (1.0, 2.0, 0.0, 1.0, 1.0, 1.0, 1.0)),
        (1.5, 333.3, None),
    ],
)
def test_synthetic_mean_rate(folder: Path, burst_cv: float, window_s: float, weekly: tuple[float, ...]) -> None:
    spec = Synthetic(rate=2.0, burst_cv=burst_cv, burst_window=window_s, weekly=weekly)
    horizon_s, runs = 100_000.0, 10
    counts = [len(draw(spec, folder, index, horizon_s)) for index in range(runs)]
    mean = 2.0 * horizon_s
    spread = np.sqrt(mean + (burst_cv * mean) ** 2 * 1.6 * window_s / horizon_s)  # 1.6 > mean square of the shape
    assert np.mean(counts) == pytest.approx(mean, abs=4 * spread / np.sqrt(runs))
    assert np.std(counts) < 2.5 * spread


def test_synthetic_shape(folder: Path) -> None:
    daily = (0.0,) * 6 + (2.0,) * 12 + (0.0,) * 6
    spec = Synthetic(rate=5.0, daily=daily, weekly=(1, 0, 1, 1, 1, 1, 3), burst_cv=0.0)
    arrival_s = draw(spec, folder, horizon_s=7 * 86400.0).arrival_ns / 1e9
    days = np.bincount((arrival_s // 86400).astype(int), minlength=7) / len(arrival_s)
    assert days == pytest.approx([1 / 8, 0, 1 / 8, 1 / 8, 1 / 8, 1 / 8, 3 / 8], abs=0.002)
    hours = np.bincount((arrival_s % 86400 // 3600).astype(int), minlength=24) / len(arrival_s)
    assert hours[8:16] == pytest.approx(np.full(8, 1 / 12), abs=0.002)
    assert hours[5] == pytest.approx(1 / 96, abs=0.001)  # half an hour, rising to half the rate
    assert hours[[0, 1, 2, 3, 4, 19, 20, 21, 22, 23]].sum() == 0


def test_days_join_at_midnight(folder: Path) -> None:
    spec = Synthetic(rate=1.0, daily=(0.0,) * 23 + (1.0,), burst_cv=0.0)
    hour = draw(spec, folder, horizon_s=86400.0).arrival_ns // (3600 * 10**9)
    assert np.bincount(hour, minlength=24)[[0, 22, 23]] / len(hour) == pytest.approx([1 / 8, 1 / 8, 3 / 4], abs=0.01)


def test_burst_levels(folder: Path) -> None:
    spec = Synthetic(rate=50.0, daily=FLAT, burst_cv=0.6, burst_window=20.0)
    arrival = draw(spec, folder, horizon_s=40_000.0).arrival_ns
    counts = np.bincount(arrival // (20 * 10**9), minlength=2000)[:2000]
    assert np.sqrt(counts.var() - counts.mean()) / counts.mean() == pytest.approx(0.6, abs=0.05)


@pytest.mark.parametrize("window_s", [1.0, 100_000.0])
@pytest.mark.parametrize("rate", [0.01, 500.0])
def test_chunks_are_bounded(folder: Path, rate: float, window_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simcost.trace.synthesis.generator.BATCH_ROWS", 1000)
    spec = Synthetic(rate=rate, daily=FLAT, burst_cv=0.0, burst_window=window_s)
    sizes = [len(part) for part in synthetic(spec, folder=folder, seed=1, index=0, horizon_s=300.0)]
    assert max(sizes) < 1200
    assert sum(sizes) == pytest.approx(300 * rate, abs=5 * np.sqrt(300 * rate) + 1)


def test_lognormal_lengths(folder: Path) -> None:
    lengths = Lengths(
        prompt_median=500,
        prompt_sigma=0.7,
        output_median=100,
        output_sigma=0.5,
        correlation=-0.6,
        max_tokens=1_000_000,
    )
    got = draw(Synthetic(rate=100.0, lengths=lengths), folder, horizon_s=1000.0)
    prompt, output = np.log(got.prompt_tokens), np.log(got.output_tokens)
    assert np.median(got.prompt_tokens) == pytest.approx(500, rel=0.02)
    assert (prompt.std(), output.std()) == pytest.approx((0.7, 0.5), rel=0.02)
    assert np.corrcoef(prompt, output)[0, 1] == pytest.approx(-0.6, abs=0.02)


def test_lengths_are_cut(folder: Path) -> None:
    lengths = Lengths(prompt_median=90, prompt_sigma=3, output_median=90, output_sigma=3, max_tokens=100)
    got = draw(Synthetic(rate=10.0, lengths=lengths), folder, horizon_s=1000.0)
    assert min(got.prompt_tokens.min(), got.output_tokens.min()) == 1
    assert (got.prompt_tokens + got.output_tokens).max() == 100


def test_resampled_pairs_stay_together(folder: Path) -> None:
    got = draw(Synthetic(rate=10.0, lengths=Lengths(trace="t.parquet")), folder, horizon_s=1000.0)
    assert (got.output_tokens == got.prompt_tokens + 1).all()
    assert len(set(got.prompt_tokens.tolist())) > 1000


@pytest.mark.parametrize(
    "spec",
    [
        {"rate": 1.0, "daily": (0.0,) * 24},
        {"rate": 1.0, "weekly": (0.0,) * 7},
    ],
)
def test_impossible_shapes(spec: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="zero throughout"):
        Synthetic(**spec)  # type: ignore[arg-type]


def test_shape_that_is_zero_in_the_run(folder: Path) -> None:
    with pytest.raises(InputError, match="throughout the run"):
        draw(Synthetic(rate=1.0, weekly=(0, 1, 1, 1, 1, 1, 1)), folder, horizon_s=86400.0)


def test_median_above_the_limit() -> None:
    with pytest.raises(ValueError, match="max_tokens"):
        Lengths(prompt_median=5000, max_tokens=4096)


def test_synthesize(tmp_path: Path) -> None:
    seen: list[tuple[int, float]] = []
    spec = Synthetic(rate=200.0)
    got = synthesize(
        spec,
        tmp_path / "a.parquet",
        folder=tmp_path,
        seed=5,
        horizon_s=4000.0,
        progress=lambda rows, share: seen.append((rows, share)),
    )
    stored = concat(list(read_batches(tmp_path / "a.parquet")))
    assert same(stored, draw(spec, tmp_path, horizon_s=4000.0, seed=5))
    assert got["rows"] == len(stored) == seen[-1][0]
    assert 0.99 < seen[-1][1] <= 1
    assert open_trace(tmp_path / "a.parquet").span_s == 4000.0


@given(
    st.lists(st.lists(st.lists(st.integers(0, 3), max_size=4), max_size=5), min_size=1, max_size=4),
    st.sampled_from([1, 3, 1024]),
)
def test_merge_is_sorted_and_stable(steps: list[list[list[int]]], few: int) -> None:
    def stream(order: int, parts: list[list[int]]) -> Iterator[RequestBatch]:
        now = serial = 0
        for part in parts:
            arrival = now + np.cumsum(part, dtype=np.int64)
            now = int(arrival[-1]) if len(part) else now
            numbers = np.arange(serial, serial + len(part), dtype=np.int32)
            serial += len(part)
            yield RequestBatch(arrival, np.full(len(part), order, np.int32), numbers)

    with patch("simcost.trace.requests.batch._FEW", few):
        got = concat(list(merge([stream(order, parts) for order, parts in enumerate(steps)])))
    rows = list(zip(got.arrival_ns.tolist(), got.prompt_tokens.tolist(), got.output_tokens.tolist(), strict=True))
    want = [concat(list(stream(order, parts))) for order, parts in enumerate(steps)]
    assert len(rows) == sum(map(len, want))
    assert rows == sorted(rows)


@pytest.mark.parametrize("few", [1, 6, 1024])
def test_merge_of_more_streams_than_one_pass_takes(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simcost.trace.requests.batch._FEW", few)
    rng = np.random.default_rng(3)
    streams, rows = [], []
    for order in range(300):
        times = np.sort(rng.integers(0, 40, 12))  # many arrivals are equal
        streams.append(
            [RequestBatch(part, part.astype(np.int32), np.full(4, order, np.int32)) for part in times.reshape(3, 4)]
        )
        rows += [(time, order) for time in times.tolist()]
    got = concat(list(merge([iter(stream) for stream in streams])))
    assert list(zip(got.arrival_ns.tolist(), got.output_tokens.tolist(), strict=True)) == sorted(rows)


def test_streams_of_few_requests_each_are_merged_at_once() -> None:
    """A batch for each of them cost most of the time of a run of thousands of tenants."""
    streams = [iter([RequestBatch(np.full(3, k), *np.ones((2, 3), np.int32))]) for k in range(300)]
    assert [len(batch) for batch in merge(streams)] == [900]


def test_merged_workloads(folder: Path) -> None:
    both = [Synthetic(rate=3.0), Synthetic(rate=3.0), RecordedWorkload(path="t.parquet")]
    got = concat(list(merged(both, folder=folder, seed=1, index=0, horizon_s=500.0)))
    parts = [draw(workload, folder, 0, 500.0, part) for part, workload in enumerate(both)]
    assert ordered(got)
    assert len(got) == sum(map(len, parts))
    assert not same(parts[0], parts[1])


def test_recorded_sessions_stay_together_and_are_others_each_time(tmp_path: Path) -> None:
    """Repeats and superposed copies of a trace are other conversations than those of the trace."""
    import pyarrow as pa

    count, labels = 60, [None if i % 5 == 0 else f"talk {i % 7}" for i in range(60)]
    columns = {
        "arrival_ns": pa.array(np.arange(count) * 10**9),
        "prompt_tokens": pa.array(np.full(count, 9, np.int32)),
        "output_tokens": pa.array(np.full(count, 9, np.int32)),
        "session": pa.array(labels).dictionary_encode(),
    }
    with TraceWriter(tmp_path / "talks.parquet", source="test", optional=["session"]) as writer:
        writer.write(pa.table(columns))
    found = draw(RecordedWorkload(path="talks.parquet", repeat=True, rate_scale=2), tmp_path, horizon_s=119.0)
    first = draw(RecordedWorkload(path="talks.parquet"), tmp_path)
    talks = {number: {labels[i] for i in np.flatnonzero(first.sessions() == number)} for number in first.sessions()}
    assert all(len(names) == 1 for names in talks.values())
    assert talks[-1] == {None}
    assert len(first.sessions()) == count
    assert len(np.unique(first.sessions())) == 8
    assert len(np.unique(found.sessions()[found.sessions() >= 0])) <= 7 * 2 * 2
    once = draw(RecordedWorkload(path="talks.parquet", repeat=True), tmp_path, horizon_s=119.0)
    early, late = once.sessions()[:count], once.sessions()[count:]
    assert len(late) > 0
    assert not set(early[early >= 0]) & set(late[late >= 0])
