"""What a cost file says, in the terminal."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

from simcost.report.forecast_words import amount, printable
from simcost.report.table import table
from simcost.units import format_count, format_share, format_usd

WIDTH = 100
ROWS = 10
"""Rows of a table, at most; the document has them all."""
Document = Mapping[str, Any]


def text(document: Document) -> str:
    """The document of `simcost focus read`, laid out for people."""
    parts = [fill(document["verdict"], WIDTH), _months(document), _skus(document), _coverage(document),
             _commitments(document), quality(document)]  # fmt: skip
    return "\n\n".join(part for part in parts if part)


def _months(document: Document) -> str:
    rows = sorted(document["months"], key=lambda row: (row["month"], -row["effective_usd"]))
    cells = [[row["month"], row["provider"], short(row["service"], 28), *map(money, _costs(row))] for row in rows]
    head = ["month", "provider", "service", "billed", "effective", "list", "contracted"]
    return cut(head, cells, left=3)


def _costs(row: Document) -> list[float | None]:
    return [row[name] for name in ("billed_usd", "effective_usd", "list_usd", "contracted_usd")]


def _skus(document: Document) -> str:
    rows = sorted(document["skus"], key=lambda row: -row["effective_usd"])
    cells = [
        [row["month"], short(f"{row['provider']}/{row['sku']}", 34), short(row["region"], 16), row["pricing"],
         f"{amount(row['quantity'])} {row['unit']}", money(row["effective_usd_per_unit"]),
         money(row["list_usd_per_unit"])] for row in rows
    ]  # fmt: skip
    return cut(["month", "SKU", "region", "bought", "used", "paid a unit", "list a unit"], cells, left=4)


def _coverage(document: Document) -> str:
    known = {name: share for name, share in document["coverage"].items() if share}
    if not known:
        return ""
    said = ", ".join(f"{name} {format_share(share)}" for name, share in known.items())
    return fill(f"Coverage, committed / (committed + on-demand) at list prices: {said}", WIDTH)


def _commitments(document: Document) -> str:
    cells = [
        [short(row["commitment"], 44), money(row["used_usd"]), money(row["unused_usd"]),
         "-" if row["utilisation"] is None else format_share(row["utilisation"]), money(row["purchased_usd"])]
        for row in document["commitments"]
    ]  # fmt: skip
    return cut(["commitment", "used", "lost", "utilisation", "paid here"], cells) if cells else ""


def quality(document: Document) -> str:
    """What was found in the rows, and what was made of it."""
    cells = [
        [row["rule"], format_count(row["rows"]), format_share(row["share"]), row["example"] or "-",
         short(row["says"], 60), row["done"]] for row in document["quality"]
    ]  # fmt: skip
    if not cells:
        return ""
    head = table(["finding", "rows", "share", "first at"], [row[:4] for row in cells])
    said = [
        fill(f"{row[0]}: {row[4]}: {row[5]}", WIDTH, initial_indent="- ", subsequent_indent="  ")
        for row in cells
    ]
    return "\n".join([head, *said])


def cut(head: Sequence[str], cells: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """A table of the first rows, and how many more there are."""
    more = f"\n... {len(cells) - ROWS:,} more in the document" if len(cells) > ROWS else ""
    return table(head, cells[:ROWS], left=left) + more if cells else ""


def money(usd: float | None) -> str:
    """An amount; a hyphen where there is none."""
    return "-" if usd is None else format_usd(usd)


def short(name: str, width: int) -> str:
    """A name that fits, its end kept: what tells resources apart stands there."""
    name = printable(name)
    return name if len(name) <= width else f"…{name[-width + 1 :]}"
