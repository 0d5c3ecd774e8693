"""Hardware that a plan may have in place of its own: accelerators, tp and precisions on which its model fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from simcost.billing import OnDemand, Spot
from simcost.billing.storage_transfer import month_usd
from simcost.catalog import Catalog
from simcost.catalog.facts import Accelerator, Offer, Precision
from simcost.catalog.provider_facts import is_priced
from simcost.errors import InputError
from simcost.perf import ReplicaSpec, fit_memory
from simcost.perf.memory import possible_tp
from simcost.scenario.inputs.offer_dimensions import proposed
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Plan
from simcost.units import HOURS_PER_MONTH

PRECISIONS: tuple[Precision, ...] = ("bf16", "fp8")
TP = (1, 2, 4, 8)


def hardware_choices(loaded: LoadedScenario, plan: Plan) -> Iterator[dict[str, Any]]:
    """Accelerator, tp and precision on which the model fits, each with the cheapest offers of the plan's provider and
    of all that `choices` leaves: that of the least price per accelerator, and smaller nodes of a lower price.
    """
    base, catalog = plan.replica, loaded.catalog
    served = loaded.scenario.model_of(plan)
    if base is None or served is None or base.on_cpu or base.images:  # no times of such models are known elsewhere
        return
    model = catalog.model(served)
    provider = plan.buy.provider if isinstance(plan.buy, OnDemand | Spot) else ""
    tps = [tp for tp in TP if tp in possible_tp(model)]
    disk_gb = plan.startup.disk
    own = catalog.accelerator(base.accelerator).name
    for accelerator in catalog.facts.accelerators:
        name = base.accelerator if accelerator.name == own else accelerator.name  # its own as the plan writes it
        offers = proposed(loaded, catalog.offers_for(accelerator.name))
        usd = {offer: _node_usd_per_h(offer, disk_gb, catalog) for offer in offers}
        for tp in tps:
            chosen = _offers(offers, tp, provider, usd, catalog)
            for precision in PRECISIONS if chosen else ():
                spec = replace(base, accelerator=name, tp=tp, precision=precision, kv_tokens=None, step=None)
                if _fits(loaded, accelerator, spec, plan):
                    replica = {"accelerator": name, "tp": tp, "precision": precision}
                    replica |= (
                        _not_measured(base) if replace(spec, step=base.step, kv_tokens=base.kv_tokens) != base else {}
                    )
                    other = {} if precision == base.precision else unknown_quality(plan)
                    for offer in chosen:
                        yield {"replica": replica, "buy": _bought(offer, plan), **other}


def unknown_quality(plan: Plan) -> dict[str, Any]:
    """The quality that is stated of the model as a plan serves it, taken out for another model or number format."""
    return {} if plan.quality is None else {"quality": None}


def _not_measured(base: ReplicaSpec) -> dict[str, Any]:
    """Measurements of the hardware of the plan, which hold on no other, taken out."""
    return {name: None for name in ("step", "kv_tokens") if getattr(base, name) is not None}


def _bought(offer: Offer, plan: Plan) -> dict[str, Any]:
    """The purchase of an offer; a price that is stated of the plan's own holds for it alone."""
    bought: dict[str, Any] = {"offer": offer.name, "region": offer.region}
    stated = isinstance(plan.buy, OnDemand | Spot) and plan.buy.price is not None and plan.buy.offer != offer.name
    return bought | {"price": None} if stated else bought


def _node_usd_per_h(offer: Offer, disk_gb: float, catalog: Catalog) -> float:
    """Price of a node with its disk by contract, USD an hour; a disk without a price costs nothing here.

    Traffic does not count: it is that of the requests, of which nothing is known before a run.
    """
    usd_per_h = catalog.contracted(offer).contracted_usd_per_h
    if not is_priced(catalog, offer.provider, ("storage",), region=offer.region):
        return usd_per_h
    tiers = catalog.tier_prices(offer.provider, "storage", offer.region)
    left = 1 - catalog.discount(offer.provider, "storage", offer.region, "storage")
    return usd_per_h + left * month_usd(disk_gb, tiers) / HOURS_PER_MONTH


def _offers(
    offers: Sequence[Offer], tp: int, provider: str, usd_per_h: Mapping[Offer, float], catalog: Catalog
) -> list[Offer]:
    """The cheapest offers of a provider, of all, and of those that can be billed by the catalog alone, whose nodes
    hold whole replicas.
    """
    whole = [offer for offer in offers if offer.accelerators % tp == 0]
    own = [offer for offer in whole if offer.provider == provider]
    billed = [offer for offer in whole if is_priced(catalog, offer.provider, region=offer.region)]
    found = [one for group in (own, whole, billed) for one in _cheapest(group, usd_per_h)]
    return list({offer.name: offer for offer in found}.values())


def _cheapest(offers: Sequence[Offer], usd_per_h: Mapping[Offer, float]) -> list[Offer]:
    """The offers that no other beats in the price of a node and in that of an accelerator: large nodes may cost less
    per accelerator, and more than a small fleet needs. By accelerator the cheapest first, of equal ones the first.
    """
    kept: list[Offer] = []
    for offer in sorted(offers, key=lambda offer: (usd_per_h[offer] / offer.accelerators, usd_per_h[offer])):
        if not kept or usd_per_h[offer] < usd_per_h[kept[-1]] * (1 - 1e-9):
            kept.append(offer)
    return kept


def _fits(loaded: LoadedScenario, accelerator: Accelerator, spec: ReplicaSpec, plan: Plan) -> bool:
    try:
        model = loaded.catalog.model(loaded.scenario.model_of(plan) or "")
        fit_memory(model, accelerator, spec, plan.batching.max_num_batched_tokens, loaded.catalog)
    except InputError:
        return False
    return True
