"""Kinds of actions that change how the nodes of a plan are bought: regions, commitments, spot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

from simcost.billing import OnDemand, Owned
from simcost.billing.commitment import CapacityReservation, Commitment
from simcost.catalog import Catalog
from simcost.catalog.facts import Instrument, Offer
from simcost.errors import CatalogError
from simcost.plan import Fixed
from simcost.scenario.inputs.offer_dimensions import proposed
from simcost.scenario.inputs.variations import no_start
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Plan
from simcost.studies.advising.kinds import ActionKind, Partial, bounds_of, fleets_of
from simcost.units import SECONDS_PER_HOUR, format_seconds

RESERVATIONS: dict[str, tuple[str, Instrument]] = {
    "aws": ("reserved-instances", "reserved-instance"),
    "azure": ("azure-reservation", "azure-reservation"),
    "gcp": ("resource-cud", "resource-cud"),
}
"""Commitments to instances by provider, and their rates in the catalog."""
COMMITTED = "something is committed to already; `simcost optimize --options` says what costs least in all"
OWNED = "its nodes are owned; see rent, on demand"
MOST_COMMITTED = 8
BASES = 6
"""Numbers of replicas on demand beside spot, and of those on spot, that are tried."""


def region_kinds(plan: Plan, loaded: LoadedScenario) -> Iterator[ActionKind]:
    """The same nodes in other regions."""
    if isinstance(plan.buy, Owned):
        yield ActionKind(name="region", effort="medium", why=OWNED)
        return
    here = _bought(plan, loaded.catalog)
    if here is None:
        return
    others = [offer for offer in loaded.catalog.facts.offers if offer.name == here.name and offer.region != here.region]
    regions = [offer.region for offer in proposed(loaded, others)]
    if regions:
        yield ActionKind(
            name="region", effort="medium", dimensions=([{"buy": {"region": region}} for region in regions],)
        )


def commitment_kinds(plan: Plan, catalog: Catalog, most_nodes: int) -> Iterator[ActionKind]:
    """Commitments for a year or three to some of the nodes, of which there are never more than that."""
    if isinstance(plan.buy, Owned):
        yield ActionKind(name="commitment", effort="low", why=OWNED, reversible=False)
        return
    here = _bought(plan, catalog)
    if here is None or here.provider not in RESERVATIONS:
        return
    if _committed(plan):
        yield ActionKind(name="commitment", effort="low", why=COMMITTED, reversible=False)
        return
    kind, instrument = RESERVATIONS[here.provider]
    counts = range(1, min(most_nodes, MOST_COMMITTED) + 1)
    for years in (1, 3):
        name = f"commitment of {years} year{'s' if years > 1 else ''}"
        try:
            catalog.commitment_rate(here.provider, instrument, here.sku, here.region, years, "none")
        except CatalogError:
            why = "no rate is known (see simcost prices import)"
            yield ActionKind(name=name, effort="low", why=why, reversible=False)
            continue
        held = {"kind": kind, "provider": here.provider, "sku": here.sku, "region": here.region, "years": years}
        committed: list[Partial] = [{"buy": {"commitments": [held | {"count": n, "renewed": True}]}} for n in counts]
        yield ActionKind(name=name, effort="low", dimensions=(committed,), reversible=False)


def most_nodes(plan: Plan, catalog: Catalog) -> int:
    """Nodes that the fleet of a plan may have."""
    bounds = bounds_of(plan.scaling)
    most = plan.scaling.replicas if isinstance(plan.scaling, Fixed) else bounds[1] if bounds else 1
    per_replica = plan.replica.accelerators if plan.replica else 1
    slots = max(plan.buy.node_accelerators(catalog, per_replica) // per_replica, 1)
    return -(-most // slots)


def spot_kinds(plan: Plan, catalog: Catalog, per_node_h: float | None, *, shared: bool = False) -> Iterator[ActionKind]:
    """All nodes on spot, and a part of the replicas, with interruptions as the user states them.

    Args:
        plan: the plan.
        catalog: has the price of spot.
        per_node_h: interruptions of a spot node an hour; None = spot is not tried.
        shared: True = the nodes are those of several services, all or none of them on spot.
    """
    if isinstance(plan.buy, Owned):
        yield ActionKind(name="spot", effort="low", why=OWNED)
        return
    here = _bought(plan, catalog, at_list=False)
    if here is None:
        return
    missing = "needs --spot-interruptions RATE" if per_node_h is None else ""
    if here.spot_usd_per_h is None:
        missing = "no price of spot is known"
    if _committed(plan):
        missing = "the commitment to its nodes would go on"
    if missing:
        yield ActionKind(name="spot", effort="low", why=missing)
        return
    spot: Partial = {
        "buy": {"kind": "spot", "offer": here.name, "region": getattr(plan.buy, "region", None)},
        "interruptions": {"spot": {"kind": "hazard", "per_node_h": per_node_h}},
    }
    if shared:
        yield ActionKind(name="spot", effort="low", dimensions=([spot],))
        return
    yield ActionKind(name="spot", effort="low", dimensions=([spot], fleets_of(plan)), sizes="own")
    if mixed := list(_partly(plan, spot)):
        yield ActionKind(name="share of spot", effort="low", dimensions=(mixed,), sizes="own")


def _partly(plan: Plan, spot: Partial) -> Iterator[Partial]:
    """Two pools: some replicas on demand, which always run, and some on spot."""
    bounds = bounds_of(plan.scaling)
    if plan.pools or plan.disaggregation is not None or plan.training is not None:
        return
    most = plan.scaling.replicas if isinstance(plan.scaling, Fixed) else bounds[1] if bounds else 0
    free = no_start(plan.scaling)
    counts = sorted({max(round(most * i / BASES), 1) for i in range(1, BASES + 1)}) if most > 1 else []
    for steady, rest in product(counts, counts):
        size = {"kind": "fixed", "replicas": rest} if bounds is None else {"min": 1, "max": rest, **free}
        yield {
            "pools": [
                {"name": "on demand", "scaling": {"kind": "fixed", "replicas": steady}},
                {"name": "spot", **spot, "scaling": size},
            ]
        }


def running_terms(plans: Iterable[Plan]) -> list[str]:
    """Sentences on the commitments and capacity reservations of plans: how long they last, as no action ends them."""
    options = [buy for plan in plans for pool in plan.by_pool() for buy in (pool.buy, pool.training_buy)]
    bought = [one for buy in options if isinstance(buy, OnDemand) for one in buy.commitments]
    return list(dict.fromkeys(map(_running, bought)))


def _running(one: Commitment) -> str:
    """One of them: the plan may say that it is bought again."""
    if isinstance(one, CapacityReservation):
        until = "to the end" if one.until is None else f"until {format_seconds(one.until)} after the start"
        return (
            f"Capacity is reserved for {one.count:,} x {one.sku} {until}, and paid whether it is used or not. If "
            "you can give it back, advise on the plan without it."
        )
    end = f"{format_seconds(one.end_h * SECONDS_PER_HOUR)} after the start"
    until = f"is renewed by the plan at its end, {end}" if getattr(one, "renewed", False) else f"goes on until {end}"
    return (
        f"The commitment {one.name or one.focus_type} {until}: nodes that are given back before save nothing of it. "
        "To see what saves money from then on, advise on the plan without it."
    )


def _committed(plan: Plan) -> bool:
    return isinstance(plan.buy, OnDemand) and bool(plan.buy.commitments)


def _bought(plan: Plan, catalog: Catalog, *, at_list: bool = True) -> Offer | None:
    """The offer of nodes on demand of one kind, `at_list`: at no stated price; None where they are bought otherwise."""
    buy = plan.buy
    if not isinstance(buy, OnDemand) or plan.or_buy or (at_list and buy.price is not None):
        return None
    return catalog.offer(buy.offer, buy.region)
