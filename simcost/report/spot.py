"""A study of spot policies in the terminal."""

from collections.abc import Mapping
from typing import Any

from simcost.report.table import table
from simcost.units import format_share, format_usd


def text(document: Mapping[str, Any]) -> str:
    """The document of `spot_study`, laid out for people."""
    parts = [
        document["verdict"],
        _job(document),
        _policies(document),
        *_findings(document),
        _traces(document),
    ]
    return "\n\n".join(parts)


def _job(document: Mapping[str, Any]) -> str:
    nodes = "1 node" if document["gang"] == 1 else f"{document['gang']} nodes"
    spot = document["spot_usd_per_h"]
    price = "the price in effect" if spot is None else f"{format_usd(spot)}/h"
    starts = "1 start" if document["starts"] == 1 else f"{document['starts']:,} starts"
    return (
        f"{document['work_h']:g} h of work on {nodes}, due {document['deadline_h']:g} h after the start; "
        f"a changeover takes {document['changeover_h']:g} h and is billed\n"
        f"A node costs {format_usd(document['od_usd_per_h'])}/h on demand, {price} on spot; {starts}"
    )


def _policies(document: Mapping[str, Any]) -> str:
    header = ["policy", "on demand + spot, h", "billed (P10 to P90)", "finish, h", "launches", "deadline met",
              "saving (P10 to P90)"]  # fmt: skip
    rows = [
        [
            row["policy"], f"{row['on_demand_h']:.2f} + {row['spot_h']:.2f}", _billed(row["billed_usd"]),
            _number(row["finish_h"]), f"{row['launches']:.1f}", format_share(row["deadline_met"]),
            _saving(row["saving_spread"]),
        ]
        for row in document["policies"]
    ]  # fmt: skip
    note = (
        "Saving: against the work alone at the on-demand price, "
        f"{format_usd(document['on_demand_usd'])}; on-demand pays its changeover too."
    )
    return f"{table(header, rows)}\n{note}"


def _billed(spread: Mapping[str, float]) -> str:
    return f"{format_usd(spread['mean'])} ({format_usd(spread['p10'])} to {format_usd(spread['p90'])})"


def _saving(spread: Mapping[str, float | None]) -> str:
    mean, lo, hi = (spread[name] for name in ("mean", "p10", "p90"))
    if mean is None or lo is None or hi is None:
        return "\N{EN DASH}"
    return f"{_points(mean)} % ({_points(lo)} to {_points(hi)})"


def _points(share: float) -> str:
    return f"{round(100 * share, 1) + 0.0:.1f}"  # no -0.0


def _number(value: float | None) -> str:
    return "\N{EN DASH}" if value is None else f"{value:.2f}"


def _findings(document: Mapping[str, Any]) -> list[str]:
    lines = [found["message"] for found in document["findings"]]
    return ["\n".join(lines)] if lines else []


def _traces(document: Mapping[str, Any]) -> str:
    best = document["best"]
    spread = {row["trace"]: row["saving_spread"] for row in document["by_trace"] if row["policy"] == best}
    header = ["trace", "tick, s", "hours", "available", "spot, $/h", "starts", f"saving of {best}"]
    rows = [
        [
            row["trace"], f"{row['gap_s']:g}", f"{row['span_h']:.0f}", format_share(row["available"]),
            format_usd(row["mean_spot_usd_per_h"]), f"{row['starts']:,}", _saving(spread[row["trace"]]),
        ]
        for row in document["traces"]
    ]  # fmt: skip
    return table(header, rows)
