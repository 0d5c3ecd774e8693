"""Cleaning of a recorded history: outages, spikes and level shifts, each edit reported.

The rules are insurance: on clean histories they change little, on damaged ones they save the forecast.
Missing (NaN) and idle (0) are kept apart: a short run of almost nothing between normal demand is an outage, and so is
one of up to two days that came once and is not of the week's rhythm; a longer one, one that comes again, or one that
reaches the end, is a client that stopped, and stays.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from math import fsum
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from simcost.errors import InputError
from simcost.forecast import accuracy
from simcost.forecast.models.base import DEVIATION, CleanedHistory, by_phase, median_of_columns, profile_median
from simcost.forecast.models.intermittent import MOSTLY_ZERO
from simcost.forecast.outages import Bools, longest, outages_of, runs
from simcost.forecast.season import MONTHLY, WEEKLY, Season, season_of
from simcost.trace.series.series import Floats, Series
from simcost.units import plural

Rule = Literal["outage", "spike", "level"]
RULES: tuple[Rule, ...] = get_args(Rule)

SPIKE = 8.0
"""Robust standard deviations that make a spike."""
SHIFT = math.log(1.35)
"""The least change of level, as a logarithm."""
WEEKS_UNUSED = 3
"""Weeks, or months, of nothing at the beginning that show a series to be new."""
ONE_OF_SEVEN = math.sqrt(6) / 7
"""Standard deviation of a week of which one day is at the new level, as a share of the change to it."""
_AT_LEVEL = 0.35
"""Distance from a level, as a share of the logarithm of the change to it, below which a day is at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change that cleaning made."""

    rule: Rule | Literal["missing", "stated"]
    """`missing`: nothing was recorded; `stated`: the user named an event there."""
    first: int
    last: int
    """Steps `first` up to, not including, `last` of the history."""
    factor: float | None = None
    """Factor of a level shift, by which the steps were multiplied."""
    message: str


def clean(
    raw: Floats, season: Season, *, rules: tuple[Rule, ...] = RULES, masked: Bools | None = None
) -> tuple[Floats, tuple[Edit, ...]]:
    """A history without NaN, and what was changed.

    Outages, spikes and level shifts are looked for in steps below a day only; elsewhere only missing steps
    are filled, by the median of their phase at the level around.

    Args:
        raw: recorded values, NaN where nothing was recorded.
        season: its seasons; all thresholds are stated in days and weeks of it.
        rules: which rules apply.
        masked: steps that the user named as past events: always replaced, never an outage.
    """
    known = raw if masked is None else np.where(masked, np.nan, raw)
    usual = np.resize(profile_median(known, season.short), len(raw))
    edits: list[Edit] = []
    seen = known.copy()
    if season.long is not None and "outage" in rules:
        for first, last in outages_of(known, usual, masked, season.short):
            edits.append(_outage(known, first, last, season.short))
            seen[first:last] = np.nan
    values = _at_the_level_around(seen, season)
    edits += _filled(known, masked, edits)
    if season.long is not None and "spike" in rules:
        edits += _remove_spikes(values, season)
    if season.long is not None and "level" in rules:
        edits += _align_level(values, season.short)
    return values, tuple(edits)


def _at_the_level_around(known: Floats, season: Season) -> Floats:
    """The values, with what is missing filled: the usual value of its phase, at the level of the steps around.

    Around: a season on each side; of weeks and months two steps, for a history may hold each phase but once. A history
    that grows has its last days far above the median of all.
    """
    missing, values = np.isnan(known), known.copy()
    if not missing.any():
        return values
    near = season.long or (season.short if season.turn == season.short > 1 else 2)
    base = _usual(known, season)
    for first, last in runs(missing):
        around = np.r_[max(first - near, 0) : first, last : min(last + near, len(known))]
        around = around[~missing[around] & (base[around] > 0)]
        level = _level(known[around], base[around]) if len(around) else 1.0
        values[first:last] = base[first:last] * (level if level > 0 else 1.0)
    return values


def _level(values: Floats, base: Floats) -> float:
    """Factor of a base, above 0, that leaves the least absolute deviations: the median of the ratios, weighted by it.

    Where a base is small ratios are large, and say little of the level.
    """
    ratios = values / base
    order = np.argsort(ratios, kind="stable")
    below = np.cumsum(base[order])
    return float(ratios[order[np.searchsorted(below, below[-1] / 2)]])


def _usual(known: Floats, season: Season) -> Floats:
    """The median of the phase of each step: of the week, of the day where the week has none, else of all.

    Phases count in a history of two of their periods.
    """
    found = np.resize(profile_median(known, 1), len(known))
    for period in (season.short, season.long or 1):
        if 1 < period <= len(known) // 2:
            phases = np.resize(median_of_columns(by_phase(known, period)), len(known))
            found = np.where(np.isfinite(phases), phases, found)
    return found


def _outage(known: Floats, first: int, last: int, day: int) -> Edit:
    gone = int(np.isnan(known[first:last]).sum())
    seen = "missing" if gone == last - first else "almost nothing" if gone == 0 else "missing or almost nothing"
    once = last - first > longest(day)
    where = "that came once, with normal demand before and after" if once else "between normal demand"
    return Edit(
        rule="outage",
        first=first,
        last=last,
        message=f"{plural(last - first, 'step')} of {seen} {where}: taken as an outage, "
        "replaced by the median of their phase, at the level around",
    )


def _filled(known: Floats, masked: Bools | None, outages: list[Edit]) -> Iterator[Edit]:
    """The other steps that were filled: missing, or named by the user."""
    missing = np.isnan(known)
    for edit in outages:
        missing[edit.first : edit.last] = False
    stated = np.zeros(len(known), bool) if masked is None else masked
    for first, last in runs(missing & ~stated):
        yield Edit(
            rule="missing",
            first=first,
            last=last,
            message=f"{plural(last - first, 'step')} missing: filled with the median of their phase, at the level "
            "around",
        )
    for first, last in runs(stated):
        yield Edit(
            rule="stated",
            first=first,
            last=last,
            message=f"{plural(last - first, 'step')} of a stated past event: left out, "
            "replaced by the median of their phase, at the level around",
        )


def _remove_spikes(values: Floats, season: Season) -> Iterator[Edit]:
    """Replace, in place, short runs far from the same hour of the days around."""
    day, longest = season.short, max(1, round(3 * season.short / 24))
    if len(values) == 0 or values.min() < 0 or np.mean(values > 0) < 0.5:
        return
    offset = max(0.02 * float(values.mean()), 1e-9)
    logs = np.log(values + offset)
    usual = _same_phase(logs, day)
    rest = logs - usual
    centre = np.median(rest)
    limit = SPIKE * (DEVIATION * float(np.median(np.abs(rest - centre))) + 0.05)
    half = max(1, day // 2)
    far = np.maximum(rest - rest.min(), rest.max() - rest) > limit  # nothing else can be a spike
    mask = np.zeros(len(values), bool)
    mask[far] = np.abs(rest[far] - _around(rest, np.flatnonzero(far), half)) > limit
    for first, last in runs(mask):
        if last - first <= longest:
            level = np.median(rest[max(0, first - half) : last + half])
            found = np.maximum(np.exp(usual[first:last] + level) - offset, 0.0)
            change = float(values[first:last].mean() / max(found.mean(), 1e-300))
            values[first:last] = found
            yield Edit(
                rule="spike",
                first=first,
                last=last,
                message=f"{plural(last - first, 'step')} at {change:.3g} times what the same hours of the days "
                f"around lead to expect: taken as a {'spike' if change > 1 else 'dip'}, replaced",
            )


def _same_phase(logs: Floats, day: int) -> Floats:
    """The median over the same phase of the seven days before and after, the step itself included."""
    table = np.full((15, len(logs)), np.nan)
    for row, shift in enumerate(range(-7 * day, 7 * day + 1, day)):
        if abs(shift) < len(logs):
            inside = slice(max(0, -shift), len(logs) - max(0, shift))
            table[row, inside] = logs[max(0, shift) : len(logs) + min(0, shift)]
    return median_of_columns(table)


def _around(rest: Floats, at: npt.NDArray[np.intp], half: int) -> Floats:
    """The median of the steps within half a day of each of the places `at`."""
    if len(at) == 0:
        return np.empty(0)
    padded = np.concatenate((np.full(half, np.nan), rest, np.full(half, np.nan)))
    return median_of_columns(padded[at + np.arange(2 * half + 1)[:, None]])


def _align_level(values: Floats, day: int) -> Iterator[Edit]:
    """Multiply, in place, everything before a recent lasting change of level by its factor."""
    days = len(values) // day
    if days < 10 or np.mean(values <= 0) > 0.1:
        return
    begin = len(values) - days * day
    sums = values[begin:].reshape(days, day).sum(axis=1)
    if sums.min() <= 0:
        return
    found = _shift([math.log(s) for s in sums.tolist()])
    if found is None:
        return
    age, change = found
    first = len(values) - age * day
    values[:first] *= math.exp(change)
    yield Edit(
        rule="level",
        first=0,
        last=first,
        factor=math.exp(change),
        message=f"demand changed its level {age} days before the end and kept it: everything before "
        f"multiplied by {math.exp(change):.3g}",
    )


def _shift(logs: list[float]) -> tuple[int, float] | None:
    """The age in days and the log factor of the clearest change of level of daily sums, if there is one.

    Each day since the change is compared with the median of the last three days before it of its weekday. A change
    that the day before it has already is of an earlier day: that one would be multiplied as well. Where less than a
    week was at the new level, and less than two at the old one, the week before may hold both: it must vary less than
    one that does.
    """
    first = max(7, len(logs) - 14)
    usual = {day: _median([logs[d] for d in range(day - 7, max(day - 22, -1), -7)]) for day in range(first, len(logs))}
    best: tuple[float, int, float] | None = None
    for age in range(2, min(13, len(logs) - 6) + 1):
        k = len(logs) - age
        if k < 7:
            continue
        jumps = [logs[day] - usual[day - 7 * ((day - k) // 7)] for day in range(k, len(logs))]
        change = fsum(jumps) / age
        if abs(change) <= SHIFT or _has_begun(k, logs, usual, change):
            continue
        spread = float(np.std(jumps))
        before = np.array(logs[k - 7 : k]) - (logs[k - 14 : k - 7] if k >= 14 else np.mean(logs[:k]))
        stable = spread < 0.25 * abs(change) and abs(float(before.mean())) < 0.25 * abs(change)
        stable &= k >= 14 or age >= 7 or float(before.std()) < ONE_OF_SEVEN * abs(change)
        clarity = abs(change) / (spread + 0.02) * math.sqrt(age)
        if stable and (best is None or clarity > best[0]):
            best = clarity, age, change
    return best[1:] if best else None


def _has_begun(day: int, logs: list[float], usual: dict[int, float], change: float) -> bool:
    """True if the day before is at the level to which demand is said to change on this day."""
    return day - 1 in usual and abs(logs[day - 1] - usual[day - 1] - change) < _AT_LEVEL * abs(change)


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Recorded values and how to read them."""

    raw: Floats
    """From the first demand on, where the series is new."""
    idle: int = 0
    """Steps before that, which are left out."""
    season: Season
    rules: tuple[Rule, ...] = RULES
    masked: Bools | None = None
    regressors: Floats | None = None

    def __len__(self) -> int:
        return len(self.raw)

    def seen(self, end: int) -> tuple[CleanedHistory, tuple[Edit, ...]]:
        """The first `end` steps, cleaned as if nothing later were known, and the edits made."""
        raw = self.raw[:end]
        masked = None if self.masked is None else self.masked[:end]
        values, edits = clean(raw, self.season, rules=self.rules, masked=masked)
        floor = not bool(np.any(raw < 0))
        return CleanedHistory(values=values, season=self.season, floor=floor, regressors=self.regressors), edits

    def actual(self, first: int, last: int) -> Floats:
        """Recorded values in these steps; NaN where there are none, or where the user named an event."""
        raw = self.raw[first:last]
        return raw if self.masked is None else np.where(self.masked[first:last], np.nan, raw)

    def scale(self, end: int) -> float | None:
        """The denominator of MASE of the first `end` steps."""
        return accuracy.scale(self.raw[:end], self.season.short)


def history_of(series: Series, rules: tuple[Rule, ...], masked: Bools | None) -> History:
    """The history of a series.

    Raises:
        InputError: nothing was recorded (outside the mask), values that are not finite, or a mask of another
            length.
    """
    if not np.isfinite(series.values).any():
        raise InputError(f"series {series.name!r}: no recorded value in {len(series)} steps; nothing to forecast")
    if np.isinf(series.values).any():
        step = int(np.argmax(np.isinf(series.values)))
        raise InputError(f"series {series.name!r}: step {step} is infinite; leave it empty where it is unknown")
    if masked is not None and len(masked) != len(series):
        raise InputError(f"series {series.name!r}: {len(masked)} steps of mask for {len(series)} of history")
    season = season_of(series.grid)
    idle = steps_before_demand(series.values, season)
    if masked is not None and not np.isfinite(series.values[idle:][~masked[idle:]]).any():
        raise InputError(
            f"series {series.name!r}: all that was recorded lies in stated events, and nothing is left to fit; "
            "leave out those that are the usual state"
        )
    return History(
        raw=series.values[idle:].astype(np.float64),
        idle=idle,
        season=season,
        rules=rules,
        masked=None if masked is None else masked[idle:],
        regressors=None if series.regressors is None else series.regressors[idle:],
    )


def steps_before_demand(values: Floats, season: Season) -> int:
    """Steps before the first demand of a new series: a season of nothing, or three weeks or months, then demand in most
    steps.

    They say when demand began, not how it goes on. Where most steps since are 0 too, it is rare, not new.
    """
    some = np.flatnonzero(np.nan_to_num(values) != 0)
    first = int(some[0]) if len(some) else 0
    least = WEEKS_UNUSED if season in (WEEKLY, MONTHLY) else season.short
    new = first >= least and np.mean(values[first:] == 0) <= MOSTLY_ZERO
    return first if new else 0
