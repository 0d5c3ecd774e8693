"""Ticks of axes."""

from hypothesis import given
from hypothesis import strategies as st

from simcost.present.chart_style import TIME_UNITS, time_axis, time_unit
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


@given(st.floats(60.0, 40 * 365 * 86400.0))
def test_an_axis_of_time_has_few_ticks_in_a_unit_that_is_read_at_a_glance(horizon_s: float) -> None:
    """A year was 8,640 hours, in steps of 1,440."""
    unit, unit_s, span = time_unit({"provenance": {"horizon_s": horizon_s}})
    assert unit == ("minutes" if horizon_s <= 3 * 3600 else "hours" if horizon_s <= 14 * 86400 else "days")
    assert span * unit_s == TIME_UNITS[unit][0] * span
    ticks = time_axis(unit, span).to_dict()["values"]
    assert ticks[0] == 0
    assert len(ticks) <= 13
    assert ticks[-1] <= span * (1 + 1e-9)


def test_a_year_is_marked_every_thirty_days() -> None:
    unit, _, span = time_unit({"provenance": {"horizon_s": 365 * 86400.0}})
    assert (unit, span) == ("days", 365)
    assert time_axis(unit, span).to_dict()["values"] == list(range(0, 361, 30))
