"""A study of spot policies."""

from collections.abc import Mapping
from typing import Any

from simcost.present.format import printable
from simcost.present.parts import Part, Table
from simcost.present.text_table import table_of
from simcost.studies.spot import charts
from simcost.units import format_share, format_usd

Document = Mapping[str, Any]
_NONE = "\N{EN DASH}"


def text(document: Document) -> str:
    """Layout of the document of `spot_study`."""
    blocks = [
        document["verdict"],
        "\n".join(basis(document)),
        f"{table_of(policies(document))}\n{note(document)}",
        "\n".join(findings(document)),
        table_of(traces(document)),
    ]
    return "\n\n".join(block for block in blocks if block)


def parts(document: Document) -> list[Part]:
    """Parts of the page and the explorer below the verdict."""
    return [
        Part(title="Policies", rows=policies(document), said=[*basis(document), note(document)]),
        Part(title="Take care", said=findings(document)),
        Part(title="Saving against on demand", chart=lambda: charts.savings(document)),
        *([Part(title="Saving by trace", chart=lambda: charts.by_trace(document))] if _several(document) else []),
        Part(title="One run", chart=lambda: charts.courses(document)),
        Part(title="Traces", rows=traces(document)),
    ]


def _several(document: Document) -> bool:
    return len(document["traces"]) > 1


def basis(document: Document) -> list[str]:
    """Question and prices."""
    nodes = "1 node" if document["gang"] == 1 else f"{document['gang']} nodes"
    spot = document["spot_usd_per_h"]
    price = "the price in effect" if spot is None else f"{format_usd(spot)}/h"
    starts = "1 start" if document["starts"] == 1 else f"{document['starts']:,} starts"
    job = (
        f"{document['work_h']:g} h of work on {nodes}, due {document['deadline_h']:g} h after the start; "
        f"a changeover takes {document['changeover_h']:g} h and is billed"
    )
    return [
        job,
        f"A node costs {format_usd(document['od_usd_per_h'])}/h on demand, {price} on spot; {starts}",
        *document.get("assumptions", []),
    ]


def policies(document: Document) -> Table:
    """One row a policy."""
    return [
        {
            "strategy": row["policy"],
            "job_fail_rate": format_share(row["job_fail_rate"]),
            "avg_finish_time": _hours(row["avg_finish_time_h"]),
            "total_vm_time": _vm_time(row, document["gang"]),
            "total_vm_cost": format_usd(row["total_vm_cost_usd"]),
            "launches": f"{row['launches']:.1f}",
            "saving (P10 to P90)": _saving(row["saving_spread"]),
        }
        for row in document["policies"]
    ]


def note(document: Document) -> str:
    """Definitions of the columns."""
    return (
        "A job fails that ends after its deadline. VM time: node-hours billed, on demand + spot. Saving: against the "
        f"work alone at the on-demand price, {format_usd(document['on_demand_usd'])}; on-demand pays its changeover "
        "too."
    )


def _vm_time(row: Document, gang: int) -> str:
    return f"{gang * row['billed_on_demand_h']:,.2f} + {gang * row['billed_spot_h']:,.2f} h"


def _saving(spread: Mapping[str, float | None]) -> str:
    mean, lo, hi = (spread[name] for name in ("mean", "p10", "p90"))
    if mean is None or lo is None or hi is None:
        return _NONE
    return f"{_points(mean)} % ({_points(lo)} to {_points(hi)})"


def _points(share: float) -> str:
    return f"{round(100 * share, 1) + 0.0:.1f}"  # no -0.0


def _hours(value: float | None) -> str:
    return _NONE if value is None else f"{value:,.2f} h"


def findings(document: Document) -> list[str]:
    """Findings that a reader must not miss."""
    return [printable(found["message"]) for found in document["findings"]]


def traces(document: Document) -> Table:
    """One row a trace, with the saving of the best policy there."""
    best = document["best"]
    names = charts.short_names(document)
    rows = {row["trace"]: row["saving_spread"] for row in document["by_trace"] if row["policy"] == best}
    return [
        {
            "trace": names[row["trace"]],
            "covers": f"{row['span_h']:,.0f} h",
            "available": format_share(row["available"]),
            "spot, mean": f"{format_usd(row['mean_spot_usd_per_h'])}/h",
            "up, median (mean)": _up(row["median_up_h"], row["mean_up_h"]),
            "taken back": _rate(row["preemptions_per_day_up"]),
            f"saving of {best}": _saving(rows[row["trace"]]),
        }
        for row in document["traces"]
    ]


def _up(median_h: float | None, mean_h: float | None) -> str:
    return _NONE if median_h is None or mean_h is None else f"{median_h:.2f} h ({mean_h:.2f} h)"


def _rate(per_day: float | None) -> str:
    return _NONE if per_day is None else f"{per_day:.2f} a day"
