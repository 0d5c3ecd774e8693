"""Wording of a bound below the cost of the best plan, where other plans were left by confidence."""

from typing import Any

import pytest

from simcost.compare.racing import COSTS_MORE, PROBABLY_MORE
from simcost.studies.optimizing.services import _bound as bound_of_services
from simcost.studies.optimizing.verdict import verdict


def document(**changes: Any) -> dict[str, Any]:
    best = {
        "name": "a",
        "cost_usd": {"per_month": 40_256.0},
        "intervals": {"per_month_usd": None},
        "lower_bounds": {"attainment": 0.999},
        "engine_factors": [1.0, 0.69, 1.4432],
    }
    return {
        "best": best,
        "runner_up": None,
        "equal_cost": {"plans": [], "not_simulated": 0},
        "candidates": 9,
        "replications": 5,
        "bound_usd_per_month": 27_787.0,
        "confidence": 0.9718,
        "excluded": [{"count": 4, "reason": COSTS_MORE}, {"count": 3, "reason": PROBABLY_MORE}],
    } | changes


def test_a_bound_of_plans_left_by_confidence_tells_that_their_runs_cost_more() -> None:
    """It said that no plan costs less than $27,787, cheapest with 97.18 % confidence, of a best plan at $40,256."""
    told = verdict(document())
    assert (
        "It is the cheapest with 97.18 % confidence: 3 other plans that may meet it were not simulated to the end, "
        "since the runs made cost more. Even if all runs left out cost the least possible, no plan that may meet it "
        "costs less than $27,787." in told
    )
    one = verdict(document(excluded=[{"count": 1, "reason": PROBABLY_MORE}]))
    assert "1 other plan that may meet it was not simulated to the end" in one


@pytest.mark.parametrize(
    "changes",
    [
        {"excluded": [{"count": 4, "reason": COSTS_MORE}]},
        {"within_others": True},
        {"mixes": {"shapes": 1, "proved": False}},
    ],
)
def test_a_bound_of_something_else_is_told_alone(changes: dict[str, Any]) -> None:
    told = verdict(document(**changes))
    assert "costs less than $27,787; cheapest with 97.18 % confidence." in told
    assert "not simulated to the end" not in told


def test_a_bound_tells_how_slow_an_engine_the_runs_had() -> None:
    """Few replications have none of the slowest engines, on which plans at their limit break down."""
    found = document()
    assert ", attainment at least 99.9 % with steps up to 1.44 times as long as modelled." in verdict(found)
    found["best"]["engine_factors"] = [1.0, 1.0]
    assert ", attainment at least 99.9 %." in verdict(found)
    found["best"] |= {"services": [{"engine_factors": [0.9, 1.1]}, {"engine_factors": []}]}
    assert "99.9 % with steps up to 1.10 times as long as modelled." in verdict(found)


def test_services_left_by_confidence_are_told_together() -> None:
    assert bound_of_services(document()) == (
        " They cost least with 97.18 % confidence; even if all runs left out cost the least possible, no plans that "
        "may meet the SLOs cost less than $27,787."
    )
    assert bound_of_services(document(excluded=[])) == " No plan that may meet them costs less than $27,787."
    assert bound_of_services(document(bound_usd_per_month=None)) == ""


def test_futures_that_meet_an_slo_are_counted_not_bounded() -> None:
    check = {"name": "futures", "measured": 0.375, "target": 0.75, "met": False}
    near = {
        "name": "a",
        "usd_per_month": 615.0,
        "attainment": 0.64,
        "replications": 8,
        "missed": 2.5,
        "failed": [check],
    }
    assert verdict(document(best=None, nearest=near, excluded=[], level=0.95)) == (
        "No plan of 9 meets the SLO in enough futures. Nearest: a at $615.00 a month, attainment 64 %; the SLO in "
        "62.5 % of the futures (25 % allowed)."
    )
