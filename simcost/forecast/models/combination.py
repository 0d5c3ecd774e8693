"""The combination of cheap members by their pointwise median, and the pool of their paths."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simcost.forecast.models.base import CleanedHistory, Fitted, Fitting
from simcost.forecast.models.members import Autoregression, FittedAutoregression, SeasonalNaive, SeasonalProfile
from simcost.forecast.models.smoothing import SeasonalSmoothing
from simcost.forecast.quantiles import median
from simcost.trace.series.series import Floats

Member = SeasonalNaive | Autoregression | SeasonalProfile | SeasonalSmoothing

NAIVE = (SeasonalNaive(), SeasonalNaive(week=True, least_days=8))
LINEAR = (Autoregression(), SeasonalProfile(), Autoregression(log=False), SeasonalProfile(log=False))
RECENT = (SeasonalProfile(recent=True), SeasonalSmoothing())
"""They forget what is old; of point forecasts only. Chosen on windows inside the training data of M4."""
RECENT_DAYS = 15
"""History from which there is something to forget."""
LONG_DAYS = 500 / 24
"""A history this long needs no naive paths in the pool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """The members, fitted."""

    members: dict[str, Fitted]
    pooled: tuple[str, ...]
    """Models whose paths make up the pool."""
    floor: bool

    @property
    def point(self) -> Floats:
        """The pointwise median of the members' forecasts."""
        return self._median([member.point for member in self.members.values()])

    def candidates(self) -> dict[str, Floats]:
        """The forecasts of the members, of the linear ones together, and of all."""
        points = {name: fitted.point for name, fitted in self.members.items()}
        linear = self._median([points[model.name] for model in LINEAR if model.name in points])
        every = self._median(list(points.values()))
        return {**points, Combination(of="linear").name: linear, Combination().name: every}

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """Equal numbers of paths from each pooled member around its own forecast: path i is of member i mod k."""
        first = next(iter(self.members.values()))
        found = np.empty((count, len(first.point)))
        for place, name in enumerate(self.pooled):
            share = found[place :: len(self.pooled)]
            share[:] = self.members[name].draw(len(share), rng)
        return found

    def _median(self, points: list[Floats]) -> Floats:
        found: Floats = median(np.array(points))
        return np.maximum(found, 0.0) if self.floor else found


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination(Fitting):
    """The pointwise median of two seasonal naives, two autoregressions and two profiles.

    From 15 days of hours on, of two more that forget what is old: a profile of two weeks, and exponential smoothing.
    Paths are a pool of the members' paths, each around its own forecast; their median is near the point
    forecast, not equal to it.
    """

    of: Literal["all", "linear"] = "all"

    @property
    def name(self) -> str:
        """As `--model` takes it."""
        return "combination" if self.of == "all" else "combination-linear"

    def fit(self, seen: CleanedHistory, horizon: int) -> Combined:
        """Fit every member."""
        naive = NAIVE if seen.season.long else NAIVE[:1]
        linear = LINEAR if seen.season.short > 1 else tuple(m for m in LINEAR if isinstance(m, Autoregression))
        drawn: tuple[Member, ...] = (*naive, *linear) if self.of == "all" else linear
        changed = seen.season.long and len(seen.values) >= RECENT_DAYS * seen.season.short
        models = (*drawn, *RECENT) if self.of == "all" and changed else drawn
        long = len(seen.values) >= LONG_DAYS * seen.season.short
        members = {model.name: model.fit(seen, horizon) for model in models}
        pool = [model.name for model in (linear if long else drawn)]
        steady = [name for name in pool if not _explodes(members[name])]
        return Combined(members=members, pooled=tuple(steady or pool), floor=seen.floor)


def _explodes(member: Fitted) -> bool:
    return isinstance(member, FittedAutoregression) and member.explodes


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """The forecast of one candidate, with the pool of all members around it."""

    point: Floats
    pool: Combined

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """Paths of the pool."""
        return self.pool.draw(count, rng)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked(Fitting):
    """One candidate in place of the combination, whose pool still draws the paths.

    A candidate that did best on a few days is not known to be right: its own paths are too narrow.
    """

    name: str

    def fit(self, seen: CleanedHistory, horizon: int) -> Pick:
        """Fit every member, for the pool."""
        return self.of(Combination().fit(seen, horizon))

    def of(self, combined: Combined) -> Pick:
        """The pick, where the members are fitted already."""
        return Pick(point=combined.candidates()[self.name], pool=combined)
