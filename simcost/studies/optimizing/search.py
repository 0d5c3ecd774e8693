"""Search for the cheapest plan of a space: a race under common random numbers, and confirmation on fresh seeds."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import inf
from pathlib import Path
from statistics import fmean
from typing import Any, Self

from simcost.compare.comparison import Difference, difference
from simcost.compare.document import plan_document
from simcost.compare.limited_choice import LimitedOption
from simcost.compare.racing import Race
from simcost.compare.results import PlanSummary
from simcost.compare.scores import RunScore, holds, lower_bounds
from simcost.compare.slo_risk import least_of_futures
from simcost.errors import InputError
from simcost.execution.workers import Workers
from simcost.rng import confirmation_seed
from simcost.scenario.files.pools import in_pools
from simcost.scenario.inputs.variations import Space, Variation, of_one_plan, variations
from simcost.scenario.runs.candidates import Candidates
from simcost.scenario.runs.commitment_choice import CommitmentChoice
from simcost.scenario.runs.execution import workers_of
from simcost.scenario.runs.provenance import assumptions, provenance
from simcost.scenario.runs.resolve import ResolvedScenario, Source, settle
from simcost.scenario.runs.search_time import SearchTime, usual_simulations
from simcost.scenario.runs.simulations import Simulations
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.slo import is_to_reach
from simcost.studies.optimizing.budget import within_budget
from simcost.studies.optimizing.confirmed import UNCONFIRMED, ConfirmedRace
from simcost.studies.optimizing.dimensions import default_dimensions, note_on_dimensions
from simcost.studies.optimizing.front_of_race import FrontOfRace
from simcost.studies.optimizing.front_plans import lowest_attainment
from simcost.studies.optimizing.mixes import MixOutcome, MixSearch
from simcost.studies.optimizing.nearest import failed, most_of, nearest_by_bound, times_missed
from simcost.studies.optimizing.purchases import PlanPurchases
from simcost.studies.optimizing.settings import (
    SEEDS,
    Document,
    Progress,
    SearchSettings,
    note_on_steps,
    slower_steps,
)
from simcost.studies.optimizing.verdict import cautions_of, verdict


def search(loaded: LoadedScenario, runs: Path, settings: SearchSettings, progress: Progress) -> Document:
    """The answer: the cheapest plan that holds, the runner-up, the front, and why the others left."""
    with workers_of(runs, jobs=settings.jobs, engine=settings.engine) as workers:
        return PlanSearch.ended(loaded, runs, workers, settings, progress).document()


def _base(loaded: LoadedScenario) -> tuple[LoadedScenario, list[Any]]:
    """The scenario, and dimensions over its baseline alone where it names none."""
    scenario = loaded.scenario
    if scenario.vary:
        return loaded, []
    plan = next((one for one in scenario.plans if one.name == scenario.baseline), scenario.plans[0])
    return of_one_plan(loaded, plan), default_dimensions(loaded, plan)


class PlanSearch:
    """The search, and its confirmation on seeds that it never saw.

    Args:
        question: with its seeds.
        space: the plans.
        runs: folder in which simulations are stored, and found again.
        workers: what executes them.
        settings: options of the search.
        progress: called with the share done and what is done.
    """

    @classmethod
    def ended(
        cls, loaded: LoadedScenario, runs: Path, workers: Workers, settings: SearchSettings, progress: Progress
    ) -> Self:
        """The search of a scenario, which has found its best plans."""
        loaded, otherwise = _base(loaded)
        question = replace(
            settle(loaded, seed=settings.seed, seeds=settings.seeds or loaded.scenario.seeds or SEEDS),
            engine=settings.step_factor,
        )
        made = cls(question, variations(loaded, otherwise), runs, workers, settings, progress)
        made.run()
        return made

    def __init__(
        self,
        question: ResolvedScenario,
        space: Space,
        runs: Path,
        workers: Workers,
        settings: SearchSettings,
        progress: Progress,
    ) -> None:
        self.question, self._runs, self._progress = question, runs, progress
        self._workers, self._settings = workers, settings
        self.choice = CommitmentChoice(settings.offers, question.loaded.catalog)
        self._time = SearchTime(
            question.loaded.path,
            seeds=question.seeds,
            horizon_s=question.horizon_s or 0.0,
            requests=_source(question).expected(),
            jobs=settings.jobs,
        )
        self._within_others = False
        self._mixed: dict[str, bool] = {}
        """Fleets of several kinds of replicas, and if they hold, in the search and on fresh seeds."""
        self.searched = self._simulations(question)
        fresh = settings.fresh_seed if settings.fresh_seed is not None else confirmation_seed(question.seed)
        other = settle(question.loaded, seed=fresh, seeds=question.seeds)
        self.confirmed = self._simulations(replace(other, engine=question.engine))
        self._combinations = space.combinations
        if question.loaded.scenario.vary:
            self._time.warn_if_long(usual_simulations(len(space.variations), question.seeds))
        self._candidates = Candidates(
            question,
            space,
            self.searched.arrivals,
            self.choice.least_share,
            note=lambda what: progress(0.0, what),
            limits=settings.limits(question.loaded.catalog),
        )
        self.taken = {candidate.name: candidate.taken for candidate in self._candidates.found}

    def _simulations(self, question: ResolvedScenario) -> Simulations:
        return Simulations(question, _source(question), self._runs, self._workers, self._note)

    def _note(self, _: int) -> None:
        self._progress(*self._time.progress(self.simulated))

    @property
    def simulated(self) -> int:
        """Distinct simulations of the search and the confirmation."""
        return len(self.searched.keys) + len(self.confirmed.keys)

    def run(self) -> None:
        """Race, confirm, and try fleets of several kinds of replicas."""
        candidates = self._candidates
        self._found = {candidate.name: candidate.variation for candidate in candidates.found}
        self._purchases = PlanPurchases(self.choice, self.searched, self._found)
        self._time.begin(len(candidates.found))
        for candidate in candidates.found:
            self.searched.add(candidate.variation.plan)
        self.race = Race([candidate.entrant for candidate in candidates.found], self.question.loaded.scenario.level)
        self._confirmed_race = ConfirmedRace(self.race, self._purchases, self._holds)
        self.best, self.second = self._confirmed_race.first_two()
        self._mixes: MixOutcome | None = None
        if self._settings.mixes:
            self._mixes = self._mixed_fleets()
            if self._mixes.best is not None:
                self.best, self.second = self._mixes.best.plan.name, self.best

    def _mixed_fleets(self) -> MixOutcome:
        """Fleets of several kinds of replicas that may cost less."""
        settled = {*self.race.missed(), *([] if self.best is None else [self.best])}
        proposals = MixSearch(self.question, self._candidates, self.searched.arrivals, settled, self.choice)
        return proposals.run(self.best_usd(), self._cost_where_it_holds)

    def options(self) -> list[LimitedOption]:
        """Plans that may hold, those first that do, each at the least that it can cost and with what it takes."""
        usd = self.race.open_usd()
        usd |= {name: self.searched.summary(name).per_month_usd.mean for name, met in self._mixed.items() if met}
        names = sorted(usd, key=lambda name: not self.is_proved(name))
        return [LimitedOption(name=name, usd=usd[name], taken=self.taken[name]) for name in names]

    def wanted(self) -> list[LimitedOption]:
        """Plans that may hold; where none within the limits do, those beyond them that take a known number."""
        target = self.question.loaded.scenario.loosest_slo().attainment
        return self.options() or [
            LimitedOption(name=one.name, usd=one.entrant.bound_usd, taken=one.taken)
            for one in self._candidates.over_limits
            if one.attainment >= target and inf not in one.taken
        ]

    def is_proved(self, name: str) -> bool:
        """True if a plan has all its results, and holds on fresh seeds too."""
        return self._mixed.get(name, False) or self._confirmed_race.is_proved(name)

    def prove(self, name: str) -> None:
        """Find out if a plan of one kind of replicas holds; it leaves if it does not."""
        if not self.is_proved(name):
            self._confirmed_race.prove(name)

    def choose(self, best: str, second: str | None) -> None:
        """Take plans that fit into the limits with what other services take, of which the best is the cheapest."""
        self.best, self.second, self._within_others = best, second, True
        mixed = None if self._mixes is None else self._mixes.bound_usd
        if self._mixes is not None and mixed is not None:
            proved = mixed >= self.searched.summary(best).per_month_usd.mean
            self._mixes = replace(self._mixes, proved=proved)

    def _cost_where_it_holds(self, variation: Variation) -> float | None:
        """Cost a month on fresh seeds of a plan that holds, in the search and there."""
        name = variation.plan.name
        self._found[name] = variation
        self.taken[name] = self._candidates.taken_by(variation.plan)
        self.searched.add(variation.plan)
        self._mixed[name] = False
        if not self.searched.hold(name) or not self._holds(name):
            return None
        self._mixed[name] = True
        return self.confirmed.summary(name).per_month_usd.mean

    def _holds(self, name: str) -> bool:
        """True if the plan meets the SLO on fresh seeds, at its confidence bound."""
        self.confirmed.add(self._found[name].plan)
        return self.confirmed.hold(name)

    def document(self) -> Document:
        """The answer."""
        candidates, best, second, mixes = self._candidates, self.best, self.second, self._mixes
        loaded, level = self.question.loaded, self.question.loaded.scenario.level
        excluded = candidates.excluded + Counter(one.too_small for one in candidates.too_small)
        excluded.update(self.race.excluded([name for name in (best, second) if name]))
        summary = None if best is None else self.confirmed.summary(best)
        bound = self._bound_usd()
        gap = self._difference(second, best)
        front = FrontOfRace(self.race, self.searched, self._purchases, self._found, self._settings)
        self.frontier = front.frontier(candidates, self._mixed)
        inside = self._within(self._settings.budget_usd)
        document: Document = {
            "scenario": loaded.scenario.scenario,
            "best": None if best is None else self._plan(best),
            "runner_up": None if second is None else self._plan(second) | {"difference": gap},
            "equal_cost": self._confirmed_race.equal_cost(best),
            "nearest": None if best else self._nearest(candidates),
            **self.frontier.document(),
            "bound_usd_per_month": bound
            if summary is None or bound is None
            else min(bound, summary.per_month_usd.mean),
            "gap": None,
            "confidence": self._confidence() if best else None,
            "level": level,
            **({"within_others": True} if self._within_others else {}),
            **slower_steps(self.question.engine),
            "simulated": self.simulated,
            "candidates": self._combinations,
            **({} if mixes is None else {"mixes": mixes.document()}),
            **({"commitments": self._commitments(best)} if self._settings.offers else {}),
            "replications": self.question.seeds,
            "excluded": [
                {"count": count, "reason": reason}
                for reason, count in sorted(excluded.items(), key=lambda one: (-one[1], one[0]))
            ],
        }
        if summary is not None and summary.per_month_usd.mean > 0:
            document["gap"] = 1 - document["bound_usd_per_month"] / summary.per_month_usd.mean
        document = within_budget(document, self._settings.budget_usd, inside)
        seeds = {"search_seed": self.question.seed, "confirmation_seed": self.confirmed.question.seed}
        origin = provenance(self.question, self.question.horizon_s or 0.0) | seeds
        origin |= {"inputs": origin["inputs"] | self._settings.inputs()}
        return {
            "verdict": verdict(document, self._cautions(best)),
            **document,
            "assumptions": [
                *note_on_dimensions(self.question.loaded),
                *assumptions(self._shown(best, second, (document["nearest"] or {}).get("name"))),
                *note_on_steps(self.question.engine),
            ],
            "provenance": origin,
        }

    def _cautions(self, best: str | None) -> list[str]:
        """Sentences on what is not in the SLO that the best plan meets."""
        if best is None:
            return []
        return cautions_of(self.confirmed.summary(best), [self._found[best].plan], self.confirmed.level)

    def _commitments(self, best: str | None) -> Document:
        """Commitments on offer, those that the best plan holds, and those that cover nodes of no plan."""
        plans = (candidate.variation.plan for candidate in self._candidates.found)
        return self._purchases.document(best, self.confirmed, plans)

    def _bound_usd(self) -> float | None:
        """No plan that may meet the SLO costs less; of those that fit with others the best itself, unless fleets of
        several kinds of replicas might.
        """
        mixed = None if self._mixes is None else self._mixes.bound_usd
        if self._within_others and mixed is None and self.best is not None:
            return self.searched.summary(self.best).per_month_usd.mean
        own = None if self.best is None else self.searched.summary(self.best).per_month_usd.mean
        return min((usd for usd in (self.race.least_usd(), mixed, own) if usd is not None), default=None)

    def _confidence(self) -> float | None:
        """That no plan of the race is cheaper; None from a single replication, which tells nothing of others."""
        if self.question.seeds == 1:
            return None
        return 1.0 if self._within_others else self.race.confidence()

    def _shown(self, *names: str | None) -> ResolvedScenario:
        """The question with the plans of the answer alone."""
        loaded, known = self.question.loaded, [name for name in dict.fromkeys(names) if name in self._found]
        plans = tuple(self._found[name].plan for name in known if name) or loaded.scenario.plans
        return replace(self.question, loaded=replace(loaded, scenario=replace(loaded.scenario, plans=plans)))

    def _plan(self, name: str) -> Document:
        """A plan as it did on fresh seeds."""
        level = self.question.loaded.scenario.level
        scores = self.confirmed.all_of(name)
        bounds = {check.name: check.measured for check in lower_bounds(scores, level)}
        if (least := least_of_futures(scores, level)) is not None:
            bounds = {"futures": least}
        return plan_document(self.confirmed.summary(name)) | {
            "plan": in_pools(self._found[name].node).plain(),
            "lower_bounds": bounds if self.question.seeds > 1 else dict.fromkeys(bounds),
        }

    def _difference(self, second: str | None, best: str | None) -> Document | None:
        """Cost a month of the runner-up less that of the winner, on fresh seeds."""
        if second is None or best is None:
            return None
        plan, against = (self.confirmed.summary(name) for name in (second, best))
        gap: Difference = difference(plan, against, self.question.loaded.scenario.level)
        return gap.per_month_usd.document()

    def _point(self, name: str) -> Document:
        """A plan in the search."""
        summary: PlanSummary = self.searched.summary(name)
        return {
            "name": name,
            "usd_per_month": summary.per_month_usd.mean,
            "attainment": lowest_attainment(summary, self.question.loaded.scenario.level) or 0.0,
            "met": holds(self._scores(name), self.question.loaded.scenario.level),
            **({"confirmed": False} if self.race.reason(name) == UNCONFIRMED else {}),
        }

    def _nearest(self, candidates: Candidates) -> Document | None:
        """The plan that misses the SLO by the least: of the simulated ones, else by the bound of its capacity."""
        names = self.race.simulated()
        if not names:
            return nearest_by_bound(candidates.too_small)
        name = most_of(names, lambda one: (fmean(self._good(one)), self._point(one)["attainment"]), self.complete)[0]
        scores = self._scores(name)
        bounds = lower_bounds(scores, self.question.loaded.scenario.level)
        shares = [check for check in bounds if check.is_attainment]
        least = min(shares, key=lambda check: (check.measured or 0.0) - check.target, default=None)
        runs = self.confirmed if self.race.reason(name) == UNCONFIRMED else self.searched
        found: Document = {
            "replications": len(scores),
            "missed": times_missed(self.searched.summary(name)),
            "at_least": None,
            "failed": failed(runs.all_of(name), runs.level),
        }
        if least is not None and len(scores) > 1:
            tenant = least.name.rpartition(": ")[0]
            found |= {"at_least": least.measured, **({"of_tenant": tenant} if tenant else {})}
        return self._point(name) | found

    def _good(self, name: str) -> list[float]:
        """Distance of a plan to the attainment, by replication: of several tenants the one that is farthest from its
        own; of a future, whether it meets the SLO.
        """
        return [
            min((check.measured or 0.0) - check.target for check in score.checks if is_to_reach(check.name))
            for score in self._scores(name)
        ]

    def _within(self, budget_usd: float | None) -> list[Document]:
        """Plans that cost no more than that, those of the highest attainment, and those that differ from one that was
        simulated in prices alone; none without a budget.
        """
        if budget_usd is None:
            return []
        names = self.race.simulated()
        for name in self.taken.keys() - set(names):
            if stored := self.searched.stored(name):
                self._purchases(stored)
                names.append(name)
        names = self._purchases.within(names, budget_usd, lambda one: self._point(one)["attainment"], self.complete)
        return [self._point(name) for name in names]

    def complete(self, name: str) -> bool:
        """Simulate the replications of a plan that the race left out; True if there were some."""
        return bool(self._purchases(self.searched.missing([name])))

    def points(self) -> dict[str, Document]:
        """Plans that were simulated, by name, with the replications that there are; without some at the least cost."""
        return {one: self._point(one) | {"usd_per_month": self._purchases.usd(one)} for one in self.race.simulated()}

    def best_usd(self) -> float:
        """Cost a month of the best plan on fresh seeds; infinite without one."""
        return inf if self.best is None else self.confirmed.summary(self.best).per_month_usd.mean

    def _scores(self, name: str) -> list[RunScore]:
        """Results of a plan by replication, those that there are."""
        known = [key for key in self.searched.results if key[0] == name]
        return list(self.searched.scores(sorted(known)).values())


def _source(question: ResolvedScenario) -> Source:
    if question.source is None:
        raise InputError(f"{question.loaded.path}: has no requests to serve")
    return question.source
