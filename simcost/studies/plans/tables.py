"""The tables of a result as texts, shared by the HTML page and the app."""

from collections.abc import Callable, Mapping
from typing import Any

from simcost.present.chart_style import Document
from simcost.present.parts import Table
from simcost.studies.plans import provisioning_view
from simcost.studies.plans.contents import serves, trains
from simcost.units import Formatted, format_count, format_seconds, format_share, format_usd


def comparison(document: Document) -> Table:
    """One row per plan: money, service levels and use, in seven columns."""
    against = {row["plan"]: row for row in document["differences"]}
    return [
        {
            "Plan": plan["name"],
            "USD per month": format_usd(plan["cost_usd"]["per_month"]),
            "Against the baseline": _difference(against.get(plan["name"])),
            "SLO": "met" if plan["slo"]["met"] else "missed",
            **_levels(document, plan),
            **_use(document, plan),
        }
        for plan in document["plans"]
    ]


def _use(document: Document, plan: Document) -> dict[str, str]:
    """Of requests alone, over-provisioning; else the utilisation."""
    if trains(document):
        return {"Utilisation": _text(plan["utilisation"], format_share)}
    return {"Over-provisioned": provisioning_view.cell(plan)}


def _levels(document: Document, plan: Document) -> dict[str, str]:
    """Two columns: of requests, of jobs, or one of each."""
    kept = {"Attainment": _text(plan["slo"]["attainment"], format_share)}
    first = {"TTFT p95": _text(plan["slo"]["metrics"]["ttft_s"]["p95"], format_seconds)}
    if not trains(document):
        return kept | first
    wait = {"P95 wait": _text(plan["wait_s"]["p95"], format_seconds)}
    return kept | wait if serves(document) else wait | {"Mean wait": _text(plan["wait_s"]["mean"], format_seconds)}


def _difference(row: Mapping[str, Any] | None) -> str:
    """Mean difference of the cost per month and its interval, where there are replications to make one."""
    if row is None:
        return Formatted("baseline", 0.0)
    cost = row["per_month_usd"]
    mean, sign = format_usd(cost["mean"]), "+" if cost["mean"] > 0 else ""
    known = cost["lo"] is not None and cost["lo"] < cost["hi"]
    noise = ", not significant" if row["noise_explains"] and row["share"] else ""
    between = f" ({format_usd(cost['lo'])} to {format_usd(cost['hi'])}{noise})" if known else ""
    return Formatted(f"{sign}{mean}{between}", cost["mean"])


def missed(document: Document) -> list[str]:
    """The targets that each plan misses, a sentence a plan."""
    return [f"{plan['name']}: {plan['slo']['missed']}" for plan in document["plans"] if plan["slo"]["missed"]]


def objectives(document: Document) -> Table:
    """One row per plan: its margin to the SLO, and the cost of a million output tokens; none without requests."""
    runs = document["replications"]
    return (
        []
        if not serves(document)
        else [
            {
                "Plan": plan["name"],
                "SLO met in": f"{round(plan['slo']['met_share'] * runs)} of {runs} runs",
                "Error budget consumed": _text(plan["slo"]["error_budget_used"], format_share),
                "Hours missed": _figure(plan["slo"]["hours_missed"], "{:.3g}"),
                "Good requests": _figure(plan["slo"]["goodput_per_s"], "{:.3g}/s"),
                "Output tokens": _figure(plan["slo"]["output_tokens_per_s"], "{:,.0f}/s"),
                "$/1M output tokens": _text(plan["cost_usd"]["per_million_output_tokens"], format_usd),
            }
            for plan in document["plans"]
        ]
    )


def service_levels(document: Document) -> Table:
    """One row per plan: latencies at p50 / p95 / p99 and outcomes of the requests; none without requests."""
    return (
        []
        if not serves(document)
        else [
            {
                "Plan": plan["name"],
                **{
                    f"{name} p50/p95/p99": _percentiles(plan["slo"]["metrics"][metric])
                    for metric, name in (("ttft_s", "TTFT"), ("tpot_s", "TPOT"), ("e2e_s", "E2E"))
                },
                "Requests": format_count(plan["requests"]["arrived"]),
                "Rejected/timed out": _counts(plan["requests"], "rejected", "timed_out"),
            }
            for plan in document["plans"]
        ]
    )


def _percentiles(metric: Mapping[str, float | None]) -> str:
    return " \N{MIDDLE DOT} ".join(_text(metric[name], format_seconds) for name in ("p50", "p95", "p99"))


def _counts(requests: Mapping[str, int], *keys: str) -> str:
    return " \N{MIDDLE DOT} ".join(format_count(requests[key]) for key in keys)


def _text(value: float | None, show: Callable[[float], str]) -> str:
    """A value as text; an en dash where no request has one."""
    return "\N{EN DASH}" if value is None else show(value)


def _figure(value: float, shape: str) -> Formatted:
    return Formatted(shape.format(value), value)
