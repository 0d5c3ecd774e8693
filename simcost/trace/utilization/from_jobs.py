"""Samples of a cluster from its job log: held GPUs, free GPUs, and waiting jobs. Times are seconds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from simcost.errors import InputError
from simcost.trace.jobs.jobs import NONE, Jobs
from simcost.trace.series.resample import finding
from simcost.trace.utilization.samples import Floats, UtilizationSamples
from simcost.units import how_many

Findings = list[dict[str, Any]]
CLUSTER = "cluster"
STEP_S = 60.0
"""Step in which a job is looked at, where a measure needs steps."""
_NO_DUTY: Mapping[str, float] = {}
_OF_LIMITS = ("limit_assumed", "limit_raised")


def about_jobs(said: Iterable[Mapping[str, Any]]) -> Findings:
    """Findings on a job log, without those on time limits, which schedulers use; the waits of jobs that never started
    are in no account.
    """
    kept = (one for one in said if one["kind"] not in _OF_LIMITS)
    uncounted = {"never_started": "; their waits are not counted"}
    return [{**one, "message": one["message"] + uncounted.get(one["kind"], "")} for one in kept]


def left_at_import(jobs: Jobs) -> Findings:
    """A finding on rows of the log that a stored trace lacks: jobs that still ran hold no GPUs then."""
    rows = int(jobs.extra.get("rows_dropped", 0))
    were = how_many(rows, "row of the log was", "rows of the log were")
    said = (
        f"{were} kept out when it was imported; jobs among them that had not ended hold no "
        "GPUs here, which count as free: give the log itself"
    )
    return [finding("left_at_import", "", rows, said)] if rows else []


def jobs_within(jobs: Jobs, start_utc_s: float | None, span_s: float) -> tuple[Jobs | None, Findings]:
    """The jobs that ran in the time of some samples, for as long as they did in it; None = none did. Findings on those
    that ran at other times, and on times without dates, of which it is not known.
    """
    log_s = _epoch(jobs.start_utc)
    if start_utc_s is None or log_s is None:
        what = "samples" if start_utc_s is None else "jobs"
        said = f"the times of the {what} have no dates: all jobs count, as if they were of the time of the samples"
        return jobs, [finding("times_unknown", "", len(jobs), said)]
    start = log_s + jobs.submit_s + _waits(jobs)[0]
    within = np.minimum(start + jobs.duration_s, start_utc_s + span_s) - np.maximum(start, start_utc_s)
    ran, part = within > 0, (within > 0) & (within < jobs.duration_s)
    if not (other := int((~ran | part).sum())):
        return jobs, []
    did, cut = how_many(other, "job ran", "jobs ran"), f", {int(part.sum()):,} of them in part" if part.any() else ""
    said = f"{did} at other times than the samples{cut}: that time is not counted"
    inside = replace(jobs, duration_s=np.ceil(np.where(ran, within, 0.0)).astype(np.int64))[ran] if ran.any() else None
    return inside, [finding("other_times", "", other, said)]


def samples_of_jobs(
    jobs: Jobs, *, gpus: Mapping[str, int] | int | None = None, duty: Mapping[str, float] = _NO_DUTY
) -> tuple[UtilizationSamples, Findings]:
    """Each job is a unit while it runs, and so are the GPUs that each pool has free.

    Args:
        jobs: a log with its recorded waits.
        gpus: of the cluster, or by pool; None = the most that jobs held at once.
        duty: share of their GPUs' time in which jobs worked, by job, where it was measured.

    Raises:
        InputError: no job held a GPU; fewer GPUs than jobs held at once; a pool without a number of GPUs.
    """
    held = jobs.whole_gpus
    some = np.flatnonzero(held > 0)
    if not len(some):
        raise InputError(f"{jobs.source}: no job of the log held a GPU; give a log with GPUs")
    wait, findings = _waits(jobs)
    submit = jobs.submit_s[some].astype(np.float64)
    start = submit + wait[some]
    end, held = start + jobs.duration_s[some], held[some]
    pools, pool = (jobs.pools, jobs.pool[some]) if isinstance(gpus, Mapping) else ((CLUSTER,), np.zeros_like(some))
    known = np.array([duty.get(str(job), np.nan) for job in jobs.job_id[some]])
    free = []
    for code, name in enumerate(pools):
        mine = pool == code
        lasts = jobs.running is not None and bool(jobs.running[some][mine].any())
        doubts = [_NO_WAITS] * (jobs.recorded_wait_s is None) + [_NO_END] * lasts
        capacity, said = _capacity(gpus, name, start[mine], end[mine], held[mine], doubts)
        findings += said
        free.append(_free(capacity, submit[mine], start[mine], end[mine], held[mine], (0.0, float(end.max()))))
    unit = [np.full(len(one[0]), len(some) + code) for code, one in enumerate(free)]
    rows = [np.concatenate(columns) for columns in zip(*free, strict=True)]
    at, length, left, pending, waiting = rows
    idle, zero = np.concatenate(unit), np.zeros(len(some))
    empty = np.full(len(at), np.nan)
    users = ("", *jobs.users)
    samples = UtilizationSamples(
        unit=np.concatenate([np.arange(len(some)), idle]),
        pool=np.concatenate([pool, idle - len(some)]),
        owner=np.concatenate([jobs.user[some] + 1, np.zeros(len(at), np.int64)]),
        start_s=np.concatenate([start, at]),
        hold_s=np.concatenate([end - start, length]),
        gpus=np.concatenate([held, left]),
        allocated=np.concatenate([held, np.zeros(len(at))]),
        down=np.zeros(len(some) + len(at)),
        duty=np.concatenate([known, empty]),
        pending=np.concatenate([zero, pending]),
        waiting_jobs=np.concatenate([zero, waiting]),
        memory_used_bytes=np.full(len(some) + len(at), np.nan),
        memory_total_bytes=np.full(len(some) + len(at), np.nan),
        units=(*map(str, jobs.job_id[some]), *(f"free in {name}" for name in pools)),
        pools=tuple(pools),
        owners=users,
        step_s=STEP_S,
        start_utc_s=_epoch(jobs.start_utc),
        queues=jobs.recorded_wait_s is not None,
    )
    return samples, findings


def _waits(jobs: Jobs) -> tuple[Floats, Findings]:
    if jobs.recorded_wait_s is None:
        said = "the log has no waits: jobs were taken as started when they were submitted"
        return np.zeros(len(jobs)), [finding("no_waits", "", len(jobs), said)]
    return np.where(jobs.recorded_wait_s == NONE, 0, jobs.recorded_wait_s).astype(np.float64), []


_NO_END = "that the jobs without an end are there to the last time of the log"
_NO_WAITS = (
    "that jobs started when they were submitted, as is taken of a log without starts; if it has them, pass "
    "--map start_s=COLUMN"
)


def _capacity(
    gpus: Mapping[str, int] | int | None, pool: str, start: Floats, end: Floats, held: Floats, doubts: Sequence[str]
) -> tuple[float, Findings]:
    """GPUs of a pool: those given, else the most that its jobs held at once; `doubts`: on when they held them."""
    most = float(_steps(start, end, held)[1].max(initial=0.0))
    if isinstance(gpus, Mapping) and pool not in gpus:
        raise InputError(f"the log has jobs in the pool {pool!r}; say how many GPUs it has, too")
    given = gpus[pool] if isinstance(gpus, Mapping) else gpus
    if given is None:
        said = f"the log does not say how many GPUs there are; the {most:,.0f} that jobs held at once were taken"
        return float(np.ceil(most)), [finding("gpus", "", 1, said)]
    if most > given + 1e-6:
        where = "" if pool == CLUSTER else f" of {pool}"
        checks = ", and ".join(["check the number", *doubts])
        raise InputError(f"jobs{where} held {most:,g} GPUs at once, more than the {given:,} given; {checks}")
    return float(given), []


def _free(
    capacity: float, submit: Floats, start: Floats, end: Floats, held: Floats, span: tuple[float, float]
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """From, for how long, free GPUs, GPUs and jobs that wait: one row per stretch in which nothing changes."""
    edges = np.unique(np.concatenate([submit, start, end, span]))
    at = edges[:-1]

    def level(since: Floats, until: Floats, value: Floats) -> Floats:
        times, total = _steps(since, until, value)
        return np.append(0.0, total)[np.searchsorted(times, at, side="right")]

    free = np.maximum(capacity - level(start, end, held), 0.0)
    return at, np.diff(edges), free, level(submit, start, held), level(submit, start, np.ones(len(held)))


def _steps(since: Floats, until: Floats, value: Floats) -> tuple[Floats, Floats]:
    """The times at which the sum of values changes, and the sum from each on."""
    times, place = np.unique(np.concatenate([since, until]), return_inverse=True)
    change = np.bincount(place, np.concatenate([value, -value]), len(times))
    total: Floats = np.cumsum(change)
    return times, np.where(np.abs(total) < 1e-9, 0.0, total)  # dust of fractions


def _epoch(iso: str | None) -> float | None:
    from datetime import datetime

    return None if iso is None else datetime.fromisoformat(iso).timestamp()
