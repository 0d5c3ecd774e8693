"""Simulations of whole plans, as they are asked for: all services of a plan, its jobs, one pool or several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from simcost.compare.results import PlanSummary, RunResult, summarise
from simcost.compare.scores import RunScore, futures_score, proves_to_hold
from simcost.execution.workers import Workers
from simcost.perf.quality import ModelQuality
from simcost.scenario.inputs.clusters import find_clusters
from simcost.scenario.inputs.model_quality import final_qualities, model_qualities, service_qualities
from simcost.scenario.runs.bills import PurchasedNodes
from simcost.scenario.runs.execution import RunOptions
from simcost.scenario.runs.provenance import assumptions, provenance
from simcost.scenario.runs.replication_order import busiest_first
from simcost.scenario.runs.resolve import ResolvedScenario, settle
from simcost.scenario.runs.resolve_services import ResolvedServices, settle_services
from simcost.scenario.runs.run import pool_rows, pool_runs
from simcost.scenario.runs.service_provenance import assumptions_of_services, provenance_of_services
from simcost.scenario.runs.service_runs import runs_of_services, service_rows
from simcost.scenario.runs.tables import RunTables
from simcost.scenario.runs.tasks import Key
from simcost.scenario.schema.loaded_scenario import AnyScenario, LoadedScenario, LoadedServices
from simcost.trace.workload.spec import RecordedWorkload
from simcost.units import SECONDS_PER_DAY

_RECORDED_S = 14 * SECONDS_PER_DAY
"""Length from which on recorded requests are those of a usual time."""


class WholePlans:
    """Runs of plans under the arrivals and the jobs of one scenario.

    Args:
        loaded: the scenario; its own plans are not simulated unless they are added.
        seed: None = as the scenario says.
        seeds: replications; None = as the scenario says.
        runs: folder in which ledgers are stored, and found again.
        workers: what executes them.
        note: called now and then with the number of simulations made.
        step_factor: on all step times.
    """

    def __init__(
        self,
        loaded: AnyScenario,
        *,
        seed: int | None,
        seeds: int | None,
        runs: Path,
        workers: Workers,
        note: Callable[[int], None],
        step_factor: float = 1.0,
    ) -> None:
        self._question: ResolvedScenario | ResolvedServices
        if isinstance(loaded, LoadedServices):
            self._question = settle_services(loaded, seed=seed, seeds=seeds).slower(
                dict.fromkeys(loaded.services, step_factor)
            )
            self.seed, self.seeds = self._question.seed, self._question.first.seeds
        else:
            self._question = replace(settle(loaded, seed=seed, seeds=seeds), engine=step_factor)
            self.seed, self.seeds = self._question.seed, self._question.seeds
        self.level = loaded.first.scenario.level
        self._order = busiest_first(self._question)
        self._options = RunOptions(
            folder=runs, workers=workers, fresh=False, progress=lambda _share, _what: note(len(self.keys))
        )
        self._loaded: dict[str, AnyScenario] = {}
        self._plans: dict[str, ResolvedScenario | ResolvedServices] = {}
        self.results: dict[Key, RunResult] = {}
        self.keys: set[str] = set()
        """Distinct simulations."""

    def add(self, name: str, loaded: AnyScenario) -> None:
        """Make a plan known: the scenario with it alone; one that is bought in another way takes its place."""
        if self._loaded.get(name) is not loaded:
            self._loaded[name], self._plans[name] = loaded, _with_plan(self._question, loaded)
            self.results = {key: result for key, result in self.results.items() if key[0] != name}

    def question(self, name: str) -> ResolvedScenario | ResolvedServices:
        """The scenario with a plan alone."""
        return self._plans[name]

    def __call__(self, asked: Sequence[Key]) -> Mapping[Key, RunScore]:
        """The scores of runs."""
        for name in dict.fromkeys(name for name, _ in asked):
            numbers = tuple(r for one, r in asked if one == name and (one, r) not in self.results)
            for row in self._rows(self._plans[name], numbers) if numbers else ():
                self.results[name, row.result.replication] = row.result
        return {key: self._score(self.results[key]) for key in asked}

    def _rows(self, question: ResolvedScenario | ResolvedServices, numbers: tuple[int, ...]) -> list[RunTables]:
        if isinstance(question, ResolvedServices):
            some = replace(question, some=numbers)
            stages, training = runs_of_services(some, self._options.folder)
            self.keys |= {run.folder.name for stage in stages for run in stage}
            rows = service_rows(some, self._options)
        else:
            serving, training = pool_runs(question, self._options.folder, numbers)
            self.keys |= {run.folder.name for run in serving}
            rows = pool_rows(question, self._options, (serving, training), numbers)
        self.keys |= {run.folder.name for run in training}
        return rows

    def nodes(self, name: str) -> list[Sequence[PurchasedNodes]]:
        """The nodes of a plan by replication."""
        return [row.bought for row in self._rows(self._plans[name], tuple(range(self.seeds)))]

    def all_of(self, name: str) -> list[RunScore]:
        """The scores of a plan in all replications."""
        keys = [(name, replication) for replication in range(self.seeds)]
        return list(self(keys).values())

    def scores(self, name: str) -> list[RunScore]:
        """The scores of a plan so far."""
        return [self._score(result) for (plan, _), result in sorted(self.results.items()) if plan == name]

    def hold(self, name: str) -> bool:
        """True if a plan meets the SLO at its confidence bound; the first replication, of futures the busiest, may tell
        that it does not.
        """
        return proves_to_hold([(name, replication) for replication in self._order], self, self.level)

    def summary(self, name: str) -> PlanSummary:
        """The results of a plan so far."""
        mine = [result for (plan, _), result in sorted(self.results.items()) if plan == name]
        own = self._own_quality(name)
        return summarise(
            name,
            mine,
            self.level,
            self._risk(),
            quality=own.get(""),
            at_least=self._at_least(name),
            of_services={service: quality for service, quality in own.items() if service},
        )

    def good_enough(self, name: str) -> bool:
        """True if all models of a plan have the quality that is asked for, where any is."""
        return not self.lacking_quality(name)

    def lacking_quality(self, name: str) -> str:
        """Reason why a model of a plan has not the quality that is asked for; empty where all have."""
        lacking = {of: quality.lacks(self._at_least(name)) for of, quality in self._own_quality(name).items()}
        return next((f"{of}: {reason}" if of else reason for of, reason in lacking.items() if reason), "")

    def _at_least(self, name: str) -> float | None:
        quality = self._plans[name].loaded.first.scenario.quality
        return quality.at_least if quality else None

    def _own_quality(self, name: str) -> dict[str, ModelQuality]:
        """Quality of the model of each service of a plan, or under an empty name; empty where none is asked for."""
        question = self._plans[name]
        if question.loaded.first.scenario.quality is None:
            return {}
        if isinstance(question, ResolvedServices):
            return next(iter(service_qualities(question.loaded).values()), {})
        if question.source is None:
            return {}
        return {"": model_qualities(question.loaded)[question.loaded.scenario.plans[0].name]}

    def qualities(self, names: Sequence[str]) -> dict[str, dict[str, ModelQuality]]:
        """Models of plans and their quality, all by one benchmark: of each service, or under an empty name."""
        every = [self._plans[name].loaded for name in names]
        services = {
            name: [one.services[name] if isinstance(one, LoadedServices) else one for one in every]
            for name in (every[0].services if every and isinstance(every[0], LoadedServices) else [""] if every else [])
        }
        found = {name: _qualities_together(alike) for name, alike in services.items()}
        own = {plan: {name: each[plan] for name, each in found.items() if plan in each} for plan in names}
        return {
            plan: final_qualities(one, plan, own[plan]) if isinstance(one, LoadedServices) else own[plan]
            for plan, one in zip(names, every, strict=True)
        }

    def about(self, names: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
        """Assumptions and provenance of some plans."""
        each = [self._plans[name] for name in names] or [self._question]
        horizon_s = max((result.bill.horizon_s for result in self.results.values()), default=0.0)
        said: dict[str, None] = {}
        for one in each:
            said |= dict.fromkeys(
                assumptions_of_services(one) if isinstance(one, ResolvedServices) else assumptions(one)
            )
        first = each[0]
        origin = (
            provenance_of_services(first, horizon_s)
            if isinstance(first, ResolvedServices)
            else provenance(first, horizon_s)
        )
        return list(said), origin

    def certainty(self, name: str) -> Literal["high", "medium", "low"]:
        """Of what is simulated: high with recorded requests of 14 days or more and measured engines of all services,
        medium with one of the two, low with neither.
        """
        found = self._plans[name]
        questions = list(found.questions.values()) if isinstance(found, ResolvedServices) else [found]
        workloads = [workload for question in questions for workload in question.loaded.scenario.workload]
        plans = [plan for question in questions for plan in question.plans]
        measured = all(plan.pool.step.provenance != "analytic" for plan in plans)
        return certainty(workloads, questions[0].horizon_s, measured=measured)

    def _score(self, result: RunResult) -> RunScore:
        risk = self._risk()
        usd = result.bill.per_month_usd
        if risk is not None:
            return futures_score(usd, risk, met=result.met)
        checks, judged = list(result.checks), list(result.judged)
        for one in result.services:
            checks += [replace(check, name=f"{one.plan}: {check.name}") for check in one.checks]
            judged += one.judged
        parts = self._question.questions.values() if isinstance(self._question, ResolvedServices) else [self._question]
        closed = any(part.loaded.scenario.closed_workload() is not None for part in parts)
        return RunScore(usd=usd, checks=tuple(checks), judged=tuple(judged), closed=closed)

    def _risk(self) -> float | None:
        question = self._question
        if isinstance(question, ResolvedServices):
            return next((one.demand.risk for one in question.demands.values()), None)
        demand = question.loaded.scenario.demand
        return None if demand is None else demand.risk


def certainty(
    workloads: Sequence[object], horizon_s: float | None, *, measured: bool
) -> Literal["high", "medium", "low"]:
    """Of what is simulated: high with recorded requests of 14 days or more and a measured engine, medium with one of
    the two, low with neither.
    """
    recorded = bool(workloads) and all(isinstance(workload, RecordedWorkload) for workload in workloads)
    long = recorded and (horizon_s or 0.0) >= _RECORDED_S
    levels: tuple[Literal["low", "medium", "high"], ...] = ("low", "medium", "high")
    return levels[long + measured]


def is_sampled(loaded: AnyScenario) -> bool:
    """True if the requests are drawn or recorded; forecasts and jobs say themselves how many replications there are."""
    services = loaded.services.values() if isinstance(loaded, LoadedServices) else [loaded]
    return all(service.scenario.demand is None and service.scenario.workload for service in services)


def _with_plan(question: ResolvedScenario | ResolvedServices, loaded: AnyScenario) -> Any:
    """The question with another plan, and the same requests and jobs."""
    if isinstance(question, ResolvedServices) and isinstance(loaded, LoadedServices):
        jobs = None
        if question.jobs is not None and loaded.jobs is not None:
            jobs = _of_plan(question.jobs, loaded.jobs)
        questions = {name: _of_plan(one, loaded.services[name]) for name, one in question.questions.items()}
        return replace(question, loaded=loaded, questions=questions, jobs=jobs)
    if isinstance(question, ResolvedScenario) and isinstance(loaded, LoadedScenario):
        return _of_plan(question, loaded)
    raise TypeError("a plan of services, and a scenario without, or the other way round")


def _of_plan(question: ResolvedScenario, loaded: LoadedScenario) -> ResolvedScenario:
    scenario = replace(loaded.scenario, horizon=question.loaded.scenario.horizon)
    loaded = replace(loaded, scenario=scenario)
    clusters = question.clusters
    if question.jobs is not None:
        clusters = find_clusters(scenario.plans, loaded.catalog, loaded.folder)
    return replace(question, loaded=loaded, clusters=clusters)


def _qualities_together(alike: Sequence[LoadedScenario]) -> dict[str, ModelQuality]:
    """Models of the plans of scenarios that differ in them alone, and their quality."""
    plans = tuple(plan for one in alike for plan in one.scenario.plans)
    return model_qualities(replace(alike[0], scenario=replace(alike[0].scenario, plans=plans)))
