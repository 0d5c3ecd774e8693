"""Search for the cheapest plan, as parts."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simcost.present.format import amount, count, seconds, share, shortened, usd, usd_margin
from simcost.present.parts import Part, Table, notes
from simcost.present.reasons import reason_rows
from simcost.studies.optimizing import charts
from simcost.studies.optimizing.levels import least_attainment, least_measured, level, level_name

Document = Mapping[str, Any]
_NAME, _LONGEST = 44, 56


def parts(document: Document) -> list[Part]:
    """Parts below the verdict, on every screen."""
    if document.get("whole"):
        return _of_whole_plans(document)
    if "services" in document:
        each = [part for service in document["services"] for part in _of_service(service)]
        return [*_front(document, of="all services"), *each, notes(document, METHOD, *document["assumptions"])]
    return [
        Part(title="Plans", titled=False, rows=plans(document)),
        *_front(document),
        Part(title="Left out", rows=excluded(document), left=0, whole=True),
        notes(document, METHOD, *document["assumptions"]),
    ]


def _of_whole_plans(document: Document) -> list[Part]:
    """Whole plans, and what each service of the best does."""
    best = document["best"] or {}
    return [
        Part(title="Plans", titled=False, rows=whole_plans(document)),
        Part(title="Services of the best plan", rows=services(best.get("services", []))),
        *_front(document),
        Part(title="Left out", rows=excluded(document), left=0, whole=True),
        notes(document, METHOD, *document["assumptions"]),
    ]


def _front(document: Document, most: int = 10, of: str = "") -> list[Part]:
    """The front with its objectives, and its chart; nothing without one."""
    if not document["frontier"]:
        return []
    measure = document["measure"]
    against = [] if measure is None else [f"Cost and {level_name(measure)}"]
    return [
        Part(title=_of(of, "Front"), rows=frontier(document), said=objectives(document), most=most),
        *(Part(title=_of(of, title), chart=lambda: charts.front(dict(document))) for title in against),
    ]


def _of(service: str, title: str) -> str:
    return f"{service}: {title[0].lower()}{title[1:]}" if service else title


def _of_service(document: Document) -> list[Part]:
    """The plans of one of several services, its front, and what it left out."""
    return [
        Part(title=f"{document['name']}: plans", rows=plans(document)),
        *_front(document, most=5, of=document["name"]),
        Part(title=f"{document['name']}: left out", rows=excluded(document), left=0, whole=True),
    ]


METHOD = (
    "Plans are tried in the order of the least that they can cost; a plan meets the SLO when the lower confidence "
    "bound of every target does, and where demand is forecast, when as many of the simulated futures meet it as `risk` "
    "asks for. The verdict and the best plans have the figures of seeds that the search never saw; "
    "the front has those of the search, on the seeds of `simcost run`."
)


def plans(document: Document) -> Table:
    """The winner and the runner-up, on fresh seeds; attainments are those of the tenant which has the least."""
    return _answers(document, "TTFT p95", lambda plan: plan["slo"]["metrics"]["ttft_s"]["p95"])


def whole_plans(document: Document) -> Table:
    """The winner and the runner-up, on fresh seeds; attainments are those of the service which has the least, and
    there is a wait where they run jobs.
    """
    jobs = any(plan and plan.get("wait_s") for plan in (document["best"], document["runner_up"]))
    return _answers(document, "wait p95" if jobs else "", lambda plan: (plan.get("wait_s") or {}).get("p95"))


def _answers(document: Document, label: str, latency_s: Callable[[Document], float | None]) -> Table:
    return [
        {
            "plan": shortened(plan["name"], _NAME),
            "$ per month": usd_margin(
                plan["cost_usd"]["per_month"], (plan["intervals"]["per_month_usd"] or {}).get("margin")
            ),
            "attainment": share(least_measured(plan)),
            "at least": share(least_attainment(plan["lower_bounds"])),
            **({label: seconds(latency_s(plan))} if label else {}),
            "utilisation": share(plan["utilisation"]),
        }
        for plan in (document["best"], document["runner_up"])
        if plan is not None
    ]


def services(found: Sequence[Document]) -> Table:
    """A service in each row."""
    return [
        {
            "service": one["name"],
            "$ per month": usd(one["cost_usd"]["per_month"]),
            "attainment": share(least_measured(one)),
            "at least": share(least_attainment(one["lower_bounds"])),
            "TTFT p95": seconds(one["slo"]["metrics"]["ttft_s"]["p95"]),
        }
        for one in found
    ]


def frontier(document: Document) -> Table:
    """Plans on the front and near it, as the search saw them, in the objectives in which they differ."""
    points = document["frontier"]
    columns = {
        label: [show(point.get(key)) for point in points]
        for label, (objective, key, show) in _COLUMNS.items()
        if objective in document["objectives"]
    }
    return [
        {
            **_plan(one),
            "$ per month": usd_margin(one["usd_per_month"], (one["intervals"]["usd_per_month"] or {}).get("margin")),
            **({} if one["attainment"] is None else {"attainment": share(one["attainment"])}),
            **{level_name(name): level(name, value) for name, value in one.get("jobs", {}).items()},
            "SLO": _SHORT.get(charts.service_level(one), charts.service_level(one)),
            "front": charts.place(document, one),
            **{label: cells[i] for label, cells in columns.items() if len(set(cells)) > 1},
        }
        for i, one in enumerate(points)
    ]


def _plan(point: Document) -> dict[str, str]:
    """Name of a plan; of a few services searched apart, the plan of each."""
    services = point.get("services", {})
    if not 0 < len(services) <= _SERVICES:
        return {"plan": shortened(point["name"], _LONGEST)}
    return {name: shortened(plan, _PART, keep_end=True) for name, plan in services.items()}


_COLUMNS: Mapping[str, tuple[str, str, Callable[[float | None], str]]] = {
    "TTFT p95": ("latency", "ttft_p95_s", seconds),
    "kg CO2e": ("carbon", "kg_co2e_per_month", amount),
    "risk": ("risk", "risk", share),
    "quality": ("quality", "quality", amount),
}
"""Columns of the front by their title: the objective, key of a point, and how it is shown."""
_SHORT = {charts.UNCONFIRMED: "unconfirmed", charts.ON_AVERAGE: "on average"}
_PART = 22
_SERVICES = 2
"""Services that have a column each, at most."""


def objectives(document: Document) -> list[str]:
    """Objectives of the front, those that are not known of all plans, and the knee."""
    knee, measure = document["knee"], document["measure"]
    return [
        f"Objectives: {charts.listed(document['objectives'])}.",
        *(_unknown(document, one) for one in document["objectives_unknown"]),
        *([] if knee is None else [f"Knee of cost and {level_name(measure)}: {knee}."]),
        *([] if document.get("frontier_complete", True) else ["There are more such plans; some are left out evenly."]),
    ]


def _unknown(document: Document, one: Document) -> str:
    """An objective that is not known of all plans."""
    if one["objective"] not in document["objectives"]:
        plans = f"unknown for {count(one['plans'])} of the plans"
        return f"Not an objective: {one['objective']}, {plans}: {one['reason']}."
    plans = f"{count(one['plans'])} of the plans, which {'is' if one['plans'] == 1 else 'are'} compared"
    return f"{one['objective'].capitalize()} is unknown for {plans} in the other objectives: {one['reason']}."


def excluded(document: Document) -> Table:
    """Plans that are not simulated to the end, and why."""
    return reason_rows((one["count"], one["reason"]) for one in document["excluded"])
