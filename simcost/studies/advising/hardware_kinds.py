"""Kinds of actions that change what requests are served on: accelerator, parallelism, precision, provider, model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from math import ceil
from typing import Any

from simcost.billing import OnDemand, Owned, Spot
from simcost.perf.memory import WEIGHT_BYTES
from simcost.plan import Fixed
from simcost.scenario.inputs.hardware_choices import hardware_choices, unknown_quality
from simcost.scenario.inputs.variations import Dimension, no_start
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Plan
from simcost.studies.advising.kinds import ActionKind, Partial, bounds_of, fleets_of
from simcost.studies.advising.result import Effort

MOST_CHOICES = 6
"""Kinds of hardware that are tried of each kind of action, where capacity is known by simulation alone."""
SUNK = (
    "Rent is set against the whole cost of owned nodes, as before they are bought: what is paid for them already is "
    "saved only as far as they can be sold."
)
FLEETS = (0.5, 0.75, 1.0, 1.5)
"""Sizes of a fleet on other hardware that are tried there, by how fast it reads its memory beside today's."""


def hardware_kinds(loaded: LoadedScenario, plan: Plan, *, bounded: bool = True) -> Iterator[ActionKind]:
    """Other precisions, tensor parallelism, accelerators, offers and providers, with sizes that suit them.

    Args:
        loaded: the scenario, of one pool or one service.
        plan: the plan.
        bounded: True if bounds of capacity exclude what cannot serve enough, so that all may be tried; False = the
            hardware is tried that reads its memory for the least money, in few sizes.
    """
    if plan.replica is None or not isinstance(plan.buy, OnDemand | Spot | Owned):
        return
    for name, partials in _groups(loaded, plan).items():
        alike = [choice for i, choice in enumerate(partials) if choice not in partials[:i]]
        rented = isinstance(plan.buy, Owned) and "buy" in alike[0]
        effort: Effort = "high" if rented or name == "provider" else "medium"
        sunk = SUNK if rented else ""
        if bounded:
            yield ActionKind(name=name, effort=effort, dimensions=(alike, fleets_of(plan)), sizes="own", left_out=sunk)
            continue
        if name == "offer":
            yield ActionKind(name=name, effort=effort, dimensions=([_as_bought(plan, one) for one in alike],))
            continue
        kept = [_as_bought(plan, choice) for choice in _first_of_each(loaded, plan, alike)[:MOST_CHOICES]]
        yield ActionKind(
            name=name,
            effort=effort,
            dimensions=([choice | size for choice in kept for size in _sizes_on(loaded, plan, choice)],),
            sizes="own",
            left_out=" ".join(filter(None, (left_out(name, len(alike), len(kept)), sunk))),
        )


def _as_bought(plan: Plan, choice: Partial) -> Partial:
    """Hardware that is bought on demand too, said once."""
    if "buy" not in choice or not isinstance(plan.buy, OnDemand):
        return choice
    return choice | {"buy": {key: value for key, value in choice["buy"].items() if key != "kind"}}


def _first_of_each(loaded: LoadedScenario, plan: Plan, choices: Sequence[Partial]) -> list[Partial]:
    """The choice of each accelerator that reads its memory for the least money, then the second of each, and so on."""
    places, seen = list[tuple[int, Partial]](), Counter[str]()
    for choice in sorted(choices, key=partial(_usd_per_byte, loaded, plan)):
        accelerator = choice["replica"]["accelerator"]
        places.append((seen[accelerator], choice))
        seen[accelerator] += 1
    return [choice for _, choice in sorted(places, key=lambda place: place[0])]


def left_out(name: str, count: int, kept: int) -> str:
    """Sentence on the hardware that is not simulated; empty where all is."""
    if count == kept:
        return ""
    return (
        f"Of {count} choices of {name}, {kept} were simulated, whose memory reads a byte for the least money, since "
        "the time of a token is mostly that of reading the weights; the others were left out."
    )


def _groups(loaded: LoadedScenario, plan: Plan) -> dict[str, list[Partial]]:
    """Partial plans with other hardware, by what they change."""
    replica, buy = plan.replica, plan.buy
    groups: dict[str, list[Partial]] = {}
    if replica is None or not isinstance(buy, OnDemand | Spot | Owned):
        return groups
    for hardware_choice in hardware_choices(loaded, plan):
        whole = (
            hardware_choice
            | {"buy": {"kind": "on-demand", **hardware_choice["buy"]}}
            | ({"or_buy": []} if plan.or_buy else {})
        )
        changed = [
            name
            for name in ("accelerator", "tp", "precision")
            if hardware_choice["replica"][name] != getattr(replica, name)
        ]
        if isinstance(buy, Owned):
            name, partial = _instead_of_owned(buy, changed, hardware_choice, whole)
            if name:
                groups.setdefault(name, []).append(partial)
        elif hardware_choice["buy"]["offer"].partition("/")[0] != buy.offer.partition("/")[0]:
            groups.setdefault("provider", []).append(whole)
        elif changed == ["precision"]:
            groups.setdefault("precision", []).append(_without_offer(hardware_choice))
        elif changed and "precision" not in changed:
            groups.setdefault("accelerator" if "accelerator" in changed else "tensor parallelism", []).append(whole)
        elif not changed and hardware_choice["buy"]["offer"] != buy.offer:
            groups.setdefault("offer", []).append(whole)
    return groups


def _instead_of_owned(buy: Owned, changed: Sequence[str], choice: Partial, rented: Partial) -> tuple[str, Partial]:
    """The kind of an action on a plan of owned nodes: rent of the same or another accelerator, or its own nodes with
    another precision or parallelism; no name where the choice is none of them.
    """
    if not changed:
        return "rent", rented
    if changed == ["accelerator"] or changed == ["accelerator", "tp"]:
        return "accelerator by rent", rented
    if changed == ["precision"]:
        return "precision", _without_offer(choice)
    if changed == ["tp"] and buy.accelerators % choice["replica"]["tp"] == 0:
        return "tensor parallelism", _without_offer(choice)
    return "", {}


def _without_offer(choice: Partial) -> Partial:
    return {key: value for key, value in choice.items() if key != "buy"}


def _speed(loaded: LoadedScenario, plan: Plan, choice: Partial) -> float:
    """Weights that a replica reads a second."""
    replica = {name: getattr(plan.replica, name) for name in ("accelerator", "tp", "precision")}
    replica |= {name: value for name, value in choice.get("replica", {}).items() if name in replica}
    read = loaded.catalog.accelerator(replica["accelerator"]).memory_bytes_per_s
    return float(read * replica["tp"] / WEIGHT_BYTES[replica["precision"]])


def _usd_per_byte(loaded: LoadedScenario, plan: Plan, choice: Partial) -> float:
    """Price that is paid for a replica and hour in a fleet about as fast as today's, by the weights that it reads."""
    speed, tp = _speed(loaded, plan, choice), int(choice["replica"]["tp"])
    if "buy" not in choice and isinstance(plan.buy, Owned):
        return tp / speed
    bought = choice.get("buy") or {name: getattr(plan.buy, name, None) for name in ("offer", "region")}
    offer = loaded.catalog.offer(bought["offer"], bought["region"])
    slots = max(offer.accelerators // tp, 1)
    replicas = _replicas(plan, _speed(loaded, plan, {}) / speed) or slots
    nodes = ceil(replicas / slots)
    return loaded.catalog.contracted(offer).contracted_usd_per_h * nodes / replicas / speed


def _replicas(plan: Plan, factor: float) -> int:
    """The most replicas of a fleet of so many times today's; 0 = its policy has no bound."""
    bounds = bounds_of(plan.scaling)
    today = plan.scaling.replicas if isinstance(plan.scaling, Fixed) else bounds[1] if bounds else 0
    return ceil(today * factor - 1e-9)


def _sizes_on(loaded: LoadedScenario, plan: Plan, choice: Partial) -> Dimension:
    """Sizes of the fleet on other hardware, about as fast together as today's."""
    return _scaled_sizes(plan, _speed(loaded, plan, {}) / _speed(loaded, plan, choice))


def _scaled_sizes(plan: Plan, ratio: float) -> Dimension:
    found = [scaled_size(plan, ratio * factor) for factor in FLEETS]
    return [size for i, size in enumerate(found) if size not in found[:i]]


def scaled_size(plan: Plan, factor: float) -> Partial:
    """A fleet of so many times today's: a fixed one, or another upper bound of the autoscaler."""
    policy, bounds = plan.scaling, bounds_of(plan.scaling)
    if isinstance(policy, Fixed):
        return {"scaling": {"kind": "fixed", "replicas": max(ceil(policy.replicas * factor - 1e-9), 1)}}
    if bounds is None:
        return {}
    least, most = bounds
    free = no_start(policy)
    return {"scaling": {"max": max(ceil(most * factor - 1e-9), least, 1), **free}}


def model_kinds(loaded: LoadedScenario, plan: Plan, *, bounded: bool = True) -> Iterator[ActionKind]:
    """Smaller models, where the scenario says which quality is enough."""
    asked, served = loaded.scenario.quality, loaded.scenario.model_of(plan)
    if served is None:
        return
    if asked is None or asked.at_least is None:
        why = "the scenario states no quality.at_least"
        yield ActionKind(name="smaller model", effort="medium", why=why)
        return
    size = loaded.catalog.model(served).parameters
    smaller: list[Partial] = [
        {"model": model.name, **unknown_quality(plan)}
        for model in loaded.catalog.facts.models
        if model.parameters < size
    ]
    if smaller:
        fleets: Any = fleets_of(plan) if bounded else _scaled_sizes(plan, 1.0)
        yield ActionKind(name="smaller model", effort="medium", dimensions=(smaller, fleets), sizes="own")
