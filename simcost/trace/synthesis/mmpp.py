"""A Poisson process whose rate jumps between three levels: fitted to counts, and drawn.

Time is operational throughout. The fit is Baum-Welch on the counts in equal windows; the run of windows is cut
into segments that are taken as independent, so that all are gone through at once.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from simcost.trace.requests.batch import Draw, Floats, Ints, Pairs
from simcost.trace.synthesis.time_rescaling import Tuples

_SEGMENT = 64  # windows
_MOST_WINDOWS = 65_536
_ROUNDS = 60
_WINDOW_S = 1.0
_WINDOW_REQUESTS = 5.0
_STATES = 3


@dataclass(frozen=True, slots=True)
class States:
    """The three states.

    Attributes:
        levels: relative rate in each; their mean over time is 1.
        dwell: mean length of each, in requests expected at the mean rate.
        jumps: chance of each state to follow each other one; rows sum to 1, the diagonal is 0.
    """

    levels: Floats
    dwell: Floats
    jumps: Floats

    @classmethod
    def of(
        cls,
        levels: tuple[float, ...] | Floats,
        dwell: tuple[float, ...] | Floats,
        jumps: Floats | None = None,
    ) -> Self:
        """States with levels brought to a mean of 1; without `jumps` either other state may follow."""
        jumps = (1 - np.eye(_STATES)) / (_STATES - 1) if jumps is None else jumps
        share = shares(np.asarray(dwell), jumps)
        return cls(np.asarray(levels) / np.dot(share, levels), np.asarray(dwell, np.float64), jumps)


def shares(dwell: Floats, jumps: Floats) -> Floats:
    """Share of time in each state: visits, which solve v = v J, times their length."""
    system = np.vstack([jumps.T - np.eye(_STATES), np.ones(_STATES)])
    visits = np.linalg.lstsq(system, np.append(np.zeros(_STATES), 1.0), rcond=None)[0]
    time = np.maximum(visits * dwell, 0.0)
    share: Floats = time / time.sum()
    return share


def modulated(states: States, rng: np.random.Generator) -> Draw:
    """Sampler of gaps: exponential ones of the accumulated level, mapped back to time.

    A state has no memory of its age, so each call starts afresh in the state that the last one ended in.
    """
    state = int(rng.choice(_STATES, p=shares(states.dwell, states.jumps)))

    def draw(count: int) -> tuple[Floats, Pairs | None]:
        nonlocal state
        wanted = np.cumsum(rng.standard_exponential(count))
        visited, length = _visits(states, state, wanted[-1], rng)
        work = np.concatenate([[0.0], np.cumsum(length * states.levels[visited])])
        time = np.concatenate([[0.0], np.cumsum(length)])
        state = int(visited[np.searchsorted(work, wanted[-1], "right") - 1])
        return np.diff(np.interp(wanted, work, time), prepend=0.0), None

    return draw


def _visits(states: States, state: int, work: float, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """The states from this one on and their lengths, until they hold more than this many requests."""
    mean = float(np.dot(shares(states.dwell, states.jumps), states.dwell))
    threshold = np.cumsum(states.jumps, axis=1)[:, :-1].tolist()
    visited, lengths, held = [], [], 0.0
    while held <= work:
        run = []
        for chance in rng.random(int((work - held) / mean) + 64).tolist():
            run.append(state)
            first, second = threshold[state]
            state = (chance >= first) + (chance >= second)
        visited.append(np.array(run, np.int64))
        lengths.append(rng.standard_exponential(len(run)) * states.dwell[run])
        held += float(np.dot(lengths[-1], states.levels[run]))
    return np.concatenate(visited), np.concatenate(lengths)


def fitted_states(known: Tuples) -> States:
    """The states that fit the counts of a trace best: in windows of a second, or of 5 expected requests."""
    width = max(_WINDOW_REQUESTS, _WINDOW_S / float(known.gap_s.mean()))
    counts = np.bincount((np.cumsum(known.gap) / width).astype(np.int64))[:-1][:_MOST_WINDOWS]
    return fit_states(counts.astype(np.float64), width)


def fit_states(counts: Floats, width: float) -> States:
    """Baum-Welch: `counts` in windows of this width."""
    length = min(_SEGMENT, len(counts))
    seen = counts[: len(counts) // length * length].reshape(-1, length).T  # (windows, segments)
    rate = np.array([part.mean() for part in np.array_split(np.sort(counts), _STATES)]) + 1e-3
    moves = np.full((_STATES, _STATES), 0.1) + 0.7 * np.eye(_STATES)
    start = np.full(_STATES, 1 / _STATES)
    for _ in range(_ROUNDS):
        at, crossing = _expected(seen, rate, moves, start)
        weight = at.sum(axis=(0, 1))
        rate = np.maximum(np.einsum("tsk,ts->k", at, seen) / np.maximum(weight, 1e-12), 1e-6)
        moves = np.maximum(crossing, 1e-9)
        moves /= moves.sum(axis=1, keepdims=True)
        start = at[0].mean(axis=0)
    leaving = 1 - np.diag(moves)
    jumps = np.where(np.eye(_STATES, dtype=bool), 0.0, moves) / leaving[:, None]
    return States.of(rate, width / leaving, jumps)


def _expected(seen: Floats, rate: Floats, moves: Floats, start: Floats) -> tuple[Floats, Floats]:
    """Chance of each state in each window (windows, segments, states), and expected moves between states."""
    log_chance = seen[..., None] * np.log(rate) - rate
    chance = np.exp(log_chance - log_chance.max(axis=2, keepdims=True))
    forward = np.empty_like(chance)
    now = start * chance[0]
    for window in range(len(seen)):
        now = now if window == 0 else (now @ moves) * chance[window]
        forward[window] = now = now / now.sum(axis=1, keepdims=True)
    backward = np.ones_like(chance[0])
    at, crossing = np.empty_like(chance), np.zeros_like(moves)
    for window in range(len(seen) - 1, -1, -1):
        joint = forward[window] * backward
        at[window] = joint / joint.sum(axis=1, keepdims=True)
        if window:
            ahead = chance[window] * backward
            pair = forward[window - 1][:, :, None] * moves * ahead[:, None, :]
            crossing += (pair / pair.sum(axis=(1, 2), keepdims=True)).sum(axis=0)
            backward = ahead @ moves.T
            backward /= backward.sum(axis=1, keepdims=True)
    return at, crossing
