"""Pools of unlike replicas behind one router: each with its own autoscaler, nodes and usage."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from support.conserved import conserve
from support.pools import CHAT, poisson

from simcost.billing.metering import usages_of
from simcost.errors import InputError
from simcost.ledger.requests import LatencyLimits, Ledger
from simcost.plan import Fixed, LeastOutstanding, PowerOfTwo, RoundRobin, Router, Startup, TargetConcurrency
from simcost.plan.interruptions import Interruptions, SpotHazard
from simcost.plan.nodes import NodeKind
from simcost.plan.routing.pool_routers import PoolsInOrder, WeightedRandom, WeightedRoundRobin
from simcost.plan.serving import Admission
from simcost.scenario.storage.ledgers import load_ledger, save_ledger
from simcost.sim import Pool, simulate, simulate_pools

pytestmark = pytest.mark.slow

HOUR = 3600.0
FAST = replace(CHAT, name="fast", scaling=Fixed(replicas=1))
SLOW = replace(
    CHAT,
    name="slow",
    step=CHAT.step.scaled(3.0),
    kv_capacity_tokens=CHAT.kv_capacity_tokens // 4,
    scaling=Fixed(replicas=2),
    kinds=(NodeKind(slots=2),),
    first_token_overhead_s=0.01,
)


def run(*pools: Pool, router: Router, rate: float = 8, **more: Any) -> Ledger:
    routed = [replace(pool, router=router) for pool in pools]
    return simulate_pools(routed, poisson(rate, HOUR / 2), horizon_s=HOUR / 2, limits=LatencyLimits(ttft_s=1.0), **more)


@pytest.mark.parametrize("router", [RoundRobin(), PowerOfTwo(), LeastOutstanding()], ids=lambda router: router.kind)
def test_pools_of_like_replicas_serve_as_one_pool_of_all(router: Router, tmp_path: Any) -> None:
    whole = replace(CHAT, router=router, scaling=Fixed(replicas=5))
    parts = [replace(whole, name=name, scaling=Fixed(replicas=n)) for name, n in (("a", 2), ("b", 3))]
    one = simulate(whole, poisson(20, 600), horizon_s=600, rows=tmp_path / "one")
    two = simulate_pools(parts, poisson(20, 600), horizon_s=600, rows=tmp_path / "two")
    rows = [pq.read_table(tmp_path / name).sort_by("request") for name in ("one", "two")]
    assert rows[0].equals(rows[1])
    assert one.outcomes.windows.equals(two.outcomes.windows)
    assert one.timeline.equals(two.timeline)
    assert one.pulse.equals(two.pulse)
    assert two.outcomes.work_s == pytest.approx(one.outcomes.work_s)
    assert one.outcomes.outstanding_s == two.outcomes.outstanding_s


def test_shares_of_the_pools_add_up_to_the_service() -> None:
    ledger = run(FAST, SLOW, router=LeastOutstanding())
    conserve(ledger)
    whole, parts = ledger.outcomes, ledger.of_pools()
    assert [part.outcomes.work_s > 0 for part in parts] == [True, True]
    for name in ("completed", "prompt_tokens", "output_tokens", "generated_tokens", "steps"):
        assert sum(getattr(part.outcomes, name) for part in parts) == getattr(whole, name)
    assert sum(part.outcomes.work_s for part in parts) == pytest.approx(whole.work_s)
    assert sum(part.node_hours() for part in parts) == pytest.approx(ledger.node_hours())
    assert sum(len(part.replicas) for part in parts) == len(ledger.replicas)
    assert [usage.slots_per_node for part in parts for usage in usages_of(part)] == [1, 2]
    total = sum(sum(part.slot_seconds().values()) for part in parts)
    assert total == pytest.approx(sum(ledger.slot_seconds().values()))


@pytest.mark.parametrize("router", [WeightedRandom(), WeightedRoundRobin()], ids=lambda router: router.kind)
def test_requests_go_to_pools_by_weight(router: Router) -> None:
    ledger = run(replace(FAST, weight=3), SLOW, router=router)
    fast, slow = (pool.requests for pool in ledger.pools)
    spread = 0.5 if router.kind == "weighted-round-robin" else 4 * np.sqrt(3 / 16 * (fast + slow))
    assert fast == pytest.approx(0.75 * (fast + slow), abs=spread + 1)


def test_the_second_of_pools_in_order_gets_what_is_too_much_for_the_first() -> None:
    light, heavy = (run(SLOW, FAST, router=PoolsInOrder(), rate=rate) for rate in (0.05, 30))
    assert light.pools[1].requests == 0
    assert heavy.pools[1].requests > 0.2 * heavy.pools[0].requests > 0


def test_each_autoscaler_scales_its_own_pool_by_its_own_metrics() -> None:
    scaled = TargetConcurrency(target=4, min=1, max=8)
    quick = Startup(node=20, image=10, weights=1e9, engine=10)
    ledger = run(SLOW, replace(FAST, scaling=scaled, startup=quick), router=PoolsInOrder(), rate=40)
    slow, fast = ledger.of_pools()
    assert len(set(slow.replicas["replica"].to_pylist())) == 2
    assert len(set(fast.replicas["replica"].to_pylist())) > 2
    assert ledger.timeline["desired"].to_numpy().max() > 3


def test_spot_takes_the_nodes_of_its_pool_alone() -> None:
    troubles = Interruptions(spot=SpotHazard(per_node_h=20.0), notice=0.0)
    ledger = run(FAST, replace(SLOW, interruptions=troubles), router=LeastOutstanding())
    conserve(ledger)
    fast, slow = ledger.of_pools()
    assert len(fast.nodes) == 1
    assert len(slow.nodes) > 1
    assert ledger.outcomes.requeued > 0


def test_a_request_that_no_ready_replica_can_hold_is_rejected() -> None:
    small = replace(SLOW, kv_capacity_tokens=600)
    with_large = run(replace(FAST, admission=Admission()), small, router=LeastOutstanding())
    alone = run(replace(FAST, scaling=Fixed(replicas=0)), small, router=LeastOutstanding())
    assert with_large.outcomes.rejected == 0
    assert alone.outcomes.rejected > 0
    assert alone.outcomes.completed > 0
    assert alone.outcomes.too_long == 0, "a replica of the other pool would hold it"


def test_two_pools_cannot_have_one_name() -> None:
    with pytest.raises(InputError, match="pool 'fast' appears twice"):
        run(FAST, FAST, router=LeastOutstanding())


def test_a_stored_run_of_pools_is_read_as_it_was(tmp_path: Any) -> None:
    ledger = run(FAST, SLOW, router=LeastOutstanding())
    (tmp_path / "run").mkdir()
    save_ledger(ledger, tmp_path / "run")
    assert load_ledger(tmp_path / "run").pools == ledger.pools
