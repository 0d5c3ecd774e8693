"""Reading a log of jobs, of whatever kind, as `Jobs`."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from simcost.errors import InputError, did_you_mean
from simcost.trace.jobs import Jobs
from simcost.trace.jobs.clean import jobs_of
from simcost.trace.jobs.formats import JOB_FORMATS, find_job_columns, recognise
from simcost.trace.jobs.openb import never_scheduled
from simcost.trace.jobs.select import gaps, select
from simcost.trace.jobs.sieve import Sieve
from simcost.trace.jobs.table import Table, header, read_table

_NONE: Mapping[str, str] = {}
_REPAIRS = ("unsorted", "limit_raised")


def read_jobs(
    path: Path, *, format: str = "auto",  # noqa: A002  # named as the option is
    mapping: Mapping[str, str] = _NONE, pool: str | None = None,
    pools: Mapping[str, int] | None = None, since: str | None = None, window_s: float | None = None,
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
    if limit_error < 0:
        raise InputError(f"a limit error of {limit_error:g} gives limits below the durations; give 0 or more")
    sieve = Sieve(path, _table(path, format, mapping))
    jobs = jobs_of(sieve, timezone=timezone, limit_error=limit_error, source=path.name)
    chosen, kept_out = select(jobs, pool=pool, pools=pools, since=since, window_s=window_s)
    findings = sieve.findings + kept_out + gaps(chosen)
    return replace(chosen, extra=_counts(sieve, kept_out)), findings


def _table(path: Path, form: str, mapping: Mapping[str, str]) -> Table:
    """The columns of the log, by its format."""
    if form not in ("auto", *JOB_FORMATS):
        raise InputError(f"unknown format {form!r}{did_you_mean(form, JOB_FORMATS)} "
                         f"(known: auto, {', '.join(JOB_FORMATS)})")  # fmt: skip
    container, present = header(path)
    if form == "auto":
        form = recognise(present) if not mapping else container
    table = read_table(path, container, partial(find_job_columns, form, mapping, place=str(path)))
    return never_scheduled(table) if form == "openb" else table


def _counts(sieve: Sieve, kept_out: list[dict[str, Any]]) -> dict[str, float]:
    """Rows read, kept out and mended."""
    return {
        "rows_read": float(len(sieve.table) + len(sieve.table.malformed)),
        "rows_dropped": float(sieve.dropped + sum(said["count"] for said in kept_out)),
        "rows_repaired": float(sum(said["count"] for said in sieve.findings if said["kind"] in _REPAIRS)),
    }
