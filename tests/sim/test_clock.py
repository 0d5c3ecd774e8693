"""Whole ticks: fine enough for the coefficients, coarse enough for the horizon."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.pools import step

from simcost.errors import InputError
from simcost.plan import Batching
from simcost.sim.clock import NOT_IN_A_RUN, clock_for
from simcost.units import MEAN_MONTH_S


def test_a_day_runs_on_picoseconds_and_a_year_on_coarser_ticks() -> None:
    time = step(6e-3, 32e-6, 20e-6, 49e-9, 1e-9)
    day = clock_for(time, horizon_s=86400, capacity=400_000, batching=Batching())
    year = clock_for(time, horizon_s=365 * 86400, capacity=400_000, batching=Batching())
    assert day.ticks_per_ns == 1000
    assert year.ticks_per_ns == 10
    assert (day.base == 6_000_000_000).all()
    assert day.d == 49_000


def test_quadratic_term_is_kept_to_a_thousandth() -> None:
    """A prompt of L tokens has L*L/2 pairs; in ticks e*L*L >> shift."""
    for q in (1.3e-12 * 10, 4.2e-11, 3e-9):
        clock = clock_for(step(6e-3, q=q), horizon_s=86400, capacity=400_000, batching=Batching())
        ticks = clock.e * 4096**2 >> clock.e_shift
        assert ticks * clock.tick_s == pytest.approx(q * 4096**2 / 2, rel=1e-3)


@settings(max_examples=300, deadline=None)
@given(
    values=st.tuples(*(st.floats(-14, low).map(lambda power: 10.0**power) for low in (-1, -3, -3, -5, -8))),
    months=st.one_of(st.just(0.01), st.integers(1, 36)),
    capacity=st.sampled_from([1000, 400_000, 8_000_000]),
    step_of=st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)),
)
def test_the_clock_carries_36_months_at_any_coefficient(
    values: tuple[float, ...], months: float, capacity: int, step_of: tuple[float, float, float]
) -> None:
    """Against rational arithmetic, no step is off by more than 0.2 %, and neither run nor horizon can overflow."""
    a, b, c, d, q = values
    a, d = max(a, 1e-4), min(d, 1 / capacity)  # no engine computes a step in less, nor reads its cache more slowly
    time, batching = step(a, b, c, d, q), Batching(max_num_seqs=8)
    clock = clock_for(time, horizon_s=months * MEAN_MONTH_S, capacity=capacity, batching=batching)
    assert months * MEAN_MONTH_S / clock.tick_s < 2**62
    share, filled, cached = step_of
    n, prefill, kv = round(share * 8), round(filled * 1000), round(cached * capacity)
    pairs = prefill**2
    units = int(clock.base[0]) + clock.b * prefill + clock.c * n + clock.d * kv + (clock.e * pairs >> clock.e_shift)
    exact = sum(
        Fraction(value) * count for value, count in zip((a, b, c, d, q), (1, prefill, n, kv, pairs / 2), strict=True)
    )
    got = Fraction(units, 10**9 * clock.ticks_per_ns << clock.step_shift)
    assert abs(got - exact) <= Fraction(2, 1000) * exact
    longest = int(clock.base[0]) + clock.c + clock.d * capacity * 3 // 2
    assert longest * capacity < 2**62


def test_whole_ticks_are_steps_where_they_are_fine_enough() -> None:
    """Short runs are as they were: their steps are whole picoseconds."""
    time = step(6e-3, 32e-6, 20e-6, 22.6592e-9, 1e-9)
    day, year = (clock_for(time, horizon_s=s, capacity=400_000, batching=Batching()) for s in (86_400, 365 * 86_400))
    assert (day.ticks_per_ns, day.step_shift, day.d) == (1000, 0, 22_659)
    assert (year.ticks_per_ns, year.step_shift) == (10, 1)
    assert year.d / 20e9 == pytest.approx(22.6592e-9, rel=1e-3)


@pytest.mark.parametrize("a", [0.0, 1e-13])
def test_a_step_shorter_than_a_tick_is_refused(a: float) -> None:
    with pytest.raises(InputError, match="shorter than a tick"):
        clock_for(step(a, 1e-15, 1e-15, 1e-15), horizon_s=86400, capacity=1000, batching=Batching(max_num_seqs=8))


def test_a_step_without_time_is_refused() -> None:
    with pytest.raises(InputError, match="must take time"):
        clock_for(step(0.0, b=1e-6), horizon_s=86400, capacity=1000, batching=Batching(max_num_seqs=8))


def test_a_horizon_beyond_any_clock_is_refused() -> None:
    with pytest.raises(InputError, match="horizon"):
        clock_for(step(6e-3), horizon_s=1e11, capacity=1000, batching=Batching(max_num_seqs=8))


def test_the_table_reaches_as_far_as_a_step_can() -> None:
    """Chunked prefill keeps to the budget; a whole prompt may fill the cache."""
    stairs = replace(step(1e-3), base=((1, 0.0), (100, 1e-3), (101, 5e-3), (200, 4e-3)))
    chunked, whole = (
        clock_for(stairs, horizon_s=60, capacity=900, batching=Batching(max_num_batched_tokens=512, prefill=prefill))
        for prefill in ("chunked", "whole")
    )
    assert (len(chunked.base), len(whole.base)) == (513, 901)
    expected = stairs.base_seconds(np.arange(901.0))
    assert whole.base * whole.tick_s == pytest.approx(expected)
    assert (chunked.base == whole.base[:513]).all()


def test_a_step_longer_than_any_engine_takes_is_refused() -> None:
    endless = Batching(max_num_batched_tokens=10**9)
    assert len(clock_for(step(1e-3), horizon_s=60, capacity=900, batching=endless).base) == 901
    with pytest.raises(InputError, match="1,000,000,000 tokens"):
        clock_for(step(1e-3), horizon_s=60, capacity=10**10, batching=endless)


def test_a_table_with_a_step_without_time_is_refused() -> None:
    falling = replace(step(0.0), base=((0, 1e-3), (100, 0.0)))
    with pytest.raises(InputError, match="must take time"):
        clock_for(falling, horizon_s=60, capacity=900, batching=Batching())


def test_times_longer_than_any_run_are_one_that_no_run_lasts() -> None:
    """A timeout of a year, in picoseconds, is no number of 64 bits."""
    clock = clock_for(step(6e-3), horizon_s=86400, capacity=400_000, batching=Batching())
    assert clock.ticks(365 * 86400.0) == clock.ticks(1e9) == NOT_IN_A_RUN
    assert clock.ticks(1.5) == 1_500_000_000_000
    assert clock.ticks_of_each(2.0, 1000) == clock.ticks(2.0)
    with pytest.raises(InputError, match="in bytes per second"):
        clock.ticks_of_each(8e7, 8)


def test_a_step_that_no_engine_takes_is_refused() -> None:
    with pytest.raises(InputError, match="are its times in seconds"):
        clock_for(step(1e9), horizon_s=600, capacity=1000, batching=Batching())
