"""Ticks of axes."""

from hypothesis import given
from hypothesis import strategies as st

from simcost.present.charts import decades


@given(st.floats(1e-4, 1e4), st.floats(1e-3, 1e6))
def test_a_logarithmic_axis_has_two_ticks_at_least(lo: float, more: float) -> None:
    """An axis from 11.3 to 11.5 ms had none: no power of ten, and no 2 or 5 times one, is within."""
    hi = lo * (1 + more)
    ticks = decades(lo, hi)
    assert len(ticks) >= 2
    assert ticks == sorted(set(ticks))
    assert all(lo * (1 - 1e-6) <= tick <= hi * (1 + 1e-6) for tick in ticks)


def test_one_value_has_one_tick() -> None:
    assert decades(0.0113, 0.0113) == [0.0113]
