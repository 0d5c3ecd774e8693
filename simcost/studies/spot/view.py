"""A study of spot policies."""

from collections.abc import Mapping
from typing import Any

from simcost.present.format import NONE, amount, between, exact, share, usd
from simcost.present.parts import Part, Table, notes
from simcost.studies.spot import charts
from simcost.units import plural

Document = Mapping[str, Any]


def parts(document: Document) -> list[Part]:
    """Parts of the page and the explorer below the verdict."""
    return [
        Part(title="Policies", rows=policies(document), said=[*basis(document), note(document)], whole=True),
        notes(document),
        Part(title="Saving against on demand", chart=lambda: charts.savings(document)),
        *([Part(title="Saving by trace", chart=lambda: charts.by_trace(document))] if _several(document) else []),
        Part(title="One run", chart=lambda: charts.courses(document)),
        Part(title="Traces", rows=traces(document), whole=True),
    ]


def _several(document: Document) -> bool:
    return len(document["traces"]) > 1


def basis(document: Document) -> list[str]:
    """Question and prices."""
    spot = document["spot_usd_per_h"]
    price = "the price in effect" if spot is None else f"{usd(spot)}/h"
    work, due, changeover = (exact(document[key]) for key in ("work_h", "deadline_h", "changeover_h"))
    nodes, starts = plural(document["gang"], "node"), plural(document["starts"], "start")
    return [
        f"{work} h of work on {nodes}, due {due} h after the start; a changeover takes {changeover} h and is billed",
        f"A node costs {usd(document['od_usd_per_h'])}/h on demand, {price} on spot; {starts}",
        *document.get("assumptions", []),
    ]


def policies(document: Document) -> Table:
    """One row a policy."""
    return [
        {
            "strategy": row["policy"],
            "job_fail_rate": share(row["job_fail_rate"]),
            "avg_finish_time": _hours(row["avg_finish_time_h"]),
            "total_vm_time": _vm_time(row, document["gang"]),
            "total_vm_cost": usd(row["total_vm_cost_usd"]),
            "launches": amount(row["launches"]),
            "saving (P10 to P90)": _saving(row["saving_spread"]),
        }
        for row in document["policies"]
    ]


def note(document: Document) -> str:
    """Definitions of the columns."""
    return (
        "A job fails that ends after its deadline. VM time: node-hours billed, on demand + spot. Saving: against the "
        f"work alone at the on-demand price, {usd(document['on_demand_usd'])}; on-demand pays its changeover "
        "too."
    )


def _vm_time(row: Document, gang: int) -> str:
    return f"{amount(gang * row['billed_on_demand_h'])} + {_hours(gang * row['billed_spot_h'])}"


def _saving(spread: Mapping[str, float | None]) -> str:
    return between(share(spread["p10"]), share(spread["mean"]), share(spread["p90"]))


def _hours(value: float | None) -> str:
    return NONE if value is None else f"{amount(value)} h"


def traces(document: Document) -> Table:
    """One row a trace, with the saving of the best policy there."""
    best = document["best"]
    names = charts.short_names(document)
    rows = {row["trace"]: row["saving_spread"] for row in document["by_trace"] if row["policy"] == best}
    return [
        {
            "trace": names[row["trace"]],
            "covers": _hours(row["span_h"]),
            "available": share(row["available"]),
            "spot, mean": f"{usd(row['mean_spot_usd_per_h'])}/h",
            "up, median (mean)": _up(row["median_up_h"], row["mean_up_h"]),
            "taken back": f"{amount(row['preemptions_per_day_up'])} a day",
            f"saving of {best}": _saving(rows[row["trace"]]),
        }
        for row in document["traces"]
    ]


def _up(median_h: float | None, mean_h: float | None) -> str:
    return NONE if median_h is None else f"{_hours(median_h)} ({_hours(mean_h)})"
