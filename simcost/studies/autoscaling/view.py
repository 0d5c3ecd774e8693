"""Decisions of an autoscaler."""

from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Any

from simcost.present.format import amount, count, exact, shortened
from simcost.present.parts import Part, Table, notes
from simcost.studies.autoscaling import charts

Document = Mapping[str, Any]
SHOWN = 60
"""Stretches of alike decisions in the terminal."""
_REASON = 70


def parts(document: Document) -> list[Part]:
    """Parts below the verdict, on every screen."""
    said = document["replica_hours"]
    hours = f"Replica-hours: {amount(said['current'])} there, {amount(said['desired'])} desired"
    ignored = document["not_simulated"]
    return [
        Part(title="Asked for and what led to it", chart=lambda: charts.decisions(document)),
        Part(title="Decisions", rows=stretches(document)[:1000], said=[hours], left=2, most=SHOWN, whole=True),
        Part(title="Reasons", rows=reasons(document)),
        notes(document, *([f"Not simulated: {', '.join(ignored)}"] if ignored else [])),
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
                "reason, in the first sync": shortened(first["reason"], _REASON),
                "syncs": count(len(found)),
                "replicas": count(first["current"]),
                "desired": count(first["desired"]),
            }
        )
    return rows


def reasons(document: Document) -> Table:
    """One row per word of reason."""
    return [{"reason": one["reason"], "syncs": count(one["syncs"])} for one in document["reasons"]]


def _alike(decision: Document) -> tuple[Any, ...]:
    return *_numbers(decision), decision["reason"].partition(":")[0]


def _numbers(decision: Document) -> tuple[Any, ...]:
    return decision["current"], decision["desired"]


def _time(decision: Document) -> str:
    if "time" in decision:
        return str(decision["time"]).replace("T", " ").removesuffix("Z")
    return f"{exact(decision['t_s'])} s"
