"""Demand over weeks, quarters and years: level and growth of the weeks, times the profile of a week."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from simcost.forecast.models import ridge
from simcost.forecast.models.base import CleanedHistory, Fitted, Fitting, draw_blocks
from simcost.forecast.models.idle_units import DemandChance, chance_of_demand, logs_of_demand
from simcost.forecast.models.level_shift import at_the_last_level, idle_at_the_end, shifts
from simcost.forecast.models.local_level import (
    WITHIN,
    LocalLevel,
    local_level,
    prior_of,
    stratified_normal,
    variance_ratio,
)
from simcost.forecast.models.members import Around, Flat, SeasonalNaive, profile
from simcost.forecast.models.year import season_of_the_year
from simcost.forecast.season import MONTHLY, WEEKLY, Season
from simcost.trace.series.series import Floats
from simcost.units import plural

WEEKS_A_MONTH = 52.1775 / 12
WEEKS_OF_RECURSION = 170
"""Weeks of history from which an autoregression of logarithms has its say (M4 weekly)."""
WEEKS_OF_TRUST = 52
"""Weeks ahead at which its say has halved."""
LAGS = np.array([1, 2, 3, 4, 52, 53])
PENALTY = 1e-4
USUAL_SD = 0.05
"""Usual deviation of the logarithm of demand in a week, walk and noise, where the history is too short to show it."""
USUAL_WEEKS = 3.0
"""Weeks of history that the usual deviation is worth."""
LEARNED = 12.0
"""Weeks (months) of history after which the usual deviation has come half way to its own, in logarithms."""
USUAL_GROWTH = 0.1
"""Standard deviation of growth a month before any was seen: 80 % of services lie within 13 % a month."""
LEAST_WALK = 0.8
"""Least standard deviation of a step of the walk where the history shows one, as a share of that of its changes."""
LINE = 0.5
"""Probability of no walk at all, before the likelihood is seen, where the variance ratio shows none: even odds."""
HALVED_YEARS = 3
DECAY = math.log(2) / (12 * HALVED_YEARS)
"""Decay of growth a month: it halves in three years. A path's own is drawn, chi-square with this mean: in most growth
lasts for longer, in some it ends within a year."""
SMALL_GROWTH = 0.01
"""Growth a month that is usual of any service: futures keep what is measured more exactly, even where it is near 0."""


@dataclass(frozen=True, slots=True)
class Planning(Fitting):
    """A random walk of the logarithm with damped drift, seasons of the week and, from two years on, of the year.

    Weeks (months of monthly series) are the steps of the walk. What a history cannot tell stays open: the share
    of noise, the level and the growth of each path are drawn from what fits it.
    """

    growth: bool = True
    """True if the growth that was measured goes on, at a rate that halves in three years."""

    @property
    def name(self) -> str:
        """As `--model` takes it."""
        return "planning"

    def fit(self, seen: CleanedHistory, horizon: int) -> Fitted:
        """Level, growth and seasons."""
        if not seen.floor or not seen.values.any():
            return _without_logarithm(seen).fit(seen, horizon)
        if weeks_idle(seen):
            return Around(point=np.zeros(horizon), errors=np.zeros(1), block=1, floor=True)
        return _fit(seen, horizon, growth=self.growth)

    def remarks(self, seen: CleanedHistory) -> list[str]:
        """Notes: another model stands in where a logarithm is impossible; the history shows no random walk."""
        if not seen.floor or not seen.values.any():
            return [f"planning: no logarithm of values at or below 0: {_without_logarithm(seen).name} in its place"]
        if idle := weeks_idle(seen):
            ended = f"the last {plural(idle, _unit_name(seen.season))} are 0, more than ever before"
            more = "so are the forecast and all its levels, for no history says whether demand comes back"
            return [f"planning: {ended}: {more}; state a launch if it does"]
        logs, moved, _ = _logarithms(seen)
        notes = _of_pauses(_units(seen.values, _unit(seen.season)), seen.season)
        notes += [_of_shift(moved, i, seen.season) for i in np.flatnonzero(moved)[-1:]]
        if _stays_on_a_line(logs, seen.season):
            said = "the history shows no random walk, its changes go back within weeks"
            notes.append(f"planning: {said}: levels may be much narrower than those of a walk")
        return notes


def _of_pauses(values: Floats, season: Season) -> list[str]:
    """Note of weeks (months) without demand, if there are some since the first with any."""
    since = values[int(np.argmax(values > 0)) :]
    if not (idle := int((since == 0).sum())):
        return []
    said = f"{idle} of {plural(len(since), _unit_name(season))} are 0, apart from which the level is measured"
    more = "as many of those to come are 0, in a pause of each year the same ones; of an outage, leave the rows out"
    return [f"planning: {said}: {more}"]


def _of_shift(moved: Floats, last: int, season: Season) -> str:
    """Note of the last shift of the level, and of how many there are."""
    ago = plural(len(moved) - last, _unit_name(season))
    size = math.exp(float(moved[max(last - 1, 0) : last + 1].sum()))
    return (
        f"planning: {ago} before the end the level moved to {size:.2g} times of what it was, and stayed: what was "
        "before counts as if at the later level"
    )


def _unit_name(season: Season) -> str:
    return "month" if season == MONTHLY else "step" if season.short == 1 else "week"


def weeks_idle(seen: CleanedHistory) -> int:
    """Weeks (months) of nothing with which a service has ended: two weeks, or three steps of weeks or months."""
    unit = _unit(seen.season)
    if unit == 1 and seen.season not in (WEEKLY, MONTHLY):
        return 0
    return idle_at_the_end(seen.values, 2 * unit if unit > 1 else 3) // unit


def _without_logarithm(seen: CleanedHistory) -> SeasonalNaive | Flat:
    return SeasonalNaive() if 1 < seen.season.short <= len(seen.values) else Flat()


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Level, growth and seasons, ready for a horizon."""

    state: LocalLevel
    growth: float
    """Of the logarithm, per unit (a week or a month), at the end of the history."""
    kept: float
    """Share of the measured growth in it."""
    to_the_end: float
    """Growth of the logarithm from the middle of the last unit to the end of the history, where none goes on."""
    kept_in_paths: Floats
    """Part of the measured growth that goes on in futures, for each share of the walk."""
    decay: float
    """Of growth, per unit."""
    yearly: Floats
    """Logarithmic season of the year; one per unit, from the last of the history on."""
    shape: Floats
    """Factor of each step within its unit, shape (horizon,)."""
    ratios: Floats
    """Recorded steps over level and profile: what is left as noise; empty where a unit is one step."""
    block: int
    """Steps of noise that stay together; 1 before two weeks of days are there, which show no profile of the week."""
    unit: int
    """Steps in a week, or 1 where the steps are weeks or months."""
    chance: DemandChance
    seen: int
    """Units of history."""
    offset: float
    most: float
    """Logarithm beyond which no path goes, a million times what was seen: numbers stay finite."""

    @property
    def expected(self) -> Floats:
        """Logarithm of each unit, from the last of the history on."""
        logs: Floats = self._levels(self.growth) + self.yearly
        return logs

    @property
    def point(self) -> Floats:
        """The level, its growth and its seasons without noise."""
        demand: Floats = self._demand(self._levels(self.growth)[None])[0] * self._chance
        return demand

    @property
    def ungrown(self) -> Floats:
        """The point forecast if demand stayed where it is at the end of the history."""
        levels = self._levels(0.0) + self.growth / 2
        demand: Floats = self._demand(levels[None])[0] * self._chance
        return demand

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """Joint futures: each its own level, growth, walk and noise."""
        drawn = self.state.draw(count, self.kept_in_paths, rng)
        units = len(self.yearly)
        steps = _walks(count, units - 1, rng) * drawn.walk[:, None]
        walked = np.concatenate((np.zeros((count, 1)), np.cumsum(steps, axis=1) - steps / 2), axis=1)
        noise = np.sqrt(self.state.noise**2 + WITHIN * drawn.walk[:, None] ** 2) * rng.standard_normal((count, units))
        grown = self._grown(drawn.rate, self.decay * rng.standard_normal(count) ** 2)
        demand = self._demand(drawn.level[:, None] + self.to_the_end + walked + noise + grown)
        if self.unit > 1:
            demand *= _aligned(self.ratios, self.block, len(self.shape), count, rng)
        if self._chance.min() < 1:
            to_come = np.arange(self.seen - 1, self.seen - 1 + units)
            demand *= self.chance.draw(to_come, count, rng)[:, self._unit_of_step]
        return demand

    @property
    def _chance(self) -> Floats:
        """Probability that there is any demand at each step."""
        return self.chance.at(self.seen - 1 + self._unit_of_step)

    @property
    def _unit_of_step(self) -> npt.NDArray[np.intp]:
        """Number of the unit of each step; that of the last one of the history is 0."""
        return np.arange(len(self.shape)) // self.unit + 1

    def _levels(self, rate: float) -> Floats:
        """Logarithm of the level of each unit, at a growth to come."""
        level = self.state.level(self.state.growth.rate) + self.to_the_end
        levels: Floats = level + self._grown(np.array([rate]), np.array([self.decay]))[0]
        return levels

    def _grown(self, rates: Floats, decays: Floats) -> Floats:
        """Growth of the logarithm since the last unit of the history; shape (count, units)."""
        ages = np.arange(len(self.yearly))
        growth: Floats = -np.expm1(-decays[:, None] * ages) / decays[:, None] * rates[:, None]
        return growth

    def _demand(self, levels: Floats) -> Floats:
        """Demand at each step from the logarithm of the level of each unit; shape (count, horizon)."""
        logs = np.minimum(levels + self.yearly, self.most)
        if self.unit == 1:
            return np.maximum(np.exp(logs[:, 1:]) - self.offset, 0.0)
        place = (np.arange(len(self.shape)) + 0.5) / self.unit + 0.5
        low = place.astype(np.intp)
        share = place - low
        demand: Floats = np.exp(logs[:, low] * (1 - share) + logs[:, low + 1] * share)
        demand -= self.offset
        demand *= self.shape / self.unit
        return np.maximum(demand, 0.0, out=demand)


def _walks(count: int, units: int, rng: np.random.Generator) -> Floats:
    """Standard normal steps, shape (count, units); what they add to the total is stratified over paths.

    A step adds half of itself to the mean of its own unit, and all of it to those after it.
    """
    steps = rng.standard_normal((count, units))
    left = np.arange(units, 0, -1.0) - 0.5
    moved = stratified_normal(count, rng) * math.sqrt(float(left @ left)) - steps @ left
    walks: Floats = steps + moved[:, None] * left / (left @ left)
    return walks


def _fit(seen: CleanedHistory, horizon: int, *, growth: bool) -> Planned:
    unit = _unit(seen.season)
    weeks = WEEKS_A_MONTH if seen.season == MONTHLY else 1.0
    logs, _, offset = _logarithms(seen)
    units = 1 + (horizon if unit == 1 else -(-horizon // unit) + 1)
    year = season_of_the_year(logs, _units_a_year(seen.season))
    short, line = _is_short(logs, seen.season), _stays_on_a_line(logs, seen.season)
    prior = prior_of(
        weeks,
        weekly_sd=USUAL_SD,
        steps=USUAL_WEEKS / weeks,
        rate_sd=USUAL_GROWTH * weeks / WEEKS_A_MONTH,
        line=LINE if line else 0.0,
        as_weeks=short,
        learned=LEARNED,
        halved=float(_units_a_year(seen.season)),
    )
    least_walk = LEAST_WALK if short and not line else 0.0
    state = local_level(logs - np.resize(year.logs, len(logs)), prior, least_walk=least_walk).wider(year.wider)
    kept = state.growth.kept if growth else 0.0
    kept_in_paths = state.kept(SMALL_GROWTH * weeks / WEEKS_A_MONTH) if growth else np.zeros(len(state.rate))
    season = year.logs[(len(logs) - 1 + np.arange(units)) % len(year.logs)]
    shape, ratios = _profile(seen.values, seen.season, unit, horizon)
    planned = Planned(
        state=state,
        growth=kept * state.growth.rate,
        kept=kept,
        to_the_end=0.0 if growth else state.growth.kept * state.growth.rate / 2,
        kept_in_paths=kept_in_paths,
        decay=DECAY * weeks / WEEKS_A_MONTH,
        yearly=season,
        chance=chance_of_demand(_units(seen.values, unit), len(year.logs)),
        seen=len(logs),
        shape=shape,
        ratios=ratios,
        block=seen.season.short if seen.season.long or len(seen.values) >= 2 * unit else 1,
        unit=unit,
        offset=offset,
        most=float(logs.max()) + math.log(1e6),
    )
    if seen.season != WEEKLY or len(logs) < WEEKS_OF_RECURSION:
        return planned
    flat = logs if growth else logs - state.growth.rate * np.arange(1.0 - len(logs), 1.0) + planned.to_the_end
    return replace(planned, yearly=season + _recursion(flat, planned.expected, units))


def _logarithms(seen: CleanedHistory) -> tuple[Floats, Floats, float]:
    """Logarithms of the weeks (months), the shifts of the level that were taken out of them, and what is added to
    each before. A history of two years or more may show its shifts again, as seasons.
    """
    values = _units(seen.values, _unit(seen.season))
    offset = _offset(values)
    logs = logs_of_demand(values, offset)
    moved = shifts(logs) if _is_short(logs, seen.season) else np.zeros(len(logs) - 1)
    if moved.any():
        offset = _offset(values[np.flatnonzero(moved)[-1] + 1 :])
        logs = logs_of_demand(values, offset)
        moved = np.where(moved != 0, np.diff(logs) - np.median(np.diff(logs)), 0.0)
    return at_the_last_level(logs, moved), moved, offset


def _offset(values: Floats) -> float:
    """Addition before logarithms: where some values are far below the others, which values of 0 are not."""
    some = values[values > 0]
    least = 0.02 * float(some.mean()) if len(some) else 0.0
    return 0.0 if len(some) and some.min() > least else max(least, 1e-9)


def _units_a_year(season: Season) -> int:
    return 12 if season == MONTHLY else 52


def _is_short(logs: Floats, season: Season) -> bool:
    """True below two years: the history does not say what is season and what is walk."""
    return len(logs) < 2 * _units_a_year(season)


def _stays_on_a_line(logs: Floats, season: Season) -> bool:
    """True if a history below two years shows no walk.

    Its changes over a month of weeks (a quarter of months) are then nearer to those of noise around a line than to
    those of a random walk. Fewer than four such spans do not tell.
    """
    span = 3 if season == MONTHLY else 4
    if len(logs) < 4 * span or not _is_short(logs, season):
        return False
    return variance_ratio(logs, span) < (1 + 1 / span) / 2


def _recursion(logs: Floats, expected: Floats, units: int) -> Floats:
    """Correction of the expected logarithms towards those of an autoregression, half of the way and then less."""
    ahead, _ = ridge.fit(logs, LAGS, PENALTY).ahead(units - 1)
    weight = 0.5 ** (1 + np.arange(units) / WEEKS_OF_TRUST)
    return weight * (np.concatenate(([expected[0]], np.clip(ahead, *_reach(logs)))) - expected)


def _reach(logs: Floats) -> tuple[float, float]:
    """Half a range beyond the history: where a recursion that explodes is stopped."""
    low, high = float(logs.min()), float(logs.max())
    return low - (high - low) / 2, high + (high - low) / 2


def _unit(season: Season) -> int:
    """Steps of a week; 1 for weeks, months and steps of no known season."""
    return season.long or (season.short if season.short == 7 else 1)


def _units(values: Floats, unit: int) -> Floats:
    """Sums of whole units, counted back from the end; of less than one unit, what it would be."""
    if len(values) < unit:
        return np.array([values.mean() * unit])
    whole = len(values) // unit
    sums: Floats = values[len(values) - whole * unit :].reshape(whole, unit).sum(axis=1)
    return sums


def _profile(values: Floats, season: Season, unit: int, horizon: int) -> tuple[Floats, Floats]:
    """Factors of the steps to come within their week, and what is left of the recorded ones as noise around 1."""
    steps = np.arange(len(values) + horizon)
    if unit == 1 or len(values) < season.short:
        return np.ones(horizon), np.ones(1)
    past = steps[: len(values)]
    level = _moving_mean(values, min(unit, len(values) - len(values) % season.short))
    rest = np.divide(values, level, out=np.ones(len(values)), where=level > 0)
    shape = np.ones(len(steps))
    if season.long:
        shape *= np.maximum(1 + profile(rest - 1, season.short, shrunk=False), 0.0)[steps % season.short]
        rest = np.divide(rest, shape[past], out=np.ones(len(rest)), where=shape[past] > 0)
    if len(values) >= 2 * unit:
        shape *= np.maximum(1 + profile(rest - 1, unit, shrunk=True), 0.0)[steps % unit]
    ratios = np.divide(values, level * shape[past], out=np.ones(len(values)), where=level * shape[past] > 0)
    return shape[len(values) :], ratios / ratios.mean()


def _moving_mean(values: Floats, width: int) -> Floats:
    """Mean over the `width` steps around each step; at the ends over the first and the last ones."""
    sums = np.concatenate(([0.0], np.cumsum(values)))
    first = np.clip(np.arange(len(values)) - width // 2, 0, len(values) - width)
    means: Floats = (sums[first + width] - sums[first]) / width
    return means


def _aligned(ratios: Floats, block: int, horizon: int, count: int, rng: np.random.Generator) -> Floats:
    """Blocks of noise in the phase of their season; shape (count, horizon)."""
    whole = len(ratios) // block
    if whole == 0:
        return np.ones((count, horizon))
    table = ratios[len(ratios) - whole * block :].reshape(whole, block)
    numbers = draw_blocks(np.arange(whole, dtype=np.float64), 1, -(-horizon // block), count, rng).astype(np.intp)
    drawn: Floats = table[numbers].reshape(count, -1)[:, :horizon]
    return drawn
