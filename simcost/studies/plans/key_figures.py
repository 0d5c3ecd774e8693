"""The three figures of a result that a reader wants first: cost, service, waste."""

from __future__ import annotations

from dataclasses import dataclass

from simcost.present.chart_style import Document
from simcost.present.format import attained, seconds, share, share_change, usd_margin
from simcost.studies.plans import provisioning_view, service_view
from simcost.studies.plans.contents import serves, trains


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFigure:
    """A figure with its label and what it is compared with."""

    label: str
    value: str
    note: str = ""
    good: bool | None = None
    """True or False where the note is good or bad news."""


def shown_plan(document: Document) -> Document:
    """The best plan; where none meets the SLO, the closest."""
    named = {plan["name"]: plan for plan in document["plans"]}
    result: Document = named.get(document["best"] or document.get("closest") or "", document["plans"][0])
    return result


def outcome(document: Document) -> str:
    """In a few words: a plan meets the SLO, none does, none that does is good enough, or there was no request."""
    plan = shown_plan(document)
    if document["best"]:
        return "Meets the SLO"
    if plan["slo"]["met"]:
        return "Not good enough"
    arrived = plan.get("requests", {}).get("arrived")
    return "No request came" if arrived == 0 and "jobs" not in plan else "Misses the SLO"


def key_figures(document: Document) -> list[KeyFigure]:
    """Cost a month, share of good requests or wait of jobs, and money for what demand did not need."""
    plan = shown_plan(document)
    return [_cost(document, plan), _service(document, plan), _waste(document, plan)]


def _cost(document: Document, plan: Document) -> KeyFigure:
    interval = plan["intervals"]["per_month_usd"]
    value = usd_margin(plan["cost_usd"]["per_month"], interval["margin"] if interval else None)
    change = next((row for row in document["differences"] if row["plan"] == plan["name"]), None)
    if change is None:
        return KeyFigure(label="Cost per month", value=value, note="the baseline")
    note = f"{share_change(change['share'])} vs {document['baseline']}"
    good = None if change["noise_explains"] else change["share"] < 0
    return KeyFigure(label="Cost per month", value=value, note=note, good=good)


def _service(document: Document, plan: Document) -> KeyFigure:
    if not serves(document):
        target_s = plan["slo"]["targets"].get("wait_s p95")
        note, good = ("", None) if target_s is None else (f"target {seconds(target_s)}", plan["slo"]["met"])
        return KeyFigure(label="P95 wait of jobs", value=seconds(plan["wait_s"]["p95"]), note=note, good=good)
    met = plan["slo"]["met"]
    if service_view.has_services(document):
        return KeyFigure(label="Services that meet their SLO", value=service_view.met(plan), good=met)
    target, value = plan["slo"]["target"], attained(plan["slo"]["attainment"], plan["slo"]["target"])
    return KeyFigure(label="Requests within SLO", value=value, note=f"target {share(target)}", good=met)


def _waste(document: Document, plan: Document) -> KeyFigure:
    """As the last column of the table: where jobs run, replicas for requests are the smaller part of what is idle."""
    if trains(document) or not plan.get("over_provisioned"):
        return KeyFigure(label="Utilisation", value=share(plan["utilisation"]))
    value = provisioning_view.cell(plan)
    money, _, rest = value.partition(" (")
    return KeyFigure(label="Over-provisioned per month", value=money, note=f"{rest.rstrip(')')} of replica-hours paid")
