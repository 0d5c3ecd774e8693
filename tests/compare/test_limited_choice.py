"""Choice of one option of each group within limits: what trying all combinations finds."""

from itertools import product
from math import fsum

from hypothesis import given
from hypothesis import strategies as st

from simcost.compare.limited_choice import LimitedOption, cheapest_within, fits, taken_by

LIMITS = 2
TAKEN = st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0, float("inf")])
OPTIONS = st.builds(
    LimitedOption,
    name=st.just("plan"),
    usd=st.integers(0, 12).map(float),
    taken=st.tuples(*[TAKEN] * LIMITS),
)


@given(st.lists(st.lists(OPTIONS, max_size=5), min_size=1, max_size=4), st.tuples(*[st.integers(0, 7)] * LIMITS))
def test_it_costs_what_the_cheapest_of_all_combinations_does(
    groups: list[list[LimitedOption]], most: tuple[int, int]
) -> None:
    within = [some for some in product(*groups) if fits(taken_by(some, LIMITS), most)]
    found = cheapest_within(groups, most)
    if found is None:
        assert not within
        return
    assert found in within
    assert fsum(one.usd for one in found) == min(fsum(one.usd for one in some) for some in within)


def test_of_equal_options_the_first_is_chosen() -> None:
    first, second = (LimitedOption(name=name, usd=1.0, taken=(1.0,)) for name in ("first", "second"))
    assert cheapest_within([[first, second]], [1.0]) == (first,)
    assert cheapest_within([[second, first]], [1.0]) == (second,)
