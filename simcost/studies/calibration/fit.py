"""The fit: a global start, then descents without derivatives, then least squares.

A local descent from the catalog alone fails where its shape is wrong, as for mixtures of experts: a run that is near
saturation has several valleys.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from simcost.studies.calibration.engine import Engine
from simcost.studies.calibration.parameters import (
    COUNT,
    FACTOR,
    OVERHEAD,
    B,
    C,
    Candidate,
    D,
    Freedom,
    Vector,
    candidate,
    outside,
)
from simcost.studies.calibration.residuals import ALONE, Problem

_STARTS = 64
_SPREAD = 3.0
"""Of the starts, as a factor, around the catalog; the whole reach where nothing is expected."""
_DESCENTS = 2
"""Descents that go on to the bottom."""
_DOWN, _ON = 200, 300
"""Replays of a descent, and of each that goes on."""
_REPLICATE_EVALUATIONS = 120
_AS_DEEP = 11.1
"""Chi-square of five parameters at 95 %."""
_POLISHED = 24
"""Starts that Gauss-Newton follows to the bottom of their valleys."""
_MOVES = (0.35, -0.35, 0.8, -0.8, 1.6, -1.6)
"""Of one parameter, to which the others are then fitted: a profile of the likelihood."""
_OVERHEAD_PULL = 0.05
_STEP = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedParameters:
    """The best parameters of a problem."""

    x: Vector
    best: Candidate
    loss: float
    spread: Vector
    """Standard deviations of the parameters as the data alone leave them; infinity for those that were not free."""
    alike: tuple[Candidate, ...]
    """Other candidates that the data cannot tell from the best."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loss:
    """Squared residuals and the pull towards what the catalog expects."""

    engine: Engine
    problem: Problem
    freedom: Freedom

    def full(self, moved: Vector) -> Vector:
        """All parameters; those that are not free stay at 0."""
        x = np.zeros(COUNT)
        x[list(self.freedom.free)] = moved
        return x

    def tried(self, moved: Vector) -> Candidate:
        return candidate(self.engine.start, self.full(moved), self.freedom.reach)

    def terms(self, moved: Vector) -> Vector:
        x = self.full(moved)
        pulls = self.freedom.pull * x[1:OVERHEAD]
        rest = [_OVERHEAD_PULL * self.freedom.pull * x[OVERHEAD], 10 * outside(x, self.freedom.reach)]
        return np.concatenate([self.problem.residuals(self.tried(moved)), pulls, rest])

    def __call__(self, moved: Vector) -> float:
        return float((self.terms(moved) ** 2).sum())


def fit(
    engine: Engine,
    problem: Problem,
    freedom: Freedom,
    *,
    first: Problem | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> FittedParameters:
    """The best parameters.

    Args:
        engine: what is fixed.
        problem: what is observed.
        freedom: which parameters may move.
        first: a shorter problem that the starts are compared on; None = the problem.
        progress: called with the share done.
    """
    loss = _Loss(engine=engine, problem=problem, freedom=freedom)
    short = loss if first is None else _Loss(engine=engine, problem=first, freedom=freedom)
    starts = sorted(_starts(engine, freedom, short), key=short)
    found = []
    for done, start in enumerate(starts[: problem.tried]):
        found.append(_descended(loss, start, _DOWN))
        progress(0.5 * (done + 1) / problem.tried)
    valleys = [_deepened(loss, each) for each in sorted(found, key=loss)[:_DESCENTS]]
    progress(0.7)
    valleys += [_followed(loss, start) for start in starts[:_POLISHED]]
    valleys += _profile(loss, min(valleys, key=loss))
    best = _followed(loss, min(valleys, key=loss))
    progress(1.0)
    limit = loss(best) * (1 + _AS_DEEP / problem.independent)
    alike = [best, *(valley for valley in valleys if loss(valley) <= limit)]
    return FittedParameters(
        x=loss.full(best),
        best=loss.tried(best),
        loss=loss(best),
        spread=_spread(loss, best, alike),
        alike=tuple(loss.tried(valley) for valley in alike),
    )


def replicates(
    engine: Engine, problem: Problem, freedom: Freedom, fitted: FittedParameters, seed: int
) -> Sequence[Candidate]:
    """Fits to resampled observations, from the best on; none where there are too few blocks."""
    rng = np.random.default_rng(seed)
    result = []
    for _ in range(problem.drawn):
        drawn = problem.resampled(rng)
        if drawn is None:
            return []
        loss = _Loss(engine=engine, problem=drawn, freedom=freedom)
        result.append(loss.tried(_descended(loss, fitted.x[list(freedom.free)], _REPLICATE_EVALUATIONS, size=0.1)))
    return result


def _starts(engine: Engine, freedom: Freedom, loss: _Loss) -> list[Vector]:
    """Sobol points around the catalog, the catalog itself, and the catalog at the best factor."""
    from scipy.stats import qmc

    free = len(freedom.free)
    count = _STARTS if engine.expected else 4 * _STARTS
    width = log(_SPREAD if engine.expected else freedom.reach)
    points = (2 * qmc.Sobol(free, seed=1).random(count) - 1) * width
    if OVERHEAD in freedom.free:
        points[:, freedom.free.index(OVERHEAD)] = 0.5
    own = np.zeros(free)
    anchors = [np.concatenate([[step], own[1:]]) for step in np.linspace(-width, width, 21)]
    return [*points, own, min(anchors, key=loss)]


def _descended(loss: _Loss, start: Vector, evaluations: int, size: float = 0.25) -> Vector:
    from scipy.optimize import minimize

    simplex = np.vstack([start, start + size * np.eye(len(start))])
    options = {"maxfev": evaluations, "xatol": 1e-3, "fatol": 1e-4, "initial_simplex": simplex}
    best: Vector = minimize(loss, start, method="Nelder-Mead", options=options).x
    return best


def _deepened(loss: _Loss, start: Vector) -> Vector:
    """Further descents, each from a new simplex, then least squares, as long as each is better."""
    from scipy.optimize import least_squares

    found = start
    for size in (0.25, 0.1, 0.05):
        found = min((found, _descended(loss, found, _ON, size)), key=loss)
    polished: Vector = least_squares(loss.terms, found, diff_step=0.01, max_nfev=10).x
    return min((found, polished), key=loss)


def _followed(loss: _Loss, start: Vector, held: int | None = None) -> Vector:
    """Gauss-Newton with damping, from wide differences to narrow ones: a replay jumps, but is smooth at large.

    Args:
        loss: what falls.
        start: where it begins.
        held: a parameter that stays where it is.
    """
    free = [k for k in range(len(start)) if k != held]
    if not free:
        return start
    found, least = start, loss(start)
    for width in (0.2, 0.05, 0.02):
        for _ in range(4):
            step, after = _newton_step(loss, found, free, width, least)
            if step is None:
                break
            gained, found, least = least - after, step, after
            if gained < 1e-3 * least:
                break
    return found


def _newton_step(
    loss: _Loss, found: Vector, free: Sequence[int], width: float, least: float
) -> tuple[Vector | None, float]:
    """The next point and its loss; None where no damping finds a better one."""
    terms, axes = loss.terms(found), np.eye(len(found))[list(free)]
    slope = np.array(
        [(loss.terms(found + width * axis) - loss.terms(found - width * axis)) / (2 * width) for axis in axes]
    )
    square = slope @ slope.T
    for damping in (0.0, 0.1, 1.0):
        matrix = square + np.diag(damping * np.diag(square) + 1e-9)
        move = -np.linalg.lstsq(matrix, slope @ terms, rcond=None)[0] @ axes
        point = found + move / max(float(np.abs(move).max()), 1.0)
        after = loss(point)
        if after < least - 1e-9:
            return point, after
    return None, least


def _profile(loss: _Loss, best: Vector) -> list[Vector]:
    """One parameter moved away from the best, the others fitted to it. Where the factor moves, a alone moves: the
    coefficients beside it stay.
    """
    free, found = loss.freedom.free, []
    for k, name in enumerate(free):
        for move in _MOVES:
            start = best.copy()
            start[k] += move
            if name == FACTOR:
                start[[j for j, other in enumerate(free) if other in (B, C, D)]] -= move
            found.append(_followed(loss, start, held=k))
    return found


def _spread(loss: _Loss, best: Vector, alike: Sequence[Vector]) -> Vector:
    """Standard deviations of the parameters: from the curvature of the data at the best, without the pull, and from the
    other valleys that are about as deep, since a replay jumps where a request makes or misses a step.
    """
    base = loss.problem.residuals(loss.tried(best))
    columns = []
    for k in range(len(best)):
        shift = np.zeros(len(best))
        shift[k] = _STEP
        up, down = (loss.problem.residuals(loss.tried(best + sign * shift)) for sign in (1, -1))
        columns.append((up - down) / (2 * _STEP))
    slope = np.array(columns)
    noise = max(float((base**2).mean()), 1e-8) * ALONE
    values, vectors = np.linalg.eigh(slope @ slope.T)
    variance = ((vectors**2) / np.maximum(values, 1e-12)).sum(axis=1) * noise
    spread = np.full(COUNT, np.inf)
    spread[list(loss.freedom.free)] = np.maximum(np.sqrt(variance), np.ptp(np.array(alike), axis=0) / 2)
    return spread
