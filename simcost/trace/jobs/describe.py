"""Description of a job trace: work, sizes, durations, waits, outcomes, pools and users."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from simcost.trace.jobs.findings import log_findings
from simcost.trace.jobs.jobs import NONE, STATUS, Ints, Jobs
from simcost.trace.jobs.selection import span_s
from simcost.trace.jobs.store import open_jobs
from simcost.trace.over_time import step_length_s

_QUANTILES = {"p5": 0.05, "p50": 0.50, "p75": 0.75, "p95": 0.95, "p99": 0.99}
_TOP = 10
_HOUR_S = 3600

Numbers = npt.NDArray[np.float64]


def describe_jobs(path: Path) -> dict[str, Any]:
    """Describe a stored job trace. Raises TraceError as `open_jobs` does."""
    return {"file": str(path), **description(open_jobs(path))}


def description(jobs: Jobs) -> dict[str, Any]:
    """The document of `trace describe` for jobs.

    Returns:
        `span_s` is the time from the first submission to the last, and `rate_per_s` the jobs per second of it;
        `offered_gpus` is the work over the span: the GPUs that were busy on average if none waited. `sizes` counts
        jobs by GPUs asked for. `over_time` has the mean number of GPUs that are busy in each whole step of `step_s`
        of that time if none waits, and in the `busiest`. Quantiles are linear. `wait_s` is as recorded, None where the
        log has no waits, and `never_started` counts jobs without one. `hourly_cv` is the coefficient of variation of
        the submissions per whole hour, and `cv` that of the interarrival times (Poisson: 1). `outcomes`,
        `pools` and `users` say jobs, GPU-hours and their share of all; the ten with the most GPU-hours. Failed and
        killed jobs count: they occupied their GPUs.
    """
    work = jobs.work_gpu_s / _HOUR_S
    span = span_s(jobs)
    hours = np.bincount(jobs.submit_s // _HOUR_S)[: span // _HOUR_S]
    waits = jobs.recorded_wait_s
    return {
        "source": jobs.source,
        "start_utc": jobs.start_utc,
        "rows": len(jobs),
        "jobs": len(jobs),
        "span_s": span,
        "rate_per_s": len(jobs) / span if span else None,
        "gpu_hours": float(work.sum()),
        "offered_gpus": jobs.gpu_seconds / span if span else None,
        "sizes": [
            {"gpus": int(size), "jobs": int(count), "share": count / len(jobs)}
            for size, count in zip(*np.unique(jobs.gpus, return_counts=True), strict=True)
        ],
        "over_time": _over_time(jobs, span),
        "fractional_jobs": int((jobs.gpu_milli < 1000).sum()),
        "dependent_jobs": 0 if jobs.after is None else sum(map(bool, jobs.after.tolist())),
        "elastic_jobs": int((jobs.min_gpus < jobs.max_gpus).sum()),
        "duration_s": _quantiles(jobs.duration_s),
        "wait_s": None if waits is None else _quantiles(waits[waits != NONE]),
        "never_started": 0 if waits is None else int((waits == NONE).sum()),
        "cv": _cv(np.diff(jobs.submit_s)),
        "hourly_cv": _cv(hours),
        "outcomes": _groups(jobs.status, STATUS, work),
        "pools": _groups(jobs.pool, jobs.pools, work)[:_TOP],
        "pool_count": len(np.unique(jobs.pool)),
        "users": _groups(jobs.user, jobs.users, work)[:_TOP] if jobs.users_known else [],
        "user_count": len(jobs.users) if jobs.users_known else None,
        "findings": log_findings(jobs),
    }


def _over_time(jobs: Jobs, span: int) -> dict[str, Any]:
    """Mean GPUs in each step, if each job starts when it is submitted: the difference of what was begun and what has
    ended, each GPU from then on, which is a sum of lines.
    """
    step_s = step_length_s(span)
    edges_s = float(step_s) * np.arange(span // step_s + 1)

    def gpu_s(from_s: npt.NDArray[np.int64]) -> Numbers:
        """GPU-seconds up to each edge, if each job holds its GPUs from an instant on."""
        order = np.argsort(from_s, kind="stable")
        gpus = jobs.whole_gpus[order].astype(np.float64)
        held = np.concatenate(([0.0], np.cumsum(gpus)))
        moments = np.concatenate(([0.0], np.cumsum(gpus * from_s[order])))
        place = np.searchsorted(from_s[order], edges_s)
        found: Numbers = held[place] * edges_s - moments[place]
        return found

    first = jobs.submit_s - jobs.submit_s[0]
    means = np.diff(gpu_s(first) - gpu_s(first + jobs.duration_s)) / step_s
    gpus = np.maximum(means, 0.0).round(6).tolist()
    return {"step_s": step_s, "gpus": gpus, "busiest": max(gpus, default=0.0)}


def _quantiles(values: Ints) -> dict[str, float] | None:
    if len(values) == 0:
        return None
    found = np.quantile(values, list(_QUANTILES.values()))
    named = dict(zip(_QUANTILES, found.tolist(), strict=True))
    return {"mean": float(values.mean()), **named, "max": float(values.max())}


def _cv(values: Ints) -> float | None:
    """Standard deviation over mean; None for fewer than two values or when all are 0."""
    return float(values.std() / values.mean()) if len(values) > 1 and values.any() else None


def _groups(codes: Ints, names: tuple[str, ...], work: Numbers) -> list[dict[str, Any]]:
    """Jobs and GPU-hours of each group that has jobs, the one with the most work first."""
    jobs = np.bincount(codes, minlength=len(names))
    hours = np.bincount(codes, weights=work, minlength=len(names))
    total = max(float(work.sum()), 1e-300)
    found = [
        {"name": name, "jobs": int(count), "gpu_hours": float(part), "share": float(part / total)}
        for name, count, part in zip(names, jobs, hours, strict=True)
        if count
    ]
    return sorted(found, key=lambda group: (-group["gpu_hours"], -group["jobs"], group["name"]))
