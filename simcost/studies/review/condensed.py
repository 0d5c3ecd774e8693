"""Parts of a result with many services, as short as they say the same: rows that differ in the plan alone are one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from simcost.present.format import NONE, seconds, share
from simcost.present.parts import Part, Table
from simcost.studies.review.result import PlanTerms

EVERY = "every plan"
_OF_ALL = " of all services"
"""In titles of charts that show all services of the chosen plan."""
_HOURS = "by hour"
LEFT_OUT = (
    "Of each service under each plan, hours, latencies and fleets are drawn in `report.html` of the result, which "
    "`simcost open` shows."
)


def condensed(run: Sequence[Part], document: Mapping[str, Any]) -> list[Part]:
    """The parts: with services, alike rows of a table are joined, and charts of each leave where one shows all."""
    run = [shortened(part) for part in run]
    if "services" not in document["plans"][0]:
        return run
    plans = [plan["name"] for plan in document["plans"]]
    services = [service["name"] for service in document["plans"][0]["services"]]
    if any(_OF_ALL in part.title for part in run):
        single = {title for name in services for title in _single_charts(name)}
        run = [part for part in run if part.title not in single]
        run = [
            replace(part, said=[LEFT_OUT], titled=False) if _OF_ALL in part.title and _HOURS in part.title else part
            for part in run
        ]
    return [_joined(part, plans, services) for part in run]


def shortened(part: Part) -> Part:
    """The part with as many rows as a terminal shows of it, and how many more there are."""
    rows = part.rows or []
    if part.most is None or len(rows) <= part.most:
        return part
    more = f"The first {part.most} of {len(rows):,} rows; `simcost run --json` and `result.json` have all."
    return replace(part, rows=rows[: part.most], said=[more, *part.said], closed=False)


def _single_charts(service: str) -> tuple[str, str, str]:
    """Titles of the charts of one service."""
    return f"Service level of {service} by hour", f"Latency of {service}", f"Fleet of {service}"


def is_of_all_services(part: Part) -> bool:
    """True for a chart with all services, which is higher than others."""
    return _OF_ALL in part.title and part.chart is not None


def _joined(part: Part, plans: Sequence[str], services: Sequence[str]) -> Part:
    """The part with one row for all plans in which a service has the same cells."""
    if not part.rows:
        return part
    first = next(iter(part.rows[0]))
    alone = len(part.rows[0]) > 1 and list(part.rows[0])[:2] == ["Service", "Plan"]
    pairs = {f"{service}: {plan}": (service, plan) for service in services for plan in plans}
    found: dict[tuple[str, ...], list[str]] = {}
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for row in part.rows:
        service, plan = (row["Service"], row["Plan"]) if alone else pairs.get(row[first], ("", ""))
        if service not in services or plan not in plans:
            return part
        key = (service, *(cell for name, cell in row.items() if name not in (first, "Plan")))
        found.setdefault(key, []).append(plan)
        rows.setdefault(key, row)
    table: Table = []
    for key, row in sorted(rows.items(), key=lambda one: services.index(one[0][0])):
        named = EVERY if len(found[key]) == len(plans) > 1 else ", ".join(found[key])
        table.append({**row, **({"Plan": named} if alone else {first: f"{key[0]}: {named}"})})
    return replace(part, rows=table)


def terms_by_group(terms: Sequence[PlanTerms], plans: Sequence[str]) -> list[tuple[str, str, PlanTerms]]:
    """Plan, its groups of replicas on the same terms (services, pools, sides), and these terms."""
    found: dict[tuple[str, PlanTerms], list[str]] = {}
    for term in terms:
        fits = [name for name in plans if f"{term.plan}: ".startswith(f"{name}: ")]
        plan = max(fits, key=len, default=term.plan)
        group = term.plan.removeprefix(plan).removeprefix(": ")
        found.setdefault((plan, replace(term, plan=plan)), []).append(group)
    return [(plan, ", ".join(filter(None, groups)), term) for (plan, term), groups in found.items()]


def limits_of_services(document: Mapping[str, Any]) -> Table:
    """Limits that a good request to each service keeps, and the share of requests that are to be good."""
    rows = []
    for service in document["plans"][0].get("services", ()):
        slo = service["slo"]
        asked = slo["targets"].get("attainment")  # of futures, none of the checks is of it
        limits = {name: limit for name, limit in slo["limits"].items() if limit is not None}
        rows.append(
            {
                "Service": service["name"],
                "A good request keeps": ", ".join(f"{name[:-2].upper()} {seconds(one)}" for name, one in limits.items())
                or NONE,
                "Good, at least": NONE if asked is None else share(asked),
            }
        )
    return rows
