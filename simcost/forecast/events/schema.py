"""Events that multiply demand: growth, promotions, holidays."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, get_args

from annotated_types import MinLen

from simcost.forecast.events.chance import Factor, Interval, Name, check_interval, drawn
from simcost.forecast.events.time import Every, Window, check_window, local_day, occurrences, written
from simcost.units import HOURS_PER_MONTH, SECONDS_PER_HOUR

if TYPE_CHECKING:
    from simcost.forecast.events.horizon import Horizon, View
    from simcost.trace.series.series import Floats

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

_MONTH_S = HOURS_PER_MONTH * SECONDS_PER_HOUR
_UNIT_S = {"month": _MONTH_S, "year": 12 * _MONTH_S}


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Demand multiplies by a factor in each month (730 h) or year: factor^(t / unit), one factor a path, so that
    the uncertainty of the logarithm grows with time.
    """

    kind: Literal["growth"] = "growth"
    name: Name
    """As charts and tables show it; all events of a file have different names."""
    series: str | None = None
    """Name of a series, or a pattern such as `chat/*`; None = all."""
    factor: Factor
    """Median growth in a unit: 1.08 = 8 % more after each."""
    per: Literal["month", "year"] = "month"
    """The unit."""
    range: Interval | None = None
    """80 % interval of the factor; None = it is certain."""
    start: str = "+0d"
    """When growth begins: a date, a time, or `+10d` after the end of the history."""
    end: str | None = None
    """When it ends, and the level stays; None = after the horizon."""

    stage: ClassVar[int] = 0

    def __post_init__(self) -> None:
        check_window(self.start, self.end)
        check_interval(self.factor, self.range, "factor")

    def progress(self, horizon: Horizon) -> Floats:
        """Units of time that have passed in the middle of each step."""
        import numpy as np

        edges = horizon.edges_s
        first = max(horizon.at_s(self.start), horizon.now_s)
        last = inf if self.end is None else horizon.at_s(self.end)
        passed: Floats = np.clip((edges[1:] + edges[:-1]) / 2, None, last) - first
        return np.maximum(passed, 0.0) / _UNIT_S[self.per]

    def lay(self, values: Floats, luck: Floats, view: View) -> Floats:
        """Multiply by the growth since the end of the history."""
        grown: Floats = values * drawn(self.factor, self.range, luck) ** self.progress(view.horizon)
        return grown


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """Demand multiplies by a factor within a window, and in its repetitions."""

    kind: Literal["promotion"] = "promotion"
    name: Name
    """As charts and tables show it; all events of a file have different names."""
    series: str | None = None
    """Name of a series, or a pattern such as `chat/*`; None = all."""
    start: str
    """A date, a time, or `+10d` after the end of the history."""
    end: str
    """The first instant after it, as `start`: a date is not in it any more."""
    factor: Factor
    """Median factor; below 1 where demand falls."""
    range: Interval | None = None
    """80 % interval of the factor, drawn once for all repetitions; None = it is certain."""
    every: Every | None = None
    """The window comes back at the same local time of each week, month or year; None = once."""

    stage: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_window(self.start, self.end)
        check_interval(self.factor, self.range, "factor")

    def progress(self, horizon: Horizon) -> Floats:
        """Share of each step within the window."""
        first = horizon.at_s(self.start), horizon.at_s(self.end)
        return horizon.cover(occurrences(first, self.every, horizon.zone, float(horizon.edges_s[-1])))

    def lay(self, values: Floats, luck: Floats, view: View) -> Floats:
        """Multiply the part of each step that lies in the window."""
        factor = drawn(self.factor, self.range, luck)
        laid: Floats = values * (1.0 + (factor - 1.0) * self.progress(view.horizon))
        return laid


@dataclass(frozen=True, slots=True, kw_only=True)
class Holiday:
    """Local days on which demand multiplies by a factor, or is as on another day of the week."""

    kind: Literal["holiday"] = "holiday"
    name: Name
    """As charts and tables show it; all events of a file have different names."""
    series: str | None = None
    """Name of a series, or a pattern such as `chat/*`; None = all."""
    dates: Annotated[tuple[str, ...], MinLen(1)]
    """The days, past ones too: `2026-12-25`, or `+3d` for the day that is three days after the end of the history."""
    factor: Factor | None = None
    """Median factor of the days; or give `like`."""
    range: Interval | None = None
    """80 % interval of the factor, drawn once for all days; None = it is certain."""
    like: Weekday | None = None
    """Demand as on this day of the week: each step times the ratio of the medians that the history has for this
    time of the two days."""

    stage: ClassVar[int] = 1

    def __post_init__(self) -> None:
        for date in self.dates:
            written(date)
        if (self.factor is None) == (self.like is None):
            raise ValueError("needs a factor or a weekday that it is like, and not both")
        if self.factor is None and self.range is not None:
            raise ValueError("range belongs to factor; a day that is like another takes none")
        check_interval(self.factor or 1.0, self.range, "factor")

    def days(self, horizon: Horizon) -> list[Window]:
        """The local days as seconds since 1970."""
        return sorted({local_day(date, horizon.now_s, horizon.zone) for date in self.dates})

    def progress(self, horizon: Horizon) -> Floats:
        """Share of each step within the days."""
        return horizon.cover(self.days(horizon))

    def ratios(self, view: View) -> Floats:
        """Of a day that is like another: the factor of each step, 1 outside, NaN where the history cannot tell."""
        import numpy as np

        held = np.flatnonzero(self.progress(view.horizon))
        ratios = np.ones(view.horizon.steps)
        ratios[held] = view.as_weekday(get_args(Weekday).index(self.like), held)
        return ratios

    def lay(self, values: Floats, luck: Floats, view: View) -> Floats:
        """Multiply the part of each step that lies in the days; steps the history cannot tell stay."""
        import numpy as np

        if self.factor is None:
            factor: Floats = np.nan_to_num(self.ratios(view), nan=1.0)
        else:
            factor = drawn(self.factor, self.range, luck)
        laid: Floats = values * (1.0 + (factor - 1.0) * self.progress(view.horizon))
        return laid
