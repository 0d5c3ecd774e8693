"""Dimensions of a scenario that names none: hardware of the catalog on which the model fits, and sizes of the fleet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from simcost.billing import OnDemand, Spot
from simcost.catalog.facts import Accelerator, Offer, Precision
from simcost.errors import InputError
from simcost.perf import ReplicaSpec, fit_memory
from simcost.perf.memory import possible_tp
from simcost.scenario.inputs.variations import Dimension
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Plan

PRECISIONS: tuple[Precision, ...] = ("bf16", "fp8")
TP = (1, 2, 4, 8)
REPLICAS = 24
"""The largest fixed fleet."""
MAXIMA = (2, 3, 4, 6, 8, 12, 16)
"""Upper bounds of an autoscaler."""


def default_dimensions(loaded: LoadedScenario, plan: Plan) -> list[Dimension]:
    """Hardware with its offer, and sizes: fixed fleets, and the autoscaler of the plan with other upper bounds."""
    hardware = list(_hardware(loaded, plan))
    sizes: list[dict[str, Any]] = [{"scaling": {"kind": "fixed", "replicas": n}} for n in range(1, REPLICAS + 1)]
    least = getattr(plan.scaling, "min", None)
    if least is not None and getattr(plan.scaling, "max", None):
        sizes += [{"scaling": {"start": None, "max": most}} for most in MAXIMA if most >= least]
    return [hardware, sizes] if hardware else [sizes]


def _hardware(loaded: LoadedScenario, plan: Plan) -> Iterator[dict[str, Any]]:
    """Accelerator, tp and precision on which the model fits, each with the cheapest offer of the plan's provider and
    of all.
    """
    base, catalog = plan.replica, loaded.catalog
    served = loaded.scenario.model_of(plan)
    if base is None or served is None:
        return
    model = catalog.model(served)
    provider = plan.buy.offer.partition("/")[0] if isinstance(plan.buy, OnDemand | Spot) else ""
    tps = [tp for tp in TP if tp in possible_tp(model)]
    for accelerator in catalog.facts.accelerators:
        offers = catalog.offers_for(accelerator.name)
        for tp in tps:
            chosen = _offers(offers, tp, provider)
            for precision in PRECISIONS if chosen else ():
                spec = replace(
                    base, accelerator=accelerator.name, tp=tp, precision=precision, kv_tokens=None, step=None
                )
                if _fits(loaded, accelerator, spec, plan):
                    replica = {"accelerator": accelerator.name, "tp": tp, "precision": precision}
                    for offer in chosen:
                        yield {"replica": replica, "buy": {"offer": offer.name, "region": offer.region}}


def _offers(offers: Sequence[Offer], tp: int, provider: str) -> list[Offer]:
    """The cheapest offer of a provider, and the cheapest of all, whose nodes hold whole replicas."""
    whole = [offer for offer in offers if offer.accelerators % tp == 0]
    own = [offer for offer in whole if offer.provider == provider]
    return list({offer.name: offer for offer in (*own[:1], *whole[:1])}.values())


def _fits(loaded: LoadedScenario, accelerator: Accelerator, spec: ReplicaSpec, plan: Plan) -> bool:
    try:
        model = loaded.catalog.model(loaded.scenario.model_of(plan) or "")
        fit_memory(model, accelerator, spec, plan.batching.max_num_batched_tokens)
    except InputError:
        return False
    return True
