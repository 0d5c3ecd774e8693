"""Several differences at once: known answers, and what a correction must never do."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.vectors import document

from simcost.compare.significance import holm, judged

CASES = [case for case in document("decisions")["cases"] if case["kind"] == "differences"]
WORDS = {"materially dearer": "materially more expensive", "dearer": "more expensive"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_differences_of_the_vectors(case: dict[str, Any]) -> None:
    given_, want = case["input"], case["expected"]["differences"]
    base = given_["samples"][given_["against"]]
    rows = {name: [one - other for one, other in zip(given_["samples"][name], base, strict=True)] for name in want}
    found = judged(list(rows.values()), given_["level"], [given_["margin_usd"]] * len(rows))
    for one, expected in zip(found, want.values(), strict=True):
        assert one.p == pytest.approx(expected["p"], abs=1e-9)
        assert one.adjusted_p == pytest.approx(expected["p_holm"], abs=1e-9)
        assert one.interval.lo == pytest.approx(expected["lo"], abs=1e-6)
        assert one.interval.hi == pytest.approx(expected["hi"], abs=1e-6)
        assert one.relation == WORDS.get(expected["verdict"], expected["verdict"])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_raises_p_values_keeps_their_order_and_is_no_stricter_than_bonferroni(values: list[float]) -> None:
    found = holm(values)
    for value, adjusted in zip(values, found, strict=True):
        assert value <= adjusted <= min(1.0, len(values) * value) + 1e-12
    ranked = [adjusted for _, adjusted in sorted(zip(values, found, strict=True))]
    assert ranked == sorted(ranked)


def test_a_difference_may_lose_its_significance_among_many() -> None:
    slight = [1.0, 2.0, 0.5, 1.5, 0.2]
    [alone] = judged([slight], 0.95, [None])
    among = judged([slight, *[[0.1, -0.1, 0.2, -0.2, 0.05]] * 9], 0.95, [None] * 10)[0]
    assert (alone.significant, among.significant) == (True, False)
    assert (alone.relation, among.relation) == ("more expensive", "not significantly different")
    assert alone.p == among.p
    assert judged([[3.0]], 0.95, [None])[0].significant is None
    assert judged([[3.0]], 0.95, [None], exact=True)[0].significant is True
