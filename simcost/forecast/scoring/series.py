"""Score of one series: its error, the parts of the error (level, days, shape of the day, rest), and sentences."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import fsum
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from simcost.forecast import accuracy
from simcost.forecast.calibration import Factor, missed
from simcost.forecast.document import iso
from simcost.forecast.events.horizon import Integers, ahead, middles, slots
from simcost.forecast.outages import Bools
from simcost.forecast.sample_paths import counted, spelled, weight
from simcost.forecast.scoring.issued import Issued, days
from simcost.trace.series.series import Floats, Grid
from simcost.units import format_amount

_DRIVERS = {
    "level": "the level, which was {too} throughout",
    "day_to_day": "days that came higher or lower than forecast, beyond the level",
    "hour_of_day": "the shape of the day, furthest off at {time} ({too_then})",
    "rest": "single steps without a pattern",
}


BURSTS = 0.1
"""Relative distance of the total of the points from that of the futures worth a word."""


def sentences(name: str, score: Mapping[str, Any], noise: bool | None) -> list[str]:
    """Main findings: the error, whether it is noise, its drivers, its place, and the effect of stated events."""
    return [
        _miss(name, score),
        *_bursts(score),
        *_band(score, noise),
        *_driver(score),
        *_worst(score),
        *_stated(score),
    ]


def _miss(name: str, score: Mapping[str, Any]) -> str:
    total, whole = score["total"], score["steps"] + score["missing"] + score["to_come"]
    what = f"{format_amount(total['actual'])} {spelled(total['quantity'])}".strip()
    came = "came on average" if total["average"] else "came"
    said = f"{name}: {what} {came} in {score['steps']:,} of {whole:,} steps"
    if not total["actual"]:
        return f"{said}, {format_amount(total['forecast'])} were forecast"
    off = _off(total["forecast"] / total["actual"] - 1)
    said += f"; the forecast of {format_amount(total['forecast'])} was {off}{'' if total['average'] else ' in total'}"
    measures = [f"WAPE {100 * score['wape']:.1f} %"]
    if score["mase"] is not None:
        measures.insert(0, f"MASE {score['mase']:.3g}")
    return f"{said} ({', '.join(measures)})"


def _bursts(score: Mapping[str, Any]) -> Iterator[str]:
    """That the points of the forecast add up to clearly less, or more, than its futures do on average."""
    points, expected = score["total"]["points"], score["total"]["expected"]
    if abs(points - expected) > BURSTS * abs(expected):
        so_far = "" if score["total"]["levels"] is not None else " and the forecast so far"
        reach = "farther up than down" if points < expected else "farther down than up"
        yield (
            f"of the whole horizon the points add up to {format_amount(points)}, the mean of the futures, which reach "
            f"{reach}, is {format_amount(expected)}: WAPE, bias and days{so_far} are of the points"
        )


def _off(error: float) -> str:
    return f"{100 * abs(error):.1f} % {_too(error)}" if abs(error) >= 0.0005 else "right"


def _too(error: float) -> str:
    return "too high" if error > 0 else "too low"


def _band(score: Mapping[str, Any], noise: bool | None) -> Iterator[str]:
    if noise is None:
        return
    level = min(score["coverage"], key=int)
    told = score["coverage"][level]
    if score["total"]["levels"] is not None:
        ends = score["total"]["levels"][level]
        what = "average" if score["total"]["average"] else "total"
        said = f"the {what} lies {'inside' if ends['inside'] else 'outside'} its {level} % level, "
        said += f"{format_amount(ends['lo'])} to {format_amount(ends['hi'])}"
    elif told["days"]:
        said = f"{100 * told['day_totals']:.0f} % of {told['days']} day totals lie inside their {level} % level"
    else:
        said = f"{100 * told['steps']:.0f} % of the steps lie inside their {level} % level"
    yield f"{said}: {'noise explains the miss' if noise else 'more than noise'}"


def _driver(score: Mapping[str, Any]) -> Iterator[str]:
    shares = {name: score["drivers"][name] for name in _DRIVERS}
    main = max(shares, key=lambda name: shares[name])
    if shares[main]:
        words = _DRIVERS[main].format(
            too=_too(score["drivers"]["mean_error"]),
            time=score["drivers"]["worst_time"],
            too_then=_too(score["drivers"]["worst_time_error"]),
        )
        yield f"{100 * shares[main]:.0f} % of the squared error is {words}"


def _worst(score: Mapping[str, Any]) -> Iterator[str]:
    for worst in score["worst"][:1]:
        events = f"; stated for it: {', '.join(worst['events'])}" if worst["events"] else ""
        came, ahead = format_amount(worst["actual"]), format_amount(worst["forecast"])
        share = f"{100 * worst['error_share']:.0f} % of the absolute error"
        yield f"worst: {worst['date']}, {came} came, {ahead} were forecast, {share}{events}"


def _stated(score: Mapping[str, Any]) -> Iterator[str]:
    """Statements that made the forecast better or worse, where that shows in a tenth of a per cent."""
    for part in score["parts"]:
        without = part["wape_without"]
        if without is not None and abs(without - score["wape"]) >= 0.001:
            name = "anything stated" if part["name"] is None else repr(part["name"])
            if without < score["wape"]:
                yield f"without {name} the forecast would have been better: WAPE {100 * without:.1f} %"
            else:
                yield f"stating {name} helped: WAPE {100 * without:.1f} % without"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorDecomposition:
    """Shares of the squared error, which sum to 1; all 0 for a forecast without error."""

    level: float
    """The mean error: too high or too low throughout."""
    day_to_day: float
    """Days that came higher or lower than forecast, beyond the level."""
    hour_of_day: float
    """Times of the day at which it was too high or too low on all days."""
    rest: float
    """Single steps, without a pattern."""
    worst_slot: int
    """The time of day, as number of its step, whose mean error is largest beyond level and day."""
    slot_error: float
    """That mean error, forecast less actual."""


def drivers(error: Floats, day: Integers, slot: Integers) -> ErrorDecomposition:
    """Split the squared error by three projections, one after the other: the mean, then the means of days, then the
    means of times of day of what is left. Each takes away just its own squared length, whether or not steps are
    missing, so that the four add up (sequential sums of squares, as in the analysis of variance).

    Args:
        error: forecast less actual, of the steps that can be compared.
        day: number of the day of each step.
        slot: number of each step within its day.
    """
    whole = float(error @ error)
    level = np.full_like(error, error.mean())
    by_day = _means(error - level, day)
    by_slot = _means(error - level - by_day, slot)
    parts = [float(part @ part) / whole if whole else 0.0 for part in (level, by_day, by_slot)]
    worst = int(np.abs(by_slot).argmax())
    return ErrorDecomposition(
        level=parts[0],
        day_to_day=parts[1],
        hour_of_day=parts[2],
        rest=max(1.0 - fsum(parts), 0.0) if whole else 0.0,
        worst_slot=int(slot[worst]),
        slot_error=float(by_slot[worst]),
    )


def _means(values: Floats, group: Integers) -> Floats:
    """Each value replaced by the mean of its group."""
    means: Floats = np.bincount(group, values) / np.maximum(np.bincount(group), 1)
    return means[group]


Document = dict[str, Any]
WORST = 5


def score_series(issued: Issued, actual: Floats, zone: ZoneInfo) -> Document:
    """The score of one series.

    Args:
        issued: the forecast.
        actual: one value per step of the horizon; NaN where none was recorded or none has come.
        zone: whose days are meant.
    """
    known = np.isfinite(actual)
    came = int(np.flatnonzero(known)[-1]) + 1
    error = (issued.mean - actual)[known]
    firsts, dates = days(issued.grid, len(actual), zone)
    day = np.repeat(np.arange(len(firsts)), np.diff([*firsts, len(actual)]))
    slot = slots(middles(ahead(issued.grid, len(actual), zone)), issued.grid.step_s)
    windows = _windows(issued, actual, firsts, dates)
    score = {
        "quantity": issued.quantity,
        "model": issued.model,
        "freq": issued.grid.name,
        "from": iso(issued.grid.times(1))[0],
        "to": iso(issued.grid.times(1, came))[0],
        "steps": int(known.sum()),
        "missing": int(came - known.sum()),
        "to_come": len(actual) - came,
        "mase": accuracy.mase(actual, issued.mean, issued.scale),
        "wape": accuracy.wape(actual, issued.mean),
        "bias": accuracy.bias(actual, issued.mean),
        "pinball": _pinball(issued, actual),
        "coverage": {str(level): _coverage(issued, actual, firsts, level) for level in issued.levels},
        "total": _total(issued, actual, known),
        "peak": _measure(issued, "peak", float(actual[known].max()), float(issued.mean[known].max()), known),
        "drivers": _drivers(error, day[known], slot[known], issued.grid),
        "worst": windows,
        "parts": _parts(issued, actual),
        "adaptive": _adaptive(issued, actual, firsts),
    }
    return score | {
        "noise_explains": (noise := _noise(score)),
        "sentences": sentences(issued.name, score, noise),
    }


def _pinball(issued: Issued, actual: Floats) -> float | None:
    """Mean pinball loss over the median and the ends of all levels."""
    losses = [accuracy.pinball(actual, issued.median, 0.5)]
    for level, (lo, hi) in issued.levels.items():
        losses += [
            accuracy.pinball(actual, lo, 0.5 - level / 200),
            accuracy.pinball(actual, hi, 0.5 + level / 200),
        ]
    known = [loss for loss in losses if loss is not None]
    return float(np.mean(known)) if known else None


def _coverage(issued: Issued, actual: Floats, firsts: list[int], level: int) -> Document:
    """Shares inside a level: of steps, of the totals and of the peaks of days that came in whole."""
    shares: Document = {"steps": accuracy.coverage(actual, *issued.levels[level]), "days": 0}
    for what, sums in (("day_totals", np.add), ("day_peaks", np.maximum)):
        shares[what] = None
        if level in issued.measures.get(what, {}):
            came = sums.reduceat(actual, firsts)  # NaN where a step is missing
            shares[what] = accuracy.coverage(came, *issued.measures[what][level])
            shares["days"] = int(np.isfinite(came).sum())
    return shares


def _total(issued: Issued, actual: Floats, known: Bools) -> Document:
    """The total of the steps compared, as what it counts; of a rate that does not add up the average. And those of all
    steps of the horizon, of the points and expected of the paths.
    """
    factor, word = weight(issued.quantity, issued.grid, int(known.sum())), counted(issued.quantity, issued.grid)
    total = _measure(issued, "total", float(actual[known].sum()), float(issued.mean[known].sum()), known, factor)
    whole = weight(issued.quantity, issued.grid, len(issued.mean))
    both = {"points": whole * float(issued.mean.sum()), "expected": whole * issued.expected["total"]}
    return total | {"quantity": word or issued.quantity, "average": word is None, **both}


def _measure(issued: Issued, what: str, actual: float, point: float, known: Bools, factor: float = 1.0) -> Document:
    """Total or peak of the steps compared. Once the whole horizon has come, the forecast is what was expected of
    its paths, with their levels; before, that of the points.
    """
    if not known.all():
        return {"actual": factor * actual, "forecast": factor * point, "levels": None}
    ends = {level: (factor * float(lo[0]), factor * float(hi[0])) for level, (lo, hi) in issued.measures[what].items()}
    return {
        "actual": factor * actual,
        "forecast": factor * issued.expected[what],
        "levels": {
            str(level): {"lo": lo, "hi": hi, "inside": lo <= factor * actual <= hi}
            for level, (lo, hi) in ends.items()
            if level
        },
        "median": ends[0][0],
    }


def _drivers(error: Floats, day: Integers, slot: Integers, grid: Grid) -> Document:
    parts = drivers(error, day, slot)
    at_s = parts.worst_slot * grid.step_s
    return {
        "level": parts.level,
        "day_to_day": parts.day_to_day,
        "hour_of_day": parts.hour_of_day,
        "rest": parts.rest,
        "mean_error": float(error.mean()),
        "worst_time": None if grid.dates else f"{at_s // 3600:02d}:{at_s % 3600 // 60:02d}",
        "worst_time_error": parts.slot_error,
    }


def _windows(issued: Issued, actual: Floats, firsts: list[int], dates: list[str]) -> list[Document]:
    """The days (or longer steps) with the largest share of the absolute error, and the events that act in them."""
    known = np.isfinite(actual)
    error = np.where(known, np.abs(issued.mean - actual), 0.0)
    shares = np.add.reduceat(error, firsts) / (error.sum() or 1.0)
    ends = [*firsts[1:], len(actual)]
    windows = []
    for number in np.argsort(-shares, kind="stable")[:WORST]:
        inside = slice(firsts[number], ends[number])
        seen = known[inside]
        if not seen.any() or not shares[number]:
            continue
        factor = weight(issued.quantity, issued.grid, int(seen.sum()))
        levels = {
            str(level): accuracy.coverage(actual[inside], lo[inside], hi[inside])
            for level, (lo, hi) in issued.levels.items()
        }
        windows.append(
            {
                "date": dates[number],
                "steps": int(seen.sum()),
                "actual": factor * float(actual[inside][seen].sum()),
                "forecast": factor * float(issued.mean[inside][seen].sum()),
                "error_share": float(shares[number]),
                "coverage": levels,
                "events": [name for name, effect in issued.parts.items() if effect[inside].any()],
            }
        )
    return windows


def _parts(issued: Issued, actual: Floats) -> list[Document]:
    """Error without each stated event; where there are several, also without all (None)."""
    known = np.isfinite(actual)
    factor = weight(issued.quantity, issued.grid, int(known.sum()))
    effects: list[tuple[str | None, Floats]] = [*issued.parts.items()]
    if len(effects) > 1:
        effects.append((None, issued.mean - issued.base))
    return [
        {
            "name": name,
            "effect": factor * float(effect[known].sum()),
            "mase_without": accuracy.mase(actual, issued.mean - effect, issued.scale),
            "wape_without": accuracy.wape(actual, issued.mean - effect),
        }
        for name, effect in effects
    ]


def _adaptive(issued: Issued, actual: Floats, firsts: list[int]) -> dict[str, float] | None:
    """Factors that levels would have after the days that came, had they started at 1; None for longer steps."""
    if issued.grid.dates:
        return None
    factors = {}
    for level, (lo, hi) in issued.levels.items():
        factor = Factor(level=level)
        for inside in map(slice, firsts, [*firsts[1:], len(actual)]):
            share = missed(actual[inside], *factor.scaled(issued.median[inside], lo[inside], hi[inside]))
            factor = factor if share is None else factor.update(share)
        factors[str(level)] = factor.value
    return factors


def _noise(score: Document) -> bool | None:
    """True if the error is within what the narrowest level promises.

    By the total of the horizon once all of it has come; before, by the totals of days, or by single steps where
    there are none: no more outside than the level allows, give or take two standard deviations of a count.
    """
    if not score["coverage"]:
        return None
    level = min(score["coverage"], key=int)
    if score["total"]["levels"] is not None:
        return bool(score["total"]["levels"][level]["inside"])
    told = score["coverage"][level]
    share, count = (told["day_totals"], told["days"]) if told["days"] else (told["steps"], score["steps"])
    promised = int(level) / 100
    return bool(share >= promised - 2 * (promised * (1 - promised) / count) ** 0.5)
