"""Broken rules of a cost file."""

from collections.abc import Mapping
from typing import Any

from simcost.present.format import NONE, count, share
from simcost.present.parts import Part, Table


def parts(document: Mapping[str, Any]) -> list[Part]:
    """Parts below the verdict, on every screen."""
    return [Part(title="Rules that are broken", rows=broken(document), said=meanings(document), most=10)]


def broken(document: Mapping[str, Any]) -> Table:
    """One row per rule that is broken, the most frequent first."""
    return [
        {
            "rule": row["rule"],
            "level": "must" if row["must"] else "should",
            "rows": count(row["rows"]),
            "share": share(row["share"]),
            "first at": row["example"] or NONE,
        }
        for row in document["broken"]
    ]


def meanings(document: Mapping[str, Any]) -> list[str]:
    """Meaning of each broken rule, with its place in the specification."""
    return [
        f"{row['rule']}: rows that {row['says']}" + (f" ({row['source']})" if row["source"] else "")
        for row in document["broken"]
    ]
