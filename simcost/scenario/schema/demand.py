"""Demand that is forecast, as a scenario writes it."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le

from simcost.forecast.events.events import Event
from simcost.forecast.names import ModelName
from simcost.trace.workload.spec import Stream
from simcost.units import ByKind, PositiveCount, PositiveSeconds, Share, Usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """How far to look ahead, and how."""

    horizon: PositiveSeconds
    """Length of the run, which begins where the history ends."""
    paths: Annotated[PositiveCount, Ge(2), Le(10_000)] = 200
    """Futures drawn; `seeds` of them are simulated, chosen so that they stand for all."""
    freq: str | None = None
    """Step of the forecast, such as `1h`; None = that of the history, of a trace an hour."""
    model: ModelName = "auto"
    """Forecasting model; auto = the combination, unless a backtest says otherwise."""
    width: Annotated[float, Gt(0), Le(10)] = 1.0
    """Widens (above 1) or narrows the futures around their middle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Requests that are forecast: a history, what you know of the future, and what the requests look like.

    Every plan meets the same futures, one per replication. Costs and service levels are then distributions,
    and a plan meets the SLO when all but a share `risk` of the futures meet it.
    """

    history: str
    """A stored trace, or a series of request counts (CSV or Parquet with `timestamp,value` or
    `series,timestamp,value`), relative to the scenario file and inside its folder."""
    forecast: Ahead
    """How far to look ahead, and how."""
    series: str | None = None
    """Which series of the history's file; None = its only one."""
    scale: Annotated[float, Gt(0), Le(1e6)] = 1.0
    """Multiplies the history, e.g. to give a public pattern the level of your own service."""
    timezone: str = "UTC"
    """Where your users live: hours of the day and weekdays are those of its clock, daylight saving included."""
    events: tuple[Annotated[Event, ByKind()], ...] = ()
    """What you know of the future: growth, launches, holidays, promotions, migrations, changes of length."""
    requests: tuple[Stream, ...] = ()
    """What the requests look like, or a mix of clients; none = blocks of requests of the history, a trace."""
    risk: Share = 0.1
    """Share of the futures that may miss the SLO."""
    budget: Usd | None = None
    """Money for a month; the result gives the chance to exceed it."""
