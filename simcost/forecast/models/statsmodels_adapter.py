"""Models of statsmodels by name: ETS, Theta, SARIMAX and MSTL, each with joint sample paths.

Paths send blocks of the fit's one-step residuals, a season long, through the equations of the model. Normal
shocks would have lighter tails, and equal streams would make the shocks of unrelated series equal.

statsmodels loads when the first of them is fitted. A fit that fails or does not converge becomes a
seasonal naive forecast, and `remarks` says so. A fit is remembered by the content of its history, since
the point forecast, the paths and the remarks of one history are asked for one after the other.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import fsum
from typing import Any, Literal

import numpy as np

from simcost.errors import InputError
from simcost.forecast.models.base import CleanedHistory, Fitted, Fitting, Transformed, draw_blocks, through
from simcost.forecast.models.members import Flat, SeasonalNaive
from simcost.forecast.season import Season
from simcost.trace.series.series import Floats

LibraryName = Literal["ets", "theta", "sarimax", "mstl"]
LONGEST_SARIMAX_SEASON = 100
"""Steps; the cost of the Kalman filter grows with the square of the season."""
FEWEST_STEPS = 10
"""Below this statsmodels cannot guess where to start, and nothing is fitted."""


@dataclass(frozen=True, slots=True)
class FittedLibraryModel:
    """A fitted model on the scale it was fitted on."""

    point: Callable[[int], Floats]
    """Horizon to forecast."""
    paths: Callable[[int, int, np.random.Generator], Floats]
    """Horizon, count and generator to futures of shape (count, horizon)."""
    remark: str


@dataclass(frozen=True, slots=True)
class LibraryFit:
    """A result of statsmodels for one horizon, as demand."""

    transformed: Transformed
    result: FittedLibraryModel
    horizon: int

    @property
    def point(self) -> Floats:
        """The forecast, shape (horizon,)."""
        return self.transformed.back(self.result.point(self.horizon))

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """Joint futures, shape (count, horizon)."""
        return self.transformed.back(self.result.paths(self.horizon, count, rng))


@dataclass(frozen=True, slots=True)
class Library(Fitting):
    """A model of statsmodels; SARIMAX and MSTL work on logs, ETS and Theta on the values."""

    name: LibraryName
    tested: bool = True
    """True if Theta takes a season only where its test finds one, which needs more than two or three of them."""

    def fit(self, seen: CleanedHistory, horizon: int) -> Fitted:
        """The model, or the seasonal naive (below a season: flat) in its place.

        Raises:
            InputError: a season too long for the model.
        """
        found = self._result(seen)
        if isinstance(found, str):
            return _in_its_place(seen).fit(seen, horizon)
        return LibraryFit(self._transformed(seen), found, horizon)

    def remarks(self, seen: CleanedHistory) -> list[str]:
        """The form that was chosen, or why another model was used in its place."""
        found = self._result(seen)
        if isinstance(found, FittedLibraryModel):
            return [found.remark]
        return [f"{self.name} was not used, {found}: {_in_its_place(seen).name} in its place"]

    def _transformed(self, seen: CleanedHistory) -> Transformed:
        return seen.on_scale(log=self.name in ("sarimax", "mstl"))

    def _result(self, seen: CleanedHistory) -> FittedLibraryModel | str:
        """The fitted model, or why there is none."""
        if self.name == "sarimax" and seen.season.short > LONGEST_SARIMAX_SEASON:
            raise InputError(
                f"model sarimax: a season of {seen.season.short} steps is too long for it"
                f" (at most {LONGEST_SARIMAX_SEASON}): use --freq 1h, or another model such as mstl"
            )
        if len(seen.values) < FEWEST_STEPS:
            return f"{len(seen.values)} steps are too few"
        if np.ptp(seen.values) == 0:
            return "the history is constant"
        found = _result(self.name, self._transformed(seen).z.tobytes(), seen.season, self.tested)
        return found or "its fit did not converge"


def _in_its_place(seen: CleanedHistory) -> SeasonalNaive | Flat:
    return SeasonalNaive() if 1 < seen.season.short <= len(seen.values) else Flat()


@lru_cache(maxsize=16)
def _result(name: LibraryName, content: bytes, season: Season, tested: bool) -> FittedLibraryModel | None:
    values = np.frombuffer(content)
    with _quietly():
        if name == "theta":
            return _theta(values, season, tested=tested)
        return {"ets": _ets, "sarimax": _sarimax, "mstl": _mstl}[name](values, season)


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep statsmodels' warnings off the terminal; what they say is asked of its results instead."""
    import statsmodels.tools.sm_exceptions  # noqa: F401  (its import adds filters that would come before ours)

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def _usable(season: int, values: Floats) -> int:
    """The season if the history holds it twice, else 1."""
    return season if 2 * season <= len(values) else 1


def _ets(values: Floats, season: Season) -> FittedLibraryModel | None:
    """Of four forms the one with the smallest AICc (Hyndman et al. 2008, Forecasting with Exponential Smoothing).

    Errors and season are both additive or, when all values are above 0, both multiplicative; with and
    without a damped trend. A multiplicative error wider than a third is refused: as a normal law it would
    make demand negative.
    """
    kinds = ("add", "mul") if values.min() > 0 else ("add",)
    return _best_ets(values, _usable(season.short, values), season.short, kinds)


def _best_ets(values: Floats, period: int, block: int, kinds: tuple[str, ...]) -> FittedLibraryModel | None:
    fits = [_ets_form(values, period, kind, trend) for kind, trend in product(kinds, (None, "add"))]
    best = min((fit for fit in fits if fit), key=lambda fit: fit.aicc, default=None)
    if best is None:
        return None
    letters = {"add": "A", "mul": "M", None: "N"}
    form = f"({letters[best.error]},{'Ad' if best.trend else 'N'},{letters[best.seasonal]})"
    errors = np.asarray(best.resid) - np.mean(best.resid)

    def point(horizon: int) -> Floats:
        return np.asarray(best.forecast(horizon), dtype=np.float64)

    def paths(horizon: int, count: int, rng: np.random.Generator) -> Floats:
        noise = draw_blocks(errors, block, horizon, count, rng).T
        drawn = best.simulate(horizon, anchor="end", repetitions=count, random_errors=noise)
        return np.asarray(drawn, dtype=np.float64).reshape(horizon, count).T

    return FittedLibraryModel(point, paths, f"ets: {form} has the smallest AICc of {len(fits)} forms, season {period}")


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


def _theta(values: Floats, season: Season, *, tested: bool) -> FittedLibraryModel | None:
    """The Theta method (Assimakopoulos and Nikolopoulos 2000), seasonally adjusted.

    Theta is ARIMA(0,1,1) with drift (Hyndman and Billah 2003): in paths, a residual moves the level for good
    by its share alpha.
    """
    from statsmodels.tsa.forecasting.theta import ThetaModel

    period = _usable(season.short, values)
    model = ThetaModel(values, period=period, deseasonalize=period > 1, use_test=tested)
    fit = model.fit()
    alpha = float(fit.params["alpha"])
    multiply = period > 1 and model.method.startswith("mul")
    ahead = np.asarray(fit.forecast_components(period)["seasonal"]) if period > 1 else np.zeros(1)
    past = np.resize(np.roll(ahead, len(values) % period), len(values))
    errors = _smoothing_errors(values / past if multiply else values - past, alpha)

    def point(horizon: int) -> Floats:
        return np.asarray(fit.forecast(horizon), dtype=np.float64)

    def paths(horizon: int, count: int, rng: np.random.Generator) -> Floats:
        noise = draw_blocks(errors, season.short, horizon, count, rng)
        moved = noise + alpha * (np.cumsum(noise, axis=1) - noise)
        return point(horizon) + moved * (np.resize(ahead, horizon) if multiply else 1.0)

    flat = np.ptp(ahead) == 0
    return FittedLibraryModel(point, paths, "theta: no season found" if flat else f"theta: season {period}")


def _smoothing_errors(values: Floats, alpha: float) -> Floats:
    """One-step errors of simple exponential smoothing, centred."""
    errors = np.empty(len(values))
    level = float(values[0])
    for step, value in enumerate(values):
        errors[step] = value - level
        level += alpha * errors[step]
    centred: Floats = errors - errors.mean()
    return centred


def _sarimax(values: Floats, season: Season) -> FittedLibraryModel | None:
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

    errors = np.asarray(fit.resid) - np.mean(fit.resid)

    def undo(drawn: Floats) -> Floats:
        return _summed(drawn, base) if seasonal else drawn + base

    def point(horizon: int) -> Floats:
        found: Floats = undo(np.asarray(fit.forecast(horizon))[None])[0]
        return found

    def paths(horizon: int, count: int, rng: np.random.Generator) -> Floats:
        response = np.ravel(fit.impulse_responses(horizon - 1))
        noise = draw_blocks(errors, season.short, horizon, count, rng)
        return undo(np.asarray(fit.forecast(horizon)) + through(noise, response))

    form = f"(1,0,1)(0,1,1) of season {period}" if seasonal else "(1,0,1) without season"
    return FittedLibraryModel(point, paths, f"sarimax: {form}, on logs")


def _summed(changes: Floats, base: Floats) -> Floats:
    """Undo seasonal differences: each season is the one before plus its changes; shape (count, horizon)."""
    count, horizon = changes.shape
    seasons = -(-horizon // len(base))
    whole = np.zeros((count, seasons * len(base)))
    whole[:, :horizon] = changes
    summed = base + np.cumsum(whole.reshape(count, seasons, len(base)), axis=1)
    cut: Floats = summed.reshape(count, -1)[:, :horizon]
    return cut


def _mstl(values: Floats, season: Season) -> FittedLibraryModel | None:
    """MSTL (Bandara, Hyndman and Bergmeir 2021): its seasons are repeated, the rest is an ETS without season.

    Paths widen those of the rest by sqrt(n / (n - k)), k = the freedom that the decomposition took from it, about
    two degrees per phase and window. They stay too narrow: the seasons themselves are taken as known.
    """
    from statsmodels.tsa.seasonal import MSTL

    periods = [p for p in (season.short, season.long) if p and 1 < p <= len(values) // 2]
    if not periods:
        return _best_ets(values, 1, season.short, ("add",))
    model = MSTL(values, periods=periods)
    seasonal = np.asarray(model.fit().seasonal).reshape(len(values), -1)
    rest = _best_ets(values - seasonal.sum(axis=1), 1, season.short, ("add",))
    if rest is None:
        return None
    taken = fsum(max(p, 2 * len(values) / window) for p, window in zip(periods, model.windows, strict=True))
    wider = np.sqrt(len(values) / max(len(values) - taken, 0.3 * len(values)))

    def repeated(horizon: int) -> Floats:
        parts = [np.resize(seasonal[-p:, i], horizon) for i, p in enumerate(periods)]
        summed: Floats = np.sum(parts, axis=0)
        return summed

    def point(horizon: int) -> Floats:
        return repeated(horizon) + rest.point(horizon)

    def paths(horizon: int, count: int, rng: np.random.Generator) -> Floats:
        middle = rest.point(horizon)
        spread: Floats = wider * (rest.paths(horizon, count, rng) - middle)
        return repeated(horizon) + middle + spread

    remark = f"mstl: seasons {' and '.join(map(str, periods))}; the rest by {rest.remark}"
    return FittedLibraryModel(point, paths, remark)
