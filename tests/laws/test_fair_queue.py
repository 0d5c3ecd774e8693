"""Tenants that share a replica by turns: what they get goes by their weights, and who asks for little waits little."""

from dataclasses import replace

import numpy as np
import pytest
from support.pools import CHAT

from simcost.ledger.requests import LatencyLimits
from simcost.ledger.tenants import TenantOutcomes
from simcost.plan import Admission, Batching, Fixed
from simcost.sim import simulate
from simcost.sim.clock import clock_for
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.fair_queue import OUTPUT_COST
from simcost.sim.serving.engine_driver import DataPlane
from simcost.sim.serving.pool import Pool
from simcost.trace.requests.batch import RequestBatch

pytestmark = pytest.mark.slow

HORIZON_S = 120.0


def flood(rates_per_s: tuple[float, float]) -> RequestBatch:
    """Requests of two tenants: of long prompts, and of long answers."""
    g = np.random.default_rng(5)
    counts = g.poisson(np.array(rates_per_s) * HORIZON_S)
    times = [np.sort(g.uniform(0, HORIZON_S * 1e9, count)).astype(np.int64) for count in counts]
    tenant = np.repeat([0, 1], counts).astype(np.int16)
    order = np.argsort(np.concatenate(times), kind="stable")
    prompt = np.where(tenant == 0, g.integers(500, 1500, len(tenant)), g.integers(50, 150, len(tenant)))
    output = np.where(tenant == 0, g.integers(10, 30, len(tenant)), g.integers(50, 150, len(tenant)))
    batch = RequestBatch(
        np.concatenate(times), prompt.astype(np.int32), output.astype(np.int32), tenant=tenant.astype(np.int16)
    )
    return batch[order]


def replica(weights: tuple[float, ...], policy: str = "fair") -> Pool:
    """One replica that holds eight sequences."""
    batching = Batching(max_num_seqs=8, max_num_batched_tokens=2048, kv_block_tokens=16, policy=policy)
    return replace(CHAT, scaling=Fixed(replicas=1), batching=batching, weights=weights)


def play(weights: tuple[float, ...], rates_per_s: tuple[float, float], *, policy: str = "fair") -> list[TenantOutcomes]:
    """One replica, and two tenants."""
    pool, tenants = replica(weights, policy), dict.fromkeys("ab", LatencyLimits())
    return list(simulate(pool, iter([flood(rates_per_s)]), horizon_s=HORIZON_S, tenants=tenants).outcomes.by_tenant)


def served(tenant_outcomes: TenantOutcomes) -> int:
    return tenant_outcomes.prompt_tokens + OUTPUT_COST * tenant_outcomes.output_tokens


@pytest.mark.parametrize("weight", [0.25, 1.0, 4.0])
def test_shares_of_two_backlogged_tenants_go_to_their_weights(weight: float) -> None:
    """Up to what one request is worth, whatever they send."""
    one, other = play((weight, 1.0), (40.0, 40.0))
    assert min(one.in_system, other.in_system) > 500
    assert served(one) / served(other) == pytest.approx(weight, rel=0.03)


def test_a_flood_of_one_delays_the_other_little() -> None:
    """First come, first served, the other waits behind it."""
    flood = (40.0, 0.5)
    (_, fair), (_, unfair) = play((1.0, 1.0), flood), play((), flood, policy="fcfs")
    assert fair.in_system <= 3
    assert unfair.in_system > fair.in_system + 20


def test_clients_give_up_after_the_timeout_though_others_had_their_turns() -> None:
    """Those who wait longest are not those that were admitted first."""
    pool = replace(replica((1.0, 1.0)), admission=Admission(timeout=5.0))
    clock = clock_for(pool.step, horizon_s=HORIZON_S, capacity=pool.kv_capacity_tokens, batching=pool.batching)
    plane = DataPlane(pool, clock, iter([flood((40.0, 1.0))]), limits=LatencyLimits(), window_ns=10**12, windows=1)
    plane.open(0)
    for second in range(10, 110):
        plane.advance(second * 10**9)
        nodes = plane.state.nodes
        oldest = nodes[nodes[:, col.REQUEST] != -1, col.ARRIVAL].min() * clock.tick_s
        assert second - oldest < 5.5
