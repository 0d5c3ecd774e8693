"""Kinds of actions on a plan: the partial plans that each may try, and the effort that it takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from simcost.billing import OnDemand, Spot
from simcost.catalog.facts import Instrument
from simcost.errors import CatalogError
from simcost.plan import Fixed
from simcost.plan.autoscaling.simple import TargetConcurrency
from simcost.scenario.inputs.hardware_choices import hardware_choices
from simcost.scenario.inputs.variations import Dimension
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Plan
from simcost.studies.advising.result import Effort

Partial = dict[str, Any]
ROUTERS = ("least-outstanding", "power-of-two", "round-robin")
FACTORS = (0.5, 0.75, 1.25, 1.5, 2.0)
"""Of the target of an autoscaler, and of the delay before it removes replicas."""
RESERVATIONS: dict[str, tuple[str, Instrument]] = {
    "aws": ("reserved-instances", "reserved-instance"),
    "azure": ("azure-reservation", "azure-reservation"),
    "gcp": ("resource-cud", "resource-cud"),
}
"""Commitments to instances by provider, and their rates in the catalog."""
MOST_COMMITTED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionKind:
    """A kind of action."""

    name: str
    effort: Effort
    dimensions: tuple[Dimension, ...]
    """Alternatives; all combinations are tried."""
    reversible: bool = True
    service: str | None = None
    """The service of a whole plan that it changes; None = the plan itself."""
    sizes: Literal["own", "alone", "none"] = "none"
    """alone: it changes the size of the fleet and nothing else; own: it comes with a size, and is worth nothing unless
    it saves more than a size alone."""

    @property
    def title(self) -> str:
        """Its name, with that of its service."""
        return self.name if self.service is None else f"{self.service}: {self.name}"


def action_kinds(loaded: LoadedScenario, plan: Plan, spot_per_node_h: float | None) -> list[ActionKind]:
    """The kinds of actions that a plan can have, those of the least effort first.

    Args:
        loaded: the scenario.
        plan: the plan.
        spot_per_node_h: interruptions of a spot node an hour; None = spot is not tried.
    """
    return [
        *sizes_of(plan),
        *routers_of(plan),
        *_purchases(loaded, plan),
        *_spot(loaded, plan, spot_per_node_h),
        *_hardware(loaded, plan),
        *_models(loaded, plan),
    ]


def sizes_of(plan: Plan) -> Iterator[ActionKind]:
    """Other numbers of replicas, and other settings of the autoscaler."""
    policy = plan.scaling
    if isinstance(policy, Fixed):
        yield ActionKind(
            name="number of replicas", effort="very low", dimensions=(_fixed(2 * policy.replicas + 2),), sizes="alone"
        )
        most = policy.replicas + 1
        scaled: list[Partial] = [
            {"scaling": {"kind": "target-concurrency", "target": target, "min": least, "max": most, "window": "2min"}}
            for target in (8, 16, 32, 64)
            for least in range(1, most)
        ]
        yield ActionKind(name="autoscaler", effort="low", dimensions=(scaled,), sizes="own")
        return
    bounds = _bounds(policy)
    if bounds is not None:
        yield ActionKind(
            name="bounds of the autoscaler", effort="very low", dimensions=(_other_bounds(policy),), sizes="alone"
        )
    if isinstance(policy, TargetConcurrency):
        targets: list[Partial] = [
            {"scaling": {"target": round(policy.target * factor, 2)}} for factor in (1.0, *FACTORS)
        ]
        delays: list[Partial] = [
            {"scaling": {"scale_down_delay": policy.scale_down_delay * factor}} for factor in (0.25, 0.5, 1.0)
        ]
        yield ActionKind(name="target of the autoscaler", effort="very low", dimensions=(targets, delays))
    most = bounds[1] if bounds is not None else MOST_COMMITTED
    yield ActionKind(name="fixed fleet", effort="low", dimensions=(_fixed(most),), sizes="own")


def _fixed(most: int) -> Dimension:
    return [{"scaling": {"kind": "fixed", "replicas": n}} for n in range(1, most + 1)]


def _bounds(policy: object) -> tuple[int, int] | None:
    """Fewest and most replicas of an autoscaler; None where it has none in whole replicas."""
    least, most = getattr(policy, "min", None), getattr(policy, "max", None)
    return (least, most) if isinstance(least, int) and isinstance(most, int) else None


def _other_bounds(policy: object) -> Dimension:
    """Each pair of a lower bound that is not above the own, and an upper bound up to two above the own."""
    bounds = _bounds(policy)
    if bounds is None:
        return []
    least, most = bounds
    free: Partial = {"start": None} if hasattr(policy, "start") else {}
    lower = sorted({least, max(1, least // 2), max(min(least, 1), least - 1), least + 1})
    upper = sorted({max(most // 2, 1), most - 1, most, most + 1, most + 2})
    return [{"scaling": {"min": low, "max": high, **free}} for low in lower for high in upper if 1 <= high >= low]


def _fleets(plan: Plan) -> Dimension:
    """Sizes that a fleet on other hardware, or with another model, may need."""
    policy = plan.scaling
    if isinstance(policy, Fixed):
        return _fixed(max(4 * policy.replicas, 8))
    bounds = _bounds(policy)
    if bounds is None:
        return [{}]
    least, most = bounds
    free: Partial = {"start": None} if hasattr(policy, "start") else {}
    maxima = sorted({max(most // 2, least), max(most - 1, least), most, 2 * most})
    bounded: list[Partial] = [{"scaling": {"max": one, **free}} for one in maxima]
    return [*bounded, *_fixed(most)]


def routers_of(plan: Plan) -> Iterator[ActionKind]:
    """Routers that need no signal of their own, where there is more than one replica to choose from."""
    bounds = _bounds(plan.scaling)
    most = plan.scaling.replicas if isinstance(plan.scaling, Fixed) else bounds[1] if bounds else 2
    if most < 2 or plan.router.kind not in ROUTERS:
        return
    others: list[Partial] = [{"router": name} for name in ROUTERS if name != plan.router.kind]
    sizes = _fixed(most) if isinstance(plan.scaling, Fixed) else _fleets(plan)
    yield ActionKind(name="router", effort="low", dimensions=(others, sizes), sizes="own")


def _purchases(loaded: LoadedScenario, plan: Plan) -> Iterator[ActionKind]:
    """The same nodes in another region, and commitments to them for a year or three."""
    buy = plan.buy
    if not isinstance(buy, OnDemand) or buy.price is not None or plan.or_buy:
        return
    here = loaded.catalog.offer(buy.offer, buy.region)
    regions = [
        offer.region for offer in loaded.catalog.facts.offers if offer.name == here.name and offer.region != here.region
    ]
    if regions:
        yield ActionKind(
            name="region", effort="medium", dimensions=([{"buy": {"region": region}} for region in regions],)
        )
    if here.provider not in RESERVATIONS or buy.commitments:
        return
    kind, instrument = RESERVATIONS[here.provider]
    counts = range(1, min(_most_nodes(loaded, plan), MOST_COMMITTED) + 1)
    for years in (1, 3):
        try:
            loaded.catalog.commitment_rate(here.provider, instrument, here.sku, here.region, years, "none")
        except CatalogError:
            continue
        held = {"kind": kind, "provider": here.provider, "sku": here.sku, "region": here.region, "years": years}
        committed: list[Partial] = [{"buy": {"commitments": [held | {"count": n, "renewed": True}]}} for n in counts]
        yield ActionKind(
            name=f"commitment of {years} year{'s' if years > 1 else ''}",
            effort="low",
            dimensions=(committed,),
            reversible=False,
        )


def _most_nodes(loaded: LoadedScenario, plan: Plan) -> int:
    bounds = _bounds(plan.scaling)
    most = plan.scaling.replicas if isinstance(plan.scaling, Fixed) else bounds[1] if bounds else 1
    per_replica = plan.replica.accelerators if plan.replica else 1
    slots = max(plan.buy.node_accelerators(loaded.catalog, per_replica) // per_replica, 1)
    return -(-most // slots)


def _spot(loaded: LoadedScenario, plan: Plan, per_node_h: float | None) -> Iterator[ActionKind]:
    """All nodes on spot, with interruptions as the user states them."""
    buy = plan.buy
    if per_node_h is None or not isinstance(buy, OnDemand) or plan.or_buy:
        return
    if loaded.catalog.offer(buy.offer, buy.region).spot_usd_per_h is None:
        return
    spot: Partial = {
        "buy": {"kind": "spot", "offer": buy.offer, "region": buy.region},
        "interruptions": {"spot": {"kind": "hazard", "per_node_h": per_node_h}},
    }
    yield ActionKind(name="spot", effort="low", dimensions=([spot], _fleets(plan)), sizes="own")


def _hardware(loaded: LoadedScenario, plan: Plan) -> Iterator[ActionKind]:
    """Other precisions, tensor parallelism, accelerators and providers, with sizes that suit them."""
    replica = plan.replica
    if replica is None or not isinstance(plan.buy, OnDemand | Spot):
        return
    groups: dict[str, list[Partial]] = {}
    for hardware_choice in hardware_choices(loaded, plan):
        partial = (
            hardware_choice
            | {"buy": {"kind": "on-demand", **hardware_choice["buy"]}}
            | ({"or_buy": []} if plan.or_buy else {})
        )
        changed = [
            name
            for name in ("accelerator", "tp", "precision")
            if hardware_choice["replica"][name] != getattr(replica, name)
        ]
        if hardware_choice["buy"]["offer"].partition("/")[0] != plan.buy.offer.partition("/")[0]:
            groups.setdefault("provider", []).append(partial)
        elif changed == ["precision"]:
            groups.setdefault("precision", []).append({"replica": hardware_choice["replica"]})
        elif changed and "precision" not in changed:
            groups.setdefault("accelerator" if "accelerator" in changed else "tensor parallelism", []).append(partial)
        elif not changed and hardware_choice["buy"]["offer"] != plan.buy.offer:
            groups.setdefault("offer", []).append(partial)
    for name, partials in groups.items():
        alike = [one for i, one in enumerate(partials) if one not in partials[:i]]
        if alike:
            effort: Effort = "high" if name == "provider" else "medium"
            yield ActionKind(name=name, effort=effort, dimensions=(alike, _fleets(plan)), sizes="own")


def _models(loaded: LoadedScenario, plan: Plan) -> Iterator[ActionKind]:
    """Smaller models, where the scenario says which quality is enough."""
    asked, served = loaded.scenario.quality, loaded.scenario.model_of(plan)
    if asked is None or asked.at_least is None or served is None:
        return
    size = loaded.catalog.model(served).parameters
    smaller: list[Partial] = [{"model": model.name} for model in loaded.catalog.facts.models if model.parameters < size]
    if smaller:
        yield ActionKind(name="smaller model", effort="medium", dimensions=(smaller, _fleets(plan)), sizes="own")
