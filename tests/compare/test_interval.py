"""Intervals against values worked out by hand."""

from math import fsum, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.compare.confidence import interval, paired
from simcost.compare.document import known_interval

T_4_95 = 2.7764451051977987  # t(4, 0.975), any table


def test_five_values_by_hand() -> None:
    found = interval([2.0, 4.0, 4.0, 4.0, 6.0], 0.95)
    margin = T_4_95 * sqrt(2.0) / sqrt(5.0)
    assert (found.mean, found.lo, found.hi) == pytest.approx((4.0, 4.0 - margin, 4.0 + margin))
    assert found.margin == pytest.approx(margin)


def test_one_value_has_no_interval() -> None:
    found = interval([3.0], 0.95)
    assert (found.mean, found.lo, found.hi, found.margin, found.holds_zero) == (3.0, None, None, None, None)


def test_equal_values_are_exact() -> None:
    found = interval([0.1] * 3, 0.95)
    assert (found.mean, found.lo, found.hi, found.margin) == (0.1, 0.1, 0.1, 0.0)


def test_shared_noise_cancels_out() -> None:
    noise = [100.0, -300.0, 50.0, 7.0, 0.0]
    plan, base = [n + 5.0 for n in noise], noise
    assert paired(plan, base, 0.95).margin == 0.0
    assert interval(plan, 0.95).margin > 100.0


def test_turning_the_sign_turns_the_bounds() -> None:
    found = interval([1.0, 2.0, 4.0], 0.9).scaled(-2.0)
    assert found.lo < found.mean < found.hi
    assert found.mean == pytest.approx(-14.0 / 3.0)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=5, max_size=5))
def test_a_paired_interval_is_that_of_the_differences(pairs: list[tuple[float, float]]) -> None:
    gaps = [one - other for one, other in pairs]
    mean = fsum(gaps) / 5
    margin = T_4_95 * sqrt(fsum((gap - mean) ** 2 for gap in gaps) / 4 / 5)
    found = paired([one for one, _ in pairs], [other for _, other in pairs], 0.95)
    assert (found.lo, found.hi) == pytest.approx((mean - margin, mean + margin), rel=1e-9, abs=1e-6)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_the_interval_of_a_share_is_written_within_0_and_1(shares: list[float]) -> None:
    found = interval(shares, 0.95)
    written = known_interval(found, 0, 1)
    assert written is not None
    assert 0 <= written["lo"] <= found.mean + 1e-12
    assert found.mean - 1e-12 <= written["hi"] <= 1
    assert written["mean"] == found.mean
    assert written["margin"] == found.margin


def test_the_interval_of_a_wait_ends_at_0() -> None:
    written = known_interval(interval([0.0, 0.0, 60.0], 0.95), 0)
    assert written is not None
    assert (written["mean"], written["lo"]) == (20.0, 0.0)
    assert written["hi"] > 60
