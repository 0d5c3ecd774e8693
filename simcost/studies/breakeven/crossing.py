"""Crossing of two cost curves as demand grows, and the search for the least fleet that is enough.

A fleet grows by whole machines: between two simulated demands its cost is a staircase that may climb above the API's
and fall behind it again. Two things bound it: less demand needs no larger fleet, and fleets side by side serve what
each of them serves. Where the least fleet that is known to do costs no more than the API, no simulation is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp, fsum, log
from typing import Literal

import numpy as np
import numpy.typing as npt

Place = Literal["crosses", "below", "api", "fleet"]
"""crosses: between two simulated points. below: under the least simulated demand, where the least fleet costs the same.
api: the API is cheaper at the largest simulated demand. fleet: the fleet is cheaper at every simulated demand."""
CLOSE = 1.1
"""Ratio of two demands that are no longer distinguished."""
Usd = Sequence[float]
Floats = npt.NDArray[np.float64]
_MANY = 100
"""Identical fleets in parallel, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """From which demand on the fleet is cheaper, in one replication; relative to the scenario's demand."""

    place: Place
    scale: float | None = None
    """After the last simulated demand at which the API was cheaper."""
    sure: float | None = None
    """From here on no demand up to the largest can be cheaper at the API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandSpread:
    """A demand over the replications."""

    mean: float
    """Geometric."""
    lo: float
    hi: float

    def times(self, factor: float) -> "DemandSpread":
        """In another unit."""
        return DemandSpread(mean=factor * self.mean, lo=factor * self.lo, hi=factor * self.hi)


def crossing(scales: Sequence[float], fleet_usd: Usd, api_usd: Usd, *, least: bool, units_usd: float = 0.0) -> Crossing:
    """Demand from which on the fleet is cheaper for good; between two points costs are straight on logarithmic axes.

    >>> crossing([1, 10], [100.0, 200.0], [10.0, 100.0], least=True).place
    'api'
    >>> crossing([1, 10], [100.0, 200.0], [200.0, 2000.0], least=True)
    Crossing(place='below', scale=0.5, sure=0.5)
    >>> crossing([1, 10, 100], [100.0, 100.0, 200.0], [10.0, 100.1, 1000.0], least=True).sure
    20.0
    >>> crossing([1, 10], [100.0, 200.0], [200.0, 2000.0], least=True, units_usd=120.0).place
    'fleet'

    Args:
        scales: demands, increasing.
        fleet_usd: cost of the fleet at each.
        api_usd: cost of the API at each.
        least: whether the fleet at the first point is the smallest there is, whose cost falls no further.
        units_usd: of the API, what provisioned units cost whatever the demand; below the first point the rest of its
            cost is in proportion to the demand.
    """
    above = [i for i, (fleet, api) in enumerate(zip(fleet_usd, api_usd, strict=True)) if fleet > api]
    if above and above[-1] == len(scales) - 1:
        return Crossing(place="api")
    doubt = _last_doubt(scales, fleet_usd, api_usd)
    end = None if doubt is None else doubt[1]
    if above:
        scale = _between(above[-1], scales, fleet_usd, api_usd)
        return Crossing(place="crosses", scale=scale, sure=scale if end is None else max(scale, end))
    if not least or fleet_usd[0] <= units_usd:
        return Crossing(place="fleet", sure=end)
    flat = scales[0] * (fleet_usd[0] - units_usd) / (api_usd[0] - units_usd)
    return Crossing(place="below", scale=flat, sure=flat if end is None else end)


def doubtful(scales: Sequence[float], fleet_usd: Usd, api_usd: Usd) -> tuple[float, float] | None:
    """The last simulated stretch in which the API may be cheaper, where it is worth a closer look."""
    doubt = None if fleet_usd[-1] > api_usd[-1] else _last_doubt(scales, fleet_usd, api_usd)
    if doubt is None:
        return None
    i = max(i for i, scale in enumerate(scales) if scale <= doubt[0])
    return (scales[i], scales[i + 1]) if scales[i + 1] > CLOSE * scales[i] else None


def over_replications(found: Sequence[Crossing]) -> tuple[Place, DemandSpread | None, DemandSpread | None]:
    """Summary of all replications, `scale` and `sure`; None where one does not cross."""
    places = [one.place for one in found]
    scales = [one.scale for one in found if one.scale is not None]
    if len(scales) < len(found):
        missing: list[Place] = [place for place in places if place in ("api", "fleet")]
        return max(set(missing), key=missing.count), None, None
    sure = _spread([one.sure for one in found if one.sure is not None])
    return "crosses" if "crosses" in places else "below", _spread(scales), sure


def _last_doubt(scales: Sequence[float], fleet_usd: Usd, api_usd: Usd) -> tuple[float, float] | None:
    """The last stretch in which no fleet that is known to do costs less than the API."""
    reach, usd = _known_to_do(np.asarray(scales, np.float64), np.asarray(fleet_usd, np.float64))
    api = np.exp(np.interp(np.log(reach), np.log(scales), np.log(api_usd)))
    inside = (reach[:-1] >= scales[0]) & (reach[:-1] < scales[-1])
    doubts = np.flatnonzero(inside & (usd[1:] > api[:-1] * (1 + 1e-12)))
    if len(doubts) == 0:
        return None
    return float(reach[doubts[-1]]), min(float(reach[doubts[-1] + 1]), scales[-1])


def _known_to_do(scales: Floats, usd: Floats) -> tuple[Floats, Floats]:
    """Demands, increasing, and what the least fleet costs that is known to serve each: simulated ones, several alike,
    and any two side by side.
    """
    alike = [np.arange(1, min(_MANY, scales[-1] / scale) + 2) for scale in scales]
    reach = [scales, np.add.outer(scales, scales).ravel(), *map(np.multiply, alike, scales)]
    costs = [usd, np.add.outer(usd, usd).ravel(), *map(np.multiply, alike, usd)]
    all_reach, all_usd = np.concatenate(reach), np.concatenate(costs)
    order = np.argsort(all_reach, kind="stable")
    least = np.minimum.accumulate(all_usd[order][::-1])[::-1]
    return all_reach[order], least


def _between(i: int, scales: Sequence[float], fleet_usd: Usd, api_usd: Usd) -> float:
    """Demand at which the costs cross between the points i and i + 1."""
    above, below = (log(fleet_usd[k] / api_usd[k]) for k in (i, i + 1))
    return exp(log(scales[i]) + above / (above - below) * log(scales[i + 1] / scales[i]))


def _spread(scales: Sequence[float]) -> DemandSpread:
    mean = exp(fsum(map(log, scales)) / len(scales))
    return DemandSpread(mean=mean, lo=min(scales), hi=max(scales))


SIZE_TOLERANCE = 0.02
"""Large fleets are found to within this share of their size."""
_FURTHEST = 8


@dataclass(slots=True)
class Search:
    """Asks `size`, is told with `tell`; assumes that what is enough stays enough when it grows."""

    guess: int
    """Start of the search; the nearer, the fewer evaluations."""
    too_few: int = 0
    """The largest size that was not enough."""
    enough: int | None = None
    """The smallest size that was; None = none was."""

    def size(self) -> int | None:
        """The size to ask about; None = done."""
        if self.enough is None:
            furthest = _FURTHEST * (self.guess + 1)
            size = self.guess if self.too_few == 0 else min(ceil(1.5 * self.too_few), furthest)
            return size if size > self.too_few else None
        if self.enough - self.too_few <= max(1, int(SIZE_TOLERANCE * self.enough)):
            return None
        if self.too_few == 0:
            return max(1, min(self.enough - 1, int(0.75 * self.enough)))
        return (self.too_few + self.enough) // 2

    def tell(self, size: int, *, enough: bool) -> None:
        """Record whether that size was enough."""
        if enough:
            self.enough = size if self.enough is None else min(size, self.enough)
        else:
            self.too_few = max(size, self.too_few)
