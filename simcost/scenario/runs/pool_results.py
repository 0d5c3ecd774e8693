"""Pools of a plan in a run: what each used and costs, and what an API answered in place of rejecting it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import fsum

import numpy as np

from simcost.billing import Buy, OnDemand, Spot
from simcost.billing.api.pricing import TokenBill, token_charges
from simcost.billing.api.tokens import ITEMS, NOTHING, TokenCount, rates
from simcost.billing.bill import Charge, Place
from simcost.billing.contract_periods import negotiated
from simcost.billing.metering import usages_of
from simcost.catalog import Catalog
from simcost.compare.results import PoolResult
from simcost.ledger.requests import Ledger, LedgerUsage
from simcost.scenario.runs.bills import PurchasedNodes, as_endpoint, by_accelerator, costs_by_owner
from simcost.scenario.schema.jobs import OnShared
from simcost.scenario.schema.scenario import Plan
from simcost.scenario.storage.ledger_memory import MEMORY

HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSide:
    """A pool, from a run of requests."""

    name: str
    requests: int
    replica_hours: dict[str, float]
    busy_hours: float
    """Accelerator-hours in which tokens took engine time."""
    usage: LedgerUsage
    """By accelerator, of the first kind of its nodes."""
    bought: tuple[PurchasedNodes, ...]
    """By kind of nodes; nothing where the fleet is shared with jobs."""


def sides_of_pools(plan: Plan, ledger: Ledger) -> tuple[PoolSide, ...]:
    """The pools of a run; of one without several, the run itself."""
    requests = [pool.requests for pool in ledger.pools] or [ledger.outcomes.arrived]
    names = [pool.name for pool in plan.pools] or [plan.name]
    used = MEMORY.computed(ledger, "used", lambda: [_used(part) for part in ledger.of_pools()])
    parts = zip(names, requests, plan.by_pool(), used, strict=True)
    sides = [_side(name, sent, alone, part, _account(plan, alone)) for name, sent, alone, part in parts]
    if not plan.pools:
        return tuple(sides)
    return tuple(replace(side, bought=tuple(as_endpoint(one, side.name) for one in side.bought)) for side in sides)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Used:
    """Use of a pool in a run, which no price and no purchase changes."""

    replica_hours: dict[str, float]
    busy_hours: float
    usages: tuple[LedgerUsage, ...]
    """By accelerator, one for each kind of nodes."""


def _used(ledger: Ledger) -> _Used:
    each = ledger.accelerators_per_replica
    return _Used(
        replica_hours=ledger.replica_hours(),
        busy_hours=ledger.outcomes.work_s / HOUR * each,
        usages=tuple(by_accelerator(usage, each) for usage in usages_of(ledger)),
    )


def _account(plan: Plan, pool: Plan) -> Buy:
    """The purchase on whose account a pool is: nodes of one cloud are all on one."""
    if not isinstance(pool.buy, OnDemand | Spot):
        return pool.buy
    clouds = [one.buy for one in plan.by_pool() if isinstance(one.buy, OnDemand | Spot)]
    return next(buy for buy in clouds if buy.provider == pool.buy.provider)


def _side(name: str, requests: int, plan: Plan, used: _Used, account: Buy) -> PoolSide:
    options = () if isinstance(plan.training, OnShared) else (plan.buy, *plan.or_buy)
    return PoolSide(
        name=name,
        requests=requests,
        replica_hours=used.replica_hours,
        busy_hours=used.busy_hours,
        usage=used.usages[0],
        bought=tuple(
            PurchasedNodes(usage=usage, buy=buy, account=account)
            for usage, buy in zip(used.usages, options, strict=False)
        ),
    )


def results_of_pools(pools: Sequence[PoolSide], catalog: Catalog) -> tuple[PoolResult, ...]:
    """Each pool with its part of the bill; pools that are bought alike are one account, those of endpoints apart."""
    if not pools:
        return ()
    nodes = [one for pool in pools for one in pool.bought]
    _, parts = costs_by_owner(nodes, {pool.name: pool.bought for pool in pools}, catalog)
    return tuple(_result(pool, parts[pool.name].total_usd) for pool in pools)


def _result(pool: PoolSide, cost_usd: float) -> PoolResult:
    hours = fsum(one.usage.node_hours() * one.usage.slots_per_node for one in pool.bought)
    return PoolResult(
        name=pool.name,
        requests=pool.requests,
        replica_hours=pool.replica_hours,
        accelerator_hours=hours,
        utilisation=pool.busy_hours / hours if hours else 0.0,
        cost_usd=cost_usd,
    )


def charges_of_overflow(plan: Plan, ledger: Ledger, catalog: Catalog) -> tuple[Charge, ...]:
    """Tokens that an API was paid for, at the prices of the catalog without a prompt cache."""
    if plan.overflow is None or ledger.outcomes.overflowed is None:
        return ()
    price = catalog.token_price(plan.overflow.api)
    requests, prompt, output = ledger.outcomes.overflowed
    tokens = np.zeros((2, len(ITEMS)), np.int64)
    tokens[0, [ITEMS.index("input"), ITEMS.index("output")]] = prompt, output
    bill = TokenBill(
        price=price,
        rates=rates(price),
        horizon_s=ledger.horizon_s,
        paid=TokenCount(requests, tokens),
        in_units=NOTHING,
        units_usd=0.0,
        unit_hours=0.0,
        too_long=0,
    )
    place = Place(provider=price.provider, region="any", start_s=0.0, end_s=ledger.horizon_s)
    return tuple(negotiated(token_charges(bill, place), catalog, dated=False))
