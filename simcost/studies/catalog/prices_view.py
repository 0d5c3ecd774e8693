"""Result of a price list import, and changes between two price books: in the terminal."""

from collections.abc import Iterator, Mapping
from textwrap import fill
from typing import Any

from simcost.present.text_table import table

_SHOWN = 40
_WIDTH = 112
_NAMES = {"offers": "offers", "commitment_rates": "commitment rates", "token_prices": "token prices"}


def text(document: Mapping[str, Any]) -> str:
    """Layout of the document of `prices import` or `prices diff`."""
    return "\n".join(_changes(document) if "changes" in document else _imported(document))


def _imported(document: Mapping[str, Any]) -> Iterator[str]:
    counts = [
        f"{document[key]:,} {name if document[key] > 1 else name[:-1]}" for key, name in _NAMES.items() if document[key]
    ]
    unasked = f", {document['not_asked_for']:,} not asked for" if document["not_asked_for"] else ""
    out = f"{document['kept_out']:,} kept out{unasked}"
    yield f"{document['file']}: {' and '.join(counts)} of {document['as_of']}; {out}"
    findings = document["findings"]
    if findings:
        yield ""
        rows = [
            [finding["kind"], f"{finding['count']:,}", finding["outcome"], finding["places"][0]["place"]]
            for finding in findings
        ]
        yield table(["finding", "count", "outcome", "first"], rows)
        yield ""
        for finding in findings:
            first = finding["places"][0]["detail"]
            said = f"{finding['kind']}: {finding['message']}" + (f" (first: {first})" if first else "")
            yield fill(said, _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    yield ""
    yield (f"written: {', '.join(document['files'])}" if document["files"] else "nothing written; give -o FOLDER")


def _changes(document: Mapping[str, Any]) -> Iterator[str]:
    changes = document["changes"]
    new, gone = (sum(change[side] is None for change in changes) for side in ("before", "after"))
    counts = f"{len(changes) - new - gone:,} prices changed, {new:,} are new, {gone:,} are gone"
    yield f"{counts} from {document['before']} to {document['after']}"
    if changes:
        yield ""
        header = ["name", "price", "before", "after", "change", "as of"]
        yield table(header, [_row(change) for change in changes[:_SHOWN]], left=2)
    if len(changes) > _SHOWN:
        yield f"... and {len(changes) - _SHOWN:,} more; all of them: --json"


def _row(change: Mapping[str, Any]) -> list[str]:
    share = "-" if change["change"] is None else f"{change['change']:+.1%}"
    dates = " -> ".join(str(date) for date in (change["before_as_of"], change["after_as_of"]) if date)
    return [change["name"], change["price"], _price(change["before"]), _price(change["after"]), share, dates]


def _price(value: float | None) -> str:
    return "-" if value is None else f"{value:,.6g}"
