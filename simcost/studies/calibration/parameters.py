"""Parameters of a fit: a factor on the whole step, factors on b, c and d beside it, and the first-token overhead.

Where the step time has a base by tokens, its rise up to the largest batches that only decode belongs to c (the experts
they touch), the rise beyond to b (prefill).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log

import numpy as np
import numpy.typing as npt

from simcost.perf import StepTime
from simcost.plan import Batching

Vector = npt.NDArray[np.float64]
FACTOR, B, C, D, OVERHEAD = range(5)
COUNT = 5
DECODE_TOKENS = 512
"""Tokens of a step from which on it can only be prefill that it takes longer for."""
NAMES = ("a_s", "b_s_per_token", "c_s_per_sequence", "d_s_per_token", "first_token_overhead_s")
"""The coefficient that each parameter moves; the factor moves a to d, and is a's own where the others are free."""
_OVERHEAD_SCALE_S = 0.01
_LONGEST_OVERHEAD_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Freedom:
    """Parameters that a fit may move, and how far."""

    free: tuple[int, ...]
    reach: float
    """Largest factor up or down, of the step and of each coefficient beside it."""
    pull: float
    """Weight with which the logarithms of the factors beside the whole step are held at 0."""


WHOLE = (FACTOR, B, C, D, OVERHEAD)
NEAR = Freedom(free=WHOLE, reach=8.0, pull=0.25)
"""Around a step time of the catalog: where the data say nothing, its shape stays."""
FAR = Freedom(free=WHOLE, reach=60.0, pull=0.03)
"""Around a start that means nothing."""
ANCHOR = Freedom(free=(FACTOR,), reach=8.0, pull=0.25)
"""One or two benchmark points: the factor alone."""
SOME = Freedom(free=(FACTOR, B, OVERHEAD), reach=8.0, pull=0.25)
"""Three to nine benchmark points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A step time and an overhead to try."""

    step: StepTime
    first_token_overhead_s: float


def candidate(start: StepTime, x: Vector, reach: float) -> Candidate:
    """The candidate of a parameter vector: logarithms of factors, and the overhead in units of 10 ms."""
    limit = log(reach)
    factor, b, c, d = np.exp(np.clip(x[:OVERHEAD], -limit, limit))
    step = replace(
        start,
        a_s=start.a_s * factor,
        b_s_per_token=start.b_s_per_token * factor * b,
        c_s_per_sequence=start.c_s_per_sequence * factor * c,
        d_s_per_token=start.d_s_per_token * factor * d,
        q_s_per_pair=start.q_s_per_pair * factor * b,
        base=_base(start, factor, b, c),
    )
    overhead_s = float(np.clip(x[OVERHEAD] * _OVERHEAD_SCALE_S, 0.0, _LONGEST_OVERHEAD_S))
    return Candidate(step=step, first_token_overhead_s=overhead_s)


def _base(start: StepTime, factor: float, b: float, c: float) -> tuple[tuple[int, float], ...]:
    if not start.base:
        return ()
    tokens, base_s = np.array(start.base).T
    least, middle = np.interp((0, DECODE_TOKENS), tokens, base_s)
    decode = np.where(tokens < DECODE_TOKENS, base_s, middle) - least
    moved = factor * (least + c * decode + b * (base_s - least - decode))
    return tuple(zip(tokens.astype(int).tolist(), moved.tolist(), strict=True))


def outside(x: Vector, reach: float) -> float:
    """Distance beyond the bounds."""
    limit = log(reach)
    most = _LONGEST_OVERHEAD_S / _OVERHEAD_SCALE_S
    beyond = np.maximum(np.abs(x[:OVERHEAD]) - limit, 0.0).sum()
    return float(beyond + max(-x[OVERHEAD], 0.0) + max(x[OVERHEAD] - most, 0.0))


def coefficients(found: Candidate, batching: Batching) -> dict[str, float]:
    """The numbers of a candidate by name; where it has a base, of the line through it."""
    step = found.step.linear(batching.max_num_batched_tokens, batching.max_num_seqs)
    return step | {"first_token_overhead_s": found.first_token_overhead_s}
