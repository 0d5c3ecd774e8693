"""Models of statsmodels by name: ETS, Theta, SARIMAX and MSTL, each with joint sample paths.

statsmodels loads when the first of them is fitted. A fit that fails or does not converge becomes a
seasonal naive forecast, and `remarks` says so. A fit is remembered by the content of its history, since
the point forecast, the paths and the remarks of one history follow each other.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any, Literal

import numpy as np

from simcost.errors import InputError
from simcost.forecast.model import Seen
from simcost.forecast.season import Season
from simcost.trace.series import Floats

LibraryName = Literal["ets", "theta", "sarimax", "mstl"]
LONGEST_SARIMAX_SEASON = 100
"""Steps; the cost of the Kalman filter grows with the square of the season."""
FEWEST_STEPS = 10
"""Below this nothing is fitted."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale a model works on, and what it may say there (reference: clip of half the range)."""

    log: bool
    offset: float
    lo: float
    hi: float

    def into(self, values: Floats) -> Floats:
        """Demand on the scale of the model."""
        return np.log(values + self.offset) if self.log else values

    def back(self, scaled: Floats) -> Floats:
        """Demand again, no further outside the history than half its range on this scale."""
        half = 0.5 * (self.hi - self.lo)
        kept = np.clip(scaled, self.lo - half, self.hi + half)
        return np.exp(kept) - self.offset if self.log else kept


def raw_scale(values: Floats) -> Scale:
    """The scale of the series itself."""
    return Scale(log=False, offset=0.0, lo=float(values.min()), hi=float(values.max()))


def log_scale(values: Floats) -> Scale:
    """log y where y is well above 0, log(y + 2 % of the mean) where it is not; raw when y goes below 0."""
    if values.min() < 0:
        return raw_scale(values)
    far_above_0 = values.min() > 0 and np.median(values) < 20 * np.quantile(values, 0.05)
    offset = 0.0 if far_above_0 else max(0.02 * float(values.mean()), 1e-9)
    lo, hi = np.log(values.min() + offset), np.log(values.max() + offset)
    return Scale(log=True, offset=offset, lo=float(lo), hi=float(hi))


def draw_blocks(residuals: Floats, length: int, shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Residuals in blocks of `length` neighbours, shape (count, horizon): what varies together stays together.

    Blocks start anywhere and wrap around the end (circular block bootstrap, Politis and Romano 1992).
    """
    count, horizon = shape
    length = min(length, len(residuals))
    starts = rng.integers(0, len(residuals), (count, -(-horizon // length)))
    steps = (starts[:, :, None] + np.arange(length)) % len(residuals)
    return residuals[steps.reshape(count, -1)[:, :horizon]]


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted model, on the scale it was fitted on."""

    point: Callable[[int], Floats]
    """Horizon to forecast."""
    paths: Callable[[int, int, np.random.Generator], Floats]
    """Horizon, count and generator to futures of shape (count, horizon)."""
    remark: str


@dataclass(frozen=True, slots=True)
class Library:
    """A model of statsmodels."""

    name: LibraryName

    def point(self, seen: Seen, horizon: int) -> Floats:
        """The forecast of the fitted model, shape (horizon,)."""
        scale, fit = self._fitted(seen)
        return _floored(scale.back(fit.point(horizon)), seen)

    def paths(self, seen: Seen, horizon: int, count: int, rng: np.random.Generator) -> Floats:
        """Simulations of the fitted model, shape (count, horizon); Theta's are blocks of its residuals."""
        scale, fit = self._fitted(seen)
        return _floored(scale.back(fit.paths(horizon, count, rng)), seen)

    def remarks(self, seen: Seen) -> list[str]:
        """What was chosen, and what was done when the model could not be fitted."""
        return [self._fitted(seen)[1].remark]

    def _fitted(self, seen: Seen) -> tuple[Scale, Fit]:
        if self.name == "sarimax" and seen.season.short > LONGEST_SARIMAX_SEASON:
            raise InputError(
                f"model sarimax: a season of {seen.season.short} steps is too long for it"
                f" (at most {LONGEST_SARIMAX_SEASON}): use --freq 1h, or another model such as mstl"
            )
        return _fit(self.name, seen.values.tobytes(), seen.season)


def _floored(values: Floats, seen: Seen) -> Floats:
    return np.maximum(values, 0.0) if seen.floor else values


@lru_cache(maxsize=16)
def _fit(name: LibraryName, content: bytes, season: Season) -> tuple[Scale, Fit]:
    values = np.frombuffer(content)
    scale = log_scale(values) if name in ("sarimax", "mstl") else raw_scale(values)
    scaled = scale.into(values)
    if len(values) < FEWEST_STEPS:
        return scale, naive_fit(scaled, season.short, f"{name}: {len(values)} steps are too few to fit")
    if np.ptp(values) == 0:
        return scale, naive_fit(scaled, season.short, f"{name}: the history is constant")
    fit = {"ets": _ets, "theta": _theta, "sarimax": _sarimax, "mstl": _mstl}[name]
    with _quietly():
        found = fit(scaled, season)
    return scale, found or naive_fit(scaled, season.short, f"{name} did not converge")


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep statsmodels' warnings off the terminal; what they say is asked of its results instead."""
    import statsmodels.tsa.api  # noqa: F401  (its import adds a filter that would come before ours)

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def naive_fit(values: Floats, season: int, why: str) -> Fit:
    """The last season again, or the median of less than two seasons; the remark says why.

    Paths add blocks of what one season differed from the one before (or steps from the median).
    """
    if len(values) >= 2 * season > 2:
        last, errors = values[-season:], values[season:] - values[:-season]
        used = "the last season is repeated"
    else:
        last, errors = np.array([np.median(values)]), values - np.median(values)
        used = "the median is repeated"

    def point(horizon: int) -> Floats:
        return np.resize(last, horizon)

    def paths(horizon: int, count: int, rng: np.random.Generator) -> Floats:
        return point(horizon) + draw_blocks(errors, season, (count, horizon), rng)

    return Fit(point, paths, f"{why}: {used}")


def _usable(season: int, values: Floats) -> int:
    """The season if the history holds it twice, else 1."""
    return season if 2 * season <= len(values) else 1


def _ets(values: Floats, season: Season) -> Fit | None:
    """Of four forms the one with the smallest AICc (Hyndman et al. 2008, Forecasting with Exponential Smoothing).

    Errors and season are both additive or, when all values are above 0, both multiplicative; with and
    without a damped trend. A multiplicative error wider than a third is refused: as a normal law it would
    make demand negative.
    """
    return _best_ets(values, _usable(season.short, values), ("add", "mul") if values.min() > 0 else ("add",))


def _best_ets(values: Floats, period: int, kinds: tuple[str, ...]) -> Fit | None:
    fits = [_ets_form(values, period, kind, trend) for kind, trend in product(kinds, (None, "add"))]
    best = min((fit for fit in fits if fit), key=lambda fit: fit.aicc, default=None)
    if best is None:
        return None
    letters = {"add": "A", "mul": "M", None: "N"}
    form = f"({letters[best.error]},{'Ad' if best.trend else 'N'},{letters[best.seasonal]})"
    return Fit(
        lambda horizon: np.asarray(best.forecast(horizon)),
        lambda horizon, count, rng: _simulated(best, horizon, count, rng),
        f"ets: {form} has the smallest AICc of {len(fits)} forms, season {period}",
    )


def _ets_form(values: Floats, period: int, kind: str, trend: str | None) -> Any:
    """One exponential smoothing, or None if it cannot be fitted."""
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    seasonal = {"seasonal": kind, "seasonal_periods": period} if period > 1 else {}
    try:
        fit = ETSModel(
            values,
            error=kind,
            trend=trend,
            damped_trend=trend is not None,
            initialization_method="heuristic",
            **seasonal,
        ).fit(disp=False)
    except (ValueError, np.linalg.LinAlgError):
        return None
    wide = kind == "mul" and fit.scale > 1 / 9
    return fit if fit.mle_retvals["converged"] and np.isfinite(fit.aicc) and not wide else None


def _simulated(fit: Any, horizon: int, count: int, rng: np.random.Generator) -> Floats:
    """Simulations of a statsmodels result from the end of its history on, shape (count, horizon)."""
    with _quietly():
        drawn = fit.simulate(horizon, anchor="end", repetitions=count, rng=rng)
    return np.asarray(drawn, dtype=np.float64).reshape(horizon, count).T


def _theta(values: Floats, season: Season) -> Fit | None:
    """The Theta method (Assimakopoulos and Nikolopoulos 2000), seasonally adjusted where a test finds a season.

    Paths: Theta is ARIMA(0,1,1) with drift (Hyndman and Billah 2003), so a residual moves the level for
    good by its share alpha; residuals come in blocks of a season.
    """
    from statsmodels.tsa.forecasting.theta import ThetaModel

    period = _usable(season.short, values)
    model = ThetaModel(values, period=period, deseasonalize=period > 1)
    fit = model.fit()
    alpha = float(fit.params["alpha"])
    factors = np.roll(np.asarray(fit.forecast_components(period)["seasonal"]), len(values) % period)
    multiply = model.method.startswith("mul") and period > 1

    def factor(first: int, count: int) -> Floats:
        return factors[(first + np.arange(count)) % period]

    past = factor(0, len(values))
    errors = _smoothing_errors(values / past if multiply else values - past * (period > 1), alpha)

    def point(horizon: int) -> Floats:
        return np.asarray(fit.forecast(horizon), dtype=np.float64)

    def paths(horizon: int, count: int, rng: np.random.Generator) -> Floats:
        drawn = draw_blocks(errors, max(period, 4), (count, horizon), rng)
        moved = drawn + alpha * (np.cumsum(drawn, axis=1) - drawn)
        return point(horizon) + (moved * factor(len(values), horizon) if multiply else moved)

    return Fit(point, paths, f"theta: season {period}")


def _smoothing_errors(values: Floats, alpha: float) -> Floats:
    """One-step errors of simple exponential smoothing, centred."""
    errors = np.empty(len(values))
    level = values[0]
    for step, value in enumerate(values):
        errors[step] = value - level
        level += alpha * errors[step]
    return errors - errors.mean()


def _sarimax(values: Floats, season: Season) -> Fit | None:
    """SARIMAX (1,0,1)(0,1,1) of the season; without two seasons ARMA (1,1) around the mean.

    The seasonal difference is taken here, not in the state space, which makes the fit seven times cheaper.
    """
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    period = _usable(season.short, values)
    seasonal = period > 1
    base = values[-period:] if seasonal else np.array([values.mean()])
    changes = values[period:] - values[:-period] if seasonal else values - base
    model = SARIMAX(changes, order=(1, 0, 1), seasonal_order=(0, 0, int(seasonal), period if seasonal else 0))
    try:
        fit = model.fit(disp=False, maxiter=100)
    except (ValueError, np.linalg.LinAlgError):
        return None
    if not fit.mle_retvals["converged"]:
        return None

    def undo(drawn: Floats) -> Floats:
        return _summed(drawn, base) if seasonal else drawn + base

    return Fit(
        lambda horizon: undo(np.asarray(fit.forecast(horizon))[None])[0],
        lambda horizon, count, rng: undo(_simulated(fit, horizon, count, rng)),
        f"sarimax: (1,0,1)(0,1,1) of season {period} on logs" if seasonal else "sarimax: (1,0,1), no season",
    )


def _summed(changes: Floats, base: Floats) -> Floats:
    """Undo seasonal differences: each season is the one before plus its changes; shape (count, horizon)."""
    count, horizon = changes.shape
    seasons = -(-horizon // len(base))
    whole = np.zeros((count, seasons * len(base)))
    whole[:, :horizon] = changes
    summed = base + np.cumsum(whole.reshape(count, seasons, len(base)), axis=1)
    return summed.reshape(count, -1)[:, :horizon]


def _mstl(values: Floats, season: Season) -> Fit | None:
    """MSTL (Bandara, Hyndman and Bergmeir 2021): its seasons are repeated, the rest is an ETS without season.

    Paths widen the simulated rest by sqrt(n / (n - k)), k = about two degrees of freedom per phase and
    seasonal window that the decomposition took from it.
    """
    from statsmodels.tsa.seasonal import MSTL

    periods = [p for p in (season.short, season.long) if p and 1 < p <= len(values) // 2]
    if not periods:
        return _best_ets(values, 1, ("add",))
    model = MSTL(values, periods=periods)
    seasonal = np.asarray(model.fit().seasonal).reshape(len(values), -1)
    rest = _best_ets(values - seasonal.sum(axis=1), 1, ("add",))
    if rest is None:
        return None
    taken = sum(max(p, 2 * len(values) / w) for p, w in zip(periods, model.windows, strict=True))
    wider = np.sqrt(len(values) / max(len(values) - taken, 0.3 * len(values)))

    def repeated(horizon: int) -> Floats:
        parts = [np.resize(seasonal[-p:, i], horizon) for i, p in enumerate(periods)]
        return np.sum(parts, axis=0)

    def point(horizon: int) -> Floats:
        return repeated(horizon) + rest.point(horizon)

    def paths(horizon: int, count: int, rng: np.random.Generator) -> Floats:
        middle = rest.point(horizon)
        return repeated(horizon) + middle + wider * (rest.paths(horizon, count, rng) - middle)

    remark = f"mstl: seasons {' and '.join(map(str, periods))}; the rest by {rest.remark}"
    return Fit(point, paths, remark)
