"""What every forecasting model is: a point forecast and sample paths from what was seen."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from simcost.forecast.season import Season
from simcost.trace.series.series import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A history as models take it."""

    values: Floats
    """Cleaned: no NaN."""
    season: Season
    floor: bool
    """Whether forecasts stay at or above 0, because the recorded values do."""
    regressors: Floats | None = None
    """Known influences, one row per step of the history and of the future."""

    def until(self, end: int) -> "Seen":
        """The first `end` steps, as a backtest sees them; regressors go on into what is then the future."""
        return Seen(
            values=self.values[:end], season=self.season, floor=self.floor, regressors=self.regressors
        )


class Fitted(Protocol):
    """A model fitted to a history, ready for its horizon."""

    @property
    def point(self) -> Floats:
        """The forecast, one value per step of the horizon, finite."""

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """Joint futures, shape (count, horizon), finite; equal generators give equal paths."""


class Model(Protocol):
    """One way to forecast; stateless, so that it can be refitted at every origin of a backtest."""

    @property
    def name(self) -> str:
        """As `--model` takes it."""

    def point(self, seen: Seen, horizon: int) -> Floats:
        """The forecast, `horizon` values, finite."""

    def paths(self, seen: Seen, horizon: int, count: int, rng: np.random.Generator) -> Floats:
        """Joint futures, shape (count, horizon), finite; equal generators give equal paths."""


class Fitting:
    """A model whose forecast and paths come from one fit."""

    __slots__ = ()

    def fit(self, seen: Seen, horizon: int) -> Fitted:
        """Fit to what was seen, for a horizon in steps."""
        raise NotImplementedError

    def point(self, seen: Seen, horizon: int) -> Floats:
        """The forecast, `horizon` values, finite."""
        return self.fit(seen, horizon).point

    def paths(self, seen: Seen, horizon: int, count: int, rng: np.random.Generator) -> Floats:
        """Joint futures, shape (count, horizon), finite; equal generators give equal paths."""
        return self.fit(seen, horizon).draw(count, rng)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """A model that fits anew for its forecast and for its paths."""

    model: Model
    seen: Seen
    horizon: int

    @property
    def point(self) -> Floats:
        """The forecast."""
        return self.model.point(self.seen, self.horizon)

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """Joint futures."""
        return self.model.paths(self.seen, self.horizon, count, rng)


def fitted(model: Model, seen: Seen, horizon: int) -> Fitted:
    """The model fitted once, where it can be."""
    if isinstance(model, Fitting):
        return model.fit(seen, horizon)
    return Deferred(model=model, seen=seen, horizon=horizon)
