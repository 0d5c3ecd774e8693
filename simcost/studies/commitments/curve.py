"""Cost against the amount of one commitment, exact at any number of levels.

What a commitment saves in an hour is piecewise linear in its amount: usage is taken in the order of the settlement,
each piece with its saving. Summed over hours, the saving of the j-th piece between two amounts is a difference of
sum(min(amount, end of the piece)), which sorted ends and their running sum give for all amounts at once.
"""

from dataclasses import dataclass

import numpy as np

from simcost.billing.commitment.bound import Bound, Capacity, Floats
from simcost.billing.metering import Line


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pieces:
    """A commitment as the hours of a demand take it, in the order of settlement."""

    ends: Floats
    """[hour, piece] Amount at which each piece ends."""
    saving: Floats
    """[piece] USD that a unit of the commitment saves there."""
    usd_per_unit_h: float
    """Cost of a unit and hour."""

    def cost(self, levels: Floats) -> Floats:
        """[level] USD an hour of committing so much, beyond what all on demand would cost."""
        found = self.usd_per_unit_h * levels
        start = np.zeros(len(self.ends))
        for j, saving in enumerate(self.saving):
            found = found - saving * (_capped(self.ends[:, j], levels) - _capped(start, levels))
            start = self.ends[:, j]
        return found

    def best(self, most: float, whole: float | None = None) -> float:
        """The smallest amount that costs least, at most `most`; in steps of `whole` where it comes in units.

        The cost is convex where savings fall from piece to piece, and lowest at an end of a piece.
        """
        levels: Floats
        if whole is not None:
            levels = np.arange(int(most / whole + 1e-9) + 1, dtype=np.float64) * whole
        else:
            ends: Floats = np.unique(np.around(self.ends.ravel(), 9))
            levels = np.concatenate([[0.0], ends[(ends > 0) & (ends <= most)], [most]])
        return float(levels[int(np.argmin(np.around(self.cost(levels), 9)))])


def pieces(bound: Bound, lines: tuple[Line, ...], hours: Floats) -> Pieces:
    """How hours of demand take a commitment.

    Args:
        bound: the commitment, bound to the lines.
        lines: of the demand.
        hours: [hour, line] unit-hours.
    """
    draw = bound.takes if isinstance(bound, Capacity) else bound.rates
    usd = np.array([line.contracted_usd for line in lines], np.float64)
    reached = [i for i in range(len(lines)) if draw[i] > 0]
    if isinstance(bound, Capacity):
        order = sorted(reached, key=lambda i: (draw[i], i))
        unit_usd = bound.usd_per_unit_h
    else:
        order = sorted(reached, key=lambda i: (-round(float(1 - draw[i] / usd[i]), 12), draw[i], i))
        unit_usd = 1.0
    ends: Floats = np.cumsum(hours[:, order] * draw[order], axis=1)
    return Pieces(ends=ends, saving=usd[order] / draw[order], usd_per_unit_h=unit_usd)


def _capped(values: Floats, levels: Floats) -> Floats:
    """[level] Mean over hours of min(level, value)."""
    ordered = np.sort(values)
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    below = np.searchsorted(ordered, levels, side="right")
    found: Floats = (sums[below] + levels * (len(ordered) - below)) / len(ordered)
    return found
