"""A bill, the usage file that is written of it, and the next steps: the same money, and idle capacity is lost."""

from datetime import UTC, datetime, timedelta
from math import fsum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcost.billing.account import bill_usage
from simcost.billing.bill import Bill
from simcost.billing.commitment import SavingsPlan
from simcost.billing.document import bill_document
from simcost.billing.focus import Stamp, focus_table
from simcost.billing.purchasing import Purchasing
from simcost.catalog import load_catalog
from simcost.forecast.sample_paths import Paths
from simcost.scenario.storage.sample_paths import write_paths
from simcost.studies.actuals.study import actual_costs
from simcost.studies.commitments.advise import advise
from simcost.trace.focus.export import write_focus
from simcost.trace.focus.reader import read_focus
from simcost.trace.series.series import Grid
from simcost.trace.usage.reader import USAGE, read_usage

CATALOG = load_catalog()
START = datetime(2026, 3, 2, tzinfo=UTC)
NOT_OF_A_BILL = {
    "currency": "the reader converts costs to USD",
    "interrupted": "FOCUS does not say it",
    "charge_category": "all rows are usage",
    "resource": "rows of a bill are metered already",
    "tag:": "a prefix; the five tags have columns of their own",
    "tokens:": "a prefix of columns of tokens",
    "batch": "of exports of tokens",
    "service_tier": "of exports of tokens",
    "usage_type": "of exports of tokens",
    "context_window": "of exports of tokens",
    "input_audio_tokens": "of exports of tokens",
    "output_audio_tokens": "of exports of tokens",
}
"""Columns of a file of usage that no cost file has, and why."""
skus = st.sampled_from(["p5.48xlarge", "g6e.xlarge", "m99.xlarge"])
charge = st.fixed_dictionaries(
    {
        "hour": st.integers(0, 49),
        "sku": skus,
        "list": st.integers(1, 9000).map(lambda n: n / 100),
        "contracted": st.floats(0.5, 1.0),
        "hours": st.integers(1, 40).map(lambda n: n / 8),
        "use": st.sampled_from(["on demand", "covered", "idle", "spot"]),
    }
)
some_charges = st.lists(charge, min_size=1, max_size=20)


def focus_rows(charges: list[dict[str, Any]]) -> pa.Table:
    """A cost file, of which the hours, and list and contracted cost, are those of the charges."""
    rows = []
    for one in charges:
        start = START + timedelta(hours=one["hour"])
        listed, contracted = one["list"] * one["hours"], one["contracted"] * one["list"] * one["hours"]
        use = one["use"]
        rows.append(
            {
                "ProviderName": "AWS",
                "ServiceName": "Amazon Elastic Compute Cloud",
                "RegionId": "us-east-1",
                "SkuId": one["sku"],
                "SkuPriceDetails": f'{{"InstanceType": "{one["sku"]}"}}',
                "ChargeCategory": "Usage",
                "PricingCategory": {"covered": "Committed", "spot": "Dynamic"}.get(use, "Standard"),
                "ChargePeriodStart": start.isoformat(),
                "ChargePeriodEnd": (start + timedelta(hours=1)).isoformat(),
                "PricingQuantity": one["hours"],
                "PricingUnit": "Hours",
                "ConsumedQuantity": None if use == "idle" else one["hours"],
                "ConsumedUnit": None if use == "idle" else "Hours",
                "ListUnitPrice": one["list"],
                "ListCost": listed,
                "ContractedCost": contracted,
                "EffectiveCost": 0.6 * contracted if use in ("covered", "spot") else contracted,
                "BilledCost": 0.0 if use == "covered" else contracted,
                "BillingCurrency": "USD",
                "CommitmentDiscountId": "sp-1" if use == "covered" else None,
                "CommitmentDiscountStatus": "Used" if use == "covered" else None,
                "CapacityReservationStatus": "Unused" if use == "idle" else None,
            }
        )
    return pa.Table.from_pylist(rows)


def written(table: pa.Table, home: str, *, text: bool) -> Path:
    """The usage of a cost file, as `simcost focus read -o` writes it."""
    path = Path(home) / f"bill.{'csv' if text else 'parquet'}"
    write_focus(table, path, text=text)
    usage = read_focus([path], series=True).usage
    assert usage is not None
    file = Path(home) / f"usage.{'csv' if text else 'parquet'}"
    write_focus(usage, file, text=text)
    return file


def billed(file: Path, *commitments: Any) -> Bill:
    return bill_usage(read_usage(file), Purchasing(commitments=commitments), CATALOG)


def test_the_columns_of_a_usage_file_are_written_or_no_bill_has_them() -> None:
    """Who lets a later step read another column of usage has to write it here, too, or to say why no bill has it."""
    table = focus_rows([{"hour": 0, "sku": "x", "list": 1.0, "contracted": 1.0, "hours": 1.0, "use": "on demand"}])
    with TemporaryDirectory() as home:
        path = Path(home) / "bill.parquet"
        write_focus(table, path, text=False)
        usage = read_focus([path], series=True).usage
    assert usage is not None
    declared = {column.name for column in USAGE.columns}
    assert set(usage.column_names) <= declared
    assert declared - set(usage.column_names) <= set(NOT_OF_A_BILL)


@settings(deadline=None, max_examples=40)
@given(some_charges, st.booleans())
def test_a_bill_and_the_usage_of_it_have_the_same_list_and_contracted_cost(
    charges: list[dict[str, Any]], text: bool
) -> None:
    table = focus_rows(charges)
    steady = [one for one in charges if one["use"] != "spot"]
    with TemporaryDirectory() as home:
        bill = billed(written(table, home, text=text))
        again = focus_table(bill, Stamp(run_id="again"), CATALOG.facts.offers)
        second = billed(written(again, home, text=text))
        told = actual_costs(read_focus([Path(home) / f"bill.{'csv' if text else 'parquet'}"]))
    for found in (bill, second):
        of_usage = [one for one in found.charges if one.pricing_category != "Dynamic"]
        assert fsum(one.list_cost_usd for one in of_usage) == pytest.approx(
            fsum(one["list"] * one["hours"] for one in steady), abs=0.005
        )
        assert fsum(one.contracted_cost_usd for one in of_usage) == pytest.approx(
            fsum(one["contracted"] * one["list"] * one["hours"] for one in steady), abs=0.005
        )
    idle = [one for one in charges if one["use"] == "idle"]
    lost = fsum(one["contracted"] * one["list"] * one["hours"] for one in idle)
    assert bill_document(bill, "")["unused_usd"] == pytest.approx(lost, abs=0.005)
    assert told.unused_usd == told.idle_reservation_usd == pytest.approx(lost, abs=0.005)
    assert ("was lost on reserved capacity" in told.verdict) == bool(idle)


@settings(deadline=None, max_examples=20)
@given(some_charges, st.integers(1, 300))
def test_csv_and_parquet_are_settled_alike(charges: list[dict[str, Any]], usd_per_h: int) -> None:
    """Commitments reach each line at the price of the bill: the order of the rates is that of its prices."""
    plan = SavingsPlan(name="sp", commitment=float(usd_per_h), discount=0.3)
    table = focus_rows(charges)
    with TemporaryDirectory() as home:
        first, second = (billed(written(table, home, text=text), plan) for text in (True, False))
    assert first.total_usd == pytest.approx(second.total_usd, rel=1e-12)
    assert first.list_usd == pytest.approx(second.list_usd, rel=1e-12)


def test_advice_goes_by_the_prices_of_the_bill_and_is_sized_on_no_idle_capacity(tmp_path: Path) -> None:
    options = tmp_path / "options.yaml"
    options.write_text("commitments: [{kind: savings-plan, commitment: $500/h, discount: 20 %}]\n")

    def advised(*uses: str, price: float) -> Any:
        one = {"sku": "p5.48xlarge", "list": price, "contracted": 1.0, "hours": 2.0}
        rows = [{**one, "hour": hour, "use": use} for hour in range(96) for use in uses]
        file = written(focus_rows(rows), str(tmp_path), text=True)
        return advise(options, usage=file, paths=None, mapping={})

    cheap, dear = advised("on demand", price=10.0), advised("on demand", price=30.0)
    assert dear.commitments[0]["commitment"] == pytest.approx(3 * cheap.commitments[0]["commitment"])
    with_idle = advised("on demand", "idle", price=10.0)
    assert with_idle.commitments == cheap.commitments
    assert any("$1,920 was lost" in str(one["message"]) for one in with_idle.findings)


MARKS = [
    {"CapacityReservationStatus": "Unused"},
    {"x_UsageType": "USE1-UnusedBox:p5.48xlarge"},
    {"x_UsageType": "UnusedDed:p5.48xlarge"},
    {
        "ProviderName": "Microsoft",
        "ResourceId": "/subscriptions/1/resourceGroups/g/providers/Microsoft.Compute/capacityReservationGroups/a/"
        "capacityReservations/b",
    },
    {
        "ProviderName": "Google Cloud",
        "x_SystemLabels": '[{"key": "compute.googleapis.com/is_unused_reservation", "value": "true"}]',
    },
]


@pytest.mark.parametrize("mark", MARKS)
def test_each_provider_marks_idle_capacity_in_its_own_way(mark: dict[str, str], tmp_path: Path) -> None:
    one = {"sku": "p5.48xlarge", "list": 55.0, "contracted": 1.0, "hours": 12.0, "hour": 0}
    table = focus_rows([{**one, "use": "on demand"}, {**one, "use": "on demand"}])
    for name, word in mark.items():
        cells = pa.array([table[name][0].as_py() if name in table.column_names else None, word], pa.string())
        present = name in table.column_names
        table = (
            table.set_column(table.column_names.index(name), name, cells)
            if present
            else table.append_column(name, cells)
        )
    file = written(table, str(tmp_path), text=False)
    told = actual_costs(read_focus([tmp_path / "bill.parquet"]))
    assert told.idle_reservation_usd == pytest.approx(660.0)
    assert "$660.00 was lost on reserved capacity that was idle" in told.verdict
    assert sorted(read_usage(file).keys[i][5] for i in range(2)) == ["reserved_idle", "standard"]


def test_the_used_part_of_a_reservation_counts_once(tmp_path: Path) -> None:
    """AWS bills it in the row of the instance, and repeats its hours at no cost in one of the reservation."""
    one = {"sku": "p5.48xlarge", "list": 55.0, "contracted": 1.0, "hours": 1.0, "hour": 0, "use": "on demand"}
    table = focus_rows([one, one]).append_column(
        "x_UsageType", pa.array(["BoxUsage:p5.48xlarge", "Reservation:p5.48xlarge"])
    )
    written(table, str(tmp_path), text=False)
    usage: Any = read_focus([tmp_path / "bill.parquet"], series=True).usage
    assert pc.sum(usage["quantity"]).as_py() == 1.0


def test_corrections_are_taken_off_what_they_correct(tmp_path: Path) -> None:
    """Also where they have another price, or none: hours that were refunded are no usage."""
    one = {"sku": "p5.48xlarge", "list": 55.0, "contracted": 1.0, "hours": 3.0, "hour": 0, "use": "on demand"}
    table = focus_rows([one, one | {"hours": -1.0, "list": 54.0}])
    written(table, str(tmp_path), text=False)
    usage: Any = read_focus([tmp_path / "bill.parquet"], series=True).usage
    assert usage["quantity"].to_pylist() == [2.0]
    assert usage["list_price"].to_pylist() == [pytest.approx((3 * 55.0 - 54.0) / 2)]


def test_a_forecast_of_billed_usage_is_advised_at_the_prices_of_the_bill(tmp_path: Path) -> None:
    options = tmp_path / "options.yaml"
    options.write_text("commitments: [{kind: savings-plan, commitment: $500/h, discount: 20 %}]\n")
    one = {"sku": "m99.xlarge", "list": 10.0, "contracted": 1.0, "hours": 2.0, "use": "on demand"}
    file = written(focus_rows([{**one, "hour": hour} for hour in range(96)]), str(tmp_path), text=True)
    grid = Grid(start_s=int(START.timestamp()) + 96 * 3600, step_s=3600)
    future = Paths(series="aws/m99.xlarge", quantity="instances", grid=grid, values=np.full((4, 48), 3.0))
    write_paths(tmp_path / "paths.parquet", [future], {"seed": 1})
    found = advise(options, usage=file, paths=tmp_path / "paths.parquet", mapping={})
    assert found.commitments[0]["commitment"] == pytest.approx(3 * 10.0 * 0.8)
