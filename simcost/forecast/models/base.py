"""Interface of forecasting models: a point forecast and sample paths from the history.

Shared parts: medians by phase of the season, the scale on which a linear member is fitted, and noise for sample paths
as blocks of a season from the residuals of a fit, which keep their correlation.

Where a block starts depends on the random stream and on the number of residuals, never on their values: series of
equal length that draw from equal streams take the same blocks of time, and so keep their correlation.
"""

import math
from dataclasses import dataclass, field
from typing import Protocol, Self

import numpy as np

from simcost.forecast.quantiles import quantiles
from simcost.forecast.season import Season
from simcost.trace.series.series import Floats

DEVIATION = 1.4826
"""Standard deviation of normal errors whose median distance from 0 is 1."""
LONGEST = 0.98
"""Most of an error that is still there a step later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanedHistory:
    """A history as models take it."""

    values: Floats
    """Cleaned: no NaN."""
    season: Season
    floor: bool
    """True if forecasts stay at or above 0, because the recorded values do."""
    regressors: Floats | None = None
    """Known influences, one row per step of the history and of the future."""
    _on_scales: dict[bool, "Transformed"] = field(default_factory=dict, init=False, repr=False, compare=False)
    """As it is and its logarithm, as far as models have asked for them."""

    def on_scale(self, *, log: bool) -> "Transformed":
        """The values on the scale of a model."""
        if log not in self._on_scales:
            self._on_scales[log] = Transformed.of(self.values, log=log, floor=self.floor)
        return self._on_scales[log]

    def until(self, end: int) -> "CleanedHistory":
        """The first `end` steps, as a backtest sees them; regressors go on into what is then the future."""
        return CleanedHistory(
            values=self.values[:end], season=self.season, floor=self.floor, regressors=self.regressors
        )


class Fitted(Protocol):
    """A model fitted to a history, ready for its horizon."""

    @property
    def point(self) -> Floats:
        """The forecast, one value per step of the horizon, finite."""

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """Joint futures, shape (count, horizon), finite; equal generators give equal paths."""


class ForecastModel(Protocol):
    """One way to forecast; stateless, so that it can be refitted at every origin of a backtest."""

    @property
    def name(self) -> str:
        """As `--model` takes it."""

    def point(self, seen: CleanedHistory, horizon: int) -> Floats:
        """The forecast, `horizon` values, finite."""

    def paths(self, seen: CleanedHistory, horizon: int, count: int, rng: np.random.Generator) -> Floats:
        """Joint futures, shape (count, horizon), finite; equal generators give equal paths."""


class Fitting:
    """A model whose forecast and paths come from one fit."""

    __slots__ = ()

    def fit(self, seen: CleanedHistory, horizon: int) -> Fitted:
        """Fit to what was seen, for a horizon in steps."""
        raise NotImplementedError

    def point(self, seen: CleanedHistory, horizon: int) -> Floats:
        """The forecast, `horizon` values, finite."""
        return self.fit(seen, horizon).point

    def paths(self, seen: CleanedHistory, horizon: int, count: int, rng: np.random.Generator) -> Floats:
        """Joint futures, shape (count, horizon), finite; equal generators give equal paths."""
        return self.fit(seen, horizon).draw(count, rng)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefittedModel:
    """A model that is fitted twice: for its forecast and for its paths."""

    model: ForecastModel
    seen: CleanedHistory
    horizon: int

    @property
    def point(self) -> Floats:
        """The forecast."""
        return self.model.point(self.seen, self.horizon)

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """Joint futures."""
        return self.model.paths(self.seen, self.horizon, count, rng)


def fitted(model: ForecastModel, seen: CleanedHistory, horizon: int) -> Fitted:
    """The model fitted once, where it can be."""
    if isinstance(model, Fitting):
        return model.fit(seen, horizon)
    return RefittedModel(model=model, seen=seen, horizon=horizon)


def by_phase(values: Floats, period: int) -> Floats:
    """The values as one row per season and one column per phase, filled up with NaN."""
    rows = -(-len(values) // period)
    found = np.full(rows * period, np.nan)
    found[: len(values)] = values
    return found.reshape(rows, period)


def median_of_columns(table: Floats) -> Floats:
    """The median of the finite values of each column; NaN where a column has none."""
    ordered = np.sort(table, axis=0)  # NaN come last
    count = np.sum(np.isfinite(table), axis=0)
    columns = np.arange(table.shape[1])
    middle = (ordered[np.maximum(count - 1, 0) // 2, columns] + ordered[count // 2 % len(table), columns]) / 2
    found: Floats = np.where(count > 0, middle, np.nan)
    return found


def profile_median(values: Floats, period: int) -> Floats:
    """The median of each phase; the median of all where a phase has no finite value (0 where none has)."""
    medians = median_of_columns(by_phase(values, period))
    finite = values[np.isfinite(values)]
    overall = float(np.median(finite)) if len(finite) else 0.0
    found: Floats = np.where(np.isfinite(medians), medians, overall)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Transformed:
    """A history on the scale of a model: as it is, its logarithm, or the logarithm above an offset."""

    z: Floats
    lo: float
    hi: float
    log: bool
    offset: float
    floor: bool

    @classmethod
    def of(cls, values: Floats, *, log: bool, floor: bool) -> Self:
        """Logarithms where values allow: an offset of 2 % of the mean where they come near 0."""
        low, high = float(values.min()), float(values.max())
        if not log or low < 0:
            return cls(z=values, lo=low, hi=high, log=False, offset=0.0, floor=floor)
        fifth, middle = quantiles(values, (0.05, 0.5)).tolist()
        plain = low > 0 and middle < 20 * fifth
        offset = 0.0 if plain else max(0.02 * float(values.mean()), 1e-9)
        lo, hi = math.log(low + offset), math.log(high + offset)
        return cls(z=np.log(values + offset), lo=lo, hi=hi, log=True, offset=offset, floor=floor)

    @property
    def _limits(self) -> tuple[float, float]:
        half = 0.5 * (self.hi - self.lo)
        return self.lo - half, self.hi + half

    def clips(self, z: Floats) -> bool:
        """True if `back` clips some of these values."""
        low, high = self._limits
        return bool(z.min() < low) or bool(z.max() > high)

    def back(self, z: Floats) -> Floats:
        """Demand from values on this scale, clipped to half a range beyond what the history held.

        The clip keeps near-unit-root recursions finite; it is applied to the output, not inside the recursion.
        """
        low, high = self._limits
        found: Floats = np.maximum(z, low)
        np.minimum(found, high, out=found)
        if self.log:
            np.exp(found, out=found)
            found -= self.offset
        return np.maximum(found, 0.0, out=found) if self.floor else found


def lasting_share(errors: Floats) -> float:
    """Share of an error that is still there a step later, by least squares; from 0 to `LONGEST`."""
    before, after = errors[:-1], errors[1:]
    squares = float(np.sum(before * before))  # dot products of long vectors depend on the number of threads
    return min(max(float(np.sum(before * after)) / squares, 0.0), LONGEST) if squares > 0 else 0.0


def draw_blocks(residuals: Floats, length: int, horizon: int, count: int, rng: np.random.Generator) -> Floats:
    """Residuals in blocks of `length` steps with uniform starts, end to end; shape (count, horizon).

    Blocks are not aligned to the hour of day; fewer residuals than a block wrap around.
    """
    number = -(-horizon // length)
    choices = len(residuals) - length + 1 if len(residuals) >= length else len(residuals)
    starts = (rng.random((count, number)) * choices).astype(np.intp)
    steps = starts[:, :, None] + np.arange(length)
    if len(residuals) < length:
        steps %= len(residuals)
    found: Floats = residuals[steps.reshape(count, number * length)[:, :horizon]]
    return found


def through(noise: Floats, response: Floats) -> Floats:
    """Effect of noise on the forecast of a linear recursion: each row convolved with its response.

    The response is capped where it explodes, which the clip of the output hides.
    """
    horizon = len(response)
    least = 2 * horizon - 1
    unit = 1 << max(least.bit_length() - 3, 0)
    size = -(-least // unit) * unit  # 4 to 8 times a power of 2: a quick transform
    answer = np.fft.rfft(np.clip(response, -1e6, 1e6), size)
    return np.fft.irfft(np.fft.rfft(noise, size) * answer, size)[:, :horizon]
