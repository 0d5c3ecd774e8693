"""Tenants of a plan in the document of a run: what each got, and its part of the cost."""

from collections.abc import Mapping, Sequence
from typing import Any

from simcost.compare.means import mean_of
from simcost.compare.results import PlanSummary, RunResult
from simcost.slo import Check
from simcost.slo.tenants import TenantReport

Document = dict[str, Any]


def by_tenant(plan: PlanSummary) -> Document:
    """Each tenant of a plan: counts of the first replication, means over all of what is measured, and of its cost;
    empty where requests have no tenants.
    """
    if not plan.served or not plan.served[0].slo.tenants:
        return {}
    reports = zip(*(served.slo.tenants for served in plan.served), strict=True)
    checks = checks_by_tenant(plan)
    return {"by_tenant": [_tenant(plan, same, checks.get(same[0].name, ())) for same in reports]}


def checks_by_tenant(plan: PlanSummary) -> Mapping[str, Sequence[Check]]:
    """Targets of a plan by each beginning of their names that may be a tenant: all before a colon."""
    found: dict[str, list[Check]] = {}
    for check in plan.checks:
        parts = check.name.split(": ")
        for count in range(1, len(parts)):
            found.setdefault(": ".join(parts[:count]), []).append(check)
    return found


def _tenant(plan: PlanSummary, reports: Sequence[TenantReport], checks: Sequence[Check]) -> Document:
    first = reports[0]
    return {
        "name": first.name,
        "requests": first.requests,
        "rate_limited": first.rate_limited,
        "prompt_tokens": first.prompt_tokens,
        "output_tokens": first.output_tokens,
        "met": all(check.met for check in checks) if checks else None,
        "attainment": mean_of(report.attainment for report in reports),
        "error_share": mean_of(report.error_share for report in reports),
        "goodput_per_s": mean_of(report.goodput_per_s for report in reports),
        "metrics": {
            metric: {name: mean_of(report.metrics[metric][name] for report in reports) for name in levels}
            for metric, levels in first.metrics.items()
        },
        "target": first.target,
        "limits": first.limits,
        "cost_share": plan.mean(lambda run: _share(run, first.name)),
        "cost_usd": {
            "total": plan.mean(lambda run: _part(run, first.name, run.bill.total_usd)),
            "per_month": plan.mean(lambda run: _part(run, first.name, run.bill.per_month_usd)),
        },
    }


def _share(run: RunResult, tenant: str) -> float | None:
    """In the cost of the requests: of the engines by their time, of an API by its prices."""
    served = run.served
    of_engines = {} if served is None else served.tenant_shares or served.tenant_api_shares
    if served is None or tenant not in of_engines:
        return None
    of_api, total = run.bill.by_category_usd().get("tokens", 0.0), run.bill.total_usd
    if not (of_api and total and served.tenant_api_shares):
        return of_engines[tenant]
    return (of_engines[tenant] * (total - of_api) + served.tenant_api_shares[tenant] * of_api) / total


def _part(run: RunResult, tenant: str, cost_usd: float) -> float | None:
    """Of a cost; None where jobs are a part of it, too."""
    share = _share(run, tenant)
    return None if share is None or run.trained is not None else share * cost_usd
