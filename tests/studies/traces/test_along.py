"""Requests and jobs that follow a sample path of a forecast."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from support.jobs_of import jobs_of

from simcost.errors import InputError
from simcost.forecast.sample_paths import Paths
from simcost.scenario.storage.sample_paths import write_paths
from simcost.studies.traces.synthesis import synthesize_along
from simcost.trace.jobs.store import open_jobs, write_jobs
from simcost.trace.requests.batch import RequestBatch
from simcost.trace.requests.writer import TraceWriter
from simcost.trace.series.reader import read_series
from simcost.trace.series.series import Grid

HOURS = Grid(start_s=1767571200, step_s=3600)  # 2026-01-05 00:00 UTC
DAY = 300.0 * (1 + np.arange(24) % 12)


@pytest.fixture
def chat(tmp_path: Path) -> Path:
    """Half an hour of requests, and paths of a day of them: each four times the one before."""
    rng = np.random.default_rng(1)
    arrival = np.sort(rng.integers(0, 1800 * 10**9, 3000))
    with TraceWriter(tmp_path / "chat.parquet", source="test") as writer:
        writer.write_batch(RequestBatch(arrival, np.arange(3000, dtype=np.int32) + 1, np.full(3000, 7, np.int32)))
    paths(tmp_path, "requests", np.stack([DAY, 4 * DAY]))
    return tmp_path / "chat.parquet"


def paths(folder: Path, quantity: str, values: np.ndarray, grid: Grid = HOURS) -> Path:
    file = folder / "paths.parquet"
    write_paths(file, [Paths(series="chat", quantity=quantity, grid=grid, values=values)], {"seed": 1})
    return file


def test_requests_follow_the_path(chat: Path) -> None:
    out = chat.parent / "next.parquet"
    found = synthesize_along(chat, chat.parent / "paths.parquet", out, number=1)
    assert found["rows"] == pytest.approx(4 * DAY.sum(), rel=0.03)
    (series,), _ = read_series(out)
    assert series.grid == HOURS
    assert series.values == pytest.approx(4 * DAY, rel=0.15)
    again = synthesize_along(chat, chat.parent / "paths.parquet", chat.parent / "again.parquet", number=1)
    assert again["rows"] == found["rows"]
    assert pq.read_table(out).equals(pq.read_table(chat.parent / "again.parquet"))


def test_rates_are_counted_and_clients_may_be_stated(chat: Path) -> None:
    file = paths(chat.parent, "requests_per_second", DAY[None] / 3600)
    clients = chat.parent / "clients.yaml"
    clients.write_text("kind: synthetic\nrate: 1/s\nclients: [{share: 2}, {gaps: {kind: weibull, shape: 0.7}}]\n")
    found = synthesize_along(clients, file, chat.parent / "next.parquet")
    assert found["rows"] == pytest.approx(DAY.sum(), rel=0.03)


def test_jobs_follow_the_path(tmp_path: Path) -> None:
    count = 2000
    submit_s = np.sort(np.random.default_rng(2).integers(0, 10**6, count))
    jobs = jobs_of(submit_s, np.arange(count) + 1, np.full(count, 2), deadline_s=submit_s + 500 + np.arange(count))
    write_jobs(tmp_path / "jobs.parquet", jobs)
    file = paths(tmp_path, "jobs", DAY[None] / 10)
    found = synthesize_along(tmp_path / "jobs.parquet", file, tmp_path / "next.parquet")
    made = open_jobs(tmp_path / "next.parquet")
    assert found["jobs"] == len(made) == pytest.approx(DAY.sum() / 10, rel=0.1)
    assert (made.deadline_s - made.submit_s == made.duration_s + 499).all()
    (series,), _ = read_series(tmp_path / "next.parquet", freq="1h")
    assert series.grid == HOURS
    assert np.corrcoef(series.values, DAY[: len(series)])[0, 1] > 0.9


def test_jobs_of_a_path_wait_for_the_copies_of_those_that_they_followed(tmp_path: Path) -> None:
    """Chains of three in the log, each of one duration: a copy waits for the copy before it, never for a job of another
    chain or one that is submitted later; the first of a block whose predecessor is not in it waits for none.
    """
    count = 600
    after = np.empty(count, object)
    after[:] = [(str(row - 1),) if row % 3 else () for row in range(count)]
    submit_s = np.random.default_rng(3).integers(0, 20 * 3600, count).cumsum() // count
    jobs = jobs_of(submit_s, np.arange(count) // 3 + 1, np.full(count, 2), after=after)
    write_jobs(tmp_path / "jobs.parquet", jobs)
    synthesize_along(tmp_path / "jobs.parquet", paths(tmp_path, "jobs", DAY[None] / 10), tmp_path / "next.parquet")
    made = open_jobs(tmp_path / "next.parquet")
    assert made.after is not None
    waits = [(row, int(name)) for row, names in enumerate(made.after) for name in names]
    assert all(made.job_id[earlier] == str(earlier) and earlier < row for row, earlier in waits)
    assert all(made.duration_s[row] == made.duration_s[earlier] for row, earlier in waits)
    assert len(waits) / len(made) == pytest.approx(2 / 3, abs=0.03)  # a block of 50 loses at most one


@pytest.mark.parametrize(
    ("quantity", "options", "said"),
    [
        ("output_tokens", {}, "counts output_tokens, but requests are to come"),
        ("jobs", {}, "counts jobs, but requests are to come"),
        ("requests_in_flight", {}, "counts requests_in_flight"),
        ("requests", {"number": 2}, "no path 2; there are 0 to 1"),
        ("requests", {"series": "chta"}, "did you mean 'chat'"),
    ],
)
def test_paths_that_do_not_suit(chat: Path, quantity: str, options: dict[str, object], said: str) -> None:
    file = paths(chat.parent, quantity, np.stack([DAY, DAY]))
    with pytest.raises(InputError, match=said):
        synthesize_along(chat, file, chat.parent / "out.parquet", **options)  # type: ignore[arg-type]
    assert not (chat.parent / "out.parquet").exists()


def test_what_is_read_is_not_written(chat: Path) -> None:
    before = chat.read_bytes()
    with pytest.raises(InputError, match="name another file"):
        synthesize_along(chat, chat.parent / "paths.parquet", chat)
    assert chat.read_bytes() == before
    months = paths(chat.parent, "requests", DAY[None], Grid(start_s=1767225600, step_s=0))
    with pytest.raises(InputError, match="steps of a month"):
        synthesize_along(chat, months, chat.parent / "out.parquet")
