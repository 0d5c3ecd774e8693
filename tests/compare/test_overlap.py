"""Actions one after another, and the risk of a further run: known answers and laws."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from scipy.stats import t as student
from support.vectors import document

from simcost.compare.overlap import in_sequence
from simcost.compare.scores import RunScore, futures_score
from simcost.compare.slo_risk import futures_met, least_of_futures, miss_probability, risk_class
from simcost.slo import Check

CASES = [case for case in document("decisions")["cases"] if case["kind"] == "actions"]


def scores(*attained: float, target: float = 0.9) -> list[RunScore]:
    return [RunScore(usd=1.0, checks=(Check.of("attainment", one, target),)) for one in attained]


def test_overlapping_actions_of_the_vectors() -> None:
    for case in CASES:
        usd, meets = case["input"]["usd"], case["input"]["meets_slo"]

        def together(names: tuple[str, ...], usd: Any = usd, meets: Any = meets) -> float | None:
            key = "+".join(sorted(names))
            return float(usd[key]) if meets[key] else None

        steps = in_sequence(case["input"]["actions"], usd[""], together, 1.0)
        want = case["expected"]
        assert [(step.action, step.saves_usd, step.usd_after) for step in steps] == [
            (one["action"], one["saves_usd"], one["usd_after"]) for one in want["sequence"]
        ]
        assert usd[""] - steps[-1].usd_after == want["total_saving_usd"]


@given(st.dictionaries(st.sampled_from("abcde"), st.floats(-50, 50), min_size=1))
def test_savings_that_add_up_are_all_taken_the_largest_first(alone: dict[str, float]) -> None:
    steps = in_sequence(sorted(alone), 100.0, lambda names: 100.0 - sum(alone[name] for name in names), 1.0)
    kept = sorted((value for value in alone.values() if value >= 1.0 + 1e-9), reverse=True)
    assert [step.saves_usd for step in steps][: len(kept)] == pytest.approx(kept)


def test_an_action_that_is_required_is_taken_though_it_costs_more() -> None:
    usd = {("a",): 12.0, ("b",): 15.0, ("a", "b"): None}
    assert in_sequence(["a", "b"], 10.0, usd.get, 1.0) == []
    [step] = in_sequence(["a", "b"], 10.0, usd.get, 1.0, required=True)
    assert (step.action, step.saves_usd) == ("a", -2.0)


def test_the_risk_of_a_further_run_is_students_predictive_one_and_no_less_than_the_misses() -> None:
    runs = scores(0.93, 0.95, 0.94, 0.96)
    mean, spread = 0.945, 0.012909944487358068
    want = student.cdf(-(mean - 0.9) / (spread * (1 + 1 / 4) ** 0.5), 3)
    assert miss_probability(runs) == pytest.approx(want)
    assert miss_probability(scores(0.95, 0.95)) == 0.0
    assert miss_probability(scores(0.8, 0.8, 0.8)) == 1.0
    assert miss_probability(scores(0.89, 1.0, 1.0, 1.0)) >= 0.25
    assert [risk_class(one) for one in (0.009, 0.01, 0.19, 0.2)] == ["very low", "low", "medium", "high"]


def of_futures(met: str) -> list[RunScore]:
    return [RunScore(usd=1.0, checks=(Check.of("futures", float(one == "+"), 0.9),)) for one in met]


def test_few_futures_that_all_meet_the_slo_do_not_make_the_next_one_certain() -> None:
    assert [miss_probability(of_futures("+" * count)) for count in (1, 3, 98)] == pytest.approx([1 / 3, 0.2, 0.01])
    assert miss_probability(of_futures("+-+")) == pytest.approx(0.4)
    assert risk_class(miss_probability(of_futures("+++"))) == "high"


def test_the_share_of_futures_that_some_of_them_show_is_the_exact_bound_of_a_proportion() -> None:
    shown = {count: least_of_futures(of_futures("+" * count), 0.95) for count in (1, 3, 28, 29)}
    assert shown == {count: pytest.approx(0.05 ** (1 / count)) for count in shown}
    with_a_miss = least_of_futures(of_futures("+++-"), 0.95)
    assert binom.sf(2, 4, with_a_miss) == pytest.approx(0.05)
    assert least_of_futures(scores(0.95, 0.95), 0.95) is None


def test_where_all_futures_may_miss_those_that_do_are_counted() -> None:
    """With `risk: 100%` four that miss were said to show that 47 % of all meet the SLO."""
    runs = [futures_score(1.0, 1.0, met=False)] * 4
    assert (futures_met(runs), least_of_futures(runs, 0.95)) == (0, 0.0)
    assert miss_probability(runs) == pytest.approx(5 / 6)
