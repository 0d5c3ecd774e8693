"""Answers of `simcost api`: a study of a scenario, or the prices of a stored trace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from simcost import __version__
from simcost.billing import OnDemand, Owned
from simcost.billing.api.pricing import Provisioned, TokenBill, bill_tokens
from simcost.billing.api.tokens import ITEMS
from simcost.billing.price_list import price_sentences, purchase_prices, token_prices
from simcost.catalog import Catalog
from simcost.catalog.dates import price_of_date
from simcost.catalog.facts import TokenPrice
from simcost.errors import TraceError
from simcost.present.format import amount
from simcost.scenario.inputs.unusual_prices import about_api
from simcost.scenario.runs.provenance import assumptions, provenance
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Plan
from simcost.studies.breakeven.fleets import Made, Progress, Settings, make_study
from simcost.studies.breakeven.prices import ApiOption, in_trace
from simcost.studies.breakeven.result import BreakEvenResult, TraceCosts
from simcost.studies.breakeven.study import Api, api_costs, break_even_result
from simcost.studies.breakeven.verdict import endings, hits_without_price, offered_until, rate, refusals
from simcost.tables.digests import sha256_of
from simcost.trace.requests.describe import silent_share
from simcost.trace.requests.prefix_reuse import shared_in_trace
from simcost.trace.requests.store import open_trace
from simcost.units import HOURS_PER_MONTH, SECONDS_PER_HOUR, format_seconds, format_share, format_usd, plural


def compare_with_apis(
    loaded: LoadedScenario, asked: Sequence[ApiOption], runs: Path, settings: Settings, progress: Progress
) -> BreakEvenResult:
    """Fleets of a scenario against APIs as demand grows; see `make_study` for arguments and errors."""
    made = make_study(loaded, asked, runs, settings, progress)
    prices = [*_fleet_prices(made), *(row for api in made.study.apis for row in token_prices(api.price))]
    origin = provenance(made.question, made.study.horizon_s) | {"prices": prices}
    return break_even_result(made.study, origin, _assumptions(made))


def _fleet_prices(made: Made) -> list[dict[str, Any]]:
    """The catalog's prices of the nodes of the fleets."""
    catalog = made.question.loaded.catalog
    return purchase_prices((way for plan in made.question.plans for way in (plan.plan.buy, *plan.plan.or_buy)), catalog)


def price_trace(path: Path, asked: Sequence[ApiOption], catalog: Catalog) -> TraceCosts:
    """Cost of the requests of a stored trace at APIs.

    Raises:
        TraceError: the trace cannot be read, or spans no time, so that it has no rate.
        CatalogError: an API without a price.
    """
    info = open_trace(path)
    span_s = info.span_s
    if not span_s > 0:
        raise TraceError(
            f"{path}: it spans no time ({plural(info.rows, 'request')}), so how many a month has is unknown; give a "
            "longer trace"
        )
    apis = [in_trace(one, catalog, path, span_s) for one in asked]
    bills = [
        bill_tokens(shared_in_trace(path, api.purchase.cache.keep_s), api.purchase, api.price, span_s) for api in apis
    ]
    tokens = (bills[0].count.input_tokens + bills[0].count.output_tokens) * _months(span_s)
    offered = [i for i, api in enumerate(apis) if not api.ended] or range(len(apis))
    best = min(offered, key=lambda i: bills[i].per_month_usd)
    per_s = info.rows / span_s
    costs = tuple(api_costs(api, [bill]) for api, bill in zip(apis, bills, strict=True))
    return TraceCosts(
        verdict=f"{apis[best].name} costs {format_usd(bills[best].per_month_usd)} a month at {rate(per_s)} "
        f"({amount(tokens)} tokens a month){f', the least of {len(offered)}' if len(offered) > 1 else ''}."
        f"{offered_until(costs[best : best + 1])}{endings(costs)}{refusals(costs)}{hits_without_price(costs)}",
        trace=str(path),
        requests_per_s=per_s,
        tokens_per_month=tokens,
        apis=costs,
        assumptions=(
            f"A month is {HOURS_PER_MONTH:g} h like the {format_seconds(span_s)} of the trace.",
            *([f"{path}: {silent}"] if (silent := silent_share(path)) else []),
            f"APIs answer every request, without rate limits. {_peak(bills[0])}",
            *_about_apis(apis, bills, catalog.as_of),
        ),
        provenance={
            "simcost_version": __version__,
            "inputs": {str(path): sha256_of(path)},
            "catalog_date": catalog.as_of,
            "prices": [row for api in apis for row in token_prices(api.price)],
        },
    )


def _months(span_s: float) -> float:
    """Number of such spans in a month."""
    return HOURS_PER_MONTH * SECONDS_PER_HOUR / span_s


def _assumptions(made: Made) -> Iterator[str]:
    """Assumptions of the prices."""
    study = made.study
    yield f"A month is {HOURS_PER_MONTH:g} h like the run of {format_seconds(study.horizon_s)}."
    yield (
        "A fleet is the least number of replicas that meets the SLO, in each replication for its own arrivals and "
        "engine speed; of an autoscaled plan all bounds move in proportion, of owned nodes as many are bought as are "
        "needed. Costs cross where straight lines on logarithmic axes between simulated demands do; beyond the largest "
        "nothing is simulated."
    )
    plans = [one.plan for one in made.question.plans if one.plan.name in study.plans]
    if committed := [plan.name for plan in plans if isinstance(plan.buy, OnDemand) and plan.buy.commitments]:
        yield f"Commitments are the same at every demand: {', '.join(committed)}."
    owned = {plan.name: plan.buy for plan in plans if isinstance(plan.buy, Owned)}
    for name, buy in owned.items():
        for note in (buy.cost_note(), *buy.without_price(disks=True, traffic=True)):
            yield f"{name}: {note}."
    for scale, requests in made.left_out:
        many = f"a run would have {requests:,.0f} requests (--most-requests)"
        yield f"x{scale:g} is left out: {many if requests else 'a run has no requests; lengthen the horizon'}."
    staffed = ", but for the staff of owned nodes" if any(buy.staff for buy in owned.values()) else ""
    yield (
        f"Fleets cost their nodes, disks and traffic, not the people who run them{staffed}; whether the models "
        "answer equally well is not compared. APIs answer every request, without rate limits."
    )
    if asked := made.question.loaded.scenario.quality:
        yield f"Of APIs no {asked.metric} is known: whether they reach {asked.at_least:g} is yours to measure."
    bills = [point.bills for point in study.points if point.scale == 1] or [study.points[0].bills]
    if any(one.count.read_share for some in bills[0] for one in some):
        yield from _computed_again(plans)
    yield _peak(bills[0][0][0])
    newest = made.question.loaded.catalog.as_of
    yield from _about_apis(study.apis, [one[0] for one in bills[0]], newest)
    yield from price_sentences(_fleet_prices(made), newest)
    yield from assumptions(made.question)


def _computed_again(plans: Sequence[Plan]) -> Iterator[str]:
    """Sentence on fleets without a prefix cache, where APIs have one."""
    without = [plan.name for plan in plans if not plan.prefix_cache]
    if without:
        fleets = "Fleets" if len(without) == len(plans) else f"Fleets without `prefix_cache` ({', '.join(without)})"
        yield f"{fleets} compute every prompt again, APIs find parts of them in their caches."


def _about_apis(apis: Sequence[Api], bills: Sequence[TokenBill], newest: str) -> Iterator[str]:
    for api, bill in zip(apis, bills, strict=True):
        price = api.price
        dated = f"{price_of_date(price.as_of, newest)}, quality {price.quality}"
        yield f"{api.name}: {_prices(price, bill)}; {price.source}, {dated}; {api.cache}."
        yield from about_api(api.name, price, newest)
        if (units := api.purchase.provisioned) is not None:
            yield _about_units(api.name, units, bill, batch=api.purchase.service == "batch")
        if bill.too_long:
            yield (
                f"{api.name}: {bill.too_long:,} of {bill.requests:,} requests are longer than its window of "
                f"{price.context_tokens:,} tokens; it would refuse them, they are priced as if not."
            )


def _about_units(name: str, units: Provisioned, bill: TokenBill, *, batch: bool) -> str:
    """Sentence on the load of provisioned units, and on the cost of what they serve per token."""
    months = _months(bill.horizon_s)
    served = format_share(bill.in_units.requests / max(bill.requests, 1))
    spilled = f"{bill.paid.requests:,} of {bill.requests:,} requests spill over and are paid per token"
    return (
        f"{name}: {plural(units.paid_units, 'unit')} at {format_usd(months * bill.units_usd)} a month "
        f"{'are' if units.paid_units > 1 else 'is'} {format_share(bill.units_load)} full and "
        f"{'serve' if units.paid_units > 1 else 'serves'} {served} of the requests, which would cost "
        f"{format_usd(months * bill.in_units.usd(bill.rates))} per token; {spilled}{' in batches' if batch else ''}."
    )


def _peak(bill: TokenBill) -> str:
    """Busiest minute of the requests, as rate limits have it."""
    return (
        f"The busiest minute has {plural(bill.peak_requests_per_min, 'request')} with "
        f"{bill.peak_tokens_per_min:,} tokens, which the rate limits of an API have to allow."
    )


def _prices(price: TokenPrice, bill: TokenBill) -> str:
    """Prices that are paid: of a batch its own, and those of long prompts where there are some."""
    written = bool(bill.count.tokens[:, ITEMS.index("cache write")].any())
    said = {"input": "input", "cache read": "cached", "cache write": "written to the cache", "output": "output"}
    shown = [item for item in ITEMS if item != "cache write" or written]
    if price.cache_read_usd_per_m is None:
        shown.remove("cache read")
    each = [", ".join(f"{said[item]} ${row[ITEMS.index(item)]:.6g}" for item in shown) for row in bill.rates.usd_per_m]
    text = f"{each[0]} per 1M tokens"
    if bill.rates.tier_start is not None and bill.count.tokens[1].any():
        text += f", of prompts longer than {bill.rates.tier_start:,} tokens {each[1]}"
    return text
