"""Break-even study of `simcost api`: costs at several demands."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import exp, fsum, log
from typing import Any

import numpy as np

from simcost.billing.api.pricing import PerToken, TokenBill
from simcost.catalog.facts import TokenPrice
from simcost.compare.confidence import interval
from simcost.compare.means import mean_of
from simcost.studies.breakeven.crossing import DemandSpread, Place, crossing, doubtful, over_replications
from simcost.studies.breakeven.result import (
    ApiCosts,
    ApiMonth,
    BreakEvenResult,
    DemandCosts,
    MetFleet,
    MissedFleet,
    MonthlyCost,
    PairBreakEven,
    ReplicaRange,
)
from simcost.studies.breakeven.verdict import verdict
from simcost.units import HOURS_PER_MONTH, SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One way to buy tokens."""

    name: str
    """`provider/model`, and what tells it from others of the same model."""
    purchase: PerToken
    price: TokenPrice
    cache: str
    """Assumption about the provider's cache."""
    ttft_p95_s: float | None = None
    """As you state it; None = not known."""
    tpot_p95_s: float | None = None
    slo_misses: tuple[str, ...] = ()
    """Targets that it surely misses by what is stated of it."""
    ended: str = ""
    """Day on which the provider ended the model, on or before the newest fact of the catalog; empty = it did not."""
    hits_at_input_price: bool = False
    """Tokens read from its cache cost as much as other input: no price of them is known, or a batch has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallestFleet:
    """The least fleet of a plan that meets the SLO, in one replication."""

    replicas: int
    """Of an autoscaled plan, its most."""
    usd_per_month: float
    attainment: float | None
    ttft_p95_s: float | None
    tpot_p95_s: float | None
    utilisation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One demand."""

    scale: float
    """Relative to the scenario's."""
    fleets: dict[str, tuple[SmallestFleet | None, ...]]
    """By plan, then replication; None = no size that was tried meets the SLO. In between not all plans are sized."""
    bills: tuple[tuple[TokenBill, ...], ...]
    """By API, then replication."""

    def fleet_usd(self, plan: str) -> list[float] | None:
        """A month of each replication; None where one has no fleet."""
        fleets = self.fleets.get(plan, (None,))
        known = [fleet.usd_per_month for fleet in fleets if fleet is not None]
        return known if len(known) == len(fleets) else None

    def api_usd(self, api: int) -> list[float]:
        """A month of each replication."""
        return [bill.per_month_usd for bill in self.bills[api]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEven:
    """From which demand on a plan is cheaper than an API."""

    plan: str
    api: int
    place: Place | None
    """None = the plan meets the SLO at no demand."""
    scale: DemandSpread | None = None
    """Demand relative to the scenario's, where all replications cross."""
    sure: DemandSpread | None = None
    crossed: int = 0
    """Replications that cross."""
    doubtful: tuple[float, float] | None = None
    """The last stretch that a further simulation would clear up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """All points, in order of demand."""

    scenario: str
    model: str
    plans: tuple[str, ...]
    apis: tuple[Api, ...]
    points: tuple[Point, ...]
    level: float
    horizon_s: float
    below_quality: Mapping[str, str] = field(default_factory=dict)
    """Plans of which the quality is less than the scenario asks for, or not known, each with what is."""
    kept_spot: tuple[str, ...] = ()
    """Plans with spot nodes that are never taken back."""

    @property
    def whole(self) -> tuple[Point, ...]:
        """The points at which all plans were sized."""
        return tuple(point for point in self.points if len(point.fleets) == len(self.plans))

    def units_usd(self, api: int) -> float:
        """A month of the provisioned units of an API, whatever the demand."""
        bought = self.apis[api].purchase.provisioned
        return 0.0 if bought is None else bought.usd(HOURS_PER_MONTH)

    def break_even(self, plan: str, api: int) -> BreakEven:
        """Break-even of the plan with the API, replication by replication."""
        known = [(point, usd) for point in self.points if (usd := point.fleet_usd(plan)) is not None]
        if not known:
            return BreakEven(plan=plan, api=api, place=None)
        scales = [point.scale for point, _ in known]
        curves = list(
            zip(
                zip(*(usd for _, usd in known), strict=True),
                zip(*(point.api_usd(api) for point, _ in known), strict=True),
                strict=True,
            )
        )
        least = known[0][0].fleets[plan]
        units_usd = self.units_usd(api)
        found = [
            crossing(scales, fleet, theirs, least=_smallest(least[i]), units_usd=units_usd)
            for i, (fleet, theirs) in enumerate(curves)
        ]
        place, scale, sure = over_replications(found)
        doubts = filter(None, (doubtful(scales, fleet, theirs) for fleet, theirs in curves))
        return BreakEven(
            plan=plan,
            api=api,
            place=place,
            scale=scale,
            sure=sure,
            crossed=sum(one.scale is not None for one in found),
            doubtful=max(doubts, default=None),
        )


def _smallest(fleet: SmallestFleet | None) -> bool:
    return fleet is not None and fleet.replicas == 1


MONTH_S = HOURS_PER_MONTH * SECONDS_PER_HOUR


def break_even_result(study: Study, provenance: Mapping[str, Any], assumptions: Iterable[str]) -> BreakEvenResult:
    """Costs at the demands and the break-evens; means over replications, of demands geometric with their range."""
    found = BreakEvenResult(
        scenario=study.scenario,
        model=study.model,
        replications=len(study.points[0].bills[0]),
        demands=tuple(_demand(study, point) for point in study.whole),
        between=tuple(_demand(study, point) for point in study.points if point not in study.whole),
        apis=tuple(api_costs(api, _at_scale_one(study).bills[i]) for i, api in enumerate(study.apis)),
        break_even=tuple(
            _break_even(study, study.break_even(plan, api)) for plan in study.plans for api in range(len(study.apis))
        ),
        below_quality=study.below_quality,
        kept_spot=study.kept_spot,
        assumptions=tuple(assumptions),
        provenance=provenance,
    )
    here = _at_scale_one(study)
    costs = {api.name: here.api_usd(i) for i, api in enumerate(study.apis)}
    costs |= {f"the fleet {name}": usd for name in study.plans if (usd := here.fleet_usd(name)) is not None}
    return replace(found, verdict=verdict(found, costs, study.level))


def api_costs(api: Api, bills: Sequence[TokenBill]) -> ApiCosts:
    """Prices, cache hits, and unit costs at the demand of the bills."""
    price = api.price
    facts = {
        name: value for name, value in asdict(price).items() if name.endswith(("_usd_per_m", "_tokens", "_multiplier"))
    }
    by_item = {
        item: _mean([bill.paid.by_item_usd(bill.rates)[item] for bill in bills])
        for item in bills[0].paid.by_item_usd(bills[0].rates)
    } | {"provisioned": _mean([bill.units_usd for bill in bills])}
    return ApiCosts(
        name=api.name,
        usd_per_month=_mean([bill.per_month_usd for bill in bills]),
        usd_per_request=_mean([bill.total_usd / max(bill.requests, 1) for bill in bills]),
        usd_per_million_tokens=_mean([1e6 * bill.total_usd / max(_tokens(bill), 1) for bill in bills]),
        usd_by_item=by_item,
        usd_per_month_by_item={item: usd * MONTH_S / bills[0].horizon_s for item, usd in by_item.items()},
        read_share=_mean([bill.count.read_share for bill in bills]),
        cache=api.cache,
        hits_at_input_price=api.hits_at_input_price and any(bill.count.read_share for bill in bills),
        too_long_requests=_mean([bill.too_long for bill in bills]),
        refused_share=_mean([bill.too_long / max(bill.requests, 1) for bill in bills]),
        spilled_requests=_mean([bill.paid.requests for bill in bills]) if api.purchase.provisioned else None,
        units_load=_mean([bill.units_load for bill in bills]) if api.purchase.provisioned else None,
        peak_requests_per_min=_mean([bill.peak_requests_per_min for bill in bills]),
        peak_tokens_per_min=_mean([bill.peak_tokens_per_min for bill in bills]),
        batch=api.purchase.service == "batch",
        slo_misses=api.slo_misses,
        ended=api.ended,
        ttft_p95_s=api.ttft_p95_s,
        tpot_p95_s=api.tpot_p95_s,
        price=facts
        | {name: getattr(price, name) for name in ("source", "as_of", "quality", "notes", "deprecation_date")},
    )


def _demand(study: Study, point: Point) -> DemandCosts:
    bills = point.bills[0]
    return DemandCosts(
        scale=point.scale,
        requests_per_s=_mean([bill.requests / study.horizon_s for bill in bills]),
        tokens_per_month=_mean([_tokens(bill) * MONTH_S / study.horizon_s for bill in bills]),
        plans=tuple(_plan(study, point, name) for name in study.plans if name in point.fleets),
        apis=tuple(
            ApiMonth(
                name=api.name,
                usd_per_month=_interval(point.api_usd(i), study.level),
            )
            for i, api in enumerate(study.apis)
        ),
    )


def _plan(study: Study, point: Point, name: str) -> MetFleet | MissedFleet:
    fleets = [fleet for fleet in point.fleets[name] if fleet is not None]
    usd = point.fleet_usd(name)
    if usd is None:
        return MissedFleet(name=name)
    counts = [fleet.replicas for fleet in fleets]
    return MetFleet(
        name=name,
        replicas=ReplicaRange(
            lo=min(counts),
            mean=_mean(counts),
            hi=max(counts),
        ),
        usd_per_month=replace(_interval(usd, study.level), least=min(usd), most=max(usd)),
        usd_per_million_tokens=_mean(
            [
                1e6 * cost / (_tokens(bill) * MONTH_S / study.horizon_s)
                for cost, bill in zip(usd, point.bills[0], strict=True)
            ]
        ),
        attainment=_known(fleets, lambda fleet: fleet.attainment),
        ttft_p95_s=_known(fleets, lambda fleet: fleet.ttft_p95_s),
        tpot_p95_s=_known(fleets, lambda fleet: fleet.tpot_p95_s),
        utilisation=_known(fleets, lambda fleet: fleet.utilisation),
    )


def _break_even(study: Study, found: BreakEven) -> PairBreakEven:
    point = _at_scale_one(study)
    bills = point.bills[0]
    rate = _mean([bill.requests / study.horizon_s for bill in bills]) / point.scale
    tokens = _mean([_tokens(bill) * MONTH_S / study.horizon_s for bill in bills]) / point.scale
    last = study.whole[-1]
    usd = last.fleet_usd(found.plan)
    return PairBreakEven(
        plan=found.plan,
        api=study.apis[found.api].name,
        place=found.place,
        crossed_in=found.crossed,
        scale=_in(found.scale, 1.0),
        requests_per_s=_in(found.scale, rate),
        tokens_per_month=_in(found.scale, tokens),
        sure_from_requests_per_s=_in(found.sure, rate),
        usd_per_month=None if found.scale is None else _api_usd(study, found.api, found.scale.mean),
        cost_ratio_at_largest=None if usd is None else _mean(usd) / _mean(last.api_usd(found.api)),
    )


def _api_usd(study: Study, api: int, scale: float) -> float:
    """A month of an API at any demand: straight between the points on logarithmic axes; below them in proportion, but
    for its units.
    """
    first, units_usd = study.points[0], study.units_usd(api)
    if scale <= first.scale:
        return units_usd + (_mean(first.api_usd(api)) - units_usd) * scale / first.scale
    scales = [log(point.scale) for point in study.points]
    costs = [log(_mean(point.api_usd(api))) for point in study.points]
    return exp(float(np.interp(log(scale), scales, costs)))


def _at_scale_one(study: Study) -> Point:
    """The point of the scenario's own demand, or the nearest."""
    return min(study.whole, key=lambda point: max(point.scale, 1 / point.scale))


def _tokens(bill: TokenBill) -> int:
    return bill.count.input_tokens + bill.count.output_tokens


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values)


def _known(fleets: Sequence[SmallestFleet], value: Callable[[SmallestFleet], float | None]) -> float | None:
    return mean_of(map(value, fleets))


def _interval(values: Sequence[float], level: float) -> MonthlyCost:
    found = interval(values, level)
    return MonthlyCost(mean=found.mean, lo=found.lo, hi=found.hi, level=level, margin=found.margin)


def _in(found: DemandSpread | None, factor: float) -> DemandSpread | None:
    return None if found is None else found.times(factor)
