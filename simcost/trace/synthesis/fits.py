"""Shapes of renewal laws by maximum likelihood; gaps are of mean 1 and above 0."""

import numpy as np

from simcost.trace.requests.batch import Floats
from simcost.trace.synthesis.time_rescaling import Tuples

_MOST = 262_144


def fitted_gamma(known: Tuples) -> float:
    """The shape of a Gamma law of the gaps of a trace."""
    return gamma_shape(known.gap)


def fitted_weibull(known: Tuples) -> float:
    """The shape of a Weibull law of the gaps of a trace."""
    return weibull_shape(known.gap)


def gamma_shape(gap: Floats) -> float:
    """The shape of a Gamma law: log k - digamma(k) = log(mean) - mean(log), by Newton's method from Minka's
    approximation (2002).
    """
    from scipy.special import digamma, polygamma

    spread = float(np.log(gap.mean()) - np.log(gap).mean())
    shape = (3 - spread + np.sqrt((spread - 3) ** 2 + 24 * spread)) / (12 * spread) if spread > 1e-6 else 1e3
    for _ in range(8):
        step = (np.log(shape) - digamma(shape) - spread) / (1 / shape - polygamma(1, shape))
        shape = max(shape - step, shape / 2)
    return float(np.clip(shape, 0.01, 1000))


def weibull_shape(gap: Floats) -> float:
    """The shape of a Weibull law: sum(x^c log x) / sum(x^c) - 1 / c = mean(log x), by bisection."""
    gap = gap[:: -(-len(gap) // _MOST)]
    logarithm = np.log(gap)
    low, high = 0.1, 100.0
    for _ in range(40):
        middle = np.sqrt(low * high)
        weight = np.exp(middle * (logarithm - logarithm.max()))
        excess = np.dot(weight, logarithm) / weight.sum() - 1 / middle - logarithm.mean()
        low, high = (low, middle) if excess > 0 else (middle, high)
    return float(np.sqrt(low * high))
