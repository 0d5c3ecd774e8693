"""Noise for sample paths: blocks of a season from the residuals of a fit, so that errors keep their company.

Where a block starts depends on the random stream and on the number of residuals, never on their values: series of
equal length that draw from equal streams take the same blocks of time, and so keep their correlation.
"""

import numpy as np

from simcost.trace.series.series import Floats


def drawn(residuals: Floats, length: int, horizon: int, count: int, rng: np.random.Generator) -> Floats:
    """Residuals in blocks of `length` steps with uniform starts, end to end; shape (count, horizon).

    Blocks are not aligned to the hour of day; fewer residuals than a block wrap around.
    """
    number = -(-horizon // length)
    choices = len(residuals) - length + 1 if len(residuals) >= length else len(residuals)
    starts = (rng.random((count, number)) * choices).astype(np.intp)
    steps = starts[:, :, None] + np.arange(length)
    found: Floats = residuals[(steps % len(residuals)).reshape(count, number * length)[:, :horizon]]
    return found


def through(noise: Floats, response: Floats) -> Floats:
    """What noise adds to the forecast of a linear recursion: each row convolved with its response.

    The response is capped where it explodes, which the clip of the output hides.
    """
    horizon = len(response)
    size = 1 << (2 * horizon - 1).bit_length()
    answer = np.fft.rfft(np.clip(response, -1e6, 1e6), size)
    return np.fft.irfft(np.fft.rfft(noise, size) * answer, size)[:, :horizon]
