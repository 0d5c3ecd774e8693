"""Scenarios with more or fewer requests of the same kind."""

from dataclasses import replace

from simcost.errors import InputError
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.trace.workload.spec import RecordedWorkload, Workload

LARGEST_RECORDED = 1000.0


def scaled(loaded: LoadedScenario, scale: float) -> LoadedScenario:
    """The scenario with `scale` times as many requests of the same kind.

    Synthetic rates and forecast histories are multiplied; recorded traces are thinned, or resampled copies are added
    (`rate_scale`).

    Raises:
        InputError: a trace cannot be scaled that far, or clients wait for answers.
    """
    scenario = loaded.scenario
    if scenario.closed_workload() is not None:
        raise InputError(
            "workload: a closed loop has as many requests as its plan answers, so that there is no demand to scale; "
            "write one of kind synthetic or trace"
        )
    demand = None if scenario.demand is None else replace(scenario.demand, scale=scenario.demand.scale * scale)
    workload = tuple(_scaled(open_workload, scale) for open_workload in scenario.open_workloads())
    return replace(loaded, scenario=replace(scenario, workload=workload, demand=demand))


def _scaled(workload: Workload, scale: float) -> Workload:
    if not isinstance(workload, RecordedWorkload):
        return replace(workload, rate=workload.rate * scale)
    rate_scale = workload.rate_scale * scale
    if rate_scale > LARGEST_RECORDED:
        raise InputError(
            f"{workload.path}: a trace cannot be repeated {rate_scale:g} times, at most {LARGEST_RECORDED:g}; "
            "scale it less"
        )
    return replace(workload, rate_scale=rate_scale)
