"""Tenants that share a replica by turns: what they get goes by their weights, and who asks for little waits little."""

from dataclasses import replace

import numpy as np
import pytest
from support.pools import CHAT

from simcost.ledger.requests import LatencyLimits
from simcost.ledger.tenants import TenantOutcomes
from simcost.plan import Batching, Fixed
from simcost.sim import simulate
from simcost.sim.serving.engine.fair_queue import OUTPUT_COST
from simcost.trace.requests.batch import RequestBatch

pytestmark = pytest.mark.slow

HORIZON_S = 120.0


def play(weights: tuple[float, ...], rates_per_s: tuple[float, float], *, policy: str = "fair") -> list[TenantOutcomes]:
    """One replica that holds eight sequences, and two tenants: of long prompts, and of long answers."""
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
    batching = Batching(max_num_seqs=8, max_num_batched_tokens=2048, kv_block_tokens=16, policy=policy)
    pool = replace(CHAT, scaling=Fixed(replicas=1), batching=batching, weights=weights)
    tenants = dict.fromkeys("ab", LatencyLimits())
    return list(simulate(pool, iter([batch[order]]), horizon_s=HORIZON_S, tenants=tenants).outcomes.by_tenant)


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
