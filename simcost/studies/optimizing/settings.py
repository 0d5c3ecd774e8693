"""Options of a search, and its document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simcost.billing.commitment.offered import Offered
from simcost.execution.options import EngineOptions

Document = dict[str, Any]
Progress = Callable[[float, str], None]
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
