"""Findings on plans that still ran: metrics without a value, requests that had not ended, an end without requests."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from simcost.compare.results import PlanSummary, RunResult
from simcost.compare.tenants import checks_by_tenant
from simcost.units import format_seconds, format_share

Document = dict[str, Any]
UNFINISHED = 0.05
"""Share of the requests in the system at the end from which on it is told: latencies are of the others alone."""

MOST_TENANTS = 6
"""Tenants that are each told of; of more the first `FIRST_TENANTS` are."""
FIRST_TENANTS = 3
QUIET = 0.25
"""Share of a run from which on an end without requests is told: costs a month are of all of it."""


def findings(plans: Sequence[PlanSummary]) -> list[Document]:
    """Findings on the plans, those on their services first."""
    result: list[Document] = []
    for plan in plans:
        result += [{**finding, "plan": plan.name, "service": finding["plan"]} for finding in findings(plan.services)]
        result += _unread_metrics(plan)
        if not plan.services:
            result += [*_too_long_requests(plan), *_unfinished_requests(plan), *_undecided_tenants(plan)]
    return result


def _unread_metrics(plan: PlanSummary) -> Iterator[Document]:
    """Metrics of its autoscaler that never had a value."""
    for metric in sorted({name for run in plan.served for name in run.unread}):
        runs = sum(metric in run.unread for run in plan.served)
        where = "the run" if len(plan.served) == 1 else f"{runs} of {len(plan.served)} replications"
        message = (
            f"{plan.name}: the metric {metric!r} of its autoscaler had no value at any decision of {where}, so "
            "that it never changed the replicas; make it of a signal that the pool has"
        )
        yield {
            "kind": "unread-metric",
            "plan": plan.name,
            "metric": metric,
            "replications": runs,
            "message": message,
        }


def quiet_end(plans: Sequence[PlanSummary]) -> list[Document]:
    """Finding on a long end of all runs in which no request arrives, as where a trace ends before them."""
    runs = [run for plan in plans for run in plan.results if run.served or run.services]
    if not runs:
        return []
    horizon_s, last_s = min(run.bill.horizon_s for run in runs), max(map(_last_arrival_s, runs))
    if not 0 < last_s <= (1 - QUIET) * horizon_s:
        return []
    message = (
        f"no request arrives in the last {format_seconds(horizon_s - last_s)} of {format_seconds(horizon_s)}, and "
        "costs a month and over-provisioned replicas are of all of it; a shorter `horizon`, or `repeat: true` of a "
        "recorded workload, leaves that time out"
    )
    return [{"kind": "quiet-end", "plan": plans[0].name, "seconds": horizon_s - last_s, "message": message}]


def _last_arrival_s(run: RunResult) -> float:
    """End of the last window of a run in which a request arrives, over its services."""
    ends_s = [0.0]
    for served in [service.served for service in run.services] or [run.served]:
        hours = None if served is None else served.slo.hours
        if hours is None or not len(hours):
            continue
        beyond_s = [*hours["start_s"].to_pylist()[1:], run.bill.horizon_s]
        ends_s += [end_s for end_s, arrived in zip(beyond_s, hours["arrived"].to_pylist(), strict=True) if arrived]
    return max(ends_s)


def _too_long_requests(plan: PlanSummary) -> Iterator[Document]:
    """Requests that no replica could hold, where they alone are more misses than the target allows."""
    arrived, too_long = (sum(run.requests.get(name, 0) for run in plan.served) for name in ("arrived", "too_long"))
    if any(run.overflowed is not None or run.forwarded is not None for run in plan.served):
        return
    if not too_long or too_long <= (1 - plan.served[0].slo.target) * arrived:
        return
    message = (
        f"{plan.name}: {too_long:,} of {arrived:,} requests ({format_share(too_long / arrived)}) are longer than the "
        "KV cache of any replica, so that more replicas answer none of them; a larger cache does: of more accelerators "
        "a replica (`tp`), of others, or a larger `kv_tokens` where the plan states it"
    )
    yield {"kind": "too-long-requests", "plan": plan.name, "count": too_long, "message": message}


def _unfinished_requests(plan: PlanSummary) -> Iterator[Document]:
    """Requests that had not ended when the run did, where they are so many that latencies of the others mislead."""
    arrived = sum(run.requests["arrived"] for run in plan.served)
    unfinished = sum(run.requests["in_system"] for run in plan.served)
    if unfinished <= UNFINISHED * arrived:
        return
    message = (
        f"{plan.name}: {unfinished:,} of {arrived:,} requests had not ended when the run did; latencies are of those "
        "that had, so that they are too low; a longer `horizon` lets more of them end"
    )
    yield {"kind": "unfinished-requests", "plan": plan.name, "count": unfinished, "message": message}


def _undecided_tenants(plan: PlanSummary) -> Iterator[Document]:
    """Tenants that keep their target so far, and may miss it with the requests that the run did not decide: those that
    wait, and are not late yet. Of many the first are told, and how many others there are.
    """
    found = [*_each_undecided(plan)]
    if len(found) <= MOST_TENANTS:
        yield from found
        return
    yield from found[:FIRST_TENANTS]
    tenants = [one["tenant"] for one in found[FIRST_TENANTS:]]
    message = (
        f"{plan.name}: {len(tenants):,} further tenants have more than {format_share(UNFINISHED)} of their requests "
        "left, likewise"
    )
    yield {
        "kind": "undecided-tenants",
        "plan": plan.name,
        "tenants": tenants,
        "count": len(tenants),
        "message": message,
    }


def _each_undecided(plan: PlanSummary) -> Iterator[Document]:
    arrived, judged = Counter[str](), Counter[str]()
    for run in plan.served:
        for tenant in run.slo.tenants:
            arrived[tenant.name] += tenant.requests["arrived"]
            judged[tenant.name] += tenant.judged
    checks = checks_by_tenant(plan)
    for name, count in arrived.items():
        left = count - judged[name]
        missed = any(not check.met for check in checks.get(name, ()))
        if left <= UNFINISHED * count or missed:
            continue
        message = (
            f"{plan.name}: {left:,} of {count:,} requests of {name} had not ended when the run did, nor were they late "
            "yet: its attainment is that of the others; a longer `horizon` decides them"
        )
        yield {"kind": "undecided-tenant", "plan": plan.name, "tenant": name, "count": left, "message": message}
