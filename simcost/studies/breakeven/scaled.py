"""A scenario with more or less demand."""

from dataclasses import replace

from simcost.errors import InputError
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.trace.workload.spec import Recorded, Workload

LARGEST_RECORDED = 1000.0


def scaled(loaded: LoadedScenario, scale: float) -> LoadedScenario:
    """The scenario with `scale` times as many requests of the same kind.

    Synthetic rates and forecast histories are multiplied; recorded traces are thinned, or resampled copies are added
    (`rate_scale`).

    Raises:
        InputError: a trace cannot be scaled that far.
    """
    scenario = loaded.scenario
    demand = (
        None if scenario.demand is None else replace(scenario.demand, scale=scenario.demand.scale * scale)
    )
    workload = tuple(_scaled(one, scale) for one in scenario.workload)
    return replace(loaded, scenario=replace(scenario, workload=workload, demand=demand))


def _scaled(workload: Workload, scale: float) -> Workload:
    if not isinstance(workload, Recorded):
        return replace(workload, rate=workload.rate * scale)
    rate_scale = workload.rate_scale * scale
    if rate_scale > LARGEST_RECORDED:
        raise InputError(
            f"{workload.path}: a trace cannot be repeated {rate_scale:g} times, at most {LARGEST_RECORDED:g}; "
            "leave out the largest of --scale"
        )
    return replace(workload, rate_scale=rate_scale)
