"""Where costs cross: closed forms; and the search for the least fleet."""

import doctest
from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.compare.breakeven import crossing as module
from simcost.compare.breakeven.crossing import Crossing, crossing, over_replications
from simcost.compare.breakeven.search import CLOSE, Search


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
        assert least <= found <= max(least, least / (1 - CLOSE))
        assert least > 1 / CLOSE or found == least


@pytest.mark.parametrize("least", [1, 3, 30, 300])
def test_a_near_guess_needs_few_questions(least: int) -> None:
    assert (
        max(searched(least, guess)[1] for guess in range(max(1, int(0.8 * least)), int(1.25 * least) + 1))
        <= 7
    )


def test_examples_of_the_module() -> None:
    assert doctest.testmod(module).attempted >= 3
    assert doctest.testmod(module).failed == 0


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
    assert crossing([1, 10], [100, 1000], [1, 10], least=True).place == "api"
    assert crossing([1, 10], [100, 200], [200, 2000], least=False) == Crossing(place="fleet", scale=None)
    assert crossing([1, 10], [100, 200], [200, 2000], least=True) == Crossing(place="below", scale=0.5)


def test_replications_that_disagree_name_no_demand() -> None:
    crosses = [Crossing(place="crosses", scale=scale) for scale in (1.0, 4.0)]
    place, found = over_replications(crosses, 0.95)
    assert place == "crosses"
    assert found.mean == pytest.approx(2.0)
    assert found.lo < 1.0 < 4.0 < found.hi
    assert over_replications([*crosses, Crossing(place="api", scale=None)], 0.95) == ("api", None)
    place, found = over_replications(crosses[:1], 0.95)
    assert (found.mean, found.lo, found.hi) == (1.0, None, None)
