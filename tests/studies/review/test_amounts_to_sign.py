"""Amounts that a plan needs signed: each is on the first page of its review, in every format."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcost.billing import Buy, OnDemand, Owned, Serverless
from simcost.billing.bill import Obligation
from simcost.billing.commitment import CapacityBlock, CapacityReservation, ReservedInstances, SavingsPlan, TakeOrPay
from simcost.catalog import load_catalog
from simcost.compare.document import obligations
from simcost.ledger.request_tables import NODES
from simcost.ledger.requests import LedgerUsage
from simcost.present.format import usd
from simcost.studies.review.view import to_sign
from simcost.studies.review.wording import decision

CATALOG = load_catalog()
SKU = "g6e.xlarge"
HORIZON_S = 48 * 3600.0


def used(nodes: int) -> LedgerUsage:
    """Nodes that are idle all the time."""
    columns = [["p"] * nodes, [*range(nodes)], [0] * nodes, [0.0] * nodes, [HORIZON_S] * nodes]
    return LedgerUsage(
        horizon_s=HORIZON_S,
        slots_per_node=1,
        nodes=pa.table(columns, schema=NODES),
        slot_seconds={"idle": nodes * HORIZON_S},
    )


def owed(buy: Buy, nodes: int = 2) -> tuple[Obligation, ...]:
    return buy.bill(used(nodes), CATALOG).obligations


def rented(*commitments: Any) -> OnDemand:
    return OnDemand(offer=f"aws/{SKU}", commitments=commitments)


@pytest.mark.parametrize(
    ("one", "upfront", "in_all", "term_h"),
    [
        (ReservedInstances(sku=SKU, count=2, price=1.0, years=3, upfront="all"), 52_560.0, 52_560.0, 26_280.0),
        (ReservedInstances(sku=SKU, count=2, price=1.0, upfront="partial"), 8760.0, 17_520.0, 8760.0),
        (ReservedInstances(sku=SKU, count=1, fee=100.0, hourly=0.5), 100.0, 4480.0, 8760.0),
        (SavingsPlan(commitment=2.0, discount=0.3), 0.0, 17_520.0, 8760.0),
        (CapacityBlock(sku=SKU, count=2, days=7, price=1.0), 336.0, 336.0, 168.0),
        (TakeOrPay(provider="aws", sku=SKU, count=2, price=1.0, length=360_000.0), 0.0, 200.0, 100.0),
        (TakeOrPay(provider="aws", sku=SKU, count=2, price=1.0, length=360_000.0, prepaid=True), 200.0, 200.0, 100.0),
        (CapacityReservation(sku=SKU, count=2, until=36_000.0), 0.0, 2 * 10 * 1.861, 10.0),
        (CapacityReservation(sku=SKU, count=2), 0.0, None, None),
    ],
)
def test_each_kind_of_commitment_is_owed_over_its_term(one: Any, upfront: float, in_all: float, term_h: float) -> None:
    [found] = owed(rented(one))
    assert (found.upfront_usd, found.total_usd, found.term_h) == pytest.approx((upfront, in_all, term_h))


def test_hardware_and_the_power_rented_for_it_are_owed() -> None:
    own = Owned(capex=320_000.0, accelerators=1, life_years=4, power=0.5, pue=1.2, electricity=0.1)
    [capital] = owed(own)
    assert (capital.upfront_usd, capital.total_usd, capital.term_h) == (640_000.0, 640_000.0, 35_040.0)
    [_, rent] = owed(replace(own, colocation=200.0, contracted=1.0))
    assert rent.recurring_usd_per_h * 8760 == pytest.approx(2 * 200.0 * 12)
    [always] = owed(Serverless(price=4.0, always_on_price=3.0, always_on=2))
    assert (always.recurring_usd_per_h, always.total_usd) == (6.0, None)


def test_what_was_signed_before_or_is_on_demand_is_not_to_be_signed() -> None:
    assert owed(rented()) == ()
    assert owed(rented(SavingsPlan(commitment=2.0, discount=0.3, since=-3600.0))) == ()


amounts = st.builds(
    Obligation,
    name=st.sampled_from(["p5 reserved", "owned nodes", "block"]),
    upfront_usd=st.integers(0, 10**6).map(float),
    recurring_usd_per_h=st.integers(0, 100).map(float),
    term_h=st.sampled_from([None, 100.0, 8760.0, 26_280.0]),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(amounts, max_size=4), min_size=1, max_size=3))
def test_every_amount_of_every_plan_is_on_the_first_page(owed_by_plan: list[list[Obligation]]) -> None:
    plans = [_plan(f"plan {i}", owed) for i, owed in enumerate(owed_by_plan)]
    document: Any = {"plans": plans, "best": "plan 0", "closest": "plan 0"}
    rows = to_sign(_review(document)).rows or []
    assert [row["Plan"] for row in rows] == [plan["name"] for plan in plans for _ in plan["obligations"]]
    every = [one for owed in owed_by_plan for one in owed]
    assert [row["Due at the start"] for row in rows] == [usd(one.upfront_usd) for one in every]
    assert [row["In all"] for row in rows] == [usd(one.total_usd) for one in every]
    upfront = sum(one.upfront_usd for one in owed_by_plan[0])
    assert (f"{usd(upfront)} at the start" in decision(document)) == (upfront > 0)
    assert ("To be signed for" in decision(document)) == any(
        one.upfront_usd or one.recurring_usd_per_h for one in owed_by_plan[0]
    )


def test_the_replication_with_the_most_nodes_says_what_is_bought() -> None:
    runs: Any = [_run([Obligation(name="n", upfront_usd=x, recurring_usd_per_h=0.0, term_h=None)]) for x in (1.0, 3.0)]
    assert [one["upfront_usd"] for one in obligations(runs)] == [3.0]


def _run(owed: list[Obligation]) -> Any:
    return SimpleNamespace(bill=SimpleNamespace(obligations=tuple(owed)))


def _plan(name: str, owed: list[Obligation]) -> dict[str, Any]:
    return {
        "name": name,
        "cost_usd": {"per_month": 10.0},
        "slo": {"met": True, "missed": ""},
        "quality": None,
        "obligations": obligations([_run(owed)]),
    }


def _review(document: Any) -> Any:
    return SimpleNamespace(document=document)
