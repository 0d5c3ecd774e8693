"""Names of commitments: one each."""

import doctest

from hypothesis import given
from hypothesis import strategies as st

from simcost.billing.commitment import names
from simcost.billing.commitment.names import distinct


@given(st.lists(st.sampled_from(["p5", "p5 1", "p5 2", "base"]), max_size=8))
def test_names_are_distinct_and_those_that_were_stay(given_names: list[str]) -> None:
    found = distinct(given_names)
    assert len(set(found)) == len(found) == len(given_names)
    for own, name in zip(given_names, found, strict=True):
        assert name.startswith(own)
        assert name == own or given_names.count(own) > 1


def test_examples_of_the_module() -> None:
    assert doctest.testmod(names).failed == 0
