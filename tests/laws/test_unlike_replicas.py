"""Unlike replicas behind one router equal the stepwise ones bit for bit, and share requests as their router says."""

from dataclasses import replace

import numpy as np
import pytest
import stepwise
from test_engine import SEEN, Workload, assert_equal, random_router, random_workload, with_drafts

from simcost.plan import LeastOutstanding, Router
from simcost.plan.routing.pool_routers import (
    PoolsInOrder,
    WeightedLeastOutstanding,
    WeightedRandom,
    WeightedRoundRobin,
)

pytestmark = pytest.mark.slow


def random_pools(seed: int) -> Workload:
    """A random workload over two or three pools of other engines; some weights are 0."""
    g = np.random.default_rng(seed + 10**6)
    work = random_workload(seed)
    between = g.random() < 0.7
    router = random_pool_router(g) if between else random_router(g)
    admission = work.engine.admission if not between else replace(work.engine.admission, saturation=None)
    if not hasattr(router, "scorers"):
        admission = replace(admission, saturation=None)
    shared = replace(work.engine, router=router, admission=admission)
    others = [random_workload(int(g.integers(10**6))).engine for _ in range(int(g.integers(1, 3)))]
    kinds = [
        replace(
            one,
            router=router,
            admission=admission,
            timeout=shared.timeout,
            api=shared.api,
            salt=shared.salt,
            overhead=int(g.integers(0, 3)) * 40,
            weight=int(g.integers(0, 4)),
        )
        for one in (shared, *others)
    ]
    return replace(work, engine=shared, kinds=tuple(kinds))


def random_pool_router(g: np.random.Generator) -> Router:
    refresh = int(g.choice([0, 5, 40, 400])) * 1e-9
    return (
        LeastOutstanding(),
        WeightedRandom(),
        WeightedRoundRobin(),
        WeightedLeastOutstanding(),
        PoolsInOrder(queue=int(g.integers(1, 4)), kv=float(g.uniform(0.3, 1)), refresh=refresh),
    )[g.integers(5)]


@pytest.mark.parametrize("block", range(3))
def test_unlike_replicas_equal_the_stepwise_ones_bit_for_bit(block: int) -> None:
    seen = dict.fromkeys(SEEN, 0)
    for seed in range(block * 200, block * 200 + 200):
        for name, count in assert_equal(random_pools(seed), batch=1 + seed % 17).items():
            seen[name] += count
    assert min(seen.values()) > 60  # the workloads reach all that can happen


def test_one_kind_of_pools_equals_the_pool_itself() -> None:
    for seed in range(60):
        work = random_workload(seed)
        if isinstance(work.engine.router, LeastOutstanding):
            continue  # goes round slots, not round those that are free
        alone = stepwise.Engine(**{name: getattr(work.engine, name) for name in work.engine.__dataclass_fields__})
        assert assert_equal(work, 5) == assert_equal(replace(work, kinds=(alone,)), 5)


def test_unlike_replicas_some_of_which_speculate_equal_the_stepwise_ones() -> None:
    seen = dict.fromkeys(("steps", "preemptions", "completed"), 0)
    for seed in range(200):
        counts = assert_equal(with_drafts(random_pools(seed), seed), batch=1 + seed % 17)
        seen = {name: count + counts[name] for name, count in seen.items()}
    assert min(seen.values()) > 100
