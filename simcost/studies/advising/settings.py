"""Options of an advice, and the plan that it is of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simcost.errors import InputError, did_you_mean
from simcost.execution.options import EngineOptions
from simcost.scenario.schema.loaded_scenario import LoadedScenario

Progress = Callable[[float, str], None]
SEEDS = 10
"""Replications of the search unless the scenario says; the confirmation takes as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceSettings:
    """Options of the advice."""

    plan: str | None = None
    """None = the baseline."""
    spot_per_node_h: float | None = None
    """Interruptions of a spot node an hour; None = spot is not tried."""
    seeds: int | None = None
    seed: int | None = None
    fresh_seed: int | None = None
    """Of the runs that confirm; None = one that follows from the seed."""
    jobs: int = 1
    engine: EngineOptions | None = None


def chosen_plan(loaded: LoadedScenario, name: str | None) -> str:
    """Name of the plan that is asked about, the baseline unless one is named. Raises InputError if there is none."""
    scenario = loaded.scenario
    names = [plan.name for plan in scenario.plans]
    chosen = name or scenario.baseline or names[0]
    if chosen not in names:
        near = did_you_mean(chosen, names)
        raise InputError(f"{loaded.path}: no plan {chosen!r}{near}; there are {', '.join(names)}")
    return chosen


class Stage:
    """Part of the work that is being done, told to the user with each simulation."""

    def __init__(self, progress: Progress, what: str) -> None:
        self._progress = progress
        self.what, self.share = what, 0.0

    def __call__(self, _simulated: int) -> None:
        """Tell it."""
        self._progress(self.share, self.what)
