"""Whole ticks: fine enough for the coefficients, coarse enough for the horizon."""

from dataclasses import replace

import numpy as np
import pytest
from support.pools import step

from simcost.errors import InputError
from simcost.plan import Batching
from simcost.sim.clock import NOT_IN_A_RUN, clock_for


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


def test_a_coefficient_below_the_clock_is_refused() -> None:
    with pytest.raises(InputError, match="coefficient d"):
        clock_for(step(6e-3, d=2e-13), horizon_s=86400, capacity=1000, batching=Batching(max_num_seqs=8))


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
