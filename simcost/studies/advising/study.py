"""Study of `simcost advise`: actions on a plan, of each of its services where it has several."""

from __future__ import annotations

from pathlib import Path

from simcost.errors import InputError
from simcost.scenario.checks.load import of_one_pool
from simcost.scenario.schema.loaded_scenario import LoadedScenario, LoadedServices
from simcost.studies.advising.pool import AdviceSettings, Progress, advise_pool
from simcost.studies.advising.result import Advice
from simcost.studies.advising.services import advise_services


def advise(loaded: LoadedScenario | LoadedServices, runs: Path, settings: AdviceSettings, progress: Progress) -> Advice:
    """Actions that lower the cost of a plan and keep its SLO, or that make it meet it.

    Args:
        loaded: the scenario.
        runs: folder in which simulations are stored, and found again.
        settings: the plan, seeds, and simulations at a time; the result does not depend on the latter.
        progress: called with the share done and what is done.

    Raises:
        InputError: a scenario with jobs or without an open workload, no such plan, or services whose costs depend on
            each other.
    """
    for one in loaded.services.values() if isinstance(loaded, LoadedServices) else [loaded]:
        _check(of_one_pool(one))
    if isinstance(loaded, LoadedServices):
        return advise_services(loaded, runs, settings, progress)
    return advise_pool(loaded, runs, settings, progress)


def _check(loaded: LoadedScenario) -> None:
    """Raise InputError where a scenario has jobs, or no open workload."""
    scenario = loaded.scenario
    if scenario.jobs is not None or not (scenario.open_workloads() or scenario.demand):
        raise InputError(
            f"{loaded.path}: advise takes an open workload (trace or synthetic) or a demand, and no jobs; give one"
        )
