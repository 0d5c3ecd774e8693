"""Where costs cross: closed forms; and the search for the least fleet."""

import doctest
import sys
from math import ceil, exp, log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.studies.breakeven.crossing import (
    SIZE_TOLERANCE,
    Crossing,
    DemandSpread,
    Search,
    crossing,
    doubtful,
    over_replications,
)


def searched(least: int, guess: int) -> tuple[int | None, int]:
    search, asked = Search(guess), 0
    while (size := search.size()) is not None:
        search.tell(size, enough=size >= least)
        asked += 1
        assert asked < 60
    return search.enough, asked


@given(st.integers(1, 500), st.integers(1, 500))
def test_the_least_size_that_is_enough_is_found(least: int, guess: int) -> None:
    found, _ = searched(least, guess)
    if least > 8 * guess + 8:
        assert found is None or found >= least
    else:
        assert found is not None
        assert least <= found <= max(least, least / (1 - SIZE_TOLERANCE))
        assert least > 1 / SIZE_TOLERANCE or found == least


@pytest.mark.parametrize("least", [1, 3, 30, 300])
def test_a_near_guess_needs_few_questions(least: int) -> None:
    assert max(searched(least, guess)[1] for guess in range(max(1, int(0.8 * least)), int(1.25 * least) + 1)) <= 7


def test_examples_of_the_module() -> None:
    assert doctest.testmod(sys.modules[crossing.__module__]).attempted >= 3
    assert doctest.testmod(sys.modules[crossing.__module__]).failed == 0


@given(st.floats(1, 1e4), st.floats(0.1, 0.9), st.floats(0.5, 40))
def test_straight_lines_cross_where_they_do(level: float, slope: float, at: float) -> None:
    """A fleet of cost a s^b against an API of cost c s, equal at s = at."""
    scales = [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0]
    fleet = [level * scale**slope for scale in scales]
    api = [level * at ** (slope - 1) * scale for scale in scales]
    found = crossing(scales, fleet, api, least=False)
    assert found.place == "crosses"
    assert found.scale == pytest.approx(at, rel=1e-9)


def test_the_last_crossing_counts() -> None:
    fleet = [5.0, 5.0, 25.0, 25.0, 25.0]
    api = [2.0, 6.0, 18.0, 54.0, 162.0]
    assert crossing([1, 3, 9, 27, 81], fleet, api, least=True).scale == pytest.approx(
        exp(log(9) + log(3) * log(25 / 18) / (log(25 / 18) - log(25 / 54)))
    )


def test_one_side_may_always_be_cheaper() -> None:
    assert crossing([1, 10], [100, 1000], [1, 10], least=True) == Crossing(place="api")
    assert crossing([1, 10], [100, 200], [200, 2000], least=False) == Crossing(place="fleet")
    assert crossing([1, 10], [100, 200], [200, 2000], least=True) == Crossing(place="below", scale=0.5, sure=0.5)
    # Two machines (300) serve 1 to 2, where the API takes 200 and more; three (450) serve up to 3; 450 does up to 10.
    found = crossing([1, 10], [150, 450], [200, 2000], least=True)
    assert (found.place, found.scale, found.sure) == ("below", 0.75, pytest.approx(3.0))


def staircase(scale: float, capacity: float, cost: float) -> float:
    """A fleet of machines of this capacity."""
    return cost * ceil(scale / capacity - 1e-12)


@given(st.floats(0.05, 20), st.floats(0.2, 5), st.integers(0, 6))
def test_no_demand_above_the_sure_one_is_cheaper_at_the_api(capacity: float, cost: float, rounds: int) -> None:
    """Machines that serve `capacity` at `cost` times what the API takes for as much, looked at where it is doubtful."""
    scales = [0.1, 1.0, 10.0, 100.0]
    price = 1 / capacity

    def curves() -> tuple[list[float], list[float]]:
        return [staircase(scale, capacity, cost) for scale in scales], [price * scale for scale in scales]

    for _ in range(rounds):
        if (stretch := doubtful(scales, *curves())) is not None:
            scales = sorted({*scales, sqrt(stretch[0] * stretch[1])})
    found = crossing(scales, *curves(), least=staircase(0.1, capacity, cost) == cost)
    if found.sure is None:
        assert found.place in ("api", "fleet")
        return
    assert found.scale is None or found.scale <= found.sure * (1 + 1e-9)
    for share in np.linspace(0, 1, 400):
        scale = found.sure * (100 / found.sure) ** share
        if scale < 100:
            assert staircase(scale, capacity, cost) <= price * scale * (1 + 1e-9)


def test_looking_closer_brings_what_is_sure_to_where_costs_cross() -> None:
    """Machines of capacity 1 at 0.4 of the API's price of it: one pays from 0.4 on, two always (0.8 < 1)."""
    scales = [0.1, 0.3, 1.0, 3.0, 10.0]
    looks = 0
    while True:
        fleet = [staircase(scale, 1.0, 0.4) for scale in scales]
        stretch = doubtful(scales, fleet, scales)
        if stretch is None:
            break
        scales = sorted({*scales, sqrt(stretch[0] * stretch[1])})
        looks += 1
    found = crossing(scales, fleet, scales, least=True)
    assert found.scale == pytest.approx(0.4, rel=0.1)
    assert found.sure == pytest.approx(0.4, rel=0.1)
    assert looks < 12


def test_units_of_an_api_cost_the_same_however_little_is_asked() -> None:
    """A fleet that costs no more than them costs less at every demand; else the lines cross above what they cost."""
    always = crossing([1, 10], [100, 200], [200, 2000], least=True, units_usd=100)
    assert always == Crossing(place="fleet")
    found = crossing([1, 10], [150, 300], [200, 2000], least=True, units_usd=100)
    assert found.place == "below"
    assert found.scale is not None
    assert 100 + (200 - 100) * found.scale == pytest.approx(150)


def test_replications_that_disagree_name_no_demand() -> None:
    crosses = [Crossing(place="crosses", scale=scale, sure=2 * scale) for scale in (1.0, 4.0)]
    place, scale, sure = over_replications(crosses)
    assert place == "crosses"
    assert scale == DemandSpread(mean=pytest.approx(2.0), lo=1.0, hi=4.0)
    assert sure == DemandSpread(mean=pytest.approx(4.0), lo=2.0, hi=8.0)
    assert over_replications([*crosses, Crossing(place="api")]) == ("api", None, None)
    assert scale.times(3.0) == DemandSpread(mean=pytest.approx(6.0), lo=3.0, hi=12.0)
