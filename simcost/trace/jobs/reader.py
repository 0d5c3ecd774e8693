"""Reader of job logs of any format as `Jobs`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from simcost.errors import InputError, TraceError, did_you_mean
from simcost.tables.header import header
from simcost.tables.table import WHAT, LogTable, read_table
from simcost.trace.jobs.cleaning import assumed_limits, jobs_of
from simcost.trace.jobs.findings import log_findings
from simcost.trace.jobs.formats import (
    JOB_FORMATS,
    JOBS,
    TABLES,
    find_job_columns,
    never_scheduled,
    recognise,
    with_parts,
)
from simcost.trace.jobs.jobs import Jobs
from simcost.trace.jobs.kubernetes import is_listing, read_kubernetes
from simcost.trace.jobs.rejections import Sieve, finding
from simcost.trace.jobs.selection import select, span_s
from simcost.trace.jobs.slurm import SACCT, read_sacct
from simcost.trace.jobs.store import is_jobs, open_jobs, write_jobs
from simcost.trace.jobs.times import seconds_of_clock
from simcost.units import how_many, plural

_NONE: Mapping[str, str] = {}
_REPAIRS = ("unsorted", "limit_raised")
_MOST_ERROR = 1_000_000
_NAMED = 12
"""Columns that a finding names."""


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
    keep_hours: bool = False,
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
        keep_hours: count times from `since`, or so many whole days later, in place of the first job kept.

    Returns:
        The jobs, times from the first one kept, and findings: `kind`, `count`, `message`, and `places` for rows
        that were kept out.

    Raises:
        TraceError: the log cannot be read, lacks columns, or no job is left.
        InputError: an unknown format, pool or time zone.
    """
    jobs, findings = _all_jobs(path, format, mapping, timezone, limit_error, running=running)
    chosen, left_out = select(
        jobs,
        pool=pool,
        pools=pools,
        gpu_types=gpu_types,
        since=since,
        window_s=window_s,
        timezone=timezone,
        cpus=cpus,
        keep_hours=keep_hours,
    )
    if any(choice is not None for choice in (pool, since, window_s)):
        findings = _of_whole_log(findings, len(jobs), len(chosen))
    return chosen, findings + left_out + log_findings(chosen)


def _of_whole_log(findings: Sequence[dict[str, Any]], jobs: int, chosen: int) -> list[dict[str, Any]]:
    """Findings made before the choice of a pool or time, which say that they count jobs beside it."""
    part = f" (in the whole log of {plural(jobs, 'job')}; {chosen:,} of them are taken)"
    return [one if one["kind"] == "not_read" else {**one, "message": one["message"] + part} for one in findings]


def _all_jobs(
    path: Path, form: str, mapping: Mapping[str, str], timezone: str, limit_error: float, *, running: bool
) -> tuple[Jobs, list[dict[str, Any]]]:
    """All jobs of a log or of a stored trace, before any is chosen. Raises as `read_jobs`."""
    if not 0 <= limit_error <= _MOST_ERROR:
        raise InputError(f"limit error {limit_error:g}: give a number from 0, for exact limits, to {_MOST_ERROR:,}")
    if form == "auto" and is_jobs(path):
        if mapping:
            raise InputError(f"{path}: is a stored job trace; it takes no mapping")
        return _with_limits(open_jobs(path), limit_error)
    return _parsed(path, _table(path, form, mapping), timezone, limit_error, running=running)


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
    if form == "openb":
        return never_scheduled(table)
    table = with_parts(table)
    return table if form in TABLES else replace(table, findings=[*table.findings, *_not_read(table, present)])


def _not_read(table: LogTable, present: Sequence[str]) -> list[dict[str, Any]]:
    """The finding on columns of a table of nobody's format that stand for nothing here, or under another name."""
    read = set(table.theirs.values())
    left = [name for name in present if name not in read]
    more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
    said = f"{how_many(len(left), 'column was', 'columns were')} not read: {', '.join(left[:_NAMED])}{more}"
    return [finding("not_read", len(left), said)] if left else []


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
