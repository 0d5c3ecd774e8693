"""Reading demand: series from CSV or Parquet tables, counted from a stored trace, or from the clients of ServeGen."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from simcost.errors import InputError
from simcost.tables.calendar import DAY_S, find_zone, parse_freq
from simcost.tables.cells import Ints
from simcost.tables.faults import Faults
from simcost.tables.header import peek
from simcost.trace.jobs.store import is_jobs
from simcost.trace.series.columns import GENERIC, VALUE, WHAT, find_series_columns
from simcost.trace.series.from_jobs import job_series
from simcost.trace.series.from_servegen import is_servegen, servegen_series
from simcost.trace.series.from_traces import is_trace, trace_series
from simcost.trace.series.grid import gridded
from simcost.trace.series.local_time import utc_in_order
from simcost.trace.series.multiples import without_multiple
from simcost.trace.series.points import Notes, Points, iso
from simcost.trace.series.resample import coarsen, finding
from simcost.trace.series.rows import SeriesRows, read_rows
from simcost.trace.series.series import Series
from simcost.trace.series.totals import totals_of_others
from simcost.units import NS_PER_S, how_many

_NONE: Mapping[str, str] = {}
ZONES = ("timezone", "time_zone", "tz", "zone")
"""Names of columns that say where a time is local; a file has one zone, which is an option."""


def read_series(
    path: Path,
    *,
    freq: str | None = None,
    by: Sequence[str] = (),
    mapping: Mapping[str, str] = _NONE,
    timezone: str = "UTC",
    quantity: str | None = None,
    regressors: Sequence[str] = (),
    time_format: str | None = None,
    only: Collection[str] = (),
) -> tuple[list[Series], list[dict[str, Any]]]:
    """The demand series of a file.

    Args:
        path: CSV (also .gz) or Parquet with `timestamp,value` or `series,timestamp,value`, in any order of
            rows; a trace of requests or of jobs that `simcost trace import` wrote; or a client of ServeGen,
            `chunk-N-trace.csv`, or a folder of clients.
        freq: the step wanted, as `1h`; None = that of the rows; for a trace 1 h, or 1 min below a day.
        by: columns whose values together name a series, as `tenant/model`.
        mapping: `timestamp`, `value`, `series` or `unit` -> the column of the file, where it has another name.
        timezone: of times without a zone, and where days, weeks and months begin.
        quantity: what is counted; None = the `unit` column, the name of the value column, `requests` or `jobs`.
        regressors: columns of known influences; rows after the last value are their future.
        time_format: pattern of strptime of the times of a table, as `%d.%m.%Y`; None = it is found out.
        only: names of the series wanted; others of a table that cannot be read as series are left out. Empty = all.

    Returns:
        The series in the order of the file (of a trace: by name), and findings: `kind`, `series` (empty: all),
        `count`, `message`.

    Raises:
        FaultsError: cells or rows at fault, with their lines, all at once.
        InputError: a file, column, step or time zone that cannot be used; the message says the remedy.
    """
    asked_s = None if freq is None else parse_freq(freq)
    find_zone(timezone)
    if is_counted(path):
        if mapping or regressors or time_format:
            raise InputError(f"{path}: has columns of its own; it takes no mapping, no regressors and no time format")
        count = servegen_series if is_servegen(path) else trace_series if is_trace(path) else job_series
        counted, findings = count(path, step_s=asked_s, by=by, timezone=timezone, quantity=quantity)
        return counted, _folded(findings, len(counted))
    head = peek(path, WHAT)
    columns = find_series_columns(head, mapping, by, regressors, path)
    rows = read_rows(path, head, columns, time_format)
    notes = Notes(Faults(path), rows.place, [*rows.findings, *_zones_unread(head.names, columns, timezone)])
    named = columns[VALUE] if columns[VALUE].lower() not in GENERIC else "value"
    coarse = _coarse(_points(rows, timezone, quantity, named, notes), timezone, asked_s, only, notes)
    found = [series for series, _ in coarse]
    findings = [
        *notes.findings,
        *(said for _, more in coarse for said in more),
        *_early_ends(found),
        *totals_of_others(found),
    ]
    return found, _folded(findings, len(coarse))


def _coarse(
    points: Sequence[Points], zone: str, asked_s: int | None, only: Collection[str], notes: Notes
) -> list[tuple[Series, list[dict[str, Any]]]]:
    """Each series on the step asked for, with what was found on the way; those beside the wanted, `only`, that cannot
    be read are left out.

    Raises:
        FaultsError: rows at fault.
        InputError: a step that cannot be split into the one asked for.
    """
    result, faulty = [], 0
    for one in points:
        own = replace(notes, faults=Faults(notes.faults.path))
        series = gridded(one, zone, asked_s, own)
        wanted = not only or one.name in only
        if own.faults.count:
            faulty += 1
            if wanted:
                notes.faults.extend(own.faults)
        elif series is not None:
            with nullcontext() if wanted else suppress(InputError):
                result.append(coarsen(series, series.grid.step_s if asked_s is None else asked_s, zone))
    if 0 < faulty < len(points) and notes.faults.count and not only:
        remedy = "leave out the rows of this one, or name those wanted (--series, demand.series)"
        notes.faults.add("", f"its other series can be read: {remedy}")
    notes.faults.check()
    return result


def is_counted(path: Path) -> bool:
    """True if what is counted can be chosen: in a trace of requests or jobs that simcost stored, or in ServeGen."""
    return is_servegen(path) or is_trace(path) or is_jobs(path)


def _early_ends(read: Sequence[Series]) -> Iterator[dict[str, Any]]:
    """A finding for each series that ends a step and a day or more before another: its forecast is of other times."""
    ends = [one.grid.after(len(one)).start_s for one in read]
    for one, end_s in zip(read, ends, strict=True):
        if max(ends) - end_s >= max(one.grid.step_s, DAY_S):
            text = (
                f"ends at {iso(end_s)}, others at {iso(max(ends))}: its forecast begins where it ends; if nothing came "
                "since, write rows with 0"
            )
            yield finding("ends_early", one.name, 1, text)


def _folded(findings: list[dict[str, Any]], series: int) -> list[dict[str, Any]]:
    """Findings that are the same for every series of a file, said once for the whole file."""
    same: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for said in findings:
        same.setdefault((said["kind"], said["message"]), []).append(said)
    result = []
    for (kind, message), group in same.items():
        shared = len(group) == series > 1
        result += [finding(kind, "", sum(said["count"] for said in group), message)] if shared else group
    return result


def _points(rows: SeriesRows, zone: str, quantity: str | None, named: str, notes: Notes) -> list[Points]:
    """The rows of each series, sorted by time."""
    time_s = _utc(rows, zone, notes)
    late = int(((np.diff(time_s) < 0) & (np.diff(rows.series) == 0)).sum())
    if late:
        notes.findings.append(
            finding("unsorted", "", late, f"{how_many(late, 'row is', 'rows are')} earlier than the row before; sorted")
        )
    order = np.lexsort((time_s, rows.series))
    ends = np.cumsum(np.bincount(rows.series, minlength=len(rows.names)))[:-1]
    points = []
    for name, unit, row in zip(rows.names, rows.units, np.split(order, ends), strict=True):
        written = quantity or unit or named
        what, factor = without_multiple(written)
        if factor != 1:
            text = f"values are {written}, and were multiplied by {factor:,.0f}"
            notes.findings.append(finding("multiple", name, len(row), text))
        points.append(
            Points(
                name=name,
                quantity=what if quantity or unit else what.lower(),
                time_s=time_s[row],
                values=rows.values[row] * factor,
                regressors=rows.regressors[row],
                row=row,
            )
        )
    return points


def _zones_unread(names: Sequence[str], columns: Mapping[str, str], timezone: str) -> Iterator[dict[str, Any]]:
    """That a column of time zones is not read."""
    for name in names:
        if name.strip().lower() in ZONES and name not in columns.values():
            text = f"column {name!r} is not read: times without an offset are those of --timezone, {timezone} here"
            yield finding("zone_unread", "", 1, text)


def _utc(rows: SeriesRows, zone: str, notes: Notes) -> Ints:
    """UTC seconds of all rows. Raises FaultsError for times between seconds, or that the clock skipped."""
    time_s, rest = np.divmod(rows.time_ns, NS_PER_S)
    between = (
        "the time lies between whole seconds; if each row is one request, import the log with `simcost trace import`"
    )
    notes.faults.add_all(np.flatnonzero(rest), lambda i: (rows.place(i), between))
    naive = np.flatnonzero(rows.naive)
    if len(naive):
        time_s[naive], shown = utc_in_order(rows.series[naive], time_s[naive], zone)
        skipped = f"the clocks of {zone} skipped this time in spring; are the times of another --timezone?"
        notes.faults.add_all(naive[~shown], lambda i: (rows.place(i), skipped))
        if zone == "UTC" and (time_s[naive] % DAY_S).any():  # others are dates, which have no zone
            say = how_many(len(naive), "time says", "times say")
            text = f"{say} no zone, read as UTC; if local, pass --timezone, as Europe/Berlin"
            notes.findings.append(finding("no_zone", "", len(naive), text))
    notes.faults.check()
    if all(said["kind"] != "clock_unknown" for said in notes.findings):
        text = "its times begin at 1970-01-01, as an unknown start is written: are clock hours and weekdays true?"
        for number in np.unique(rows.series[time_s == 0]).tolist():
            notes.findings.append(finding("clock_unknown", rows.names[number], 1, text))
    return time_s
