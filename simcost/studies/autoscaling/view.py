"""Decisions of an autoscaler."""

from collections.abc import Callable, Mapping
from itertools import groupby
from textwrap import fill
from typing import Any

from simcost.present.format import amount, printable
from simcost.present.parts import Part, Table
from simcost.present.text_table import table_of
from simcost.studies.autoscaling import charts

Document = Mapping[str, Any]
WIDTH = 110
SHOWN = 60
"""Stretches of alike decisions in the terminal."""
_REASON = 70


def text(document: Document) -> str:
    """Layout of the document of `simcost autoscale replay`."""
    rows = stretches(document)
    more = len(rows) - SHOWN
    blocks = [
        fill(document["verdict"], WIDTH),
        table_of(rows[:SHOWN], left=2),
        f"and {more:,} more; --json has each sync" if more > 0 else "",
        table_of(reasons(document)),
        hours(document),
        fill(not_simulated(document), WIDTH),
        "\n".join(fill(f"note: {said}", WIDTH) for said in notes(document)),
    ]
    return "\n\n".join(block for block in blocks if block)


def parts(document: Document) -> list[Part]:
    """Parts of the page below the verdict."""
    left_out = not_simulated(document)
    return [
        Part(title="Asked for and what led to it", chart=lambda: charts.decisions(document)),
        Part(title="Decisions", rows=stretches(document)[:1000], said=[hours(document)]),
        Part(title="Reasons", rows=reasons(document)),
        Part(title="Notes", said=[*([left_out] if left_out else []), *notes(document)]),
    ]


def stretches(document: Document) -> Table:
    """One row per stretch of syncs with the same numbers and, if so few rows are enough, the same word of reason."""
    fine = _stretches(document, _alike)
    return fine if len(fine) <= SHOWN else _stretches(document, _numbers)


def _stretches(document: Document, key: Callable[[Document], tuple[Any, ...]]) -> Table:
    rows = []
    for _, group in groupby(document["decisions"], key=key):
        found = list(group)
        first = found[0]
        rows.append(
            {
                "from": _time(first),
                "reason, in the first sync": _short(printable(first["reason"])),
                "syncs": f"{len(found):,}",
                "replicas": f"{first['current']:,}",
                "desired": f"{first['desired']:,}",
            }
        )
    return rows


def reasons(document: Document) -> Table:
    """One row per word of reason."""
    return [{"reason": one["reason"], "syncs": f"{one['syncs']:,}"} for one in document["reasons"]]


def hours(document: Document) -> str:
    """Replica-hours recorded, and desired."""
    said = document["replica_hours"]
    return f"Replica-hours: {amount(said['current'])} there, {amount(said['desired'])} desired"


def not_simulated(document: Document) -> str:
    """Fields of the manifest that change nothing here."""
    return f"Not simulated: {printable(', '.join(document['not_simulated']))}" if document["not_simulated"] else ""


def notes(document: Document) -> list[str]:
    """Notes on what was assumed or left out."""
    return [printable(said["message"]) for said in document["findings"]]


def _alike(decision: Document) -> tuple[Any, ...]:
    return *_numbers(decision), decision["reason"].partition(":")[0]


def _numbers(decision: Document) -> tuple[Any, ...]:
    return decision["current"], decision["desired"]


def _time(decision: Document) -> str:
    if "time" in decision:
        return str(decision["time"]).replace("T", " ").removesuffix("Z")
    return f"{decision['t_s']:,.10g} s"


def _short(reason: str) -> str:
    return reason if len(reason) <= _REASON else f"{reason[: _REASON - 3]}..."
