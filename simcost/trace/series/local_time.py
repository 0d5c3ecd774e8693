"""Wall-clock time: users live by the clock of their zone, which jumps twice a year; series are kept in UTC.

A zone's offset from UTC is constant between changes; with the changes in a table, whole arrays are converted.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from simcost.tables.calendar import DAY_S, find_zone
from simcost.tables.cells import Flags, Floats, Ints
from simcost.trace.series.series import Grid

_YEAR_S = 366 * DAY_S
_LONGEST_JUMP_S = 3 * 3600


@dataclass(frozen=True, slots=True)
class Offsets:
    """A zone's offsets from UTC over some years, all in seconds."""

    since: Ints
    """UTC times from which each offset holds."""
    offset: Ints
    """Local time less UTC."""

    def local(self, utc_s: Ints) -> Ints:
        """Wall-clock seconds (as if UTC) of UTC seconds."""
        result: Ints = utc_s + self.offset[np.searchsorted(self.since, utc_s, "right") - 1]
        return result

    def utc(self, local_s: Ints) -> tuple[Ints, Ints, Flags]:
        """UTC seconds of wall-clock seconds: the earlier and the later one, which differ where the clock was
        set back over that time, and whether the clock showed that time at all.
        """
        last = np.searchsorted(self.since + self.offset, local_s, "right") - 1
        before = np.maximum(last - 1, 0)
        until = np.append(self.since[1:], np.iinfo(np.int64).max // 2)
        twice = local_s < until[before] + self.offset[before]
        later = local_s - self.offset[last]
        earlier = np.where(twice, local_s - self.offset[before], later)
        return earlier, later, local_s < until[last] + self.offset[last]


def offsets(zone: str, utc_s: Ints) -> Offsets:
    """The offsets that hold around these times. Raises InputError for an unknown zone."""
    if len(utc_s) == 0:
        return _table(zone, 0, 0)
    return _table(zone, int(utc_s.min()) // _YEAR_S - 1, int(utc_s.max()) // _YEAR_S + 2)


@lru_cache(maxsize=64)
def _table(zone: str, first_year: int, end_year: int) -> Offsets:
    """Looked up day by day; where a day has a change, its second is found by halving."""
    clock = find_zone(zone)
    low, high = first_year * _YEAR_S, end_year * _YEAR_S
    since, offset = [low], [_offset(clock, low)]
    for day in range(low + DAY_S, high, DAY_S):
        now = _offset(clock, day)
        if now != offset[-1]:
            since.append(_change(clock, day - DAY_S, day))
            offset.append(now)
    since[0] = -(2**62)
    return Offsets(np.array(since, np.int64), np.array(offset, np.int64))


def _offset(clock: ZoneInfo, utc_s: int) -> int:
    shift = datetime.fromtimestamp(utc_s, clock).utcoffset()
    return 0 if shift is None else int(shift.total_seconds())


def _change(clock: ZoneInfo, low: int, high: int) -> int:
    """The first second of (low, high] with the offset of high."""
    new = _offset(clock, high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _offset(clock, middle) == new else (middle, high)
    return high


def local_values(grid: Grid, values: Floats, zone: str) -> tuple[Grid, Floats]:
    """A history by the wall clock: a regular grid on which each hour of the day is the users' hour.

    The hour that the clock skips in spring is not missing: it lies on the line between its neighbours. The hour
    that it shows twice in autumn is the mean of both. Steps of a day or more are dates already and stay. Steps
    that the change does not divide into (2 h or more) cannot follow it: they keep the offset of the first step.

    Returns:
        The local grid (its times are wall-clock times, as if UTC) and a value for each of its steps.
    """
    if grid.dates or not len(values):
        return grid, values
    step = local_numbers(grid, len(values), zone)
    start_s = int(_clock(grid, 0, len(values), zone).min())
    seen = np.isfinite(values)
    count = np.bincount(step[seen], minlength=int(step.max()) + 1)
    total = np.bincount(step[seen], weights=values[seen], minlength=len(count))
    mean = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    skipped = np.bincount(step) == 0
    mean[skipped] = np.interp(np.flatnonzero(skipped), np.flatnonzero(~skipped), mean[~skipped])
    return Grid(start_s=start_s, step_s=grid.step_s), mean


def local_numbers(grid: Grid, count: int, zone: str) -> Ints:
    """The step of the local grid of `local_values` that each of `count` steps of a history lies in."""
    if grid.dates or not count:
        return np.arange(count)
    clock = _clock(grid, 0, count, zone)
    result: Ints = (clock - clock.min()) // grid.step_s
    return result


def local_steps(grid_after: Grid, steps: int, zone: str) -> int:
    """Number of local steps after the history that cover `steps` steps of UTC: one less after a change in autumn for
    each step that comes twice, one more after one in spring for each that is skipped.

    Args:
        grid_after: the grid of the horizon, beginning right after the history.
        steps: of the horizon.
        zone: the time zone.
    """
    return steps if grid_after.dates else int(_places(grid_after, steps, zone).max()) + 1


def from_local(local: Floats, grid_after: Grid, steps: int, zone: str) -> Floats:
    """Values by the wall clock back on UTC: a skipped hour is dropped, an hour that comes twice has its value
    twice.

    Args:
        local: shape (..., local_steps(grid_after, steps, zone)).
        grid_after: the grid of the horizon, beginning right after the history.
        steps: of the horizon.
        zone: the time zone.

    Returns:
        Shape (..., steps).
    """
    if grid_after.dates:
        return local
    result: Floats = local[..., _places(grid_after, steps, zone)]
    return result


def _places(grid_after: Grid, steps: int, zone: str) -> Ints:
    """The local step, counted from the end of the local history, of each step of the horizon.

    A horizon that begins between two showings of an hour begins with steps that the history has already;
    they take the first local step after it.
    """
    back = _LONGEST_JUMP_S // grid_after.step_s + 1
    clock = _clock(grid_after, -back, back + steps, zone)
    end_s = int(clock[:back].max()) + grid_after.step_s
    return np.maximum((clock[back:] - end_s) // grid_after.step_s, 0)


def _clock(grid: Grid, first: int, count: int, zone: str) -> Ints:
    """Wall-clock seconds of steps, whole steps apart from each other."""
    utc_s = grid.start_s + np.arange(first, first + count) * grid.step_s
    clock = offsets(zone, utc_s).local(utc_s)
    if ((clock - clock[0]) % grid.step_s).any():
        clock = utc_s + (clock[0] - utc_s[0])
    return clock


def utc_in_order(series: Ints, local_s: Ints, zone: str) -> tuple[Ints, Flags]:
    """UTC seconds of wall-clock rows, and whether the clock showed that time.

    An hour that the clock shows twice is the first one where a series has that time for the first time (in the
    order of the rows, the other way round where the newest come first), and the second one where it has it again.
    """
    earlier, later, shown = offsets(zone, local_s).utc(local_s)
    twice = np.flatnonzero(earlier != later)
    order = twice[np.lexsort((-twice if newest_first(local_s) else twice, local_s[twice], series[twice]))]
    again = np.zeros(len(local_s), np.bool_)
    again[order[1:]] = (np.diff(local_s[order]) == 0) & (np.diff(series[order]) == 0)
    return np.where(again, later, earlier), shown


def newest_first(times: Ints, apart: int = 1) -> bool:
    """True if most rows at another time than the one that so many rows before are earlier, as in exports that begin
    with the newest.
    """
    steps = times[apart:] - times[:-apart]
    return bool((steps < 0).sum() > (steps > 0).sum())
