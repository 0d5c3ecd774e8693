"""What every forecasting model is: a point forecast and sample paths from what was seen."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from simcost.forecast.season import Season
from simcost.trace.series import Floats


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


class Model(Protocol):
    """One way to forecast; stateless, so that it can be refitted at every origin of a backtest."""

    @property
    def name(self) -> str:
        """As `--model` takes it."""

    def point(self, seen: Seen, horizon: int) -> Floats:
        """The forecast, `horizon` values, finite."""

    def paths(self, seen: Seen, horizon: int, count: int, rng: np.random.Generator) -> Floats:
        """Joint futures, shape (count, horizon), finite; equal generators give equal paths."""
