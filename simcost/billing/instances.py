"""Bill of a run on instances: nodes as an account, their cost by use, disks and responses."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from simcost.billing.bill import Bill, Charge, Place
from simcost.billing.books import compute_charges
from simcost.billing.commitment import Commitment
from simcost.billing.contract_periods import negotiated
from simcost.billing.metering import Floats, Line, Metered, UsageIntervals, billed_seconds, metered, run_seconds
from simcost.billing.settlement import Settlement, settle
from simcost.billing.storage_transfer import gb_months, simulated_months, volume_charges
from simcost.catalog.facts import BillingRule
from simcost.ledger.months import month_edges_h
from simcost.ledger.requests import LedgerUsage
from simcost.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from simcost.catalog import Catalog


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NodeAccount:
    """The account of a run's nodes, and the hours that granularity and minimum add, by kind."""

    account: Metered
    rounding_h: tuple[float, ...]


def nodes_account(kinds: "Sequence[Instances]") -> NodeAccount:
    """Every node from order to release, as the provider meters it; at prices in effect where there are `steps`.

    Raises:
        RunError: the ledger contradicts itself.
    """
    parts, rounding_h = [], []
    varying = any(kind.steps for kind in kinds)
    for number, kind in enumerate(kinds):
        run_s, still_running = run_seconds(kind.usage)
        billed_s = billed_seconds(run_s, still_running, kind.rule)
        start = kind.usage.nodes["start_s"].to_numpy()
        steps = [(step.from_s, step.usd_per_h) for step in kind.steps] or [(0.0, kind.line.contracted_usd)] * varying
        parts.append(_priced_runs(start, start + billed_s, number, steps))
        rounding_h.append(float((billed_s - run_s).sum()) / 3600.0)
    account = metered([kind.line for kind in kinds], _joined(parts), horizon_s=kinds[0].usage.horizon_s, start_s=None)
    return NodeAccount(account=account, rounding_h=tuple(rounding_h))


def _priced_runs(start: Floats, end: Floats, line: int, steps: Sequence[tuple[float, float]]) -> UsageIntervals:
    """Runs of nodes, cut where the price changes; without `steps` at the price of the line."""
    count = len(start)
    if not steps:
        return UsageIntervals(start_s=start, end_s=end, line=np.full(count, line), units=np.ones(count))
    edges = np.array([from_s for from_s, _ in steps])
    until = np.append(edges[1:], np.inf)
    edges[0] = -np.inf
    begin = np.maximum(start[:, None], edges).ravel()
    stop = np.minimum(end[:, None], until).ravel()
    usd = np.tile([price for _, price in steps], count)
    kept = stop > begin
    return UsageIntervals(
        start_s=begin[kept],
        end_s=stop[kept],
        line=np.full(kept.sum(), line),
        units=np.ones(kept.sum()),
        price_usd=usd[kept],
    )


def _joined(parts: Sequence[UsageIntervals]) -> UsageIntervals:
    def column(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in parts])

    priced = parts[0].price_usd is not None
    return UsageIntervals(
        start_s=column("start_s"),
        end_s=column("end_s"),
        line=column("line"),
        units=column("units"),
        price_usd=column("price_usd") if priced else None,
    )


def by_state(kinds: "Sequence[Instances]", nodes: NodeAccount, settled: Settlement) -> dict[str, float]:
    """The effective cost of nodes by state of their slots, in USD.

    Hours that ran share what those of their kind cost on average, and a node's equally over its slots. `rounding` is
    what granularity and minimum add; `unused_commitment`, where something was committed, the unused part of it.
    """
    unused = fsum(float(one.unused_usd.sum()) for one in settled.bought)
    idle_reserved = float(settled.rest_usd[:, len(kinds) :].sum())
    result: dict[str, float] = {}
    for kind, rounding_h in zip(kinds, nodes.rounding_h, strict=True):
        usage, each = kind.usage, _mean_usd_per_h(kind.line, nodes.account, settled)
        hours = {state: slot_s / usage.slots_per_node / 3600.0 for state, slot_s in usage.slot_seconds.items()}
        for state, used in (hours | {"rounding": rounding_h}).items():
            result[state] = result.get(state, 0.0) + used * each
    if settled.bought or settled.rest_usd.shape[1] > len(kinds):
        result["unused_commitment"] = unused + idle_reserved
    return result


def _mean_usd_per_h(line: Line, account: Metered, settled: Settlement) -> float:
    """Effective cost of an hour of a line, of all kinds of nodes that are on it."""
    alike = [i for i, other in enumerate(account.lines) if other == line]
    hours = fsum(float(account.hours[:, i].sum()) for i in alike)
    covered = [float(one.covered_usd[i].sum()) for one in settled.bought for i in alike if i in one.covered_usd]
    spent = fsum([*(float(settled.rest_usd[:, i].sum()) for i in alike), *covered])
    return spent / hours if hours else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceStep:
    """A price from some time on."""

    from_s: float
    usd_per_h: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Instances:
    """Nodes of one kind, as they are metered."""

    usage: LedgerUsage
    """Nodes, and what their slots did."""
    line: Line
    """Line of usage of a node, with its price."""
    rule: BillingRule
    """Metering rule of the nodes."""
    steps: Sequence[PriceStep] = ()
    """Prices in effect over time, in place of that of the line; spot alone has them."""
    storage_usd: float | None = None
    """Own price per GB-month; None = the catalog's."""
    egress_usd: float | None = None
    """Own price per GB; None = the catalog's."""


def instances_bill(
    kinds: Sequence[Instances],
    catalog: "Catalog",
    *,
    commitments: Sequence[Commitment] = (),
) -> Bill:
    """Charges for compute, and for disks and for responses where there were any: one account.

    Nodes and their disks are billed from order to release; what still runs at the end of the run is cut there.
    Simulated time has no calendar: it begins with a clock-hour, and a month of 730 h is like the run, or like each of
    its equal parts that are about as long.

    Args:
        kinds: the nodes.
        catalog: prices of disks and responses, and of commitments that state none.
        commitments: what was bought in advance; it covers what it can of all kinds.

    Raises:
        CatalogError: a needed price that is not stated.
        InputError: a commitment that ends before the run, or fits nothing.
        RunError: the ledger contradicts itself.
    """
    nodes = nodes_account(kinds)
    settled = settle(nodes.account, commitments, catalog)
    return Bill(
        charges=(
            *compute_charges(settled),
            *negotiated(_volumes(kinds, "storage", catalog), catalog, dated=False),
            *negotiated(_volumes(kinds, "egress", catalog), catalog, dated=False),
        ),
        compute_by_state_usd=by_state(kinds, nodes, settled),
        horizon_s=kinds[0].usage.horizon_s,
        notes=settled.notes,
        obligations=settled.obligations,
        settlement=settled,
    )


def _volumes(kinds: Sequence[Instances], item: Literal["storage", "egress"], catalog: "Catalog") -> list[Charge]:
    """Disks or responses, by month, place and own price; a place's tiers count what all kinds of nodes have there."""
    held: dict[tuple[Place, float | None], float] = {}
    horizon_s = kinds[0].usage.horizon_s
    months, edges_h = simulated_months(horizon_s), month_edges_h(horizon_s / SECONDS_PER_HOUR)
    for kind in kinds:
        usage, line = kind.usage, kind.line
        if item == "storage":
            own, by_month = kind.storage_usd, usage.disk_gb_per_node * usage.node_hours_by_month(edges_h)
        else:
            own, by_month = kind.egress_usd, usage.gb_out_by_month(edges_h)
        for (start_s, end_s), amount in zip(months, by_month.tolist(), strict=True):
            place = Place(provider=line.provider, region=line.region, start_s=start_s, end_s=end_s)
            gb = gb_months(amount) if item == "storage" else amount
            held[place, own] = held.get((place, own), 0.0) + gb
    return [
        volume_charge
        for (place, own), gb in held.items()
        for volume_charge in volume_charges(item, gb, place, own, catalog)
    ]


def most_at_a_time(usage: LedgerUsage) -> int:
    """Nodes that are there at once, at most."""
    start, end = usage.nodes["start_s"].to_numpy(), usage.nodes["end_s"].to_numpy()
    kept = end > start
    at = np.concatenate([end[kept], start[kept]])  # of one instant, releases first
    change: Floats = np.repeat([-1.0, 1.0], kept.sum())
    level = np.cumsum(change[np.argsort(at, kind="stable")])
    return int(level.max()) if len(level) else 0
