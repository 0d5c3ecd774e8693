"""Options of a search, and its document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcost.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from simcost.billing.commitment.offered import Offered
    from simcost.execution.options import EngineOptions

Document = dict[str, Any]
Progress = Callable[[float, str], None]
OBJECTIVES = ("cost", "attainment", "latency", "jobs", "carbon", "risk", "quality")
"""Objectives of the front; cost always counts."""
SEEDS = 10
"""Replications of a search unless the scenario says; the confirmation takes as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """Options of the search."""

    seeds: int | None = None
    seed: int | None = None
    jobs: int = 1
    engine: EngineOptions | None = None
    mixes: bool = False
    """Propose fixed fleets of several kinds of replicas too."""
    offers: tuple[Offered, ...] = ()
    """Commitments that may be bought, each up to what it states."""
    offers_file: Path | None = None
    """The file that they are from."""
    step_factor: float = 1.0
    """Factor on all step times: the plan meets the SLO even if each step takes so many times as long."""
    objectives: tuple[str, ...] = ()
    """Of the front, beside cost; none = all that are known."""
    front: int = 0
    """Plans that are simulated for the front alone, at most."""
    budget_usd: float | None = None
    """Most that a month may cost; None = whatever it does."""
    quota: Mapping[str, int] = field(default_factory=dict)
    """Most accelerators that a plan may take at a time, by name; of others any number."""


def checked_objectives(names: Sequence[str]) -> tuple[str, ...]:
    """The objectives. Raises InputError for an unknown one."""
    for name in names:
        if name not in OBJECTIVES:
            known = did_you_mean(name, OBJECTIVES) or f"; objectives are {', '.join(OBJECTIVES)}"
            raise InputError(f"objectives: {name!r} is not an objective{known}")
    return tuple(names)


def slower_steps(factor: float) -> Document:
    """The factor as a document states it; nothing of one that is 1."""
    return {} if factor == 1.0 else {"step_factor": factor}


def note_on_steps(factor: float) -> list[str]:
    """The assumption that a factor is; none of one that is 1."""
    if factor == 1.0:
        return []
    return [f"Each step takes {factor:g} times as long as its model says; all figures are those of such steps."]
