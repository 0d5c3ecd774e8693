"""Front of services that are searched apart: that of all combinations, with what is not known of them."""

from itertools import product
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.compare.confidence import interval
from simcost.compare.front import front
from simcost.perf.quality import ModelQuality
from simcost.studies.optimizing import joint_front as module
from simcost.studies.optimizing.charts import front as drawn
from simcost.studies.optimizing.front_plans import FrontPlan, Level, together
from simcost.studies.optimizing.frontier import Frontier
from simcost.studies.optimizing.joint_front import ScarceSupply, joint_choices, joint_front
from simcost.studies.optimizing.view import frontier, objectives

LEVEL = 0.95
SPREAD = (0.0, 1.0, -1.0)


def plan(
    name: str,
    usd: float,
    attainment: float = 0.99,
    *,
    ttft_s: float | None = 1.0,
    kg: float | None = 1.0,
    risk: float = 0.0,
    score: float | None = 60.0,
    metric: str = "mmlu",
    noise: float = 0.0,
    met: bool = True,
) -> FrontPlan:
    costs, shares = [usd + noise * one for one in SPREAD], [attainment] * 3
    return FrontPlan(
        name=name,
        usd=costs,
        cost=interval(costs, LEVEL),
        attainment=Level(name="attainment", values=shares, target=0.9, interval=interval(shares, LEVEL)),
        jobs=(),
        latency_s={"ttft_s": ttft_s},
        kg_co2e=kg,
        missing=("no grid of acme",) if kg is None else (),
        risk=risk,
        quality=ModelQuality(model="m", metric=metric, value=score, source="a table"),
        met=met,
    )


def values(one: FrontPlan) -> tuple[float | None, ...]:
    """Cost, attainment, latency, carbon, risk and quality, better when lower."""
    assert one.attainment is not None
    assert one.quality is not None
    ttft_s, score = one.latency_s["ttft_s"], one.quality.value
    late = inf if ttft_s is None else ttft_s
    return (
        one.cost.mean,
        -one.attainment.mean,
        late,
        one.kg_co2e,
        round(one.risk, 9),
        None if score is None else -score,
    )


def plans(kg: Any) -> Any:
    numbers = st.tuples(
        st.integers(1, 4), st.integers(0, 3), st.sampled_from([None, 1.0, 2.0]), kg, st.sampled_from([0.0, 0.25, 0.5])
    )
    rows = st.lists(numbers, min_size=1, max_size=5)
    return rows.map(
        lambda found: [
            plan(str(i), usd, good / 4, ttft_s=ttft_s, kg=grams, risk=risk, score=60.0 + i % 2)
            for i, (usd, good, ttft_s, grams, risk) in enumerate(found)
        ]
    )


def every(services: list[list[FrontPlan]]) -> dict[str, tuple[float | None, ...]]:
    """All combinations."""
    made = [together({str(i): one for i, one in enumerate(chosen)}, LEVEL) for chosen in product(*services)]
    return {one.name: values(one) for one in made}


def fronts(services: list[list[FrontPlan]]) -> dict[str, Frontier]:
    return {str(i): Frontier(one, LEVEL) for i, one in enumerate(services)}


def beats(other: tuple[float | None, ...], own: tuple[float | None, ...]) -> bool:
    """True if it is nowhere worse and somewhere better, in what is known of the second."""
    pairs = [(a, b) for a, b in zip(other, own, strict=True) if b is not None]
    return all(a is not None and a <= b for a, b in pairs) and any(a is not None and a < b for a, b in pairs)


@given(st.lists(plans(st.integers(1, 3).map(float)), min_size=1, max_size=3))
def test_the_front_has_the_values_of_that_of_all_combinations(services: list[list[FrontPlan]]) -> None:
    combinations = every(services)
    expected = {combinations[name] for name in front(combinations)}
    document = joint_front(fronts(services), LEVEL)
    on = {point["name"] for point in document["frontier"] if not point["near"]}
    assert {combinations[name] for name in on} == expected
    assert document["frontier_complete"]


@given(
    st.lists(plans(st.integers(1, 3).map(float)), min_size=2, max_size=2),
    st.lists(st.integers(0, 3), min_size=10, max_size=10),
    st.integers(0, 6),
)
def test_within_limits_the_front_is_that_of_all_combinations_that_are(
    services: list[list[FrontPlan]], counts: list[int], most: int
) -> None:
    taken = {str(i): {str(k): (float(counts[5 * i + k]),) for k in range(5)} for i in range(2)}
    within = {}
    for chosen in product(*services):
        one = together({str(i): part for i, part in enumerate(chosen)}, LEVEL)
        if sum(taken[str(i)][part.name][0] for i, part in enumerate(chosen)) <= most:
            within[one.name] = values(one)
    supply = ScarceSupply(most=[float(most)], taken=taken)
    document = joint_front(fronts(services), LEVEL, supply=supply)
    on = {point["name"] for point in document["frontier"] if not point["near"]}
    assert {point["name"] for point in document["frontier"]} <= set(within)
    assert {within[name] for name in on} == ({within[name] for name in front(within)} if within else set())


@given(st.lists(plans(st.sampled_from([None, 1.0, 2.0])), min_size=1, max_size=3))
def test_with_unknown_carbon_none_of_it_is_beaten_and_all_others_are_matched(services: list[list[FrontPlan]]) -> None:
    combinations = every(services)
    choices, complete = joint_choices({name: one.on for name, one in fronts(services).items()}, LEVEL)
    on = [values(together(choice, LEVEL)) for choice in choices]
    assert complete
    assert not any(beats(other, own) for own in on for other in combinations.values())
    for own in combinations.values():
        assert any(
            all(b is None or (a is not None and a <= b) for a, b in zip(other, own, strict=True)) for other in on
        )


@given(plans(st.sampled_from([None, 1.0, 2.0])))
def test_plans_with_all_facts_have_the_front_that_they_would_have_alone(found: list[FrontPlan]) -> None:
    known = [one for one in found if one.kg_co2e is not None]
    on = {one.name for one in Frontier(found, LEVEL).on}
    if known:
        assert {one.name for one in known} & on == {one.name for one in Frontier(known, LEVEL).on}


def test_what_services_are_together() -> None:
    cheap, good = (
        plan("cheap", 100.0, 0.95, kg=2.0, risk=0.5, noise=1.0),
        plan("good", 50.0, 0.99, ttft_s=3.0, risk=0.5),
    )
    found = together({"chat": cheap, "search": good}, LEVEL)
    assert (found.name, dict(found.services)) == ("chat: cheap; search: good", {"chat": "cheap", "search": "good"})
    assert list(found.usd) == [150.0, 151.0, 149.0], "replication by replication"
    assert found.cost == interval([150.0, 151.0, 149.0], LEVEL)
    assert found.attainment == cheap.attainment
    assert (found.latency_s, found.kg_co2e, found.risk) == ({"ttft_s": 3.0}, 3.0, 0.75)
    assert found.met
    assert not together({"a": cheap, "b": plan("misses", 1.0, met=False)}, LEVEL).met


def test_what_is_not_known_of_one_service_is_not_known_of_all() -> None:
    known, unknown = plan("known", 10.0), plan("unknown", 5.0, kg=None, metric="gsm8k", ttft_s=None)
    found = together({"a": known, "b": unknown}, LEVEL)
    assert (found.kg_co2e, found.missing, found.quality) == (None, ("no grid of acme",), None)
    assert found.latency_s == {"ttft_s": None}, "it completes nothing"
    document = joint_front({"a": Frontier([known], LEVEL), "b": Frontier([unknown], LEVEL)}, LEVEL)
    assert document["objectives"] == ["cost", "attainment", "risk"]
    assert [one["objective"] for one in document["objectives_unknown"]] == ["latency", "carbon", "quality"]
    assert "no quality by one benchmark" in document["frontier"][0]["unknown"][1]


def test_near_the_front_one_service_has_a_plan_near_its_own() -> None:
    sure, noisy = plan("sure", 60.0), plan("noisy", 61.0, noise=9.0)
    document = joint_front({"a": Frontier([sure, noisy], LEVEL), "b": Frontier([sure], LEVEL)}, LEVEL)
    assert [(one["name"], one["near"]) for one in document["frontier"]] == [
        ("a: sure; b: sure", False),
        ("a: noisy; b: sure", True),
    ]


def test_a_service_without_plans_leaves_none_of_all() -> None:
    document = joint_front({"a": Frontier([plan("a", 1.0)], LEVEL), "b": Frontier([], LEVEL)}, LEVEL)
    assert (document["frontier"], document["knee"]) == ([], None)


def test_a_long_front_is_thinned_keeps_the_best_in_each_objective_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PARTS", 8)
    monkeypatch.setattr(module, "MOST", 8)
    many = [plan(f"{i}", 10.0 + i, 0.9 + i / 1000, kg=50.0 - i) for i in range(20)]
    document = joint_front({"a": Frontier(many, LEVEL), "b": Frontier(many, LEVEL)}, LEVEL)
    assert not document["frontier_complete"]
    assert len(document["frontier"]) <= 8
    assert document["frontier"][0]["name"] == "a: 0; b: 0"
    assert document["frontier"][-1]["name"] == "a: 19; b: 19"
    assert "There are more such plans; some are left out evenly." in objectives(document)


def test_objectives_knee_table_and_chart_are_those_of_one_pool() -> None:
    three = [plan("a", 10.0, 0.9), plan("b", 12.0, 0.99), plan("c", 30.0, 1.0)]
    found = {"chat": Frontier(three, LEVEL, ["attainment"]), "search": Frontier(three[:1], LEVEL, ["attainment"])}
    assert joint_front(found, LEVEL, ["attainment"])["objectives"] == ["cost", "attainment"]
    better = {"chat": found["chat"], "search": Frontier(three[2:], LEVEL, ["attainment"])}
    document = joint_front(better, LEVEL, ["attainment"])
    assert document["knee"] == "chat: b; search: c"
    assert [(row["chat"], row["search"], row["front"]) for row in frontier(document)] == [
        ("a", "c", "on"),
        ("b", "c", "knee"),
        ("c", "c", "on"),
    ]
    assert drawn(document).to_dict()["title"]["text"] == "Cost a month against attainment"
