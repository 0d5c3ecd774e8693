"""Limits of nodes in the program of fleets: each purchase rounds up to whole nodes of its own."""

from itertools import product
from math import ceil

import numpy as np
import pytest

from simcost.compare.fleet_program import cheapest_fleet, least_fleet
from simcost.compare.fleets import DemandPoints, FleetAim, FleetLimit, FleetPurchase, FleetShape

DEMAND = DemandPoints(rates=np.array([[10.0, 4.0]]), hours=np.ones((1, 1)), probability=np.ones(1))
SHAPES = [
    FleetShape(
        name=name,
        capacity=capacity,
        purchases=(FleetPurchase(name="fixed", usd_per_h=usd, committed=True, most=8),),
    )
    for name, capacity, usd in (("a", (3.0, 1.0), 1.0), ("b", (2.5, 2.5), 1.3), ("c", (8.0, 5.0), 6.0))
]
PARTS = {"a": 1 / 3, "b": 1 / 2}


def serves(counts: dict[str, int]) -> bool:
    """True if the replicas serve the demand: an independent program of one line."""
    fixed = [
        FleetShape(
            name=one.name,
            capacity=one.capacity,
            purchases=(FleetPurchase(name="fixed", usd_per_h=1.0, committed=True, most=counts[one.name]),),
        )
        for one in SHAPES
    ]
    return least_fleet(fixed, DEMAND, FleetAim()) is not None


@pytest.mark.parametrize("most", [0, 1, 2, 3, 9])
def test_the_fleet_is_the_cheapest_whose_nodes_are_there(most: int) -> None:
    limit = FleetLimit(
        coefficients={(name, "fixed"): part for name, part in PARTS.items()}, most=float(most), whole=True
    )
    found = cheapest_fleet(SHAPES, DEMAND, FleetAim(limits=(limit,)), gap=1e-9)
    every = [dict(zip("abc", some, strict=True)) for some in product(range(7), range(6), range(4))]
    costs = {
        tuple(some.values()): sum(some[one.name] * one.purchases[0].usd_per_h for one in SHAPES)
        for some in every
        if sum(ceil(some[name] * part - 1e-9) for name, part in PARTS.items()) <= most
    }
    for counts in sorted(costs, key=lambda some: costs[some]):
        if serves(dict(zip("abc", counts, strict=True))):
            assert found is not None
            assert found.expected_usd == pytest.approx(costs[counts])
            return
    assert found is None


def test_hourly_replicas_have_whole_nodes_at_each_point() -> None:
    hourly = FleetShape(
        name="a", capacity=(1.0,), purchases=(FleetPurchase(name="hourly", usd_per_h=1.0, committed=False),)
    )
    demand = DemandPoints(rates=np.array([[3.0], [5.0]]), hours=np.ones((1, 2)), probability=np.ones(1))
    for most, fits in ((1, False), (2, True)):
        limit = FleetLimit(coefficients={("a", "hourly"): 1 / 4}, most=most, whole=True)
        assert (cheapest_fleet([hourly], demand, FleetAim(limits=(limit,))) is not None) == fits
