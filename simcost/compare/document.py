"""A comparison as the JSON document of `simcost run`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from simcost.compare.comparison import Comparison, Difference
from simcost.compare.drivers import Drivers, drivers
from simcost.compare.futures import futures
from simcost.compare.interval import Interval
from simcost.compare.result import RunResult
from simcost.compare.summary import PlanSummary, mean_by_key, mean_of
from simcost.compare.verdict import verdict
from simcost.compare.words import missed, percent
from simcost.units import HOURS_PER_MONTH, format_seconds

Document = dict[str, Any]


def document(
    comparison: Comparison,
    provenance: Mapping[str, Any],
    files: Sequence[str],
    *,
    budget_usd: float | None = None,
) -> Document:
    """The document; numbers are means over replications, None where there is none to give, never NaN.

    `requests` are counts of the first replication, so that they add up as integers. `cost_usd` of a difference
    is that of the whole run, as `cost_usd.total` of a plan is.
    """
    driven = drivers(comparison)
    uncertain = {} if comparison.risk is None else {"futures": asdict(futures(comparison, budget_usd))}
    best, results = comparison.best, comparison.baseline.results
    return {
        "scenario": comparison.scenario,
        "model": comparison.model,
        "verdict": verdict(comparison),
        "baseline": comparison.baseline.name,
        "best": best.name if best else None,
        "closest": comparison.ranked[0].name,
        "replications": len(results),
        "requests_of_replication": results[0].replication,
        "plans": [_plan(plan) for plan in comparison.plans],
        "differences": [_difference(change) for change in comparison.differences],
        "drivers": driven.sentences() if driven else [],
        "decomposition": _decomposition(driven) if driven else None,
        **uncertain,
        "assumptions": _assumptions(comparison),
        "provenance": dict(provenance),
        "files": list(files),
    }


def _plan(plan: PlanSummary) -> Document:
    first = plan.results[0]
    tokens = plan.mean(lambda run: run.output_tokens)
    return {
        "name": plan.name,
        "cost_usd": {
            "total": plan.total_usd.mean,
            "per_month": plan.per_month_usd.mean,
            "by_category": plan.by_category_usd,
            "by_state": plan.by_state_usd,
            "per_million_output_tokens": 1e6 * plan.total_usd.mean / tokens if tokens else None,
        },
        "intervals": {
            "total_usd": _several(plan, plan.total_usd.document()),
            "per_month_usd": _several(plan, plan.per_month_usd.document()),
            "attainment": _several(plan, _shares(plan.attainment) if plan.attainment else None),
        },
        "slo": _slo(plan),
        "requests": dict(first.requests),
        "replica_hours": mean_by_key([run.replica_hours for run in plan.results]),
        "node_hours": plan.mean(lambda run: run.node_hours),
        "accelerator_hours": plan.accelerator_hours,
        "utilisation": plan.mean(lambda run: run.utilisation),
        "engine_factors": [run.engine_factor for run in plan.results],
        "prices": _prices(first),
    }


def _several(plan: PlanSummary, interval: Document | None) -> Document | None:
    """An interval, where there are replications to make one."""
    return interval if len(plan.results) > 1 else None


def _shares(interval: Interval) -> Document:
    """An interval whose bounds are shares: Student's t knows nothing of 0 and 1."""
    found = interval.document()
    return found | {
        name: min(max(found[name] or 0.0, 0.0), 1.0) for name in ("lo", "hi") if found[name] is not None
    }


def _slo(plan: PlanSummary) -> Document:
    report = plan.results[0].slo
    return {
        "met": plan.met,
        "met_share": plan.met_share,
        "attainment": plan.attainment.mean if plan.attainment else None,
        "target": report.target,
        "limits": report.limits,
        "metrics": {
            metric: {name: mean_of(run.slo.metrics[metric][name] for run in plan.results) for name in levels}
            for metric, levels in report.metrics.items()
        },
        "metrics_error": max(run.slo.metrics_error for run in plan.results),
        "checks": [asdict(check) for check in plan.checks],
        "missed": missed(plan.broken),
        "error_share": plan.mean(lambda run: run.slo.error_share),
        "error_budget_used": plan.mean(lambda run: run.slo.error_budget_used),
        "goodput_per_s": plan.mean(lambda run: run.slo.goodput_per_s),
        "output_tokens_per_s": plan.mean(lambda run: run.slo.output_tokens_per_s),
        "hours_missed": plan.mean(lambda run: run.slo.hours_missed),
    }


def _prices(run: RunResult) -> list[Document]:
    """What each unit cost, and where its price comes from."""
    return [
        {
            "service": charge.service,
            "provider": charge.provider,
            "sku": charge.sku,
            "region": charge.region,
            "usd": charge.billed_cost_usd / charge.consumed_quantity if charge.consumed_quantity else None,
            "unit": charge.consumed_unit,
            "as_of": charge.price_as_of,
            "quality": charge.price_quality,
        }
        for charge in run.bill.charges
    ]


def _difference(change: Difference) -> Document:
    return {
        "plan": change.plan,
        "against": change.against,
        "cost_usd": change.total_usd.document(),
        "per_month_usd": change.per_month_usd.document(),
        "share": change.share,
        "noise_explains": change.total_usd.holds_zero,
        "attainment": change.attainment.document() if change.attainment else None,
    }


def _decomposition(driven: Drivers) -> Document:
    def pair(values: tuple[float, float]) -> Document:
        return {"plan": values[0], "against": values[1]}

    return {
        "plan": driven.plan,
        "against": driven.against,
        "per_month_usd": driven.effects_usd,
        "usd_per_accelerator_hour": pair(driven.usd_per_accelerator_hour),
        "accelerator_hours_per_month": pair(driven.accelerator_hours),
        "by_state_per_month_usd": {state: pair(values) for state, values in driven.by_state_usd.items()},
    }


def _assumptions(comparison: Comparison) -> list[str]:
    """What a sceptical reader should know about the numbers."""
    run = comparison.baseline.results[0]
    length = format_seconds(run.bill.horizon_s)
    count = len(comparison.baseline.results)
    error = max(result.slo.metrics_error for plan in comparison.plans for result in plan.results)
    scaling = (
        f"costs a month scale the run of {length}, storage and egress tiers apply to a month at this rate"
    )
    lines = [
        f"A month is {HOURS_PER_MONTH:g} h; {scaling}.",
        "Nodes still running at the end are billed to the end, without rounding or minimum.",
    ]
    if comparison.risk is not None:
        lines.append(
            f"{count} futures of the demand, the same for every plan; a plan meets the SLO when all but "
            f"{percent(comparison.risk)} of them do. Costs are means over them, intervals {100 * comparison.level:g} % "
            "Student t."
        )
    elif count > 1:
        lines.append(
            f"Means over {count} replications with the same arrivals for every plan; intervals are "
            f"{100 * comparison.level:g} % Student t."
        )
    else:
        lines.append("One replication: no interval can be given, and differences may be noise.")
    if error:
        lines.append(f"Percentiles are read from histograms, within {100 * error:.2g} %.")
    weak = {f"{c.provider}/{c.sku}" for plan in comparison.plans for c in plan.results[0].bill.charges
            if c.price_quality == "C"}  # fmt: skip
    if weak:
        lines.append(f"Second-hand or unverified prices: {', '.join(sorted(weak))}.")
    return lines
