"""Negotiated prices beside list prices, and other currencies: nothing is converted without a dated rate."""

from datetime import date
from pathlib import Path

import pytest
from support.shown import on_terminal

from simcost.billing.price_list import offer_prices, price_sentences
from simcost.catalog import Catalog, load_catalog
from simcost.catalog.dates import old_prices
from simcost.catalog.documents import catalog_list
from simcost.errors import CatalogError, FaultsError
from simcost.studies.catalog.view import parts

CONTRACT = "provider,sku,region,price_per_h,currency,discount,valid_from,valid_to,source,as_of,quality\n"
CURRENCY = "currency,usd_per_unit,source,as_of,quality\n"
P5 = ("aws/p5.48xlarge", "us-east-1", 55.04)


def own(tmp_path: Path, contracts: str = "", currencies: str = "") -> Catalog:
    rows = "".join(f"{row},contract 7,2026-01-15,A\n" for row in contracts.split())
    (tmp_path / "contracts.csv").write_text(CONTRACT + rows)
    (tmp_path / "currencies.csv").write_text(CURRENCY + "".join(f"{row}\n" for row in currencies.split()))
    return load_catalog(tmp_path)


def paid(catalog: Catalog, at: date | None = None, name: str = P5[0], region: str = P5[1]) -> float:
    return catalog.contracted(catalog.offer(name, region), at).contracted_usd_per_h


def test_without_a_contract_the_list_price_is_paid_and_the_offer_is_its_basis() -> None:
    catalog = load_catalog()
    offer = catalog.offer(P5[0])
    found = catalog.contracted(offer)
    assert (found.list_usd_per_h, found.contracted_usd_per_h, found.basis) == (P5[2], P5[2], offer)


def test_a_discount_stands_beside_the_list_price(tmp_path: Path) -> None:
    catalog = own(tmp_path, "aws,p5.*,any,,USD,0.12,,")
    offer = catalog.offer(P5[0])
    found = catalog.contracted(offer)
    assert found.list_usd_per_h == P5[2]
    assert found.contracted_usd_per_h == pytest.approx(0.88 * P5[2])
    assert found.basis.source == f"{offer.source}; contract 7 of 2026-01-15"
    assert paid(catalog, name="aws/g6.xlarge", region="us-east-1") == 0.8048


def test_the_narrowest_contract_holds_then_the_youngest(tmp_path: Path) -> None:
    catalog = own(
        tmp_path,
        "aws,*,any,,USD,0.5,, aws,p5.*,any,,USD,0.4,, aws,p5.*,us-east-1,,USD,0.3,2025-01-01, "
        "aws,p5.*,us-east-1,,USD,0.2,2026-01-01,",
    )
    assert paid(catalog) == pytest.approx(0.8 * P5[2])
    assert paid(catalog, date(2025, 6, 1)) == pytest.approx(0.7 * P5[2])
    assert paid(catalog, date(2024, 6, 1)) == pytest.approx(0.6 * P5[2])
    assert paid(catalog, name="aws/g6.xlarge", region="us-east-1") == pytest.approx(0.5 * 0.8048)


@pytest.mark.parametrize(
    ("day", "held"),
    [("2025-12-31", False), ("2026-01-01", True), ("2026-12-31", True), ("2027-01-01", False)],
)
def test_a_contract_holds_from_its_first_to_its_last_day(tmp_path: Path, day: str, held: bool) -> None:
    catalog = own(tmp_path, "aws,p5.48xlarge,any,40,USD,,2026-01-01,2026-12-31")
    assert paid(catalog, date.fromisoformat(day)) == (40 if held else P5[2])


def test_a_price_in_another_currency_is_converted_at_the_rate_of_its_day(tmp_path: Path) -> None:
    rates = "EUR,1.10,ecb,2026-01-01,A EUR,1.20,ecb,2026-07-01,A"
    catalog = own(tmp_path, "aws,p5.48xlarge,any,40,EUR,,,", rates)
    assert paid(catalog, date(2026, 6, 30)) == pytest.approx(44.0)
    assert paid(catalog, date(2026, 7, 1)) == pytest.approx(48.0)
    assert paid(catalog) == pytest.approx(48.0)
    assert catalog.usd(10, "EUR", "2026-03") == pytest.approx(11.0)
    assert catalog.usd(10, "USD", "unknown") == 10


@pytest.mark.parametrize("dated", ["2024-01-15", "unknown"])
@pytest.mark.parametrize("terms", [",USD,0.12", "40,USD,", "40,EUR,"])
def test_an_agreement_does_not_age_but_the_list_price_and_the_rate_behind_it_do(
    tmp_path: Path, dated: str, terms: str
) -> None:
    (tmp_path / "contracts.csv").write_text(f"{CONTRACT}aws,p5.48xlarge,any,{terms},,,agreement,{dated},A\n")
    (tmp_path / "currencies.csv").write_text(f"{CURRENCY}EUR,1.1,ecb,2026-01-01,A\n")
    catalog = load_catalog(tmp_path)
    offer = catalog.offer(P5[0])
    prices = offer_prices(catalog.as_paid(offer))
    expected = offer.as_of if "USD,0" in terms else "2026-01-01" if "EUR" in terms else ""
    assert [price["as_of"] for price in prices] == [expected]
    assert bool(old_prices(prices, "2029-01-01")) == bool(expected)
    [sentence] = [one for one in price_sentences(prices, catalog.as_of) if one.startswith("aws/")]
    assert "agreement" in sentence
    assert ("EUR at $1.1 of 2026-01-01" in sentence) == ("EUR" in terms)


def test_a_currency_without_a_rate_is_named(tmp_path: Path) -> None:
    catalog = own(tmp_path, "aws,p5.48xlarge,any,40,EUR,,,", "EUR,1.10,ecb,2026-01-01,A")
    with pytest.raises(CatalogError, match=r"no rate of EUR on or before 2025-01-01 \(only of 2026-01-01\)"):
        paid(catalog, date(2025, 1, 1))
    with pytest.raises(CatalogError, match=r"no rate of GBP; add .*currencies.csv"):
        catalog.usd(1, "GBP", "unknown")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("aws,x,any,,USD,,,", "give price_per_h or discount"),
        ("aws,x,any,1,USD,0.1,,", "give price_per_h or discount"),
        ("aws,x,any,,USD,12,,", "write 12 % as 0.12"),
        ("aws,x,any,1,usd,,,", "write EUR"),
        ("aws,x,any,1,USD,,2026,", "write 2026-07-20"),
        ("aws,x,any,1,USD,,2026-02-01,2026-01-01", "lies before"),
    ],
)
def test_impossible_contracts_are_located(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(FaultsError, match=message) as error:
        own(tmp_path, row)
    assert error.value.faults[0].line == 2


def test_a_rate_needs_its_day(tmp_path: Path) -> None:
    with pytest.raises(FaultsError, match="needs its day"):
        own(tmp_path, currencies="EUR,1.1,ecb,unknown,A")


def test_a_contract_that_is_over_holds_for_no_time_without_a_calendar(tmp_path: Path) -> None:
    over = own(tmp_path, "aws,p5.48xlarge,any,40,USD,,2024-01-01,2025-12-31 aws,p5.*,any,45,USD,,2024-01-01,")
    assert (paid(over), paid(over, date(2025, 6, 1))) == (45, 40)
    begins_later = own(tmp_path, "aws,p5.48xlarge,any,40,USD,,2027-01-01,")
    assert paid(begins_later) == 40


def test_a_contract_about_no_offer_is_told(tmp_path: Path) -> None:
    """No price is paid by it, so that its reader would take the list price for the negotiated one."""
    catalog = own(
        tmp_path,
        "aws,p5.48xlarg,any,40,USD,,, aws,p5.48xlarge,us-east-9,40,USD,,, aws,p5.*,any,,USD,0.1,, "
        "aws,*,any,,USD,0.05,, aws,zz9.*,any,,USD,0.1,, aws,P5.48XLARGE,any,41,USD,,,",
    )
    typo, region, nothing = catalog_list(catalog, "contracts")["findings"]
    assert typo.startswith("contract for aws/p5.48xlarg: no price of the catalog is meant by it, and nothing is paid")
    assert "did you mean 'p5.48xlarge'" in typo
    assert "p5.48xlarge in us-east-9: no price" in region
    assert "us-east-1" in region
    assert nothing.startswith("contract for aws/zz9.*: ")
    assert typo in " ".join(on_terminal(parts)(catalog_list(catalog, "contracts")).split())
