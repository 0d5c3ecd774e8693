"""Verdict of `simcost api`: the cheapest option, and the demand from which on a fleet costs less."""

from collections.abc import Iterable, Mapping, Sequence

from simcost.compare.confidence import paired
from simcost.compare.verdict import kept_spot
from simcost.present.format import amount
from simcost.studies.breakeven.crossing import DemandSpread
from simcost.studies.breakeven.result import ApiCosts, BreakEvenResult
from simcost.units import format_share, format_usd


def verdict(result: BreakEvenResult, by_replication: Mapping[str, Sequence[float]], level: float) -> str:
    """Cheapest option at the demand of the scenario, and the demand from which on a fleet beats the cheapest API.

    APIs that surely miss the SLO, or that their provider has ended, are neither, nor are plans whose model is not good
    enough; all are named.

    Args:
        result: all of it but the verdict.
        by_replication: costs a month of each option there; their order tells whether two differ significantly.
        level: of confidence.
    """
    here = result.here
    missing = [api for api in result.apis if api.slo_misses]
    missed = {api.name for api in result.apis if api.slo_misses or api.ended}
    below = result.below_quality
    plans = [(plan.usd_per_month.mean, f"the fleet {plan.name}") for plan in here.met if plan.name not in below]
    apis = [(api.usd_per_month.mean, api.name) for api in here.apis if api.name not in missed]
    notes = "".join(f" {api.name} misses the SLO: {' and '.join(api.slo_misses)}." for api in missing)
    notes += "".join(f" The fleet {name} is not good enough: {what}." for name, what in below.items())
    notes += endings(result.apis) + refusals(result.apis) + hits_without_price(result.apis)
    met = {plan.name for demand in result.demands for plan in demand.met}
    notes += f" {kept_spot(' and '.join(spot))}" if (spot := [name for name in result.kept_spot if name in met]) else ""
    if not (plans or apis):
        good = " with a model that is good enough" if below else ""
        return f"At {rate(here.requests_per_s)} neither a fleet nor an API meets the SLO{good}.{notes}"
    (usd, name), *others = sorted([*plans, *apis])
    text = f"At {rate(here.requests_per_s)} the cheapest is {name}: {format_usd(usd)} a month"

    def alike(one: str, other: str) -> bool:
        return bool(paired(by_replication[one], by_replication[other], level).holds_zero)

    if others and list(by_replication[others[0][1]]) == list(by_replication[name]):
        text += f", as much as {others[0][1]}"
    elif others:
        doubt = alike(others[0][1], name)
        text += f", {'not significantly less than' if doubt else 'next'} {others[0][1]} at {format_usd(others[0][0])}"
        text += f" ({result.replications} replications do not tell them apart)" if doubt else ""
    doubt = bool(plans and apis) and alike(min(apis)[1], min(plans)[1])
    later = f"; {_later(result, min(apis)[1], doubt=doubt)}" if apis else ""
    named = [api for api in result.apis if apis and api.name == min(apis)[1]]
    return f"{text}{later}.{offered_until(named)}{notes}"


def endings(apis: Iterable[ApiCosts]) -> str:
    """Sentences on APIs that are offered no more, with a space before each."""
    return "".join(
        f" {api.name} is offered no more: its provider ended it on {api.ended}." for api in apis if api.ended
    )


def offered_until(apis: Iterable[ApiCosts]) -> str:
    """Sentences on APIs of which the last day is known, with a space before each."""
    return "".join(
        f" {api.name} is offered until {until} only."
        for api in apis
        if (until := api.price["deprecation_date"]) and not api.ended
    )


def hits_without_price(apis: Iterable[ApiCosts]) -> str:
    """Sentences on APIs whose cache saves nothing by the prices that are known, with a space before each."""
    return "".join(
        f" {api.name}: the catalog has no lower price of cached tokens{' in a batch' if api.batch else ''}, so that "
        f"its cache ({format_share(api.read_share)} of prompts) saves nothing here."
        for api in apis
        if api.hits_at_input_price
    )


def refusals(apis: Iterable[ApiCosts]) -> str:
    """Sentences on APIs that would refuse some of the requests, with a space before each."""
    return "".join(
        f" {api.name} would refuse {format_share(api.refused_share)} of the requests, which are longer than its window."
        for api in apis
        if api.refused_share
    )


def _later(result: BreakEvenResult, api: str, *, doubt: bool) -> str:
    """From which demand on a plan costs less than an API; the lowest over the plans.

    `doubt`: the costs at the demand of the scenario do not differ significantly; those of each replication may.
    """
    most, each = ("in most replications taken alone, ", "in each replication taken alone, ") if doubt else ("", "")
    below = result.below_quality
    pairs = [one for one in result.break_even if one.api == api and one.place is not None and one.plan not in below]
    largest = rate(result.demands[-1].requests_per_s)
    if not pairs:
        return f"no plan{' of that quality' if below else ''} meets the SLO at any size that was tried"
    crossing = [
        (pair, pair.requests_per_s, pair.tokens_per_month)
        for pair in pairs
        if pair.requests_per_s is not None and pair.tokens_per_month is not None
    ]
    always = [pair for pair in pairs if pair.place == "fleet"]
    if always:
        least = rate(result.demands[0].requests_per_s)
        return f"{most}{always[0].plan} costs less than {api} at every demand from {least} to {largest}"
    if crossing:
        first, requests_per_s, tokens = min(crossing, key=lambda one: one[1].mean)
        begin = f"from {spread(requests_per_s)} on ({amount(tokens.mean)} tokens a month)"
        return f"{each}{begin} {first.plan} costs less than {api}"
    best = min(pairs, key=lambda pair: pair.cost_ratio_at_largest or float("inf"))
    if best.crossed_in:
        return (
            f"{best.plan} becomes cheaper than {api} below {largest} in {best.crossed_in} of "
            f"{result.replications} replications only, so that no break-even can be named"
        )
    closest = f"{best.plan} comes closest, at {amount(best.cost_ratio_at_largest)} times its cost"
    return f"up to {largest} {api} costs less than every fleet; {closest}"


def rate(per_s: float) -> str:
    """Requests per second, or per hour where they are few."""
    return f"{amount(per_s)} requests/s" if per_s >= 0.1 else f"{amount(3600 * per_s)} requests/h"


def spread(value: DemandSpread) -> str:
    """A rate with its range over the replications."""
    mean = value.mean
    lo, hi = (amount(bound * (1.0 if mean >= 0.1 else 3600.0)) for bound in (value.lo, value.hi))
    return rate(mean) if lo == hi else f"{rate(mean)} ({lo} to {hi})"
