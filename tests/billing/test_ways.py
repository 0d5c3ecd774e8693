"""One run, paid in every way: by hand."""

from dataclasses import replace
from typing import Any

import pytest
from support.ledgers import HOUR, Book, ledger, offer

from simcost.billing import ManagedEndpoint, OnDemand, Owned, Serverless, Spot, bill, bill_together
from simcost.billing.commitment import ReservedInstances, SavingsPlan, TakeOrPay
from simcost.billing.instances import most_at_a_time
from simcost.billing.metering import usages_of
from simcost.billing.spot import SpotPrice
from simcost.catalog import load_catalog
from simcost.catalog.facts import Offer
from simcost.errors import CatalogError, InputError

TWO = ledger([(0.0, 10 * HOUR), (2 * HOUR, 5 * HOUR)], [(0, "ready", 0.0, 10 * HOUR, 6 * HOUR)], horizon_s=10 * HOUR)
"""13 node-hours; two nodes from hour 2 to 5."""


class Market(Book):
    """With a spot price."""

    def offer(self, name: str, region: str | None = None) -> Offer:
        return replace(offer(self.price), spot_usd_per_h=1.0)


def test_spot_pays_the_price_in_effect() -> None:
    flat = bill(TWO, Spot(offer="acme/big"), Market(price=3.0))
    assert flat.total_usd == pytest.approx(13.0)
    assert flat.list_usd == pytest.approx(39.0)
    assert {charge.pricing_category for charge in flat.charges} == {"Dynamic"}
    moving = Spot(offer="acme/big", prices=(SpotPrice(at=0.0, price=1.0), SpotPrice(at=4.5 * HOUR, price=3.0)))
    assert bill(TWO, moving, Market(price=3.0)).total_usd == pytest.approx(4.5 + 5.5 * 3 + 2.5 + 0.5 * 3)
    with pytest.raises(CatalogError, match="no spot price of acme/big"):
        bill(TWO, Spot(offer="acme/big"), Book())


def test_what_is_committed_covers_the_other_kinds_of_nodes_but_no_spot() -> None:
    """30 USD an hour at half price are 60 USD of value on demand: a large node, and most of a small one beside it."""
    [usage] = usages_of(TWO)  # one node for 7 h, two for 3 h
    catalog = load_catalog()
    large, small = (catalog.offer(name).on_demand_usd_per_h for name in ("aws/p5.48xlarge", "aws/p5.4xlarge"))
    plan = SavingsPlan(commitment=30.0, discount=0.5)
    buy = OnDemand(offer="aws/p5.48xlarge")
    alone = bill_together([(usage, buy), (usage, Spot(offer="aws/p5.4xlarge", price=1.0))], [plan], catalog)
    assert alone.total_usd == pytest.approx(10 * 30 + 3 * (2 * large - 60) + 13)
    both = bill_together([(usage, buy), (usage, OnDemand(offer="aws/p5.4xlarge"))], [plan], catalog)
    assert both.total_usd == pytest.approx(10 * 30 + 7 * (large + small - 60) + 3 * (2 * large + 2 * small - 60))
    assert sum(both.compute_by_state_usd.values()) == pytest.approx(both.total_usd)


def test_each_kind_of_nodes_has_its_own_price_of_disks() -> None:
    usage = replace(usages_of(TWO)[0], disk_gb_per_node=730.0)  # 13 node-hours are 13 GB-months
    dear, cheap = (OnDemand(offer="aws/g6.xlarge", price=1.0, storage=usd) for usd in (2.0, 0.5))
    both = bill_together([(usage, dear), (usage, cheap)], [], load_catalog())
    assert both.by_category_usd()["storage"] == pytest.approx(13 * 2.0 + 13 * 0.5)


def test_owned_nodes_cost_the_same_used_or_not() -> None:
    mine = Owned(capex=87600.0, accelerators=8, life_years=1, pue=1.0, electricity=0.1, power=5.0)
    hourly = 10.0 + 0.5
    assert bill(TWO, mine, Book()).total_usd == pytest.approx(2 * 10 * hourly)
    more = bill(TWO, replace(mine, nodes=3), Book())
    assert more.total_usd == pytest.approx(3 * 10 * hourly)
    assert more.compute_by_state_usd["unused_commitment"] == pytest.approx((30 - 13) * hourly)
    assert sum(more.compute_by_state_usd.values()) == pytest.approx(more.total_usd)
    with pytest.raises(InputError, match="2 nodes at a time, but only 1 are owned"):
        bill(TWO, replace(mine, nodes=1), Book())


def test_serverless_workers_and_those_that_are_always_on() -> None:
    flexible = Serverless(price=4.0, granularity=1800.0)
    assert bill(TWO, flexible, Book()).total_usd == pytest.approx(13 * 4.0)
    mixed = Serverless(price=4.0, always_on=1, always_on_price=3.0)
    assert bill(TWO, mixed, Book()).total_usd == pytest.approx(10 * 3.0 + 3 * 4.0)


def test_what_serverless_workers_have_no_price_of_is_told() -> None:
    """As of owned nodes: disks and traffic were free without a word."""
    used = replace(TWO, gb_out=5.0)
    (note,) = bill(used, Serverless(price=4.0, storage=0.1), Book()).notes
    assert note.startswith(
        "serverless workers: no price of `egress` is given, or one of 0, so that their cost is taken to"
    )
    assert bill(used, Serverless(price=4.0, storage=0.1, egress=0.1), Book()).notes == ()


def test_an_endpoint_exists_even_while_nothing_runs() -> None:
    kept = ManagedEndpoint(offer="acme/big", premium=0.25, instances=2)
    assert bill(TWO, kept, Book(price=4.0)).total_usd == pytest.approx(20 * 5.0)
    zero = ManagedEndpoint(offer="acme/big", premium=0.25, scale_to_zero=True)
    assert bill(TWO, zero, Book(price=4.0)).total_usd == pytest.approx(13 * 5.0)


def test_a_contract_covers_so_many_at_a_time() -> None:
    """A node that comes for three hours is beyond the one that is held, though the hours would fit."""
    held = TakeOrPay(provider="acme", sku="big", count=1, price=1.0, length=24 * HOUR)
    found = bill(TWO, OnDemand(offer="acme/big", commitments=(held,)), Book(price=4.0))
    assert found.total_usd == pytest.approx(10 * 1.0 + 3 * 4.0)
    assert most_at_a_time(usages_of(TWO)[0]) == 2


@pytest.mark.parametrize("upfront", ["none", "all"])
def test_effective_and_billed_part_within_the_term(upfront: Any) -> None:
    kept = ReservedInstances(provider="acme", sku="big", region="any", count=1, price=1.0, upfront=upfront)
    found = bill(TWO, OnDemand(offer="acme/big", commitments=(kept,)), Book(price=4.0))
    assert found.total_usd == pytest.approx(10 * 1.0 + 3 * 4.0)
    assert found.billed_usd == pytest.approx((8760.0 if upfront == "all" else 10.0) + 3 * 4.0)
