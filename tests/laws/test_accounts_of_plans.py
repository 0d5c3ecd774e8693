"""Laws of the account of a plan: what is committed counts once, covers what it can, and all is paid by somebody."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.bought_nodes import DAY_H, there

from simcost.billing import Buy, Costs, ManagedEndpoint, OnDemand, Owned, Serverless, Spot
from simcost.billing.commitment import ReservedInstances, SavingsPlan
from simcost.catalog import load_catalog
from simcost.scenario.runs.bills import as_endpoint, costs_by_owner, costs_of

SMALL, LARGE = "aws/g6.xlarge", "aws/g6e.xlarge"
CATALOG = load_catalog()
USD = {name: CATALOG.offer(name).on_demand_usd_per_h for name in (SMALL, LARGE)}
RESERVED = ReservedInstances(sku="g6e.xlarge", region="us-east-1", count=1, discount=0.3)


def compute(costs: Costs) -> float:
    return costs.by_category_usd()["compute"]


def test_a_reservation_of_one_service_covers_another_and_lowers_its_cost_alone() -> None:
    """It was an account of its own, so that it was lost where the service that names it has other nodes."""
    chat = there(OnDemand(offer=SMALL, commitments=(RESERVED,)), 24.0, 24.0)
    search = there(OnDemand(offer=LARGE), 24.0, 24.0)
    costs, parts = costs_by_owner([chat, search], {"chat": [chat], "search": [search]}, CATALOG)
    assert compute(parts["chat"]) == pytest.approx(2 * 24 * USD[SMALL])
    assert compute(parts["search"]) == pytest.approx(24 * USD[LARGE] * 1.7)
    assert compute(costs) == pytest.approx(compute(parts["chat"]) + compute(parts["search"]))
    assert parts["search"].compute_by_state_usd["idle"] == pytest.approx(compute(parts["search"]))


def test_a_commitment_of_another_cloud_is_an_account_of_its_own() -> None:
    aws, own = (
        there(OnDemand(offer=LARGE, commitments=(RESERVED,)), 24.0),
        there(OnDemand(offer="gcp/g2-standard-4", region="us-east1"), 24.0),
    )
    assert costs_of([aws, own], CATALOG).total_usd == pytest.approx(
        costs_of([aws], CATALOG).total_usd + costs_of([own], CATALOG).total_usd
    )


def test_services_on_nodes_of_one_kind_pay_the_same_for_an_hour_of_it() -> None:
    """Whichever of them names the commitment."""
    chat, search = there(OnDemand(offer=LARGE, commitments=(RESERVED,)), 24.0), there(OnDemand(offer=LARGE), 24.0)
    _, parts = costs_by_owner([chat, search], {"chat": [chat], "search": [search]}, CATALOG)
    assert compute(parts["chat"]) == pytest.approx(compute(parts["search"]))


def test_services_with_prices_of_their_own_pay_these_beside_a_commitment() -> None:
    """They were averaged, so that a small commitment moved cost from the one to the other."""
    chat = there(OnDemand(offer=LARGE, price=1.0), 24.0, 12.0)
    plan = SavingsPlan(commitment=0.01, discount=0.3)
    search = there(OnDemand(offer=LARGE, price=2.0, commitments=(plan,)), 24.0)
    costs, parts = costs_by_owner([chat, search], {"chat": [chat], "search": [search]}, CATALOG)
    assert compute(parts["chat"]) == pytest.approx(36 * 1.0, rel=0.02)
    assert compute(parts["search"]) == pytest.approx(24 * 2.0, rel=0.02)
    unused = costs.compute_by_state_usd["unused_commitment"]
    assert compute(costs) == pytest.approx(compute(parts["chat"]) + compute(parts["search"]) + unused)


ALIKE: tuple[Buy, ...] = (
    OnDemand(offer=SMALL),
    Spot(offer=SMALL, price=0.3),
    Owned(capex=35_040.0, accelerators=1, life_years=4, power=0.0, pue=1.0, electricity=0.0),
    Serverless(price=1.0),
    ManagedEndpoint(offer=SMALL, premium=0.25),
)
"""One purchase of each kind."""


@pytest.mark.parametrize("buy", ALIKE, ids=lambda buy: str(buy.kind))
def test_owners_that_buy_alike_pay_for_what_each_has(buy: Buy) -> None:
    """Of owned nodes, serverless workers and managed endpoints all was left to nobody: each owner paid nothing."""
    chat, search = there(buy, 24.0, 24.0), there(buy, 24.0)
    costs, parts = costs_by_owner([chat, search], {"chat": [chat], "search": [search]}, CATALOG)
    assert compute(costs) > 0
    assert compute(parts["chat"]) == pytest.approx(2 / 3 * compute(costs))
    assert compute(parts["search"]) == pytest.approx(1 / 3 * compute(costs))
    assert costs.total_usd == pytest.approx(sum(part.total_usd for part in parts.values()))
    for part in parts.values():
        assert sum(part.compute_by_state_usd.values()) == pytest.approx(compute(part))


@pytest.mark.parametrize(
    ("buy", "usd"),
    [
        (Serverless(price=2.0, always_on=1, always_on_price=1.0), 24 * 1.0),
        (ManagedEndpoint(offer=SMALL, price=2.0, instances=2), 2 * 24 * 2.0),
    ],
    ids=lambda value: str(getattr(value, "kind", "")),
)
def test_each_service_has_an_endpoint_of_its_own(buy: Buy, usd: float) -> None:
    """Services that wrote the same purchase had one together, and only one of them its `always_on` workers."""
    chat, search = (as_endpoint(there(buy, 24.0), name) for name in ("chat", "search"))
    costs, parts = costs_by_owner([chat, search], {"chat": [chat], "search": [search]}, CATALOG)
    assert [compute(parts[name]) for name in ("chat", "search")] == [pytest.approx(usd)] * 2
    assert compute(costs) == compute(costs_of([chat, search], CATALOG)) == pytest.approx(2 * usd)
    assert as_endpoint(there(OnDemand(offer=SMALL)), "chat").endpoint == ""


def test_the_law_is_of_all_purchases() -> None:
    union, _ = get_args(Buy)
    assert {type(buy) for buy in ALIKE} == set(get_args(union))


hours = st.lists(st.floats(0.1, DAY_H).map(lambda each: round(each, 2)), min_size=1, max_size=3)


@given(hours, hours, st.floats(0.5, 4.0), st.booleans(), st.booleans())
def test_parts_and_what_is_unused_add_up_to_the_account(
    small: list[float], large: list[float], usd_per_h: float, first: bool, on_spot: bool
) -> None:
    """And no service pays more for its nodes than on demand, of spot nodes what they cost."""
    plan = (SavingsPlan(commitment=usd_per_h, discount=0.3),)
    chat = there(OnDemand(offer=SMALL, commitments=plan if first else ()), *small)
    search = there(OnDemand(offer=LARGE, commitments=() if first else plan), *large)
    spot = [there(Spot(offer=SMALL, price=0.3), 12.0)] if on_spot else []
    every = {"chat": [chat], "search": [search]} | ({"spot": spot} if on_spot else {})
    costs, parts = costs_by_owner([chat, search, *spot], every, CATALOG)
    unused = costs.compute_by_state_usd["unused_commitment"]
    assert costs.total_usd == pytest.approx(sum(part.total_usd for part in parts.values()) + unused)
    assert costs.total_usd == pytest.approx(costs_of([chat, search, *spot], CATALOG).total_usd)
    for name, offer, each in (("chat", SMALL, small), ("search", LARGE, large)):
        part = compute(parts[name])
        assert part <= sum(each) * USD[offer] * (1 + 1e-9)
        assert part >= sum(each) * USD[offer] * 0.7 * (1 - 1e-9)
        assert sum(parts[name].compute_by_state_usd.values()) == pytest.approx(part, abs=1e-9)
    if on_spot:
        assert compute(parts["spot"]) == pytest.approx(12 * 0.3)
