"""Pareto front: options that no other beats in one respect without losing in another; with noise, and its knee."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum, nan

from simcost.compare.confidence import ConfidenceInterval, paired


@dataclass(frozen=True, slots=True, kw_only=True)
class NoisyOption:
    """An option whose cost and attainment were observed in several replications, the same for all options."""

    usd: Sequence[float]
    """By replication."""
    attainment: Sequence[float] | None
    """Or another level of service, better when higher, by replication; None = it does not count."""
    others: Sequence[float | None] = ()
    """Means of all else that counts, better when lower; None = not known."""


def front(options: Mapping[str, Sequence[float | None]]) -> list[str]:
    """Names of the options on the front, in their order; all numbers are better when lower, equal options both stay.

    None is a number that is not known. An option is compared in what is known of it: it leaves where another is known
    to be nowhere worse in that, and somewhere better; an option beats none in what is not known of it alone. This is a
    strict partial order, so that whatever leaves is beaten by an option that stays.

    >>> front({"a": (1, 5), "b": (2, 4), "c": (2, 5)})
    ['a', 'b']
    >>> front({"known": (2, 5), "cheap": (1, None), "expensive": (3, None)})
    ['known', 'cheap']
    """
    import numpy as np

    values = np.array([[nan if one is None else one for one in each] for each in options.values()], dtype=float)
    kept = []
    for name, own in zip(options, values, strict=True):
        no_worse = ((values <= own) | np.isnan(own)).all(axis=1)
        if not (no_worse & (values < own).any(axis=1)).any():
            kept.append(name)
    return kept


def on_or_near(options: Mapping[str, NoisyOption], level: float, margin: float = 0.0) -> list[str]:
    """Names of the options that no other confidently dominates, in their order.

    One of k options confidently dominates another where its cost is surely lower, its mean attainment is not lower by
    more than the margin, and the means of all else are not worse. Surely lower: the interval of the paired differences
    at 1 - (1 - level) / (k - 1) (Bonferroni) lies below 0. A cost that is the same in all replications counts as lower
    where the attainment is surely higher.
    """
    if len(options) < 2:
        return list(options)
    simultaneous = 1 - (1 - level) / (len(options) - 1)
    return [
        name
        for name, option in options.items()
        if not any(_surely_dominates(other, option, simultaneous, margin) for other in options.values())
    ]


def knee(points: Mapping[str, tuple[float, float]]) -> str | None:
    """Name of the point where a further dollar begins to buy less: of those above the line between the ends of the
    front, the one with the largest distance from it, the cheapest of equal ones.

    With x = (usd - least) / (most - least) and y likewise of attainment, the ends are (0, 0) and (1, 1), and the
    distance is (y - x) / sqrt(2): the difference curve of Kneedle (Satopaa et al., "Finding a 'Kneedle' in a Haystack",
    ICDCS workshops 2011), without smoothing, since nothing lies between two options.

    Args:
        points: USD and attainment of the options on the front of these two.

    Returns:
        None with fewer than three different points, or none above the line.

    >>> knee({"a": (1, 0.5), "b": (2, 0.9), "c": (6, 1.0)})
    'b'
    """
    if len(set(points.values())) < 3:
        return None
    usd, attainment = ([point[i] for point in points.values()] for i in range(2))
    least, spread = (min(usd), min(attainment)), (max(usd) - min(usd), max(attainment) - min(attainment))
    heights = {
        name: ((point[1] - least[1]) / spread[1] - (point[0] - least[0]) / spread[0], -point[0])
        for name, point in points.items()
    }
    best = max(heights, key=lambda name: heights[name])
    return best if heights[best][0] > 0 else None


def _no_worse(other: Sequence[float | None], values: Sequence[float | None]) -> bool:
    """True if it is nowhere worse, in what is known of the values."""
    return all(b is None or (a is not None and a <= b) for a, b in zip(other, values, strict=True))


def _surely_dominates(other: NoisyOption, option: NoisyOption, level: float, margin: float) -> bool:
    if fsum(other.usd) > fsum(option.usd) or not _no_worse(other.others, option.others):
        return False
    mine, theirs = other.attainment, option.attainment
    if mine is not None and theirs is not None and fsum(mine) - fsum(theirs) < -margin * len(mine):
        return False
    extra = _differences(other.usd, option.usd, level)
    if extra.hi is not None and extra.hi < 0:
        return True
    if mine is None or theirs is None or not extra.lo == extra.hi == 0:
        return False
    gain = _differences(mine, theirs, level)
    return gain.lo is not None and gain.lo > 0


def _differences(values: Sequence[float], against: Sequence[float], level: float) -> ConfidenceInterval:
    """Of one replication, the difference as it is: with nothing to compare it, it counts as exact, as in the race."""
    return paired(values, against, level, exact=True)
