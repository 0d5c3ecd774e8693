"""From the rows of one series to a regular grid: doubles are dropped, gaps become NaN."""

import numpy as np

from simcost.tables.calendar import DAY_S, MONTH
from simcost.tables.cells import Floats, Ints
from simcost.trace.series.frequency import LOG, find_step, irregular
from simcost.trace.series.points import Notes, Points, iso
from simcost.trace.series.series import Grid, Series
from simcost.units import how_many, plural

_MOST_STEPS = 20_000_000
_SPARSE = 0.2
_MANY = 20
_LONG, _RISES, _RESETS = 48, 0.5, 0.02
"""Values that tell a running total, and the least share of rises and the largest of resets among its steps."""


def gridded(points: Points, zone: str, asked_s: int | None, notes: Notes) -> Series | None:
    """A series on its own step, not yet on the one asked for.

    Args:
        points: its rows, at UTC times.
        zone: where days, weeks and months begin.
        asked_s: the step that the user asks for, if any.
        notes: takes faults and findings.

    Returns:
        None after a fault.
    """
    if irregular(points, notes):
        return None
    points = _once(points, zone, notes)
    if len(points) == 1:
        notes.wrong(points, np.array([0]), lambda _: "is its only row; give at least two, so that the step is known")
        return None
    if (found := find_step(points, zone, asked_s, notes)) is None:
        return None
    points, step_s = found
    first = int(points.time_s[0])
    start_s = int(np.datetime64(first, "M").astype("datetime64[s]").astype(np.int64)) if step_s == MONTH else first
    return _filled(points, Grid(start_s=start_s, step_s=step_s), notes)


def _once(points: Points, zone: str, notes: Notes) -> Points:
    """One row for each time: one that says the same again is dropped, one that contradicts is a fault."""
    same = np.flatnonzero(np.diff(points.time_s) == 0)
    if not len(same):
        return points
    both = [np.column_stack([points.values, points.regressors])[same + shift] for shift in (0, 1)]
    equal = ((both[0] == both[1]) | (np.isnan(both[0]) & np.isnan(both[1]))).all(axis=1)
    log = LOG if _MANY * int((~equal).sum()) > len(points) else ""
    local = "; if clocks were set back there, pass --timezone, as Europe/Berlin" if zone == "UTC" and not log else ""
    notes.wrong(
        points,
        same[~equal] + 1,
        lambda i: (
            f"{iso(points.time_s[i])} has {points.values[i]:g} here, but "
            f"{points.values[i - 1]:g} in {notes.place(int(points.row[i - 1]))}; keep one, or pass --by COLUMN if "
            f"a column tells them apart{local}{log}"
        ),
    )
    if equal.any():
        count = int(equal.sum())
        notes.found(
            "duplicate",
            points,
            count,
            f"{how_many(count, 'row says', 'rows say')} again what another row says; dropped",
        )
    return points[np.delete(np.arange(len(points)), same + 1)]


def _filled(points: Points, grid: Grid, notes: Notes) -> Series | None:
    """A value for each step: NaN where no row is. Rows after the last value are the future of the regressors."""
    row_step = (points.time_s - points.time_s[0]) // (grid.step_s or 1)
    steps = int(row_step[-1]) + 1
    if steps > _MOST_STEPS:
        notes.wrong(
            points,
            np.array([len(points) - 1]),
            lambda i: f"{iso(points.time_s[i])} makes it {steps:,} steps of {grid.name} long; is the time right?",
        )
        return None
    recorded = np.flatnonzero(np.isfinite(points.values))
    if not len(recorded):
        notes.wrong(points, np.array([0]), lambda _: "none of its rows has a value; give a history")
        return None
    values, regressors = _spaced(points.values, row_step, steps), None
    if points.regressors.shape[1]:
        regressors = _spaced(points.regressors, row_step, steps)
        after = row_step[np.flatnonzero(np.diff(row_step) > 1)]
        notes.wrong(
            points,
            np.flatnonzero(np.isin(row_step, after)),
            lambda _: (
                "no row for the step after this one, but its "
                "regressors must be known at every step; add a row, its value may be empty"
            ),
        )
        values = values[: int(row_step[recorded[-1]]) + 1]
    _gaps(points, row_step, len(values), grid, notes)
    _running_total(points, grid, notes)
    return Series(name=points.name, quantity=points.quantity, grid=grid, values=values, regressors=regressors)


def _running_total(points: Points, grid: Grid, notes: Notes) -> None:
    """A finding where values of days or less only rise: demand falls at night and on weekends, counters do not."""
    values = points.values[np.isfinite(points.values)]
    if not 0 < grid.step_s <= DAY_S or len(values) < _LONG:
        return
    before, after = values[:-1], values[1:]
    falls = after < before
    resets = int(falls.sum())
    if resets > _RESETS * len(values) or (after > before / 2)[falls].any() or np.mean(after > before) < _RISES:
        return
    but = f" but for {plural(resets, 'reset')}" if resets else ""
    notes.found(
        "running_total",
        points,
        len(values),
        f"its values rise at every step{but}, as those of a counter do that adds up from its start: if it is one, "
        "write what came in each step, the difference to the value before",
    )


def _spaced(rows: Floats, row_step: Ints, steps: int) -> Floats:
    spaced = np.full((steps, *rows.shape[1:]), np.nan)
    spaced[row_step] = rows
    return spaced


def _gaps(points: Points, row_step: Ints, steps: int, grid: Grid, notes: Notes) -> None:
    """Findings for steps without a row, and for rows without a value."""
    missing = np.diff(row_step) - 1
    if count := int(missing.sum()):
        longest = int(missing.argmax())
        since = grid.times(1, int(row_step[longest]) + 1)[0].astype(np.int64)
        idle = "; if nothing was asked for there, write rows with 0" if count > _SPARSE * steps else ""
        notes.found(
            "gap",
            points,
            count,
            f"{_of(count, steps)} no row: missing, not 0; the longest gap has "
            f"{plural(int(missing.max()), 'step')} from {iso(since)} on{idle}",
        )
    if empty := int(np.isnan(points.values[row_step < steps]).sum()):
        last = steps - 1 - int(row_step[np.flatnonzero(np.isfinite(points.values))[-1]])
        end = f", the last {plural(last, 'step')} among them: the forecast begins after these" if last else ""
        notes.found("missing", points, empty, f"{_of(empty, steps)} a row without a value{end}")


def _of(count: int, steps: int) -> str:
    """`1 of 48 steps has`, `2 of 48 steps have`."""
    return how_many(count, f"of {steps:,} steps has", f"of {steps:,} steps have")
