"""The members: recovered profiles, an oracle, equivariance, and recursions that explode."""

import os
import subprocess
import sys

import numpy as np
import pytest

from simcost.forecast.models import base, ridge
from simcost.forecast.models.base import CleanedHistory, ForecastModel
from simcost.forecast.models.combination import LINEAR, NAIVE, RECENT, Combination, Picked
from simcost.forecast.models.members import (
    Autoregression,
    Flat,
    SeasonalNaive,
    SeasonalProfile,
    _shape,
    _shape_beside_lasting_noise,
)
from simcost.forecast.models.smoothing import DAY, LEVEL, WEEK, SeasonalSmoothing
from simcost.forecast.season import Season
from simcost.trace.series.series import Floats

HOURLY = Season(24, 168)
EVERY: tuple[ForecastModel, ...] = (*NAIVE, *LINEAR, *RECENT, Flat(), Combination(), Combination(of="linear"))


def seen(values: Floats, season: Season = HOURLY) -> CleanedHistory:
    return CleanedHistory(values=values, season=season, floor=bool(values.min() >= 0))


def rhythm(steps: int) -> Floats:
    t = np.arange(steps)
    return 10 + 3 * np.sin(2 * np.pi * t / 24) + np.where(t % 168 >= 120, -2.0, 0.0) * (1 + np.cos(t % 24))


def test_a_noiseless_rhythm_is_recovered() -> None:
    y = rhythm(840)
    past, future = y[:672], y[672:]
    assert SeasonalProfile(log=False).point(seen(past), 168) == pytest.approx(future, abs=1e-6)
    assert Autoregression(log=False).point(seen(past), 168) == pytest.approx(future, abs=0.1)


def test_autoregression_is_that_of_statsmodels_without_its_ridge(m4: list[tuple[Floats, Floats]]) -> None:
    from statsmodels.tsa.ar_model import AutoReg

    for raw, _ in m4[::70]:
        z = np.log(raw)
        lags, _ = ridge.lags_for(HOURLY, len(raw), remainder=False)
        oracle = AutoReg(z, lags=lags.tolist()).fit().forecast(48)
        assert ridge.fit(z, lags, 0.0).ahead(48)[0] == pytest.approx(np.asarray(oracle), rel=1e-6)


@pytest.mark.parametrize("model", EVERY, ids=lambda model: model.name)
def test_ten_times_the_demand_is_ten_times_the_forecast(model: ForecastModel) -> None:
    y = np.random.default_rng(2).gamma(5, 1, 700) * (2 + np.sin(np.arange(700) * 2 * np.pi / 24))
    small, large = (model.paths(seen(y * k), 30, 8, np.random.default_rng(3)) for k in (1, 10))
    assert large == pytest.approx(10 * small, rel=1e-5)
    assert model.point(seen(10 * y), 30) == pytest.approx(10 * model.point(seen(y), 30), rel=1e-5)


def test_naive_members_repeat() -> None:
    y = np.arange(400.0)
    assert SeasonalNaive().point(seen(y), 30).tolist() == [*range(376, 400), *range(376, 382)]
    assert SeasonalNaive(week=True).point(seen(y), 3).tolist() == [232, 233, 234]
    assert SeasonalNaive(week=True).point(seen(y[:168]), 1).tolist() == [0]
    assert SeasonalNaive(week=True, least_days=8).point(seen(y[:191]), 1).tolist() == [167]


def lasting_noise(seed: int, share: float, steps: int) -> tuple[Floats, np.random.Generator]:
    rng = np.random.default_rng(seed)
    x = np.zeros(steps)
    for t in range(1, steps):
        x[t] = share * x[t - 1] + rng.normal()
    return x, rng


def test_odd_hours_pull_an_autoregression_less() -> None:
    lags, found = np.array([1, 2, 24]), []
    for seed in range(20):
        x, rng = lasting_noise(seed, 0.8, 400)
        odd = x + 8 * (rng.random(400) < 0.03)
        truth = ridge.fit(x, lags, 1e-4).coefficients
        fits = [ridge.fit(odd, lags, 1e-4, halved=halved).coefficients for halved in (None, 336)]
        found.append([np.abs(fit - truth)[:3].sum() for fit in fits])
    plain, robust = np.mean(found, axis=0)
    assert robust < 0.9 * plain


def test_old_hours_pull_an_autoregression_less() -> None:
    x = np.concatenate((lasting_noise(1, 0.0, 500)[0], lasting_noise(2, 0.9, 500)[0]))
    alike, recent = (ridge.fit(x, np.array([1]), 1e-4, halved=halved).coefficients[0] for halved in (None, 100))
    assert abs(recent - 0.9) < abs(alike - 0.9)


def test_a_profile_beside_lasting_noise_is_nearer_to_the_truth() -> None:
    truth, found = rhythm(168) / 10, []
    for seed in range(20):
        x, rng = lasting_noise(seed, 0.9, 672)
        z = np.tile(truth, 4) + 0.1 * x + (rng.random(672) < 0.01)
        first = _shape(z, HOURLY)
        shapes = first, _shape_beside_lasting_noise(z, HOURLY, first)
        found.append([np.abs(np.diff(shape - truth)).mean() for shape in shapes])
    means, beside = np.mean(found, axis=0)
    assert beside < 0.95 * means


def test_lags_drop_with_the_history() -> None:
    def longest(days: float) -> int:
        return int(ridge.lags_for(HOURLY, round(days * 24), remainder=False)[0][-1])

    assert [longest(days) for days in (25, 24, 15, 14)] == [192, 169, 169, 25]
    assert ridge.lags_for(HOURLY, 600, remainder=False)[0].size == 23
    assert ridge.lags_for(Season(7), 100, remainder=True)[0].tolist() == [1, 2, 3, 6, 7, 8, 14]
    assert ridge.lags_for(Season(1), 100, remainder=True)[0].tolist() == [1, 2, 3]
    assert ridge.fit(np.arange(5.0), np.array([1, 24]), 1e-4).lags.tolist() == [1]


@pytest.mark.parametrize("rate", [1.05, -1.05])
def test_an_exploding_recursion_stays_finite(rate: float) -> None:
    y = 1000 + rate ** np.arange(200)
    for model in EVERY:
        assert np.isfinite(model.point(seen(y), 8760)).all()
        assert np.isfinite(model.paths(seen(y), 8760, 8, np.random.default_rng(1))).all()


def test_paths_are_the_recursion_with_noise_in_it() -> None:
    """Noise through the response = the recursion run step by step."""
    x = np.random.default_rng(5).normal(size=300).cumsum()
    fitted = ridge.fit(x, np.array([1, 2, 24]), 1e-3)
    point, response = fitted.ahead(40)
    noise = np.random.default_rng(6).normal(size=(1, 40))
    u = np.concatenate(((x - fitted.mean) / fitted.sd, np.zeros(40)))
    for t in range(300, 340):
        past = u[t - fitted.lags]
        u[t] = fitted.coefficients[:-1] @ past + fitted.coefficients[-1] + noise[0, t - 300] / fitted.sd
    stepwise = fitted.mean + fitted.sd * u[300:]
    assert point + base.through(noise, response)[0] == pytest.approx(stepwise)


def smoothed(z: Floats, phi: float, noise: Floats) -> Floats:
    """Smoothing as it is written down, step by step: the values of the steps after z, with noise in them."""
    days = np.tile(z[:168].reshape(7, 24).mean(axis=0), 7)
    level, day, week = 0.0, days[:24].copy(), (z[:168] - days) / 2
    made, error = [], 0.0
    for t in range(168, len(z) + len(noise)):
        expected = level + day[t % 24] + week[t % 168]
        error = z[t] - expected if t < len(z) else phi * error + noise[t - len(z)]
        made.append(expected + error)
        level += LEVEL * error
        day[t % 24] += DAY * error
        week[t % 168] += WEEK * error
    return np.array(made[-len(noise) :])


@pytest.mark.parametrize("steps", [361, 700, 1700])
def test_smoothing_is_its_recursion_step_by_step(steps: int) -> None:
    y = rhythm(steps) * np.exp(0.1 * np.random.default_rng(4).normal(size=steps))
    fitted = SeasonalSmoothing().fit(seen(y), 200)
    z, phi, unit = np.log(y[-8 * 168 :]), fitted.response[1] - LEVEL, np.eye(1, 200)[0]
    point = smoothed(z, phi, 0 * unit)
    assert fitted.centre == pytest.approx(point, abs=1e-9)
    assert fitted.response == pytest.approx(smoothed(z, phi, unit) - point, abs=1e-9)
    assert 0 <= phi < 0.5


def test_a_profile_of_recent_weeks_forgets_older_ones() -> None:
    old, new = 5 * rhythm(336), rhythm(336)[::-1]
    alone, after = (SeasonalProfile(recent=True).point(seen(y), 48) for y in (new, np.concatenate((old, new))))
    assert alone.tolist() == after.tolist()
    assert SeasonalProfile().point(seen(np.concatenate((old, new))), 48).tolist() != after.tolist()


def test_equal_streams_take_equal_blocks_of_any_series() -> None:
    first, second = np.arange(100.0), np.arange(100.0) ** 2
    a, b = (base.draw_blocks(r, 24, 60, 5, np.random.default_rng(1)) for r in (first, second))
    assert (a**2).tolist() == b.tolist()
    assert (np.diff(a[:, :24]) == 1).all()
    assert base.draw_blocks(first[:10], 24, 30, 5, np.random.default_rng(1)).shape == (5, 30)


def test_a_pool_gives_each_member_its_share_in_turn() -> None:
    fitted = Combination().fit(seen(rhythm(700) + np.random.default_rng(1).normal(0, 0.1, 700)), 24)
    assert len(fitted.pooled) == 4
    drawn = fitted.draw(10, np.random.default_rng(1))
    alone = fitted.members["autoregression"].draw(3, np.random.default_rng(1))
    assert drawn[0::4].tolist() == alone.tolist()


def test_a_pick_keeps_the_pool() -> None:
    past = seen(np.random.default_rng(1).gamma(5, 1, 200))
    picked, pool = Picked(name="profile").fit(past, 24), Combination().fit(past, 24)
    assert picked.point.tolist() == SeasonalProfile().point(past, 24).tolist()
    both = [fit.draw(12, np.random.default_rng(1)).tolist() for fit in (picked, pool)]
    assert both[0] == both[1]
    assert len(pool.pooled) == 6


@pytest.mark.parametrize(("season", "members"), [(HOURLY, 8), (Season(7), 5), (Season(1), 3)])
def test_members_follow_the_season(season: Season, members: int) -> None:
    y = np.random.default_rng(1).gamma(5, 1, 400)
    assert len(Combination().fit(seen(y, season), 20).members) == members
    assert len(Combination().fit(seen(y[:359], season), 20).members) == min(members, 6)
    assert not {model.name for model in RECENT} & set(Combination().fit(seen(y, season), 20).pooled)


FITS = """
import numpy as np
from simcost.forecast.models.base import CleanedHistory
from simcost.forecast.models.members import SeasonalProfile
from simcost.forecast.season import Season
steps = np.arange(120 * 144)
values = 100 + 30 * np.sin(steps * 2 * np.pi / 144) + np.random.default_rng(1).normal(size=len(steps)).cumsum() % 7
seen = CleanedHistory(values=values, season=Season(144, 1008), floor=True)
print(SeasonalProfile().point(seen, 144).tobytes().hex())
"""


def test_fits_of_long_histories_are_the_same_with_any_number_of_threads() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", FITS],
            env={**os.environ, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    }
    assert len(found) == 1
