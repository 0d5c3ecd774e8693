"""The replay of requests through one replica."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.pools import step

from simcost.plan import Batching, Fixed
from simcost.sim import Pool, simulate
from simcost.sim.serving.replay import replay
from simcost.trace.requests.batch import RequestBatch

STEP = step(0.01, 4e-5, 2e-5, 1e-7)
BATCHING = Batching(max_num_seqs=8, max_num_batched_tokens=512)


def requests(seed: int, count: int, rate_per_s: float = 5.0) -> RequestBatch:
    rng = np.random.default_rng(seed)
    arrival = np.cumsum(rng.exponential(1 / rate_per_s, count) * 1e9).astype(np.int64)
    return RequestBatch(
        arrival, rng.integers(1, 900, count).astype(np.int32), rng.integers(1, 60, count).astype(np.int32)
    )


def test_a_replay_equals_the_simulation_of_one_replica(tmp_path: Path) -> None:
    batch, overhead_s = requests(1, 60), 0.025
    pool = Pool(
        name="p",
        step=STEP,
        kv_capacity_tokens=20_000,
        scaling=Fixed(replicas=1),
        batching=BATCHING,
        first_token_overhead_s=overhead_s,
    )
    ledger = simulate(pool, iter([batch]), horizon_s=300, rows=tmp_path / "rows.parquet")
    rows = pq.read_table(tmp_path / "rows.parquet").sort_by("request")
    found = replay(batch, STEP, batching=BATCHING, kv_capacity_tokens=20_000, first_token_overhead_s=overhead_s)
    assert ledger.outcomes is not None
    assert ledger.outcomes.completed == 60
    assert rows["ttft_s"].to_numpy() == pytest.approx(found.ttft_s, abs=1e-9)
    assert rows["e2e_s"].to_numpy() == pytest.approx(found.e2e_s, abs=1e-9)


@settings(max_examples=20)
@given(st.integers(0, 99), st.floats(0, 0.5))
def test_time_outside_of_the_engine_adds_to_ttft_and_e2e_of_each_request(seed: int, overhead_s: float) -> None:
    batch = requests(seed, 20)
    plain = replay(batch, STEP, batching=BATCHING, kv_capacity_tokens=20_000)
    later = replay(batch, STEP, batching=BATCHING, kv_capacity_tokens=20_000, first_token_overhead_s=overhead_s)
    assert later.ttft_s - plain.ttft_s == pytest.approx(overhead_s, abs=1e-9)
    assert later.e2e_s - plain.e2e_s == pytest.approx(overhead_s, abs=1e-9)


@settings(max_examples=20)
@given(st.integers(0, 99), st.integers(1, 6))
def test_clients_are_busy_all_the_time_until_no_request_is_left(seed: int, clients: int) -> None:
    batch = replace(requests(seed, 24), arrival_ns=np.zeros(24, np.int64))
    found = replay(batch, STEP, batching=BATCHING, kv_capacity_tokens=20_000, clients=clients)
    open_loop = replay(batch, STEP, batching=replace(BATCHING, max_num_seqs=clients), kv_capacity_tokens=20_000)
    makespan_s = open_loop.e2e_s.max()
    assert found.e2e_s.sum() <= clients * makespan_s + 1e-6  # Little's law: at most so many are under way
    assert found.e2e_s.sum() >= clients * makespan_s - clients * found.e2e_s.max()


def test_a_request_that_never_fits_has_no_latency() -> None:
    batch = requests(3, 5)
    found = replay(batch, STEP, batching=BATCHING, kv_capacity_tokens=int(batch.prompt_tokens.max()) + 1)
    assert np.isnan(found.e2e_s).any()
    assert not np.isnan(found.e2e_s).all()
