"""The bound of a perfect autoscaler: none that is simulated and keeps the SLO is paid for less, at any load."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.pools import step

from simcost.compare.perfect_autoscaler import PerfectScaling, perfect_scaling
from simcost.ledger.requests import Ledger
from simcost.perf import StepTime
from simcost.perf.drafting import Drafting
from simcost.plan import Admission, Batching, Fixed, Schedule, Startup
from simcost.plan.autoscaling import Kpa, Step
from simcost.plan.serving import PrefixCaching
from simcost.scenario.runs.contributions import replica_limits
from simcost.sim import simulate
from simcost.sim.serving.pool import Pool
from simcost.slo import Slo, SloReport, assess
from simcost.trace.requests.batch import RequestBatch

pytestmark = pytest.mark.slow

Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Requests, and a pool for them whose autoscaler is left open."""

    requests: RequestBatch
    pool: Pool
    slo: Slo
    horizon_s: float


def random_case(g: Rng, *, sparse: bool) -> Case:
    horizon_s = float(g.choice([600, 3600, 7200]))
    count = int(g.integers(1, 12)) if sparse else int(g.integers(50, 1500))
    times = np.sort(g.uniform(0, horizon_s * 1e9, count)).astype(np.int64)
    if g.random() < 0.3:  # one burst
        times = np.sort(times // 20 + int(horizon_s * 4e8))
    lengths = (g.lognormal(np.log(g.uniform(20, 800)), g.uniform(0, 1.2), count) for _ in range(2))
    prompt, output = (np.clip(tokens, 1, 4000).astype(np.int32) for tokens in lengths)
    cache = PrefixCaching(hit_share=float(g.uniform(0, 0.9))) if g.random() < 0.2 else None
    pool = Pool(
        name="chat",
        step=random_step(g, speculates=cache is None),
        kv_capacity_tokens=int(g.choice([9_000, 50_000])),
        scaling=Fixed(replicas=1),
        batching=Batching(
            max_num_seqs=int(g.choice([1, 4, 64])),
            max_num_batched_tokens=int(g.choice([512, 8192])),
            prefill="chunked" if cache or g.random() < 0.7 else "whole",
        ),
        admission=Admission(timeout=float(g.choice([5, 60, 900]))) if g.random() < 0.5 else Admission(),
        startup=Startup(node=float(g.choice([0, 5, 120])), image=0.0, weights=1e9, engine=float(g.choice([0, 30]))),
        weights_bytes=float(g.choice([0, 4e9])),
        prefix_cache=cache,
    )
    slo = Slo(
        attainment=float(g.choice([0.5, 0.9, 0.99])),
        ttft=one_of(g, 1, 20, 300),
        tpot=one_of(g, 0.03, 0.1),
        e2e=one_of(g, 60, 600),
    )
    if g.random() < 0.3:
        pool = replace(pool, admission=replace(pool.admission, max_ongoing=int(g.integers(1, 8))))
    return Case(requests=RequestBatch(times, prompt, output), pool=pool, slo=slo, horizon_s=horizon_s)


def one_of(g: Rng, *limits: float) -> float | None:
    return float(g.choice(limits)) if g.random() < 0.6 else None


def random_step(g: Rng, *, speculates: bool) -> StepTime:
    linear = step(float(g.choice([1e-3, 2e-2])), 3e-5, float(g.choice([0, 5e-4])), float(g.choice([0, 1e-7])), 1e-9)
    if g.random() < 0.5:
        knots = tuple(
            (n, 2e-2 * max(n / 256, 0.5) ** float(g.choice([0.7, 1.0]))) for n in (1, 64, 128, 256, 1024, 8192)
        )
        linear = replace(linear, base=knots)
    if speculates and g.random() < 0.2:
        linear = replace(linear, draft=Drafting(rates=(0.8, 0.5), slots=4, base=((0, 0.0), (1, 1e-3))))
    return linear


def autoscalers(g: Rng) -> list[Any]:
    times = [Step(at=60.0 * i, replicas=int(g.integers(0, 3))) for i in range(0, 120, int(g.integers(2, 20)))]
    return [
        Fixed(replicas=1),
        Fixed(replicas=3),
        Kpa(target=float(g.choice([1, 8])), min=0, max=4, window=6.0, grace=0.0),
        Kpa(target=8.0, min=0, max=2, window=30.0),
        Kpa(target=4.0, min=1, max=4, window=60.0, initial_scale=int(g.integers(1, 3))),
        Schedule(steps=tuple(times), interval=1),
    ]


def assessed(case: Case, scaling: Any, seed: int) -> tuple[Ledger, SloReport, PerfectScaling]:
    pool = replace(case.pool, scaling=scaling)
    ledger = simulate(pool, iter([case.requests]), horizon_s=case.horizon_s, limits=case.slo.limits(), seed=seed)
    slo = assess(ledger, case.slo)
    found = perfect_scaling(ledger, slo, replica_limits(pool))
    assert found is not None
    return ledger, slo, found


def busy_h(ledger: Ledger) -> float:
    return float(ledger.replicas["busy_s"].to_numpy().sum()) / 3600


@given(seed=st.integers(0, 2**32 - 1), sparse=st.booleans())
@example(seed=0, sparse=True)
def test_no_autoscaler_that_keeps_the_slo_needs_less_than_the_bound(seed: int, sparse: bool) -> None:
    """Each run has a bound, which holds for every other that keeps the SLO of the same requests and answers as many."""
    g = np.random.default_rng(seed)
    case = random_case(g, sparse=sparse)
    runs = [assessed(case, scaling, seed) for scaling in autoscalers(g)]
    for paid, mine, found in runs:
        assert found.paid_h == pytest.approx(float(paid.offered_s().sum()) / 3600), "as in the bill"
        assert 0 <= found.bound_h <= found.with_cold_start_h
        for ledger, slo, other in runs:
            if slo.met and slo.judged >= mine.judged:
                assert other.paid_h >= found.bound_h * (1 - 1e-6)
                assert busy_h(ledger) >= found.bound_h * (1 - 1e-6), "it bounds the time in steps alone"
                assert other.paid_h >= found.with_cold_start_h * (1 - 1e-6)


def test_the_bound_is_near_to_what_is_paid_where_replicas_have_no_rest() -> None:
    """Requests of one length that all wait from the start: full batches from start to end."""
    requests = RequestBatch(np.zeros(4000, np.int64), np.full(4000, 600, np.int32), np.full(4000, 200, np.int32))
    pool = Pool(
        name="chat",
        step=step(6e-3, 32e-6, 20e-6, 49e-9, 1e-9),
        kv_capacity_tokens=500_000,
        scaling=Fixed(replicas=1),
        batching=Batching(max_num_seqs=128),
    )
    ledger, slo, found = assessed(
        Case(requests=requests, pool=pool, slo=Slo(attainment=1.0), horizon_s=600.0), Fixed(replicas=1), 1
    )
    assert slo.met
    assert 0.93 * busy_h(ledger) < found.bound_h <= busy_h(ledger)


def test_a_pool_that_starts_for_each_request_is_held_against_its_starts() -> None:
    """Ten requests, ten minutes apart, each with a start of a minute: at least a minute each, but for the first."""
    requests = RequestBatch(np.arange(1, 11) * 600 * 10**9, np.full(10, 100, np.int32), np.full(10, 20, np.int32))
    pool = Pool(
        name="chat",
        step=step(1e-2),
        kv_capacity_tokens=50_000,
        scaling=Fixed(replicas=1),
        startup=Startup(node=60.0, image=0.0, weights=1e9, engine=0.0),
    )
    case = Case(requests=requests, pool=pool, slo=Slo(e2e=120.0, attainment=0.9), horizon_s=6600.0)
    _, slo, found = assessed(case, Kpa(target=8.0, min=0, max=1, window=6.0, grace=0.0), 1)
    assert slo.met
    assert found.bound_h * 3600 < 10 * 20 * 1e-2
    assert found.with_cold_start_h * 3600 == pytest.approx(8 * 60.0, rel=0.02), "nine gaps, and one may be late"
    assert found.with_cold_start_h < found.paid_h


def test_requests_that_the_gateway_lets_a_replica_have_are_its_largest_batch() -> None:
    pool = Pool(name="chat", step=step(0.01), kv_capacity_tokens=9_000, scaling=Fixed(replicas=1))
    assert replica_limits(pool).max_num_seqs == Batching().max_num_seqs
    for allowed, largest in ((8, 8), (1000, Batching().max_num_seqs)):
        limited = replace(pool, admission=Admission(max_ongoing=allowed))
        assert replica_limits(limited).max_num_seqs == largest
