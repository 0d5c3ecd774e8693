"""Measures of forecasts: of points, of levels, of sample paths.

`actual` may hold NaN where nothing was recorded: those steps do not count. Measures that cannot be computed (nothing
recorded, a denominator of 0) are None, never NaN.
"""

from math import isfinite

import numpy as np

from simcost.trace.series.series import Floats


def smape(actual: Floats, forecast: Floats) -> float | None:
    """Symmetric mean absolute percentage error, 0-200: the mean of 200 |y - f| / (|y| + |f|), as in M4.

    A step with y = f = 0 counts as 0. Source: Makridakis et al., International Journal of Forecasting 36(1), 2020.
    """
    size = np.abs(actual) + np.abs(forecast)
    error = 200 * np.abs(actual - forecast)
    return _mean(np.divide(error, size, out=np.where(np.isnan(size), np.nan, 0.0), where=size > 0))


def scale(history: Floats, season: int) -> float | None:
    """The denominator of MASE and MSIS: the mean |y_t - y_{t-season}| of the history as recorded.

    None for a history of one season or less, or one that repeats itself exactly. Source: Hyndman and Koehler,
    International Journal of Forecasting 22(4), 2006.
    """
    found = _mean(np.abs(history[season:] - history[:-season])) if len(history) > season else None
    return found or None


def mase(actual: Floats, forecast: Floats, denominator: float | None) -> float | None:
    """Mean absolute scaled error: the mean |y - f| over the `scale` of the history; 1 = as good as repeating."""
    error = _mean(np.abs(actual - forecast))
    return _scaled(error, denominator)


def wape(actual: Floats, forecast: Floats) -> float | None:
    """Weighted absolute percentage error, as a share: sum |y - f| / sum |y|."""
    return _ratio(np.abs(actual - forecast), np.abs(actual))


def bias(actual: Floats, forecast: Floats) -> float | None:
    """Bias of the forecast, as a share of the actual total: sum (f - y) / sum |y|."""
    return _ratio(forecast - actual, np.abs(actual))


def pinball(actual: Floats, quantile: Floats, probability: float | Floats) -> float | None:
    """Mean pinball loss of a quantile, or of several: p (y - q) above it, (1 - p) (q - y) below it.

    Source: Koenker and Bassett, Econometrica 46(1), 1978.
    """
    above = actual - quantile
    return _mean(np.maximum(probability * above, (probability - 1) * above))


def crps(actual: Floats, paths: Floats) -> float | None:
    """Continuous ranked probability score, the mean over steps: mean |x - y| - mean |x - x'| / 2.

    Source: Gneiting and Raftery, Journal of the American Statistical Association 102(477), 2007, equation 21;
    the second term from the sorted paths.

    Args:
        actual: shape (steps,).
        paths: shape (paths, steps).
    """
    ordered = np.sort(paths, axis=0)
    count = len(paths)
    weights = (2 * np.arange(1, count + 1) - count - 1) / count**2
    return _mean(np.abs(paths - actual).mean(axis=0) - weights @ ordered)


def coverage(actual: Floats, lo: Floats, hi: Floats) -> float | None:
    """The share of actual values inside their level, ends included."""
    seen = np.isfinite(actual)
    return _mean(((lo <= actual) & (actual <= hi))[seen].astype(float))


def msis(actual: Floats, lo: Floats, hi: Floats, level: int, denominator: float | None) -> float | None:
    """Mean scaled interval score: width plus 2/a times the distance of what lies outside, over the `scale`.

    a = 1 - level / 100, so 40 at 95 %. Source: Makridakis et al., 2020, after Gneiting and Raftery, 2007.
    """
    outside = np.maximum(lo - actual, 0) + np.maximum(actual - hi, 0)
    score = _mean(hi - lo + 2 / (1 - level / 100) * outside)
    return _scaled(score, denominator)


def owa(smape_mean: float, mase_mean: float, naive2: tuple[float, float]) -> float:
    """Overall weighted average of M4: the mean of sMAPE and MASE, each over that of Naive2 on the same series."""
    return (smape_mean / naive2[0] + mase_mean / naive2[1]) / 2


def _mean(values: Floats) -> float | None:
    """The mean of the finite values, None where there is none."""
    total = values.sum()
    if np.isfinite(total) and values.size:
        return float(total / values.size)
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else None


def _scaled(error: float | None, denominator: float | None) -> float | None:
    """The quotient; None where there is none, or one beyond all numbers."""
    if error is None or denominator is None:
        return None
    quotient = error / denominator
    return quotient if isfinite(quotient) else None


def _ratio(above: Floats, below: Floats) -> float | None:
    """The ratio of two sums; None where there is none, or one beyond all numbers."""
    seen = np.isfinite(below)
    size, total = float(below[seen].sum()), float(above[seen].sum())
    return total / size if size > 0 and isfinite(total / size) else None
