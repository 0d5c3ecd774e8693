"""User events of the future, one class a kind of event: growth, promotions, holidays, launches and churn.

Each class is the schema, the documentation and the behaviour at once: `lay` applies the event to the values of a
series, `progress` says how much of it is new in each step. The effect of an event before the end of the history is in
the history already, and is not counted again. `simcost.forecast.events.apply` says in which order events apply.
Importing the classes loads no numpy, so that a scenario with events is checked quickly.
"""

from __future__ import annotations

from datetime import date
from math import inf
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, get_args

from annotated_types import MinLen

from simcost.forecast.events.calendar import check_calendar, days_of
from simcost.forecast.events.time import (
    Every,
    Factor,
    Interval,
    Name,
    Window,
    check_interval,
    check_window,
    drawn,
    local_day,
    occurrences,
    written,
)
from simcost.record import record
from simcost.units import HOURS_PER_MONTH, SECONDS_PER_HOUR

if TYPE_CHECKING:
    from simcost.forecast.events.horizon import Horizon, View
    from simcost.trace.series.series import Floats
from typing import TYPE_CHECKING

from annotated_types import Gt, Le, MaxLen

from simcost.forecast.events.shifts import LengthChange, Migration
from simcost.units import PerS, Seconds

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

_MONTH_S = HOURS_PER_MONTH * SECONDS_PER_HOUR
_UNIT_S = {"month": _MONTH_S, "year": 12 * _MONTH_S}


@record
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
    """Start of the growth: a date, a time, or `+10d` after the end of the history."""
    end: str | None = None
    """End of the growth; the level then stays; None = after the horizon."""

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


@record
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
    """80 % interval of the factor, sampled once for all repetitions; None = it is certain."""
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


@record
class Holiday:
    """Local days on which demand multiplies by a factor, or is as on another day of the week."""

    kind: Literal["holiday"] = "holiday"
    name: Name
    """As charts and tables show it; all events of a file have different names."""
    series: str | None = None
    """Name of a series, or a pattern such as `chat/*`; None = all."""
    dates: tuple[str, ...] = ()
    """The days, past ones too: `2026-12-25`, or `+3d` for the day that is three days after the end of the history; or
    give `calendar`."""
    calendar: str | None = None
    """Days of every year: `year-end` (24 December to 1 January), `month-end` (the last three days of each month), or
    the public holidays of a country or a part of it, such as `DE` or `DE-BY` (needs `simcost[holidays]`)."""
    factor: Factor | None = None
    """Median factor of the days; or give `like`."""
    range: Interval | None = None
    """80 % interval of the factor, sampled once for all days; None = it is certain."""
    like: Weekday | None = None
    """Demand as on this day of the week: each step times the ratio of the medians that the history has for this
    time of the two days."""

    stage: ClassVar[int] = 1

    def __post_init__(self) -> None:
        for day in self.dates:
            written(day)
        if bool(self.dates) == (self.calendar is not None):
            raise ValueError("needs dates or a calendar, and not both")
        if self.calendar is not None:
            check_calendar(self.calendar)
        if (self.factor is None) == (self.like is None):
            raise ValueError("needs a factor or a weekday that it is like, and not both")
        if self.factor is None and self.range is not None:
            raise ValueError("range belongs to factor; a day that is like another takes none")
        check_interval(self.factor or 1.0, self.range, "factor")

    def days(self, horizon: Horizon) -> list[Window]:
        """The local days as seconds since 1970."""
        dates = self.dates
        if self.calendar is not None:
            first, last = horizon.local_dates
            dates = tuple(map(date.isoformat, days_of(self.calendar, first, last)))
        return sorted({local_day(day, horizon.now_s, horizon.zone) for day in dates})

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


Sizes = Annotated[tuple[PerS, ...], MinLen(2), MaxLen(2)]


@record
class Launch:
    """New demand added to the present one, which rises over a ramp: a product, a customer, a region."""

    kind: Literal["launch"] = "launch"
    name: Name
    """As charts and tables show it; all events of a file have different names."""
    series: str | None = None
    """Name of a series, or a pattern such as `chat/*`; None = all, which only a `share` can mean for several."""
    level: PerS | None = None
    """Median demand after the ramp, mean over the day: requests (or what the series counts) per second; or give
    `share`."""
    share: Annotated[float, Gt(0), Le(1e6)] | None = None
    """Median demand after the ramp, as a share of the mean forecast without events."""
    range: Sizes | None = None
    """80 % interval of level or share, whichever is given; None = it is certain."""
    start: str
    """A date, a time, or `+10d` after the end of the history."""
    ramp: Seconds = 0.0
    """Time of the rise; 0 = at once."""
    shape: Literal["linear", "logistic"] = "linear"
    """Shape of the rise."""
    profile: Literal["copied", "flat"] = "copied"
    """copied = with the daily and weekly shape of the forecast; flat = the same at all times."""

    stage: ClassVar[int] = 2

    def __post_init__(self) -> None:
        _check_cohort(self)

    def progress(self, horizon: Horizon) -> Floats:
        """Progress of each step up the ramp, beyond the last step of the history."""
        return horizon.new(horizon.at_s(self.start), self.ramp, self.shape)

    def lay(self, values: Floats, luck: Floats, view: View) -> Floats:
        """Add the cohort."""
        added: Floats = values + _cohort(self, luck, view)
        return added


@record
class Churn:
    """Demand that goes away over a ramp: a launch with the opposite sign, which leaves at least nothing."""

    kind: Literal["churn"] = "churn"
    name: Name
    """As charts and tables show it; all events of a file have different names."""
    series: str | None = None
    """Name of a series, or a pattern such as `chat/*`; None = all, which only a `share` can mean for several."""
    level: PerS | None = None
    """Median loss after the ramp, mean over the day: requests (or what the series counts) per second; or give
    `share`."""
    share: Annotated[float, Gt(0), Le(1e6)] | None = None
    """Median loss after the ramp, as a share of the mean forecast without events."""
    range: Sizes | None = None
    """80 % interval of level or share, whichever is given; None = it is certain."""
    start: str
    """A date, a time, or `+10d` after the end of the history."""
    ramp: Seconds = 0.0
    """Duration; 0 = at once."""
    shape: Literal["linear", "logistic"] = "linear"
    """Shape of the change."""
    profile: Literal["copied", "flat"] = "copied"
    """copied = with the daily and weekly shape of the forecast; flat = the same at all times."""

    stage: ClassVar[int] = 2

    def __post_init__(self) -> None:
        _check_cohort(self)

    def progress(self, horizon: Horizon) -> Floats:
        """Progress of each step down the ramp, beyond the last step of the history."""
        return horizon.new(horizon.at_s(self.start), self.ramp, self.shape)

    def lay(self, values: Floats, luck: Floats, view: View) -> Floats:
        """Take the cohort away, as far as there is something to take."""
        import numpy as np

        kept: Floats = np.maximum(values - _cohort(self, luck, view), np.minimum(values, 0.0))
        return kept


def _check_cohort(event: Launch | Churn) -> None:
    written(event.start)
    if (event.level is None) == (event.share is None):
        raise ValueError("needs a level (such as 5/s) or a share (such as 0.3), and not both")
    check_interval(event.level or event.share or 1.0, event.range, "share" if event.level is None else "level")


def _cohort(event: Launch | Churn, luck: Floats, view: View) -> Floats:
    """Demand of a cohort in each step, shape (paths, steps)."""
    import numpy as np

    if event.level is not None:
        size: Floats = drawn(event.level, event.range, luck) * view.of_one_a_second
    else:
        size = drawn(event.share or 0.0, event.range, luck) * view.typical
    shape = view.shape if event.profile == "copied" else np.ones(view.horizon.steps)
    cohort: Floats = size * shape * event.progress(view.horizon)
    return cohort


Event = Growth | Promotion | Holiday | Launch | Churn | Migration | LengthChange
