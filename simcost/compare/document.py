"""Comparison as the JSON document of `simcost run`, with the requests and jobs of each plan."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from math import fsum
from typing import Any

from simcost.billing.price_list import price_list, price_sentences
from simcost.compare.comparison import Comparison, Difference
from simcost.compare.confidence import ConfidenceInterval
from simcost.compare.drivers import CostDrivers, drivers
from simcost.compare.fleet_tracking import Following
from simcost.compare.futures import futures
from simcost.compare.results import PlanSummary, RunResult, Served, Trained, mean_by_key, mean_of
from simcost.compare.unit_costs import charge_changes, money
from simcost.compare.verdict import missed, percent, verdict
from simcost.perf.quality import QualityTarget
from simcost.slo import JobReport
from simcost.units import HOURS_PER_MONTH, format_seconds

Document = dict[str, Any]
_METRICS = ("ttft_s", "tpot_s", "e2e_s")
_LEVELS = ("mean", "p50", "p90", "p95", "p99")
_REQUESTS = ("arrived", "completed", "rejected", "timed_out", "in_system", "preemptions")


def requests(plan: PlanSummary) -> Document:
    """Counts of the first replication, so that they add up as integers; of jobs alone, there are no requests."""
    served = plan.served
    return {
        "requests": dict(served[0].requests) if served else dict.fromkeys(_REQUESTS, 0),
        **_retries(served),
        **_prefix(served),
        **({"priorities": [dict(one) for one in served[0].by_priority]} if served and served[0].by_priority else {}),
        "replica_hours": mean_by_key([one.replica_hours for one in served]) if served else {},
        "over_provisioned": _over_provisioned(plan),
        "engine_factors": [one.engine_factor for one in served],
        **_following(served),
    }


def _over_provisioned(plan: PlanSummary) -> Document:
    """Replica-hours paid beyond those that demand needs, and their cost, of the whole run and a month; None throughout
    without requests.
    """
    fleets = [one.provisioning for one in plan.served]
    if not fleets:
        return dict.fromkeys(("replica_hours", "usd", "share", "per_month"))
    hours = {
        "paid_replica_hours": fsum(one.paid_h for one in fleets) / len(fleets),
        "needed_replica_hours": fsum(one.needed_h for one in fleets) / len(fleets),
        "replica_hours": fsum(one.over_h for one in fleets) / len(fleets),
        "usd": plan.mean(lambda run: run.over_provisioned_usd) or 0.0,
    }
    paid_h = hours["paid_replica_hours"]
    return {
        "replica_hours": hours["replica_hours"],
        "usd": hours["usd"],
        "share": hours["replica_hours"] / paid_h if paid_h else 0.0,
        "per_month": {name: value / plan.months for name, value in hours.items()},
    }


def _prefix(served: Sequence[Served]) -> Document:
    """Cached prefixes as the router believes them, of the first replication; empty where it does not use them."""
    if not served or served[0].prefix_blocks is None:
        return {}
    blocks, hit = served[0].prefix_blocks
    return {"prefix": {"blocks": blocks, "blocks_hit": hit, "hit_share": hit / blocks if blocks else None}}


def _retries(served: Sequence[Served]) -> Document:
    """Requests that clients sent again, counts of the first replication; empty where they do not retry."""
    if not served or served[0].retries is None:
        return {}
    said = served[0].retries
    generated = said["generated_tokens"]
    undelivered = 1 - served[0].output_tokens / generated if generated else 0.0
    return {"retries": {**said, "undelivered_share": undelivered}}


def _following(served: Sequence[Served]) -> Document:
    """Tracking of the demand by the fleet, means over all replications; empty where it never changed."""
    if not any(one.fleet_changed for one in served):
        return {}
    runs = [one.following for one in served if one.following is not None]
    names = [field.name for field in fields(Following)]
    known = {name: [value for run in runs if (value := getattr(run, name)) is not None] for name in names}
    return {"following": {name: sum(values) / len(values) if values else None for name, values in known.items()}}


def service_levels(served: Sequence[Served]) -> Document:
    """Means over replications of what requests experienced; None throughout where there are none."""
    if not served:
        nothing = (
            "target",
            "error_share",
            "error_budget_used",
            "goodput_per_s",
            "output_tokens_per_s",
            "hours_missed",
            "metrics_error",
        )
        metrics = {metric: dict.fromkeys(_LEVELS) for metric in _METRICS}
        return {"limits": dict.fromkeys(_METRICS), "metrics": metrics, **dict.fromkeys(nothing)}
    first = served[0].slo
    return {
        "target": first.target,
        "limits": first.limits,
        "metrics": {
            metric: {name: mean_of(one.slo.metrics[metric][name] for one in served) for name in levels}
            for metric, levels in first.metrics.items()
        },
        "metrics_error": max(one.slo.metrics_error for one in served),
        **{
            name: mean_of(getattr(one.slo, name) for one in served)
            for name in (
                "error_share",
                "error_budget_used",
                "goodput_per_s",
                "output_tokens_per_s",
                "hours_missed",
            )
        },
    }


def jobs(plan: PlanSummary) -> Document:
    """Outcomes of the jobs, means over replications, counts of the first; empty without jobs."""
    trained = plan.trained
    if not trained:
        return {}
    reports = [one.slo for one in trained]
    return {
        "jobs": dict(reports[0].jobs),
        "wait_s": _levels(reports, "wait_s"),
        "jct_s": _levels(reports, "jct_s"),
        "deadlines_met": mean_of(report.deadlines_met for report in reports),
        "gpus": max(one.gpus for one in trained),
        "gpu_hours": mean_by_key([one.gpu_hours for one in trained]),
        "gpu_share": mean_by_key([_shares(one.gpu_hours) for one in trained]),
        "redone_share": mean_of(map(_redone, trained)),
        "fragmentation": mean_of(one.fragmentation for one in trained),
        "deterministic": not any(one.random for one in trained),
    }


def job_sentences(plan: PlanSummary, against: PlanSummary) -> list[str]:
    """Sentences on waiting and preemption of jobs under two plans, the first replication's preemptions; empty without
    jobs.
    """
    waits, stops = (plan.wait_p95_s, against.wait_p95_s), [_stops(one) for one in (plan, against)]
    if waits[0] is None or waits[1] is None:
        return []
    one, other = (format_seconds(wait.mean) for wait in (waits[0], waits[1]))
    lines = [f"P95 wait of jobs: {one} against {other} in {against.name}."]
    if any(stops):
        redone = [percent(round(mean_of(map(_redone, side.trained)) or 0.0, 4)) for side in (plan, against)]
        lines.append(
            f"Preemptions: {stops[0]:,} against {stops[1]:,}; {redone[0]} of the GPU time of jobs was done again "
            f"({redone[1]})."
        )
    return lines


def _stops(plan: PlanSummary) -> int:
    return plan.trained[0].slo.jobs["preemptions"] if plan.trained else 0


def _levels(reports: Sequence[JobReport], name: str) -> dict[str, float | None]:
    rows = [getattr(report, name) for report in reports]
    return {level: mean_of(row[level] for row in rows) for level in rows[0]}


def _shares(hours: dict[str, float]) -> dict[str, float]:
    """Of all GPU time; work that was lost and restarts together."""
    total = sum(hours.values()) or 1.0
    shares = {name: value / total for name, value in hours.items()}
    return shares | {"lost": shares.pop("restart") + shares["lost"]}


def _redone(trained: Trained) -> float:
    """Part of the GPU time of jobs that was work done again, or restarts."""
    hours = trained.gpu_hours
    busy = sum(hours[name] for name in ("useful", "checkpoint", "lost", "restart"))
    return (hours["lost"] + hours["restart"]) / busy if busy else 0.0


def document(
    comparison: Comparison,
    provenance: Mapping[str, Any],
    files: Sequence[str],
    *,
    budget_usd: float | None = None,
) -> Document:
    """The document; numbers are means over replications, None where there is none to give, never NaN.

    `requests` and `jobs` are counts of the first replication, so that they add up as integers. `cost_usd` of a
    difference is that of the whole run, as `cost_usd.total` of a plan is.
    """
    driven = drivers(comparison)
    uncertain = {} if comparison.risk is None else {"futures": asdict(futures(comparison, budget_usd))}
    best, results = comparison.best, comparison.baseline.results
    prices = price_list(charge for plan in comparison.plans for charge in plan.results[0].bill.charges)
    return {
        "scenario": comparison.scenario,
        "model": comparison.model,
        "quality": None if comparison.quality is None else asdict(comparison.quality),
        "verdict": verdict(comparison),
        "baseline": comparison.baseline.name,
        "best": best.name if best else None,
        "closest": comparison.ranked[0].name,
        "replications": len(results),
        "deterministic": comparison.exact,
        "requests_of_replication": results[0].replication,
        "plans": [plan_document(plan) | _quality(plan, comparison.quality) for plan in comparison.plans],
        "differences": [
            _difference(change) | {"charges": charge_changes(plan, comparison.baseline)}
            for change, plan in zip(
                comparison.differences,
                (p for p in comparison.plans if p is not comparison.baseline),
                strict=True,
            )
        ],
        "drivers": _drivers(comparison, driven),
        "decomposition": _decomposition(driven) if driven else None,
        **uncertain,
        "findings": _findings(comparison.plans),
        "assumptions": [
            *_assumptions(comparison),
            *price_sentences(prices, provenance.get("catalog_date", "")),
        ],
        "provenance": {**provenance, "prices": prices},
        "files": list(files),
    }


def _drivers(comparison: Comparison, driven: CostDrivers | None) -> list[str]:
    """Drivers of the difference in cost, and their effect on jobs."""
    if driven is None:
        return []
    named = {plan.name: plan for plan in comparison.plans}
    return [*driven.sentences(), *job_sentences(named[driven.plan], named[driven.against])]


def plan_document(plan: PlanSummary) -> Document:
    """A plan as the document of `simcost run` has it."""
    first = plan.results[0]
    tokens = mean_of(one.output_tokens for one in plan.served) if plan.served else None
    return {
        "name": plan.name,
        "cost_usd": {
            "total": plan.total_usd.mean,
            "per_month": plan.per_month_usd.mean,
            "by_category": plan.by_category_usd,
            "by_state": plan.by_state_usd,
            "per_million_output_tokens": 1e6 * plan.total_usd.mean / tokens if tokens else None,
            "billed": plan.mean(lambda run: run.bill.billed_usd),
            "list": plan.mean(lambda run: run.bill.list_usd),
        },
        **money(plan),
        "intervals": {
            "total_usd": _known(plan.total_usd),
            "per_month_usd": _known(plan.per_month_usd),
            "attainment": _known(plan.attainment, shares=True),
            **({"wait_p95_s": _known(plan.wait_p95_s)} if plan.trained else {}),
        },
        "slo": {
            "met": plan.met,
            "met_share": plan.met_share,
            "attainment": plan.attainment.mean if plan.attainment else None,
            "checks": [asdict(check) for check in plan.checks],
            "targets": {check.name: check.target for check in first.checks},
            "missed": missed(plan.broken),
            **service_levels(plan.served),
        },
        **requests(plan),
        **jobs(plan),
        "node_hours": plan.mean(lambda run: run.node_hours),
        "accelerator_hours": plan.accelerator_hours,
        "utilisation": plan.mean(lambda run: run.utilisation),
        "horizon_s": plan.mean(lambda run: run.bill.horizon_s),
        "prices": _prices(first),
    }


def _quality(plan: PlanSummary, asked: QualityTarget | None) -> Document:
    """The model of a plan and its quality; `met` is None where no least one is asked for."""
    if plan.quality is None:
        return {"model": None, "quality": None}
    gated = asked is not None and asked.at_least is not None
    score = asdict(plan.quality)
    return {"model": score.pop("model"), "quality": score | {"met": plan.good_enough if gated else None}}


def _known(interval: ConfidenceInterval | None, *, shares: bool = False) -> Document | None:
    """An interval, where there are replications to make one; Student's t knows nothing of 0 and 1, shares do."""
    if interval is None or interval.lo is None:
        return None
    found = interval.document()
    if not shares:
        return found
    return found | {name: min(max(found[name] or 0.0, 0.0), 1.0) for name in ("lo", "hi")}


def _prices(run: RunResult) -> list[Document]:
    """Price of each unit, with its source."""
    return [
        {
            "service": charge.service,
            "provider": charge.provider,
            "sku": charge.sku,
            "region": charge.region,
            "usd": charge.effective_cost_usd / charge.consumed_quantity if charge.consumed_quantity else None,
            "unit": charge.consumed_unit,
            "as_of": charge.price_as_of,
            "quality": charge.price_quality,
            "source": charge.price_source,
        }
        for charge in run.bill.charges
        if charge.charge_category == "Usage" and charge.commitment_status != "Unused"
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
        **({"wait_p95_s": change.wait_p95_s.document()} if change.wait_p95_s else {}),
    }


def _decomposition(driven: CostDrivers) -> Document:
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


def _findings(plans: Sequence[PlanSummary]) -> list[Document]:
    """Faults of a plan that still ran: metrics of its autoscaler that never had a value."""
    found = []
    for plan in plans:
        for metric in sorted({name for one in plan.served for name in one.unread}):
            runs = sum(metric in one.unread for one in plan.served)
            where = "the run" if len(plan.served) == 1 else f"{runs} of {len(plan.served)} replications"
            message = (
                f"{plan.name}: the metric {metric!r} of its autoscaler had no value at any decision of {where}, so "
                "that it never changed the replicas; make it of a signal that the pool has"
            )
            found.append(
                {
                    "kind": "unread-metric",
                    "plan": plan.name,
                    "metric": metric,
                    "replications": runs,
                    "message": message,
                }
            )
    return found


def _assumptions(comparison: Comparison) -> list[str]:
    """Assumptions behind the numbers."""
    runs = [run for plan in comparison.plans for run in plan.results]
    lines = [*_time(comparison, [run.bill.horizon_s for run in runs]), _replications(comparison)]
    error = max((run.served.slo.metrics_error for run in runs if run.served), default=0.0)
    if error:
        lines.append(f"Percentiles are read from histograms, within {100 * error:.2g} %.")
    weak = {
        f"{c.provider}/{c.sku}"
        for plan in comparison.plans
        for c in plan.results[0].bill.charges
        if c.price_quality == "C"
    }
    if weak:
        lines.append(f"Second-hand or unverified prices: {', '.join(sorted(weak))}.")
    lines += dict.fromkeys(f"{note}." for run in runs for note in run.bill.notes)
    return lines


def _time(comparison: Comparison, lengths_s: Sequence[float]) -> list[str]:
    """Scaling of costs to a month."""
    shortest, longest = map(format_seconds, (min(lengths_s), max(lengths_s)))
    length = shortest if shortest == longest else f"{shortest} to {longest}"
    tiers = ", storage and egress tiers apply to a month at this rate" if comparison.baseline.served else ""
    return [
        f"A month is {HOURS_PER_MONTH:g} h; costs a month scale the run of {length}{tiers}.",
        "Nodes still running at the end are billed to the end, without rounding or minimum.",
    ]


def _replications(comparison: Comparison) -> str:
    count = len(comparison.baseline.results)
    if comparison.exact:
        return "Deterministic replay: nothing in it is random, so results are exact and intervals have no width."
    if comparison.risk is not None:
        return (
            f"{count} futures of the demand, the same for every plan; a plan meets the SLO when all but "
            f"{percent(comparison.risk)} of them do. Costs are means over them, intervals {100 * comparison.level:g} % "
            "Student t."
        )
    if count > 1:
        same = "arrivals" if comparison.baseline.served else "jobs"
        return (
            f"Means over {count} replications with the same {same} for every plan; intervals are "
            f"{100 * comparison.level:g} % Student t."
        )
    return "One replication: no interval can be given, and differences may be noise."
