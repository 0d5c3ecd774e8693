"""Bridges: worked examples, and the laws that effects add up and nothing comes of nothing."""

from math import fsum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.vectors import document

from simcost.compare.bridge import BillItem, BillSide, bill_bridge, factor_effects, ordered, product, shapley

CASES = [case for case in document("decisions")["cases"] if case["kind"].startswith("bridge")]


def of_kind(kind: str) -> list[Any]:
    return [pytest.param(case, id=case["id"]) for case in CASES if case["kind"] == kind]


@pytest.mark.parametrize("case", of_kind("bridge_product"))
def test_effects_of_factors(case: Any) -> None:
    given_, expected = case["input"], case["expected"]
    usd = product(given_["before"], given_["after"])
    assert ordered(given_["order"], usd) == pytest.approx(expected["ordered_usd"])
    assert shapley(given_["order"], usd) == pytest.approx(expected["shapley_usd"])


@pytest.mark.parametrize("case", of_kind("bridge_set"))
def test_effects_of_causes(case: Any) -> None:
    given_, expected = case["input"], case["expected"]

    def usd(changed: frozenset[str]) -> float:
        return float(given_["usd"]["+".join(name for name in given_["causes"] if name in changed)])

    assert ordered(given_["order"], usd) == pytest.approx(expected["ordered_usd"])
    assert shapley(given_["causes"], usd) == pytest.approx(expected["shapley_usd"])


def side(bill: Any) -> BillSide:
    return BillSide(
        items={name: BillItem(unit="h", **item) for name, item in bill["items"].items()},
        unused_usd={"plan": bill["unused_commitment_usd"]},
        other_usd={"tax": bill["other_usd"]},
    )


@pytest.mark.parametrize("case", of_kind("bridge_mix"))
def test_effects_of_a_bill(case: Any) -> None:
    before, after = (side(case["input"][name]) for name in ("before", "after"))
    assert (before.usd, after.usd) == pytest.approx((case["expected"]["before_usd"], case["expected"]["after_usd"]))
    rows = {name: fsum(parts.values()) for name, parts in bill_bridge(before, after).items()}
    assert rows == pytest.approx(case["expected"]["rows_usd"])


items = st.builds(
    BillItem,
    quantity=st.floats(0, 1e4),
    list_usd=st.floats(0.01, 100),
    rate=st.floats(0.1, 1.5),
    unit=st.sampled_from(["h", "GB"]),
)
bills = st.builds(
    BillSide,
    items=st.dictionaries(st.sampled_from("abcde"), items, max_size=5),
    unused_usd=st.dictionaries(st.sampled_from("pq"), st.floats(0, 1e3)),
    other_usd=st.dictionaries(st.sampled_from(["tax", "credit"]), st.floats(-1e3, 1e3)),
)


@given(before=bills, after=bills)
def test_effects_add_up_and_no_change_has_no_effect(before: BillSide, after: BillSide) -> None:
    parts = [usd for effect in bill_bridge(before, after).values() for usd in effect.values()]
    assert fsum(parts) == pytest.approx(after.usd - before.usd, abs=1e-9 * (1e6 + abs(before.usd) + abs(after.usd)))
    same = [usd for name, effect in bill_bridge(before, before).items() for usd in effect.values() if name != "new"]
    gone = fsum(item.usd for item in before.items.values() if item.quantity == 0)
    assert fsum(map(abs, same)) == pytest.approx(gone, abs=1e-6)


@given(values=st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=4))
def test_effects_of_factors_add_up_in_any_order(values: list[tuple[float, float]]) -> None:
    names = [f"f{i}" for i in range(len(values))]
    usd = product(
        dict(zip(names, (one for one, _ in values), strict=True)),
        dict(zip(names, (other for _, other in values), strict=True)),
    )
    change = usd(frozenset(names)) - usd(frozenset())
    for effects in (ordered(names, usd), shapley(names, usd)):
        assert fsum(effects.values()) == pytest.approx(change, abs=1e-3)
    assert shapley(names[::-1], usd) == pytest.approx(shapley(names, usd), abs=1e-3)


factors = st.fixed_dictionaries({"x": st.floats(0, 1e4), "y": st.floats(0, 1e4)})


@given(before=factors, after=factors)
def test_no_effect_of_two_factors_is_larger_than_the_cost_that_it_is_of(
    before: dict[str, float], after: dict[str, float]
) -> None:
    """Of opposite changes each was larger than both costs: a hundredth of the requests saved fifty times the bill."""
    effects = factor_effects(before, after)
    was, now = (both["x"] * both["y"] for both in (before, after))
    near = 1e-9 * (was + now)
    assert fsum(effects.values()) == pytest.approx(now - was, abs=near)
    assert -was - near <= min(effects.values())
    assert max(effects.values()) <= now + near
    assert factor_effects(after, before) == pytest.approx({name: -usd for name, usd in effects.items()}, abs=near)
    if (after["x"] > before["x"]) == (after["y"] > before["y"]):
        means = {name: (before[name] + after[name]) / 2 for name in "xy"}
        assert effects["x"] == pytest.approx((after["x"] - before["x"]) * means["y"], abs=near)
        assert effects["y"] == pytest.approx((after["y"] - before["y"]) * means["x"], abs=near)
