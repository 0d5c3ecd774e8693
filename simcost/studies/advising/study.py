"""Study of `simcost advise`: actions on a plan, of each of its services where it has several."""

from __future__ import annotations

from pathlib import Path

from simcost.scenario.runs.services_apart import is_whole
from simcost.scenario.schema.loaded_scenario import AnyScenario, LoadedServices
from simcost.studies.advising.pool import advise_pool
from simcost.studies.advising.result import Advice
from simcost.studies.advising.services import advise_services
from simcost.studies.advising.settings import AdviceSettings, Progress, chosen_plan
from simcost.studies.advising.whole import advise_whole_plan


def advise(loaded: AnyScenario, runs: Path, settings: AdviceSettings, progress: Progress) -> Advice:
    """Actions that lower the cost of a plan and keep its SLO, or that make it meet it.

    Args:
        loaded: the scenario.
        runs: folder in which simulations are stored, and found again.
        settings: the plan, seeds, and simulations at a time; the result does not depend on the latter.
        progress: called with the share done and what is done.

    Raises:
        InputError: no such plan.
    """
    if is_whole(loaded, [chosen_plan(loaded.first, settings.plan)]):
        return advise_whole_plan(loaded, runs, settings, progress)
    if isinstance(loaded, LoadedServices):
        return advise_services(loaded, runs, settings, progress)
    return advise_pool(loaded, runs, settings, progress)
