"""Plans of sweeps and of finished runs as a table: a column as its name and unit say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simcost.present.format import NONE, Show, amount, exact, printable, seconds, share, usd
from simcost.present.parts import Table

MAIN = ("cost_usd_per_month", "attainment", "met_share", "ttft_p95_s", "utilisation")
"""Figures that are shown unless others are asked for."""
_FIELDS, _COLUMNS = 4, 7
_TITLES = {
    "base": "plan",
    "cost_usd": "$",
    "cost_usd_per_month": "$ per month",
    "met": "SLO met",
    "met_share": "runs meeting SLO",
    "ttft_p95_s": "TTFT p95",
}


def main_columns(known: Sequence[str], fields: Sequence[str]) -> tuple[str, ...]:
    """The columns of a table of at most seven: the plan by its swept fields where they are few, else by its name."""
    folder = ("folder",) if "folder" in known else ()
    plan = ("base", *fields) if 0 < len(fields) <= _FIELDS else ("plan",)
    heads = (*folder, *(name for name in (*plan, "replication") if name in known))
    figures = ("met" if name == "met_share" and name not in known else name for name in MAIN)
    return (*heads, *(name for name in figures if name in known))[: max(_COLUMNS, len(heads) + 1)]


def plan_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Table:
    """Rows with the columns that are asked for."""
    titles = {name: _title(name, columns) for name in columns}
    return [{titles[name]: _cell(name, row.get(name)) for name in columns} for row in rows]


def _title(name: str, columns: Sequence[str]) -> str:
    """The title of a column: of a field the end of its path, unless another has the same."""
    end = name.rpartition(".")[2]
    alike = sum(other.rpartition(".")[2] == end for other in columns)
    return _TITLES.get(name, end if alike == 1 else name)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return printable(str(value))
    return _show(name)(value)


def _show(name: str) -> Show:
    """The form of a number, by the unit in the name of its column."""
    if "." in name:
        return exact  # a field of a plan, as somebody stated it
    if "_usd" in name or name.startswith("cost_usd"):
        return usd
    if name.endswith("_s"):
        return seconds
    if name.endswith("_share") or name in ("attainment", "utilisation"):
        return share
    return amount
