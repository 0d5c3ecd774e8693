"""Reading a log of jobs, of whatever kind, as `Jobs`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from simcost.errors import InputError, TraceError, did_you_mean
from simcost.tables.table import Table, header, read_table
from simcost.trace.jobs.cleaning import jobs_of
from simcost.trace.jobs.formats import JOB_FORMATS, find_job_columns, recognise
from simcost.trace.jobs.jobs import Jobs
from simcost.trace.jobs.kubernetes import read_kubernetes
from simcost.trace.jobs.openb import never_scheduled
from simcost.trace.jobs.rejections import Sieve
from simcost.trace.jobs.select import gaps, select, span_s
from simcost.trace.jobs.slurm import read_sacct
from simcost.trace.jobs.store import is_jobs, open_jobs, write_jobs

_NONE: Mapping[str, str] = {}
_REPAIRS = ("unsorted", "limit_raised")
_MOST_ERROR = 1_000_000


def read_jobs(
    path: Path, *, format: str = "auto",  # noqa: A002  # named as the option is
    mapping: Mapping[str, str] = _NONE, pool: str | None = None,
    pools: Mapping[str, int] | None = None, gpu_types: Sequence[str] | None = None,
    since: str | None = None, window_s: float | None = None,
    timezone: str = "UTC", limit_error: float = 0.0,
) -> tuple[Jobs, list[dict[str, Any]]]:  # fmt: skip
    """The jobs of a log, or of a trace that was imported.

    Args:
        path: the log, gzipped or not.
        format: one of JOB_FORMATS, or `auto`: found out from the header.
        mapping: our column -> the log's, over those of the format.
        pool: keep this pool only.
        pools: GPUs of each pool, as `Nodes.pool_gpus`: jobs of other pools and jobs wider than the largest are
            kept out, and `Jobs.pools` follows this order.
        gpu_types: those of the nodes: jobs that accept none of them are kept out.
        since: keep jobs submitted from this ISO time on (seconds, for a log without dates).
        window_s: then keep jobs submitted at most this long after the first one kept.
        timezone: of times without a zone.
        limit_error: time limits that the log lacks are duration x (1 + this).

    Returns:
        The jobs, times from the first one kept, and findings: `kind`, `count`, `message`, and `places` for rows
        that were kept out.

    Raises:
        TraceError: the log cannot be read, lacks columns, or no job is left.
        InputError: an unknown format, pool or time zone.
    """
    if not 0 <= limit_error <= _MOST_ERROR:
        raise InputError(
            f"limit error {limit_error:g}: give a number from 0, for exact limits, to {_MOST_ERROR:,}"
        )
    if format == "auto" and is_jobs(path):
        if mapping:
            raise InputError(f"{path}: is a stored job trace; it takes no mapping")
        jobs, findings = open_jobs(path), list[dict[str, Any]]()
    else:
        jobs, findings = _parsed(path, _table(path, format, mapping), timezone, limit_error)
    chosen, kept_out = select(
        jobs, pool=pool, pools=pools, gpu_types=gpu_types, since=since, window_s=window_s
    )
    return chosen, findings + kept_out + gaps(chosen)


def import_jobs(path: Path, format: str, out: Path, **options: Any) -> dict[str, Any]:  # noqa: A002  # as above
    """Read a log of jobs and write it as a job trace.

    Args:
        path: the log, gzipped or not.
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


def _parsed(path: Path, table: Table, timezone: str, limit_error: float) -> tuple[Jobs, list[dict[str, Any]]]:
    """All good jobs of a table."""
    sieve = Sieve(path, table)
    try:
        jobs = jobs_of(sieve, timezone=timezone, limit_error=limit_error, source=path.name)
    except pa.ArrowException as error:
        raise TraceError(f"{path}: a column holds neither text nor numbers nor times: {error}") from error
    return replace(jobs, extra=_counts(sieve)), sieve.findings


def _table(path: Path, form: str, mapping: Mapping[str, str]) -> Table:
    """The columns of the log, by its format."""
    if form not in ("auto", *JOB_FORMATS):
        raise InputError(f"unknown format {form!r}{did_you_mean(form, JOB_FORMATS)} "
                         f"(known: auto, {', '.join(JOB_FORMATS)})")  # fmt: skip
    container, present = header(path)
    form = _recognised(present, container, mapping) if form == "auto" else form
    if form in ("sacct", "kubernetes"):
        if mapping:
            raise InputError(f"{path}: the columns of {form} are known; it takes no mapping")
        return read_sacct(path) if form == "sacct" else read_kubernetes(path)
    table = read_table(path, container, partial(find_job_columns, form, mapping, place=str(path)))
    return never_scheduled(table) if form == "openb" else table


def _recognised(present: Sequence[str], container: str, mapping: Mapping[str, str]) -> str:
    """The format, by the first line of the log."""
    first = present[0].lstrip() if present else ""
    if first.startswith(("{", "[")):
        return "kubernetes"
    if "|" in first and "jobid" in first.lower():
        return "sacct"
    return container if mapping else recognise(present)


def _counts(sieve: Sieve) -> dict[str, float]:
    """Rows read, kept out and mended."""
    return {
        "rows_read": float(len(sieve.table) + len(sieve.table.malformed)),
        "rows_dropped": float(sieve.dropped),
        "rows_repaired": float(sum(said["count"] for said in sieve.findings if said["kind"] in _REPAIRS)),
    }
