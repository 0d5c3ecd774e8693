"""Plans that miss the SLO, or the most that a budget reaches, with all their replications."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

from simcost.compare.results import PlanSummary
from simcost.compare.scores import RunScore, lower_bounds
from simcost.scenario.runs.candidates import PlanCandidate
from simcost.studies.optimizing.settings import Document

FULL = 3
"""Plans that are simulated to the end, at most."""


def most_of(names: Iterable[str], value: Callable[[str], Any], complete: Callable[[str], object]) -> list[str]:
    """The plans with the largest values, simulated to the end, the largest first.

    A plan that left a race may have its slowest replication alone, whose value is not that of the plan.

    Args:
        names: plans with some of their replications.
        value: by the replications that there are.
        complete: simulates those of a plan that are missing.
    """
    likely = sorted(names, key=value, reverse=True)[:FULL]
    for name in likely:
        complete(name)
    return sorted(likely, key=value, reverse=True)


def failed(scores: Sequence[RunScore], level: float) -> list[Document]:
    """Targets that a plan misses at their confidence bounds, with these."""
    return [asdict(check) for check in lower_bounds(scores, level) if not check.met]


def times_missed(summary: PlanSummary) -> float | None:
    """The worst miss of a plan, as a ratio to what is allowed; None where nothing may be missed, or was measured."""
    return summary.excess if isfinite(summary.excess) else None


def nearest_by_bound(too_small: Sequence[PlanCandidate]) -> Document | None:
    """Of plans that cannot serve enough requests the most able; where each misses a limit the one nearest to it."""
    if not too_small:
        return None
    last, alone = too_small[-1], [one for one in too_small if one.alone is not None]
    if len(alone) == len(too_small):
        last = min(alone, key=lambda one: one.alone[1] if one.alone else 0.0)
    found: Document = {"name": last.name, "attainment_at_most": last.attainment}
    if last.alone is not None:
        found["alone"] = {"limit": last.alone[0], "least_s": last.alone[1]}
    return found
