"""Kinds of actions on nodes that several services share: other nodes, hardware and regions, for all of them at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from simcost.billing import OnDemand
from simcost.catalog.facts import Offer
from simcost.scenario.files.sharing import KEY
from simcost.scenario.inputs.hardware_choices import hardware_choices
from simcost.scenario.inputs.offer_dimensions import proposed
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Plan
from simcost.studies.advising.hardware_kinds import FLEETS, MOST_CHOICES, left_out, scaled_size
from simcost.studies.advising.kinds import ActionKind, Partial
from simcost.studies.advising.purchase_kinds import commitment_kinds, most_nodes, region_kinds, spot_kinds
from simcost.studies.advising.result import Effort


def shared_node_kinds(services: Mapping[str, LoadedScenario], spot_per_node_h: float | None) -> Iterator[ActionKind]:
    """Nodes of another size, in another region, with another accelerator, under commitments, or on spot.

    Args:
        services: those that share the nodes, each with the plan alone.
        spot_per_node_h: interruptions of a spot node an hour; None = spot is not tried.
    """
    first = next(iter(services.values()))
    plan, catalog = first.scenario.plans[0], first.catalog
    buy = plan.buy
    if not isinstance(buy, OnDemand) or plan.or_buy or plan.replica is None:
        return
    if buy.price is None:
        here = catalog.offer(buy.offer, buy.region)
        others: list[Partial] = [
            {"buy": {"offer": offer.name, "region": offer.region}}
            for offer in proposed(first, catalog.offers_for(plan.replica.accelerator))
            if offer.provider == here.provider and offer.region == here.region and offer.name != here.name
        ]
        if others:
            yield ActionKind(name="nodes", effort="medium", dimensions=(others,))
        yield from region_kinds(plan, first)
        nodes = sum(most_nodes(one.scenario.plans[0], catalog) for one in services.values())
        yield from commitment_kinds(plan, catalog, nodes)
    yield from spot_kinds(plan, catalog, spot_per_node_h, shared=True)
    yield from _accelerators(services, plan)


def _accelerators(services: Mapping[str, LoadedScenario], plan: Plan) -> Iterator[ActionKind]:
    """Other accelerators on which the models of all services fit as they are, of the provider and of others."""
    first = next(iter(services.values()))
    catalog = first.catalog
    each = [_fitting(one) for one in services.values()]
    offers = [
        offer
        for name in each[0]
        if all(name in one for one in each)
        for offer in proposed(first, catalog.offers_for(name))
        if offer.accelerators
    ]
    speeds = {one.accelerator: catalog.accelerator(one.accelerator).memory_bytes_per_s for one in offers}
    usd = {offer: catalog.contracted(offer).contracted_usd_per_h for offer in offers}
    offers.sort(key=lambda offer: usd[offer] / offer.accelerators / speeds[offer.accelerator])
    today = catalog.accelerator(plan.replica.accelerator).memory_bytes_per_s if plan.replica else 1.0
    provider = getattr(plan.buy, "offer", "").partition("/")[0]
    efforts: dict[str, Effort] = {"accelerator": "medium", "provider": "high"}
    for name, effort in efforts.items():
        found = _cheapest([offer for offer in offers if (offer.provider == provider) == (name == "accelerator")])
        partials = [
            _on_offer(services, plan, offer, factor * today / speeds[offer.accelerator])
            for offer in found[:MOST_CHOICES]
            for factor in FLEETS
        ]
        if partials:
            left = left_out(f"shared nodes of another {name}", len(found), len(found[:MOST_CHOICES]))
            yield ActionKind(name=name, effort=effort, dimensions=(partials,), left_out=left)


def _on_offer(services: Mapping[str, LoadedScenario], plan: Plan, offer: Offer, factor: float) -> Partial:
    """All services on other nodes, each with so many times its replicas."""
    no_price: Partial = {} if getattr(plan.buy, "price", None) is None else {"price": None}
    return {
        "buy": {"offer": offer.name, "region": offer.region, **no_price},
        KEY: {
            name: {"replica": {"accelerator": offer.accelerator}} | scaled_size(one.scenario.plans[0], factor)
            for name, one in services.items()
        },
    }


def _cheapest(offers: Sequence[Offer]) -> list[Offer]:
    """Of each accelerator and each size of node the first offer: shared nodes hold replicas of several services."""
    first: dict[tuple[str, int], Offer] = {}
    for offer in offers:
        first.setdefault((offer.accelerator, offer.accelerators), offer)
    return list(first.values())


def _fitting(loaded: LoadedScenario) -> list[str]:
    """Other accelerators on which the model of a service fits with the same tp and precision."""
    plan = loaded.scenario.plans[0]
    if plan.replica is None:
        return []
    same = (plan.replica.tp, plan.replica.precision)
    found = [choice["replica"] for choice in hardware_choices(loaded, plan)]
    return list(
        dict.fromkeys(
            one["accelerator"]
            for one in found
            if (one["tp"], one["precision"]) == same and one["accelerator"] != plan.replica.accelerator
        )
    )
