"""Options of a search, and its document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]
Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """Options of the search."""

    seeds: int | None = None
    seed: int | None = None
    jobs: int = 1
    mixes: bool = False
    """Propose fixed fleets of several kinds of replicas too."""
