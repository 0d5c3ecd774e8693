"""Decisions of an autoscaler."""

from collections.abc import Callable
from itertools import groupby
from typing import Any

from simcost.present.format import amount, count, exact, shortened
from simcost.present.parts import Part, Table, notes
from simcost.studies.autoscaling import charts
from simcost.studies.autoscaling.result import AutoscaleReplay, SyncDecision

SHOWN = 60
"""Stretches of alike decisions in the terminal."""
_REASON = 70


def parts(result: AutoscaleReplay) -> list[Part]:
    """Parts below the verdict, on every screen."""
    said = result.replica_hours
    hours = f"Replica-hours: {amount(said.current)} there, {amount(said.desired)} desired"
    ignored = result.not_simulated
    return [
        Part(title="Asked for and what led to it", chart=lambda: charts.decisions(result)),
        Part(title="Decisions", rows=stretches(result)[:1000], said=[hours], left=2, most=SHOWN, whole=True),
        Part(title="Reasons", rows=reasons(result)),
        notes(result, *([f"Not simulated: {', '.join(ignored)}"] if ignored else [])),
    ]


def stretches(result: AutoscaleReplay) -> Table:
    """One row per stretch of syncs with the same numbers and, if so few rows are enough, the same word of reason."""
    fine = _stretches(result, _alike)
    return fine if len(fine) <= SHOWN else _stretches(result, _numbers)


def _stretches(result: AutoscaleReplay, key: Callable[[SyncDecision], tuple[Any, ...]]) -> Table:
    rows = []
    for _, group in groupby(result.decisions, key=key):
        found = list(group)
        first = found[0]
        rows.append(
            {
                "from": _time(first),
                "reason, in the first sync": shortened(first.reason, _REASON),
                "syncs": count(len(found)),
                "replicas": count(first.current),
                "desired": count(first.desired),
            }
        )
    return rows


def reasons(result: AutoscaleReplay) -> Table:
    """One row per word of reason."""
    return [{"reason": reason.reason, "syncs": count(reason.syncs)} for reason in result.reasons]


def _alike(decision: SyncDecision) -> tuple[Any, ...]:
    return *_numbers(decision), decision.reason.partition(":")[0]


def _numbers(decision: SyncDecision) -> tuple[Any, ...]:
    return decision.current, decision.desired


def _time(decision: SyncDecision) -> str:
    if decision.time is not None:
        return decision.time.replace("T", " ").removesuffix("Z")
    return f"{exact(decision.t_s)} s"
