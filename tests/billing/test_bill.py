"""Bills against worked examples and against the ledger they are made from."""

from typing import Any

import pytest
from support.ledgers import HOUR, Book, ledger, rule, tiers

from simcost.billing import OnDemand, bill
from simcost.billing.storage_transfer import month_usd, run_usd
from simcost.errors import CatalogError, RunError
from simcost.units import HOURS_PER_MONTH

BUY = OnDemand(offer="acme/big")


def test_compute_by_state_on_paper() -> None:
    used = ledger(
        [(0.0, 90.5)],
        [(0, "starting", 0.0, 30.0, 0.0), (0, "ready", 30.0, 80.0, 20.0), (0, "draining", 80.0, 90.0, 5.0)],
        slots=2,
    )
    result = bill(used, BUY, Book(price=3600.0, rule=rule(60.0)))
    assert result.compute_by_state_usd == pytest.approx(
        {
            "computing": 10.0,
            "idle": 15.0,
            "starting": 15.0,
            "draining": 5.0,
            "unallocated": 45.5,
            "rounding": 29.5,
        }
    )
    assert result.by_category_usd() == pytest.approx({"compute": 120.0, "storage": 0.0, "transfer": 0.0})


def test_a_node_still_running_is_cut_at_the_horizon_without_rounding() -> None:
    used = ledger([(0.0, 100.5), (50.0, 100.5), (0.0, 100.4)], horizon_s=100.5)
    result = bill(used, BUY, Book(price=3600.0, rule=rule(60.0, 300.0)))
    assert result.billed_usd == pytest.approx(100.5 + 50.5 + 300.0)
    assert result.compute_by_state_usd["rounding"] == pytest.approx(300.0 - 100.4)


def test_float_noise_is_no_further_second() -> None:
    start = 0.1 + 0.2
    used = ledger([(start, start + 61.0)])
    assert bill(used, BUY, Book(price=3600.0)).billed_usd == pytest.approx(61.0, rel=1e-9)


def test_disk_and_responses_by_the_tiers_of_a_month_at_this_rate() -> None:
    book = Book(storage=tiers("storage", (0, None, 0.1)), egress=tiers("egress", (0, 100, 0.0), (100, None, 0.09)))
    day = ledger([(0.0, 24 * HOUR)], disk_gb=HOURS_PER_MONTH, gb_out=10.0)
    result = bill(day, BUY, book)
    months = HOURS_PER_MONTH / 24
    assert result.by_category_usd()["storage"] == pytest.approx(24 * 0.1)
    assert result.by_category_usd()["transfer"] == pytest.approx((10.0 * months - 100.0) * 0.09 / months)
    assert result.per_month_usd == pytest.approx(result.total_usd * months)
    for charge in result.charges:
        assert charge.list_cost_usd == pytest.approx(charge.list_unit_price_usd * charge.consumed_quantity)


def test_a_month_of_730_hours_is_priced_by_the_tiers_as_they_stand() -> None:
    steps = tiers("egress", (0, 100, 0.2), (100, None, 0.1))
    assert run_usd(150.0, steps, HOURS_PER_MONTH * HOUR) == pytest.approx(25.0)


def test_own_prices_win_and_are_marked() -> None:
    used = ledger([(0.0, HOUR)], disk_gb=HOURS_PER_MONTH, gb_out=10.0)
    mine = OnDemand(offer="acme/big", price=2.0, storage=0.5, egress=0.0)
    compute, storage, transfer = bill(used, mine, Book(price=3.0)).charges
    assert (compute.billed_cost_usd, compute.list_cost_usd) == pytest.approx((2.0, 3.0))
    assert (storage.billed_cost_usd, transfer.billed_cost_usd) == pytest.approx((0.5, 0.0))
    assert {c.price_quality for c in (compute, storage, transfer)} == {"given"}


@pytest.mark.parametrize(("disk_gb", "gb_out", "item"), [(1.0, 0.0, "storage"), (0.0, 1.0, "egress")])
def test_a_missing_price_is_an_error_that_names_it(disk_gb: float, gb_out: float, item: str) -> None:
    used = ledger([(0.0, HOUR)], disk_gb=disk_gb, gb_out=gb_out)
    with pytest.raises(CatalogError, match=rf"no {item} price for acme.*set `buy\.{item}`"):
        bill(used, BUY, Book())


def test_no_quantity_needs_no_price() -> None:
    assert len(bill(ledger([(0.0, HOUR)]), BUY, Book()).charges) == 1


def test_nothing_used_costs_nothing() -> None:
    assert bill(ledger(), BUY, Book()).total_usd == 0.0


def test_volume_beyond_the_last_tier_has_no_price() -> None:
    with pytest.raises(CatalogError, match="acme egress cover 100 of 150 GB"):
        month_usd(150.0, tiers("egress", (0, 100, 0.1)))


@pytest.mark.parametrize(
    ("nodes", "replicas", "message"),
    [
        ([(0.0, 10.0)], [(0, "ready", 0.0, 10.0, 1.0), (0, "ready", 0.0, 1.0, 1.0)], "only 10.0"),
        ([(0.0, 10.0)], [(0, "ready", 0.0, 10.0, 11.0)], "busy for longer"),
        ([(0.0, 10.0)], [(1, "ready", 0.0, 1.0, 0.0)], "unknown node 1"),
        ([(0.0, 10.0)], [(0, "asleep", 0.0, 1.0, 0.0)], "asleep"),
        ([(10.0, 0.0)], [], "row 0"),
        ([(0.0, 101 * HOUR)], [], "row 0"),
    ],
)
def test_a_ledger_that_contradicts_itself_is_refused(nodes: Any, replicas: Any, message: str) -> None:
    with pytest.raises(RunError, match=message):
        bill(ledger(nodes, replicas), BUY, Book())
