"""What was paid against what was simulated: the split is exact, and nothing is left out unsaid."""

import json
from dataclasses import replace
from math import fsum
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.focus_files import cost_file, row
from support.shown import on_terminal

from simcost.documents import to_document
from simcost.errors import InputError
from simcost.present.chart_style import to_svg
from simcost.studies.actuals.charts import gaps
from simcost.studies.actuals.compare_view import parts
from simcost.studies.actuals.comparison import (
    ANY_MONTH,
    Amount,
    Key,
    Side,
    against,
    effects,
    file_findings,
    side_of_charges,
    side_of_file,
)
from simcost.studies.actuals.result import Basis
from simcost.studies.actuals.study import actual_costs
from simcost.studies.actuals.view import worth_of
from simcost.trace.focus.reader import read_focus

text = on_terminal(parts)

amounts = st.builds(Amount, st.floats(0.01, 1e4), st.floats(-1e4, 1e6))
keys = st.tuples(
    st.sampled_from(["2026-01", "2026-02"]),
    st.just("aws"),
    st.sampled_from(["", "r", "s"]),
    st.sampled_from(["a", "b", "c"]),
    st.just("h"),
)
others = st.dictionaries(st.tuples(st.just("2026-01"), st.sampled_from(["tax", "credit"])), st.floats(-1e3, 1e3))
sides = st.builds(Side, amounts=st.dictionaries(keys, amounts, min_size=1), others=others, span_h=st.floats(1, 9000))


def key(sku: str, region: str = "r", month: str = "2026-01") -> Key:
    return month, "aws", region, sku, "h"


def side(*skus: tuple[Key, Amount], **more: object) -> Side:
    return replace(Side(amounts=dict(skus), others={}, span_h=744.0), **more)


def test_what_the_costs_of_a_file_rest_on_is_told(tmp_path: Path) -> None:
    """Part of a difference is the rate that was given; rows without a cost have none of the quantity that has a price.
    These looked like another price.
    """
    path = cost_file(tmp_path, [row(1, BillingCurrency="EUR"), row(2, EffectiveCost="")])
    read = read_focus([path], usd_per={"EUR": 1.08})
    dirty = side_of_file(read, "effective")
    assert list(dirty.amounts.values()) == [Amount(1.0, pytest.approx(55.04 * 1.08))]
    [used] = actual_costs(read).skus
    assert (used.quantity, used.effective_usd_per_unit) == (2.0, pytest.approx(55.04 * 1.08))
    assert [one["message"] for one in file_findings(side(), dirty)] == [
        "simulated file: rows that have no EffectiveCost: 1; left out of the effective total",
        "simulated file: 1 EUR is taken for 1.08 USD, as --rate says",
    ]
    assert worth_of({"EUR": 1.08, "USD": 1.0}) == ["1 EUR is taken for 1.08 USD, as --rate says"]


@given(amounts, amounts)
def test_the_split_is_exact_and_does_not_depend_on_the_side(simulated: Amount, actual: Amount) -> None:
    quantity, price = effects(simulated, actual)
    near = {"rel": 1e-9, "abs": 1e-6 * max(abs(simulated.usd), abs(actual.usd), 1.0)}
    assert quantity + price == pytest.approx(actual.usd - simulated.usd, **near)
    back = effects(actual, simulated)
    assert back == (pytest.approx(-quantity, **near), pytest.approx(-price, **near))


@given(st.floats(0.1, 1e3), st.floats(0.1, 1e3), st.floats(0.1, 1e3))
def test_what_did_not_change_has_no_effect(quantity: float, price: float, other: float) -> None:
    same_price = effects(Amount(quantity, quantity * price), Amount(other, other * price))
    assert same_price[1] == pytest.approx(0, abs=1e-6)
    same_quantity = effects(Amount(quantity, quantity * price), Amount(quantity, quantity * other))
    assert same_quantity[0] == 0


@given(sides, sides, st.booleans())
@example(
    actual=side((key("a"), Amount(1.0, 1.0))),
    simulated=side((key("a"), Amount(1.0, 0.0)), others={("2026-01", "tax"): 1e-270}),
    per_month=False,
)
def test_all_parts_add_up_to_the_difference(actual: Side, simulated: Side, per_month: bool) -> None:
    if not per_month and not actual.months & simulated.months:
        with pytest.raises(InputError, match="no month in common"):
            against(actual, simulated, "effective")
        return
    told = against(actual, simulated, "effective", per_month=per_month)
    json.dumps(to_document(told), allow_nan=False)
    size = max(abs(told.actual_usd), abs(told.simulated_usd), 1.0)
    assert fsum(told.effects_usd.values()) == pytest.approx(told.difference_usd, abs=1e-8 * size * 100)
    assert told.difference_usd == pytest.approx(told.actual_usd - told.simulated_usd, abs=1e-6 * size)
    counted = len(told.skus) * 2 + len(told.only_actual) + len(told.only_simulated)
    if per_month:
        assert counted == len({k[1:] for k in actual.amounts}) + len({k[1:] for k in simulated.amounts})
    else:
        both = actual.months & simulated.months
        assert counted == sum(k[0] in both for one in (actual, simulated) for k in one.amounts)
        assert set(told.left_out_months) == actual.months ^ simulated.months
    assert max(map(len, text(told).splitlines())) <= 120


@given(sides)
def test_what_is_the_same_does_not_differ(one: Side) -> None:
    told = against(one, one, "effective")
    assert told.difference_usd == 0
    assert not told.only_actual
    assert not told.only_simulated
    assert told.verdict.startswith("Actual and simulated agree: ")


def test_a_region_that_one_side_does_not_name_is_the_only_one_of_the_other() -> None:
    told = against(side((key("a"), Amount(2, 4))), side((key("a", ""), Amount(1, 2))), "effective")
    assert [row.region for row in told.skus] == ["r"]
    two = side((key("a"), Amount(2, 4)), (key("a", "s"), Amount(2, 4)))
    told = against(two, side((key("a", ""), Amount(1, 2))), "effective")
    assert told.skus == (), "which of the two it is cannot be told"
    assert [row.like for row in told.only_actual] == ["aws/a (h)"] * 2


def test_unmatched_skus_are_named_both_ways_with_what_is_alike() -> None:
    told = against(side((key("p5.48xlarge"), Amount(1, 9))), side((key("p5e.48xlarge"), Amount(1, 5))), "effective")
    assert [(row.sku, row.like) for row in told.only_actual] == [("p5.48xlarge", "aws/p5e.48xlarge r (h)")]
    assert [(row.sku, row.like) for row in told.only_simulated] == [("p5e.48xlarge", "aws/p5.48xlarge r (h)")]
    said = text(told)
    assert "Paid for, not simulated" in said
    assert "Simulated, not paid for" in said
    assert to_svg(gaps(told)).startswith("<svg")


def test_months_that_one_side_alone_has_are_left_out_and_said() -> None:
    more = side((key("a"), Amount(2, 4)), (key("a", month="2026-02"), Amount(5, 5)))
    told = against(more, side((key("a"), Amount(2, 3))), "billed")
    assert told.actual_usd == 4
    assert told.left_out_months == ("2026-02",)
    assert "2026-02" in text(told)


def test_a_run_without_calendar_is_scaled_to_a_month() -> None:
    charge = {
        "charge_category": "Usage",
        "commitment_status": "",
        "provider": "aws",
        "region": "any",
        "sku": "a",
        "consumed_unit": "h",
        "consumed_quantity": 10.0,
        "effective_cost_usd": 30.0,
    }
    lost = charge | {"commitment_status": "Unused", "consumed_unit": "USD", "effective_cost_usd": 7.3}
    run = side_of_charges([charge, lost], "effective", 73.0)
    told = against(side((key("a"), Amount(744, 2232)), span_h=744.0), run, "effective")
    assert told.months == (ANY_MONTH,)
    (row,) = told.skus
    assert (row.simulated.quantity, row.simulated.usd) == (pytest.approx(100), pytest.approx(300))
    assert row.simulated.usd_per_unit == 3.0
    assert row.actual.quantity == pytest.approx(730)
    assert told.others[0].simulated_usd == pytest.approx(73)
    with pytest.raises(InputError, match="has no length"):
        against(side((key("a"), Amount(1, 1)), span_h=0.0), run, "effective")


@pytest.mark.parametrize(
    ("cost", "empty", "told"),
    [
        ("billed", {"BilledCost": ""}, "no BilledCost: 2; left out of the billed total"),
        ("list", {"ListCost": "", "ListUnitPrice": ""}, "no ListCost: 2; ListUnitPrice x PricingQuantity where both"),
    ],
)
def test_rows_without_the_cost_that_is_compared_are_told_and_have_no_price(
    tmp_path: Path, cost: Basis, empty: dict[str, str], told: str
) -> None:
    """Without a word their hours had the cost of the others, so that all of them seemed cheaper."""
    read = read_focus([cost_file(tmp_path, [row(1), row(2, **empty), row(3, **empty)])])
    paid, full = side_of_file(read, cost), side_of_file(read, "effective")
    assert list(paid.amounts.values()) == [Amount(1.0, pytest.approx(55.04))]
    assert list(full.amounts.values()) == [Amount(3.0, pytest.approx(3 * 55.04))]
    [message] = [one["message"] for one in file_findings(paid, side())]
    assert message.startswith(f"actual file: rows that have {told}")
    assert file_findings(full, side()) == []
