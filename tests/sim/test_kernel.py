"""The closed forms of the kernel against exact integer arithmetic."""

from math import isqrt
from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.decode_run import steps_until

ONE = 1 << col.RATE_BITS


class Run(NamedTuple):
    """What the closed forms read of the engine's state."""

    engines: np.ndarray
    kind: np.ndarray
    replicas: np.ndarray
    drafts: np.ndarray


@njit
def _steps(s: Run, first: int, growth: int, span: int) -> int:
    return steps_until(s, 0, first, growth, span)


def steps(first: int, growth: int, span: int, rate: int = ONE, phase: int = 0) -> int:
    state = Run(
        engines=np.zeros((1, col.PARAMETERS), np.int64),
        kind=np.zeros(1, np.int64),
        replicas=np.zeros((1, col.REPLICA), np.int64),
        drafts=np.zeros((1, ONE + 1, 3), np.int64),
    )
    state.engines[0, col.TOKEN_RATE] = rate
    state.replicas[0, col.DECODED_STEPS] = phase
    state.drafts[0, 1:, col.TOKENS_BEFORE] = np.cumsum(np.arange(ONE) * rate // ONE)
    return _steps(state, first, growth, span)


def steps_exactly(first: int, growth: int, span: int) -> int:
    """Smallest k >= 1 with k*first + growth*k*(k-1)/2 >= span, in integers of any size."""
    if growth == 0:
        return max(-(-span // first), 1)
    b = 2 * first - growth
    k = max((isqrt(b * b + 8 * growth * max(span, 0)) - b) // (2 * growth) - 1, 1)
    while k * first + growth * k * (k - 1) // 2 < span:
        k += 1
    return k


@given(
    first=st.integers(1, 10**12),
    growth=st.one_of(st.just(0), st.integers(1, 10**8)),
    k=st.integers(1, 10**5),
    off=st.integers(-2, 2),
)
def test_steps_until_is_exact(first: int, growth: int, k: int, off: int) -> None:
    """Around every boundary: the span of k steps, a tick less, a tick more."""
    growth = min(growth, first)
    span = k * first + growth * k * (k - 1) // 2 + off
    assert steps(first, growth, span) == steps_exactly(first, growth, span)


@given(
    first=st.integers(1, 10**12),
    growth=st.integers(0, 10**8),
    rate=st.integers(ONE, 17 * ONE),
    phase=st.integers(0, 10**6),
    k=st.integers(1, 3000),
    off=st.integers(-2, 2),
)
def test_steps_of_a_speculating_engine_are_counted_exactly(
    first: int, growth: int, rate: int, phase: int, k: int, off: int
) -> None:
    """The tokens before each step, added up one by one."""
    growth = min(growth, first)
    before = [(phase + i) * rate // ONE - phase * rate // ONE for i in range(k + 2)]
    ends = np.cumsum([first + growth * tokens for tokens in before])
    span = int(ends[k - 1]) + off
    assert steps(first, growth, span, rate, phase) == max(int(np.searchsorted(ends, span)) + 1, 1)
