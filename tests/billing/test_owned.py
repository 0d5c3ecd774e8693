"""Owned hardware, serverless workers and managed endpoints: worked examples and closed forms."""

import doctest
import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.billing import owned, serverless
from simcost.billing.owned import Owned
from simcost.billing.serverless import ManagedEndpoint, Serverless
from simcost.ledger.request_tables import NODES
from simcost.ledger.requests import LedgerUsage
from simcost.units import USD_PER_KW_MONTH

NODE = Owned(
    capex=300_000.0,
    accelerators=8,
    life_years=4,
    residual=60_000.0,
    power=6.0,
    pue=1.3,
    electricity=0.1,
    colocation=180.0,
    contracted=10.2,
    maintenance=0.03,
    staff=40_000.0,
)


def cases(shared: Path, kind: str) -> list[dict]:
    found = [
        case for case in json.loads((shared / "vectors/billing.json").read_text())["cases"] if case["kind"] == kind
    ]
    assert found
    return found


def test_owned_hardware_of_the_vectors(shared: Path) -> None:
    for case in cases(shared, "owned_hardware"):
        asked, expected = case["input"], case["expected"]
        bought = Owned(
            capex=asked["capex_usd"],
            accelerators=asked["gpus"],
            life_years=asked["life_years"],
            residual=asked["residual_usd"],
            power=asked["it_kw_average"],
            pue=asked["pue"],
            electricity=asked["usd_per_kwh"],
            colocation=asked["colo_usd_per_kw_month"],
            contracted=asked["colo_kw_contracted"],
            staff=asked["opex_usd_year"],
        )
        cost = bought.cost(1)
        found = {
            "usd_year": cost.usd_per_year,
            "usd_h": cost.usd_per_h,
            "usd_gpu_h": cost.usd_per_accelerator_h(asked["gpus"]),
            "usd_useful_gpu_h": cost.usd_per_accelerator_h(asked["gpus"], asked["utilization"]),
        }
        assert found == pytest.approx(expected, rel=case["tolerance"]), case["id"]


def test_break_even_duty_of_the_vectors(shared: Path) -> None:
    for case in cases(shared, "serverless_break_even"):
        worker = Serverless(price=case["input"]["flex_usd_h"], always_on_price=case["input"]["active_usd_h"])
        expected = case["expected"]["break_even_duty"]
        assert worker.break_even_duty() == pytest.approx(expected, rel=case["tolerance"])
        on, off = worker.always_on_price, worker.price
        assert on == pytest.approx(off * expected)
        assert replace(worker, always_on=1).usd([], 3600) == pytest.approx(
            worker.usd([3600 * expected], 3600), rel=3e-4
        )


def test_examples_of_the_modules() -> None:
    assert min(doctest.testmod(owned).attempted, doctest.testmod(serverless).attempted) > 0
    assert doctest.testmod(owned).failed == doctest.testmod(serverless).failed == 0


@given(st.floats(0.5, 20), st.floats(0, 1, allow_subnormal=False))
def test_the_annuity_pays_the_capex_back(years: float, rate: float) -> None:
    """The present value of the payments and of the residual is the capex."""
    bought = replace(NODE, life_years=years, capital_rate=rate, residual=100_000.0)
    yearly = bought.capital_usd_per_year()
    assert yearly >= (300_000 - 100_000) / years * (1 - 1e-9)
    if rate > 1e-6:
        worth = yearly * (1 - (1 + rate) ** -years) / rate + 100_000 / (1 + rate) ** years
        assert worth == pytest.approx(300_000, rel=1e-6)


def test_a_small_rate_is_a_straight_line() -> None:
    assert replace(NODE, capital_rate=1e-7).capital_usd_per_year() == pytest.approx(60_000, rel=1e-5)
    assert NODE.capital_usd_per_year() == 60_000


@given(st.integers(1, 1000))
def test_all_but_people_is_linear_in_nodes(nodes: int) -> None:
    one, many = NODE.cost(1), NODE.cost(nodes)
    assert many.usd_per_year - many.staff == pytest.approx(nodes * (one.usd_per_year - one.staff))
    assert many.staff == one.staff == 40_000
    assert many.energy == pytest.approx(nodes * 6.0 * 1.3 * 8760 * 0.1)
    assert many.colocation == pytest.approx(nodes * 180 * 12 * 10.2)


@pytest.mark.parametrize("text", ["$180", "$180/kW", "$180/kW/month", "$180/kW-month"])
def test_rent_is_read_as_quotes_write_it(text: str) -> None:
    assert USD_PER_KW_MONTH.parse(text) == 180.0


def test_a_node_is_not_sold_for_more_than_it_cost() -> None:
    with pytest.raises(ValueError, match="must not exceed capex"):
        replace(NODE, residual=400_000.0)


def test_runs_of_workers_are_rounded_up_and_idle_ones_cost_nothing() -> None:
    worker = Serverless(price=3600.0)
    assert worker.usd([2.3, 1.0, 59.000001], 86_400) == 3 + 1 + 60
    assert worker.usd([], 86_400) == 0
    assert Serverless(price=2.0, always_on=3, always_on_price=1.0).usd([3600], 7200) == 2 + 3 * 2


def test_workers_above_the_break_even_are_best_always_on() -> None:
    worker = Serverless(price=4.0, always_on_price=3.0)
    duty = [0.9, 0.76, 0.75, 0.2]
    best = worker.best_always_on(duty)
    costs = [
        replace(worker, always_on=count).usd([share * 36_000 for share in duty[count:]], 36_000) for count in range(5)
    ]
    assert best == 2
    assert costs[best] == min(costs)
    with pytest.raises(ValueError, match="always_on_price"):
        Serverless(price=4.0, always_on=1)
    with pytest.raises(ValueError, match="no break-even"):
        Serverless(price=4.0).break_even_duty()


def test_endpoints_cost_while_they_exist() -> None:
    kept = ManagedEndpoint(offer="p/s", premium=0.25, instances=2)
    assert kept.usd([3600.0], 7200.0, on_demand_usd_per_h=4.0) == 2 * 2 * 5.0
    assert kept.usd([7200.0] * 5, 7200.0, on_demand_usd_per_h=4.0) == 5 * 2 * 5.0
    assert replace(kept, scale_to_zero=True).usd([3600.0], 7200.0, on_demand_usd_per_h=4.0) == 5.0
    assert ManagedEndpoint(offer="p/s", price=6.0).usd([], 3600.0) == 6.0
    with pytest.raises(ValueError, match="on-demand price of the instance is not known"):
        kept.usd([1.0], 1.0)
    with pytest.raises(ValueError, match="needs `price`, or `premium`"):
        ManagedEndpoint(
            offer="p/s",
        )


@given(st.integers(1, 5), st.floats(0.1, 200), st.sampled_from([None, 0.0, 250.0]))
def test_owned_nodes_draw_what_they_are_charged_for(nodes: int, hours: float, grid: float | None) -> None:
    """kWh x price is the energy in the bill, used or not; carbon is known where its grid is."""
    bought = replace(NODE, nodes=nodes, g_per_kwh=grid)
    used = LedgerUsage(
        horizon_s=hours * 3600,
        slots_per_node=8,
        nodes=pa.table([["p"], [0], [0], [0.0], [hours * 1800]], schema=NODES),
        slot_seconds={"idle": 8 * hours * 1800},
    )
    report = bought.energy(used)
    assert report.kwh is not None
    assert report.kwh * NODE.electricity == pytest.approx(bought.cost(nodes).energy * hours / 8760)
    assert report.gco2e == (None if grid is None else pytest.approx(report.kwh * grid))
    assert bool(report.unknown) == (grid is None)
