"""Rates: a smooth path that keeps each step, and its inverse."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.errors import InputError
from simcost.trace.synthesis.rates import ArrivalRates, CumulativeRate

counts = st.lists(st.one_of(st.just(0.0), st.floats(1e-6, 1e9)), min_size=1, max_size=30)


@given(counts, st.sampled_from([1.0, 600.0, 3600.0, 86400.0]))
def test_each_step_keeps_its_sum(expected: list[float], step_s: float) -> None:
    clock = ArrivalRates(step_s=step_s, expected=np.array(expected)).clock()
    edges = np.arange(len(expected) + 1) * step_s * 1e9
    assert np.diff(clock.expected(edges)) == pytest.approx(np.array(expected), rel=1e-9, abs=1e-9 * sum(expected))
    fine = clock.expected(np.linspace(0, edges[-1], 500))
    assert (np.diff(fine) >= 0).all()


@given(counts.filter(any), st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_inverse(expected: list[float], shares: list[float]) -> None:
    clock = ArrivalRates(step_s=3600.0, expected=np.array(expected)).clock()
    wanted = np.sort(shares) * clock.total
    times = clock.time_ns(wanted)
    assert (np.diff(times) >= 0).all()
    assert clock.expected(times) == pytest.approx(wanted, rel=1e-6, abs=1e-6 * clock.total)


def test_the_rate_is_smooth_and_nothing_comes_in_an_empty_step() -> None:
    clock = ArrivalRates(step_s=3600.0, expected=np.array([10.0, 20.0, 30.0, 0.0, 5.0])).clock()
    rate = np.diff(clock.expected(np.arange(0, 5 * 3600 + 1, 300) * 1e9))
    assert abs(np.diff(rate[:24])).max() < 0.15  # steps would jump by 10 / 12
    assert rate[36:48] == pytest.approx(np.zeros(12), abs=1e-9)


@pytest.mark.parametrize("expected", [[], [1.0, -1.0], [float("nan")], [float("inf")]])
def test_impossible_rates(expected: list[float]) -> None:
    with pytest.raises(InputError):
        ArrivalRates(step_s=60.0, expected=np.array(expected))
    with pytest.raises(InputError):
        replace(ArrivalRates(step_s=60.0, expected=np.ones(1)), step_s=0.0)


def test_run_up() -> None:
    clock = CumulativeRate(np.array([0, 10, 20]), np.array([0.0, 5.0, 25.0])).with_run_up(4)
    assert clock.expected(np.array([-4, 0, 15])).tolist() == [-2.0, 0.0, 15.0]
    assert (clock.first, clock.total, clock.end_ns) == (-2.0, 25.0, 20)
