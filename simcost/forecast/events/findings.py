"""Checks of user events: the series that they are for, whether they suit them, and what did not go as stated."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from simcost.errors import InputError, did_you_mean
from simcost.forecast.events.calendar import days_of
from simcost.forecast.events.horizon import View, behind
from simcost.forecast.events.schema import Churn, Event, Growth, Holiday, Launch, Promotion
from simcost.forecast.events.shifts import LengthChange, Migration
from simcost.forecast.sample_paths import rate_unit_s
from simcost.trace.series.resample import is_rate
from simcost.trace.series.series import Series
from simcost.units import how_many

Finding = dict[str, str]
"""`kind`, `message`, and the `event` it is about."""
_STEEP = (0.5, {"month": 2.0, "year": 5.0})
"""Factors of growth, down to the first and from the second on, that are rather per cent or a share."""
TOKENS = ("prompt_tokens", "output_tokens")
"""Quantities that a change of lengths multiplies."""


def matches(event: Event, name: str) -> bool:
    """True if an event is for the series of this name."""
    return event.series is None or event.series == name or fnmatchcase(name, event.series)


def check_events(events: Sequence[Event], histories: Sequence[Series]) -> None:
    """Raise InputError where two events have one name, or one does not suit the series of a forecast."""
    names = [event.name for event in events]
    for event in events:
        if names.count(event.name) > 1:
            raise InputError(
                f"event {event.name!r}: {names.count(event.name)} events have this name; names must differ"
            )
        check_event(event, histories)


def check_event(event: Event, histories: Sequence[Series]) -> None:
    """Raise InputError where an event does not suit the series of a forecast."""
    by_name = {history.name: history for history in histories}
    for wanted in (event.series, event.to if isinstance(event, Migration) else None):
        if wanted is not None and not any(wanted == name or fnmatchcase(name, wanted) for name in by_name):
            near = did_you_mean(wanted, list(by_name)) or f"; series are {', '.join([*by_name][:5])}"
            raise InputError(f"event {event.name!r}: no series {wanted!r}{near}")
    meant = [name for name in by_name if matches(event, name)]
    if isinstance(event, Launch | Churn) and event.level is not None:
        _check_level(event.name, [by_name[name] for name in meant])
    if isinstance(event, Holiday) and event.calendar is not None:
        try:
            days_of(event.calendar, date(2026, 1, 1), date(2026, 12, 31))
        except InputError as error:
            raise InputError(f"event {event.name!r}: {error}") from None
    if isinstance(event, Migration):
        for end in filter(None, (event.series, event.to)):
            if end not in by_name:
                raise InputError(f"event {event.name!r}: {end!r} is a pattern; name the one series")
        if event.to and by_name[event.series].quantity != by_name[event.to].quantity:
            raise InputError(
                f"event {event.name!r}: {event.series} counts {by_name[event.series].quantity} and "
                f"{event.to} {by_name[event.to].quantity}; demand moves within one quantity"
            )


def _check_level(event: str, meant: Sequence[Series]) -> None:
    """Raise InputError where a level is for several series, or for one that counts nothing a second."""
    if len(meant) > 1:
        raise InputError(
            f"event {event!r}: would put its level on each of {', '.join(one.name for one in meant[:5])}; "
            "name one under series, or give a share"
        )
    quantity = meant[0].quantity
    if is_rate(quantity) and rate_unit_s(quantity) is None:
        raise InputError(
            f"event {event!r}: its level is so many a second, and {meant[0].name} has {quantity}, which does not add "
            "up over time; give a share"
        )


def check_horizons(events: Sequence[Event], views: Mapping[str, View]) -> None:
    """Raise InputError for a migration between series whose steps differ."""
    for event in events:
        if isinstance(event, Migration) and event.to is not None:
            one, other = views[event.series].horizon, views[event.to].horizon
            if (one.grid, one.steps) != (other.grid, other.steps):
                raise InputError(
                    f"event {event.name!r}: the forecasts of {event.series} and {event.to} differ in "
                    "their steps or ends; give both histories the same --freq and end"
                )


def findings(events: Sequence[Event], view: View, floored: Mapping[tuple[str, str], float]) -> Iterator[Finding]:
    """Findings on what did not go as stated for one series."""
    for event in events:
        if not matches(event, view.history.name):
            continue
        said = f"event {event.name!r} ({when(event)})"
        if steps := int(in_history(event, view.history, view.horizon.zone).sum()):
            lie = how_many(steps, "step of the history lies in it, and is", "steps of the history lie in it, and are")
            yield _finding("in-history", event, f"{said}: {lie} left out of the fit")
        if not event.progress(view.horizon).any() and not steps:
            first, last = view.horizon.grid.times(1)[0], view.horizon.grid.times(1, view.horizon.steps)[0]
            yield _finding(
                "outside-horizon",
                event,
                f"{said} changes nothing from {first} to {last} UTC, the horizon; what was before is in the history",
            )
        elif isinstance(event, LengthChange) and view.counts not in TOKENS:
            yield _finding(
                "other-quantity",
                event,
                f"{said} changes tokens, not what this series counts "
                f"({view.history.quantity}); requests drawn after it take the new lengths",
            )
        elif isinstance(event, Holiday) and event.like and np.isnan(event.ratios(view)).any():
            yield _finding(
                "no-such-day",
                event,
                f"{said}: the history cannot tell how a {event.like} differs in "
                f"{int(np.isnan(event.ratios(view)).sum())} steps, which stay as forecast; "
                "give a factor instead",
            )
        if isinstance(event, Growth) and (steep := _steep(event)):
            yield _finding("steep", event, f"{said}: {steep}")
        if share := floored.get((event.name, view.history.name), 0.0):
            yield _finding(
                "floored",
                event,
                f"{said} takes all there is, or more, in {100 * share:.2g} % of all "
                "steps and paths; demand is held at 0",
            )


def _steep(event: Growth) -> str:
    """Remark on a factor that seems to be the share by which demand grows, or its per cent; empty for others."""
    if _STEEP[0] < event.factor < _STEEP[1][event.per]:
        return ""
    share = event.factor if event.factor <= _STEEP[0] else event.factor / 100
    return (
        f"demand is {event.factor:g} times as much after each {event.per}; a growth of {100 * share:g} % is "
        f"`factor: {1 + share:g}`"
    )


def _finding(kind: str, event: Event, message: str) -> Finding:
    return {"kind": kind, "event": event.name, "message": message}


def when(event: Event) -> str:
    """The dates of an event as they are written."""
    if isinstance(event, Holiday):
        return event.calendar or ", ".join(event.dates)
    if isinstance(event, Growth | Promotion) and event.end is not None:
        again = f", every {event.every}" if isinstance(event, Promotion) and event.every else ""
        return f"{event.start} to {event.end}{again}"
    return f"from {event.start}"


def in_history(event: Event, history: Series, zone: ZoneInfo) -> npt.NDArray[np.bool_]:
    """Steps of a history that lie, by half or more, in a promotion or holiday that is for it."""
    if not isinstance(event, Promotion | Holiday) or not matches(event, history.name):
        return np.zeros(len(history), dtype=bool)
    return event.progress(behind(history, zone)) >= 0.5
