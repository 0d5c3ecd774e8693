"""The step of a series, from the times of its rows."""

from dataclasses import replace
from math import gcd

import numpy as np

from simcost.tables.calendar import DAY_S, MONTH, STEPS, divides
from simcost.tables.cells import Ints
from simcost.trace.series.local_time import offsets
from simcost.trace.series.points import Notes, Points, iso
from simcost.trace.series.resample import is_rate
from simcost.trace.series.series import Grid

_NEARLY_A_DAY_S = 23 * 3600
_SHORTEST_MONTH_S = 28 * DAY_S
_RUN, _SHARE = 6, 0.05
_IRREGULAR_ROWS, _IRREGULAR = 20, 3
_USUAL_S = (
    5,
    10,
    15,
    20,
    30,
    60,
    120,
    300,
    600,
    900,
    1200,
    1800,
    3600,
    7200,
    10800,
    14400,
    21600,
    28800,
    43200,
)
_JITTER = 0.1
"""Share of a step by which rows may lie off their grid, where most do."""
_LOCAL_DAYS = "pass --timezone, as Europe/Berlin"
_HOUR_S = 3600
LOG = "; if each row is one request or job, this is a log, not a series: see `simcost trace import`"


def find_step(points: Points, zone: str, asked_s: int | None, notes: Notes) -> tuple[Points, int] | None:
    """The `step_s` of at least two rows, and their times as it needs them: UTC seconds, wall-clock seconds for
    a day or more, months. Rows of several lengths are brought to their common step if a step is asked for.

    Returns:
        None after a fault.
    """
    points = _steadied(points, notes)
    step_s = commonest(np.diff(points.time_s))
    if step_s >= _NEARLY_A_DAY_S:
        points = _on_dates(points, zone, notes)
        step_s = commonest(np.diff(points.time_s))
        if step_s >= _SHORTEST_MONTH_S and (months := _by_month(points, notes)) is not None:
            return (months, MONTH) if _each_month(months, notes) else None
    lengths = _lengths(np.diff(points.time_s))
    if len(lengths) > 1:
        return _mixed(points, lengths, asked_s, notes)
    if not divides(step_s):
        notes.wrong(points, np.array([1]), lambda _: f"its rows are {_name(step_s)} apart; {STEPS}{LOG}")
        return None
    return (points, step_s) if _on_grid(points, step_s, notes) else None


def _steadied(points: Points, notes: Notes) -> Points:
    """Rows that nearly all lie somewhat off a grid of a usual step, as a monitor writes them, each on its step.

    A few rows off the grid of the others are faults instead.
    """
    time_s = points.time_s
    middle = float(np.median(np.diff(time_s)))
    step_s = min(_USUAL_S, key=lambda usual: abs(usual - middle))
    if abs(step_s - middle) > 0.02 * step_s or (np.bincount(time_s % step_s).max() > len(time_s) / 2):
        return points
    phase = _middle_of_circle(time_s, step_s)
    start_s = 0 if abs(phase) <= _JITTER * step_s else phase
    number = np.rint((time_s - phase) / step_s).astype(np.int64)
    off = np.abs(time_s - phase - number * step_s)
    if off.max() > _JITTER * step_s or (np.diff(number) < 1).any():
        return points
    notes.found(
        "jitter",
        points,
        len(points),
        f"its rows lie up to {off.max():.0f} s off a grid of {_name(step_s)}: each was taken as its step",
    )
    return replace(points, time_s=start_s + number * step_s)


def _middle_of_circle(time_s: Ints, step_s: int) -> int:
    """The median distance from the grid of whole steps, between minus and plus half a step."""
    rest = (time_s - time_s[0] + step_s // 2) % step_s - step_s // 2
    found = int(time_s[0] + np.median(rest)) % step_s
    return found if found <= step_s // 2 else found - step_s


def irregular(points: Points, notes: Notes) -> bool:
    """True if the rows are events rather than steps: mostly much farther apart than the commonest distance."""
    apart = np.diff(points.time_s)
    apart = apart[apart > 0]
    if len(apart) < _IRREGULAR_ROWS or np.median(apart) <= _IRREGULAR * commonest(apart):
        return False
    often, middle = commonest(apart), float(np.median(apart))
    notes.wrong(
        points,
        np.array([1]),
        lambda _: (
            f"its rows come at irregular times, most often {_name(often)} apart, "
            f"but half of them {middle:.0f} s or more; write a row for each step{LOG}"
        ),
    )
    return True


def commonest(values: Ints) -> int:
    """The commonest value; the smallest of those that are equally common."""
    found, counts = np.unique(values, return_counts=True)
    return int(found[counts.argmax()])


def _name(step_s: int) -> str:
    return Grid(start_s=0, step_s=step_s).name


def _on_dates(points: Points, zone: str, notes: Notes) -> Points:
    """Days go by the wall clock, unless the rows show that they go by UTC."""
    local_s = offsets(zone, points.time_s).local(points.time_s)
    if len(np.unique(local_s % DAY_S)) > 1 and len(np.unique(points.time_s % DAY_S)) == 1:
        notes.found("utc_days", points, 1, f"its days begin by UTC, not by the clock of {zone}")
        return points
    if local_s[0] % DAY_S:
        notes.found(
            "day_starts",
            points,
            1,
            f"its days begin at {iso(local_s[0])[11:]} by the clock of {zone}, whose dates they have: if that is "
            f"midnight of another clock, {_LOCAL_DAYS}",
        )
    return replace(points, time_s=local_s)


def _by_month(points: Points, notes: Notes) -> Points | None:
    """The points by their month, if all stand at firsts or all at lasts of a month."""
    days = (points.time_s // DAY_S).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    day, month = np.timedelta64(1, "D"), np.timedelta64(1, "M")
    ends = bool((days + day == (months + month).astype("datetime64[D]")).all())
    if not (ends or (days == months.astype("datetime64[D]")).all()):
        return None
    if ends:
        notes.found("month_ends", points, 1, "its rows stand at the ends of months; each was taken as its month")
    return replace(points, time_s=months.astype(np.int64))


def _each_month(points: Points, notes: Notes) -> bool:
    apart = int(np.diff(points.time_s).min())
    if apart != 1:
        notes.wrong(points, np.array([1]), lambda _: f"its rows are {apart} months apart; give a row for each month")
    return apart == 1


def _lengths(apart: Ints) -> list[int]:
    """The lengths of which there are runs of 6 and more that make up 5 % of all, in the order of the rows."""
    starts = np.flatnonzero(np.diff(apart, prepend=-1))
    runs = np.diff(starts, append=len(apart))
    long = runs >= _RUN
    of_run = apart[starts[long]]
    found, first = np.unique(of_run, return_index=True)
    total = [int(runs[long][of_run == length].sum()) for length in found]
    lengths = sorted(zip(first, found, total, strict=True))
    return [int(length) for _, length, rows in lengths if rows >= _SHARE * len(apart)]


def _mixed(points: Points, lengths: list[int], asked_s: int | None, notes: Notes) -> tuple[Points, int] | None:
    """Rows of several lengths on their greatest common step: counts are split evenly, rates repeated."""
    names, step_s = " and ".join(map(_name, lengths)), gcd(*lengths)
    apart = np.diff(points.time_s)
    known = np.isin(apart, lengths)
    if asked_s is None:
        change = np.flatnonzero(known & (apart != lengths[0]))[:1]
        notes.wrong(
            points,
            change,
            lambda _: (
                f"here its steps change: they are {names}; pass --freq "
                f"{_name(max(lengths))} to bring all rows to one step"
            ),
        )
        return None
    if not divides(step_s) or not _on_grid(points, step_s, notes):
        return None
    notes.found("mixed_frequency", points, len(lengths), f"its steps are {names}; all rows were brought to one step")
    nearest = np.maximum.accumulate(np.where(known, np.arange(len(apart)), known.argmax()))
    length = np.minimum(apart[nearest], apart)
    parts = np.append(length, apart[nearest[-1]]) // step_s
    spread = points[np.repeat(np.arange(len(parts)), parts)]
    nth = np.arange(len(spread)) - np.repeat(np.cumsum(parts) - parts, parts)
    values = spread.values if is_rate(points.quantity) else spread.values / np.repeat(parts, parts)
    return replace(spread, time_s=spread.time_s + nth * step_s, values=values), step_s


def _on_grid(points: Points, step_s: int, notes: Notes) -> bool:
    """True if all times are whole steps apart; each that is not is a fault."""
    phase = points.time_s % step_s
    usual = commonest(phase)
    off = np.flatnonzero(phase != usual)
    start, log = iso(points.time_s[np.argmax(phase == usual)]), LOG if 4 * len(off) > len(phase) else ""
    if step_s >= DAY_S and np.isin((phase[off] - usual) % DAY_S, (_HOUR_S, DAY_S - _HOUR_S)).all():
        log = f"; if its days are those of a local clock, {_LOCAL_DAYS}"
    notes.wrong(
        points,
        off,
        lambda i: (
            f"{iso(points.time_s[i])} is not on its grid, which has a step of "
            f"{_name(step_s)} and {start} on it; correct the time or leave the row out{log}"
        ),
    )
    return len(off) == 0
