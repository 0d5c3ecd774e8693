"""A break-even study as the JSON document of `simcost api`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from math import exp, log
from typing import Any

import numpy as np

from simcost.billing.api.pricing import TokenBill
from simcost.compare.confidence import interval
from simcost.compare.results import mean_of
from simcost.studies.breakeven.crossing import Spread
from simcost.studies.breakeven.study import Api, BreakEven, Fleet, Point, Study
from simcost.studies.breakeven.words import verdict
from simcost.units import HOURS_PER_MONTH, SECONDS_PER_HOUR

Document = dict[str, Any]
MONTH_S = HOURS_PER_MONTH * SECONDS_PER_HOUR


def document(study: Study, provenance: Mapping[str, Any], assumptions: Sequence[str]) -> Document:
    """`verdict`, `demands[]` with the cost of each option (`between[]`: of some), `break_even[]`, `apis[]`; means over
    replications, of demands geometric with their range.
    """
    found = {
        "scenario": study.scenario,
        "model": study.model,
        "replications": len(study.points[0].bills[0]),
        "demands": [_demand(study, point) for point in study.whole],
        "between": [_demand(study, point) for point in study.points if point not in study.whole],
        "apis": [api_document(api, _at_scale_one(study).bills[i]) for i, api in enumerate(study.apis)],
        "break_even": [
            _break_even(study, study.break_even(plan, api))
            for plan in study.plans
            for api in range(len(study.apis))
        ],
        "assumptions": list(assumptions),
        "provenance": dict(provenance),
    }
    return {"verdict": verdict(found), **found}


def api_document(api: Api, bills: Sequence[TokenBill]) -> Document:
    """Prices, what the cache finds, and unit costs at the demand of the bills."""
    price = api.price
    facts = {
        name: value
        for name, value in asdict(price).items()
        if name.endswith(("_usd_per_m", "_tokens", "_multiplier"))
    }
    return {
        "name": api.name,
        "usd_per_month": _mean([bill.per_month_usd for bill in bills]),
        "usd_per_request": _mean([bill.total_usd / max(bill.requests, 1) for bill in bills]),
        "usd_per_million_tokens": _mean([1e6 * bill.total_usd / max(_tokens(bill), 1) for bill in bills]),
        "usd_by_item": {
            item: _mean([bill.paid.by_item_usd(bill.rates)[item] for bill in bills])
            for item in bills[0].paid.by_item_usd(bills[0].rates)
        } | {"provisioned": _mean([bill.units_usd for bill in bills])},
        "read_share": _mean([bill.count.read_share for bill in bills]),
        "cache": api.cache,
        "too_long_requests": _mean([bill.too_long for bill in bills]),
        "spilled_requests": _mean([bill.paid.requests for bill in bills]) if api.purchase.provisioned else None,
        "batch": api.purchase.batch,
        "ttft_p95_s": api.ttft_p95_s,
        "tpot_p95_s": api.tpot_p95_s,
        "price": facts | {name: getattr(price, name)
                          for name in ("source", "as_of", "quality", "notes", "deprecation_date")},
    }  # fmt: skip


def _demand(study: Study, point: Point) -> Document:
    bills = point.bills[0]
    return {
        "scale": point.scale,
        "requests_per_s": _mean([bill.requests / study.horizon_s for bill in bills]),
        "tokens_per_month": _mean([_tokens(bill) * MONTH_S / study.horizon_s for bill in bills]),
        "plans": [_plan(study, point, name) for name in study.plans if name in point.fleets],
        "apis": [
            {"name": api.name, "usd_per_month": _interval(point.api_usd(i), study.level)}
            for i, api in enumerate(study.apis)
        ],
    }


def _plan(study: Study, point: Point, name: str) -> Document:
    fleets = [fleet for fleet in point.fleets[name] if fleet is not None]
    usd = point.fleet_usd(name)
    if usd is None:
        return {"name": name, "met": False, "replicas": None, "usd_per_month": None}
    counts = [fleet.replicas for fleet in fleets]
    return {
        "name": name,
        "met": True,
        "replicas": {"lo": min(counts), "mean": _mean(counts), "hi": max(counts)},
        "usd_per_month": _interval(usd, study.level) | {"least": min(usd), "most": max(usd)},
        "usd_per_million_tokens": _mean(
            [1e6 * cost / (_tokens(bill) * MONTH_S / study.horizon_s)
             for cost, bill in zip(usd, point.bills[0], strict=True)]
        ),
        "attainment": _known(fleets, lambda fleet: fleet.attainment),
        "ttft_p95_s": _known(fleets, lambda fleet: fleet.ttft_p95_s),
        "tpot_p95_s": _known(fleets, lambda fleet: fleet.tpot_p95_s),
        "utilisation": _known(fleets, lambda fleet: fleet.utilisation),
    }  # fmt: skip


def _break_even(study: Study, found: BreakEven) -> Document:
    """`scale`, `requests_per_s` and `tokens_per_month` have `mean`, `lo`, `hi`; None where nothing crosses."""
    point = _at_scale_one(study)
    bills = point.bills[0]
    rate = _mean([bill.requests / study.horizon_s for bill in bills]) / point.scale
    tokens = _mean([_tokens(bill) * MONTH_S / study.horizon_s for bill in bills]) / point.scale
    last = study.whole[-1]
    usd = last.fleet_usd(found.plan)
    return {
        "plan": found.plan,
        "api": study.apis[found.api].name,
        "place": found.place,
        "crossed_in": found.crossed,
        "scale": _in(found.scale, 1.0),
        "requests_per_s": _in(found.scale, rate),
        "tokens_per_month": _in(found.scale, tokens),
        "sure_from_requests_per_s": _in(found.sure, rate),
        "usd_per_month": None if found.scale is None else _api_usd(study, found.api, found.scale.mean),
        "cost_ratio_at_largest": None if usd is None else _mean(usd) / _mean(last.api_usd(found.api)),
    }


def _api_usd(study: Study, api: int, scale: float) -> float:
    """A month of an API at any demand: straight between the points on logarithmic axes, in proportion below them."""
    first = study.points[0]
    if scale <= first.scale:
        return _mean(first.api_usd(api)) * scale / first.scale
    scales = [log(point.scale) for point in study.points]
    costs = [log(_mean(point.api_usd(api))) for point in study.points]
    return exp(float(np.interp(log(scale), scales, costs)))


def _at_scale_one(study: Study) -> Point:
    """The point of the scenario's own demand, or the nearest."""
    return min(study.whole, key=lambda point: max(point.scale, 1 / point.scale))


def _tokens(bill: TokenBill) -> int:
    return bill.count.input_tokens + bill.count.output_tokens


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _known(fleets: Sequence[Fleet], value: Callable[[Fleet], float | None]) -> float | None:
    return mean_of(map(value, fleets))


def _interval(values: Sequence[float], level: float) -> Document:
    return interval(values, level).document()


def _in(found: Spread | None, factor: float) -> Document | None:
    return None if found is None else found.times(factor)
