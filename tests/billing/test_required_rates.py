"""Rates of commitments: sourced, or the user's own and called so; maxima as advertised are neither."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simcost.billing.commitment import (
    AzureReservation,
    AzureSavingsPlan,
    Commitment,
    FlexibleCud,
    ReservedInstances,
    ResourceCud,
    SavingsPlan,
    TakeOrPay,
)
from simcost.billing.metering import Line, Metered, UsageIntervals, metered
from simcost.billing.settlement import Settlement, settle
from simcost.catalog import load_catalog
from simcost.errors import CatalogError, InputError
from simcost.studies.commitments.advise import advise

CATALOG = load_catalog()


def line(name: str, usd: float, region: str = "r", accelerator: str = "") -> Line:
    provider, _, sku = name.partition("/")
    return Line(
        provider=provider,
        sku=sku,
        region=region,
        list_usd=usd,
        contracted_usd=usd,
        as_of="2026-07-30",
        quality="A",
        accelerator=accelerator,
    )


def account(*lines: Line) -> Metered:
    """One of each runs for an hour."""
    count = len(lines)
    runs = UsageIntervals(
        start_s=np.zeros(count), end_s=np.full(count, 3600.0), line=np.arange(count), units=np.ones(count)
    )
    return metered(lines, runs, horizon_s=3600.0, start_s=0.0)


def settled(commitment: Commitment, *lines: Line) -> Settlement:
    return settle(account(*lines), [commitment], CATALOG)


@pytest.mark.parametrize(
    ("commitment", "name", "key"),
    [
        (
            SavingsPlan(commitment=1.0, years=3, upfront="all"),
            "aws/p5.48xlarge",
            "`rates: {p5.48xlarge: USD/h}`",
        ),
        (
            SavingsPlan(commitment=1.0, covers="instance", family="p5", years=3, upfront="all"),
            "aws/p5.48xlarge",
            "`discount`",
        ),
        (
            SavingsPlan(commitment=1.0, covers="sagemaker", years=3, upfront="all"),
            "aws/ml.p5.48xlarge",
            "`discount`",
        ),
        (ReservedInstances(sku="p5.48xlarge", count=1, years=3), "aws/p5.48xlarge", "`price: USD/h`"),
        (
            AzureReservation(sku="Standard_ND96isr_H100_v5", count=1, years=3),
            "azure/Standard_ND96isr_H100_v5",
            "`price: USD/h`",
        ),
        (AzureSavingsPlan(commitment=1.0, years=3), "azure/Standard_ND96isr_H100_v5", "`discount`"),
        (ResourceCud(sku="n2-standard-8", count=1), "gcp/n2-standard-8", "`discount`"),
        (FlexibleCud(commitment=1.0), "gcp/n2-standard-8", "`rates: {n2-standard-8: USD/h}`"),
    ],
)
def test_a_rate_that_nobody_states_is_required(commitment: Commitment, name: str, key: str) -> None:
    with pytest.raises(CatalogError) as error:
        settled(commitment, line(name, 10.0))
    found = str(error.value)
    assert found.startswith(f"{commitment.kind}: the catalog has no ")
    assert name in found
    assert key in found


def test_all_usage_without_a_rate_is_named_at_once() -> None:
    plan = SavingsPlan(commitment=1.0, years=3, upfront="all")
    with pytest.raises(CatalogError, match=r"aws/p5\.48xlarge in r .*of aws/g6\.xlarge in r, aws/g5\.xlarge in r"):
        settled(plan, line("aws/p5.48xlarge", 55.0), line("aws/g6.xlarge", 0.8), line("aws/g5.xlarge", 1.0))


def test_sourced_rates_of_the_catalog_hold_for_their_family_term_and_region() -> None:
    held = {
        years: settled(
            ResourceCud(sku="a3-highgpu-8g", region="us-central1", count=1, years=years),
            line("gcp/a3-highgpu-8g", 88.49, "us-central1"),
        )
        for years in (1, 3)
    }
    assert [1 - one.effective_usd / 88.49 for one in held.values()] == pytest.approx([0.306, 0.561], abs=5e-4)
    [note] = held[1].bought[0].bound.notes
    assert "2026-07-30, quality A" in note
    with pytest.raises(CatalogError, match=r"gcp/a2-ultragpu-8g in us-central1 for 1 year,"):
        settled(ResourceCud(sku="a2-ultragpu-8g", count=1), line("gcp/a2-ultragpu-8g", 40.0, "us-central1"))


@pytest.mark.parametrize("name", ["gcp/a3-highgpu-8g", "gcp/g2-standard-4", "gcp/a2-ultragpu-8g", "gcp/tpu-v6e-8"])
def test_flexible_commitments_do_not_cover_accelerators(name: str) -> None:
    plan = FlexibleCud(name="flex", commitment=1.0, discount=0.28)
    with pytest.raises(InputError, match=rf"flex: .* do not cover {name} .*`resource-cud`"):
        settled(plan, line(name, 10.0))
    mixed = settled(plan, line(name, 10.0), line("gcp/n2-standard-8", 0.4))
    assert set(mixed.bought[0].covered_h) == {1}
    assert mixed.bought[0].bound.left_out == {0: "no"}
    with pytest.raises(InputError, match="do not cover"):
        settled(plan, line("gcp/n1-standard-8", 3.0, accelerator="t4"))


def test_a_discount_of_the_plan_is_called_its_assumption() -> None:
    notes = [
        settled(one, line("aws/p5.48xlarge", 55.0)).bought[0].bound.notes
        for one in (
            SavingsPlan(name="sp", commitment=1.0, discount=0.28),
            ReservedInstances(name="ri", sku="p5.48xlarge", count=1, discount=0.4),
            ReservedInstances(name="quoted", sku="p5.48xlarge", count=1, price=30.0),
        )
    ]
    assert notes == [
        ("sp: 28 % off on demand is the plan's own assumption, no listed rate",),
        ("ri: 40 % off on demand is the plan's own assumption, no listed rate",),
        ("quoted: the price is the plan's own",),
    ]


def test_commit_asks_for_the_rate_too(tmp_path: Path) -> None:
    rows = "".join(f"aws/p5.48xlarge,us-east-1,2026-01-0{1 + h // 24}T{h % 24:02d}:00:00Z,2\n" for h in range(72))
    (tmp_path / "usage.csv").write_text("sku,region,hour,quantity\n" + rows)
    options = tmp_path / "options.yaml"
    options.write_text("commitments: [{kind: savings-plan, name: three, commitment: $60/h, years: 3, upfront: all}]\n")
    with pytest.raises(CatalogError, match=r"three: the catalog has no compute-savings-plan rate of aws/p5\.48xlarge"):
        advise(options, usage=tmp_path / "usage.csv", paths=None, mapping={})


def test_a_list_price_that_is_missing_names_its_commitment() -> None:
    """Of several commitments it was not said which one has the wrong SKU."""
    wrong = ReservedInstances(name="base", sku="aws/p5.48xlarge", region="us-east-1", count=1, discount=0.3)
    with pytest.raises(CatalogError, match=r"^base: the catalog has no offer 'aws/aws/p5.48xlarge'"):
        settled(wrong, line("aws/p5.48xlarge", 55.04, "us-east-1"))


def test_a_contract_takes_the_rate_that_was_imported(tmp_path: Path) -> None:
    """`prices import` read quotes of contracts that no plan could use."""
    head = "provider,instrument,sku,region,term_years,upfront,usd_per_h,discount,source,as_of,quality\n"
    rows = "".join(f"neo,take-or-pay,box,eu,{rate},2026-08-01,A\n" for rate in ("1,none,14,,q 12", "2,all,,0.4,q 13"))
    (tmp_path / "commitment_rates.csv").write_text(head + rows, encoding="utf-8")
    catalog, usage = load_catalog(tmp_path), account(line("neo/box", 20.0, "eu"))
    hours = float(usage.hours.sum())
    year = TakeOrPay(name="c", provider="neo", sku="box", count=1, length=365 * 86400.0)
    settled = settle(usage, [year], catalog)
    assert settled.effective_usd == pytest.approx(14.0 * hours)
    assert "c: 14 USD/h (q 12, 2026-08-01, quality A)" in settled.notes
    prepaid = replace(year, length=2 * 365 * 86400.0, prepaid=True)
    assert settle(usage, [prepaid], catalog).effective_usd == pytest.approx(12.0 * hours)
    with pytest.raises(CatalogError, match=r"c: .* for 3 years.*\(only: 1 year.*give `price: USD/h` in the plan"):
        settle(usage, [replace(year, length=3 * 365 * 86400.0)], catalog)
