"""Tenants: what the engine counts of all requests is the sum of what is counted of each tenant, to the last one."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.pools import CHAT, poisson

from simcost.ledger.percentiles import of_histogram, of_tenants
from simcost.ledger.requests import METRICS, Buckets, LatencyLimits, RequestOutcomes
from simcost.ledger.tenants import TenantOutcomes
from simcost.plan import Admission
from simcost.plan.rate_limits import RateLimits
from simcost.plan.serving import Retries
from simcost.sim import simulate
from simcost.sim.serving.pool import Pool
from simcost.trace.requests.batch import RequestBatch

pytestmark = pytest.mark.slow

LIMITS = LatencyLimits(ttft_s=0.5, tpot_s=0.02, e2e_s=4.0)
SUMS = ("arrived", "completed", "rejected", "timed_out", "lost", "in_system", "prompt_tokens", "output_tokens")
POOLS = {
    "plain": CHAT,
    "limited": replace(CHAT, admission=Admission(max_ongoing=6, max_queued=2, timeout=5.0)),
    "held to rates": replace(CHAT, rates=(RateLimits(requests_per_min=60), None, RateLimits(concurrent=2))),
    "retried": replace(CHAT, admission=Admission(max_ongoing=6, max_queued=2, timeout=5.0), retries=Retries()),
}


def histograms(tenant: TenantOutcomes) -> Any:
    """[metric, bucket] counts."""
    dense = np.zeros((len(METRICS), Buckets().count), np.int64)
    dense.flat[tenant.latency_places] = tenant.latency_counts
    return dense


def owned(batches: Iterator[RequestBatch], tenants: int, ranks: int = 1) -> Iterator[RequestBatch]:
    g = np.random.default_rng(3)
    for batch in batches:
        tenant = g.integers(0, tenants, len(batch)).astype(np.int16)
        priority = (tenant % ranks).astype(np.int16) if ranks > 1 else None
        yield replace(batch, tenant=tenant, priority=priority)


def play(
    pool: Pool, tenants: dict[str, LatencyLimits], *, ranks: int = 1, limits: LatencyLimits = LIMITS
) -> RequestOutcomes:
    arrivals = owned(poisson(9.0, 300.0, batch=700), max(len(tenants), 1), ranks)
    return simulate(pool, arrivals, horizon_s=290.0, limits=limits, tenants=tenants).outcomes


@pytest.mark.parametrize("name", list(POOLS))
@pytest.mark.parametrize("ranks", [1, 2])
def test_sums_over_tenants_are_those_of_the_engine(name: str, ranks: int) -> None:
    """Counts, tokens, each bucket of each histogram; without limits the engine plays as if there were no tenants."""
    got = play(POOLS[name], dict.fromkeys("abc", LIMITS), ranks=ranks)
    for what in SUMS:
        assert sum(getattr(one, what) for one in got.by_tenant) == getattr(got, what)
    assert (sum(map(histograms, got.by_tenant)) == got.histograms.sum(axis=0)).all()
    assert all(one.arrived > 0 for one in got.by_tenant)
    assert POOLS[name].rates or play(POOLS[name], {}, ranks=ranks).windows.equals(got.windows)
    for column in ("good", "late"):
        assert got.windows[column].to_numpy().sum() == sum(getattr(one, column) for one in got.by_tenant)


def test_what_an_api_answers_of_tenants_is_what_it_is_paid_for() -> None:
    pool = replace(CHAT, admission=Admission(max_ongoing=3, max_queued=1), api_latency_s=(0.2, 0.01))
    got = play(pool, dict.fromkeys("abc", LIMITS))
    answered = ("api_requests", "api_prompt_tokens", "api_output_tokens")
    assert got.overflowed == tuple(sum(getattr(one, name) for one in got.by_tenant) for name in answered)
    assert all(0 < one.api_requests < one.completed for one in got.by_tenant)
    alone = play(replace(pool, admission=Admission()), dict.fromkeys("abc", LIMITS))
    assert [getattr(one, name) for one in alone.by_tenant for name in answered] == [0] * 9
    parts = [
        one.squared_prompts / other.squared_prompts for one, other in zip(got.by_tenant, alone.by_tenant, strict=True)
    ]
    assert all(0 < part < 1 for part in parts), "the engines computed only some of the prompts"


def test_each_tenant_is_judged_by_its_own_limits() -> None:
    """As if all requests had the limits of the one, and as if they had those of the other."""
    strict, loose = replace(LIMITS, e2e_s=1.0), LatencyLimits()
    got = play(POOLS["limited"], {"strict": strict, "loose": loose})
    for place, limits in enumerate((strict, loose)):
        same = play(POOLS["limited"], dict.fromkeys(("strict", "loose"), limits))
        assert got.by_tenant[place].good == same.by_tenant[place].good
        assert got.by_tenant[place].late == same.by_tenant[place].late
    assert 0 < got.by_tenant[0].good < got.by_tenant[0].completed
    assert got.by_tenant[1].good == got.by_tenant[1].completed


@pytest.mark.parametrize("retries", [None, Retries(attempts=2, on=("rejected",))])
def test_a_tenant_gets_no_more_than_its_rate_and_its_burst(retries: Retries | None) -> None:
    """In all, and nearly that while it sends more; those without limits get what they send."""
    limits = RateLimits(tokens_per_min=30_000, burst=20.0)
    got = play(replace(CHAT, rates=(limits, None), retries=retries), dict.fromkeys("ab", LatencyLimits()))
    held, free = got.by_tenant
    most = 30_000 / 60 * (290 + 20)
    assert 0.98 * most < held.prompt_tokens + held.output_tokens <= most
    assert held.rate_limited > held.rejected / 2 > 0
    assert (free.rejected, free.rate_limited) == (0, 0)
    if retries is None:
        assert held.rate_limited == held.rejected


def test_tokens_of_a_tenant_are_those_of_its_steps() -> None:
    """One decode step for each token after the first, each reads the prompt and all tokens before it."""
    prompt, output = np.array([5, 7, 2], np.int32), np.array([1, 4, 3], np.int32)
    batch = RequestBatch(np.zeros(3, np.int64), prompt, output, tenant=np.array([0, 1, 1], np.int16))
    one, other = simulate(CHAT, iter([batch]), horizon_s=60.0, tenants=dict.fromkeys("ab", LIMITS)).outcomes.by_tenant
    assert (one.context_tokens, one.squared_prompts) == (0, 25)
    assert other.context_tokens == (7 + 1) + (7 + 2) + (7 + 3) + (2 + 1) + (2 + 2)
    assert other.squared_prompts == 49 + 4


def test_latencies_of_thousands_of_tenants_are_those_of_their_histograms() -> None:
    """To the last bit, of tenants without a request too; only cells that are not empty are held."""
    names = dict.fromkeys(map(str, range(3000)), LIMITS)
    got = play(POOLS["limited"], names)
    assert sum(one.completed == 0 for one in got.by_tenant) > 100
    assert sum(len(one.latency_places) for one in got.by_tenant) <= len(METRICS) * got.completed
    found = of_tenants(got.by_tenant, got.buckets)
    wanted = [of_histogram(histograms(one), got.buckets) for one in got.by_tenant]
    for values, of_dense in zip(found, zip(*wanted, strict=True), strict=True):
        assert values.tobytes() == np.array(of_dense).tobytes()
