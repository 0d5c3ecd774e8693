"""`simcost commit`: the commitments to buy, their saving and risk, and the difference from the usual advice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simcost.billing.books import coverage
from simcost.billing.commitment.bound import Bound, CommitmentRates, Floats, left_out, left_out_notes
from simcost.billing.commitment.offered import Offered, Option, bought, options_of, written
from simcost.billing.metering import Line
from simcost.billing.settlement import Settlement, break_even_use, settle, sustained_percent
from simcost.studies.commitments.demand import CommitmentDemand
from simcost.studies.commitments.optimizer import Aim, best_mix, pieces
from simcost.studies.commitments.result import (
    AimUsed,
    CommitmentAdvice,
    CommitmentEvidence,
    CurvePoint,
    FallenDemand,
    FutureSpread,
    RecentDemand,
    RecommendedAmount,
    UsualAdvice,
)
from simcost.studies.commitments.wording import verdict
from simcost.units import HOURS_PER_MONTH, SECONDS_PER_HOUR, difference_usd, format_seconds

LEVELS = 60
"""Points of a curve."""
USUAL_DAYS = (7, 30, 60)
"""Look-backs of the advice that providers give."""
FALLS = (0.8, 0.5)
"""Demands at which the mix is tried again."""
RECENT_WEEKS = 4
"""End of a history at which the mix is tried again, where it is at most half of the history."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CommitmentRequest:
    """A question about commitments."""

    demand: CommitmentDemand
    offered: tuple[Offered, ...]
    rates: CommitmentRates
    aim: Aim

    def options(self) -> list[Option]:
        """Commitments that may be bought."""
        return options_of(self.offered, self.demand.account(np.zeros((1, len(self.demand.lines)))), self.rates)

    def settled(self, amounts: Floats, demand: CommitmentDemand | None = None) -> Settlement:
        """All hours of all futures under so much of each option, by the exact rules."""
        return settle(
            (demand or self.demand).account(),
            bought(self.offered, self.options(), amounts),
            self.rates,
            sustained=False,
        )

    def monthly(self, amounts: Floats, demand: CommitmentDemand | None = None) -> Floats:
        """[future] USD a month."""
        found, usd = self.settled(amounts, demand), (demand or self.demand).pooled_usd
        hourly = (found.rest_h * usd).sum(axis=1) + sum((one.committed_usd for one in found.bought), np.zeros(1))
        monthly: Floats = hourly.reshape(self.demand.futures, -1).mean(axis=1) * HOURS_PER_MONTH
        return monthly


def study(
    asked: CommitmentRequest,
    history: CommitmentDemand | None,
    progress: Callable[[str], None] = lambda _: None,
) -> CommitmentAdvice:
    """The best mix and its alternatives.

    Args:
        asked: the demand, the options, the aim.
        history: what was used, for the usual advice; None = unknown.
        progress: called with the work done.
    """
    options = asked.options()
    progress("optimising")
    amounts = best_amounts(asked, options)
    nothing = np.zeros(len(options))
    progress("settling")
    before, after = asked.monthly(nothing), asked.monthly(amounts)
    settled = asked.settled(amounts)
    saved = before - after
    advice = CommitmentAdvice(
        futures=asked.demand.futures,
        source=asked.demand.source,
        recommended=tuple(_recommended(asked, options, amounts, settled, k) for k in range(len(options))),
        commitments=tuple(written(one) for one in bought(asked.offered, options, amounts)),
        on_demand_usd_per_month=_spread(before),
        cost_usd_per_month=_spread(after),
        saving_usd_per_month=_spread(saved),
        saving_share=float(saved.mean() / before.mean()) if before.mean() else None,
        chance_of_loss=float((saved < -1e-9).mean()),
        cvar_usd_per_month=_worst(after, asked.aim.tail),
        aim=AimUsed(
            tail=asked.aim.tail,
            weight=asked.aim.weight,
            budget_usd_per_h=asked.aim.budget_usd_per_h,
        ),
        curves={option.bound.name: _curve(asked, option) for option in options},
        falls=tuple(_fall(asked, options, amounts, factor) for factor in FALLS),
        break_even_demand=break_even_demand(asked, amounts),
        evidence=evidence(asked, amounts),
        recent=_recent(asked, options, amounts),
        usual=_usual(asked, options, history) if history else (),
        assumptions=_assumptions(asked, options),
        not_covered={option.bound.name: _left_out(asked, option) for option in options},
    )
    return replace(advice, verdict=verdict(advice))


def best_amounts(asked: CommitmentRequest, options: Sequence[Option]) -> Floats:
    """Of one option in expectation the quantile of demand, exact; else the linear program."""
    aim = asked.aim
    if len(options) == 1 and aim.weight == 0:
        [option] = options
        most = option.most
        if aim.budget_usd_per_h is not None:
            most = min(most, aim.budget_usd_per_h / option.usd_per_unit_h)
        demand = asked.demand
        found = pieces(option.bound, demand.lines, demand.pooled, demand.pooled_usd).best(most, option.whole)
        return np.array([found])
    return best_mix(asked.demand, options, aim)


def _recommended(
    asked: CommitmentRequest, options: Sequence[Option], amounts: Floats, settled: Settlement, k: int
) -> RecommendedAmount:
    option, amount = options[k], float(amounts[k])
    by_name = {one.bound.name: one for one in settled.bought}
    mine = by_name.get(option.bound.name)
    price = np.array([line.contracted_usd for line in asked.demand.lines])
    reached = option.draw > 0
    shares = option.usd_per_unit_h * option.draw[reached] / price[reached]
    return RecommendedAmount(
        name=option.bound.name,
        kind=option.bound.kind,
        amount=amount / option.whole if option.whole else amount,
        unit="instances" if option.whole else "USD/h",
        committed_usd_per_h=amount * option.usd_per_unit_h,
        upfront_usd=option.bound.payments.terms.upfront_usd * amount / option.most,
        break_even_utilisation=_break_even(shares, [asked.demand.lines[i] for i in np.flatnonzero(reached)], asked),
        utilisation=mine.utilisation if mine else None,
        coverage=coverage(settled, mine) if mine else None,
    )


def _break_even(shares: Floats, lines: Sequence[Line], asked: CommitmentRequest) -> float | None:
    """The least use at which a commitment pays, at shares of the prices of lines; None = at none."""
    sustained = asked.demand.multiples is not None
    even = [
        break_even_use(float(share), sustained_percent(line) if sustained else None)
        for share, line in zip(shares, lines, strict=True)
    ]
    return min((use for use in even if use is not None), default=None)


def _curve(asked: CommitmentRequest, option: Option) -> tuple[CurvePoint, ...]:
    """Cost of this option alone, from nothing to all of it."""
    demand = asked.demand
    levels = np.linspace(0, option.most, LEVELS + 1)
    on_demand = (demand.hours * demand.usd).sum(axis=2)
    used = float(on_demand.max(initial=0.0)) / option.usd_per_unit_h
    if option.most > 2 * used > 0:  # more may be bought than was ever used: finer levels where it can pay
        levels = np.union1d(levels, np.linspace(0, 4 / 3 * used, LEVELS + 1))
    if option.whole is not None:
        levels = np.unique(np.round(levels / option.whole)) * option.whole
    by_future = np.stack(
        [
            pieces(option.bound, demand.lines, hours, usd).cost(levels) + paid.mean()
            for hours, usd, paid in zip(demand.hours, demand.usd, on_demand, strict=True)
        ]
    )
    monthly = by_future * HOURS_PER_MONTH
    lo, hi = np.quantile(monthly, [0.05, 0.95], axis=0)
    shown = levels / option.whole if option.whole else levels
    return tuple(
        CurvePoint(
            amount=float(a),
            committed_usd_per_h=float(x * option.usd_per_unit_h),
            usd_per_month=float(m),
            p5_usd_per_month=float(low),
            p95_usd_per_month=float(high),
        )
        for a, x, m, low, high in zip(shown, levels, monthly.mean(axis=0), lo, hi, strict=True)
    )


def _fall(asked: CommitmentRequest, options: Sequence[Option], amounts: Floats, factor: float) -> FallenDemand:
    """The mix, if demand were only so much of the expected."""
    less = asked.demand.scaled(factor)
    mix, nothing = asked.monthly(amounts, less), asked.monthly(np.zeros(len(options)), less)
    best = asked.monthly(best_amounts(replace(asked, demand=less), options), less)
    return FallenDemand(
        demand=factor,
        usd_per_month=float(mix.mean()),
        best_usd_per_month=float(best.mean()),
        regret_usd_per_month=difference_usd(float(mix.mean()), float(best.mean())),
        on_demand_usd_per_month=float(nothing.mean()),
        loss_usd_per_month=difference_usd(float(mix.mean()), float(nothing.mean())),
    )


def break_even_demand(asked: CommitmentRequest, amounts: Floats) -> float | None:
    """The share of the demand at which the mix costs as much as on demand, to a thousandth; None where nothing is
    committed or the mix never saves. What a mix saves falls with demand, so there is one such share at most.
    """
    nothing = np.zeros(len(amounts))

    def saving(factor: float) -> float:
        less = asked.demand.scaled(factor)
        return float(asked.monthly(nothing, less).mean() - asked.monthly(amounts, less).mean())

    if not amounts.any():
        return None
    low, high, lost, saved = 0.0, 1.0, saving(0.0), saving(1.0)
    if saved <= 0 or lost >= 0:
        return None
    while high - low > 1e-3:
        middle = (low + high) / 2
        found = saving(middle)
        low, high = (middle, high) if found < 0 else (low, middle)
    return (low + high) / 2


def evidence(asked: CommitmentRequest, amounts: Floats) -> CommitmentEvidence:
    """Evidence behind the terms: how well demand is known, and how long the commitment lasts."""
    years = [one.years for one, amount in zip(asked.offered, amounts, strict=True) if amount > 1e-9]
    demand = asked.demand
    return CommitmentEvidence(
        kind="history" if demand.history else "forecast",
        pieces=demand.history or "futures",
        futures=demand.futures,
        distinct_futures=demand.distinct,
        days=demand.span_h / 24,
        longest_term_years=max(years, default=None),
    )


def _recent(asked: CommitmentRequest, options: Sequence[Option], amounts: Floats) -> RecentDemand | None:
    """The mix at the demand of the last weeks; None without a history of twice as many."""
    demand = asked.demand
    if demand.history != "weeks" or demand.futures < 2 * RECENT_WEEKS:
        return None
    late = replace(asked, demand=demand.last(RECENT_WEEKS))
    nothing = np.zeros(len(options))
    before, whole = late.monthly(nothing).mean(), asked.monthly(nothing).mean()
    best = best_amounts(late, options)
    return RecentDemand(
        days=7 * RECENT_WEEKS,
        demand=float(before / whole) if whole else 1.0,
        saving_usd_per_month=difference_usd(float(before), float(late.monthly(amounts).mean())),
        best={
            option.bound.name: float(amount / option.whole if option.whole else amount)
            for option, amount in zip(options, best, strict=True)
        },
        best_saving_usd_per_month=difference_usd(float(before), float(late.monthly(best).mean())),
    )


def _usual(asked: CommitmentRequest, options: Sequence[Option], history: CommitmentDemand) -> tuple[UsualAdvice, ...]:
    """Best amount over the last days, option by option: the method of the providers' advice."""
    found = []
    for k, option in enumerate(options):
        for days in USUAL_DAYS:
            hours, usd = (each[-24 * days :] for each in (history.pooled, history.pooled_usd))
            if len(hours) < 24 * days:
                continue
            amount = pieces(option.bound, history.lines, hours, usd).best(option.most, option.whole)
            amounts = np.zeros(len(options))
            amounts[k] = amount
            found.append(
                UsualAdvice(
                    name=option.bound.name,
                    days=days,
                    amount=amount / option.whole if option.whole else amount,
                    committed_usd_per_h=amount * option.usd_per_unit_h,
                    usd_per_month=float(asked.monthly(amounts).mean()),
                )
            )
    return tuple(found)


def _spread(values: Floats) -> FutureSpread:
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return FutureSpread(
        mean=float(values.mean()),
        p5=float(low),
        p50=float(middle),
        p95=float(high),
        least=float(values.min()),
        most=float(values.max()),
    )


def _worst(values: Floats, tail: float) -> float:
    """Mean over the worst share of the futures, as the program has it: the last of them counts by its part."""
    taken = np.clip(tail * len(values) - np.arange(len(values)), 0.0, 1.0)
    return float(np.average(np.sort(values)[::-1], weights=taken))


def _assumptions(asked: CommitmentRequest, options: Sequence[Option]) -> tuple[str, ...]:
    lines = [f"Futures: {asked.demand.source}, equally likely. Commitments are settled by the clock-hour."]
    lines += asked.demand.notes
    if "history" in asked.demand.source:
        lines.append("A history shows no growth, and its pieces are more alike than the futures of a forecast.")
    if len(asked.offered) > 1 or asked.aim.weight:
        lines.append("The mix is optimised over a sample of hours, then priced by the exact rules over all of them.")
    if asked.demand.multiples is not None:
        lines.append("On demand has GCP's sustained-use discounts, in equal parts of the demand of about a month.")
    if any(option.bound.payments.terms.upfront_usd for option in options):
        lines.append("What is paid in advance is spread over its term without interest; it is due when it is bought.")
    lines += [_running(one) for one in asked.offered if one.since < 0]
    lines += [_of_no_use(option.bound) for option in options if not option.draw.any()]
    lines += dict.fromkeys(note for option in options for note in option.bound.notes)
    lines += left_out_notes({option.bound.name: _left_out(asked, option) for option in options}, " a month")
    return tuple(lines)


def _left_out(asked: CommitmentRequest, option: Option) -> list[dict[str, Any]]:
    """Items that an option may not cover, or not for sure, with their cost on demand a month."""
    monthly = (asked.demand.pooled * asked.demand.pooled_usd).mean(axis=0) * HOURS_PER_MONTH
    return left_out(option.bound, asked.demand.lines, monthly)


def _of_no_use(bound: Bound) -> str:
    """An option that is for none of the demand, whatever its price."""
    return (
        f"{bound.name}: covers nothing of this demand, so that none of it is bought; look at its provider, `sku` and "
        f"region, and at what {bound.kind} covers."
    )


def _running(one: Offered) -> str:
    """An option that says of itself that it was bought before."""
    ago, left = format_seconds(-one.since), format_seconds(max(one.end_h, 0.0) * SECONDS_PER_HOUR)
    return (
        f"{one.name} began {ago} before the usage, and its term ends {left} after the start of it: here it may be "
        "bought or not, like all options. What runs already is none of them; give the usage that it does not cover."
    )
