"""The advisor: the best of each kind of action on a plan, confirmed on fresh seeds, then one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from math import fsum, inf, prod
from typing import Any

from simcost.billing.price_list import price_list
from simcost.compare.comparison import difference
from simcost.compare.overlap import ActionStep, in_sequence, with_best
from simcost.compare.racing import Race
from simcost.compare.results import RunResult
from simcost.compare.scores import RunScore, check_count, lower_bounds
from simcost.compare.slo_risk import (
    UnseenInterruptions,
    futures_met,
    least_of_futures,
    miss_probability,
    risk_class,
    unseen_interruptions,
)
from simcost.compare.verdict import cautions, undecided
from simcost.errors import InputError
from simcost.scenario.runs.search_time import usual_simulations
from simcost.studies.advising.advised import AdvisedPlan, Choices
from simcost.studies.advising.changes import wording
from simcost.studies.advising.kinds import ActionKind
from simcost.studies.advising.result import Advice, AdvisedAction, PlanFigures, Saving, TriedKind
from simcost.studies.advising.settings import Stage
from simcost.studies.advising.verdict import verdict
from simcost.studies.advising.winner import NONE_KEEPS, NOT_BELOW_SIZES, TOO_LITTLE, Winner, find_winner
from simcost.units import difference_usd, format_usd

LEAST_USD, LEAST_SHARE = 20.0, 0.01
"""Savings a month below both are not worth a change."""
SEQUENCED = 6
"""Actions that are tried one after another, at most."""


class Advisor:
    """Actions on a plan, each proven by its simulation on the seeds of the search and on fresh ones."""

    def __init__(self, plan: AdvisedPlan, stage: Stage) -> None:
        self._plan, self._stage = plan, stage
        self._searched, self._confirmed = plan.searched, plan.confirmed
        self._kinds = plan.kinds()
        self._bound: dict[str, ActionKind] = {}
        """Plans of kinds that cannot be undone."""

    def advice(self, scenario: str) -> Advice:
        """The whole result."""
        name = self._plan.name
        self._begin()
        met, good = self._holds(name), self._searched.good_enough(name)
        self._kinds = [kind for kind in self._kinds if not (kind.mends and met)]
        for runs in (self._searched, self._confirmed):
            check_count(runs.all_of(name), self._searched.level)
        usd = self._usd(name)
        least = max(LEAST_USD, LEAST_SHARE * usd)
        winners, tried = self._winners(usd, least, met=met and good)
        steps = self._steps(winners, tried, usd, least, met=met and good)
        ranked = self._ranked(winners)
        then = {step.action: step.saves_usd for step in steps}
        lines, origin = self._plan.about()
        seeds = {"search_seed": self._searched.seed, "confirmation_seed": self._confirmed.seed}
        order = [*then, *(one for one in ranked if one not in then)]
        first = self._confirmed.all_of(order[0] if order else name)
        found = Advice(
            verdict="",
            scenario=scenario,
            plan=name,
            usd_per_month=usd,
            slo_met=met,
            good_enough=good,
            actions=tuple(self._action(one, winners[one], then.get(one)) for one in order),
            total_saving_usd_per_month=usd - steps[-1].usd_after if steps else 0.0,
            least_saving_usd_per_month=least,
            tried=tuple(tried),
            level=self._searched.level,
            replications=self._searched.seeds,
            least_of_futures=least_of_futures(first, self._searched.level),
            futures_met=futures_met(first),
            cautions=self._cautions(list(then)) if then or (met and good) else (),
            simulated=self._simulated(),
            assumptions=[*lines, *dict.fromkeys(kind.left_out_of for kind in self._kinds if kind.left_out)],
            provenance={**origin, **seeds, "prices": self._prices([name, *order[:1]])},
        )
        return replace(found, verdict=verdict(found))

    def _prices(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Prices that plans paid."""
        runs = [run for (name, _), run in self._confirmed.results.items() if name in names]
        return price_list(charge for run in runs for charge in run.bill.charges)

    def _begin(self) -> None:
        """Estimate the time: of the plan itself, and of the race of each kind that is tried."""
        seeds = self._searched.seeds
        tried = [kind for kind in self._kinds if not kind.why]
        races = {kind.title: usual_simulations(prod(map(len, kind.dimensions)), seeds) for kind in tried}
        self._stage.begin(self._plan.questions(), {self._plan.name: 2 * seeds, **races}, self._simulated)

    def _simulated(self) -> int:
        """Distinct simulations."""
        return len(self._searched.keys | self._confirmed.keys)

    def _cautions(self, taken: Sequence[str]) -> tuple[str, ...]:
        """Sentences on what the fresh runs of the plan do not show, after the actions that are taken."""
        name = self._plan.together(taken) if len(taken) > 1 else next(iter(taken), self._plan.name)
        self._confirmed.all_of(name)
        return tuple(cautions(self._confirmed.summary(name)))

    def _ranked(self, names: Iterable[str]) -> list[str]:
        """Actions by what they save alone."""
        return sorted(names, key=lambda one: -self._saving(one).mean)

    def _steps(
        self, winners: dict[str, ActionKind], tried: list[TriedKind], usd: float, least: float, *, met: bool
    ) -> list[ActionStep]:
        """Actions to take one after another; a commitment is made to what the others leave, where that saves more, and
        is then the winner of its kind.
        """
        together = self._together()
        steps = in_sequence(self._ranked(winners)[:SEQUENCED], usd, together, least, required=not met)
        free = self._ranked(one for one, kind in winners.items() if kind.reversible)
        first = in_sequence(free[:SEQUENCED], usd, together, least) if met else []
        if not first:
            return steps
        last = with_best(first, list(self._bound), together, least)
        name = last[-1].action
        if len(last) == len(first) or not difference_usd(steps[-1].usd_after, last[-1].usd_after) > 0:
            return steps
        if not self._holds(name):
            return steps
        kind = self._bound[name]
        for same in [one for one, other in winners.items() if other is kind]:
            del winners[same]
        winners[name] = kind
        outcome = f"saves {format_usd(self._saving(name).mean)} alone, made to what the others leave"
        tried[:] = [
            replace(one, outcome=outcome) if (one.kind, one.service) == (kind.name, kind.service) else one
            for one in tried
        ]
        return last

    def _holds(self, name: str) -> bool:
        """True if a plan meets the SLO at its confidence bound, in the search and on fresh seeds."""
        return self._searched.hold(name) and self._confirmed.hold(name)

    def _usd(self, name: str) -> float:
        return self._confirmed.summary(name).per_month_usd.mean

    def _saving(self, name: str) -> Saving:
        base, after = (self._confirmed.summary(one) for one in (self._plan.name, name))
        found = difference(base, after, self._searched.level).per_month_usd
        usd = base.per_month_usd.mean

        def without_rounding(change: float) -> float:
            return change if difference_usd(usd + change, usd) else 0.0

        lo, hi = (None if bound is None else without_rounding(bound) for bound in (found.lo, found.hi))
        return Saving(mean=without_rounding(found.mean), lo=lo, hi=hi)

    def _winners(self, usd: float, least: float, *, met: bool) -> tuple[dict[str, ActionKind], list[TriedKind]]:
        """The cheapest plan of each kind that holds, and what came of all kinds; `met`: it has to save enough, since
        the plan itself holds and is good enough.
        """
        winners, tried = dict[str, ActionKind](), list[TriedKind]()
        kinds, most, sized = self._kinds, usd - least if met else inf, dict[str | None, float]()
        each = self._plan.choices([kind for kind in kinds if not kind.why])
        for kind in kinds:
            if kind.why:
                tried.append(TriedKind(kind=kind.name, service=kind.service, plans=0, outcome=f"not tried: {kind.why}"))
                continue
            choices = next(each)
            self._stage.next(kind.title)
            if not kind.reversible:
                self._bound |= {entrant.name: kind for entrant in choices.entrants}
            resized = sized.get(kind.service, inf) - least if kind.sizes in ("own", "both") else inf
            best = self._best(choices, min(most, resized), NOT_BELOW_SIZES if resized < most else TOO_LITTLE)
            if best.name is not None:
                winners[best.name] = kind
                if kind.sizes in ("alone", "both"):
                    sized[kind.service] = self._usd(best.name)
            count = choices.combinations
            told = TriedKind(kind=kind.name, service=kind.service, plans=count, outcome=best.outcome)
            tried.append(replace(told, untried=best.untried))
        return winners, tried

    def _best(self, choices: Choices, limit: float, too_little: str) -> Winner:
        """The cheapest plan below a cost that holds, on fresh seeds too, and what came of the search; the outcome where
        none that holds is below it.
        """
        if not choices.entrants:
            return Winner(outcome=choices.none)
        cheaper = [entrant for entrant in choices.entrants if entrant.bound_usd < limit]
        if not cheaper:
            return Winner(outcome=too_little)
        best = find_winner(
            Race(cheaper, self._searched.level),
            self._searched,
            limit,
            usd=lambda name: self._searched.summary(name).per_month_usd.mean,
            confirmed_usd=lambda name: self._usd(name) if self._holds(name) else None,
            saving=self._saving,
            too_little=too_little,
        )
        some_left_out = len(cheaper) < len(choices.entrants)
        return replace(best, outcome=too_little) if best.outcome == NONE_KEEPS and some_left_out else best

    def _together(self) -> Callable[[tuple[str, ...]], float | None]:
        """Cost a month of actions together on fresh seeds; None where they contradict or miss the SLO."""
        known = dict[frozenset[str], float | None]()

        def made(names: tuple[str, ...]) -> float | None:
            try:
                name = self._plan.together(names)
                return self._usd(name) if self._searched.good_enough(name) and self._holds(name) else None
            except InputError:
                return None

        def cost(names: tuple[str, ...]) -> float | None:
            if (key := frozenset(names)) not in known:
                known[key] = self._usd(names[0]) if len(names) == 1 else made(names)
            return known[key]

        return cost

    def _action(self, name: str, kind: ActionKind, then: float | None) -> AdvisedAction:
        changes = self._plan.changes(name)
        risk = miss_probability([score for runs in (self._searched, self._confirmed) for score in runs.all_of(name)])
        unseen = self._unseen_interruptions(name)
        if unseen is not None:
            risk = unseen.risk(risk)
        return AdvisedAction(
            action=wording(changes),
            kind=kind.name,
            service=kind.service,
            saving_usd_per_month=self._saving(name),
            then_usd_per_month=then,
            slo_risk=risk,
            slo_risk_class=risk_class(risk),
            unseen_interruptions=unseen,
            confidence=self._plan.certainty(name),
            effort=kind.effort,
            reversible=kind.reversible,
            before=self._figures(self._plan.name),
            after=self._figures(name),
            changes=changes,
        )

    def _unseen_interruptions(self, name: str) -> UnseenInterruptions | None:
        """Interruptions that no run of a plan on spot had, in the search and on fresh seeds."""
        rates = self._plan.spot_rates(name)
        if not rates:
            return None
        rate = max((one for one in rates if one is not None), default=0.0)
        runs = [run for simulated in (self._searched, self._confirmed) for run in simulated.summary(name).results]
        return unseen_interruptions(runs, None if None in rates else rate, self._searched.level)

    def _figures(self, name: str) -> PlanFigures:
        scores, summary = self._confirmed.all_of(name), self._confirmed.summary(name)
        return PlanFigures(
            usd_per_month=summary.per_month_usd.mean,
            attainment=summary.attainment.mean if summary.attainment else None,
            attainment_at_least=_least_share(scores, self._confirmed.level),
            utilisation=summary.mean(lambda run: run.utilisation),
            requests_completed=summary.mean(_completed),
            plan={**self._plan.written(name), "name": self._plan.name},
            undecided=tuple(undecided(summary)),
        )


def _least_share(scores: Sequence[RunScore], level: float) -> float | None:
    """The lower bound of the attainment of the service or tenant that has the least; None where none is measured."""
    shares = [check.measured for check in lower_bounds(scores, level) if check.is_attainment]
    return None if not shares or None in shares else min(share for share in shares if share is not None)


def _completed(run: RunResult) -> float | None:
    """Requests that a run completed, of all services."""
    served = [one.requests for one in (run.served, *(service.served for service in run.services)) if one is not None]
    return fsum(one["completed"] for one in served) if served else None
