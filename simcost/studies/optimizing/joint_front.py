"""Front of several services that are searched apart: a plan for each of them is a plan of all.

The services are independent, so that a plan of all is worse or equal in everything where the plan of one service is:
its front has plans on the fronts of the services alone. They are put together one service after another, and what is
beaten leaves at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, inf

from simcost.compare.front import front
from simcost.compare.limited_choice import fits
from simcost.studies.optimizing.front_plans import METRICS, FrontPlan, together
from simcost.studies.optimizing.frontier import Frontier
from simcost.studies.optimizing.settings import OBJECTIVES, Document

PARTS = 30
"""Plans of a service of which plans of all are made, at most."""
MOST = 100
"""Plans of all that are kept after each service, at most, and so many near the front."""

Choice = Mapping[str, FrontPlan]
"""A plan by service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScarceSupply:
    """Limits of the supply that services have together. A plan off the front of its service may then be on that of all,
    since it takes less.
    """

    most: Sequence[float]
    taken: Mapping[str, Mapping[str, Sequence[float]]]
    """Most that a plan takes at a time, by service and name."""

    def of(self, choice: Choice) -> tuple[float, ...]:
        """Most that the plans of a choice take together."""
        each = [self.taken[service][plan.name] for service, plan in choice.items()]
        return tuple(fsum(one[i] for one in each) for i in range(len(self.most)))

    def fits(self, choice: Choice) -> bool:
        """True if a choice is within the limits."""
        return fits(self.of(choice), self.most)


def joint_front(
    fronts: Mapping[str, Frontier], level: float, wanted: Collection[str] = (), supply: ScarceSupply | None = None
) -> Document:
    """Keys of the front of all services, as those of one; and `frontier_complete`: no plan was left out by a limit.

    Args:
        fronts: by service.
        level: confidence that a plan off the front is none of it.
        wanted: objectives beside cost; empty = all.
        supply: limits of all services together; None = none.
    """
    services = {name: one.on if supply is None else one.plans for name, one in fronts.items()}
    choices, complete = joint_choices(services, level, wanted, supply)
    near = _near(choices, {name: one.near for name, one in fronts.items()}, supply)
    plans = [together(choice, level) for choice in (*choices, *near)] if choices else []
    return Frontier(plans, level, wanted).document() | {"frontier_complete": complete}


def joint_choices(
    services: Mapping[str, Sequence[FrontPlan]],
    level: float,
    wanted: Collection[str] = (),
    supply: ScarceSupply | None = None,
) -> tuple[list[Choice], bool]:
    """Choices of a plan for each service that no other beats, and True if none was left out by a limit.

    Args:
        services: plans on the front of each; with limits all plans.
        level: confidence of intervals.
        wanted: objectives beside cost; empty = all.
        supply: limits of all services together, of which a choice that takes less is not beaten; None = none.
    """

    def values_of(choice: Choice) -> tuple[float | None, ...]:
        return (*_values(together(choice, level), wanted), *(() if supply is None else supply.of(choice)))

    kept: list[Choice] = [{}]
    complete = True
    for service, plans in services.items():
        every: list[Choice] = [{service: plan} for plan in plans]
        parts = _thinned(every, list(map(values_of, every)), PARTS)
        found: list[Choice] = [{**choice, **part} for choice in kept for part in parts]
        found = [choice for choice in found if supply is None or supply.fits(choice)]
        values = {i: values_of(choice) for i, choice in enumerate(found)}
        on = front({str(i): each for i, each in values.items()})
        kept = _thinned([found[int(i)] for i in on], [values[int(i)] for i in on], MOST)
        complete = complete and len(parts) == len(plans) and len(kept) == len(on)
    return kept, complete


def _near(
    choices: Sequence[Choice], near: Mapping[str, Sequence[FrontPlan]], supply: ScarceSupply | None
) -> list[Choice]:
    """Choices that differ from one of the front in one service, by a plan near its front, the cheapest of them."""
    found: dict[tuple[str, ...], Choice] = {
        tuple(plan.name for plan in choice.values()): choice
        for choice in (
            {**choice, service: plan} for choice in choices for service, plans in near.items() for plan in plans
        )
        if supply is None or supply.fits(choice)
    }
    return sorted(found.values(), key=lambda choice: fsum(plan.cost.mean for plan in choice.values()))[:MOST]


def _values(plan: FrontPlan, wanted: Collection[str]) -> tuple[float | None, ...]:
    """Means of all objectives, better when lower; None = not known."""
    quality = None if plan.quality is None or plan.quality.value is None else -plan.quality.value
    found: dict[str, list[float | None]] = {
        "cost": [plan.cost.mean],
        "attainment": [-plan.attainment.mean if plan.attainment else 0.0],
        "latency": list(_latencies(plan)),
        "carbon": [plan.kg_co2e],
        "risk": [plan.risk],
        "quality": [quality],
    }
    names = [name for name in OBJECTIVES if name in found and (name == "cost" or not wanted or name in wanted)]
    return tuple(value for name in names for value in found[name])


def _latencies(plan: FrontPlan) -> Iterator[float]:
    """Of each metric; of one that does not matter the least, of one without a value the longest."""
    for metric in METRICS:
        value = plan.latency_s.get(metric, 0.0)
        yield inf if value is None else value


def _thinned(choices: Sequence[Choice], values: Sequence[Sequence[float | None]], most: int) -> list[Choice]:
    """So many choices at most: the best in each objective, and others at even steps in the order of their cost."""
    if len(choices) <= most:
        return list(choices)
    ranked = sorted(range(len(choices)), key=lambda i: (values[i][0] or 0.0, i))
    best = {
        min(ranked, key=lambda i: inf if values[i][k] is None else values[i][k] or 0.0) for k in range(len(values[0]))
    }
    rest = [i for i in ranked if i not in best]
    count = most - len(best)
    return [choices[i] for i in sorted({*best, *(rest[step * len(rest) // count] for step in range(count))})]
