"""Levels of hourly forecasts on made series whose law is known: a level and noise that are autoregressions of the first
order, a rhythm of the day and one of the week. Of 80 % levels, day totals and peaks of days are covered about so often.
"""

import numpy as np
import pytest
from scipy.signal import lfilter

from simcost.forecast.forecast import forecast
from simcost.forecast.level_error import by_day
from simcost.trace.series.series import Floats, Grid, Series

KINDS = {"noise alone": (0.0, 0.0), "a level that returns in days": (0.1, 0.9), "one of weeks": (0.15, 0.98)}
"""Deviation of the logarithm of the level, and the share of it that is there a day later."""
SERVICES = 100


def made(number: int, steps: int, deviation: float, lasting: float) -> Floats:
    """Hours from a random weekday on."""
    rng = np.random.default_rng([number, round(100 * lasting), steps])
    hours = np.arange(steps) + int(rng.integers(168))
    logs = 0.5 * np.sin(2 * np.pi * hours / 24) - 0.2 * (hours // 24 % 7 >= 5)
    for size, share in ((deviation, lasting ** (1 / 24)), (0.1, 0.5)):
        noise = rng.standard_normal(steps + 1000)
        logs += size * lfilter([np.sqrt(1 - share**2)], [1, -share], noise)[1000:]
    return 1e4 * np.exp(logs)


def hourly(values: Floats) -> Series:
    return Series(name="x", quantity="requests", grid=Grid(start_s=0, step_s=3600), values=values)


def inside(futures: Floats, came: Floats) -> float:
    lo, hi = np.quantile(futures, (0.1, 0.9), axis=0)
    return float(np.mean((lo <= came) & (came <= hi)))


@pytest.mark.slow
@pytest.mark.parametrize("days", [1, 7])
@pytest.mark.parametrize("weeks", [2, 4, 9])
def test_day_totals_and_peaks_are_covered(weeks: int, days: int) -> None:
    """300 services in each case: the standard error is 2.3 points a day ahead, and 5 points are left for the fit."""
    found = []
    for deviation, lasting in KINDS.values():
        for number in range(SERVICES):
            steps = 168 * weeks + number % 168
            y = made(number, steps + 24 * days, deviation, lasting)
            came, paths = y[steps:], forecast(hourly(y[:steps]), 24 * days, paths=200).paths
            tops = paths.reshape(200, -1, 24).max(axis=2)
            found.append(
                (
                    inside(by_day(paths, 24), by_day(came, 24)),
                    inside(tops, came.reshape(-1, 24).max(axis=1)),
                )
            )
    totals, peaks = np.mean(found, axis=0)
    assert abs(totals - 0.8) < 0.1
    assert abs(peaks - 0.8) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("hours", [24, 34, 48])
def test_a_single_stop_leaves_the_levels_as_they_were(hours: int) -> None:
    """One or two days without demand, two weeks ago: levels of the days of a week were 10 to 50 times as wide."""
    ratios, covered = [], []
    for number in range(40):
        y = made(number, 600 + 168, 0.05, 0.9)
        stopped = y.copy()
        stopped[250 : 250 + hours] = 0
        each = [by_day(forecast(hourly(known[:600]), 168, paths=200).paths, 24) for known in (y, stopped)]
        widths = [np.diff(np.quantile(days, (0.1, 0.9), axis=0), axis=0).mean() for days in each]
        ratios.append(widths[1] / widths[0])
        covered.append([inside(days, by_day(y[600:], 24)) for days in each])
    whole, with_a_stop = np.mean(covered, axis=0)
    assert np.median(ratios) == pytest.approx(1, abs=0.15)
    assert max(ratios) < 1.5
    assert with_a_stop == pytest.approx(whole, abs=0.07)


@pytest.mark.slow
@pytest.mark.parametrize("days", [1, 7])
@pytest.mark.parametrize("share", [0.05, 0.3])
def test_demand_that_is_cut_at_a_ceiling_is_covered(share: float, days: int) -> None:
    """A share of the hours is at the size of a pool. Where the upper end is the ceiling no tenth lies above it: up to
    all such peaks are covered. Without a ceiling futures of real pools held 4 in 10 peaks of a week.
    """
    found = []
    for number in range(80):
        y = made(number, 700 + 24 * days, 0.1, 0.9)
        size = float(np.quantile(y[:700], 1 - share))
        y = np.minimum(y, size)
        paths, came = forecast(hourly(y[:700]), 24 * days, paths=200).paths, y[700:]
        assert paths.max() <= size
        peaks = paths.max(axis=1, keepdims=True), came.max(keepdims=True)
        found.append((inside(by_day(paths, 24), by_day(came, 24)), inside(*peaks)))
    totals, tops = np.mean(found, axis=0)
    assert totals == pytest.approx(0.8, abs=0.1)
    assert tops > 0.8
