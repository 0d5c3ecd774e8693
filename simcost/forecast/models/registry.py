"""The models by name: the one place that knows them all."""

from typing import Protocol, get_args, runtime_checkable

from simcost.errors import InputError, did_you_mean
from simcost.forecast.models import selection
from simcost.forecast.models.base import CleanedHistory, ForecastModel
from simcost.forecast.models.combination import Combination
from simcost.forecast.models.intermittent import Intermittent, is_intermittent
from simcost.forecast.models.long_horizon import MONTHLY, WEEKLY, Planning
from simcost.forecast.models.members import Autoregression, Flat, SeasonalNaive, SeasonalProfile
from simcost.forecast.models.regression import Regression
from simcost.forecast.models.statsmodels_adapter import Library
from simcost.forecast.names import ModelName

MODELS: tuple[ForecastModel, ...] = (
    Combination(),
    SeasonalNaive(),
    SeasonalNaive(week=True),
    Autoregression(),
    SeasonalProfile(),
    Flat(),
    Library("ets"),
    Library("theta"),
    Library("sarimax"),
    Library("mstl"),
    Regression(),
    Planning(),
    Intermittent(),
)


def model_named(name: str) -> ForecastModel:
    """The model that `--model` names; `auto` has none, since it depends on the series.

    Raises:
        InputError: a name that no model has.
    """
    for model in MODELS:
        if model.name == name:
            return model
    known = get_args(ModelName)
    raise InputError(f"no model {name!r}{did_you_mean(name, known)}; there are {', '.join(known)}")


def default_model(seen: CleanedHistory) -> ForecastModel:
    """The model that suits a history: by the share of its zeros, then by its step and length."""
    if is_intermittent(seen):
        return Intermittent()
    return Planning() if seen.season in (WEEKLY, MONTHLY) else selection.default_model(seen)


@runtime_checkable
class Remarking(Protocol):
    """A model that chooses, falls back, or needs to be read with care."""

    def remarks(self, seen: CleanedHistory) -> list[str]:
        """Remarks on its forecast."""


def remarks(model: ForecastModel, seen: CleanedHistory) -> list[str]:
    """Remarks of a model on its forecast of this history; most have none."""
    return model.remarks(seen) if isinstance(model, Remarking) else []
