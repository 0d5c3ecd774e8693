"""The two sides of a plan in the document of a run: its requests and their service levels, its jobs."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from math import fsum
from typing import Any

from simcost.compare.fleet_tracking import Following
from simcost.compare.means import mean_by_key, mean_of
from simcost.compare.results import PlanSummary, PoolResult, Served, Trained
from simcost.compare.verdict import percent
from simcost.ledger.jobs import HELD
from simcost.ledger.requests import PrefixHits
from simcost.slo import JobReport
from simcost.units import format_count, format_seconds

Document = dict[str, Any]
_METRICS = ("ttft_s", "tpot_s", "e2e_s")
_LEVELS = ("mean", "p50", "p90", "p95", "p99")
_REQUESTS = ("arrived", "completed", "rejected", "timed_out", "in_system", "preemptions")


def requests(plan: PlanSummary) -> Document:
    """Counts of the first replication, so that they add up as integers; of jobs alone, there are no requests."""
    served = plan.served
    return {
        "requests": _counts(served[0]) if served else dict.fromkeys(_REQUESTS, 0),
        **_retries(served),
        **_prefix(served),
        **_prefix_cache(plan),
        **_adapters(plan),
        **(
            {"priorities": [dict(priority) for priority in served[0].by_priority]}
            if served and served[0].by_priority
            else {}
        ),
        "replica_hours": mean_by_key([run.replica_hours for run in served]) if served else {},
        "over_provisioned": _over_provisioned(plan),
        "regret": _regret(plan),
        "engine_factors": [run.engine_factor for run in served if run.engine_factor is not None],
        **_following(served),
        **_sides(served),
        **_pools(plan),
        **_overflow(plan),
        **_forwarded(plan),
    }


def _counts(served: Served) -> Document:
    return {**served.requests, **({} if served.overflowed is None else {"overflowed": served.overflowed})}


def _overflow(plan: PlanSummary) -> Document:
    """Requests that an API answered, of the first replication, and the mean of what it cost; empty without an API."""
    if not plan.served or plan.served[0].overflowed is None:
        return {}
    usd = plan.by_category_usd.get("tokens", 0.0)
    return {"overflow": {"requests": plan.served[0].overflowed, "usd": usd, "per_month_usd": usd / plan.months}}


def _forwarded(plan: PlanSummary) -> Document:
    """Requests between services, of the first replication, and attainments as means; empty where there are none.

    `final_attainment` is that of the final answers to the clients of the service, as is all of `slo`;
    `own_attainment` that of its own answers.
    """
    found = [run.forwarded for run in plan.served if run.forwarded is not None]
    if not found:
        return {}
    received = {"received": found[0].received} if found[0].received else {}
    if not found[0].sends:
        return received
    return {
        "escalated": found[0].escalated,
        "fell_back": found[0].fell_back,
        "own_attainment": mean_of(forwarding.own_attainment for forwarding in found),
        "final_attainment": mean_of(run.slo.attainment for run in plan.served),
    } | received


def _pools(plan: PlanSummary) -> Document:
    """Pools of a plan, means over replications; empty where it has one."""
    if not plan.results[0].pools:
        return {}
    return {
        "pools": [_pool(pools, plan.months) for pools in zip(*(run.pools for run in plan.results), strict=True)],
    }


def _pool(runs: Sequence[PoolResult], months: float) -> Document:
    """A pool over its replications; requests are those of the first."""
    total_usd = fsum(run.cost_usd for run in runs) / len(runs)
    return {
        "name": runs[0].name,
        "requests": runs[0].requests,
        "replica_hours": mean_by_key([run.replica_hours for run in runs]),
        "accelerator_hours": mean_of(run.accelerator_hours for run in runs),
        "utilisation": mean_of(run.utilisation for run in runs),
        "cost_usd": {"total": total_usd, "per_month": total_usd / months},
    }


def _over_provisioned(plan: PlanSummary) -> Document:
    """Replica-hours paid beyond those that demand needs, and their cost, of the whole run and a month; None throughout
    without requests.
    """
    fleets = [run.provisioning for run in plan.served]
    if not fleets:
        return dict.fromkeys(("replica_hours", "usd", "share", "per_month"))
    hours = {
        "paid_replica_hours": fsum(fleet.paid_h for fleet in fleets) / len(fleets),
        "needed_replica_hours": fsum(fleet.needed_h for fleet in fleets) / len(fleets),
        "replica_hours": fsum(fleet.over_h for fleet in fleets) / len(fleets),
        "usd": plan.mean(lambda run: run.over_provisioned_usd) or 0.0,
    }
    paid_h = hours["paid_replica_hours"]
    return {
        "replica_hours": hours["replica_hours"],
        "usd": hours["usd"],
        "share": hours["replica_hours"] / paid_h if paid_h else 0.0,
        "per_month": {name: value / plan.months for name, value in hours.items()},
    }


_HOURS = {
    "paid": "paid_h",
    "bound": "bound_h",
    "with_cold_start": "with_cold_start_h",
    "schedule": "schedule_h",
    "over": "over_h",
    "under": "under_h",
}
"""Replica-hours of a plan against a perfect autoscaler, by the words of the document."""


def _regret(plan: PlanSummary) -> Document | None:
    """Replica-hours and money of the run, and of a month, against those of a perfect autoscaler: paid = bound + over -
    under, and the regret is paid - bound. None without requests, and where replicas are not alike or an API answers
    too; of several services, each has its own.
    """
    told = [
        (run.served.perfect, run.usd_per_replica_hour or 0.0)
        for run in plan.results
        if run.served is not None and run.served.perfect is not None
    ]
    if not told:
        return None
    means: Document = {}
    for word, name in _HOURS.items():
        means[f"{word}_replica_hours"] = fsum(getattr(perfect, name) for perfect, _ in told) / len(told)
        means[f"{word}_usd"] = fsum(getattr(perfect, name) * usd for perfect, usd in told) / len(told)
    means["regret_usd"] = means["paid_usd"] - means["bound_usd"]
    return {
        **means,
        "regret_share": means["regret_usd"] / means["paid_usd"] if means["paid_usd"] else 0.0,
        "window_s": max(perfect.window_s for perfect, _ in told),
        "per_month": {name: value / plan.months for name, value in means.items()},
    }


def _prefix(served: Sequence[Served]) -> Document:
    """Cached prefixes as the router believes them, of the first replication; empty where it does not use them."""
    if not served or served[0].prefix_blocks is None:
        return {}
    blocks, hit = served[0].prefix_blocks
    return {"prefix": {"blocks": blocks, "blocks_hit": hit, "hit_share": hit / blocks if blocks else None}}


def _sides(served: Sequence[Served]) -> Document:
    """Prefill and decode apart: means of the replica-hours over replications, the transfers of the first; empty where
    replicas do both.
    """
    runs = [run.sides for run in served if run.sides is not None]
    if not runs:
        return {}
    use = runs[0].transfers
    means = {f"mean_{name}": getattr(use, name) / use.transfers for name in ("transfer_s", "held_s") if use.transfers}
    return {
        "disaggregation": {
            "prefill_replica_hours": mean_by_key([run.prefill_replica_hours for run in runs]),
            "decode_replica_hours": mean_by_key([run.decode_replica_hours for run in runs]),
            "transfers": asdict(use) | means,
        }
    }


def _prefix_cache(plan: PlanSummary) -> Document:
    """Hits in the prefix caches of the engines, means over the replications; empty where they have none."""
    hits = [run.prefix_cache for run in plan.served if run.prefix_cache is not None]
    if not hits:
        return {}
    query, hit, saved_s = (
        fsum(getattr(cache, name) for cache in hits) / len(hits)
        for name in ("query_tokens", "hit_tokens", "saved_prefill_s")
    )
    return {
        "prefix_cache": {
            "query_tokens": round(query),
            "hit_tokens": round(hit),
            "hit_rate": hit / query if query else None,
            "saved_prefill_s": saved_s,
            "saved_usd": plan.mean(lambda run: run.saved_prefill_usd),
            **_tiers(hits, query),
        }
    }


def _tiers(hits: Sequence[PrefixHits], query: float) -> Document:
    """Tokens loaded from each tier below the KV cache, and the time of loads; empty without tiers."""
    found = [fsum(tokens) / len(hits) for tokens in zip(*(hit.tier_tokens for hit in hits), strict=True)]
    if not found:
        return {}
    tiers = [{"hit_tokens": round(tokens), "hit_rate": tokens / query if query else None} for tokens in found]
    return {"tiers": tiers, "load_s": fsum(hit.load_s for hit in hits) / len(hits)}


def _adapters(plan: PlanSummary) -> Document:
    """Loads of LoRA adapters, means over the replications; empty where requests ask for none."""
    loads = [run.adapter_loads for run in plan.served if run.adapter_loads is not None]
    names = {"disk_loads": "disk", "slot_loads": "link", "load_s": "load_s"}
    found = {key: fsum(getattr(load, name) for load in loads) / len(loads) for key, name in names.items() if loads}
    return {"adapters": found} if found else {}


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
    if not any(run.fleet_changed for run in served):
        return {}
    runs = [run.following for run in served if run.following is not None]
    names = [field.name for field in fields(Following)]
    known = {name: [value for run in runs if (value := getattr(run, name)) is not None] for name in names}
    return {"following": {name: fsum(values) / len(values) if values else None for name, values in known.items()}}


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
            metric: {name: mean_of(run.slo.metrics[metric][name] for run in served) for name in levels}
            for metric, levels in first.metrics.items()
        },
        "metrics_error": max(run.slo.metrics_error for run in served),
        **{
            name: mean_of(getattr(run.slo, name) for run in served)
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
    reports = [run.slo for run in trained]
    hours = mean_by_key([run.gpu_hours for run in trained])
    return {
        "jobs": dict(reports[0].jobs),
        "wait_s": _levels(reports, "wait_s"),
        "jct_s": _levels(reports, "jct_s"),
        "deadlines_met": mean_of(report.deadlines_met for report in reports),
        "gpus": max(run.gpus for run in trained),
        "gpu_hours": hours,
        "gpu_share": _shares(hours),
        "redone_share": mean_of(map(_redone, trained)),
        "fragmentation": mean_of(run.fragmentation for run in trained),
        "deterministic": not any(run.random for run in trained),
    }


def job_sentences(plan: PlanSummary, against: PlanSummary) -> list[str]:
    """Sentences on waiting and preemption of jobs under two plans, means over replications; empty without jobs."""
    waits, stops = (plan.wait_p95_s, against.wait_p95_s), [_stops(side) for side in (plan, against)]
    if waits[0] is None or waits[1] is None:
        return []
    own, other = (format_seconds(wait.mean) for wait in (waits[0], waits[1]))
    lines = [f"P95 wait of jobs: {own} against {other} in {against.name}."] if own != other else []
    if any(stops):
        lost = [_shares(mean_by_key([run.gpu_hours for run in side.trained]))["lost"] for side in (plan, against)]
        redone = [percent(round(share, 4)) for share in lost]
        lines.append(
            f"Preemptions: {format_count(stops[0])} against {format_count(stops[1])}; "
            f"work redone took {redone[0]} of the GPU time ({redone[1]})."
        )
    return lines


def _stops(plan: PlanSummary) -> float:
    return (mean_of(run.slo.jobs["preemptions"] for run in plan.trained) or 0.0) if plan.trained else 0.0


def _levels(reports: Sequence[JobReport], name: str) -> dict[str, float | None]:
    rows = [getattr(report, name) for report in reports]
    return {level: mean_of(row[level] for row in rows) for level in rows[0]}


def _shares(hours: dict[str, float]) -> dict[str, float]:
    """Of all GPU time."""
    total = fsum(hours.values()) or 1.0
    return {name: value / total for name, value in hours.items()}


def _redone(trained: Trained) -> float:
    """Part of the GPU time of jobs that was work done again, or restarts."""
    hours = trained.gpu_hours
    busy = fsum(hours[name] for name in HELD)
    return (hours["lost"] + hours["restart"]) / busy if busy else 0.0
