"""Rates of commitments: the narrowest row wins, what is not there is named with the remedy."""

from pathlib import Path

import pytest

from simcost.catalog import load_catalog
from simcost.errors import CatalogError, FaultsError

CATALOG = load_catalog()
HEADER = "provider,instrument,sku,region,term_years,upfront,usd_per_h,discount,source,as_of,quality\n"


def own(tmp_path: Path, *rows: str) -> Path:
    lines = "".join(f"{row},my list,2026-10-01,A\n" for row in rows)
    (tmp_path / "commitment_rates.csv").write_text(HEADER + lines)
    return tmp_path


def test_published_maxima_are_no_rates() -> None:
    """A rate is of a family and a term; what holds for all families is a maximum as advertised."""
    for row in CATALOG.facts.commitment_rates:
        assert row.sku.strip("*.-") not in ("", "ml"), row
        assert "up to" not in row.source
        assert "assumption" not in row.notes


@pytest.mark.parametrize(("term_years", "usd_per_h"), [(1, 18.513656), (3, 10.285667)])
def test_a_sourced_rate_is_paid_with_its_date(term_years: int, usd_per_h: float) -> None:
    rate = CATALOG.commitment_rate("gcp", "resource-cud", "a2-highgpu-8g", "us-central1", term_years, "none")
    assert rate.paid_usd_per_h(29.38708) == usd_per_h
    assert (rate.as_of, rate.quality) == ("2026-07-30", "A")


def test_a_discount_is_taken_off_the_price_on_demand(tmp_path: Path) -> None:
    catalog = load_catalog(own(tmp_path, "aws,reserved-instance,p5.*,any,1,none,,0.37"))
    rate = catalog.commitment_rate("aws", "reserved-instance", "p5.48xlarge", "us-east-1", 1, "none")
    assert rate.paid_usd_per_h(100.0) == pytest.approx(63.0)


def test_the_narrowest_row_wins_name_then_beginning_then_region(tmp_path: Path) -> None:
    catalog = load_catalog(
        own(
            tmp_path,
            "aws,compute-savings-plan,*,any,3,all,,0.10",
            "aws,compute-savings-plan,p5*,any,3,all,,0.20",
            "aws,compute-savings-plan,p5.*,any,3,all,,0.30",
            "aws,compute-savings-plan,p5.*,us-east-1,3,all,,0.40",
            "aws,compute-savings-plan,P5.48xlarge,any,3,all,20,",
        )
    )

    def rate(sku: str, region: str) -> float | None:
        found = catalog.commitment_rate("aws", "compute-savings-plan", sku, region, 3, "all")
        return found.discount or found.usd_per_h

    assert [rate(sku, "us-east-1") for sku in ("p5.48xlarge", "p5.4xlarge", "p5en.48xlarge", "g6.xlarge")] == [
        20,
        0.40,
        0.20,
        0.10,
    ]
    assert rate("p5.4xlarge", "eu-north-1") == 0.30


def test_a_price_is_paid_whatever_on_demand_costs(tmp_path: Path) -> None:
    catalog = load_catalog(own(tmp_path, "aws,reserved-instance,p5.48xlarge,us-east-1,1,none,33.5,"))
    rate = catalog.commitment_rate("aws", "reserved-instance", "p5.48xlarge", "us-east-1", 1, "none")
    assert rate.paid_usd_per_h(55.04) == rate.paid_usd_per_h(1.0) == 33.5
    assert rate.as_of == "2026-10-01"


def test_a_missing_rate_says_which_terms_there_are_and_what_to_do() -> None:
    with pytest.raises(CatalogError) as error:
        CATALOG.commitment_rate("gcp", "resource-cud", "a3-highgpu-8g", "us-central1", 1, "all")
    assert "gcp/a3-highgpu-8g in us-central1 for 1 year, upfront all" in str(error.value)
    assert "only: 1 year, upfront none, 3 years, upfront none" in str(error.value)
    for word in ("`price: USD/h`", "`discount`", "commitment_rates.csv", "prices import"):
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("aws,reserved-instance,x,any,1,none,,", "give usd_per_h or discount"),
        ("aws,reserved-instance,x,any,1,none,1,0.3", "give usd_per_h or discount"),
        ("aws,reserved-instance,x,any,1,none,,37", "write 37 % as 0.37"),
        ("aws,reserved-instance,x,any,1,none,0,", "greater than 0"),
        ("aws,reserved,x,any,1,none,1,", "did you mean 'reserved-instance'"),
    ],
)
def test_impossible_rates_are_located(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(FaultsError, match=message) as error:
        load_catalog(own(tmp_path, row))
    assert error.value.faults[0].line == 2
