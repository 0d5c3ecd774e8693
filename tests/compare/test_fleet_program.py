"""The fleet program: published and enumerated optima, laws of stochastic programs, aggregation."""

import os
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from support.vectors import document

from simcost.compare.fleet_program import cheapest_fleet, evaluated, least_fleet, worst_mean
from simcost.compare.fleets import DemandPoints, FleetAim, FleetLimit, FleetPurchase, FleetShape, FleetSolution
from simcost.compare.mixed_integer import quiet

CASES = document("decisions")["cases"]


def of_kind(kind: str) -> Any:
    return pytest.mark.parametrize("case", [pytest.param(one, id=one["id"]) for one in CASES if one["kind"] == kind])


def shape(one: Any, buckets: list[str]) -> FleetShape:
    """A shape of a case: committed, by the hour, or both."""
    ways = []
    if "usd_per_h" in one:
        ways.append(FleetPurchase(name="fixed", usd_per_h=one["usd_per_h"], committed=True, most=one.get("max")))
    for name, committed in (("committed", True), ("on_demand", False)):
        if f"{name}_usd_per_h" in one:
            usd, most = one[f"{name}_usd_per_h"], one.get(f"{name}_max")
            ways.append(FleetPurchase(name=name, usd_per_h=usd, committed=committed, most=most))
    capacity = tuple(float(one["capacity"].get(bucket, 0.0)) for bucket in buckets)
    return FleetShape(name=one["name"], capacity=capacity, purchases=tuple(ways))


def paths(asked: Any, buckets: list[str], hours: float) -> DemandPoints:
    rates = np.array([[[point[b] for b in buckets] for point in one["points"]] for one in asked], np.float64)
    return DemandPoints.of_paths(rates, np.array([one["probability"] for one in asked]), hours)


def committed(found: FleetSolution) -> dict[str, int]:
    return {name: count for (name, _), count in found.counts.items()}


@of_kind("fleet_static")
def test_fixed_fleets(case: Any) -> None:
    asked, expected = case["input"], case["expected"]
    buckets = list(asked["demand"])
    shapes = [shape(one, buckets) for one in asked["shapes"]]
    demand = paths([{"probability": 1.0, "points": [asked["demand"]]}], buckets, 1.0)
    found = cheapest_fleet(shapes, demand, FleetAim(slices=asked.get("slices")))
    if not expected["feasible"]:
        assert found is None
        return
    assert found is not None
    assert found.expected_usd == pytest.approx(expected["usd_per_h"])
    assert committed(found) in expected["counts"]
    assert found.gap == pytest.approx(0.0, abs=1e-6)


@pytest.mark.slow
@of_kind("fleet_two_stage")
def test_fleets_that_are_committed_before_demand_is_known(case: Any) -> None:
    asked, expected = case["input"], case["expected"]
    buckets = asked["buckets"]
    shapes = [shape(one, buckets) for one in asked["shapes"]]
    demand = paths(asked["paths"], buckets, asked["hours_per_point"])
    aim = FleetAim(overflow_usd=tuple(asked["overflow_usd_per_unit_h"][b] for b in buckets))
    found = cheapest_fleet(shapes, demand, aim)
    assert found is not None
    assert committed(found) in expected["committed"]
    assert found.expected_usd == pytest.approx(expected["expected_usd"])
    assert list(found.usd_by_path) == pytest.approx(expected["usd_by_path"])

    known = [cheapest_fleet(shapes, demand.path(path), aim) for path in range(len(demand.probability))]
    wait_and_see = sum(p * one.expected_usd for p, one in zip(demand.probability, known, strict=True) if one)
    assert wait_and_see == pytest.approx(expected["wait_and_see_usd"])
    assert found.expected_usd - wait_and_see == pytest.approx(expected["evpi_usd"])

    each = demand.rates.reshape(len(demand.probability), -1, len(buckets))
    mean = DemandPoints.of_paths(
        np.tensordot(demand.probability, each, 1)[None], np.ones(1), float(asked["hours_per_point"])
    )
    by_mean = cheapest_fleet(shapes, mean, aim)
    assert by_mean is not None
    assert committed(by_mean) == expected["mean_demand_plan"]
    then = evaluated(shapes, demand, aim, by_mean.counts)
    assert then.expected_usd == pytest.approx(expected["mean_plan_expected_usd"])
    assert wait_and_see <= found.expected_usd <= then.expected_usd + 1e-9

    if "cvar" in asked:
        careful = FleetAim(overflow_usd=aim.overflow_usd, tail=asked["cvar"]["tail"], weight=asked["cvar"]["weight"])
        robust, plan = cheapest_fleet(shapes, demand, careful), expected["cvar_plan"]
        assert robust is not None
        assert committed(robust) in plan["committed"]
        assert robust.objective_usd == pytest.approx(plan["objective_usd"])
        assert robust.expected_usd == pytest.approx(plan["expected_usd"])
        assert robust.tail_usd == pytest.approx(plan["cvar_usd"])
        assert robust.bound_usd == pytest.approx(plan["objective_usd"])


@of_kind("fleet_chance")
def test_fleets_that_may_be_too_small_with_a_stated_probability(case: Any) -> None:
    asked, expected = case["input"], case["expected"]
    shapes = [shape(one, asked["buckets"]) for one in asked["shapes"]]
    found = cheapest_fleet(shapes, paths(asked["paths"], asked["buckets"], 1.0), FleetAim(risk=asked["risk"]))
    assert found is not None
    hours = len(asked["paths"][0]["points"])
    assert found.expected_usd / hours == pytest.approx(expected["usd_per_h"])
    assert committed(found) in expected["counts"]


@of_kind("newsvendor")
def test_the_quantile_of_demand_is_committed(case: Any) -> None:
    asked, expected = case["input"], case["expected"]
    one = {"name": "unit", "capacity": {"d": 1}, "committed_usd_per_h": asked["committed_usd"]}
    ways = shape(one | {"on_demand_usd_per_h": asked["on_demand_usd"]}, ["d"])
    demand = paths([{"probability": p, "points": [{"d": d}]} for d, p in asked["demand"]], ["d"], 1.0)
    found = cheapest_fleet([ways], demand, FleetAim())
    assert found is not None
    assert found.expected_usd == pytest.approx(expected["expected_usd"])
    assert committed(found)["unit"] == expected["commit"]


def test_the_mean_over_the_worst_is_between_the_mean_and_the_worst() -> None:
    usd, probability = np.array([3.0, 9.0, 1.0, 5.0]), np.array([0.1, 0.2, 0.3, 0.4])
    means = [worst_mean(usd, probability, tail) for tail in (1.0, 0.5, 0.2, 0.01)]
    assert means[0] == pytest.approx(usd @ probability)
    assert means == sorted(means)
    assert means[-1] == 9.0


def random_program(seed: int) -> tuple[list[FleetShape], DemandPoints]:
    """Four shapes, three buckets, and six hours of a day on three paths."""
    rng = np.random.default_rng(seed)
    shapes = []
    for i in range(4):
        size = rng.uniform(1, 6)
        ways = (
            FleetPurchase(name="reserved", usd_per_h=0.6 * size, committed=True),
            FleetPurchase(name="on_demand", usd_per_h=size, committed=False),
            FleetPurchase(name="spot", usd_per_h=0.4 * size, committed=False),
        )
        shapes.append(FleetShape(name=f"s{i}", capacity=tuple(size * rng.uniform(1, 3, 3)), purchases=ways))
    day = 1.2 + np.sin(np.arange(6) / 6 * 2 * np.pi)
    rates = rng.lognormal(0, 0.3, (3, 1, 3)) * rng.lognormal(0, 0.1, (3, 6, 3)) * day[None, :, None] * 8
    return shapes, DemandPoints.of_paths(rates, np.full(3, 1 / 3), 30.0)


def spot_share(shapes: list[FleetShape], share: float) -> FleetLimit:
    ways = {(one.name, way.name): way for one in shapes for way in one.purchases}
    return FleetLimit(coefficients={key: (key[1] == "spot") - share for key in ways}, most=0.0)


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_an_aggregated_program_bounds_the_whole_one(weight: float) -> None:
    shapes, demand = random_program(3)
    aim = FleetAim(whole=False, weight=weight, tail=1 / 3, limits=(spot_share(shapes, 0.2),))
    exact = cheapest_fleet(shapes, demand, aim)
    few = cheapest_fleet(shapes, demand, aim, points=9)
    assert exact is not None
    assert few is not None
    assert few.bound_usd <= exact.objective_usd * (1 + 1e-6)
    assert exact.bound_usd <= few.objective_usd * (1 + 1e-6)
    assert few.gap < 0.1
    assert exact.gap <= 1e-3
    assert list(few.counts.items()) == list((cheapest_fleet(shapes, demand, aim, points=9) or few).counts.items())


def test_more_to_choose_from_is_never_dearer_and_more_risk_never_either() -> None:
    shapes, demand = random_program(5)
    aim = FleetAim(whole=False, limits=(spot_share(shapes, 0.2),))
    costs = []
    for share, kinds in ((0.0, 3), (0.2, 3), (0.2, 4), (0.5, 4)):
        found = cheapest_fleet(
            shapes[:kinds], demand, FleetAim(whole=False, limits=(spot_share(shapes[:kinds], share),))
        )
        assert found is not None
        costs.append(found.expected_usd)
    assert all(later <= first * (1 + 1e-5) for first, later in pairwise(costs))
    scaled = DemandPoints(rates=demand.rates, hours=demand.hours * 2, probability=demand.probability)
    twice = cheapest_fleet(shapes, scaled, aim, gap=1e-6)
    assert twice is not None
    assert twice.expected_usd == pytest.approx(2 * costs[2], rel=1e-5)


@of_kind("fleet_static")
def test_a_fleet_that_is_too_small_is_cut_off_with_all_smaller_ones(case: Any) -> None:
    asked = case["input"]
    buckets = list(asked["demand"])
    shapes = [shape(one, buckets) for one in asked["shapes"]]
    demand = paths([{"probability": 1.0, "points": [asked["demand"]]}], buckets, 1.0)
    first = cheapest_fleet(shapes, demand, FleetAim())
    if first is None:
        return
    found = least_fleet(shapes, demand, FleetAim(too_small=(first.counts,)))
    if found is not None:
        assert any(found[0][key] > first.counts[key] for key in first.counts)
        assert evaluated(shapes, demand, FleetAim(), found[0]).expected_usd >= first.expected_usd - 1e-9


def test_part_of_the_requests_may_be_left_out() -> None:
    one = shape({"name": "a", "usd_per_h": 1.0, "capacity": {"d": 10}}, ["d"])
    demand = paths([{"probability": 1.0, "points": [{"d": 10.0}, {"d": 12.0}]}], ["d"], 1.0)
    counts = []
    for share in (0.0, 0.05, 0.1, 1.0):
        found = least_fleet([one], demand, FleetAim(shortfall=share))
        assert found is not None
        counts.append(found[0]["a", "fixed"])
    assert counts == [2, 2, 1, 0], "two of 22 are 9 %"


def test_what_a_library_prints_does_not_reach_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet():
        os.write(1, b"HighsMipSolverData::transformNewIntegerFeasibleSolution")
    os.write(1, b"after")
    assert capfd.readouterr().out == "after"
