"""The models by name: the one place that knows them all."""

from typing import Protocol, get_args, runtime_checkable

from simcost.errors import InputError, did_you_mean
from simcost.forecast.models import selection
from simcost.forecast.models.base import CleanedHistory, ForecastModel
from simcost.forecast.models.combination import Combination
from simcost.forecast.models.intermittent import Intermittent, is_intermittent
from simcost.forecast.models.long_horizon import Planning
from simcost.forecast.models.members import Autoregression, Flat, SeasonalNaive, SeasonalProfile
from simcost.forecast.models.regression import Regression
from simcost.forecast.models.statsmodels_adapter import Library
from simcost.forecast.names import ModelName
from simcost.forecast.season import MONTHLY, WEEKLY

WEEK_OF_DAYS = 7
WEEKS_OF_COMBINATION = 4
"""Further ahead, level and growth matter more than the hours: weeks are forecast, and hours drawn from them."""

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


def default_model(seen: CleanedHistory, horizon: int, *, growth: bool = True) -> ForecastModel:
    """The model that suits a history: by the share of its zeros, its step, the horizon, then its length.

    Args:
        seen: the history.
        horizon: steps ahead.
        growth: False where the forecast is to be without growth, which days carry on in other models.
    """
    if is_intermittent(seen):
        return Intermittent()
    season = seen.season
    days = season.short == WEEK_OF_DAYS and season.long is None
    far = horizon > WEEKS_OF_COMBINATION * (season.long or WEEK_OF_DAYS) and (days or season.long is not None)
    if season in (WEEKLY, MONTHLY) or far or (days and not growth):
        return Planning(growth=growth)
    return selection.default_model(seen)


@runtime_checkable
class Remarking(Protocol):
    """A model that chooses, falls back, or needs to be read with care."""

    def remarks(self, seen: CleanedHistory) -> list[str]:
        """Remarks on its forecast."""


def remarks(model: ForecastModel, seen: CleanedHistory) -> list[str]:
    """Remarks of a model on its forecast of this history; most have none."""
    return model.remarks(seen) if isinstance(model, Remarking) else []
