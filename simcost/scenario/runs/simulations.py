"""Simulations of single plans, as they are asked for: their results and scores by replication."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

from simcost.compare.results import PlanSummary, RunResult, summarise
from simcost.compare.scores import RunScore, futures_score, proves_to_hold
from simcost.execution.workers import Workers
from simcost.perf.quality import ModelQuality
from simcost.scenario.inputs.model_quality import is_good_enough, model_qualities
from simcost.scenario.runs.arrivals import Arrivals
from simcost.scenario.runs.bills import PurchasedNodes
from simcost.scenario.runs.contributions import served_side
from simcost.scenario.runs.replication_order import slowest_first
from simcost.scenario.runs.resolve import ResolvedPlan, ResolvedScenario, Source, resolved_plan
from simcost.scenario.runs.run_keys import run_key
from simcost.scenario.runs.serving_runs import ServingRun, serving_ledger
from simcost.scenario.runs.tasks import AssessPlan, Key, shared_by_runs
from simcost.scenario.schema.scenario import Plan


class Simulations:
    """Runs of plans under the arrivals of one question.

    Args:
        question: with its seed and replications.
        source: its requests.
        runs: folder in which ledgers are stored, and found again.
        workers: what executes them.
        note: called now and then with the number of simulations made.
        arrivals: the requests of the source, where they are known; None = they are made.
        against_perfect: compare fleets with a perfect autoscaler.
    """

    def __init__(
        self,
        question: ResolvedScenario,
        source: Source,
        runs: Path,
        workers: Workers,
        note: Callable[[int], None],
        *,
        against_perfect: bool = True,
    ) -> None:
        self.question, self.arrivals = question, Arrivals(source)
        self._runs, self._workers, self._note = runs, workers, note
        self._task = AssessPlan(
            question=shared_by_runs(question), arrivals=self.arrivals, against_perfect=against_perfect
        )
        self._known: dict[str, Plan] = {}
        self._plans: dict[str, ResolvedPlan] = {}
        self.results: dict[Key, RunResult] = {}
        self.keys: set[str] = set()
        """Distinct simulations."""

    @property
    def seed(self) -> int:
        """Start of the random numbers."""
        return self.question.seed

    @property
    def seeds(self) -> int:
        """Replications."""
        return self.question.seeds

    @property
    def level(self) -> float:
        """Confidence level of bounds."""
        return self.question.loaded.scenario.level

    def add(self, plan: Plan) -> None:
        """Make a plan known; one of the same name that is bought in another way takes its place."""
        if self._known.get(plan.name, plan) != plan:
            self._plans.pop(plan.name, None)
            self.results = {key: result for key, result in self.results.items() if key[0] != plan.name}
        self._known[plan.name] = plan

    def __call__(self, asked: Sequence[Key]) -> Mapping[Key, RunScore]:
        """The scores of runs."""
        found = self._workers.execute_each(self.work(asked), note=self.note)
        self.results.update(zip(asked, found, strict=True))
        return self.scores(asked)

    def scores(self, asked: Iterable[Key]) -> Mapping[Key, RunScore]:
        """The scores of runs that are there."""
        return {key: self._score(self.results[key]) for key in asked}

    def all_of(self, name: str) -> list[RunScore]:
        """The scores of a plan in all replications."""
        self.complete([name])
        return [self._score(self.results[name, replication]) for replication in range(self.question.seeds)]

    def complete(self, names: Sequence[str]) -> None:
        """Simulate the replications of plans that are missing."""
        missing = self.missing(names)
        if missing:
            self(missing)

    def missing(self, names: Sequence[str]) -> list[Key]:
        """The replications of plans that are not simulated, those of one replication one after another."""
        return [(name, r) for r in range(self.question.seeds) for name in names if (name, r) not in self.results]

    def by_slowness(self, name: str) -> list[Key]:
        """The replications of a plan, those in which its engine is slowest first, of futures those with most load."""
        return [(name, replication) for replication in slowest_first(self.question, self._resolved(name))]

    def hold(self, name: str) -> bool:
        """True if a plan meets the SLO at its confidence bound; its slowest replication comes first, and may tell."""
        return proves_to_hold(self.by_slowness(name), self._scored, self.question.loaded.scenario.level)

    def _scored(self, asked: Sequence[Key]) -> Mapping[Key, RunScore]:
        """The scores of runs, each simulated unless it is there."""
        missing = [key for key in asked if key not in self.results]
        if missing:
            self(missing)
        return self.scores(asked)

    def nodes(self, name: str) -> list[list[PurchasedNodes]]:
        """The nodes of a plan by replication, of runs that are there."""
        plan, found = self._resolved(name), []
        for replication in range(self.question.seeds):
            ledger = serving_ledger(
                self.question, self._run(name, replication), self.arrivals, lambda _share: None, fresh=False
            )
            found.append(served_side(self.question, plan, replication, ledger).bought)
        return found

    def summary(self, name: str) -> PlanSummary:
        """The results of a plan so far."""
        scenario = self.question.loaded.scenario
        mine = [result for (plan, _), result in sorted(self.results.items()) if plan == name]
        risk = scenario.demand.risk if scenario.demand else None
        asked = scenario.quality.at_least if scenario.quality else None
        return summarise(name, mine, scenario.level, risk, quality=self.quality(self._known[name]), at_least=asked)

    def good_enough(self, name: str) -> bool:
        """True if the model of a plan has the quality that is asked for, where any is."""
        return is_good_enough(self.question.loaded, self._known[name])

    def quality(self, plan: Plan) -> ModelQuality | None:
        """The model of a plan and its quality; None where no least one is asked for."""
        loaded = self.question.loaded
        if loaded.scenario.quality is None:
            return None
        return model_qualities(replace(loaded, scenario=replace(loaded.scenario, plans=(plan,)))).get(plan.name)

    def qualities(self, names: Sequence[str]) -> dict[str, ModelQuality]:
        """Models of plans and their quality, of all by one benchmark."""
        loaded = self.question.loaded
        plans = tuple(self._known[name] for name in names)
        return model_qualities(replace(loaded, scenario=replace(loaded.scenario, plans=plans)))

    def is_stored(self, name: str) -> bool:
        """True if all replications of a plan are simulated, of itself or of a plan that differs in prices alone."""
        return len(self.stored(name)) == self.question.seeds

    def stored(self, name: str) -> list[Key]:
        """Replications of a plan that are simulated, of itself or of a plan that differs in prices alone."""
        every = [(name, replication) for replication in range(self.question.seeds)]
        return [key for key in every if self._run(*key).folder.name in self.keys]

    def distinct(self, names: Iterable[str]) -> int:
        """Number of simulations that all replications of plans take, those made before included."""
        return len({self._run(*key).folder.name for key in product(names, range(self.question.seeds))})

    def _resolved(self, name: str) -> ResolvedPlan:
        if name not in self._plans:
            self._plans[name] = resolved_plan(self._known[name], self.question)
        return self._plans[name]

    def _run(self, name: str, replication: int) -> ServingRun:
        plan = self._resolved(name)
        pool, other_pools = plan.sampled(replication), plan.sampled_others(replication)
        key = run_key(self.question, pool, replication, other_pools)
        folder = self._runs / key[:32]
        return ServingRun(pool=pool, other_pools=other_pools, replication=replication, folder=folder, plans=[plan])

    def work(self, asked: Sequence[Key]) -> list[tuple[ServingRun, AssessPlan]]:
        """Runs for workers, which count as simulated from now on."""
        runs = [self._run(*key) for key in asked]
        self.keys |= {run.folder.name for run in runs}
        return [(run, self._task) for run in runs]

    def note(self) -> None:
        """Tell what is simulated."""
        self._note(len(self.keys))

    def _score(self, result: RunResult) -> RunScore:
        demand = self.question.loaded.scenario.demand
        usd = result.bill.per_month_usd
        if demand is not None:
            return futures_score(usd, demand.risk, met=result.met)
        closed = self.question.loaded.scenario.closed_workload() is not None
        return RunScore(usd=usd, checks=result.checks, judged=result.judged, closed=closed)


class _LineRun(NamedTuple):
    """A run that a line asks for."""

    line: int
    simulations: Simulations
    key: Key
    run: ServingRun
    task: AssessPlan


Request = Sequence[tuple[Simulations, Sequence[Key]]]
"""Runs that are asked for."""


def simulate_lines(lines: Sequence[Iterator[Request]], workers: Workers) -> None:
    """Simulate what lines of requests ask for, side by side, as it keeps all workers busy.

    The next request of a line is made once the results of the one before are there. What several lines ask for is
    simulated once.
    """
    started: list[_LineRun] = []
    waiting: dict[str, list[_LineRun]] = {}
    """Runs by folder that another one at work will store."""
    stored: set[str] = set()
    left = [0] * len(lines)
    """Runs by line."""

    def ask(line: int) -> list[tuple[ServingRun, AssessPlan]]:
        runs = [
            _LineRun(line, simulations, key, run, task)
            for simulations, keys in next(lines[line], ())
            for key, (run, task) in zip(keys, simulations.work(keys), strict=True)
        ]
        left[line] = len(runs)
        return start(runs)

    def start(runs: Sequence[_LineRun]) -> list[tuple[ServingRun, AssessPlan]]:
        free = []
        for one in runs:
            folder = one.run.folder.name
            if folder in waiting:
                waiting[folder].append(one)
                continue
            if folder not in stored:
                waiting[folder] = []
            free.append(one)
        started.extend(free)
        return [(one.run, one.task) for one in free]

    def then(number: int, result: RunResult) -> list[tuple[ServingRun, AssessPlan]]:
        done = started[number]
        done.simulations.results[done.key] = result
        stored.add(done.run.folder.name)
        left[done.line] -= 1
        others = start(waiting.pop(done.run.folder.name, ()))
        return others if left[done.line] else [*others, *ask(done.line)]

    def note() -> None:
        started[-1].simulations.note()

    work = [run for line in range(len(lines)) for run in ask(line)]
    if work:
        workers.execute_each(work, note=note, then=then)
