"""Per-token APIs and fleets, as parts."""

from collections.abc import Mapping, Sequence
from math import fsum

from simcost.present.format import NONE, amount, seconds, share, shortened, usd
from simcost.present.parts import Part, Table
from simcost.studies.breakeven import charts
from simcost.studies.breakeven.result import (
    ApiCosts,
    BreakEvenResult,
    DemandCosts,
    MetFleet,
    MissedFleet,
    PairBreakEven,
    TraceCosts,
)
from simcost.studies.breakeven.verdict import rate, spread

_COLUMNS = 5
_NAME = 30


def parts(result: BreakEvenResult | TraceCosts) -> list[Part]:
    """Parts below the verdict, on every screen."""
    return [
        *(_compared(result) if isinstance(result, BreakEvenResult) else []),
        Part(title="APIs", titled=False, rows=apis(result)),
        Part(title="Assumptions", said=result.assumptions),
    ]


def _compared(result: BreakEvenResult) -> list[Part]:
    stated = "APIs: as you state it (ttft=, tpot= behind --api), else not known"
    return [
        Part(title="Cost per month", titled=False, rows=costs(result)),
        Part(title="Cost against demand", chart=lambda: charts.cost_curves(result)),
        Part(title="Break-even", titled=False, rows=pairs(result), left=3),
        Part(title="Service level", titled=False, rows=service(result), said=[stated]),
    ]


def costs(result: BreakEvenResult) -> Table:
    """Options in rows, demands in columns."""
    demands = _spaced(result.demands)
    heads = [f"x{amount(demand.scale)}" for demand in demands]
    lines = {"requests/s": [amount(demand.requests_per_s) for demand in demands]}
    for i, plan in enumerate(demands[0].plans):
        lines[plan.name] = [_fleet(demand.plans[i]) for demand in demands]
    for i, api in enumerate(demands[0].apis):
        lines[api.name] = [usd(demand.apis[i].usd_per_month.mean) for demand in demands]
    return [
        {"$ per month (replicas)": shortened(name, _NAME), **dict(zip(heads, cells, strict=True))}
        for name, cells in lines.items()
    ]


def _spaced(demands: Sequence[DemandCosts]) -> list[DemandCosts]:
    """The demands that fit, far from each other; always the first and the last."""
    shown = list(demands)
    while len(shown) > _COLUMNS:
        gaps = [shown[i + 1].scale / shown[i - 1].scale for i in range(1, len(shown) - 1)]
        del shown[1 + gaps.index(min(gaps))]
    return shown


def _fleet(plan: MetFleet | MissedFleet) -> str:
    if isinstance(plan, MissedFleet):
        return "misses SLO"
    counts = plan.replicas
    many = f"{counts.lo}-{counts.hi}" if counts.lo < counts.hi else f"{counts.lo}"
    return f"{usd(plan.usd_per_month.mean)} ({many})"


def pairs(result: BreakEvenResult) -> Table:
    """One row per fleet and API: from which demand on the fleet costs less."""
    return [
        {
            "fleet": shortened(one.plan, _NAME),
            "costs less than": shortened(one.api, _NAME),
            **_from(result, one),
        }
        for one in result.break_even
    ]


def _from(result: BreakEvenResult, pair: PairBreakEven) -> dict[str, str]:
    at, tokens, sure = pair.requests_per_s, pair.tokens_per_month, pair.sure_from_requests_per_s
    if at is None or tokens is None or sure is None:
        return {"from": _nowhere(result, pair), "tokens a month": NONE, "surely from": NONE}
    return {"from": spread(at), "tokens a month": amount(tokens.mean), "surely from": f"{amount(sure.hi)}/s"}


def _nowhere(result: BreakEvenResult, pair: PairBreakEven) -> str:
    """Reason why there is no break-even."""
    if pair.place is None:
        return "misses the SLO at any size tried"
    if pair.place == "fleet":
        return f"every demand from {rate(result.demands[0].requests_per_s)}"
    if pair.crossed_in:
        return f"unsure: {pair.crossed_in} of {result.replications} runs cross"
    return f"never: x{amount(pair.cost_ratio_at_largest)} at {rate(result.demands[-1].requests_per_s)}"


def service(result: BreakEvenResult) -> Table:
    """Latency of the fleets at the demand of the scenario, and the known latency of the APIs."""
    here = result.here
    rows = [
        (plan.name, share(plan.attainment), seconds(plan.ttft_p95_s), seconds(plan.tpot_p95_s)) for plan in here.met
    ]
    for api in result.apis:
        level = "offered no more" if api.ended else "misses SLO" if api.slo_misses else "not known"
        rows.append((api.name, level, _stated(api, api.ttft_p95_s), _stated(api, api.tpot_p95_s)))
    heads = (f"at {rate(here.requests_per_s)}", "good requests", "TTFT p95", "TPOT p95")
    return [dict(zip(heads, (shortened(name, _NAME), *cells), strict=True)) for name, *cells in rows]


def apis(result: BreakEvenResult | TraceCosts) -> Table:
    """One row per API: its bill, and what most of it is for."""
    demand = result.requests_per_s if isinstance(result, TraceCosts) else None
    return [
        {
            "API" if demand is None else f"API at {rate(demand)}": shortened(api.name, _NAME),
            "$ per month": usd(api.usd_per_month),
            "per request": usd(api.usd_per_request),
            "per 1M tokens": usd(api.usd_per_million_tokens),
            "cache hits": share(api.read_share),
            "most for": _main(api.usd_by_item),
        }
        for api in result.apis
    ]


def _main(paid: Mapping[str, float]) -> str:
    total = fsum(paid.values())
    name = max(paid, key=lambda item: paid[item])
    return f"{name} {share(paid[name] / total)}" if total else NONE


def _stated(api: ApiCosts, latency_s: float | None) -> str:
    if latency_s is not None:
        return f"{seconds(latency_s)} (stated)"
    return "within a day" if api.batch else "not known"
