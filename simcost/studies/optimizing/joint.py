"""Search over whole plans: services that share nodes or send requests on, forecast demands, jobs.

Parts of such a plan depend on each other, so that each combination is simulated as `simcost run` does it, and the race
is between whole plans: one meets its SLO where each of its services and its jobs meet theirs, at their bounds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from simcost.compare.comparison import difference
from simcost.compare.document import plan_document
from simcost.compare.racing import Race
from simcost.compare.results import RunResult
from simcost.compare.scores import RunScore, holds, lower_bounds
from simcost.compare.slo_risk import least_of_futures
from simcost.errors import InputError
from simcost.execution.workers import Workers
from simcost.rng import confirmation_seed
from simcost.scenario.inputs.whole_variations import WholeSpace, whole_variations
from simcost.scenario.runs.commitment_choice import CommitmentChoice
from simcost.scenario.runs.execution import workers_of
from simcost.scenario.runs.search_time import SearchTime
from simcost.scenario.runs.whole_bounds import entrant_of
from simcost.scenario.runs.whole_plans import WholePlans, is_sampled
from simcost.scenario.schema.loaded_scenario import AnyScenario, LoadedServices
from simcost.studies.optimizing.budget import within_budget
from simcost.studies.optimizing.confirmed import UNCONFIRMED, ConfirmedRace
from simcost.studies.optimizing.front_of_race import missed_plans
from simcost.studies.optimizing.front_plans import common_quality, front_plan, lowest_attainment
from simcost.studies.optimizing.frontier import Frontier
from simcost.studies.optimizing.levels import least_attainment
from simcost.studies.optimizing.nearest import failed, most_of, times_missed
from simcost.studies.optimizing.purchases import WholePurchases
from simcost.studies.optimizing.settings import (
    SEEDS,
    Document,
    Progress,
    SearchSettings,
    note_on_steps,
    slower_steps,
)
from simcost.studies.optimizing.verdict import cautions_of, verdict


def search_whole_plans(loaded: AnyScenario, runs: Path, settings: SearchSettings, progress: Progress) -> Document:
    """The cheapest whole plan that holds, the runner-up, the front, and why the others left.

    Raises:
        InputError: no `vary` says what may vary, or options that are of plans of one pool.
    """
    _check(loaded, settings)
    space = whole_variations(loaded)
    with workers_of(runs, jobs=settings.jobs, engine=settings.engine) as workers:
        return JointSearch(loaded, space, runs, workers, settings, progress).document()


def _check(loaded: AnyScenario, settings: SearchSettings) -> None:
    if settings.mixes:
        raise InputError(
            f"{loaded.path}: --mixes is for plans of requests alone, each service on nodes of its own; leave it out"
        )
    if loaded.root.get("vary") is None:
        raise InputError(
            f"{loaded.path}: has no `vary`, and {_why(loaded)}, so that only combinations that it names are searched; "
            "write e.g. `vary: [{path: scaling.replicas, from: 1, to: 6}]`, of one of several services "
            "`{path: services.NAME.scaling.replicas, from: 1, to: 6}`, of a pool `{path: pools.NAME.scaling.replicas, "
            "from: 1, to: 6}`, or of jobs `{path: training.gpus, values: [8]}`"
        )


def _why(loaded: AnyScenario) -> str:
    """Reason why the capacity of a plan has no bound before simulation."""
    services = loaded.services.values() if isinstance(loaded, LoadedServices) else [loaded]
    if any(one.scenario.closed_workload() is not None for one in services):
        return "its clients wait for answers, so that a slower plan is asked for less and no rate says what is enough"
    if any(plan.pools for one in services for plan in one.scenario.plans):
        return "its plans have several pools"
    return "its services or jobs depend on each other"


class JointSearch:
    """The search, and its confirmation on seeds that it never saw."""

    def __init__(
        self,
        loaded: AnyScenario,
        space: WholeSpace,
        runs: Path,
        workers: Workers,
        settings: SearchSettings,
        progress: Progress,
    ) -> None:
        self._loaded, self._space, self._progress = loaded, space, progress
        self._settings = settings

        def made(seed: int | None, seeds: int | None) -> WholePlans:
            return WholePlans(
                loaded,
                seed=seed,
                seeds=seeds,
                runs=runs,
                workers=workers,
                note=self._note,
                step_factor=settings.step_factor,
            )

        seeds = settings.seeds or loaded.first.scenario.seeds
        self._done = 0
        self.searched = made(settings.seed, seeds or (SEEDS if is_sampled(loaded) else None))
        fresh = confirmation_seed(self.searched.seed)
        self.confirmed = made(fresh, self.searched.seeds)
        self._time = SearchTime(
            loaded.path, seeds=self.searched.seeds, horizon_s=loaded.first.scenario.horizon or 0.0, jobs=settings.jobs
        )
        self._plans = {plan.name: plan for plan in space.plans}
        for plan in space.plans:
            self.searched.add(plan.name, plan.loaded)
        self._choice = CommitmentChoice(settings.offers, loaded.first.catalog)
        self._purchases = WholePurchases(self._choice, self.searched, self._plans)

    def _note(self, count: int) -> None:
        self._done = max(self._done, count)
        self._progress(*self._time.progress(self._done))

    def document(self) -> Document:
        """Race, confirm, and write it down."""
        searched, excluded = self.searched, Counter(self._space.excluded)
        limits = self._settings.limits(self._loaded.first.catalog)
        entrants = []
        for plan in self._space.plans:
            question = searched.question(plan.name)
            if lacking := searched.lacking_quality(plan.name):
                excluded[lacking] += 1
            elif reason := limits.over(limits.of_question(question)):
                excluded[reason] += 1
            else:
                entrants.append(entrant_of(plan, question, self._choice.least_share(plan.loaded)))
        self._race = Race(entrants, searched.level)
        self._time.begin(len(entrants))
        confirmation = ConfirmedRace(self._race, self._purchases, self._holds)
        best, second = confirmation.first_two()
        excluded.update(self._race.excluded([name for name in (best, second) if name]))
        usd = None if best is None else self.confirmed.summary(best).per_month_usd.mean
        bound = self._race.least_usd()
        bound = bound if usd is None or bound is None else min(bound, usd)
        lines, origin = searched.about([name for name in (best, second) if name])
        inside = self._within(self._settings.budget_usd)
        document: Document = {
            "scenario": self._loaded.first.scenario.scenario,
            "whole": True,
            "best": None if best is None else self._plan(best),
            "runner_up": None if best is None or second is None else self._second(second, best),
            "equal_cost": confirmation.equal_cost(best),
            "nearest": self._nearest() if best is None else None,
            **self._front(),
            "bound_usd_per_month": bound,
            "gap": 1 - bound / usd if usd and bound is not None else None,
            "confidence": None if best is None or self._tells_nothing else self._race.confidence(),
            "level": searched.level,
            **slower_steps(self._settings.step_factor),
            **({"commitments": self._commitments(best)} if self._settings.offers else {}),
            "simulated": len(searched.keys | self.confirmed.keys),
            "candidates": self._space.combinations,
            "replications": searched.seeds,
            "deterministic": self._is_deterministic,
            "excluded": [
                {"count": count, "reason": reason}
                for reason, count in sorted(excluded.items(), key=lambda one: (-one[1], one[0]))
            ],
        }
        document = within_budget(document, self._settings.budget_usd, inside)
        inputs = {"inputs": origin["inputs"] | self._settings.inputs()}
        seeds = {"search_seed": searched.seed, "confirmation_seed": self.confirmed.seed}
        lines = [*lines, *note_on_steps(self._settings.step_factor)]
        text = verdict(document, [] if best is None else self._cautions(best))
        return {"verdict": text, **document, "assumptions": lines, "provenance": origin | seeds | inputs}

    def _holds(self, name: str) -> bool:
        """True if the plan meets the SLO on fresh seeds, at its confidence bound."""
        self.confirmed.add(name, self._plans[name].loaded)
        return self.confirmed.hold(name)

    def _commitments(self, best: str | None) -> Document:
        """Commitments on offer, those that the best plan holds, and those that cover nodes of no plan."""
        return self._purchases.document(best, self.confirmed, (plan.loaded for plan in self._space.plans))

    def _cautions(self, name: str) -> list[str]:
        """Sentences on what is not in the SLO that a plan meets."""
        loaded = self._plans[name].loaded
        each = loaded.services.values() if isinstance(loaded, LoadedServices) else [loaded]
        parts = [plan for one in each for plan in one.scenario.plans]
        return cautions_of(self.confirmed.summary(name), parts, self.confirmed.level)

    def _plan(self, name: str) -> Document:
        """A plan as it did on fresh seeds, with each of its services."""
        summary = self.confirmed.summary(name)
        results = [self.confirmed.results[name, r] for r in range(self.confirmed.seeds)]
        services = [
            plan_document(service) | {"lower_bounds": self._bounds([result.services[i] for result in results])}
            for i, service in enumerate(summary.services)
        ]
        own = self._bounds(results)
        if services:
            shares = {f"{one['name']}: attainment": least_attainment(one["lower_bounds"]) for one in services}
            own |= {"attainment": least_attainment(shares)}
        if (least := least_of_futures(self.confirmed.all_of(name), self.confirmed.level)) is not None:
            own = {"futures": None if self._tells_nothing else least}
        written = self._plans[name].node.plain()
        found = plan_document(summary) | {"plan": written, "lower_bounds": own}
        return found | ({"services": services} if services else {})

    def _bounds(self, results: Sequence[RunResult]) -> dict[str, float | None]:
        scores = [RunScore(usd=0.0, checks=result.checks, judged=result.judged) for result in results]
        found = lower_bounds(scores, self.confirmed.level)
        return {check.name: None if self._tells_nothing else check.measured for check in found}

    @property
    def _tells_nothing(self) -> bool:
        """True of one replication, of which others may differ: it tells nothing of them."""
        return self.confirmed.seeds == 1 and not self._is_deterministic

    @property
    def _is_deterministic(self) -> bool:
        """True if other seeds change nothing."""
        return self.confirmed.keys <= self.searched.keys

    def _second(self, second: str, best: str) -> Document:
        """The runner-up, and what it costs more on fresh seeds."""
        found = difference(self.confirmed.summary(second), self.confirmed.summary(best), self.confirmed.level)
        return self._plan(second) | {"difference": found.per_month_usd.document()}

    def _front(self) -> Document:
        """The front of the plans with all their results; without one that had no request to judge in a replication."""
        names = [name for name in self._race.simulated() if len(self._race.scores(name)) == self.searched.seeds]
        names += self._more()
        summaries = {name: self.searched.summary(name) for name in names}
        judged = {name: one for name, one in summaries.items() if one.attainment is not None or not one.served}
        qualities = self.searched.qualities(list(judged))
        plans = [
            front_plan(
                summary,
                common_quality(qualities[name]),
                self.searched.level,
                met=holds(self.searched.all_of(name), self.searched.level),
                unconfirmed=self._race.reason(name) == UNCONFIRMED,
            )
            for name, summary in judged.items()
        ]
        return Frontier(plans, self.searched.level, self._settings.objectives).document()

    def _more(self) -> list[str]:
        """Plans that are simulated for the front alone."""
        open_ = sorted(self._race.unfinished(), key=lambda one: one.bound_usd)
        chosen = [one.name for one in open_[: self._settings.front]]
        chosen += missed_plans(self._race, self._settings.front - len(chosen))
        for name in chosen:
            self._complete(name)
        return chosen

    def _complete(self, name: str) -> None:
        """Simulate all replications of a plan, and buy it as costs least."""
        self._purchases([(name, replication) for replication in range(self.searched.seeds)])

    def _point(self, name: str) -> Document:
        summary = self.searched.summary(name)
        return {
            "name": name,
            "usd_per_month": summary.per_month_usd.mean,
            "attainment": lowest_attainment(summary, self.searched.level),
            "met": holds(self.searched.scores(name), self.searched.level),
            **({"confirmed": False} if self._race.reason(name) == UNCONFIRMED else {}),
        }

    def _within(self, budget_usd: float | None) -> list[Document]:
        """Plans that cost no more than that, those of the highest attainment; none without a budget."""
        if budget_usd is None:
            return []
        names = self._purchases.within(
            self._race.simulated(), budget_usd, lambda one: self._point(one)["attainment"] or 0.0, self._complete
        )
        return [self._point(name) for name in names]

    def _nearest(self) -> Document | None:
        """Of the simulated plans the one whose worst target is missed by the least."""
        names = self._race.simulated()
        if not names:
            return None
        name = most_of(names, lambda one: (-self._excess(one), self._point(one)["attainment"] or 0.0), self._complete)[
            0
        ]
        runs = self.confirmed if self._race.reason(name) == UNCONFIRMED else self.searched
        return self._point(name) | {
            "replications": self.searched.seeds,
            "missed": times_missed(self.searched.summary(name)),
            "failed": failed(runs.all_of(name), runs.level),
        }

    def _excess(self, name: str) -> float:
        """The worst miss of a plan."""
        return self.searched.summary(name).excess
