"""Demand series from a stored job trace: jobs, the GPUs they ask for, or their work, per step of submission."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from simcost.tables.cells import Floats
from simcost.trace.jobs.jobs import Jobs
from simcost.trace.jobs.store import open_jobs
from simcost.trace.series.from_traces import check_asked, check_size, joined, stepped
from simcost.trace.series.series import Series
from simcost.units import NS_PER_S

JOB_QUANTITIES = ("jobs", "gpus", "gpu_hours")
_LABELS = ("pool", "user", "gpu_type")


@dataclass(frozen=True, slots=True)
class _Span:
    """Span in which jobs were submitted."""

    path: Path
    span_ns: int
    start_utc: str | None


def job_series(
    path: Path, *, step_s: int | None, by: Sequence[str], timezone: str, quantity: str | None
) -> tuple[list[Series], list[dict[str, Any]]]:
    """Jobs, GPUs or GPU-hours per step, by the time of submission.

    Args:
        path: the stored job trace.
        step_s: the step in seconds, 0 = months; None = 1 h for a day or more, else 1 min.
        by: of `pool`, `user` and `gpu_type`: one series for each value, or for each combination.
        timezone: where days begin.
        quantity: `jobs` (None), `gpus` that they ask for, or `gpu_hours`, their work.

    Raises:
        TraceError: see `simcost.trace.jobs.store`.
        InputError: an unknown quantity or column, no whole step, or too many groups.
    """
    counted = quantity or "jobs"
    check_asked(path, counted, JOB_QUANTITIES, by, _LABELS)
    jobs = open_jobs(path)
    weights, names, group = _weights(jobs, counted), *_groups(jobs, by)

    def count(shift_ns: int, fine_s: int, steps: int) -> dict[str, Floats]:
        check_size(path, len(names), steps)
        step = (jobs.submit_s + shift_ns // NS_PER_S) // fine_s
        inside = (step >= 0) & (step < steps)
        table = np.zeros((len(names), steps))
        np.add.at(table, (group[inside], step[inside]), weights[inside])
        return dict(zip(names, table, strict=True))

    span = _Span(path, int(jobs.submit_s[-1]) * NS_PER_S, jobs.start_utc)
    return stepped(span, counted, count, step_s=step_s, timezone=timezone)


def _weights(jobs: Jobs, counted: str) -> Floats:
    """Weight of each job."""
    gpus = jobs.whole_gpus
    return {"jobs": np.ones(len(jobs)), "gpus": gpus, "gpu_hours": gpus * jobs.duration_s / 3600.0}[counted]


def _groups(jobs: Jobs, by: Sequence[str]) -> tuple[list[str], Any]:
    """The names of the groups, and the group of each job; one nameless group without `by`."""
    if not by:
        return [""], np.zeros(len(jobs), np.int64)
    named = {"pool": jobs.pools, "user": jobs.users, "gpu_type": jobs.gpu_types}
    columns = [pa.array(np.array(named[name], object)[getattr(jobs, name)], pa.string()) for name in by]
    encoded = joined(columns).dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
