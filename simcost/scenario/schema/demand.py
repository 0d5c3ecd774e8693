"""Demand of a scenario: requests that are forecast, from a history and what is known of its future."""

from typing import Annotated

from annotated_types import Ge, Gt, Le, MaxLen, MinLen

from simcost.forecast.events.schema import Event
from simcost.forecast.names import GrowthMode, ModelName
from simcost.record import record
from simcost.trace.workload.spec import Stream
from simcost.units import ByKind, Horizon, PositiveCount, Share, Usd


@record
class Ahead:
    """Horizon of a forecast, and its options."""

    horizon: Horizon
    """Length of the run, which begins where the history ends; whole months (`3mo`) and years are of the calendar."""
    paths: Annotated[PositiveCount, Ge(2), Le(10_000)] = 200
    """Futures drawn; `seeds` of them are simulated, chosen so that they stand for all."""
    freq: str | None = None
    """Step of the forecast, such as `1h`; None = that of the history, of a trace an hour."""
    model: ModelName = "auto"
    """Forecasting model; auto = the combination, unless a backtest says otherwise."""
    growth: GrowthMode | None = None
    """Growth in the forecast: measured on the history, none, or as events state it in its place; None = stated where
    an event states growth, else measured."""
    width: Annotated[float, Gt(0), Le(10)] = 1.0
    """Widens (above 1) or narrows the futures around their middle."""


@record
class Demand:
    """Requests that are forecast: a history, user events, and the streams of requests.

    Every plan meets the same futures, one per replication. Costs and service levels are then distributions,
    and a plan meets the SLO when all but a share `risk` of the futures meet it.
    """

    history: str
    """A stored trace, or a series of request counts (CSV or Parquet with `timestamp,value` or
    `series,timestamp,value`), relative to the scenario file and inside its folder."""
    forecast: Ahead
    """Horizon of a forecast, and its options."""
    series: str | None = None
    """Name of the series in the history's file; None = its only one."""
    scale: Annotated[float, Gt(0), Le(1e6)] = 1.0
    """Multiplies the history, e.g. to give a public pattern the level of your own service."""
    timezone: str = "UTC"
    """Time zone of your users: hours of the day and weekdays are those of its clock, daylight saving included."""
    events: tuple[Annotated[Event, ByKind()], ...] = ()
    """Known events of the future: growth, launches, holidays, promotions, migrations, changes of length."""
    hours: str | None = None
    """Hours of the days, for a history in steps of a day. A stored trace, or a series in steps of an hour or less,
    relative to the scenario file and inside its folder. Each day to come takes the hours of one of its days, of the
    same weekday. Or give `daily`."""
    daily: Annotated[tuple[Annotated[float, Ge(0)], ...], MinLen(24), MaxLen(24)] | None = None
    """Relative rate in each of the 24 hours, for a history in steps of a day. The same on all days."""
    requests: tuple[Stream, ...] = ()
    """Requests as streams: one, or a mix of clients; none = blocks of requests of the history, a trace."""
    risk: Share = 0.1
    """Share of the futures that may miss the SLO."""
    budget: Usd | None = None
    """Money for a month; the result gives the chance to exceed it."""

    def __post_init__(self) -> None:
        if self.hours is not None and self.daily is not None:
            raise ValueError("hours and daily both say what the day looks like; leave out one of them")
        if self.daily is not None and not any(self.daily):
            raise ValueError("daily is zero throughout; give at least one positive number")
