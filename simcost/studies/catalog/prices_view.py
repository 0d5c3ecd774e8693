"""The import of a price list, and the changes between two price books, as parts."""

from collections.abc import Mapping
from typing import Any

from simcost.catalog.dates import UNKNOWN
from simcost.present.format import count, exact, share_change
from simcost.present.parts import Part, Table
from simcost.units import how_many, plural

Document = Mapping[str, Any]
_SHOWN = 40
_SHAPES = ("accelerator", "accelerators")
"""Make-up of what is priced, in place of a price."""
_NAMES = {"offers": "offer", "commitment_rates": "commitment rate", "token_prices": "token price"}


def parts(document: Document) -> list[Part]:
    """The parts of `prices import` or `prices diff`."""
    return _changed(document) if "changes" in document else _imported(document)


def _imported(document: Document) -> list[Part]:
    counts = [plural(document[key], name) for key, name in _NAMES.items() if document[key]]
    left = f", {count(document['not_asked_for'])} not asked for" if document["not_asked_for"] else ""
    out = f"{count(document['kept_out'])} kept out{left}"
    day = "unknown date" if document["as_of"] == UNKNOWN else document["as_of"]
    told = f"{document['file']}: {' and '.join(counts)} of {day}; {out}"
    unwritten = [] if document["files"] else ["nothing written; give -o FOLDER"]
    return [
        Part(title="Imported", titled=False, said=[told]),
        Part(
            title="Findings",
            rows=findings(document),
            said=[_meaning(finding) for finding in document["findings"]],
            left=4,
        ),
        Part(title="Not written", titled=False, said=unwritten),
    ]


def findings(document: Document) -> Table:
    """One row per kind of finding."""
    return [
        {
            "finding": finding["kind"],
            "count": count(finding["count"]),
            "outcome": finding["outcome"],
            "first": finding["places"][0]["place"],
        }
        for finding in document["findings"]
    ]


def _meaning(finding: Document) -> str:
    first = finding["places"][0]["detail"]
    return f"{finding['kind']}: {finding['message']}" + (f" (first: {first})" if first else "")


def _changed(document: Document) -> list[Part]:
    found = document["changes"]
    new, gone = (sum(change[side] is None for change in found) for side in ("before", "after"))
    shapes = sum(change["price"] in _SHAPES for change in found)
    changed = plural(len(found) - new - gone - shapes, "price")
    counts = f"{changed} changed, {how_many(new, 'is', 'are')} new, {how_many(gone, 'is', 'are')} gone"
    counts += f", {how_many(shapes, 'is', 'are')} of other accelerators" if shapes else ""
    told = f"{counts} from {document['before']} to {document['after']}"
    return [
        Part(title="Prices compared", titled=False, said=[told]),
        Part(title="Changes", titled=False, rows=[_change(change) for change in found], left=2, most=_SHOWN),
    ]


def _change(change: Document) -> dict[str, str]:
    return {
        "name": change["name"],
        "price": change["price"],
        "before": _value(change["before"]),
        "after": _value(change["after"]),
        "change": share_change(change["change"]),
        "as of": " -> ".join(str(date) for date in (change["before_as_of"], change["after_as_of"]) if date),
    }


def _value(value: float | str | None) -> str:
    """A price or a count in full; of an accelerator its name, `none` of a machine without one."""
    return value or "none" if isinstance(value, str) else exact(value)
