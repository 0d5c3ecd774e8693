"""Worth of forecasts in dollars: what a fleet costs when each of them orders its replicas, at equal misses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

import numpy as np

from simcost import __version__
from simcost.errors import InputError
from simcost.forecast.project import ProjectionOptions, look_ahead
from simcost.forecast.quantiles import quantiles
from simcost.forecast.sample_paths import counted, weight
from simcost.plan import Observation
from simcost.plan.autoscaling import Predictive
from simcost.studies.forecasting.study import Document, SeriesOptions
from simcost.tables.digests import sha256_of
from simcost.tables.object_stores import source_name
from simcost.trace.series.series import Floats, Series
from simcost.units import HOURS_PER_MONTH, SECONDS_PER_DAY, SECONDS_PER_HOUR, plural

LEAST_DAYS = 7
"""History before the first day that is judged."""
PATHS = 200
HALVINGS = 24
"""Of the search for the headroom that a predictor needs."""
MOST_HEADROOM = 20.0
PREDICTORS = {
    "last value": "what came in the step before, at each step again",
    "seasonal naive": "the same step of the day before",
    "forecast P50": "the median of the sample paths, forecast again every so many hours",
    "forecast P90": "their 90 % quantile",
    "perfect foresight": "what came",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedFleet:
    """The fleet that predictors order replicas for."""

    per_replica: float
    """Requests per second (or tokens) that a replica takes."""
    price_usd_per_h: float
    """Of a replica."""
    lead_s: float = 300.0
    """From order to ready; paid for."""
    misses: float = 0.01
    """Share of the demand that may come beyond the replicas ready."""
    every_s: float = 3600.0
    """Time from a forecast to the next."""


def value_file(
    path: Path,
    fleet: OrderedFleet,
    *,
    days: int | None = None,
    reading: SeriesOptions,
    seed: int = 1,
    progress: Callable[[float, str], None] = lambda _share, _what: None,
) -> Document:
    """Cost of a fleet by predictor over the last days of a recorded demand, each with the headroom that it needs.

    Args:
        path: a series or a trace, in steps shorter than a day.
        fleet: what a replica takes and costs.
        days: judged, at the end of the history; None = half of it, at most 14.
        reading: how the file is read.
        seed: of the sample paths.
        progress: called with the share done and the day at hand.

    Raises:
        InputError: a file that cannot be read, several series, or a history that is too short.
    """
    zone = reading.timezone or "UTC"
    [*series], notes = reading.series(path, zone)
    if len(series) > 1:
        names = ", ".join(one.name for one in series[:5])
        raise InputError(f"{path}: has {len(series)} series; name one with --series: {names}")
    history = rates_of(series[0])
    judged = judged_days(history, days, fleet.lead_s)
    earlier = earlier_days(history, judged, fleet.lead_s)
    steps = judged * day_steps(history)
    came = history.values[-steps:]
    late = 1 + ceil(fleet.lead_s / history.grid.step_s)
    asked = ProjectionOptions(seed=seed, zone=zone, paths=PATHS)
    found = [
        _judged(name, rates, history.values[-len(rates) :], steps, history.grid.step_s, fleet)
        for name, rates in predictions(history, judged + earlier, late, fleet.every_s, asked, progress).items()
    ]
    best = found[-1]["usd_per_month"]
    alone = _one_replica_takes_all(history.name, came, fleet)
    rows = [row | {"above_perfect_usd": row["usd_per_month"] - best} for row in found]
    return {
        "verdict": alone or verdict(rows, fleet.misses, judged, earlier),
        "series": history.name,
        "days": judged,
        "earlier_days": earlier,
        "step": history.grid.name,
        "misses_allowed": fleet.misses,
        "predictors": rows,
        "findings": [*notes, *in_hindsight(earlier)],
        "provenance": {
            "simcost_version": __version__,
            "seed": seed,
            "inputs": {source_name(path): sha256_of(path)},
        },
    }


def day_steps(history: Series) -> int:
    """Steps of a day."""
    return int(SECONDS_PER_DAY) // history.grid.step_s


def rates_of(series: Series) -> Series:
    """The series as rates per second, without the steps before its first and after its last record.

    Raises:
        InputError: steps of a day or more, values that do not add up over time, or missing ones.
    """
    step_s = series.grid.step_s
    if not 0 < step_s < SECONDS_PER_DAY or SECONDS_PER_DAY % step_s:
        raise InputError(f"series {series.name!r}: steps of {series.grid.name}; replicas are ordered within a day: 1h")
    if counted(series.quantity, series.grid) is None:
        raise InputError(f"series {series.name!r}: {series.quantity} is not demand that replicas could be ordered for")
    if not np.isfinite(series.values).all():
        raise InputError(
            f"series {series.name!r}: has missing values; a fleet is judged on recorded demand: write rows with 0 "
            "where nothing came, or begin the file after the gap"
        )
    factor = weight(series.quantity, series.grid, len(series)) / step_s
    return replace(series, quantity="requests_per_s", values=series.values * factor)


def judged_days(history: Series, asked: int | None, lead_s: float) -> int:
    """Days that are judged: half of the history, at most 14, unless it is said; orders come a lead before them.

    Raises:
        InputError: too little history before them.
    """
    whole, needed = _whole_days(history), _days_needed(lead_s)
    judged = min(whole // 2, 14) if asked is None else asked
    if judged < 1 or whole - judged < needed:
        raise InputError(
            f"series {history.name!r}: {plural(whole, 'day')} of history; {needed} are needed before the first day "
            f"judged: at most {max(whole - needed, 0)} of them can be"
        )
    return judged


def earlier_days(history: Series, judged: int, lead_s: float) -> int:
    """Days before those judged that headrooms are chosen on, to be tried on those judged: as many, or fewer where the
    history is short.
    """
    return min(judged, _whole_days(history) - _days_needed(lead_s) - judged)


def in_hindsight(earlier: int) -> list[Document]:
    """A finding where headrooms were tried on no other days than those that they were chosen on."""
    if earlier:
        return []
    message = (
        "each headroom was chosen on the days that it is judged on, in hindsight: the history is too short to choose "
        "it on earlier days; judge fewer with --days"
    )
    return [{"kind": "hindsight", "series": "", "count": 1, "message": message}]


def _whole_days(history: Series) -> int:
    return len(history) // day_steps(history)


def _days_needed(lead_s: float) -> int:
    """Days of history before the first that is ordered for."""
    return LEAST_DAYS + int(lead_s // SECONDS_PER_DAY)


def predictions(
    history: Series,
    judged: int,
    late: int,
    every_s: float,
    asked: ProjectionOptions,
    progress: Callable[[float, str], None],
) -> dict[str, Floats]:
    """Expected rates of the steps judged, by predictor; each knows only what it could have known.

    Args:
        history: rates.
        judged: days at its end.
        late: steps from the last one known to the one that is ordered for; 1 = the next.
        every_s: time from a forecast to the next.
        asked: how the forecasts are made.
        progress: called with the share done and the day at hand.
    """
    day, values = day_steps(history), history.values
    first = len(values) - judged * day
    medians, highs = [], []
    block = min(max(int(every_s // history.grid.step_s), 1), day)
    for now in range(first, len(values), block):
        progress((now - first) / (judged * day), f"day {(now - first) // day + 1}")
        known = replace(history, values=values[: now + 1 - late], regressors=None)
        ahead = min(block, len(values) - now)
        [made] = look_ahead([known], lambda _, steps=late - 1 + ahead: steps, asked)  # type: ignore[misc]
        middle, high = quantiles(made.futures.values[:, late - 1 :], (0.5, 0.9))
        medians.append(middle)
        highs.append(high)
    season = day * ceil(late / day)
    past = (values[first - late : -late], values[first - season : -season])
    rates = (*past, np.concatenate(medians), np.concatenate(highs), values[first:])
    return dict(zip(PREDICTORS, rates, strict=True))


def _judged(name: str, rates: Floats, came: Floats, steps: int, step_s: int, fleet: OrderedFleet) -> Document:
    """Cost of the last `steps` with the least headroom at which no more is missed than allowed, and with that of the
    steps before them.
    """
    earlier = _headroom(rates[:-steps], came[:-steps], step_s, fleet) if len(rates) > steps else None
    rates, came = rates[-steps:], came[-steps:]
    headroom = _headroom(rates, came, step_s, fleet)
    known = {} if earlier is None else _outcome(rates * earlier, came, step_s, fleet)
    found = _outcome(rates * headroom, came, step_s, fleet)
    return {
        "name": name,
        "headroom": headroom,
        "met": found["missed"] <= fleet.misses,
        **found,
        "missed_without_headroom": _missed(_replicas(rates, step_s, fleet), came, fleet),
        "earlier_headroom": earlier,
        "missed_with_earlier_headroom": known.get("missed"),
        "usd_per_month_with_earlier_headroom": known.get("usd_per_month"),
    }


def _headroom(rates: Floats, came: Floats, step_s: int, fleet: OrderedFleet) -> float:
    """The least factor at which no more is missed than allowed; the most that is tried, where none does."""
    low, high = 0.0, MOST_HEADROOM
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        enough = _missed(_replicas(rates * middle, step_s, fleet), came, fleet) <= fleet.misses
        low, high = (low, middle) if enough else (middle, high)
    return high


def _outcome(rates: Floats, came: Floats, step_s: int, fleet: OrderedFleet) -> Document:
    """Share missed, replica-hours and cost of a fleet that is ordered for these rates."""
    replicas = _replicas(rates, step_s, fleet)
    hours = _hours(replicas, step_s, fleet)
    months = len(came) * step_s / SECONDS_PER_HOUR / HOURS_PER_MONTH
    return {
        "missed": _missed(replicas, came, fleet),
        "replica_hours": hours,
        "usd_per_month": hours * fleet.price_usd_per_h / months,
    }


def _replicas(rates: Floats, step_s: int, fleet: OrderedFleet) -> Floats:
    """Replicas ready in each step, as the predictive autoscaler orders them in time for it."""
    most = max(ceil(float(rates.max()) / fleet.per_replica), 1)
    policy = Predictive(
        demand=tuple(rates.tolist()),
        step_length=float(step_s),
        per_replica=fleet.per_replica,
        lead=0.0,
        max=most,
        interval=float(step_s),
    )
    seen = Observation(current=1, ready=1)
    return np.array([policy.step(float(step * step_s), seen, None).desired for step in range(len(rates))], float)


def _missed(replicas: Floats, came: Floats, fleet: OrderedFleet) -> float:
    """Share of the demand beyond the replicas that are ready."""
    total = float(came.sum())
    return float(np.maximum(came - replicas * fleet.per_replica, 0.0).sum()) / total if total else 0.0


def _hours(replicas: Floats, step_s: int, fleet: OrderedFleet) -> float:
    """Replica-hours paid: those ready, and the starts before them."""
    starts = float(np.maximum(np.diff(replicas), 0.0).sum()) * fleet.lead_s
    return (float(replicas.sum()) * step_s + starts) / SECONDS_PER_HOUR


def _one_replica_takes_all(name: str, came: Floats, fleet: OrderedFleet) -> str:
    """A sentence where no predictor can err: one replica takes all that came; else empty."""
    most = float(came.max())
    if most > fleet.per_replica:
        return ""
    return (
        f"one replica takes {fleet.per_replica:g}/s, and {name} never needs more than {most:.3g}/s ({most * 3600:,.4g} "
        "an hour): there is nothing to order, and all predictors cost the same; is --per-replica in units per second?"
    )


def verdict(rows: list[Document], misses: float, judged: int, earlier: int) -> str:
    """The cheapest predictor in a sentence, beside the last value and perfect foresight; of those that miss no more
    than allowed. And what it would miss with the headroom of the days before, if there are any.
    """
    from simcost.units import format_share, format_usd

    *predictors, perfect = rows
    over = f"over {plural(judged, 'day')} at {format_share(misses)} missed"
    met = [row for row in predictors if row["met"]]
    if not met:
        least = min(predictors, key=lambda row: row["missed"])
        foresight = "as does perfect foresight" if not perfect["met"] else "perfect foresight does not"
        told = f"every predictor misses more than allowed {over}, whatever its headroom; {foresight}"
        return f"{told}; {least['name']} misses least, {format_share(least['missed'])}"
    best = min(met, key=lambda row: row["usd_per_month"])
    if all(row["met"] and row["usd_per_month"] == best["usd_per_month"] for row in rows):
        cost = format_usd(best["usd_per_month"])
        return f"all predictors cost the same {over}, {cost} a month, perfect foresight too: a forecast saves nothing"
    told = f"{best['name']} is the cheapest predictor {over}: {format_usd(best['usd_per_month'])} a month"
    if not rows[0]["met"]:
        told += f"; following the last value misses {format_share(rows[0]['missed'])}, whatever its headroom"
    elif best is not rows[0]:
        saves = rows[0]["usd_per_month"] - best["usd_per_month"]
        told += f", {format_usd(saves)} less than following the last value"
    more = format_usd(best["above_perfect_usd"]) if best["above_perfect_usd"] > 0 else "nothing"
    told += f"; perfect foresight would save {more} more"
    if not earlier:
        return told
    missed = format_share(best["missed_with_earlier_headroom"])
    return f"{told}. With the headroom of the {plural(earlier, 'day')} before, {best['name']} misses {missed}"
