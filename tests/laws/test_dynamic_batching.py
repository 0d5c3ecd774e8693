"""Dynamic batching: the engine equals a batcher in plain Python, and obeys closed forms."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from batched_naively import batched
from hypothesis import given, settings
from hypothesis import strategies as st
from support.pools import step

from simcost.ledger.requests import Ledger
from simcost.plan import Batching, Fixed, RoundRobin
from simcost.sim import Pool, simulate
from simcost.trace.requests.batch import RequestBatch

pytestmark = pytest.mark.slow

MS = 1_000_000
LATENCY_MS = (4, 5, 5, 7, 8, 12, 13, 20)
"""Of batches of one to eight requests."""


def pool(window_ms: int, most: int, replicas: int = 1) -> Pool:
    base = tuple((size, ms / 1000) for size, ms in enumerate(LATENCY_MS, 1))
    return Pool(
        name="classifier",
        step=replace(step(0), base=base),
        kv_capacity_tokens=10**6,
        scaling=Fixed(replicas=replicas),
        batching=Batching(window=window_ms / 1000, max_batch=most).of_sequences,
        router=RoundRobin(),
    )


def run(asked: Pool, arrivals_ns: np.ndarray, rows: Path | None = None) -> Ledger:
    count = len(arrivals_ns)
    batch = RequestBatch(arrivals_ns.astype(np.int64), np.ones(count, np.int32), np.ones(count, np.int32))
    return simulate(asked, iter([batch]), horizon_s=float(arrivals_ns[-1]) / 1e9 + 60, rows=rows)


@settings(max_examples=60)
@given(
    st.lists(st.one_of(st.just(0), st.integers(0, 15)), min_size=1, max_size=60),
    st.integers(0, 12),
    st.integers(1, 8),
)
def test_the_engine_is_the_batcher_in_plain_python(gaps: list[int], window: int, most: int) -> None:
    arrivals = np.cumsum(gaps)
    ledger = run(pool(window, most), arrivals * MS)
    ends, sizes = batched(arrivals.tolist(), window, most, lambda size: LATENCY_MS[size - 1])
    assert ledger.outcomes.completed == len(gaps)
    assert ledger.outcomes.steps == len(sizes)
    assert ledger.outcomes.outstanding_s == pytest.approx(sum(ends) / 1000 - arrivals.sum() / 1000, abs=1e-6)


def test_each_request_ends_as_in_plain_python(tmp_path: Path) -> None:
    arrivals = np.cumsum(np.random.default_rng(3).integers(0, 8, 2000))
    run(pool(5, 6), arrivals * MS, tmp_path / "rows.parquet")
    table = pq.read_table(tmp_path / "rows.parquet").sort_by("request").to_pandas()
    ends, _ = batched(arrivals.tolist(), 5, 6, lambda size: LATENCY_MS[size - 1])
    np.testing.assert_allclose(np.sort(table["arrival_s"] + table["e2e_s"]), np.array(ends) / 1000, atol=1e-6)


def test_full_batches_alone_are_the_most_that_an_engine_carries() -> None:
    """At saturation an engine ends `most` requests in the time of a full batch."""
    ledger = run(pool(5, 8), np.arange(80_000) * MS // 10)
    assert ledger.outcomes.completed == 8 * ledger.outcomes.steps
    assert ledger.outcomes.steps == pytest.approx(ledger.horizon_s / (LATENCY_MS[7] / 1000), abs=1)


def test_a_lone_request_waits_for_the_whole_window_and_littles_law_holds() -> None:
    ledger = run(pool(10, 8, replicas=2), np.arange(1, 101) * 100 * MS)
    assert ledger.outcomes.outstanding_s / 100 == pytest.approx(0.010 + 0.004, rel=1e-6)
    at_once = run(pool(0, 8, replicas=2), np.arange(1, 101) * 100 * MS)
    each_s = (LATENCY_MS[-1] - LATENCY_MS[-2]) / 1000  # what a request adds to a full batch
    assert ledger.outcomes.work_s == pytest.approx(100 * each_s, abs=1e-6)
    assert at_once.outcomes.work_s == pytest.approx(100 * 0.004, rel=1e-6), "at most the time of the steps"
    rate, in_system = 100 / ledger.horizon_s, ledger.outcomes.outstanding_s / ledger.horizon_s
    assert in_system == pytest.approx(rate * 0.014, rel=1e-6)
