"""The closed forms of the kernel against exact integer arithmetic."""

from math import isqrt

from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from simcost.sim.serving.engine.decode_heap import steps_until


@njit
def steps(first: int, growth: int, span: int) -> int:
    return steps_until(first, growth, span)


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
