"""Findings that a reader of a forecast must know before trusting it, in plain sentences."""

from collections.abc import Iterable, Iterator
from math import ceil

import numpy as np

from simcost.forecast.backtest import Backtest
from simcost.forecast.calibration import Factor
from simcost.forecast.cleaning import History
from simcost.forecast.growth import MeasuredGrowth
from simcost.forecast.last_day import of_last_day
from simcost.forecast.level_error import Levels
from simcost.forecast.models.base import CleanedHistory, ForecastModel
from simcost.forecast.models.combination import RECENT_DAYS, Combination, Picked
from simcost.forecast.models.intermittent import Intermittent
from simcost.forecast.models.level_shift import idle_at_the_end
from simcost.forecast.models.long_horizon import Planning, weeks_idle
from simcost.forecast.models.members import Flat, SeasonalNaive
from simcost.forecast.models.registry import remarks
from simcost.forecast.models.selection import FEW_DAYS, ModelSelection
from simcost.forecast.names import GrowthMode
from simcost.forecast.quantiles import quantiles
from simcost.forecast.season import Season
from simcost.trace.series.series import Floats, Grid
from simcost.units import SECONDS_PER_DAY, format_count, plural

Finding = dict[str, str]
"""`kind`, one word, and `message`, one sentence."""
FEW_SEASONS = 3
MANY = 0.2
"""Share of missing steps worth a word."""
SHORT_OF = 15
"""Points of coverage short of a level worth a word."""
LEAST_OF_A_WHOLE, STEADY, CHANGES = 0.5, 0.75, 3.0
"""Share of the least of its neighbours below which a step at an end may be recorded in part, and the share where they
are steady: where it is away from them by so many times their largest change, by its logarithm."""
GROWS_BY_THE_HOUR = "autoregression"
"""Begin of the names of models that go on with growth of hours too: those of 10 % a month with 2.4 % a week."""
LEAST_IDLE = 3
"""Steps of nothing at the end that are worth a word; of hours a quarter of the day."""
NEIGHBOURS = 6
"""Steps, or days of the same weekday, that an end is compared with, at most."""
FEW_HORIZONS = 5
"""Horizons one after the other in a backtest, below which the coverage of totals weeks ahead cannot be told."""
APART = 0.15
"""Share by which a total is above that of the last week, or below it as much, that is worth a word."""
SKEWED = 0.1
"""Relative distance of the point forecast's total from the median total worth a word."""


def of_history(
    history: History, seen: CleanedHistory, horizon: int, grid: Grid, model: ForecastModel
) -> Iterator[Finding]:
    """New, too short, mostly missing, mostly idle, constant, recorded in part at an end, or asked for too far ahead."""
    steps, season = len(history), history.season.short
    if history.idle:
        begin = str(grid.times(1, history.idle)[0])[:16].replace("T", " ")
        yield _finding(
            "new",
            f"new: nothing in the first {history.idle} steps, which are left out; the history begins at {begin} "
            f"and has {plural(steps, 'step')}",
        )
    if steps < FEW_SEASONS * season:
        yield _short(steps, season, model)
    if horizon > steps:
        far = (
            "nothing that long was seen, and the levels rest on weeks or months going on as they did"
            if isinstance(model, Planning)
            else "the far part repeats what was seen and shows no growth"
        )
        yield _finding(
            "horizon",
            f"horizon of {plural(horizon, 'step')} on a history of {steps:,}: {far}; state growth and events, and "
            "trust the levels less",
        )
    gaps = float(np.mean(np.isnan(history.raw)))
    if gaps > MANY:
        yield _finding("missing", f"{100 * gaps:.0f} % of the history is missing and was filled with usual values")
    known = history.raw[np.isfinite(history.raw)]
    zeros = float(np.mean(known == 0))
    if float(np.ptp(seen.values)) == 0:
        levels = "so are the forecast and its levels"
        if isinstance(model, Planning):
            levels = "so is the forecast, and its levels rest on usual changes alone"
        yield _finding("constant", f"the history is constant: {levels}")
    elif zeros > 0.5:
        yield _finding("intermittent", f"{100 * zeros:.0f} % of the history is 0: relative errors say little")
    stopped = 0 if isinstance(model, Intermittent) else idle_at_the_end(history.raw, max(season // 4, LEAST_IDLE))
    if stopped and not (isinstance(model, Planning) and weeks_idle(seen)):
        yield _finding(
            "stopped",
            f"the last {plural(stopped, 'step')} are 0, more than ever before: if that is an outage, leave their rows "
            "out; if the service has ended, state it as churn, for the forecast may be of neither",
        )
    yield from _of_ends(history, grid, stopped=stopped > 0)
    yield from of_last_day(history)


def _of_ends(history: History, grid: Grid, *, stopped: bool) -> Iterator[Finding]:
    """That the first or the last step, a day or longer, looks as if it was recorded in part, and no event explains it.

    An export in the middle of a month ends in a small number that no model can tell from demand that fell.
    """
    if 0 < grid.step_s < SECONDS_PER_DAY or len(history) < 3:
        return
    weekly = history.season.short == 7 and len(history) > 3 * 7
    known = history.actual(0, len(history))
    values = known[:: -7 if weekly else -1]
    if not stopped and (low := _low(values)) is not None:
        yield _finding("partial_end", _of_an_end("last", low, grid.times(1, history.idle + len(history) - 1)[0]))
    values = known[:: 7 if weekly else 1]
    if not history.idle and values[0] > 0 and (low := _low(values)) is not None:
        yield _finding("partial_end", _of_an_end("first", low, grid.times(1)[0]))


def _low(values: Floats) -> tuple[float, float] | None:
    """The first value and the least of those after it, where the first may be of a part of its step; else None."""
    near = values[1 : 1 + NEIGHBOURS]
    known, end = near[np.isfinite(near)], float(values[0])
    if len(known) < 2 or not 0 <= end < STEADY * known[0]:
        return None
    least = float(known.min())
    if end < LEAST_OF_A_WHOLE * least:
        return end, least
    if len(known) < NEIGHBOURS or end >= STEADY * least or end <= 0:
        return None
    changes = np.abs(np.diff(np.log(known)))
    return (end, least) if np.log(known[0] / end) > CHANGES * float(changes.max()) else None


def _of_an_end(which: str, low: tuple[float, float], time: np.datetime64) -> str:
    harm = "the forecast begins at its level" if which == "last" else "it looks like growth"
    return (
        f"the {which} step, {str(time)[:10]}, has {format_count(low[0])}, and those next to it have "
        f"{format_count(low[1])} or more: if it was recorded in part, leave its row out, since {harm}"
    )


def of_model(model: ForecastModel, seen: CleanedHistory) -> Iterator[Finding]:
    """Remarks of the model itself, if any, and that it ignores regressors."""
    if seen.regressors is not None and model.name != "regression":
        yield _finding(
            "regressors",
            f"{model.name} takes no regressors: what they say of the future is not in this forecast; "
            "model regression takes them",
        )
    for message in remarks(model, seen):
        yield _finding("model", message)


def of_growth(
    found: MeasuredGrowth | None, mode: GrowthMode, model: ForecastModel, season: Season
) -> Iterator[Finding]:
    """That measured growth is left out, or cannot be."""
    if found is None:
        grows = season.long is None or model.name.startswith(GROWS_BY_THE_HOUR)
        if mode != "measured" and grows and not isinstance(model, Flat | SeasonalNaive | Intermittent):
            yield _finding(
                "growth",
                f"{model.name} carries on what growth it finds, whatever --growth says; planning keeps them apart",
            )
        return
    if mode != "measured":
        instead = ", and what is stated takes its place" if mode == "stated" else ""
        yield _finding(
            "growth", f"measured growth of {100 * (found.per_month - 1):+.1f} % a month is left out{instead}"
        )


def of_width(bands: Levels, seen: CleanedHistory, model: ForecastModel, ceiling: float = np.inf) -> Iterator[Finding]:
    """That levels have no width: where a model stopped at its limit, or the history never differs from itself."""
    if float(np.ptp(seen.values)) == 0 or model.name == "intermittent" or not bands:
        return
    least, most = float(seen.values.min()), float(seen.values.max())
    none = ((hi <= lo) & (hi > 0) & (lo < ceiling) for lo, hi in bands.values())
    narrow = max(none, key=lambda where: int(where.sum()))
    middle = next(iter(bands.values()))[0]
    beyond = int(np.sum(narrow & ((middle > most) | (middle < least))))
    if beyond:
        yield _finding(
            "limit",
            f"levels of {plural(beyond, 'step')} have no width: {model.name} stops at half a range beyond what was "
            "seen; model planning does not",
        )
    elif narrow.any():
        yield _finding(
            "limit",
            f"levels of {plural(int(narrow.sum()), 'step')} have no width: the history repeats itself, nearly or "
            "exactly, which says nothing of how sure it is",
        )


def of_selection(selected: ModelSelection) -> Iterator[Finding]:
    """That a rival of the combination was taken."""
    if selected.model.name == "combination" or not selected.errors:
        return
    ratio = selected.errors[selected.model.name] / selected.errors["combination"]
    whose = "still those of the combination" if isinstance(selected.model, Picked) else "its own"
    yield _finding(
        "selected",
        f"{selected.model.name} was chosen: over the last {selected.origins} origins its error was "
        f"{ratio:.2f} of the combination's; paths and levels are {whose}",
    )


def of_backtest(
    history: History, found: Backtest | None, model: ForecastModel, growth: GrowthMode, *, stated: bool
) -> Iterator[Finding]:
    """Findings of the backtest: whether there was one, what the model beats, and levels known to be too narrow.

    `growth` is that of the forecast; `stated`: the levels are a factor that is not measured.
    """
    if found is None:
        yield _finding(
            "backtest",
            f"{plural(len(history), 'step')} of history leave no origin to test from: accuracy is not known"
            + ("" if stated else ", and the error of the level as a whole is the usual one"),
        )
        return
    if len(found.origins) < 2:
        yield _finding(
            "level", "the error of the level as a whole is the usual one: fewer than 2 origins to measure it on"
        )
    if found.shortened:
        yield _finding("backtest", found.shortened)
    if isinstance(model, Planning):
        yield from _of_overlap(found)
    if found.beats_seasonal_naive is False and not isinstance(model, SeasonalNaive):
        yield _finding(
            "naive",
            f"{model.name} does not beat repeating the last season: relative MASE {found.relative_mase:.2f} "
            f"over {len(found.origins)} origins; model seasonal-naive repeats it",
        )
    elif found.best == "seasonal-naive":
        yield _finding("naive", f"nothing beats repeating the last season over {len(found.origins)} origins")
    yield from _of_coverage(found, history.season.word, _untested(model, growth))


def _untested(model: ForecastModel, growth: GrowthMode) -> str:
    """The growth that the backtest leaves out; empty where it leaves none out."""
    if growth == "stated":
        return "the growth that events state"
    return (
        "the growth of the history, as --growth none says" if growth == "none" and isinstance(model, Planning) else ""
    )


def _of_coverage(found: Backtest, season: str, untested: str) -> Iterator[Finding]:
    """Coverage that the lowest level reached, where sums or peaks were missed clearly more often than it promises."""
    kept = min(found.coverage, key=lambda one: one.level, default=None)
    if kept is None:
        return
    shares = ((f"{season} totals", kept.days), ("totals", kept.totals), ("peaks", kept.peaks))
    reached = [(what, 100 * share) for what, share in shares if share is not None]
    low = [f"{share:.0f} % of the {what}" for what, share in reached if share < kept.level - SHORT_OF]
    if low:
        means = ": it may be too narrow; a width factor widens it"
        if untested:
            means = (
                f" of a backtest that leaves out {untested}: a history that grew lies beyond such levels, which does "
                "not make those of this forecast too narrow"
            )
        origins = plural(len(found.origins), "origin")
        yield _finding("totals", f"the {kept.level} % level held {', '.join(low)} over {origins}{means}")


def _of_overlap(found: Backtest) -> Iterator[Finding]:
    """That the coverage of totals rests on horizons that are mostly the same one."""
    times = (found.origins[0] - found.origins[-1]) / found.horizon + 1
    if times < FEW_HORIZONS:
        few = plural(len(found.origins), "origin")
        how = f"overlap and make up {times:.1f} horizons" if times > 1 else "is a single horizon"
        yield _finding(
            "coverage",
            f"too short to tell how many totals so far ahead the levels hold: {few} of the backtest, "
            f"{plural(found.horizon, 'step')} ahead, {how}",
        )


def of_total(mean: Floats, paths: Floats, factor: float) -> Iterator[Finding]:
    """That the point forecast, or the mean of the paths, adds up to less or more than nearly all paths do.

    `factor` turns a sum over the steps into a total, as in `simcost.forecast.sample_paths.weight`.
    """
    total = factor * float(mean.sum())
    sums = factor * paths.sum(axis=1)
    lo, middle, hi = (float(end) for end in quantiles(sums, (0.1, 0.5, 0.9)))
    if not lo <= (mean_total := float(sums.mean())) <= hi:
        yield _finding(
            "skewed",
            f"the mean of the paths' totals, {mean_total:.4g}, is outside their middle 80 % ({lo:.4g} to {hi:.4g}): a "
            "few paths make it up; take the median",
        )
    if not lo <= total <= hi and abs(total - middle) > SKEWED * abs(middle):
        yield _finding(
            "skewed",
            f"the steps of the point forecast add up to {total:.4g}, outside the middle 80 % of the paths' totals "
            f"({lo:.4g} to {hi:.4g}): demand comes in bursts; take totals and peaks from the paths",
        )


def of_last_week(history: History, paths: Floats, model: ForecastModel) -> Iterator[Finding]:
    """That a history too short to know the week goes on from its last days, far from the same days of a week before."""
    day, week = history.season.short, history.season.long
    if week is None or not week <= len(history) < RECENT_DAYS * day:
        return
    if paths.shape[1] < FEW_DAYS * day or not isinstance(model, Combination | Picked):
        return
    repeated = np.resize(np.nan_to_num(history.raw[-week:]), paths.shape[1]).mean()
    ratio = float(paths.mean() / repeated) if repeated > 0 else 1.0
    if not 1 / (1 + APART) <= ratio <= 1 + APART:
        yield _finding(
            "week",
            f"the total is {ratio:.2f} times that of the same days of the last week: a history of "
            f"{plural(len(history) // day, 'day')} does not tell weekdays from weekends, and the forecast goes on from "
            f"its last days; from {RECENT_DAYS} days on it knows the week; model seasonal-naive-week repeats it",
        )


def of_paths(paths: int, levels: Iterable[int]) -> Iterator[Finding]:
    """A finding where an end of a level rests on less than one of the paths."""
    wide = max(levels, default=0)
    needed = ceil(200 / (100 - wide))
    if paths < needed:
        yield _finding(
            "paths",
            f"{plural(paths, 'path')} cannot show the {wide} % level, of which each end is one path of {needed}: it is "
            f"too narrow; draw {needed} or more",
        )


def of_levels(factors: tuple[Factor, ...], width: float, asked_days: int, learnt_days: int) -> Iterator[Finding]:
    """That levels or paths were scaled, or could not be."""
    if width != 1:
        yield _finding("width", f"paths and levels at {width:g} times their measured width, as asked")
    if factors:
        told = ", ".join(f"{factor.level} % by {factor.value:.2f}" for factor in factors)
        fewer = f" of {asked_days} asked for" if learnt_days < asked_days else ""
        yield _finding(
            "adapted",
            f"levels scaled by what the last {learnt_days} seasons{fewer} missed: {told}; sample paths, and what is "
            "derived from them, are not",
        )
    elif asked_days:
        yield _finding("adapted", "levels are not adapted: that needs five seasons of history")


def of_sums(method: str, *, parent: bool) -> Finding:
    """That a forecast was made to add up with others."""
    what = (
        "the sums of its series' forecasts"
        if parent
        else "its share of the total's forecast, by what it had of it lately"
    )
    return _finding(
        "reconciled",
        f"{method}: mean, paths and levels are {what}; model and backtest are those of forecasting it by itself",
    )


def _short(steps: int, season: int, model: ForecastModel) -> Finding:
    """Too few seasons, and what the model that is used does about it."""
    little = f"too little history: {plural(steps, 'step')}, less than"
    stated = "its levels are a stated factor (half to double at 80 %), not a measurement"
    if isinstance(model, Flat):
        return _finding(
            "short-history", f"{little} one season of {season}; the forecast is their median, {_few(steps, season)}"
        )
    if isinstance(model, SeasonalNaive):
        levels = "its levels come from the few differences between seasons" if steps >= 2 * season else stated
        what = f"the forecast repeats the last season, {levels}"
    elif isinstance(model, Planning):
        seen = "no season of it is seen"
        if steps >= 2 * season:
            seen = "its season is seen but twice and may be chance, so that levels may be too narrow"
        what = f"{seen}; growth and levels are measured on these steps and rest on usual values where they are few"
    else:
        what = f"{model.name} is used as it is, and its levels know only these steps"
    return _finding("short-history", f"{little} {FEW_SEASONS} seasons of {season}; {what}")


def _few(steps: int, season: int) -> str:
    if steps >= 2 * season:
        return "its levels come from the distances to it"
    return "its levels a stated factor (half to double at 80 %), not a measurement"


def _finding(kind: str, message: str) -> Finding:
    return {"kind": kind, "message": message}
