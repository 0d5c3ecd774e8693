"""Reader of job logs of any format as `Jobs`, and selection of pools and of a stretch of time.

Selection filters first, then counts time from the first retained job.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from simcost.errors import InputError, TraceError, did_you_mean
from simcost.tables.cells import TimeRule, instants, without_zone
from simcost.tables.header import header
from simcost.tables.table import WHAT, LogTable, read_table
from simcost.trace.jobs.cleaning import assumed_limits, jobs_of
from simcost.trace.jobs.findings import log_findings
from simcost.trace.jobs.formats import JOB_FORMATS, JOBS, find_job_columns, never_scheduled, recognise
from simcost.trace.jobs.jobs import NONE, Flags, Jobs
from simcost.trace.jobs.kubernetes import is_listing, read_kubernetes
from simcost.trace.jobs.rejections import Sieve, finding, kept_out
from simcost.trace.jobs.slurm import SACCT, read_sacct
from simcost.trace.jobs.store import is_jobs, open_jobs, write_jobs
from simcost.trace.jobs.times import seconds_of_clock
from simcost.trace.requests.writer import iso_utc
from simcost.trace.series.local_time import offsets
from simcost.units import NS_PER_S, how_many, parse_seconds


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
    if pools is not None:
        jobs, others = _in_pools(jobs, pools, keep)
        findings += others
    if gpu_types is not None:
        findings += _of_types(jobs, gpu_types, keep)
    if not cpus:
        findings += _without_gpus(jobs, keep)
    if window_s is not None and keep.any():
        keep &= jobs.submit_s - jobs.submit_s[keep][0] <= window_s
    if not keep.any():
        why = "; ".join(said["message"] for said in findings) or "widen it"
        raise TraceError(f"{jobs.source}: no job is left after the choice of pools and times: {why}")
    return renumbered(jobs[keep] if not keep.all() else jobs), findings


def renumbered(jobs: Jobs) -> Jobs:
    """The same jobs with times from the first of them."""
    zero = int(jobs.submit_s[0])
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
    values, ok = instants(pa.array([text]), TimeRule(None, epoch=True))
    if not ok[0]:
        raise InputError(f"{text!r} is not an ISO time; write e.g. 2017-10-01 or 2017-10-01T08:00:00Z")
    return int(values[0])


_NONE: Mapping[str, str] = {}
_REPAIRS = ("unsorted", "limit_raised")
_MOST_ERROR = 1_000_000


def read_jobs(
    path: Path,
    *,
    format: str = "auto",  # noqa: A002  # named as the option is
    mapping: Mapping[str, str] = _NONE,
    pool: str | None = None,
    pools: Mapping[str, int] | None = None,
    gpu_types: Sequence[str] | None = None,
    since: str | None = None,
    window_s: float | None = None,
    timezone: str = "UTC",
    limit_error: float = 0.0,
    running: bool = False,
    cpus: bool = True,
) -> tuple[Jobs, list[dict[str, Any]]]:
    """The jobs of a log, or of a trace that was imported.

    Args:
        path: the log, packed or not.
        format: one of JOB_FORMATS, or `auto`: found out from the header.
        mapping: our column -> the log's, over those of the format.
        pool: keep this pool only.
        pools: GPUs of each pool, as `Nodes.pool_gpus`: jobs of other pools and jobs wider than the largest are
            kept out, and `Jobs.pools` follows this order.
        gpu_types: those of the nodes: jobs that accept none of them are kept out.
        since: keep jobs submitted from this ISO time on (seconds, for a log without dates).
        window_s: then keep jobs submitted at most this long after the first one kept.
        timezone: of times without a zone, `since` included.
        limit_error: time limits that the log lacks are duration x (1 + this); of a stored trace, those that are the
            durations.
        running: keep jobs that have not ended, up to the last time of the log; a stored trace has none.
        cpus: False = keep out jobs that ask for no GPU, unless others wait for them.

    Returns:
        The jobs, times from the first one kept, and findings: `kind`, `count`, `message`, and `places` for rows
        that were kept out.

    Raises:
        TraceError: the log cannot be read, lacks columns, or no job is left.
        InputError: an unknown format, pool or time zone.
    """
    if not 0 <= limit_error <= _MOST_ERROR:
        raise InputError(f"limit error {limit_error:g}: give a number from 0, for exact limits, to {_MOST_ERROR:,}")
    if format == "auto" and is_jobs(path):
        if mapping:
            raise InputError(f"{path}: is a stored job trace; it takes no mapping")
        jobs, findings = _with_limits(open_jobs(path), limit_error)
    else:
        jobs, findings = _parsed(path, _table(path, format, mapping), timezone, limit_error, running=running)
    chosen, left_out = select(
        jobs,
        pool=pool,
        pools=pools,
        gpu_types=gpu_types,
        since=since,
        window_s=window_s,
        timezone=timezone,
        cpus=cpus,
    )
    return chosen, findings + left_out + log_findings(chosen)


def _with_limits(jobs: Jobs, error: float) -> tuple[Jobs, list[dict[str, Any]]]:
    """A stored trace with the limits that its log lacked, which are stored as the durations, longer by the error; and
    the finding where they are most of all.
    """
    exact = jobs.limit_s == jobs.duration_s
    count = int(exact.sum())
    if error:
        jobs = replace(jobs, limit_s=np.where(exact, assumed_limits(jobs.duration_s, error), jobs.limit_s))
    if count <= len(jobs) / 2 and not (error and count):
        return jobs, []
    have = how_many(count, "job has its duration", "jobs have their durations")
    factor = f"; the duration x {1 + error:g} was taken" if error else ""
    return jobs, [finding("limit_assumed", count, f"{have} as time limit{factor}, which backfill then believes")]


def holds_jobs(path: Path, mapping: Mapping[str, str]) -> bool:
    """True if a file is an export of Slurm, a listing of Kubernetes objects, or a table with the columns of a log of
    jobs, by their usual names, those of a public format or `mapping`.
    """
    try:
        container, present = header(path, WHAT)
        form = _recognised(path, present, container, mapping)
        if form == "kubernetes":
            return is_listing(path)
        if form != "sacct":
            find_job_columns(form, mapping, present, path)
    except TraceError:
        return False
    return True


def import_jobs(path: Path, format: str, out: Path, **options: Any) -> dict[str, Any]:  # noqa: A002  # as above
    """Read a log of jobs and write it as a job trace.

    Args:
        path: the log, packed or not.
        format: as `read_jobs`.
        out: the Parquet file to write.
        options: the others of `read_jobs`.

    Returns:
        The document of `trace import`: file, source, format, rows, dropped, dropped_by, repaired, repaired_by,
        span_s, start_utc, findings.

    Raises:
        TraceError: the log cannot be read; the message names file, row and remedy.
        InputError: an option is wrong, or the output cannot be written there.
    """
    if out.exists() and path.exists() and out.samefile(path):
        raise InputError(f"{out}: is the log itself; name another file to write")
    jobs, findings = read_jobs(path, format=format, **options)
    write_jobs(out, jobs)
    dropped, repaired = Counter[str](), Counter[str]()
    for said in findings:
        dropped[said["kind"]] += said["count"] if said.get("dropped") else 0
        repaired[said["kind"]] += said["count"] if said["kind"] in _REPAIRS else 0
    return {
        "file": str(out),
        "source": str(path),
        "format": format,
        "jobs": len(jobs),
        "rows": len(jobs),
        "dropped": dropped.total(),
        "dropped_by": dict(+dropped),
        "repaired": repaired.total(),
        "repaired_by": dict(+repaired),
        "span_s": span_s(jobs),
        "start_utc": jobs.start_utc,
        "findings": findings,
    }


def _parsed(
    path: Path, table: LogTable, timezone: str, limit_error: float, *, running: bool
) -> tuple[Jobs, list[dict[str, Any]]]:
    """All good jobs of a table."""
    sieve = Sieve(path, table)
    try:
        jobs = jobs_of(sieve, timezone=timezone, limit_error=limit_error, source=path.name, running=running)
    except pa.ArrowException as error:
        raise TraceError(f"{path}: a column holds neither text nor numbers nor times: {error}") from error
    return replace(jobs, extra=_counts(sieve)), sieve.findings


def _table(path: Path, form: str, mapping: Mapping[str, str]) -> LogTable:
    """The columns of the log, by its format."""
    if form not in ("auto", *JOB_FORMATS):
        raise InputError(
            f"unknown format {form!r}{did_you_mean(form, JOB_FORMATS)} (known: auto, {', '.join(JOB_FORMATS)})"
        )
    container, present = header(path, WHAT)
    form = _recognised(path, present, container, mapping) if form == "auto" else form
    if form in ("sacct", "kubernetes"):
        if mapping:
            raise InputError(f"{path}: the columns of {form} are known; it takes no mapping")
        return read_sacct(path) if form == "sacct" else read_kubernetes(path)
    find = partial(find_job_columns, form, mapping, path=path)
    table = _without_clocks(read_table(path, container, find, is_number=JOBS.holds_numbers))
    return never_scheduled(table) if form == "openb" else table


def _without_clocks(table: LogTable) -> LogTable:
    """The table with durations such as 02:30:00 or 1-12:00:00 in seconds."""
    clocks = {
        ours: seconds_of_clock(column, hours=True)
        for ours, column in table.columns.items()
        if ours in ("duration_s", "wait_s", "limit_s") and pa.types.is_string(column.type)
    }
    return replace(table, columns={**table.columns, **clocks})


def _recognised(path: Path, present: Sequence[str], container: str, mapping: Mapping[str, str]) -> str:
    """The format, by the first line of the log. Raises TraceError for what sacct prints to be looked at."""
    first = present[0].lstrip() if present else ""
    if first.startswith(("{", "[")):
        return "kubernetes"
    if "|" in first and "jobid" in first.lower():
        return "sacct"
    if first.lower().startswith("jobid  "):
        raise TraceError(f"{path}: its columns are of fixed widths, which cut cells; export with `{SACCT}`")
    return container if mapping else recognise(present)


def _counts(sieve: Sieve) -> dict[str, float]:
    """Rows read, rejected and repaired."""
    return {
        "rows_read": float(len(sieve.table) + len(sieve.table.malformed)),
        "rows_dropped": float(sieve.dropped),
        "rows_repaired": float(sum(said["count"] for said in sieve.findings if said["kind"] in _REPAIRS)),
    }
