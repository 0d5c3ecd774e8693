"""Advice on a plan whose parts depend on each other: each action is simulated with the whole plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

from simcost.compare.comparison import difference
from simcost.compare.overlap import in_sequence
from simcost.compare.racing import Race, RunScore, lower_bounds
from simcost.compare.slo_risk import miss_probability, risk_class
from simcost.errors import InputError
from simcost.execution.workers import Workers
from simcost.rng import stream
from simcost.scenario.files.nodes import items
from simcost.scenario.inputs.changes import AnyScenario
from simcost.scenario.inputs.variations import as_dimensions
from simcost.scenario.inputs.whole_variations import WholePlan, whole_variations, with_plan
from simcost.scenario.runs.execution import workers_of
from simcost.scenario.runs.whole_bounds import entrant_of
from simcost.scenario.runs.whole_plans import WholePlans, is_sampled
from simcost.studies.advising.changes import partial_between, plain_changes, wording
from simcost.studies.advising.kinds import ActionKind
from simcost.studies.advising.pool import (
    LEAST_SHARE,
    LEAST_USD,
    SEEDS,
    SEQUENCED,
    AdviceSettings,
    Progress,
    chosen_plan,
)
from simcost.studies.advising.result import Advice, AdvisedAction, PlanFigures, Saving, TriedKind
from simcost.studies.advising.verdict import verdict
from simcost.studies.advising.whole_kinds import whole_kinds
from simcost.studies.advising.winner import TOO_LITTLE, find_winner

Winner = tuple[ActionKind, WholePlan]


def advise_whole_plan(loaded: AnyScenario, runs: Path, settings: AdviceSettings, progress: Progress) -> Advice:
    """Actions on a plan of services that depend on each other, or with jobs.

    Raises:
        InputError: no such plan.
    """
    chosen = chosen_plan(loaded.first, settings.plan)
    names = [plan.name for plan in loaded.first.scenario.plans]
    node = items(loaded.root.get("plans"))[names.index(chosen)]
    base = WholePlan(name=chosen, loaded=with_plan(loaded, node), node=node)
    with workers_of(runs, jobs=settings.jobs, engine=settings.engine) as workers:
        return _WholeAdvisor(base, runs, workers, settings, progress).advice()


class _WholeAdvisor:
    """Simulations of a plan and of its actions, on the seeds of the search and on fresh ones."""

    def __init__(
        self, base: WholePlan, runs: Path, workers: Workers, settings: AdviceSettings, progress: Progress
    ) -> None:
        self._base, self._settings, self._progress = base, settings, progress
        self._what, self._share = base.name, 0.0

        def made(seed: int | None, seeds: int | None) -> WholePlans:
            return WholePlans(base.loaded, seed=seed, seeds=seeds, runs=runs, workers=workers, note=self._note)

        seeds = settings.seeds or base.loaded.first.scenario.seeds
        self._searched = made(settings.seed, seeds or (SEEDS if is_sampled(base.loaded) else None))
        fresh = int(stream(self._searched.seed, "confirmation").integers(2**31))
        self._confirmed = made(fresh, self._searched.seeds)
        self._level = self._searched.level

    def _note(self, _: int) -> None:
        self._progress(self._share, self._what)

    def advice(self) -> Advice:
        """The whole result."""
        met = self._holds(self._base)
        self._confirmed.all_of(self._base.name)
        self._searched.all_of(self._base.name)
        usd = self._usd(self._base.name)
        least = max(LEAST_USD, LEAST_SHARE * usd)
        winners, tried = self._winners(usd, least, met=met)
        ranked = sorted(winners, key=lambda winner: -self._saving(winner[1].name).mean)
        named = {one.name: (kind, one) for kind, one in ranked}
        steps = in_sequence(list(named)[:SEQUENCED], usd, self._together(named), least, required=not met)
        then = {step.action: step.saves_usd for step in steps}
        lines, origin = self._searched.about([self._base.name])
        seeds = {"search_seed": self._searched.seed, "confirmation_seed": self._confirmed.seed}
        found = Advice(
            verdict="",
            scenario=self._base.loaded.first.scenario.scenario,
            plan=self._base.name,
            usd_per_month=usd,
            slo_met=met,
            actions=tuple(self._actions(named, then)),
            total_saving_usd_per_month=usd - steps[-1].usd_after if steps else 0.0,
            least_saving_usd_per_month=least,
            tried=tuple(tried),
            level=self._level,
            replications=self._searched.seeds,
            simulated=len(self._searched.keys | self._confirmed.keys),
            assumptions=lines,
            provenance=origin | seeds,
        )
        return replace(found, verdict=verdict(found))

    def _holds(self, whole_plan: WholePlan) -> bool:
        """True if a plan meets the SLO at its confidence bound, in the search and on fresh seeds."""
        for runs in (self._searched, self._confirmed):
            runs.add(whole_plan.name, whole_plan.loaded)
        return self._searched.hold(whole_plan.name) and self._confirmed.hold(whole_plan.name)

    def _usd(self, name: str) -> float:
        return self._confirmed.summary(name).per_month_usd.mean

    def _saving(self, name: str) -> Saving:
        base, after = (self._confirmed.summary(one) for one in (self._base.name, name))
        found = difference(base, after, self._level).per_month_usd
        return Saving(mean=found.mean, lo=found.lo, hi=found.hi)

    def _winners(self, usd: float, least: float, *, met: bool) -> tuple[list[Winner], list[TriedKind]]:
        """The cheapest plan of each kind that holds and saves enough, and what came of all kinds."""
        winners, tried = list[Winner](), list[TriedKind]()
        kinds = whole_kinds(self._base.loaded, self._settings.spot_per_node_h)
        most, sized = usd - least if met else inf, dict[str | None, float]()
        for i, kind in enumerate(kinds):
            title = kind.name if kind.service is None else f"{kind.service}: {kind.name}"
            self._what, self._share = title, i / len(kinds)
            limit = min(most, sized.get(kind.service, inf) - least) if kind.sizes == "own" else most
            count, best, outcome = self._best(title, kind, limit)
            if best is not None:
                winners.append((kind, best))
                if kind.sizes == "alone":
                    sized[kind.service] = self._usd(best.name)
            tried.append(TriedKind(kind=kind.name, service=kind.service, plans=count, outcome=outcome))
        return winners, tried

    def _best(self, title: str, kind: ActionKind, limit: float) -> tuple[int, WholePlan | None, str]:
        """Combinations, the cheapest plan below a cost that holds on fresh seeds too, and what came of the search."""
        try:
            space = whole_variations(self._base.loaded, as_dimensions([[{"name": title}], *kind.dimensions]))
        except InputError as error:
            return 0, None, f"cannot be: {error}"
        plans = {plan.name: plan for plan in space.plans if self._changes(plan)}
        for plan in plans.values():
            self._searched.add(plan.name, plan.loaded)
        entrants = [
            entrant_of(plan, self._searched.question(plan.name), self._searched.seeds) for plan in plans.values()
        ]
        cheaper = [entrant for entrant in entrants if entrant.bound_usd < limit]
        if not cheaper:
            return space.combinations, None, TOO_LITTLE
        leader, outcome = find_winner(
            Race(cheaper, self._level),
            self._searched,
            limit,
            usd=lambda name: self._searched.summary(name).per_month_usd.mean,
            confirmed_usd=lambda name: self._usd(name) if self._holds(plans[name]) else None,
            saving=self._saving,
        )
        return space.combinations, None if leader is None else plans[leader], outcome

    def _changes(self, whole_plan: WholePlan) -> list[Any]:
        return list(plain_changes(_plain(self._base), _plain(whole_plan)))

    def _together(self, named: dict[str, Winner]) -> Any:
        """Cost a month of actions together on fresh seeds; None where they contradict or miss the SLO."""

        def cost(names: tuple[str, ...]) -> float | None:
            if len(names) == 1:
                return self._usd(names[0])
            partials = [[partial_between(_plain(self._base), _plain(named[name][1]))] for name in names]
            title = " + ".join(sorted(names))
            try:
                [made] = whole_variations(self._base.loaded, as_dimensions([[{"name": title}], *partials])).plans
                made = replace(made, name=title)
                return self._usd(title) if self._holds(made) else None
            except InputError:
                return None

        return cost

    def _actions(self, named: dict[str, Winner], then: dict[str, float]) -> Iterator[AdvisedAction]:
        """Those of the sequence in its order, then the others by what they save alone."""
        before = self._figures(self._base)
        for name in [*then, *(one for one in named if one not in then)]:
            kind, one = named[name]
            changes = tuple(self._changes(one))
            risk = miss_probability(
                [score for runs in (self._searched, self._confirmed) for score in runs.all_of(name)]
            )
            yield AdvisedAction(
                action=wording(changes),
                kind=kind.name,
                service=kind.service,
                saving_usd_per_month=self._saving(name),
                then_usd_per_month=then.get(name),
                slo_risk=risk,
                slo_risk_class=risk_class(risk),
                confidence=self._searched.certainty(name),
                effort=kind.effort,
                reversible=kind.reversible,
                before=before,
                after=self._figures(one),
                changes=changes,
            )

    def _figures(self, whole_plan: WholePlan) -> PlanFigures:
        self._confirmed.all_of(whole_plan.name)
        summary = self._confirmed.summary(whole_plan.name)
        return PlanFigures(
            usd_per_month=summary.per_month_usd.mean,
            attainment=summary.attainment.mean if summary.attainment else None,
            attainment_at_least=_least_share(self._confirmed.all_of(whole_plan.name), self._level),
            utilisation=summary.mean(lambda run: run.utilisation),
            plan={**_plain(whole_plan), "name": self._base.name},
        )


def _least_share(scores: Sequence[RunScore], level: float) -> float | None:
    """The lower bound of the attainment of the service that has the least; None where none is measured."""
    shares = [check.measured for check in lower_bounds(scores, level) if check.name == "attainment"]
    return None if not shares or None in shares else min(share for share in shares if share is not None)


def _plain(whole_plan: WholePlan) -> dict[str, Any]:
    found = whole_plan.node.plain()
    return found if isinstance(found, dict) else {}
