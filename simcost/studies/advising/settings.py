"""Options of an advice, and the plan that it is of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum

from simcost.errors import InputError, did_you_mean
from simcost.execution.options import EngineOptions
from simcost.scenario.runs.resolve import ResolvedScenario
from simcost.scenario.runs.search_time import SearchTime
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
    """Part of the work that is being done, told to the user with each simulation.

    Args:
        progress: called with the share done and what is done.
        what: what is done first.
        jobs: simulations at a time.
    """

    def __init__(self, progress: Progress, what: str, jobs: int) -> None:
        self._progress, self._jobs = progress, jobs
        self._time: SearchTime | None = None
        self._what, self._expected = what, {what: 1}
        self._ended, self._before = 0, 0
        self._simulated: Callable[[], int] = lambda: 0

    def begin(
        self, questions: Sequence[ResolvedScenario], expected: Mapping[str, int], simulated: Callable[[], int]
    ) -> None:
        """Estimate the time of the parts, of which the first begins; warn where it is long.

        Args:
            questions: of the services of the plan, or of the plan alone.
            expected: simulations that each part takes, about.
            simulated: returns the number of those made.
        """
        self._expected, self._simulated = {self._what: 0, **expected}, simulated
        self._time = SearchTime(
            questions[0].loaded.path,
            seeds=questions[0].seeds,
            horizon_s=questions[0].horizon_s or 0.0,
            jobs=self._jobs,
            requests=fsum(one.source.expected() for one in questions if one.source is not None),
            what="advice",
            coarser="",
        )
        self._time.warn_if_long(sum(expected.values()))

    def next(self, what: str) -> None:
        """Begin another part."""
        self._ended += self._expected[self._what]
        self._what, self._before = what, self._simulated()

    def __call__(self, _simulated: int) -> None:
        """Tell the share that is done."""
        done = min(self._simulated() - self._before, self._expected[self._what])
        share = min((self._ended + done) / max(sum(self._expected.values()), 1), 0.99)
        if self._time is not None:
            self._time.warn_by_pace(share)
        self._progress(share, self._what)
