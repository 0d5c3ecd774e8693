"""Accuracy, coverage and cost of forecasts on the M4 hourly series H1-H207 and on five series of AI demand.

    python bench/forecast.py [--part m4|ai|peers] [--json]

The official test window of M4 was used to choose the constants of the combination, by those who designed it; the
held-out origins inside the training data were not, but for two things that were chosen here on n-96, n-168 and n-216:
the lags of histories of 360-503 h, and the margin of the selection on long histories (also on Helios). Accuracy is
measured with the outage rule only, as in the published tables it is compared with; cost with all rules.
"""

import argparse
import csv
import gzip
import time
from collections.abc import Callable, Iterator
from typing import Any

import measure
import numpy as np

from simcost.forecast import accuracy as metrics
from simcost.forecast.cleaning import History, Rule
from simcost.forecast.forecast import Forecast, forecast
from simcost.forecast.models.combination import Combination
from simcost.forecast.models.selection import best_of_last_days, selection
from simcost.forecast.models.statsmodels_adapter import Library
from simcost.forecast.refits import Refits
from simcost.forecast.season import Season
from simcost.trace.series.series import Floats, Grid, Series

DATA = measure.SHARED / "data"
HOURLY = Season(24, 168)
OUTAGE: tuple[Rule, ...] = ("outage",)
H = 48
HELD_OUT = (48, 72, 96, 120, 168, 240)
Windows = list[tuple[Floats, Floats]]
"""History and what came, per series."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", choices=PARTS, help="default: all")
    options = parser.parse_args()
    if not (DATA / "m4_hourly_train.csv.gz").exists():
        print('{"name": "forecast", "skipped": "no reference data"}')
        return
    since = time.monotonic(), measure.cpu_s()
    parts = {name: run() for name, run in PARTS.items() if options.part in (None, name)}
    count = sum(part["forecasts"] for part in parts.values())
    document = {
        "name": "forecast",
        "work": f"{count} forecasts",
        **measure.account(since, count),
        **parts,
    }
    measure.show(document, options)


# M4 ------------------------------------------------------------------------------------------------------------


def m4() -> dict[str, Any]:
    official = m4_windows()
    train = [history for history, _ in official]
    held_out = {f"n-{back}": [(y[: len(y) - back], y[len(y) - back :][:H]) for y in train] for back in HELD_OUT}
    paths, cost = m4_paths(official)
    return {
        "forecasts": len(train) * (1 + len(HELD_OUT) + 3 + 3),
        "official": accuracy(official),
        "held_out": {name: accuracy(windows) for name, windows in held_out.items()},
        "last_360h": {
            name: accuracy([(y[-360:], a) for y, a in windows])
            for name, windows in held_out.items()
            if name in ("n-48", "n-120", "n-240")
        },
        "coverage": paths,
        "cpu_ms_per_series": cost,
    }


def accuracy(windows: Windows) -> dict[str, dict[str, float]]:
    """sMAPE, MASE and OWA of Naive2, the members, the combination, and what is chosen."""
    errors: dict[str, list[tuple[float, float]]] = {}
    for history, actual in windows:
        scale = metrics.scale(history, 24)
        for name, point in points(history).items():
            smape, mase = metrics.smape(actual, point), metrics.mase(actual, point, scale)
            if smape is not None and mase is not None:
                errors.setdefault(name, []).append((smape, mase))
    means = {name: np.mean(error, axis=0) for name, error in errors.items()}
    base = tuple(means["naive2"])
    return {
        name: {"smape": round(s, 3), "mase": round(m, 3), "owa": round(metrics.owa(s, m, base), 4)}
        for name, (s, m) in means.items()
    }


def points(raw: Floats) -> dict[str, Floats]:
    refits = Refits(History(raw=raw, season=HOURLY, rules=OUTAGE))
    found = refits.combined(len(raw), H).candidates()
    chosen = {
        "selection at any length": best_of_last_days(refits).model.name,
        "auto": selection(refits, H).model.name,
    }
    return {"naive2": naive2(raw, H), **found, **{what: found[name] for what, name in chosen.items()}}


def naive2(y: Floats, horizon: int, season: int = 24) -> Floats:
    """The last value, seasonally adjusted where the series is seasonal; the benchmark of the M4 competition."""
    centred = y - y.mean()
    acf = [float(centred[k:] @ centred[: len(y) - k] / (centred @ centred)) for k in range(1, season + 1)]
    limit = 1.645 * np.sqrt((1 + 2 * np.sum(np.square(acf[:-1]))) / len(y))
    if abs(acf[-1]) <= limit:
        return np.full(horizon, y[-1])
    weights = np.concatenate(([0.5], np.ones(season - 1), [0.5])) / season
    ratio = y[season // 2 : -(season // 2)] / np.convolve(y, weights, "valid")
    phase = (np.arange(len(ratio)) + season // 2) % season
    index = np.bincount(phase, weights=ratio) / np.bincount(phase)
    index /= index.mean()
    point: Floats = y[-1] / index[(len(y) - 1) % season] * index[(len(y) + np.arange(horizon)) % season]
    return point


def m4_paths(windows: Windows) -> tuple[dict[str, float], dict[str, float]]:
    """Coverage and MSIS of 400 paths on the official window, and CPU time with all rules of cleaning."""
    series = [hourly("m4", history) for history, _ in windows]
    timed = {
        "points": per_series_ms(lambda one: forecast(one, H, paths=0), series),
        "400_paths": per_series_ms(lambda one: forecast(one, H), series),
    }
    found = [inside(forecast(one, H, rules=OUTAGE), actual) for one, (_, actual) in zip(series, windows, strict=True)]
    return mean_of(found), timed


def per_series_ms(work: Callable[[Series], Forecast], series: list[Series]) -> float:
    start_s = measure.cpu_s()
    for one in series:
        work(one)
    return round((measure.cpu_s() - start_s) / len(series) * 1e3, 2)


def inside(found: Forecast, actual: Floats) -> dict[str, float]:
    """Share of actual values inside the levels: of steps, of the total, of the peak; and MSIS at 95 %."""
    scale = metrics.scale(found.series.values, 24)
    row: dict[str, float] = {}
    for level, (lo, hi) in found.levels.items():
        row[f"steps{level}"] = metrics.coverage(actual, lo, hi) or 0.0
        for name, futures, came in (
            ("totals", found.paths.sum(axis=1), actual.sum()),
            ("peaks", found.paths.max(axis=1), actual.max()),
        ):
            low, high = np.quantile(futures, (0.5 - level / 200, 0.5 + level / 200))
            row[f"{name}{level}"] = float(low <= came <= high)
    row["msis95"] = metrics.msis(actual, *found.levels[95], 95, scale) or 0.0
    row["crps"] = (metrics.crps(actual, found.paths) or 0.0) / (scale or 1.0)
    return row


# AI demand -----------------------------------------------------------------------------------------------------


def ai() -> dict[str, Any]:
    """Mean MASE by series over daily origins, next day; relative to repeating the last recorded day."""
    rows: dict[str, dict[str, float]] = {}
    paths: list[dict[str, float]] = []
    count = 0
    for name, values in ai_series().items():
        errors: dict[str, list[float]] = {}
        for end in ai_origins(len(values)):
            raw, actual = values[:end], values[end : end + 24]
            found = forecast(hourly(name, raw), 24, rules=OUTAGE)
            paths.append(inside(found, actual))
            for model, point in ai_points(raw, found).items():
                errors.setdefault(model, []).append(metrics.mase(actual, point, metrics.scale(raw, 24)) or 0.0)
            count += 1
        rows[name] = {model: round(float(np.mean(error)), 3) for model, error in errors.items()}
    naive = np.array([row["seasonal-naive, uncleaned"] for row in rows.values()])
    return {
        "forecasts": count,
        "mase": rows,
        "relative_mase": {
            model: round(float(np.exp(np.mean(np.log([row[model] for row in rows.values()] / naive)))), 3)
            for model in next(iter(rows.values()))
        },
        "coverage": mean_of(paths),
    }


def ai_points(raw: Floats, found: Forecast) -> dict[str, Floats]:
    refits = Refits(History(raw=raw, season=HOURLY, rules=OUTAGE))
    candidates = refits.combined(len(raw), 24).candidates()
    return {
        "seasonal-naive, uncleaned": raw[-24:],
        **candidates,
        "selection at any length": candidates[best_of_last_days(refits).model.name],
        "auto": found.mean,
    }


def ai_origins(steps: int) -> Iterator[int]:
    first = steps - 288 if steps > 1000 else max(168 if steps >= 200 else 120, steps - 192)
    yield from range(first, steps - 23, 24)


# Peers ---------------------------------------------------------------------------------------------------------


def peers() -> dict[str, Any]:
    """The models of statsmodels, as chosen by its criteria, on every ninth series of the official window."""
    windows = m4_windows()[::9]
    found = {name: peer(windows, name, Library(name=name)) for name in ("ets", "theta", "sarimax", "mstl")}
    found["combination"] = peer(windows, "combination", Combination())
    return {"forecasts": len(windows) * len(found), "series": len(windows), **found}


def peer(windows: Windows, name: str, model: Any) -> dict[str, float]:
    start_s = measure.cpu_s()
    made = [forecast(hourly(name, y), H, model=model, paths=0, rules=OUTAGE) for y, _ in windows]
    used_s = measure.cpu_s() - start_s
    actuals = [actual for _, actual in windows]
    smape = [metrics.smape(a, f.mean) for a, f in zip(actuals, made, strict=True)]
    mase = [metrics.mase(a, f.mean, metrics.scale(f.series.values, 24)) for a, f in zip(actuals, made, strict=True)]
    return {
        "smape": round(float(np.mean(np.array(smape, float))), 3),
        "mase": round(float(np.mean(np.array(mase, float))), 3),
        "cpu_ms_per_series": round(used_s / len(windows) * 1e3, 1),
    }


# Data ----------------------------------------------------------------------------------------------------------


def m4_windows() -> Windows:
    train, test = (m4_rows(f"m4_hourly_{part}.csv.gz") for part in ("train", "test"))
    return [(train[name], test[name]) for name in train]


def m4_rows(name: str) -> dict[str, Floats]:
    with gzip.open(DATA / name, "rt", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        return {row[0]: np.array([float(value) for value in row[1:] if value]) for row in rows}


def ai_series() -> dict[str, Floats]:
    found: dict[str, list[float]] = {}
    with gzip.open(DATA / "demand_hourly.csv.gz", "rt", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["series"], []).append(float(row["value"]))
    return {name: np.array(values) for name, values in found.items()}


def hourly(name: str, values: Floats) -> Series:
    return Series(name=name, quantity="requests", grid=Grid(start_s=0, step_s=3600), values=values)


def mean_of(rows: list[dict[str, float]]) -> dict[str, float]:
    return {key: round(float(np.mean([row[key] for row in rows])), 3) for key in rows[0]}


PARTS = {"m4": m4, "ai": ai, "peers": peers}


if __name__ == "__main__":
    main()
