"""The models by name: each is there, keeps the promise of every model, and loads statsmodels only when it is used."""

import subprocess
import sys
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcost.errors import InputError
from simcost.forecast.models.base import CleanedHistory
from simcost.forecast.models.registry import MODELS, default_model, model_named, remarks
from simcost.forecast.names import ModelName
from simcost.forecast.season import Season
from simcost.rng import stream


def seen(values, *season):
    return CleanedHistory(values=np.asarray(values, dtype=np.float64), season=Season(*season), floor=min(values) >= 0)


def test_every_name_but_auto_names_its_model():
    assert {model.name for model in MODELS} == set(get_args(ModelName)) - {"auto"}
    assert all(model_named(model.name) is model for model in MODELS)


def test_an_unknown_name_is_refused_with_a_suggestion():
    with pytest.raises(InputError, match=r"no model 'sarima'; did you mean 'sarimax'\?; there are auto, comb"):
        model_named("sarima")


@pytest.mark.parametrize(
    ("history", "horizon", "name"),
    [
        (seen(np.arange(1.0, 200), 24, 168), 672, "combination"),
        (seen(np.arange(1.0, 200), 24, 168), 673, "planning"),
        (seen(np.arange(1.0, 200), 7), 28, "combination"),
        (seen(np.arange(1.0, 200), 7), 29, "planning"),
        (seen(np.arange(1.0, 200), 12, 84), 24, "combination"),  # steps of 2 h, not months
        (seen(np.arange(1.0, 30), 52), 1, "planning"),
        (seen(np.arange(1.0, 30), 12), 1, "planning"),
        (seen([0, 0, 0, 0, 3.0] * 40, 24, 168), 700, "intermittent"),
        (seen([1.0, 2], 24, 168), 24, "flat"),
    ],
)
def test_the_model_that_suits_a_history(history, horizon, name):
    assert default_model(history, horizon).name == name


def test_days_without_their_growth_are_planned():
    assert default_model(seen(np.arange(1.0, 200), 7), 7, growth=False).name == "planning"


@settings(max_examples=12)
@given(
    st.lists(st.sampled_from([0.0, 0.0, 1.0, 2.5, 3.0, 1000.0]), min_size=2, max_size=60),
    st.sampled_from([(4, 28), (7,), (12,), (1,)]),
)
@pytest.mark.parametrize("model", [m for m in MODELS if m.name not in ("sarimax", "ets", "mstl")], ids=lambda m: m.name)
def test_forecasts_of_any_history_are_finite_and_not_below_0(model, values, season):
    history = seen(values, *season)
    point, paths = model.point(history, 10), model.paths(history, 10, 6, stream(1))
    assert point.shape == (10,)
    assert paths.shape == (6, 10)
    assert np.isfinite(point).all()
    assert np.isfinite(paths).all()
    assert min(point.min(), paths.min()) >= 0
    assert np.array_equal(paths, model.paths(history, 10, 6, stream(1)))
    assert all(isinstance(said, str) for said in remarks(model, history))


def test_knowing_the_models_loads_neither_statsmodels_nor_scipy():
    script = (
        "import sys, simcost.forecast.models.registry\nprint({'statsmodels', 'scipy', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
