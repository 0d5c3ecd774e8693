"""Models of statsmodels: their forecasts are statsmodels' own, their paths are joint, their failures are said."""

import numpy as np
import pytest

from simcost.errors import InputError
from simcost.forecast.models import statsmodels_adapter
from simcost.forecast.models.base import CleanedHistory
from simcost.forecast.models.statsmodels_adapter import Library
from simcost.forecast.season import Season
from simcost.rng import stream

NAMES = ("ets", "theta", "sarimax", "mstl")
DAY = Season(8, 56)


def seen(values, season=DAY):
    return CleanedHistory(values=np.asarray(values, dtype=np.float64), season=season, floor=bool(np.min(values) >= 0))


def daily(days, noise=2.0, season=8):
    t = np.arange(days * season)
    return 100 + 40 * np.sin(2 * np.pi * t / season) + noise * stream(7, "noise").standard_normal(len(t))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_daily_profile_is_recovered(name):
    known = seen(daily(15))
    truth = 100 + 40 * np.sin(2 * np.pi * np.arange(120, 144) / 8)
    assert np.abs(Library(name).point(known, 24) - truth).max() < 8


@pytest.mark.parametrize("name", NAMES)
def test_paths_lie_around_the_forecast_and_depend_on_the_stream_only(name):
    known, model = seen(daily(15)), Library(name)
    paths = model.paths(known, 24, 200, stream(1, "paths"))
    assert paths.shape == (200, 24)
    assert np.isfinite(paths).all()
    assert np.array_equal(paths, model.paths(known, 24, 200, stream(1, "paths")))
    assert not np.array_equal(paths, model.paths(known, 24, 200, stream(2, "paths")))
    assert np.abs(paths.mean(axis=0) - model.point(known, 24)).max() < 3
    assert 0.5 < paths.std(axis=0).mean() < 8  # noise of 2


def test_theta_is_statsmodels_theta():
    from statsmodels.tsa.forecasting.theta import ThetaModel

    values = daily(20)[:-3]  # a history that ends within a day
    own = ThetaModel(values, period=8).fit().forecast(20)
    assert np.allclose(Library("theta").point(seen(values), 20), own)


def test_seasonal_differences_are_undone():
    values = stream(4).random(31)
    ahead = (values[8:] - values[:-8])[-14:]
    assert np.allclose(statsmodels_adapter._summed(ahead[None], values[-22:-14])[0], values[-14:])


def test_ets_chooses_a_season_that_grows_with_the_level_when_it_does():
    t = np.arange(200)
    values = np.exp(0.01 * t) * (1 + 0.5 * np.sin(2 * np.pi * t / 8)) * np.exp(0.02 * stream(3).standard_normal(200))
    (said,) = Library("ets").remarks(seen(values))
    assert said.startswith("ets: (M,")
    assert said.endswith("of 4 forms, season 8")


def test_series_that_move_together_have_paths_that_move_together():
    values = daily(20)
    one = Library("ets").paths(seen(values), 24, 50, stream(1))
    ten = Library("ets").paths(seen(10 * values), 24, 50, stream(1))
    assert np.corrcoef((one - one.mean(axis=0)).ravel(), (ten - ten.mean(axis=0)).ravel())[0, 1] > 0.99


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("values", "why", "used"),
    [
        (np.full(100, 5.0), "constant", "seasonal-naive"),
        (np.arange(5.0), "5 steps are too few", "flat"),
        (np.arange(9.0), "9 steps are too few", "seasonal-naive"),
    ],
)
def test_what_cannot_be_fitted_is_replaced_and_said(name, values, why, used):
    (said,) = Library(name).remarks(seen(values))
    assert said.startswith(f"{name} was not used")
    assert why in said
    assert used in said
    assert Library(name).point(seen(values), 3).shape == (3,)


def test_a_fit_that_does_not_converge_is_replaced_and_said(monkeypatch):
    monkeypatch.setattr(statsmodels_adapter, "_sarimax", lambda values, season: None)
    known = seen(daily(5, noise=1.25))
    assert "did not converge: seasonal-naive in its place" in Library("sarimax").remarks(known)[0]
    assert np.array_equal(Library("sarimax").point(known, 8), known.values[-8:])


@pytest.mark.parametrize("name", NAMES)
def test_zeros_do_not_explode_and_nothing_falls_below_0(name):
    values = np.maximum(daily(15, noise=30) - 90, 0)
    model = Library(name)
    paths = model.paths(seen(values), 48, 50, stream(1))
    assert paths.min() >= 0
    assert max(paths.max(), model.point(seen(values), 48).max()) < 20 * values.max()


def test_a_season_too_long_for_sarimax_is_refused_with_a_way_out():
    with pytest.raises(InputError, match=r"season of 288 steps.*at most 100.*--freq 1h"):
        Library("sarimax").point(seen(np.arange(600.0), Season(288, 2016)), 10)
