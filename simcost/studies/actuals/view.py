"""Summary of a cost file."""

from collections.abc import Mapping
from textwrap import fill
from typing import Any

from simcost.present.format import amount, printable
from simcost.present.parts import Part, Table
from simcost.present.text_table import table_of
from simcost.studies.actuals.charts import days
from simcost.units import format_count, format_share, format_usd

WIDTH = 100
ROWS = 10
"""Rows of a table in the terminal, at most; the document has them all."""
Document = Mapping[str, Any]


def text(document: Document) -> str:
    """Layout of the document of `simcost focus read`."""
    blocks = [
        fill(document["verdict"], WIDTH),
        cut(months(document), left=3),
        cut(skus(document), left=4),
        fill(coverage(document), WIDTH),
        cut(commitments(document)),
        cut(findings(document)),
        "\n".join(fill(line, WIDTH, initial_indent="- ", subsequent_indent="  ") for line in meanings(document)[:ROWS]),
    ]
    return "\n\n".join(block for block in blocks if block)


def parts(document: Document) -> list[Part]:
    """Parts of the page below the verdict."""
    return [
        Part(title="Cost by day", chart=lambda: days(dict(document))),
        Part(title="Months and services", rows=months(document)),
        Part(title="What was used, at which prices", rows=skus(document)),
        Part(
            title="Commitments",
            rows=commitments(document),
            said=[line for line in [coverage(document)] if line],
        ),
        Part(title="What was found in the rows", rows=findings(document), said=meanings(document)),
    ]


def months(document: Document) -> Table:
    """One row per month and service, the most expensive first."""
    ranked = sorted(document["months"], key=lambda row: (row["month"], -row["effective_usd"]))
    return [
        {
            "month": row["month"],
            "provider": row["provider"],
            "service": short(row["service"], 30),
            "billed": money(row["billed_usd"]),
            "effective": money(row["effective_usd"]),
            "list": money(row["list_usd"]),
            "contracted": money(row["contracted_usd"]),
        }
        for row in ranked
    ]


def skus(document: Document) -> Table:
    """One row per month, SKU and purchase option, the most expensive first."""
    return [
        {
            "month": row["month"],
            "SKU": short(f"{row['provider']}/{row['sku']}", 32),
            "region": short(row["region"], 16),
            "bought": row["pricing"].replace("_", " "),
            "used": f"{amount(row['quantity'])} {short(row['unit'], 10)}".strip(),
            "paid a unit": money(row["effective_usd_per_unit"]),
            "list a unit": money(row["list_usd_per_unit"]),
        }
        for row in sorted(document["skus"], key=lambda row: -row["effective_usd"])
    ]


def coverage(document: Document) -> str:
    """The coverage by provider, where something is committed."""
    known = {name: share for name, share in document["coverage"].items() if share}
    said = ", ".join(f"{name} {format_share(share)}" for name, share in known.items())
    return f"Coverage, committed / (committed + on demand) at list prices: {said}" if said else ""


def commitments(document: Document) -> Table:
    """One row per commitment, the largest first."""
    return [
        {
            "commitment": short(row["commitment"], 44),
            "used": money(row["used_usd"]),
            "lost": money(row["unused_usd"]),
            "utilisation": "-" if row["utilisation"] is None else format_share(row["utilisation"]),
            "paid in these rows": money(row["purchased_usd"]),
        }
        for row in document["commitments"]
    ]


def findings(document: Document) -> Table:
    """One row per finding on the rows, the most frequent first."""
    return [
        {
            "finding": row["rule"],
            "rows": format_count(row["rows"]),
            "share": format_share(row["share"]),
            "first at": row["example"] or "-",
        }
        for row in document["quality"]
    ]


def meanings(document: Document) -> list[str]:
    """Meaning of each finding, and how it was handled."""
    return [printable(f"{row['rule']}: {row['says']}: {row['done']}") for row in document["quality"]]


def cut(rows: Table, *, left: int = 1) -> str:
    """The first rows as text, and how many more there are."""
    more = f"\n... {len(rows) - ROWS:,} more in the document" if len(rows) > ROWS else ""
    return table_of(rows[:ROWS], left=left) + more


def money(usd: float | None) -> str:
    """An amount; a hyphen where there is none."""
    return "-" if usd is None else format_usd(usd)


def short(name: str, width: int) -> str:
    """A name that fits, its end kept: what tells resources apart stands there."""
    name = printable(name)
    return name if len(name) <= width else f"…{name[-width + 1 :]}"
