"""Plans over many futures: quantiles, the chance of a breach, what not knowing costs."""

from math import isclose

import pytest
from support.answers import MONTHS, runs

from simcost.compare import compare
from simcost.compare.document import document
from simcost.compare.futures import futures, quantile
from simcost.compare.verdict import verdict
from simcost.perf.quality import ModelQuality, QualityTarget

# Ten futures of rising demand. The small plan is cheap and breaks in the last three; the large one holds
# throughout; the scaled one follows, and breaks in the last.
SMALL = runs("small", [10.0] * 10, [0.995] * 7 + [0.9] * 3)
LARGE = runs("large", [30.0] * 10)
SCALED = runs("scaled", [float(8 + 2 * i) for i in range(10)], [0.995] * 9 + [0.9])


def over(*plans: list, risk: float = 0.1):
    return compare(
        {rows[0].plan: rows for rows in plans}, scenario="s", model="m", baseline=plans[0][0].plan, risk=risk
    )


def test_a_plan_may_miss_in_a_share_of_the_futures() -> None:
    found = over(SMALL, LARGE, SCALED)
    assert {plan.name: plan.met for plan in found.plans} == {"small": False, "large": True, "scaled": True}
    assert found.best is not None
    assert found.best.name == "scaled"  # 17 on average against 30
    strict = over(SMALL, LARGE, SCALED, risk=0.0)
    assert strict.best is not None
    assert strict.best.name == "large"


def test_quantiles_and_breaches() -> None:
    found = {plan.plan: plan for plan in futures(over(SMALL, LARGE, SCALED), 20 * MONTHS).plans}
    usd = found["scaled"].per_month_usd
    assert [usd[name] / MONTHS for name in ("p10", "p50", "p90")] == pytest.approx([9.0, 17.0, 25.0])
    assert found["scaled"].breach_slo == pytest.approx(0.1)
    assert found["scaled"].breach_budget == pytest.approx(0.3)  # 22, 24, 26
    assert found["scaled"].breach_either == pytest.approx(0.3)
    assert found["small"].breach_either == pytest.approx(0.3)
    assert found["large"].breach_budget == 1.0


def test_what_it_costs_to_be_wrong() -> None:
    found = {plan.plan: plan for plan in futures(over(SMALL, LARGE, SCALED), None).plans}
    low = [8, 10, 10, 10, 10, 10, 10, 22, 24, 30]  # the cheapest that meets the SLO
    large = found["large"].overspend_usd
    assert large is not None
    assert large / MONTHS == pytest.approx(sum(30 - one for one in low) / 10)
    small = found["small"].rescue_usd
    assert small is not None
    assert small / MONTHS == pytest.approx((12 + 14 + 20) / 3)
    assert found["large"].rescue_usd is None
    assert found["large"].breach_budget is None


def test_the_value_of_waiting_is_what_perfect_information_saves() -> None:
    found = futures(over(SMALL, LARGE, SCALED, risk=0.0), None)
    low = [8, 10, 10, 10, 10, 10, 10, 22, 24, 30]
    assert found.value_of_waiting_usd is not None
    assert isclose(found.value_of_waiting_usd / MONTHS, 30 - sum(low) / 10)
    assert found.rescued == 0
    assert futures(over(SMALL, LARGE, SCALED), None).rescued == 1


def test_no_plan_is_good_enough() -> None:
    found = over(SMALL)
    assert futures(found, None).value_of_waiting_usd is None
    assert verdict(found) == (
        "small misses the SLO in 30 % of the futures (10 % allowed); "
        "it costs $304.17 a month at P50 (P10 $304.17, P90 $304.17)."
    )


def test_the_verdict_counts_futures() -> None:
    assert verdict(over(SMALL, LARGE, SCALED)).startswith(
        "scaled is the cheapest plan that meets the SLO in 9 of 10 futures: $517.08 a month at P50 "
        "(P10 $273.75, P90 $760.42)"
    )


def test_the_document_has_them_only_where_replications_are_futures() -> None:
    said = document(over(SMALL, LARGE), {}, [], budget_usd=5000.0)
    assert said["futures"]["budget_usd"] == 5000.0
    assert [plan["plan"] for plan in said["futures"]["plans"]] == ["small", "large"]
    plain = compare({"small": SMALL}, scenario="s", model="m", baseline="small")
    assert "futures" not in document(plain, {}, [])


def test_a_quantile_stands_in_the_middle_of_its_part() -> None:
    assert quantile([5.0], 0.9) == 5.0
    assert quantile(list(map(float, range(10))), 0.05) == 0.0
    assert quantile(list(map(float, range(10))), 0.95) == 9.0


def test_only_plans_that_are_good_enough_are_worth_waiting_for() -> None:
    def scored(value: float | None) -> ModelQuality:
        return ModelQuality(model="m", metric="mmlu", value=value, source="s")

    rows = {"small": SMALL, "large": LARGE, "scaled": SCALED}
    qualities = {"small": scored(60.0), "large": scored(65.0), "scaled": scored(None)}
    target = QualityTarget(metric="mmlu", at_least=64.0)
    found = compare(rows, scenario="s", model="m", baseline="small", risk=0.1, qualities=qualities, quality=target)
    assert found.best is not None
    assert found.best.name == "large"
    assert futures(found, None).value_of_waiting_usd == 0.0
    assert "scaled (mmlu not known)" in verdict(found)
    everywhere = QualityTarget(metric="mmlu", at_least=70.0)
    none = compare(rows, scenario="s", model="m", baseline="small", risk=0.1, qualities=qualities, quality=everywhere)
    assert none.best is None
    assert futures(none, None).value_of_waiting_usd is None
    assert "large comes closest at $912.50 a month, but is not good enough: mmlu 65 (at least 70 asked for)" in verdict(
        none
    )


@pytest.mark.parametrize(("count", "told"), [(2, True), (4, True), (5, False), (10, False)])
def test_ends_of_a_few_futures_are_told(count: int, told: bool) -> None:
    """P10 and P90 of two futures stood in the verdict: their strata have the middles P25 and P75."""
    lines = document(over(SMALL[:count], LARGE[:count]), {}, [])["assumptions"]
    assert any(f"P10 and P90 of {count} futures are the lowest and the highest" in line for line in lines) == told
