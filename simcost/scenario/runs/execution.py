"""Options of the simulations of a question, and progress through them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import fsum
from pathlib import Path

from simcost.execution.options import EngineOptions
from simcost.execution.task import Runnable
from simcost.execution.workers import Workers
from simcost.scenario.storage.engine_version import versions

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Options of the simulations of a question; its result depends on none of them."""

    folder: Path
    """Folder of stored ledgers."""
    workers: Workers
    fresh: bool
    """Simulate again what is stored."""
    progress: Progress
    """Called with the share done and what is done."""


def workers_of(runs: Path, *, jobs: int, engine: EngineOptions | None = None, ahead: int = 0) -> Workers:
    """Workers that store runs in a folder; `ahead` = runs that come after those of the first call, as far as known."""
    return Workers(runs, versions, jobs=jobs, options=engine, ahead=ahead)


def watched(every: Sequence[Runnable], progress: Progress) -> Callable[[], None]:
    """A note that reports the runs that are done, and their share of the work."""

    def note() -> None:
        done, share = sum(run.share == 1.0 for run in every), fsum(run.share for run in every) / max(len(every), 1)
        more = "" if share else "; once per machine the simulator is compiled, some 10 s"
        progress(share, f"{done} of {len(every)} runs{more}")

    return note
