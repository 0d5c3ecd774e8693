"""Events that add demand or take it away: launches and churn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Gt, Le, MaxLen, MinLen

from simcost.forecast.events.chance import Name, check_interval, drawn
from simcost.forecast.events.time import written
from simcost.units import PerS, Seconds

if TYPE_CHECKING:
    from simcost.forecast.events.horizon import Horizon, View
    from simcost.trace.series.series import Floats

Sizes = Annotated[tuple[PerS, ...], MinLen(2), MaxLen(2)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """New demand beside the present one, which rises over a ramp: a product, a customer, a region."""

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
    """How long it takes to rise; 0 = at once."""
    shape: Literal["linear", "logistic"] = "linear"
    """How it rises."""
    profile: Literal["copied", "flat"] = "copied"
    """copied = with the daily and weekly shape of the forecast; flat = the same at all times."""

    stage: ClassVar[int] = 2

    def __post_init__(self) -> None:
        _check_cohort(self)

    def progress(self, horizon: Horizon) -> Floats:
        """How far each step is up the ramp, beyond what the history has seen."""
        return horizon.new(horizon.at_s(self.start), self.ramp, self.shape)

    def lay(self, values: Floats, luck: Floats, view: View) -> Floats:
        """Add the cohort."""
        added: Floats = values + _cohort(self, luck, view)
        return added


@dataclass(frozen=True, slots=True, kw_only=True)
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
    """How long it takes; 0 = at once."""
    shape: Literal["linear", "logistic"] = "linear"
    """How it goes."""
    profile: Literal["copied", "flat"] = "copied"
    """copied = with the daily and weekly shape of the forecast; flat = the same at all times."""

    stage: ClassVar[int] = 2

    def __post_init__(self) -> None:
        _check_cohort(self)

    def progress(self, horizon: Horizon) -> Floats:
        """How far each step is down the ramp, beyond what the history has seen."""
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
    check_interval(
        event.level or event.share or 1.0, event.range, "share" if event.level is None else "level"
    )


def _cohort(event: Launch | Churn, luck: Floats, view: View) -> Floats:
    """What a cohort asks for in each step, shape (paths, steps)."""
    import numpy as np

    if event.level is not None:
        size: Floats = drawn(event.level, event.range, luck) * np.diff(view.horizon.edges_s)
    else:
        size = drawn(event.share or 0.0, event.range, luck) * view.typical
    shape = view.shape if event.profile == "copied" else np.ones(view.horizon.steps)
    cohort: Floats = size * shape * event.progress(view.horizon)
    return cohort
