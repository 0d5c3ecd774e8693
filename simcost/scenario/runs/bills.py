"""Usage of purchased nodes by the runs of a plan; one bill for all that is bought in the same way, and its parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from math import fsum, lcm
from typing import TypeVar

import numpy as np
import pyarrow as pa

from simcost.billing import Buy, Costs, ManagedEndpoint, OnDemand, Serverless, Spot, bill, bill_together
from simcost.billing.allocation import UsedNodes, allocated
from simcost.billing.bill import Charge
from simcost.billing.commitment import Commitment
from simcost.billing.energy import EnergyReport, energy, together
from simcost.billing.owned import Owned
from simcost.billing.storage_transfer import run_usd
from simcost.catalog import Catalog
from simcost.catalog.facts import TierPrice
from simcost.errors import InputError
from simcost.ledger.jobs import HELD, JobLedger
from simcost.ledger.months import shares_together
from simcost.ledger.request_tables import NODES
from simcost.ledger.requests import LedgerUsage
from simcost.scenario.inputs.clusters import Cluster
from simcost.scenario.schema.jobs import OnShared, OnSpot, storage_of_spot
from simcost.units import format_usd

_MOST_PARTS = 1000
"""Parts of an accelerator that a replica may have some of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchasedNodes:
    """Usage of nodes by accelerator, with their purchase option."""

    usage: LedgerUsage
    buy: Buy
    account: Buy | None = None
    """The purchase on whose account it is; None = on one of its own."""
    endpoint: str = ""
    """The service or pool that these workers or instances are an endpoint of, apart from all others; empty = none."""


def as_endpoint(nodes: PurchasedNodes, name: str) -> PurchasedNodes:
    """Nodes of a service or pool: workers and instances of an endpoint are its alone, so that `always_on` workers and
    the fewest `instances` are those of each; its pools are endpoints within those of a service.
    """
    if not isinstance(nodes.buy, Serverless | ManagedEndpoint):
        return nodes
    return replace(nodes, endpoint=f"{name} {nodes.endpoint}".rstrip())


@contextmanager
def priced_plan(plan: str) -> Iterator[None]:
    """While the nodes of a plan are billed: what is wrong with that names the plan."""
    try:
        yield
    except InputError as error:
        raise InputError(f"plan {plan!r}: {error}") from error


def costs_of(bought: Sequence[PurchasedNodes], catalog: Catalog) -> Costs:
    """The bills of a plan. Fleets that are bought alike are one account, and of a cloud of which something is committed
    all that is bought there, so that they share it.
    """
    accounts = _grouped(bought, _accounts(bought))
    bills = [_billed(account, catalog) for _, account in accounts]
    return _joined(bills, (*_staff_of_each([buy for (buy, _), _ in accounts]), *_volumes_of_each(bills, catalog)))


def costs_by_owner(
    nodes: Sequence[PurchasedNodes], held: Mapping[str, Sequence[PurchasedNodes]], catalog: Catalog
) -> tuple[Costs, dict[str, Costs]]:
    """The bills of a plan, and the part of each owner. An account of several owners is settled once, and allocated by
    their use; the unused part of its nodes and commitments is in the bills alone.

    Args:
        nodes: all nodes of the plan.
        held: by owner, nodes of its own, which are among those, or what it holds of them, as time of whole nodes.
        catalog: prices.
    """
    accounts, parts, account_of = [], {owner: list[Costs]() for owner in held}, _accounts(nodes)
    grouped = _grouped(nodes, account_of)
    for account, members in grouped:
        costs = _billed(members, catalog)
        accounts.append(costs)
        users = {
            owner: mine
            for owner, every in held.items()
            if (mine := [purchase for purchase in every if account_of(purchase) == account])
        }
        whole = len(users) == 1 and all(
            any(purchase is other for other in members) for mine in users.values() for purchase in mine
        )
        used = [[_used(purchase, catalog) for purchase in mine] for mine in users.values()]
        shares = [costs] if whole else allocated(costs, [_used(member, catalog) for member in members], used)
        for owner, share in zip(users, shares, strict=True):
            parts[owner].append(share)
    told = (*_staff_of_each([buy for (buy, _), _ in grouped]), *_volumes_of_each(accounts, catalog))
    return _joined(accounts, told), {owner: _joined(costs) for owner, costs in parts.items()}


def _staff_of_each(accounts: Sequence[Buy]) -> tuple[str, ...]:
    """A note where several purchases of owned nodes have staff: each of them pays its own."""
    staff = [buy.staff for buy in accounts if isinstance(buy, Owned) and buy.staff]
    if len(staff) < 2:
        return ()
    text = (
        f"owned nodes are of {len(staff)} purchases that differ, and each pays its own staff, "
        f"{format_usd(fsum(staff))} a year in all; if the same people run them, give each its part of `staff`"
    )
    return (text,)


_CENT, _IN_TIERS = 0.01, ("storage", "egress")


def _volumes_of_each(accounts: Sequence[Costs], catalog: Catalog) -> Iterator[str]:
    """A note where accounts of a provider pay other than they would on one bill, for disks or for transfer: each has
    free and cheaper volumes of its own.
    """
    volumes: dict[tuple[str, tuple[TierPrice, ...]], dict[float, list[Charge]]] = {}
    for charge in (charge for costs in accounts for charge in costs.charges):
        if charge.sku in _IN_TIERS and charge.price_quality != "given":
            tiers = catalog.tier_prices(charge.provider, charge.sku, charge.region)
            months = volumes.setdefault((f"{charge.provider}/{charge.sku}", tiers), {})
            months.setdefault(charge.charge_period_start_s, []).append(charge)
    for (name, tiers), months in volumes.items():
        whole_usd = fsum(_on_one_bill(charges, tiers) for charges in months.values())
        apart_usd = fsum(charge.list_cost_usd for charges in months.values() for charge in charges)
        if abs(whole_usd - apart_usd) > _CENT * accounts[0].months:
            yield (
                f"{name}: purchases that differ each have free and cheaper volumes of their own; on one bill, as "
                "`simcost bill` counts them, they share these, and it costs somewhat more or less"
            )


def _on_one_bill(charges: Sequence[Charge], tiers: Sequence[TierPrice]) -> float:
    """Price of the volumes of a month together."""
    length_s = max(charge.charge_period_end_s for charge in charges) - charges[0].charge_period_start_s
    return run_usd(fsum(charge.consumed_quantity for charge in charges), tiers, length_s)


def _accounts(bought: Sequence[PurchasedNodes]) -> Callable[[PurchasedNodes], tuple[Buy, str]]:
    """The purchase on whose account nodes are: with commitments of their cloud, the first that has some; and the
    service whose endpoint they are.
    """
    committed: dict[str, Buy] = {}
    for one in bought:
        if isinstance(one.buy, OnDemand) and one.buy.commitments:
            committed.setdefault(one.buy.provider, one.account or one.buy)

    def account(nodes: PurchasedNodes) -> tuple[Buy, str]:
        own = nodes.account or nodes.buy
        if isinstance(nodes.buy, OnDemand | Spot):
            own = committed.get(nodes.buy.provider, own)
        return own, nodes.endpoint

    return account


def _used(purchased_nodes: PurchasedNodes, catalog: Catalog) -> UsedNodes:
    if not isinstance(purchased_nodes.buy, OnDemand | Spot):
        return UsedNodes(usage=purchased_nodes.usage, usd_per_h=1.0)
    line = purchased_nodes.buy.line(catalog)
    kind = (line.provider, line.sku, line.region, line.pricing == "spot")
    return UsedNodes(usage=purchased_nodes.usage, usd_per_h=line.contracted_usd, kind=kind)


def _billed(account: Sequence[PurchasedNodes], catalog: Catalog) -> Costs:
    bought = [buy for buy, _ in _grouped(account, lambda purchase: purchase.buy)]
    held = tuple(one for buy in bought if isinstance(buy, OnDemand) for one in buy.commitments)
    kinds = [
        (_together([purchase.usage for purchase in alike]), buy)
        for buy, alike in _grouped(account, lambda purchase: _with_commitments(purchase.buy, ()))
    ]
    several = [(usage, buy) for usage, buy in kinds if isinstance(buy, OnDemand | Spot)]
    if len(several) > 1:
        return bill_together(several, held, catalog)
    [(usage, buy)] = kinds
    return bill(usage, _with_commitments(buy, held), catalog)


def _with_commitments(buy: Buy, commitments: tuple[Commitment, ...]) -> Buy:
    return replace(buy, commitments=commitments) if isinstance(buy, OnDemand) else buy


T = TypeVar("T")
K = TypeVar("K")


def _grouped(bought: Sequence[T], key: Callable[[T], K]) -> list[tuple[K, list[T]]]:
    """Those with the same key together, in the order in which keys come; purchases have no hash."""
    groups: list[tuple[K, list[T]]] = []
    for purchase in bought:
        members = next((members for found, members in groups if found == key(purchase)), None)
        if members is None:
            groups.append((key(purchase), [purchase]))
        else:
            members.append(purchase)
    return groups


def energy_of(bought: Sequence[PurchasedNodes], catalog: Catalog, *, whole: bool = True) -> EnergyReport | None:
    """Energy of a plan whose nodes are offers of the catalog or owned; None where others are among them, and of a part
    of a plan (`whole` is false) with owned nodes, whose idle ones belong to no part.
    """
    by_offer: dict[tuple[str, str | None], list[LedgerUsage]] = {}
    reports, hours = [], []
    mine = [purchase for purchase in bought if isinstance(purchase.buy, Owned)]
    for buy, alike in _grouped(mine, lambda purchase: purchase.buy):
        if not isinstance(buy, Owned) or not whole:
            return None
        usage = _together([purchase.usage for purchase in alike])
        reports.append(buy.energy(usage))
        hours.append(usage.node_hours() * usage.slots_per_node)
    for purchase in bought:
        if isinstance(purchase.buy, Owned):
            continue
        if not isinstance(purchase.buy, OnDemand | Spot | ManagedEndpoint):
            return None
        by_offer.setdefault((purchase.buy.offer, purchase.buy.region), []).append(purchase.usage)
    usages = {offer: _together(alike) for offer, alike in by_offer.items()}
    reports += [energy(usage, catalog.offer(*offer), catalog) for offer, usage in usages.items()]
    hours += [usage.node_hours() * usage.slots_per_node for usage in usages.values()]
    return together(reports, hours) if len(reports) > 1 else reports[0] if reports else None


def are_processors(bought: Sequence[PurchasedNodes], catalog: Catalog) -> bool:
    """True if some of the nodes have no accelerators."""
    buys = [one.buy for one in bought if isinstance(one.buy, OnDemand | Spot | ManagedEndpoint)]
    offers = {(buy.offer, buy.region) for buy in buys}
    return any(not catalog.offer(*offer).accelerators for offer in offers)


def nodes_of(bought: Sequence[PurchasedNodes], catalog: Catalog) -> pa.Table:
    """Intervals in which each node was there, with its kind."""
    parts = []
    for purchase in bought:
        said = {"provider": purchase.buy.kind, "sku": "node", "region": "any", "pricing": "standard"}
        if isinstance(purchase.buy, OnDemand | Spot | ManagedEndpoint):
            offer = catalog.offer(purchase.buy.offer, purchase.buy.region)
            said |= {"provider": offer.provider, "sku": offer.sku, "region": offer.region}
        if isinstance(purchase.buy, Spot):
            said["pricing"] = "spot"
        table = purchase.usage.nodes
        for name, word in said.items():
            table = table.append_column(name, pa.array([word] * len(table), pa.string()))
        parts.append(table)
    return pa.concat_tables(parts)


def by_accelerator(usage: LedgerUsage, per_slot: float) -> LedgerUsage:
    """Usage of slots of so many accelerators each, with a slot for each accelerator."""
    seconds = {state: slot_s * per_slot for state, slot_s in usage.slot_seconds.items()}
    return replace(
        usage,
        slots_per_node=usage.slots_per_node * per_slot,
        slot_seconds=seconds,
        stepping_s=usage.stepping_s * per_slot,
    )


def as_whole_nodes(usage: LedgerUsage, accelerators: int) -> LedgerUsage:
    """Usage of parts of nodes as time of whole nodes of so many accelerators: half a node for an hour is one for half
    of it.
    """
    part = usage.slots_per_node / accelerators
    start, end = usage.nodes["start_s"].to_numpy(), usage.nodes["end_s"].to_numpy()
    place = usage.nodes.column_names.index("end_s")
    nodes = usage.nodes.set_column(place, "end_s", pa.array(start + part * (end - start)))
    return replace(usage, nodes=nodes, slots_per_node=accelerators)


def job_usage(ledger: JobLedger, cluster: Cluster, seed: int, replication: int) -> list[PurchasedNodes]:
    """Of a cluster that jobs have to themselves."""
    on, spot = cluster.training, cluster.spot
    disk_gb = 0.0 if isinstance(on, OnShared) else on.disk
    if spot is None or not isinstance(on, OnSpot):
        usage = replace(ledger.usage(cluster.gpus_per_node), disk_gb_per_node=disk_gb)
        return [PurchasedNodes(usage=usage, buy=cluster.buy)]
    steady = replace(replace(ledger, gpus=on.gpus, nodes=None).usage(cluster.gpus_per_node), disk_gb_per_node=disk_gb)
    there = LedgerUsage(
        horizon_s=ledger.horizon_s,
        slots_per_node=spot.gpus_per_node,
        nodes=ledger.nodes,
        slot_seconds={},
        disk_gb_per_node=disk_gb,
    )
    at_price = spot.purchase(spot.first_tick(seed, replication), ledger.horizon_s)
    at_price = replace(at_price, storage=storage_of_spot(cluster.buy))
    steady_part = [PurchasedNodes(usage=_with_states(steady, ledger), buy=cluster.buy)] * bool(on.gpus)
    return [*steady_part, PurchasedNodes(usage=_with_states(there, ledger), buy=at_price)]


def shared_usage(requests: LedgerUsage, ledger: JobLedger, cluster: Cluster, gpus: int) -> PurchasedNodes:
    """Of a fleet of so many GPUs that requests and jobs share: all its nodes are there from start to end."""
    whole = replace(ledger, gpus=gpus, horizon_s=requests.horizon_s, nodes=None).usage(cluster.gpus_per_node)
    work = {state: seconds for state, seconds in ledger.gpu_seconds.items() if state != "down"}
    usage = replace(
        whole,
        slot_seconds={**requests.slot_seconds, **work},
        stepping_s=requests.stepping_s,
        disk_gb_per_node=requests.disk_gb_per_node,
        gb_out=requests.gb_out,
        out_shares=requests.out_shares,
    )
    return PurchasedNodes(usage=usage, buy=cluster.buy)


def by_unit(usages: Sequence[LedgerUsage]) -> LedgerUsage:
    """Usages of nodes as one, whose nodes have one accelerator each, or the part of one that all are multiples of."""
    parts = [Fraction(usage.slots_per_node).limit_denominator(_MOST_PARTS) for usage in usages]
    per_accelerator = lcm(*(part.denominator for part in parts))
    slots, units = 1 if per_accelerator == 1 else 1 / per_accelerator, []
    for usage, part in zip(usages, parts, strict=True):
        rows = np.repeat(np.arange(len(usage.nodes)), int(part * per_accelerator))
        units.append(replace(usage, slots_per_node=slots, nodes=usage.nodes.take(pa.array(rows))))
    return _together(units)


def held_by_jobs(fleet: PurchasedNodes) -> PurchasedNodes:
    """Part of a fleet that its jobs hold, as time of whole nodes."""
    usage = fleet.usage
    seconds = {state: usage.slot_seconds[state] for state in HELD}
    whole_s = fsum(seconds.values()) / usage.slots_per_node
    nodes = pa.table([["jobs"], [0], [0], [0.0], [whole_s]], schema=NODES)
    return replace(fleet, usage=replace(usage, nodes=nodes, slot_seconds=seconds, stepping_s=0.0, gb_out=0.0))


def _together(usages: Sequence[LedgerUsage]) -> LedgerUsage:
    """Usages of nodes of one kind as one; what disks hold is kept on average over the nodes' time."""
    first = usages[0]
    if len(usages) == 1:
        return first
    seconds: dict[str, float] = {}
    for usage in usages:
        for state, slot_s in usage.slot_seconds.items():
            seconds[state] = seconds.get(state, 0.0) + slot_s
    hours = fsum(usage.node_hours() for usage in usages)
    stored = fsum(usage.disk_gb_per_node * usage.node_hours() for usage in usages)
    return LedgerUsage(
        horizon_s=max(usage.horizon_s for usage in usages),
        slots_per_node=first.slots_per_node,
        nodes=pa.concat_tables([usage.nodes for usage in usages]),
        slot_seconds=seconds,
        stepping_s=fsum(usage.stepping_s for usage in usages),
        disk_gb_per_node=stored / hours if hours else 0.0,
        gb_out=fsum(usage.gb_out for usage in usages),
        out_shares=shares_together([(usage.gb_out, usage.out_shares) for usage in usages]),
    )


def with_charges(costs: Costs, charges: Sequence[Charge]) -> Costs:
    """The costs, and further charges that are no node's."""
    return replace(costs, charges=(*costs.charges, *charges)) if charges else costs


def _joined(bills: Sequence[Costs], notes: Sequence[str] = ()) -> Costs:
    """The costs of several accounts as one, with further notes."""
    by_state: dict[str, float] = {}
    for costs in bills:
        for state, usd in costs.compute_by_state_usd.items():
            by_state[state] = by_state.get(state, 0.0) + usd
    return Costs(
        charges=tuple(charge for costs in bills for charge in costs.charges),
        compute_by_state_usd=by_state,
        horizon_s=max(costs.horizon_s for costs in bills),
        notes=(*(note for costs in bills for note in costs.notes), *notes),
        obligations=tuple(one for costs in bills for one in costs.obligations),
    )


def _with_states(usage: LedgerUsage, ledger: JobLedger) -> LedgerUsage:
    """States of the nodes, were work spread evenly over steady and spot nodes."""
    there = {state: seconds for state, seconds in ledger.gpu_seconds.items() if state != "down"}
    part = usage.node_hours() * 3600.0 * usage.slots_per_node / (fsum(there.values()) or 1.0)
    return replace(usage, slot_seconds={state: seconds * part for state, seconds in there.items()})
