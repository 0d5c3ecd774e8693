"""Broken rules of a cost file."""

from collections.abc import Mapping
from textwrap import fill
from typing import Any

from simcost.present.format import printable
from simcost.present.parts import Part, Table
from simcost.studies.actuals.view import ROWS, WIDTH, cut
from simcost.units import format_count, format_share


def text(document: Mapping[str, Any]) -> str:
    """Layout of the document of `simcost focus check`."""
    said = "\n".join(
        fill(line, WIDTH, initial_indent="- ", subsequent_indent="  ") for line in meanings(document)[:ROWS]
    )
    blocks = [fill(document["verdict"], WIDTH), cut(broken(document)), said]
    return "\n\n".join(block for block in blocks if block)


def parts(document: Mapping[str, Any]) -> list[Part]:
    """Parts of the page below the verdict."""
    return [Part(title="Rules that are broken", rows=broken(document), said=meanings(document))]


def broken(document: Mapping[str, Any]) -> Table:
    """One row per rule that is broken, the most frequent first."""
    return [
        {
            "rule": row["rule"],
            "level": "must" if row["must"] else "should",
            "rows": format_count(row["rows"]),
            "share": format_share(row["share"]),
            "first at": row["example"] or "-",
        }
        for row in document["broken"]
    ]


def meanings(document: Mapping[str, Any]) -> list[str]:
    """Meaning of each broken rule, with its place in the specification."""
    return [
        printable(f"{row['rule']}: rows that {row['says']}" + (f" ({row['source']})" if row["source"] else ""))
        for row in document["broken"]
    ]
