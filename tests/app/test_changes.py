"""Changes between two texts of a scenario."""

from hypothesis import given
from hypothesis import strategies as st
from support.home import TINY

from simcost.scenario.files.edit import put
from views.changes import changes, told

PATHS = {
    "plans.0.scaling.replicas": "one L4: scaling.replicas",
    "seeds": "seeds",
    "slo.e2e": "slo.e2e",
}


@given(st.sampled_from(sorted(PATHS)), st.integers(10, 99))
def test_a_value_that_is_put_is_the_one_change(path: str, value: int) -> None:
    after = put(TINY, path, value)
    [(named, old, new)] = changes(TINY, after)
    assert (named, new) == (PATHS[path], str(value))
    assert changes(after, TINY) == ((named, new, old),)
    assert changes(after, after) == ()


def test_an_empty_value_is_that_of_a_missing_key() -> None:
    assert changes("seeds: 1", "seeds: 2\nbaseline:\nlevel: null") == (("seeds", "1", "2"),)


def test_lists_of_names_within_lists_are_told_apart() -> None:
    pools = "pools: [{name: b, x: 1}]"
    text = f"services: [{{name: a, x: 1}}]\nplans: [{{name: a, x: 1, {pools}}}, {{name: c, {pools}}}]"
    found = changes(text, text.replace("1", "2"))
    assert [path for path, _, _ in found] == ["services a: x", "a: x", "a: pools b: x", "c: pools b: x"]


def test_most_of_many_changes_are_counted() -> None:
    found = tuple((str(i), "1", "2") for i in range(5))
    assert told(found, most=2) == "0 2 (was 1), 1 2 (was 1), 3 more"
    assert told((), most=2) == ""
