"""Search for the cheapest plan, as parts."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simcost.present.format import count, seconds, share, shortened, usd, usd_margin
from simcost.present.parts import Part, Table, notes
from simcost.studies.optimizing import charts

Document = Mapping[str, Any]
_NAME = 44


def parts(document: Document) -> list[Part]:
    """Parts below the verdict, on every screen."""
    if document.get("whole"):
        return _of_whole_plans(document)
    if "services" in document:
        return [part for service in document["services"] for part in _of_service(service)] + [notes(document, METHOD)]
    return [
        Part(title="Plans", titled=False, rows=plans(document)),
        Part(title="Front", rows=frontier(document), most=10),
        *(
            [Part(title="Cost and attainment", chart=lambda: charts.front(dict(document)))]
            if document["frontier"]
            else []
        ),
        Part(title="Left out", rows=excluded(document), left=0, whole=True),
        notes(document, METHOD, *document["assumptions"]),
    ]


def _of_whole_plans(document: Document) -> list[Part]:
    """Whole plans, and what each service of the best does."""
    best = document["best"] or {}
    return [
        Part(title="Plans", titled=False, rows=whole_plans(document)),
        Part(title="Services of the best plan", rows=services(best.get("services", []))),
        Part(title="Front", rows=frontier(document), most=10),
        Part(title="Left out", rows=excluded(document), left=0, whole=True),
        notes(document, METHOD, *document["assumptions"]),
    ]


def _of_service(document: Document) -> list[Part]:
    """The plans of one of several services, and what it left out."""
    return [
        Part(title=f"{document['name']}: plans", rows=plans(document)),
        Part(title=f"{document['name']}: left out", rows=excluded(document), left=0, whole=True),
    ]


METHOD = (
    "Plans are tried in the order of the least that they can cost; a plan meets the SLO when the lower confidence "
    "bound of every target does. Figures of the plans above are those of seeds that the search never saw."
)


def plans(document: Document) -> Table:
    """The winner and the runner-up, on fresh seeds."""
    return _answers(document, "TTFT p95", lambda plan: plan["slo"]["metrics"]["ttft_s"]["p95"])


def whole_plans(document: Document) -> Table:
    """The winner and the runner-up, on fresh seeds; attainment at least that of the service which has the least."""
    return _answers(document, "wait p95", lambda plan: (plan.get("wait_s") or {}).get("p95"))


def _answers(document: Document, label: str, latency_s: Callable[[Document], float | None]) -> Table:
    return [
        {
            "plan": shortened(plan["name"], _NAME),
            "$ per month": usd_margin(
                plan["cost_usd"]["per_month"], (plan["intervals"]["per_month_usd"] or {}).get("margin")
            ),
            "attainment": share(plan["slo"]["attainment"]),
            "at least": share(plan["lower_bounds"].get("attainment")),
            label: seconds(latency_s(plan)),
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
            "attainment": share(one["slo"]["attainment"]),
            "at least": share(one["lower_bounds"].get("attainment")),
            "TTFT p95": seconds(one["slo"]["metrics"]["ttft_s"]["p95"]),
        }
        for one in found
    ]


def frontier(document: Document) -> Table:
    """Plans that none beats in cost and attainment, as the search saw them."""
    return [
        {
            "plan": shortened(one["name"], _NAME),
            "$ per month": usd(one["usd_per_month"]),
            "attainment": share(one["attainment"]),
            "SLO": charts.service_level(one),
        }
        for one in document["frontier"]
    ]


def excluded(document: Document) -> Table:
    """Plans that are not simulated to the end, and why."""
    return [{"plans": count(one["count"]), "reason": shortened(one["reason"], 84)} for one in document["excluded"]]
