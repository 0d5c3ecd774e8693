"""Dimensions of a scenario that names none: hardware of the catalog on which the model fits, and sizes of the fleet."""

from __future__ import annotations

from typing import Any

from simcost.scenario.inputs.hardware_choices import hardware_choices
from simcost.scenario.inputs.variations import Dimension
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
        sizes += [{"scaling": {"start": None, "max": most}} for most in MAXIMA if most >= least]
    return [hardware, sizes] if hardware else [sizes]


def note_on_dimensions(scenario: Scenario) -> list[str]:
    """Sentence on hardware that a search without `vary` leaves as it is; none where it varies."""
    replica = scenario.plans[0].replica
    if scenario.vary or replica is None or not (replica.images or replica.on_cpu):
        return []
    name = scenario.plans[0].name
    only = f"Only the size of {name} varies: how long its work takes is known on its own hardware alone."
    return [f"{only} Other plans are searched where `vary` names them."]
