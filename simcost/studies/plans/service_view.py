"""Services of plans: a table by service and plan, the bill by service, and one service as a document of its own."""

from collections.abc import Iterator
from typing import Any

from simcost.present.bar_charts import stacked_bars
from simcost.present.chart_style import Document, Rows, finish, shades_of_parts
from simcost.present.format import attained, count, seconds, share, usd
from simcost.present.parts import Table
from simcost.studies.plans import provisioning_view

UNALLOCATED = {"idle": "idle nodes", "unused_commitments": "unused commitments"}
"""Parts of a bill that no service has."""
_UNALLOCATED_SHADES = ("#C9C9C9", "#B8860B")
"""Of these parts; that of unused commitments is that of where the money went."""


def has_services(document: Document) -> bool:
    """True if its plans serve several models."""
    return "services" in document["plans"][0]


def services(document: Document) -> list[str]:
    """Names of the services."""
    return [str(service["name"]) for service in document["plans"][0]["services"]]


def one_by_one(document: Document) -> Document:
    """The document with each service of each plan in place of the plans; itself where there are none."""
    if not has_services(document):
        return document
    pairs = _pairs(document)
    return document | {"plans": [service | {"name": f"{service['name']}: {plan['name']}"} for plan, service in pairs]}


def by_quality(document: Document) -> Document:
    """The document in which models are compared: of services one by one, where a quality is asked for."""
    return one_by_one(document) if document["quality"] is not None else document


def of_service(document: Document, shown: dict[str, Any], service: str) -> tuple[Document, dict[str, Any]]:
    """The document of one service as if it were alone, and its tables."""
    import pyarrow.compute as pc

    plans = [one | {"name": plan["name"]} for plan, one in _pairs(document) if one["name"] == service]
    tables = {
        name: table.filter(pc.equal(table["service"], service))
        for name, table in shown.items()
        if "service" in table.column_names
    }
    return document | {"plans": plans}, tables


def of_plan(document: Document, shown: dict[str, Any], plan: Document) -> tuple[Document, dict[str, Any]]:
    """The document with the services of one plan in place of the plans, and its tables."""
    import pyarrow.compute as pc

    tables = {
        name: (mine := table.filter(pc.equal(table["plan"], plan["name"]))).set_column(
            mine.column_names.index("plan"), "plan", mine["service"]
        )
        for name, table in shown.items()
        if "service" in table.column_names
    }
    return document | {"plans": plan["services"]}, tables


def chosen_plan(document: Document) -> Document:
    """The best plan, or the closest one."""
    name = document["best"] or document["closest"]
    return next(plan for plan in document["plans"] if plan["name"] == name)


def _pairs(document: Document) -> Iterator[tuple[Document, Document]]:
    """Plan and service, all plans of a service together."""
    for place in range(len(document["plans"][0]["services"])):
        for plan in document["plans"]:
            yield plan, plan["services"][place]


def table(document: Document) -> Table:
    """One row per service and plan; none where plans have no services."""
    if not has_services(document):
        return []
    return [
        {
            "Service": service["name"],
            "Plan": plan["name"],
            "$/month": usd(service["cost_usd"]["per_month"]),
            "SLO": "met" if service["slo"]["met"] else "missed",
            "Attainment": attained(service["slo"]["attainment"], service["slo"].get("target")),
            "TTFT p95": seconds(service["slo"]["metrics"]["ttft_s"]["p95"]),
            "Over-provisioned": provisioning_view.cell(service),
        }
        for plan, service in _pairs(document)
    ]


def met(plan: Document) -> str:
    """`9 of 10`: services of a plan that meet their SLO."""
    return f"{count(sum(service['slo']['met'] for service in plan['services']))} of {count(len(plan['services']))}"


def unallocated(document: Document) -> list[str]:
    """Money that jobs cost beside services, with the idle time of a cluster of their own, and of what no one held; a
    sentence a plan.
    """
    if not has_services(document):
        return []
    return [f"{plan['name']}, a month: {text}" for plan in document["plans"] if (text := _beside_services(plan))]


FORWARDED = (
    "escalated: answered, then sent on to another service; fell back: not answered, and sent on; attainment is that of "
    "the final answers, own attainment that of the answers of the service itself"
)
"""Meaning of the columns of requests between services."""


def forwarded(document: Document) -> Table:
    """Requests that services sent on to others or got from them: a row per such service and plan."""
    if not has_services(document):
        return []
    return [
        {
            "Service": service["name"],
            "Plan": plan["name"],
            "Own requests": count(service["requests"]["arrived"] - service.get("received", 0)),
            "From others": count(service.get("received", 0)),
            "Escalated": count(service.get("escalated")),
            "Fell back": count(service.get("fell_back")),
            "Own attainment": share(service.get("own_attainment")),
        }
        for plan, service in _pairs(document)
        if "escalated" in service or "received" in service
    ]


def _beside_services(plan: Document) -> str:
    """Money of the jobs, and unused money; empty where there is none."""
    parts = " and ".join(f"{usd(usd_per_month)} of {part}" for part, usd_per_month in _unallocated(plan))
    jobs = _jobs(plan)
    used = [f"jobs cost {usd(usd_per_month)}" for _, usd_per_month in jobs]
    unused = [f"no service{' or job' if jobs else ''} held {parts}"] if parts else []
    return ", ".join([*used, *unused])


def _jobs(plan: Document) -> list[tuple[str, float]]:
    """Part of the bill that jobs used; none where there are no jobs."""
    by_service = plan["allocation_by_service_usd_per_month"]
    return [("jobs", by_service["jobs"])] if "jobs" in by_service else []


def _unallocated(plan: Document) -> list[tuple[str, float]]:
    """Parts of a cent or more a month."""
    by_service = plan["allocation_by_service_usd_per_month"]
    return [(name, by_service[key]) for key, name in UNALLOCATED.items() if by_service[key] >= 0.01]


def cost_by_service(document: Document) -> Any:
    """Cost per month of each plan, stacked by service, and what no service used."""
    import altair as alt

    rows = [row for plan in document["plans"] for row in _parts(plan)]
    named = dict.fromkeys(str(row["part"]) for row in rows)
    shades = dict(zip(named, shades_of_parts(len(named)), strict=True))
    chart = stacked_bars(
        rows,
        shades | dict(zip(UNALLOCATED.values(), _UNALLOCATED_SHADES, strict=True)),
        title="USD per month",
        axis=alt.Axis(format="$,.0f", grid=False, tickCount=5),
        scale=alt.Scale(nice=False),
        step=40,
        over=[],
    )
    return finish(chart, "Cost per month, by service (USD)")


def _parts(plan: Document) -> Rows:
    by_service = plan["allocation_by_service_usd_per_month"]["services"]
    parts = [*by_service.items(), *_jobs(plan), *_unallocated(plan)]
    return [
        {"group": plan["name"], "part": name, "value": cost_usd, "label": "", "ink": "white"}
        for name, cost_usd in parts
        if cost_usd > 0
    ]
