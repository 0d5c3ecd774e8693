"""Plans that cost the same: the one that serves best wins, for few simulations more, and the verdict tells it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.compare.entrants import Entrant
from simcost.compare.equal_cost import EqualCost, budgets_used, same_cost
from simcost.compare.racing import AS_MUCH, COSTS_MORE, Race, run_race
from simcost.compare.scores import RunScore, holds
from simcost.compare.significance import negligible_usd
from simcost.slo import Check
from simcost.studies.optimizing.confirmed import TIES, ConfirmedRace
from simcost.studies.optimizing.verdict import verdict

LEVEL, SEEDS = 0.95, 3
Plans = Mapping[str, list[RunScore]]


def score(usd: float, attainment: float, ttft_s: float | None = None) -> RunScore:
    late = () if ttft_s is None else (Check.of("ttft_s p95", ttft_s, 2.0),)
    return RunScore(usd=usd, checks=(Check.of("attainment", attainment, 0.9), *late))


def fixed(name: str, usd: float, attainment: float, **entrant: Any) -> tuple[Entrant, list[RunScore]]:
    return Entrant(name=name, bound_usd=usd, order=(0, 1, 2), **entrant), [score(usd, attainment)] * SEEDS


class Runs:
    """Simulations of plans that are known, and how many of them a race asks for."""

    def __init__(self, plans: Plans) -> None:
        self.plans, self.made = plans, set[tuple[str, int]]()

    def __call__(self, asked: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], RunScore]:
        self.made |= set(asked)
        return {(name, replication): self.plans[name][replication] for name, replication in asked}


def raced(*plans: tuple[Entrant, list[RunScore]]) -> tuple[ConfirmedRace, Race, Runs]:
    runs = Runs({entrant.name: scores for entrant, scores in plans})
    race = Race([entrant for entrant, _ in plans], LEVEL)
    return ConfirmedRace(race, runs, lambda _: True), race, runs


def test_of_plans_alike_the_one_with_more_bits_wins() -> None:
    """int4 won before bf16 at the same cost and service, since it came first in the race."""
    plans = [fixed(name, 100.0, 1.0, weights_bytes=size) for name, size in (("int4", 0.5), ("bf16", 2.0), ("fp8", 1.0))]
    assert raced(*plans)[0].first_two()[0] == "bf16"


attainments = st.lists(st.sampled_from([0.5, 0.9, 0.93, 0.97, 1.0]), min_size=SEEDS, max_size=SEEDS)
levels_of_cost = st.lists(st.lists(attainments, min_size=1, max_size=1 + TIES), min_size=1, max_size=3)


@given(levels_of_cost, st.sampled_from([0.0, negligible_usd(100.0) / 4]))
def test_the_winner_costs_least_and_of_equal_plans_it_serves_best(
    levels: list[list[list[float]]], jitter: float
) -> None:
    plans = [
        (
            Entrant(name=f"{cost} {i}", bound_usd=100.0 * (cost + 1), order=(0, 1, 2)),
            [score(100.0 * (cost + 1) + jitter * (i % 2), good) for good in each],
        )
        for cost, level in enumerate(levels)
        for i, each in enumerate(level)
    ]
    confirmed, _, runs = raced(*plans)
    best, _ = confirmed.first_two()
    held = {one.name: scores for one, scores in plans if holds(scores, LEVEL)}
    least = min((scores[0].usd for scores in held.values()), default=None)
    alike = [
        name for name, scores in held.items() if least is not None and scores[0].usd <= least + negligible_usd(least)
    ]
    expected = min(alike, key=lambda name: budgets_used(held[name], LEVEL), default=None)
    if best is None or expected is None:
        assert best == expected
        return
    assert held[best][0].usd - held[alike[0]][0].usd <= negligible_usd(100.0)
    assert budgets_used(held[best], LEVEL) == budgets_used(held[expected], LEVEL)
    assert len(runs.made) <= len(plans) * SEEDS


def test_the_race_for_the_least_cost_is_the_same_and_a_tie_takes_few_runs_more() -> None:
    plans = [fixed(f"plan {i}", 100.0, 0.9 + 0.001 * i) for i in range(20)]
    confirmed, race, runs = raced(*plans)
    run_race(race, runs)
    assert (race.leader, len(runs.made)) == ("plan 0", SEEDS), "the race knows of the least cost alone"
    assert race.excluded(["plan 0"]) == {AS_MUCH: 19}
    assert race.confidence() == 1.0
    best, second = confirmed.first_two()
    assert (best, second) == (f"plan {TIES}", f"plan {TIES - 1}"), "the runner-up is the second best of equal ones"
    assert len(runs.made) == (1 + TIES) * SEEDS
    assert confirmed.equal_cost(best) == {"plans": ["plan 2", "plan 1", "plan 0"], "not_simulated": 19 - TIES}
    assert confirmed.equal_cost("another") == {"plans": [], "not_simulated": 0}
    assert race.confidence() == 1.0


def test_nothing_more_is_simulated_where_the_winner_misses_nothing_or_others_are_no_stronger() -> None:
    confirmed, _, runs = raced(fixed("perfect", 100.0, 1.0), fixed("other", 100.0, 1.0), fixed("third", 200.0, 1.0))
    assert confirmed.first_two() == ("perfect", "other")
    assert {name for name, _ in runs.made} == {"perfect", "other"}, "the other is the runner-up"
    of_chain: Any = [fixed(f"{n}", 100.0, 0.9 + n / 100, chain="c", sizes=(float(n),)) for n in (1, 2, 3)]
    confirmed, race, runs = raced(*of_chain, fixed("more", 101.0, 0.99))
    assert confirmed.first_two()[0] == "3", "of replicas on nodes that are paid anyway, the most"
    assert EqualCost(race).untried() == [], "2 replicas are no stronger than 3"
    assert COSTS_MORE in race.excluded([])


def test_a_plan_whose_first_run_costs_more_is_not_simulated_further() -> None:
    scaled = Entrant(name="scaled", bound_usd=100.0, order=(0, 1, 2)), [score(130.0, 1.0)] * SEEDS
    confirmed, _, runs = raced(fixed("fixed", 100.0, 0.95), scaled)
    assert confirmed.first_two() == ("fixed", "scaled")
    confirmed, _, runs = raced(fixed("fixed", 100.0, 0.95), scaled, fixed("cheaper than scaled", 110.0, 0.95))
    assert confirmed.first_two() == ("fixed", "cheaper than scaled")
    assert ("scaled", 0) in runs.made
    assert ("scaled", 1) not in runs.made


def test_of_equal_plans_one_that_fails_on_fresh_seeds_leaves_and_the_next_best_wins() -> None:
    plans = [fixed("a", 100.0, 0.95), fixed("b", 100.0, 0.99), fixed("c", 100.0, 0.97)]
    runs = Runs({entrant.name: scores for entrant, scores in plans})
    race = Race([entrant for entrant, _ in plans], LEVEL)
    assert ConfirmedRace(race, runs, lambda name: name != "b").first_two() == ("c", "a")


def test_costs_are_compared_replication_by_replication() -> None:
    one, other = [score(100.0, 1.0), score(102.0, 1.0)], [score(102.0, 1.0), score(100.0, 1.0)]
    assert same_cost(one, one)
    assert not same_cost(one, other), "the means are equal, the plans are not"


def test_the_service_is_that_of_the_tightest_target() -> None:
    tight, wide = [score(1.0, 0.99, 1.9)] * SEEDS, [score(1.0, 0.95, 1.0)] * SEEDS
    assert budgets_used(tight, LEVEL) == pytest.approx((0.95, 0.1))
    assert budgets_used(wide, LEVEL) == pytest.approx((0.5, 0.5))
    assert budgets_used([RunScore(usd=1.0, checks=(Check.of("attainment", 1.0, 1.0),))], LEVEL) == (0.0,)


def document(second_attains: float, others: int = 0, target: str = "attainment") -> dict[str, Any]:
    def plan(name: str, attains: float) -> dict[str, Any]:
        cost = {"per_month": 100.0}
        bounds = {target: attains}
        return {
            "name": name,
            "cost_usd": cost,
            "intervals": {"per_month_usd": None},
            "lower_bounds": bounds,
            "engine_factors": [],
        }

    return {
        "best": plan("a", 0.99991),
        "runner_up": plan("b", second_attains) | {"difference": {"mean": 0.0, "lo": 0.0, "hi": 0.0}},
        "equal_cost": {"plans": ["b"], "not_simulated": others},
        "candidates": 5,
        "replications": 3,
        "bound_usd_per_month": 100.0,
        "confidence": 0.99,
        "excluded": [],
    }


@pytest.mark.parametrize(
    ("attains", "said"),
    [
        (0.9999, "and serves better: attainment at least 99.991 % against 99.990 %."),
        (0.99, "and serves better: attainment at least 99.99 % against 99.00 %."),
        (0.99991, "and serves as well."),
        (0.9999098, "and serves as well."),  # it was better in the eighth digit
        (0.99995, "and served no worse in the search."),
    ],
)
def test_the_verdict_tells_it(attains: float, said: str) -> None:
    assert f"It costs the same as the runner-up, b, {said}" in verdict(document(attains))
    assert verdict(document(attains, 2)).endswith(
        "2 more plans may cost the same and serve better; they were not simulated."
    )
    assert verdict(document(attains, 1)).endswith("it was not simulated.")


def test_the_verdict_tells_it_of_jobs() -> None:
    long = document(18305.5, target="wait_s p95")
    long["best"]["lower_bounds"]["wait_s p95"] = 15853.0
    assert "b, and serves better: P95 wait at most 4.4 h against 5.08 h." in verdict(long)
    assert verdict(document(0.5, target="wait_s p95")).endswith("b, and served no worse in the search.")


def test_the_verdict_names_the_target_by_which_the_winner_serves_better_most() -> None:
    """Of 1.330837e-6 misses against 1.330839e-6 nobody cares; 469 ms against 490 ms to the first token is seen."""
    told = document(1 - 1.330839e-6)
    told["best"]["lower_bounds"] = {"attainment": 1 - 1.330837e-6, "ttft_s p95": 0.469}
    told["runner_up"]["lower_bounds"] = {"attainment": 1 - 1.330839e-6, "ttft_s p95": 0.490}
    assert "and serves better: TTFT p95 at most 469 ms against 490 ms." in verdict(told)
