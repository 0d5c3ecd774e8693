"""Quantiles of samples."""

from collections.abc import Sequence

import numpy as np

from simcost.trace.series.series import Floats


def quantiles(samples: Floats, probabilities: Sequence[float]) -> Floats:
    """The quantiles over the first axis, linear between order statistics (as `numpy.quantile`, in less time).

    Args:
        samples: shape (count, steps), or (count,).
        probabilities: k of them.

    Returns:
        Shape (k, steps), or (k,).
    """
    ordered = np.array(samples.T, order="C")
    ordered.sort(axis=-1)
    place = np.asarray(probabilities, float) * (len(samples) - 1)
    low = place.astype(np.intp)
    high = np.minimum(low + 1, len(samples) - 1)
    lower = ordered[..., low]
    found: Floats = (lower + (place - low) * (ordered[..., high] - lower)).T
    return found


def median(samples: Floats) -> Floats:
    """The median over the first axis; shape (steps,)."""
    found: Floats = quantiles(samples, (0.5,))[0]
    return found
