"""Where two cost curves cross as demand grows."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Literal

from simcost.compare.interval import Interval, interval

Place = Literal["crosses", "below", "api", "fleet"]
"""crosses: between two simulated points. below: under the least simulated demand, where the least fleet costs the same.
api, fleet: that side is cheaper at every simulated demand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """From which demand on the fleet is cheaper, in one replication."""

    place: Place
    scale: float | None
    """Demand relative to the scenario's; None where the curves do not cross."""


def crossing(
    scales: Sequence[float], fleet_usd: Sequence[float], api_usd: Sequence[float], *, least: bool
) -> Crossing:
    """The demand from which on the fleet costs less at all larger simulated demands.

    Between two points the curves are straight on logarithmic axes.

    >>> crossing([1, 10], [100.0, 200.0], [10.0, 100.0], least=True)
    Crossing(place='api', scale=None)
    >>> crossing([1, 100], [100.0, 1000.0], [10.0, 1000.1], least=True).place
    'crosses'
    >>> crossing([1, 10], [100.0, 200.0], [200.0, 2000.0], least=True)
    Crossing(place='below', scale=0.5)

    Args:
        scales: demands, increasing.
        fleet_usd: cost of the fleet at each.
        api_usd: cost of the API at each.
        least: whether the fleet at the first point is the smallest there is, whose cost falls no further.
    """
    above = [log(fleet / api) for fleet, api in zip(fleet_usd, api_usd, strict=True)]
    dearer = [i for i, ratio in enumerate(above) if ratio > 0]
    if not dearer:
        if least:
            return Crossing(place="below", scale=scales[0] * fleet_usd[0] / api_usd[0])
        return Crossing(place="fleet", scale=None)
    last = dearer[-1]
    if last == len(scales) - 1:
        return Crossing(place="api", scale=None)
    share = above[last] / (above[last] - above[last + 1])
    return Crossing(
        place="crosses", scale=exp(log(scales[last]) + share * log(scales[last + 1] / scales[last]))
    )


def over_replications(found: Sequence[Crossing], level: float) -> tuple[Place, Interval | None]:
    """What most replications say, and the interval of the demand where all of them cross.

    The interval is Student's t on the logarithm of the demand.
    """
    places = [one.place for one in found]
    scales = [one.scale for one in found if one.scale is not None]
    if len(scales) < len(found):
        missing = [place for place in places if place in ("api", "fleet")]
        return max(set(missing), key=missing.count), None
    logs = interval([log(scale) for scale in scales], level)
    lo, hi = (None if bound is None else exp(bound) for bound in (logs.lo, logs.hi))
    mean = exp(logs.mean)
    place: Place = "crosses" if "crosses" in places else "below"
    return place, Interval(mean=mean, lo=lo, hi=hi, level=level, replications=len(scales))
