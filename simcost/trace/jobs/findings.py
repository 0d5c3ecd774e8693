"""Findings on a whole job log: weeks without a job, jobs that are there twice, one job that is most of the work."""

from typing import Any

import numpy as np

from simcost.trace.jobs.jobs import Jobs
from simcost.trace.jobs.rejections import finding
from simcost.units import format_seconds, format_share, how_many

_LONG_GAP_S = 7 * 86400
_REPEATED = 0.05
_FEWEST_REPEATED = 10
_ALIKE = 0.05
_MOST_OF_WORK = 0.5
_FEWEST_JOBS = 20


def log_findings(jobs: Jobs) -> list[dict[str, Any]]:
    """Findings that a reader of results should know of, though each job of the log is possible."""
    return [*_gaps(jobs), *_repeated(jobs), *_most_of_work(jobs)]


def _gaps(jobs: Jobs) -> list[dict[str, Any]]:
    """Weeks without a job."""
    between = np.diff(jobs.submit_s)
    long = np.flatnonzero(between > _LONG_GAP_S)
    if len(long) == 0:
        return []
    first = int(long[between[long].argmax()])
    are = how_many(len(long), "gap without a job is", "gaps without a job are")
    return [
        finding(
            "gap",
            len(long),
            f"{are} longer than "
            f"{format_seconds(_LONG_GAP_S)}; the longest, {format_seconds(float(between[first]))}, begins "
            f"{format_seconds(float(jobs.submit_s[first]))} after the start, after job "
            f"{jobs.job_id[first]}: was the log complete?",
        )
    ]


def _repeated(jobs: Jobs) -> list[dict[str, Any]]:
    """Jobs like one before in all that a copy would keep, where chance does not explain them: jobs that are submitted
    together seldom run equally long, unless many run as long as these.
    """
    kept = (jobs.submit_s, jobs.duration_s, jobs.gpus, jobs.gpu_milli, jobs.pool, jobs.user)
    count = len(jobs) - len(np.unique(np.stack(kept, axis=1), axis=0))
    _, alike = np.unique(jobs.duration_s, return_counts=True)
    chance = float(np.sum((alike / len(jobs)) ** 2)) / 2
    if count < max(_FEWEST_REPEATED, _REPEATED * len(jobs)) or chance >= _ALIKE:
        return []
    have = how_many(count, "job has", "jobs have")
    said = f"{have} the submission, the duration and the GPUs of one before: was the log exported twice?"
    return [finding("repeated", count, said)]


def _most_of_work(jobs: Jobs) -> list[dict[str, Any]]:
    """A job of more GPU time than all others together."""
    work = (jobs.duration_s * jobs.gpus * jobs.gpu_milli).astype(np.float64)
    most = int(work.argmax())
    if len(jobs) < _FEWEST_JOBS or work[most] <= _MOST_OF_WORK * work.sum():
        return []
    said = (
        f"job {jobs.job_id[most]}, {jobs.gpus[most]:,} GPUs for {format_seconds(float(jobs.duration_s[most]))}, is "
        f"{format_share(work[most] / work.sum())} of the GPU time of all {len(jobs):,} jobs: is its duration right?"
    )
    return [finding("most_of_work", 1, said)]
