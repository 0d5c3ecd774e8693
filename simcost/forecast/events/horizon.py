"""The steps of a horizon as user events see them: in local time, with the history and its forecast."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from simcost.forecast.events.time import Window, seconds
from simcost.forecast.sample_paths import counted, rate_unit_s
from simcost.forecast.season import season_of
from simcost.trace.series.series import Floats, Grid, Series
from simcost.units import SECONDS_PER_DAY

Integers = npt.NDArray[np.int64]
Shape = Literal["linear", "logistic"]

_STEEP = 10.0
"""Slope of the logistic ramp: the middle half of its time holds 85 % of the rise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """Steps to which events apply."""

    grid: Grid
    steps: int
    zone: ZoneInfo
    """Of times without an offset, of days and of weekdays."""
    now_s: float
    """End of the history, seconds since 1970-01-01 UTC; what has happened by then is in the history."""

    @property
    def edges_s(self) -> Floats:
        """Starts of the steps and the end of the last, seconds since 1970-01-01 UTC, shape (steps + 1,)."""
        return edges_s(self.grid, self.steps, self.zone)

    @property
    def local_dates(self) -> tuple[date, date]:
        """First and last local day that a step lies in."""
        edges = self.edges_s
        first, last = (datetime.fromtimestamp(time_s, self.zone).date() for time_s in (edges[0], edges[-1] - 1))
        return first, last

    def at_s(self, text: str) -> float:
        """Seconds since 1970 of a written time."""
        return seconds(text, self.now_s, self.zone)

    def cover(self, windows: Iterable[Window]) -> Floats:
        """Share of each step that lies in the windows, shape (steps,)."""
        edges = self.edges_s
        inside = [np.diff(np.clip(edges, *window)) for window in windows]
        found: Floats = np.minimum(sum(inside, np.zeros(self.steps)) / np.diff(edges), 1.0)
        return found

    def ramp(self, start_s: float, ramp_s: float, shape: Shape = "linear") -> Floats:
        """Mean height in each step of a ramp from 0 at `start_s` to 1 when `ramp_s` have passed, (steps,)."""
        risen = _integral(self.edges_s - start_s, ramp_s, shape)
        mean: Floats = np.clip(np.diff(risen) / np.diff(self.edges_s), 0.0, 1.0)
        return mean

    def risen(self, start_s: float, ramp_s: float, shape: Shape = "linear") -> float:
        """Height of the ramp at the end of the history."""
        if not ramp_s:
            return float(self.now_s > start_s)
        return float(_height(np.array([(self.now_s - start_s) / ramp_s]), shape)[0])

    def new(self, start_s: float, ramp_s: float, shape: Shape = "linear") -> Floats:
        """Mean height of the ramp in each step above that at the end of the history, (steps,)."""
        return self.ramp(start_s, ramp_s, shape) - self.risen(start_s, ramp_s, shape)


def edges_s(grid: Grid, steps: int, zone: ZoneInfo) -> Floats:
    """Starts of steps and the end of the last, seconds since 1970-01-01 UTC; dates begin at their local midnight."""
    times = grid.times(steps + 1)
    if not grid.dates:
        return times.astype(np.int64).astype(np.float64)
    return np.array([time.replace(tzinfo=zone).timestamp() for time in times.astype(datetime)])


def ahead(grid: Grid, steps: int, zone: ZoneInfo) -> Horizon:
    """The horizon on a grid that begins where the history ends."""
    return Horizon(grid=grid, steps=steps, zone=zone, now_s=float(edges_s(grid, 0, zone)[0]))


def behind(history: Series, zone: ZoneInfo) -> Horizon:
    """The steps of a history, for events that lie in it."""
    end_s = float(edges_s(history.grid.after(len(history)), 0, zone)[0])
    return Horizon(grid=history.grid, steps=len(history), zone=zone, now_s=end_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Properties of one series that an event needs."""

    horizon: Horizon
    history: Series
    """Past events as NaN."""
    point: Floats
    """The forecast before anything is stated, shape (steps,)."""

    @property
    def typical(self) -> float:
        """Mean of a step over the horizon; where that is shorter than the longest season, history fills it up."""
        season = season_of(self.history.grid)
        length = max(season.long or season.short, len(self.point))
        return float(np.nanmean(np.concatenate([self.history.values, self.point])[-length:]))

    @property
    def counts(self) -> str:
        """Quantity that the series counts: `prompt_tokens` of a rate `prompt_tokens_per_s`."""
        return counted(self.history.quantity, self.history.grid) or self.history.quantity

    @property
    def of_one_a_second(self) -> Floats:
        """Value of each step in which one a second comes, shape (steps,): of rates the seconds of their unit."""
        unit_s = rate_unit_s(self.history.quantity)
        return np.diff(self.horizon.edges_s) if unit_s is None else np.full(self.horizon.steps, float(unit_s))

    @property
    def shape(self) -> Floats:
        """The point forecast over its typical value: the daily and weekly shape; flat where that is not above 0."""
        return self.point / self.typical if self.typical > 0 else np.ones(self.horizon.steps)

    def as_weekday(self, weekday: int, steps: Integers) -> Floats:
        """Factor of a step as if it were another weekday: ratio of medians of the history.

        Args:
            weekday: 0 = Monday.
            steps: numbers of the steps asked for.

        Returns:
            One ratio per step asked for; NaN where the history has no positive value at that time of such a day,
            or steps are longer than a day.
        """
        if not 0 < self.history.grid.step_s <= SECONDS_PER_DAY:
            return np.full(len(steps), np.nan)
        step_s = self.history.grid.step_s
        past, future = middles(behind(self.history, self.horizon.zone)), middles(self.horizon)
        days, times = _weekdays(past), slots(past, step_s)
        future_days, future_times = _weekdays(future), slots(future, step_s)
        values, ratios = self.history.values, np.full(len(steps), np.nan)
        for number, step in enumerate(steps):
            then = np.isfinite(values) & (times == future_times[step])
            wanted, usual = values[then & (days == weekday)], values[then & (days == future_days[step])]
            if len(wanted) and len(usual) and np.median(usual) > 0:
                ratios[number] = np.median(wanted) / np.median(usual)
        return ratios


def middles(horizon: Horizon) -> list[datetime]:
    """The local time in the middle of each step, which tells its date even where a day has 23 or 25 hours."""
    edges = horizon.edges_s
    return [datetime.fromtimestamp(time_s, horizon.zone) for time_s in (edges[1:] + edges[:-1]) / 2]


def _weekdays(times: Sequence[datetime]) -> Integers:
    return np.array([time.weekday() for time in times], np.int64)


def slots(times: Sequence[datetime], step_s: int) -> Integers:
    """The number of the step within its local day; 0 for steps of a day or more."""
    length = step_s or SECONDS_PER_DAY
    return np.array([(time.hour * 3600 + time.minute * 60 + time.second) // length for time in times], np.int64)


def _height(share: Floats, shape: Shape) -> Floats:
    """Height of a ramp of which this share of the time has passed."""
    passed = np.clip(share, 0.0, 1.0)
    if shape == "linear":
        return passed
    low, high = _sigmoid(0.0), _sigmoid(1.0)
    height: Floats = (_sigmoid(passed) - low) / (high - low)
    return height


def _integral(after_s: Floats, ramp_s: float, shape: Shape) -> Floats:
    """Integral of a ramp from its start; the antiderivative of the logistic function is log(1 + e^x)."""
    beyond = np.maximum(after_s - ramp_s, 0.0)
    if not ramp_s:
        return beyond
    passed = np.clip(after_s / ramp_s, 0.0, 1.0)
    if shape == "linear":
        return beyond + ramp_s * passed**2 / 2
    low, high = _sigmoid(0.0), _sigmoid(1.0)
    area = (np.logaddexp(0.0, _STEEP * (passed - 0.5)) - np.logaddexp(0.0, -_STEEP / 2)) / _STEEP
    found: Floats = beyond + ramp_s * (area - low * passed) / (high - low)
    return found


def _sigmoid(share: npt.ArrayLike) -> Floats:
    value: Floats = 1.0 / (1.0 + np.exp(-_STEEP * (np.asarray(share, dtype=np.float64) - 0.5)))
    return value
