"""Dimensions of a scenario that names none: hardware of the catalog on which the model fits, and sizes of the fleet."""

from __future__ import annotations

from typing import Any

from simcost.scenario.inputs.hardware_choices import hardware_choices
from simcost.scenario.inputs.variations import Dimension
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Plan

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
