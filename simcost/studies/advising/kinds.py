"""Kinds of actions: the partial plans that each may try, and the effort that it takes; those on the size of a fleet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from simcost.plan import Fixed
from simcost.plan.autoscaling.simple import TargetConcurrency
from simcost.scenario.inputs.variations import Dimension, no_start
from simcost.scenario.schema.scenario import Plan
from simcost.studies.advising.result import Effort

Partial = dict[str, Any]
ROUTERS = ("least-outstanding", "power-of-two", "round-robin")
FACTORS = (0.5, 0.75, 1.25, 1.5, 2.0)
"""Of the target of an autoscaler, and of the delay before it removes replicas."""
MOST_REPLICAS = 8
"""Of a fixed fleet in place of an autoscaler whose bounds are not counts of replicas."""
LARGEST, LARGER = 24, 4
"""Replicas of the largest fleet that is tried at least, and as a multiple of today's: of a plan that misses its SLO
the size that meets it may be far from its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionKind:
    """A kind of action."""

    name: str
    effort: Effort
    dimensions: tuple[Dimension, ...] = ()
    """Alternatives; all combinations are tried."""
    why: str = ""
    """Reason why it is not tried; empty = it is."""
    left_out: str = ""
    """Sentence on alternatives that are not tried; empty = all are."""
    reversible: bool = True
    mends: bool = False
    """True if it is of use to a plan alone that misses its SLO."""
    service: str | None = None
    """The service of a whole plan that it changes; None = the plan itself."""
    sizes: Literal["own", "alone", "both", "none"] = "none"
    """alone: it changes the size of the fleet and nothing else; own: it comes with a size, and is worth nothing unless
    it saves more than a size alone; both: a size of a fixed fleet, which others may come with."""

    @property
    def title(self) -> str:
        """Its name, with that of its service."""
        return self.name if self.service is None else f"{self.service}: {self.name}"

    @property
    def left_out_of(self) -> str:
        """The sentence, with the service."""
        return self.left_out if self.service is None else f"{self.service}: {self.left_out}"


def sizes_of(plan: Plan) -> Iterator[ActionKind]:
    """Other numbers of replicas, and other settings of the autoscaler; where prefill is apart, also of its side."""
    yield from _sizes_of(plan)
    if plan.disaggregation is None:
        return
    for kind in _sizes_of(replace(plan, scaling=plan.disaggregation.scaling, disaggregation=None)):
        if kind.sizes != "own":
            dimensions = tuple(map(_of_prefill, kind.dimensions))
            yield replace(kind, name=f"{kind.name}, prefill", dimensions=dimensions, sizes="none")


def _of_prefill(dimension: Dimension) -> Dimension:
    partials: list[Partial] = [{"disaggregation": one} for one in dimension]
    return partials


def _sizes_of(plan: Plan) -> Iterator[ActionKind]:
    policy = plan.scaling
    if isinstance(policy, Fixed):
        yield ActionKind(
            name="number of replicas", effort="very low", dimensions=(_fixed_up_to(policy.replicas),), sizes="alone"
        )
        most = policy.replicas + 1
        scaled: list[Partial] = [
            {"scaling": {"kind": "target-concurrency", "target": target, "min": least, "max": most, "window": "2min"}}
            for target in (8, 16, 32, 64)
            for least in range(1, most)
        ]
        yield ActionKind(name="autoscaler", effort="low", dimensions=(scaled,), sizes="own")
        return
    bounds = bounds_of(policy)
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
    most = bounds[1] if bounds is not None else MOST_REPLICAS
    yield ActionKind(name="fixed fleet", effort="low", dimensions=(_fixed_up_to(most),), sizes="both")


def _fixed(most: int) -> Dimension:
    return [{"scaling": {"kind": "fixed", "replicas": n}} for n in range(1, most + 1)]


def _fixed_up_to(today: int) -> Dimension:
    """Fixed fleets of any size that a plan may need which has so many replicas today."""
    return _fixed(max(LARGER * today, LARGEST))


def bounds_of(policy: object) -> tuple[int, int] | None:
    """Fewest and most replicas of an autoscaler; None where it has none in whole replicas."""
    least, most = getattr(policy, "min", None), getattr(policy, "max", None)
    return (least, most) if isinstance(least, int) and isinstance(most, int) else None


def _other_bounds(policy: object) -> Dimension:
    """Each pair of a lower bound that is not above the own, and an upper bound up to two above the own; with the own
    lower bound also twice the upper one, and the largest.
    """
    bounds = bounds_of(policy)
    if bounds is None:
        return []
    least, most = bounds
    free = no_start(policy)
    lower = sorted({least, max(1, least // 2), max(min(least, 1), least - 1), least + 1})
    upper = sorted({max(most // 2, 1), most - 1, most, most + 1, most + 2})
    pairs = [(low, high) for low in lower for high in upper if 1 <= high >= low]
    far = [(least, high) for high in sorted({2 * most, max(LARGER * most, LARGEST)}) if high not in upper]
    return [{"scaling": {"min": low, "max": high, **free}} for low, high in (*pairs, *far)]


def fleets_of(plan: Plan) -> Dimension:
    """Sizes that a fleet on other hardware, or with another model, may need."""
    policy = plan.scaling
    if isinstance(policy, Fixed):
        return _fixed_up_to(policy.replicas)
    bounds = bounds_of(policy)
    if bounds is None:
        return [{}]
    least, most = bounds
    free = no_start(policy)
    maxima = sorted({max(most // 2, least), max(most - 1, least), most, 2 * most})
    bounded: list[Partial] = [{"scaling": {"max": one, **free}} for one in maxima]
    return [*bounded, *_fixed_up_to(most)]


def routers_of(plan: Plan) -> Iterator[ActionKind]:
    """Routers that need no signal of their own, where there is more than one replica to choose from."""
    bounds = bounds_of(plan.scaling)
    most = plan.scaling.replicas if isinstance(plan.scaling, Fixed) else bounds[1] if bounds else 2
    if most < 2 or plan.router.kind not in ROUTERS:
        return
    others: list[Partial] = [{"router": name} for name in ROUTERS if name != plan.router.kind]
    sizes = _fixed(most) if isinstance(plan.scaling, Fixed) else fleets_of(plan)
    yield ActionKind(name="router", effort="low", dimensions=(others, sizes), sizes="own")
