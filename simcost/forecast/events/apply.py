"""User events applied to forecasts: path by path, each part visible by itself.

Order: growth; promotions and holidays; launches and churn; migrations; lengths. So growth and promotions act on
the demand there is, not on a new cohort; a migration moves what the others made of a series, and leaves the sum of
both series as it was; lengths act on all tokens of a series, wherever they came from. Within a stage the order
is that of the file.

Each event draws its random factor once per path from a stream of its own name, so that all series share it. The point
forecast goes through the same steps with the median of everything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum

import numpy as np
import numpy.typing as npt

from simcost import rng
from simcost.errors import InputError
from simcost.forecast.events.findings import (
    Finding,
    check_events,
    check_horizons,
    findings,
    in_history,
    matches,
)
from simcost.forecast.events.horizon import View, ahead
from simcost.forecast.events.schema import Churn, Event
from simcost.forecast.events.shifts import LengthChange, Migration
from simcost.tables.calendar import find_zone
from simcost.trace.series.series import LARGEST, Floats, Grid, Series

Values = dict[str, Floats]
"""By series: one row per path, one column per step; the first row is the point forecast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The forecast of a series before anything is stated."""

    history: Series
    """As recorded; the horizon begins where it ends."""
    point: Floats
    """Shape (steps,)."""
    paths: Floats
    """Shape (count, steps)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEffect:
    """Effect of one event on one series."""

    name: str
    kind: str
    effect: Floats
    """Change of the point forecast against the stage before, shape (steps,); all parts sum to the whole change."""
    variance_share: float | None
    """Of the variance of the total over the horizon: what this part alone brings, with all others at their medians,
    over the sum of what each alone brings; None in the sum of several series."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A forecast with the user's events applied."""

    mean: Floats
    """The point forecast, shape (steps,)."""
    paths: Floats
    """Shape (count, steps)."""
    parts: tuple[EventEffect, ...]
    """Events that change this series within the horizon, in the order in which they apply."""
    base_variance_share: float | None
    """As `variance_share`, of the forecast itself; with those of the parts it sums to 1."""
    findings: tuple[Finding, ...]


def apply(events: Sequence[Event], base: Base, *, zone: str, seed: int) -> Stated:
    """Lay events over the forecast of one series; as `apply_all`."""
    return apply_all(events, [base], zone=zone, seed=seed)[base.history.name]


def apply_all(events: Sequence[Event], bases: Sequence[Base], *, zone: str, seed: int) -> dict[str, Stated]:
    """Lay events over the forecasts of several series, with the migrations between them.

    Args:
        events: what is stated.
        bases: at least one forecast; all with equally many paths.
        zone: name of the time zone of times without an offset, of days and of weekdays.
        seed: of the sample paths.

    Returns:
        By name of the series.

    Raises:
        InputError: an event names a series that is not there, or makes no sense for those it names.
    """
    check_events(events, [base.history for base in bases])
    views = {base.history.name: _view(events, base, zone) for base in bases}
    ordered = [
        event
        for event in sorted(events, key=lambda event: event.stage)
        if any(_concerned(event, view) for view in views.values())
    ]
    check_horizons(ordered, views)
    luck = {event.name: _luck(event, seed, len(bases[0].paths)) for event in ordered}
    given = {base.history.name: np.vstack([base.point, base.paths]) for base in bases}
    values, effects, floored = given, {}, {}
    for event in ordered:
        before, values = values, _laid(event, values, luck[event.name], views)
        for name in views:
            effects[event.name, name] = values[name][0] - before[name][0]
            if isinstance(event, Churn):
                floored[event.name, name] = float(np.mean((values[name] == 0) & (before[name] > 0)))
    shares = _variance_shares(ordered, given, luck, views)
    return {
        name: Stated(
            mean=values[name][0],
            paths=values[name][1:],
            parts=tuple(
                EventEffect(
                    name=event.name,
                    kind=event.kind,
                    effect=effects[event.name, name],
                    variance_share=shares[name].get(event.name, 0.0),
                )
                for event in ordered
                if effects[event.name, name].any()
            ),
            base_variance_share=shares[name][""],
            findings=tuple(findings(events, view, floored)),
        )
        for name, view in views.items()
    }


def masked(events: Sequence[Event], history: Series, zone: str) -> npt.NDArray[np.bool_]:
    """Steps of a history that lie, by half or more, in a promotion or holiday: to be left out of a fit."""
    clock, found = find_zone(zone), np.zeros(len(history), dtype=bool)
    for event in events:
        found |= in_history(event, history, clock)
    return found


def length_scale(events: Sequence[Event], *, grid: Grid, steps: int, zone: str, series: str) -> tuple[Floats, Floats]:
    """Factors of prompt and of output tokens for requests drawn from the forecast of a series, (steps,) each.

    Args:
        events: what is stated.
        grid: begins where the history ends.
        steps: of the horizon.
        zone: of times without an offset.
        series: name of the series whose requests are drawn.
    """
    horizon = ahead(grid, steps, find_zone(zone))
    prompt, output = np.ones(steps), np.ones(steps)
    for event in events:
        if isinstance(event, LengthChange) and matches(event, series):
            factors = event.factors(horizon)
            prompt, output = prompt * factors[0], output * factors[1]
    return prompt, output


def _view(events: Sequence[Event], base: Base, zone: str) -> View:
    history = base.history
    usual = np.where(masked(events, history, zone), np.nan, history.values)
    horizon = ahead(history.grid.after(len(history)), len(base.point), find_zone(zone))
    return View(horizon=horizon, history=replace(history, values=usual), point=base.point)


def _concerned(event: Event, view: View) -> bool:
    """True if an event is for a series and has an effect within its horizon."""
    return matches(event, view.history.name) and bool(event.progress(view.horizon).any())


def _luck(event: Event, seed: int, count: int) -> Floats:
    """Standard normal numbers, one a path after the median's 0, shape (count + 1, 1)."""
    drawn = rng.stream(seed, "event", event.name).standard_normal(count)
    return np.concatenate([[0.0], drawn])[:, None]


def _laid(event: Event, values: Values, luck: Floats, views: Mapping[str, View]) -> Values:
    """The values of all series with one event more."""
    laid = dict(values)
    with np.errstate(over="ignore", invalid="ignore"):
        for name in filter(lambda name: matches(event, name), values):
            laid[name] = event.lay(values[name], luck, views[name])
            if not (np.abs(laid[name]) <= LARGEST).all():
                raise InputError(f"event {event.name!r}: demand grows beyond all numbers; is it meant so?")
    if isinstance(event, Migration) and event.to is not None:
        laid[event.to] = laid[event.to] + (values[event.series] - laid[event.series])
    return laid


def _variance_shares(
    events: Sequence[Event], given: Values, luck: Mapping[str, Floats], views: Mapping[str, View]
) -> dict[str, dict[str, float]]:
    """By series: the shares of the events in the variance of the total, and under "" that of the forecast itself."""
    certain = {event.name: np.zeros_like(luck[event.name]) for event in events}
    point = {name: np.broadcast_to(values[0], values.shape) for name, values in given.items()}
    alone = {"": _total_variances(events, given, certain, views)}
    for event in events:
        if not isinstance(event, LengthChange) and event.range is not None:
            one = certain | {event.name: luck[event.name]}
            alone[event.name] = _total_variances(events, point, one, views)
    found = {}
    for name in views:
        whole = fsum(variances[name] for variances in alone.values())
        found[name] = {
            part: variances[name] / whole if whole else float(part == "") for part, variances in alone.items()
        }
    return found


def _total_variances(
    events: Sequence[Event], values: Values, luck: Mapping[str, Floats], views: Mapping[str, View]
) -> dict[str, float]:
    for event in events:
        values = _laid(event, values, luck[event.name], views)
    return {name: float(rows[1:].sum(axis=1).var()) if len(rows) > 1 else 0.0 for name, rows in values.items()}
