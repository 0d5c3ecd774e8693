"""Plans of a run that cost the same: the one that serves best is named, and no difference is made of rounding."""

from support.answers import NOISE, of, report, result

from simcost.compare import RunResult
from simcost.compare.verdict import verdict


def plan(name: str, usd: float, ttft_p95_s: float) -> list[RunResult]:
    return [result(name, n, usd + noise, report(ttft_p95_s=ttft_p95_s)) for n, noise in enumerate(NOISE)]


def test_of_plans_that_cost_the_same_the_one_that_serves_best_is_named() -> None:
    slow, fast = plan("slow", 100.0, 1.9), plan("fast", 100.0 + 1e-9, 0.5)
    compared = of(slow, fast)
    assert compared.best is not None
    assert compared.best.name == "fast"
    assert "at the same cost as slow" in verdict(compared)
    assert [one.name for one in of(fast, slow).ranked] == ["fast", "slow"]


def test_of_plans_that_are_alike_the_first_is_named() -> None:
    assert [one.name for one in of(plan("a", 100.0, 1.0), plan("b", 100.0 - 1e-9, 1.0)).ranked] == ["a", "b"]


def test_a_cheaper_plan_wins_however_well_another_serves() -> None:
    assert of(plan("slow", 100.0, 1.9), plan("fast", 101.0, 0.5)).ranked[0].name == "slow"


def test_a_difference_of_rounding_is_none() -> None:
    [change] = of(plan("a", 100.0, 1.0), plan("b", 100.0 * (1 + 3e-16), 1.0)).differences
    assert (change.per_month_usd.mean, change.share, change.total_usd.mean) == (0.0, 0.0, 0.0)
    assert change.judgement.relation == "not significantly different"
