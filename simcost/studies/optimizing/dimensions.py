"""Dimensions of a scenario that names none: hardware of the catalog on which the model fits, and sizes of the fleet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from simcost.catalog import Catalog
from simcost.scenario.inputs.hardware_choices import hardware_choices
from simcost.scenario.inputs.offer_dimensions import left_by_region, note_on_choices
from simcost.scenario.inputs.variations import Dimension, no_start
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Plan, Scenario

REPLICAS = 24
"""The largest fixed fleet."""
MAXIMA = (2, 3, 4, 6, 8, 12, 16)
"""Upper bounds of an autoscaler."""


def default_dimensions(loaded: LoadedScenario, plan: Plan) -> list[Dimension]:
    """Hardware with its offer, and sizes: fixed fleets, and the autoscaler of the plan with other upper bounds."""
    hardware = list(hardware_choices(loaded, plan))
    sizes: list[dict[str, Any]] = [{"scaling": {"kind": "fixed", "replicas": n}} for n in range(1, REPLICAS + 1)]
    least = getattr(plan.scaling, "min", None)
    if least is not None and getattr(plan.scaling, "max", None):
        sizes += [{"scaling": {"max": most, **no_start(plan.scaling)}} for most in MAXIMA if most >= least]
    return [hardware, sizes] if hardware else [sizes]


def note_on_dimensions(loaded: LoadedScenario) -> list[str]:
    """Sentences on hardware that a search without `vary` leaves as it is, and on offers whose place is not known."""
    scenario = loaded.scenario
    chosen = [] if scenario.vary else note_on_choices(scenario)
    return [*chosen, *_own_hardware(scenario), *_of_no_region(scenario, loaded.catalog)]


def _own_hardware(scenario: Scenario) -> list[str]:
    replica = scenario.plans[0].replica
    if scenario.vary or replica is None or not (replica.images or replica.on_cpu):
        return []
    name = scenario.plans[0].name
    only = f"Only the size of {name} varies: how long its work takes is known on its own hardware alone."
    return [f"{only} Other plans are searched where `vary` names them."]


def _of_no_region(scenario: Scenario, catalog: Catalog) -> Iterator[str]:
    """Offers with one price everywhere, which patterns of regions leave out."""
    for dimension in scenario.vary:
        left = left_by_region(dimension, catalog) if isinstance(dimension, Mapping) else []
        if left:
            more = f" and {len(left) - 1} more" if len(left) > 1 else ""
            yield (
                f"The regions of `vary` leave out {left[0]}{more}, with one price everywhere (region any): add `any` "
                "to them for offers that are sold where you may run."
            )
