"""Selection of jobs: pools, types of GPUs, and a stretch of time.

What is selected comes first; times then count from the first job that is kept, or from the hour of the choice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from simcost.errors import InputError, TraceError, did_you_mean
from simcost.tables.dates import ISO, instants, without_zone
from simcost.trace.jobs.jobs import NONE, Flags, Jobs
from simcost.trace.jobs.rejections import finding, kept_out
from simcost.trace.requests.writer import iso_utc
from simcost.trace.series.local_time import offsets
from simcost.units import NS_PER_S, SECONDS_PER_DAY, how_many, parse_seconds


def select(
    jobs: Jobs,
    *,
    pool: str | None,
    pools: Mapping[str, int] | None,
    gpu_types: Sequence[str] | None,
    since: str | None,
    window_s: float | None,
    timezone: str,
    cpus: bool,
    keep_hours: bool,
) -> tuple[Jobs, list[dict[str, Any]]]:
    """The jobs wanted, their times from the first of them.

    Args:
        jobs: a whole trace.
        pool: keep this pool only.
        pools: GPUs of each pool; jobs of other pools, and those wider than the largest pool, are kept out, and
            `pools` of the result is in this order.
        gpu_types: those of the nodes: jobs that accept none of them are kept out; nodes that say none take all.
        since: keep jobs submitted at or after this ISO time, or after so many seconds of a trace without dates.
        window_s: then keep jobs submitted at most this long after the first one kept.
        timezone: of `since` where it says no zone.
        cpus: False = the cluster has nothing but GPUs: jobs that ask for none are kept out, unless others wait for
            them.
        keep_hours: second 0 is `since`, or as many whole days later as pass before the first job, so that jobs keep
            their hours of the day; without `since`, or False, it is the submission of the first job kept.

    Raises:
        InputError: an unknown pool, or a time that cannot be read.
        TraceError: no job is left.
    """
    keep = np.ones(len(jobs), np.bool_)
    since_s = -np.inf if since is None else _since_s(since, jobs.start_utc, timezone)
    if pool is not None:
        if pool not in jobs.pools:
            there = f"of the trace: {', '.join(jobs.pools)}" if any(jobs.pools) else "the trace names none"
            raise InputError(f"no pool {pool!r}{did_you_mean(pool, jobs.pools)} ({there})")
        keep &= jobs.pool == jobs.pools.index(pool)
    findings = _still_there(jobs, since_s, keep)
    keep &= jobs.submit_s >= since_s
    asked, log = keep.copy(), jobs
    jobs, left_out = _that_fit(log, keep, pools, gpu_types, cpus=cpus)
    if window_s is not None and keep.any():
        within = jobs.submit_s - jobs.submit_s[keep][0] <= window_s
        keep &= within
        left_out = _that_fit(log, asked & within, pools, gpu_types, cpus=cpus)[1]
    findings += left_out
    if not keep.any():
        why = "; ".join(said["message"] for said in findings) or "widen it"
        raise TraceError(f"{jobs.source}: no job is left after the choice of pools and times: {why}")
    jobs = jobs[keep] if not keep.all() else jobs
    first_s = int(jobs.submit_s[0])
    lead_s = int((first_s - since_s) % SECONDS_PER_DAY) if keep_hours and since is not None else 0
    return _renumbered(jobs, first_s - lead_s), findings


def _that_fit(
    jobs: Jobs, keep: Flags, pools: Mapping[str, int] | None, gpu_types: Sequence[str] | None, *, cpus: bool
) -> tuple[Jobs, list[dict[str, Any]]]:
    """The jobs with the pools of the cluster; `keep` loses those that it cannot run, which is said."""
    findings: list[dict[str, Any]] = []
    if pools is not None:
        jobs, findings = _in_pools(jobs, pools, keep)
    if gpu_types is not None:
        findings += _of_types(jobs, gpu_types, keep)
    if not cpus:
        findings += _without_gpus(jobs, keep)
    return jobs, findings


def _renumbered(jobs: Jobs, zero: int) -> Jobs:
    """The same jobs with times from this second of their clock."""
    if zero == 0:
        return jobs
    start = None if jobs.start_utc is None else iso_utc(_epoch_ns(jobs.start_utc) + zero * NS_PER_S)
    return replace(
        jobs,
        submit_s=jobs.submit_s - zero,
        start_utc=start,
        first_s=None if jobs.first_s is None else jobs.first_s + zero,
        deadline_s=np.where(jobs.deadline_s == NONE, NONE, jobs.deadline_s - zero),
    )


def span_s(jobs: Jobs) -> int:
    """From the first submission to the last."""
    return int(jobs.submit_s[-1])


def _still_there(jobs: Jobs, since_s: float, chosen: Flags) -> list[dict[str, Any]]:
    """The finding on jobs submitted earlier that held GPUs then: the cluster begins without them."""
    wait_s = 0 if jobs.recorded_wait_s is None else np.maximum(jobs.recorded_wait_s, 0)
    there = chosen & (jobs.submit_s < since_s) & (jobs.submit_s + wait_s + jobs.duration_s > since_s) & (jobs.gpus > 0)
    count = int(there.sum())
    if not count:
        return []
    left = f"{how_many(count, 'job', 'jobs')} of {int(jobs.gpus[there].sum()):,} GPUs submitted before had not ended"
    return [finding("still_there", count, f"{left} by the log: the cluster begins empty, without them")]


def _in_pools(jobs: Jobs, pools: Mapping[str, int], keep: Flags) -> tuple[Jobs, list[dict[str, Any]]]:
    """The jobs with these pools; `keep` loses those of other pools and the too wide, which are said."""
    findings = []
    names = tuple(pools)
    if names == ("",):
        jobs = replace(jobs, pools=("",), pool=np.zeros(len(jobs), np.int64))
    index = {name: i for i, name in enumerate(names)}
    code = np.array([index.get(name, -1) for name in jobs.pools], np.int64)[jobs.pool]
    if other := int((keep & (code < 0)).sum()):
        lacking = [name for name in jobs.pools if name not in index]
        findings.append(
            finding(
                "pool",
                other,
                f"{kept_out(other)}: their pools have no nodes: {', '.join(map(repr, lacking[:10]))}",
            )
            | {"dropped": True}
        )
    keep &= code >= 0
    widest = max(pools.values(), default=0)
    wide = keep & (jobs.gpus > widest)
    if count := int(wide.sum()):
        first = int(wide.argmax())
        findings.append(
            finding(
                "too_wide",
                count,
                f"{kept_out(count)}: they ask for more GPUs than the "
                f"largest pool has, {widest:,}; first: job {jobs.job_id[first]}: "
                f"{jobs.gpus[first]:,} GPUs",
            )
            | {"dropped": True}
        )
    keep &= ~wide
    return replace(jobs, pools=names, pool=np.maximum(code, 0)), findings


def _of_types(jobs: Jobs, gpu_types: Sequence[str], keep: Flags) -> list[dict[str, Any]]:
    """`keep` loses the jobs that accept no type of GPU that there is, which is said."""
    asked = np.array([bool(name) for name in jobs.gpu_types])[jobs.gpu_type] & (jobs.gpus > 0)
    if not any(gpu_types):
        count = int((keep & asked).sum())
        return (
            [
                finding(
                    "gpu_type_unchecked",
                    count,
                    f"{how_many(count, 'job asks', 'jobs ask')} for a type of GPU, but the nodes do not say "
                    "theirs; every node was taken to do",
                )
            ]
            if count
            else []
        )
    lost = keep & of_other_types(jobs, gpu_types)
    keep &= ~lost
    if not lost.any():
        return []
    first, count = int(lost.argmax()), int(lost.sum())
    wanted = jobs.gpu_types[jobs.gpu_type[first]]
    there = ", ".join(filter(None, gpu_types))
    near = did_you_mean(wanted, list(gpu_types))
    return [
        finding(
            "gpu_type",
            count,
            f"{kept_out(count)}: they ask for a type of GPU that no node has; "
            f"first: job {jobs.job_id[first]}: {wanted!r}{near} (of the nodes: {there})",
        )
        | {"dropped": True}
    ]


def of_other_types(jobs: Jobs, gpu_types: Sequence[str]) -> Flags:
    """True for each job that asks for GPUs of a type which is none of these."""
    known = np.array([not name or bool(set(name.split("|")) & set(gpu_types)) for name in jobs.gpu_types])
    other: Flags = ~known[jobs.gpu_type] & (jobs.gpus > 0)
    return other


def _without_gpus(jobs: Jobs, keep: Flags) -> list[dict[str, Any]]:
    """`keep` loses the jobs that ask for no GPU and that no other waits for, which is said."""
    lost = keep & (jobs.gpus == 0) & (jobs.max_gpus == 0)
    if jobs.after is not None and lost.any():
        awaited = {name for names in jobs.after[keep].tolist() for name in names}
        lost &= np.array([name not in awaited for name in jobs.job_id.tolist()], np.bool_)
    keep &= ~lost
    count = int(lost.sum())
    why = "they ask for no GPU, and would count as jobs that never wait; nodes with cpu_milli run them too"
    return [finding("no_gpu", count, f"{kept_out(count)}: {why}") | {"dropped": True}] if count else []


def _since_s(since: str, start_utc: str | None, timezone: str) -> float:
    """Seconds of the trace's clock."""
    if start_utc is None:
        try:
            return parse_seconds(since)
        except ValueError as error:
            raise InputError(
                f"{since!r}: the trace has no dates; say after how many seconds, such as 3600 or 2d"
            ) from error
    since_s = _epoch_ns(since) / NS_PER_S
    if timezone != "UTC" and without_zone(pa.array([since]))[0]:
        local_s = np.array([since_s], np.int64)
        since_s = float(offsets(timezone, local_s).utc(local_s)[0][0])
    return since_s - _epoch_ns(start_utc) / NS_PER_S


def _epoch_ns(text: str) -> int:
    values, ok = instants(pa.array([text]), ISO)
    if not ok[0]:
        raise InputError(f"{text!r} is not an ISO time; write e.g. 2017-10-01 or 2017-10-01T08:00:00Z")
    return int(values[0])
