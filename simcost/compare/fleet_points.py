"""Points of demand that stand for many: clusters of like hours, and the hardest hours of each path."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from simcost.compare.fleets import DemandPoints, FleetShape, Floats
from simcost.rng import stream

Ints = npt.NDArray[np.int64]
ROUNDS = 30
"""Of k-means, at most."""


def clustered(shapes: Sequence[FleetShape], demand: DemandPoints, points: int, *, by_path: bool) -> DemandPoints:
    """Means of like points, near in what their demand costs at least; equal points first become one.

    With `by_path` no point stands for hours of two paths, so that the cost of each path is bounded, not only the mean.
    """
    usd = _least_usd(shapes)
    paths = len(demand.probability)
    groups = [np.flatnonzero(row) for row in demand.hours] if by_path else [np.arange(len(demand.rates))]
    each = max(points // len(groups), 2)
    rates, hours = [], []
    for group in groups:
        weights = demand.weights[group]
        label = _labels(demand.rates[group] * usd, weights, each)
        count = int(label.max(initial=-1)) + 1
        mass = np.bincount(label, weights, count)
        sums = [np.bincount(label, weights * demand.rates[group, b], count) for b in range(demand.rates.shape[1])]
        rates.append(np.stack(sums, axis=1) / mass[:, None])
        hours.append(np.stack([np.bincount(label, demand.hours[path, group], count) for path in range(paths)]))
    return DemandPoints(
        rates=np.concatenate(rates), hours=np.concatenate(hours, axis=1), probability=demand.probability
    )


def hardest(demand: DemandPoints) -> DemandPoints:
    """The points of each path that no other point of it exceeds in all buckets: a fixed fleet that serves these serves
    all. The hours of the others are those of the first of them.
    """
    kept, hours = list[int](), demand.hours.copy()
    for row in hours:
        here = np.flatnonzero(row)
        own = [i for i in here if not _exceeded(demand.rates, int(i), here)]
        row[own[0]] += row[here].sum() - row[own].sum()
        kept += map(int, own)
    return DemandPoints(rates=demand.rates, hours=hours, probability=demand.probability).chosen(np.array(kept))


def _exceeded(rates: Floats, point: int, others: Ints) -> bool:
    """True if another point has at least as much of all, and more of one; of equal points the first stays."""
    same = (rates[others] == rates[point]).all(axis=1)
    more = (rates[others] >= rates[point]).all(axis=1) & ~same
    return bool(more.any() or (same & (others < point)).any())


def _least_usd(shapes: Sequence[FleetShape]) -> Floats:
    """[bucket] Cost of one request per second for an hour where it is cheapest; of those that none serves, 1."""
    found = []
    for bucket in range(len(shapes[0].capacity)):
        costs = [
            purchase.usd_per_h / shape.capacity[bucket]
            for shape in shapes
            if shape.capacity[bucket] > 0
            for purchase in shape.purchases
        ]
        found.append(min(costs, default=1.0))
    return np.array(found)


def _labels(places: Floats, weights: Floats, most: int) -> Ints:
    """Cluster of each place: k-means from even parts of the total, the same at every call."""
    distinct, same = np.unique(places, axis=0, return_inverse=True)
    same = same.reshape(-1)
    if len(distinct) <= most:
        return same
    mass: Floats = np.bincount(same, weights, len(distinct)).astype(np.float64)
    draws = stream(0, "clusters of demand").choice(len(distinct), most, replace=False, p=_spread(distinct, mass))
    centres = distinct[np.sort(draws)]
    label = np.full(len(distinct), -1)
    for _ in range(ROUNDS):
        near = ((distinct[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2).argmin(axis=1)
        if (near == label).all():
            break
        label = near
        total = np.bincount(label, mass, most)
        for b in range(distinct.shape[1]):
            sums = np.bincount(label, mass * distinct[:, b], most)
            centres[:, b] = np.where(total > 0, sums / np.maximum(total, 1e-300), centres[:, b])
    return np.unique(label, return_inverse=True)[1].reshape(-1)[same]


def _spread(places: Floats, mass: Floats) -> Floats:
    """Probabilities to begin a cluster at a place: half by its hours, half by its distance from the mean."""
    far = ((places - np.average(places, axis=0, weights=mass)) ** 2).sum(axis=1)
    result: Floats = 0.5 * mass / mass.sum() + 0.5 * far / far.sum()
    return result
