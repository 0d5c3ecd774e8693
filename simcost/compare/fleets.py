"""Fleets of several kinds of replicas: what they can serve, how they can be bought, for what demand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPurchase:
    """A way to buy replicas of a shape."""

    name: str
    usd_per_h: float
    """Of one replica."""
    committed: bool
    """Chosen before the demand is known, and paid in every hour; else chosen hour by hour."""
    most: int | None = None
    """Replicas, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetShape:
    """A kind of replica."""

    name: str
    capacity: tuple[float, ...]
    """Requests per second of each bucket that a replica serves if it serves no others; 0 = cannot serve them."""
    purchases: tuple[FleetPurchase, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DemandPoints:
    """Demand at points of time, and the hours that each point stands for on each sampled path."""

    rates: Floats
    """[point, bucket] Requests per second."""
    hours: Floats
    """[path, point]"""
    probability: Floats
    """[path]"""

    @classmethod
    def of_paths(cls, rates: Floats, probability: Floats, hours_per_point: float) -> DemandPoints:
        """Paths of the same length: `rates` are [path, point, bucket]."""
        paths, points, buckets = rates.shape
        hours = np.zeros((paths, paths * points))
        for path in range(paths):
            hours[path, path * points : (path + 1) * points] = hours_per_point
        return cls(rates=rates.reshape(-1, buckets), hours=hours, probability=probability)

    @property
    def weights(self) -> Floats:
        """[point] Expected hours."""
        result: Floats = self.probability @ self.hours
        return result

    @property
    def span_h(self) -> float:
        """Hours of a path."""
        return float(self.hours.sum(axis=1).max())

    def chosen(self, points: npt.NDArray[np.int64]) -> DemandPoints:
        """Some of the points alone."""
        return DemandPoints(rates=self.rates[points], hours=self.hours[:, points], probability=self.probability)

    def path(self, path: int) -> DemandPoints:
        """One path as if it were certain."""
        kept = np.flatnonzero(self.hours[path])
        return DemandPoints(rates=self.rates[kept], hours=self.hours[path : path + 1, kept], probability=np.ones(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetLimit:
    """Limit on what there is at any time: the sum of coefficient x replicas is at most `most`, and of `whole` nodes the
    sum of each of these products rounded up.
    """

    coefficients: Mapping[tuple[str, str], float]
    """By shape and purchase: accelerators of a quota; or for a share s of spot, 1 - s of spot and -s of the others."""
    most: float
    whole: bool = False
    """Each purchase has nodes of its own, and a coefficient is the part of one that a replica takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetAim:
    """Objective and constraints of a fleet."""

    overflow_usd: tuple[float, ...] | None = None
    """Cost of what is not served, by bucket: USD for one request per second during an hour; None = all is served."""
    tail: float = 0.05
    """Probability of the worst paths."""
    weight: float = 0.0
    """Of the mean over the worst paths (CVaR) against that over all."""
    risk: float | None = None
    """Probability of the paths on which the fleet may be too small at some point (chance constraint); None = none."""
    shortfall: float | None = None
    """Share of the requests of each path that may be left out, at whatever points; None = none."""
    too_small: tuple[Mapping[tuple[str, str], int], ...] = ()
    """Committed fleets that are known to be too small, and with each all that have no more of anything."""
    whole: bool = True
    """Replicas bought by the hour are whole numbers; else they may be there for a part of it."""
    slices: int | None = None
    """Equal parts of each bucket that cannot be split any further; None = any split."""
    limits: tuple[FleetLimit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FleetSolution:
    """Committed replicas, and what they and those bought by the hour cost."""

    counts: Mapping[tuple[str, str], int]
    """Committed replicas by shape and purchase."""
    hourly: Mapping[tuple[str, str], float]
    """Most replicas bought by the hour at any point, by shape and purchase."""
    usd_by_path: Floats
    expected_usd: float
    tail_usd: float
    """Mean over the worst paths."""
    objective_usd: float
    bound_usd: float
    """No fleet of the program has a smaller objective."""
    overflow_share: float
    """Of the expected requests, not served."""

    @property
    def gap(self) -> float:
        """Share of the objective that a better fleet could save at most."""
        return max(1 - self.bound_usd / self.objective_usd, 0.0) if self.objective_usd > 0 else 0.0
