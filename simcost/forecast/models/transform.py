"""The scale on which a linear member is fitted, and the way back to demand."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from simcost.forecast.quantile import quantiles
from simcost.trace.series.series import Floats


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
        fifth, middle = quantiles(values, (0.05, 0.5)).tolist()
        low, high = float(values.min()), float(values.max())
        if not log or low < 0:
            return cls(z=values, lo=low, hi=high, log=False, offset=0.0, floor=floor)
        plain = low > 0 and middle < 20 * fifth
        offset = 0.0 if plain else max(0.02 * float(values.mean()), 1e-9)
        lo, hi = math.log(low + offset), math.log(high + offset)
        return cls(z=np.log(values + offset), lo=lo, hi=hi, log=True, offset=offset, floor=floor)

    def back(self, z: Floats) -> Floats:
        """Demand from values on this scale, clipped to half a range beyond what the history held.

        The clip keeps near-unit-root recursions finite; it is applied to the output, not inside the recursion.
        """
        half = 0.5 * (self.hi - self.lo)
        kept = np.minimum(np.maximum(z, self.lo - half), self.hi + half)
        found: Floats = np.exp(kept) - self.offset if self.log else kept
        return np.maximum(found, 0.0) if self.floor else found
