"""A user's own list: prices as people write them; told are those most likely in another unit."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.price_lists import CATALOG

from simcost.catalog import load_catalog
from simcost.catalog.facts import Offer
from simcost.catalog.prices.importer import Imported, import_prices
from simcost.errors import FaultsError, InputError

HEAD = "provider,sku,region,price_per_h,currency,accelerator,accelerators\n"


def imported(folder: Path, rows: str, **options: Any) -> Imported:
    file = folder / "quotes.csv"
    file.write_text(HEAD + rows, encoding="utf-8")
    return import_prices(file, "own", CATALOG, **{"as_of": "2026-08-01", **options})


def offer_of(found: Imported) -> Offer:
    (offer,) = found.rows["offers"]
    assert isinstance(offer, Offer)
    return offer


def kinds(found: Imported) -> dict[str, int]:
    return {one["kind"]: one["count"] for one in found.findings.document()}


@pytest.mark.parametrize(
    ("price", "usd_per_h"),
    [
        ("19.2", 19.2),
        ('"1,019.20"', 1019.2),
        ("$19.20", 19.2),
        ("$19.20/h", 19.2),
        ("19.2 USD/h", 19.2),
        ('"$14,016/month"', 19.2),
        ("14016/month", 19.2),
    ],
)
def test_a_price_is_read_as_a_plan_reads_it(tmp_path: Path, price: str, usd_per_h: float) -> None:
    assert offer_of(imported(tmp_path, f"neo,box,eu,{price},USD,H100,8\n")).on_demand_usd_per_h == usd_per_h


@pytest.mark.parametrize("price", ["free", '"19,20"', "€19.20", "19.20/week", "14 016", ""])
def test_what_is_no_price_is_kept_out(tmp_path: Path, price: str) -> None:
    with pytest.raises(InputError, match="1 no-price"):
        imported(tmp_path, f"neo,box,eu,{price},USD,H100,8\n")


def test_a_dollar_sign_in_another_currency_is_no_price(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="1 no-price"):
        imported(tmp_path, "neo,box,eu,$19.20,EUR,H100,8\n")


def test_a_currency_in_lower_case_is_that_currency(tmp_path: Path) -> None:
    assert offer_of(imported(tmp_path, "neo,box,eu,19.2,usd,H100,8\n")).on_demand_usd_per_h == 19.2


@pytest.mark.parametrize("currency", ["USD cents", "ct", "€"])
def test_what_is_no_currency_is_a_fault_of_its_line(tmp_path: Path, currency: str) -> None:
    with pytest.raises(FaultsError, match=r"quotes.csv:3: currency: .* is not a currency; write its code, such as EUR"):
        imported(tmp_path, f"neo,box,eu,19.2,USD,H100,8\nneo,box,us,1920,{currency},H100,8\n")


@pytest.mark.parametrize(("price", "told"), [("19.2", False), ("12", False), ("1920", True), ("14016", True)])
def test_a_price_far_from_those_of_the_catalog_is_told(tmp_path: Path, price: str, told: bool) -> None:
    found = imported(tmp_path, f"neo,box,eu,{price},USD,H100,8\n")
    assert offer_of(found).on_demand_usd_per_h == float(price)
    assert kinds(found) == ({"far-from-catalog": 1} if told else {})


def test_a_day_to_come_is_told(tmp_path: Path) -> None:
    tomorrow, later = ((datetime.now(UTC) + timedelta(days=days)).date() for days in (2, 400))
    row = "neo,box,eu,19.2,USD,H100,8\n"
    assert kinds(imported(tmp_path, row, as_of=str(later))) == {"day-to-come": 1}
    assert kinds(imported(tmp_path, row)) == {}
    file = tmp_path / "dated.csv"
    file.write_text(f"provider,sku,region,price_per_h,accelerator,accelerators,as_of\nneo,b,eu,$19,H100,8,{tomorrow}\n")
    assert kinds(import_prices(file, "own", CATALOG, as_of="2026-08-01")) == {"day-to-come": 1}


def test_regions_that_differ_in_case_alone_are_one(tmp_path: Path) -> None:
    rows = "neo,box,eu,20,USD,H100,8\nneo,BOX,EU,22,USD,H100,8\n"
    found = imported(tmp_path, rows)
    assert offer_of(found).on_demand_usd_per_h == 22.0
    assert kinds(found) == {"several-prices": 1}
    for name, text in found.files(tmp_path / "facts").items():
        (tmp_path / "facts").mkdir(exist_ok=True)
        (tmp_path / "facts" / name).write_text(text)
    assert load_catalog(tmp_path / "facts").offer("neo/box").on_demand_usd_per_h == 22.0


@pytest.mark.parametrize(("committed", "told"), [("15", False), ("20", False), ("25", True), ("150000", True)])
def test_a_commitment_above_on_demand_is_told(tmp_path: Path, committed: str, told: bool) -> None:
    file = tmp_path / "terms.csv"
    head = "provider,sku,region,way,price_per_h,term_years,upfront,accelerator,accelerators\n"
    file.write_text(f"{head}neo,box,eu,on-demand,$20,,,H100,8\nneo,box,eu,take-or-pay,${committed},1,all,H100,8\n")
    found = import_prices(file, "own", CATALOG, as_of="2026-08-01")
    assert kinds(found) == ({"commitment-above-on-demand": 1} if told else {})
    assert len(found.rows["commitment_rates"]) == 1


def test_a_list_without_a_day_is_of_the_newest_day_of_its_rows(tmp_path: Path) -> None:
    file = tmp_path / "dated.csv"
    file.write_text(
        HEAD.replace("\n", ",as_of\n") + "neo,a,eu,9,,h100-sxm,8,2026-05-01\nneo,b,eu,4,,l40s,4,2026-07-01\n",
        encoding="utf-8",
    )
    assert import_prices(file, "own", CATALOG).as_of == "2026-07-01"
    assert import_prices(file, "own", CATALOG, as_of="2026-08-01").as_of == "2026-08-01"
    assert imported(tmp_path, "neo,a,eu,9,,h100-sxm,8\n", as_of="").as_of == "unknown"


def test_a_price_without_a_currency_is_told(tmp_path: Path) -> None:
    """A quote in euros whose column was left out was taken to be in USD without a word."""
    found = imported(tmp_path, "neo,a,eu,19.2,,H100,8\nneo,b,eu,$19.2,,H100,8\nneo,c,eu,19.2,USD,H100,8\n")
    assert kinds(found) == {"no-currency": 1}
    [told] = found.findings.document()
    assert told["places"] == [{"place": "line 2", "detail": "neo/a in eu, on-demand: 19.2"}]


def test_all_faults_of_a_list_are_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "quotes.csv"
    head = "provider,sku,region,price_per_h,currency,way,upfront\n"
    file.write_text(f"{head}neo,a,eu,9,EURO,reserved,half\n,b,eu,9,USD,spot,all\n", encoding="utf-8")
    with pytest.raises(FaultsError) as raised:
        import_prices(file, "own", CATALOG)
    assert [(fault.line, fault.path) for fault in raised.value.faults] == [
        (2, "way"),
        (2, "upfront"),
        (2, "currency"),
        (3, "provider"),
    ]
