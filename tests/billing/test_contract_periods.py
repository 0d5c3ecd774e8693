"""Each hour of usage pays the contract of its own day: a bill over a change is the sum of its parts."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import fsum
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcost.billing.account import bill_usage
from simcost.billing.bill import Bill
from simcost.billing.commitment import CapacityReservation, ReservedInstances
from simcost.billing.purchasing import Purchasing
from simcost.catalog import Catalog, load_catalog
from simcost.errors import FaultsError
from simcost.trace.usage.reader import read_usage

LIST, SKU = 0.8048, "aws/g6.xlarge"
HEAD = "provider,sku,region,price_per_h,currency,discount,valid_from,valid_to,source,as_of,quality\n"
YEAR = "aws,g6.xlarge,any,,USD,0.2,2026-03-01,2026-12-31,agreement,2026-01-01,A\n"
NEXT = "aws,g6.*,any,0.5,USD,,2027-01-01,,agreement,2026-01-01,A\n"
Row = tuple[datetime, datetime, float]


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def catalog(folder: Path, *rows: str) -> Catalog:
    facts = folder / "facts"
    facts.mkdir(exist_ok=True)
    (facts / "contracts.csv").write_text(HEAD + "".join(rows))
    return load_catalog(facts)


def billed(folder: Path, rows: list[Row], facts: Catalog, plan: Purchasing | None = None, machine: str = "") -> Bill:
    lines = [f"{SKU},us-east-1,{a.isoformat()},{b.isoformat()},{n}{machine}" for a, b, n in rows]
    head = "sku,region,start,end,quantity" + (",resource" if machine else "")
    (folder / "usage.csv").write_text("\n".join([head, *lines]) + "\n")
    return bill_usage(read_usage(folder / "usage.csv"), plan or Purchasing(), facts)


@pytest.mark.parametrize(
    ("first", "end", "hours"),
    [
        ("2026-12-01", "2027-01-01", (0, 744, 0)),  # a month that ends with the contract is all within it
        ("2026-01-01", "2026-04-01", (59 * 24, 31 * 24, 0)),
        ("2026-02-28 23:30", "2026-03-01 00:15", (0.5, 0.25, 0)),
        ("2026-12-31 12:00", "2027-01-01 06:00", (0, 12, 6)),
        ("2026-02-28", "2027-01-02", (24, 306 * 24, 24)),
    ],
)
def test_each_part_of_a_run_pays_the_contract_of_its_day(
    tmp_path: Path, first: str, end: str, hours: tuple[float, float, float]
) -> None:
    bill = billed(tmp_path, [(day(first), day(end), 1)], catalog(tmp_path, YEAR, NEXT))
    own = [part * price for part, price in zip(hours, (LIST, 0.8 * LIST, 0.5), strict=True)]
    assert bill.total_usd == pytest.approx(fsum(own))
    assert fsum(charge.list_cost_usd for charge in bill.charges) == pytest.approx(LIST * fsum(hours))


@given(
    runs=st.lists(st.tuples(st.integers(0, 24 * 500), st.floats(0.1, 2000), st.integers(1, 9)), min_size=1, max_size=6)
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_bill_is_the_sum_of_its_bills_by_contract(tmp_path: Path, runs: list[tuple[int, float, int]]) -> None:
    begin, facts = day("2026-01-01"), catalog(tmp_path, YEAR, NEXT)
    rows = [(begin + timedelta(hours=a), begin + timedelta(hours=a + length), float(n)) for a, length, n in runs]
    edges = [day("2000-01-01"), day("2026-03-01"), day("2027-01-01"), day("2100-01-01")]
    parts = [[(max(a, lo), min(b, hi), n) for a, b, n in rows if max(a, lo) < min(b, hi)] for lo, hi in pairwise(edges)]
    apart = fsum(billed(tmp_path, part, facts).total_usd for part in parts if part)
    assert billed(tmp_path, rows, facts).total_usd == pytest.approx(apart, rel=1e-9)


def test_a_year_in_which_nothing_ran_has_no_line(tmp_path: Path) -> None:
    rows = [(day(f"{year}-01-01"), day(f"{year}-01-02"), 1.0) for year in (2026, 2028)]
    bill = billed(tmp_path, rows, catalog(tmp_path, YEAR, NEXT))
    assert bill.total_usd == pytest.approx(24 * LIST + 24 * 0.5)


def test_a_machine_runs_on_over_a_change_and_pays_its_minimum_once(tmp_path: Path) -> None:
    rows = [(day("2026-02-28 23:59:50"), day("2026-03-01 00:00:10"), 1.0), (day("2026-03-02"), day("2026-03-03"), 1.0)]
    bill = billed(tmp_path, rows, catalog(tmp_path, YEAR), machine=",i-1")
    seconds = 10 * LIST + (50 + 86_400) * 0.8 * LIST
    assert bill.total_usd == pytest.approx(seconds / 3600)


def test_a_commitment_covers_hours_on_both_sides(tmp_path: Path) -> None:
    reserved = ReservedInstances(sku="g6.xlarge", region="us-east-1", count=1, discount=0.4)
    rows = [(day("2026-02-01"), day("2026-04-01"), 2.0)]
    bill = billed(tmp_path, rows, catalog(tmp_path, YEAR), Purchasing(commitments=(reserved,)))
    assert bill.total_usd == pytest.approx(0.6 * LIST * 59 * 24 + LIST * 28 * 24 + 0.8 * LIST * 31 * 24)


def test_the_bill_says_which_price_held(tmp_path: Path) -> None:
    from simcost.billing.price_list import price_list

    bill = billed(tmp_path, [(day("2026-02-01"), day("2026-04-01"), 1.0)], catalog(tmp_path, YEAR))
    found = {"agreement" in row["source"]: row["usd"] for row in price_list(bill.charges)}
    assert found == {False: LIST, True: pytest.approx(0.8 * LIST)}


@pytest.mark.parametrize("used_h", [0.0, 1.0, 30.0])
def test_reserved_capacity_pays_the_contract_of_the_day_used_or_not(tmp_path: Path, used_h: float) -> None:
    """max(reserved, used) at the price of a use: what of it is used changes nothing. Without any use it paid the list
    price, and with some the contract of its first day throughout."""
    facts, begin = catalog(tmp_path, YEAR, NEXT), day("2026-12-31")
    lines = [f"aws/g6e.xlarge,us-east-1,{begin.isoformat()},{(begin + timedelta(hours=48)).isoformat()},1"]
    if used_h:
        lines.append(f"{SKU},us-east-1,{begin.isoformat()},{(begin + timedelta(hours=used_h)).isoformat()},1")
    (tmp_path / "usage.csv").write_text("\n".join(["sku,region,start,end,quantity", *lines]) + "\n")
    usage = read_usage(tmp_path / "usage.csv")
    held = CapacityReservation(sku="g6.xlarge", count=2, region="us-east-1")
    other = 48 * 1.861
    for plan, usd in (
        (Purchasing(commitments=(held,)), 2 * 24 * (0.8 * LIST + 0.5)),
        (Purchasing(commitments=(held,), prices={"g6.xlarge": 0.4}), 2 * 48 * 0.4),
    ):
        bill = bill_usage(usage, plan, facts)
        assert bill.total_usd == pytest.approx(usd + other)
        assert fsum(charge.list_cost_usd for charge in bill.charges) == pytest.approx(2 * 48 * LIST + other)


def test_each_day_pays_a_contract_in_another_currency_at_its_own_rate(tmp_path: Path) -> None:
    """The whole usage was paid at the rate of its last day."""
    contract = "aws,g6.xlarge,any,0.5,EUR,,2026-03-01,,agreement,2026-01-01,A\n"
    folder = tmp_path / "facts"
    folder.mkdir()
    rates = "currency,usd_per_unit,source,as_of,quality\nEUR,1.1,bank,2026-03,A\nEUR,1.2,bank,2026-03-20,A\n"
    (folder / "currencies.csv").write_text(rates)
    facts = catalog(tmp_path, contract)
    bill = billed(tmp_path, [(day("2026-02-28"), day("2026-03-22"), 1)], facts)
    assert bill.total_usd == pytest.approx(24 * (LIST + 19 * 0.5 * 1.1 + 2 * 0.5 * 1.2))
    parts = [(day("2026-02-28"), day("2026-03-10"), 1), (day("2026-03-10"), day("2026-03-22"), 1)]
    assert fsum(billed(tmp_path, [part], facts).total_usd for part in parts) == pytest.approx(bill.total_usd)
    (folder / "currencies.csv").write_text(rates.replace("2026-03,", "2026-03-05,"))
    with pytest.raises(FaultsError, match="no rate of EUR on or before 2026-03-04"):
        billed(tmp_path, [(day("2026-03-04"), day("2026-03-22"), 1)], load_catalog(folder))
