"""Bills in the FOCUS format: the specification's examples, its invariants, and the way there and back."""

import json
from datetime import UTC, datetime
from math import fsum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.billing.api.pricing import MILLION
from simcost.billing.bill import Bill, Charge, Place, UnitPrice, volume_charge
from simcost.billing.books import compute_charges
from simcost.billing.commitment import CapacityReservation, Commitment, ReservedInstances, SavingsPlan
from simcost.billing.document import bill_document
from simcost.billing.focus import Stamp, focus_table
from simcost.billing.focus.rows import months_of
from simcost.billing.metering import Line, UsageIntervals, metered
from simcost.billing.settlement import settle
from simcost.catalog import load_catalog
from simcost.errors import InputError
from simcost.studies.actuals.study import actual_costs
from simcost.trace.focus.columns import COLUMNS
from simcost.trace.focus.export import check_suffix, write_focus
from simcost.trace.focus.reader import read_focus
from simcost.trace.focus.validation import check_focus

VECTORS = Path(__file__).resolve().parents[3] / "shared/vectors/billing.json"
CASES = json.loads(VECTORS.read_text())["cases"] if VECTORS.exists() else []
CATALOG = load_catalog()
OFFERS = CATALOG.facts.offers
START_S = 1_767_222_000.0  # 2025-12-31T23:00:00Z: the first hour and the second are in different months
STAMP = Stamp(run_id="run 1", tags={"scenario": "s"})
HOURS = 6


def of(kind: str) -> Any:
    cases = [pytest.param(case, id=case["id"]) for case in CASES if case["kind"] == kind]
    missing = pytest.mark.skipif(not cases, reason="no folder `shared` beside the checkout")
    return pytest.mark.parametrize("case", cases or [pytest.param({}, marks=missing)])


def line(sku: str, usd: float, **more: Any) -> Line:
    region = more.pop("region", "us-east-1")
    return Line(
        provider=more.pop("provider", "aws"),
        sku=sku,
        region=region,
        list_usd=usd,
        as_of="2026-07-20",
        contracted_usd=more.pop("contracted_usd", usd),
        quality="A",
        **more,
    )


def bill_of(
    lines: list[Line],
    units: list[float],
    commitments: list[Commitment],
    hours: float = HOURS,
    charges: tuple[Charge, ...] = (),
    prices: list[float] | None = None,
    start_s: float | None = START_S,
) -> Bill:
    """So many units of each line run all the time."""
    count = len(lines)
    runs = UsageIntervals(
        start_s=np.zeros(count),
        end_s=np.full(count, hours * 3600.0),
        line=np.arange(count),
        units=np.array(units, float),
        price_usd=None if prices is None else np.array(prices),
    )
    settled = settle(metered(lines, runs, horizon_s=hours * 3600.0, start_s=start_s), commitments, CATALOG)
    whole = (*compute_charges(settled), *charges)
    return Bill(charges=whole, compute_by_state_usd={}, horizon_s=hours * 3600.0, settlement=settled)


def rows(table: pa.Table, **words: str | None) -> pa.Table:
    for name, word in words.items():
        texts = table[name].cast(pa.string())
        table = table.filter(pc.is_null(texts) if word is None else pc.equal(texts, word))
    return table


def total(table: pa.Table, name: str) -> float:
    return fsum(table[name].drop_null().to_pylist())


def mixed(hours: float = HOURS) -> Bill:
    """Everything at once: two commitments, a reservation, spot, negotiated prices, tags, storage and tokens."""
    lines = [
        line("p5.48xlarge", 55.04, contracted_usd=50.0, tags=(("team", "a"), ("model", "m"))),
        line("g6.xlarge", 0.8048, account="42", zone="us-east-1a"),
        line("g6.xlarge", 0.3, pricing="spot"),
        line("own-box", 3.0, provider="corehost", region="any"),
    ]
    bought: list[Commitment] = [
        SavingsPlan(name="sp", commitment=60.0, discount=0.3, upfront="partial"),
        ReservedInstances(name="ri", sku="g6.xlarge", region="us-east-1", count=3, discount=0.4, upfront="all"),
        CapacityReservation(sku="p5.48xlarge", region="us-east-1", count=4),
    ]
    place = Place(provider="aws", region="any", start_s=START_S, end_s=START_S + hours * 3600)
    price = UnitPrice(list_usd=0.08, paid_usd=0.06, as_of="2026-01", quality="A")
    others = (
        volume_charge(place, "storage", "storage", 100.0, "GB-month", price),
        volume_charge(place, "transfer", "egress", 7.0, "GB", price),
        volume_charge(place, "tokens", "gpt-5 output", 3.5, MILLION, UnitPrice.own(10.0, list_usd=10.0)),
        volume_charge(place, "tokens", "gpt-5", 2e6, "input_tokens", UnitPrice.own(1.25e-6, list_usd=1.25e-6)),
    )
    return bill_of(lines, [3.0, 2.0, 5.0, 1.0], bought, hours, others, prices=[0.0, 0.0, 0.25, 0.0])


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return focus_table(mixed(), STAMP, OFFERS)


@of("focus_usage_rows")
def test_rows_of_usage_as_in_the_specification(case: dict[str, Any]) -> None:
    given = case["input"]
    units = given["covered_usd"] / 1.0 + given["on_demand_usd"] / 2.0
    plan = SavingsPlan(name="sp", commitment=given["commitment_usd_h"], rates={"m5.large": 1.0})
    found = focus_table(bill_of([line("m5.large", 2.0)], [units], [plan], 1), STAMP, OFFERS)
    usage = sorted(rows(found, ChargeCategory="Usage").to_pylist(), key=lambda row: row["PricingCategory"])
    assert len(usage) == len(case["expected"]["rows"])
    for row, wanted in zip(usage, case["expected"]["rows"], strict=True):
        for name, value in wanted.items():
            near = pytest.approx(value, abs=case["tolerance"]) if isinstance(value, float) else value
            assert (row["ConsumedQuantity"] is None if name == "consumed_quantity_is_null" else row[name]) == near


@of("commitment_cashflow")
def test_purchases_as_in_the_specification(case: dict[str, Any]) -> None:
    given, expected = case["input"], case["expected"]
    upfront = {0.0: "none", 0.5: "partial", 1.0: "all"}[given["upfront_share"]]
    plan = SavingsPlan(commitment=given["commitment_usd_h"], upfront=upfront, discount=0.5)
    found = focus_table(bill_of([line("m5.large", 2.0)], [1.0], [plan], given["term_h"]), STAMP, OFFERS)
    once, hourly = (rows(found, ChargeCategory="Purchase", ChargeFrequency=name) for name in ("One-Time", "Recurring"))
    assert total(once, "BilledCost") == pytest.approx(expected["one_time_billed_usd"])
    assert set(hourly["BilledCost"].to_pylist()) <= {expected["recurring_billed_usd_h"]}
    assert total(once, "EffectiveCost") + total(hourly, "EffectiveCost") == expected["purchase_effective_usd"]
    usage = rows(found, ChargeCategory="Usage")
    assert set(usage["EffectiveCost"].to_pylist()) == {expected["usage_effective_usd_h"]}
    assert total(found, "BilledCost") == pytest.approx(expected["total_billed_usd"])
    assert total(usage, "EffectiveCost") == pytest.approx(total(found, "BilledCost")), "over the term"


def test_every_column_stands_in_its_place(table: pa.Table) -> None:
    assert table.column_names == [*COLUMNS, "x_SimcostRunId", "x_PriceAsOf"]
    assert set(table["x_SimcostRunId"].to_pylist()) == {"run 1"}
    assert {str(row) for row in table["BillingPeriodStart"].to_pylist()} == {
        "2025-12-01 00:00:00+00:00",
        "2026-01-01 00:00:00+00:00",
    }


def test_each_kind_of_charge_as_the_specification_wants_it(table: pa.Table) -> None:
    spot = rows(table, PricingCategory="Dynamic")
    assert spot.num_rows == HOURS
    assert set(spot["ContractedUnitPrice"].to_pylist()) == {0.25}, "the price in effect"
    assert set(spot["ListUnitPrice"].to_pylist()) == {0.3}, "on demand"
    used = rows(table, CommitmentDiscountStatus="Used")
    assert total(used, "BilledCost") == 0
    assert set(used["PricingCategory"].to_pylist()) == {"Committed"}
    lost = rows(table, CommitmentDiscountId="ri", CommitmentDiscountStatus="Unused")
    assert lost["ConsumedQuantity"].null_count == lost["ConsumedUnit"].null_count == lost.num_rows == HOURS
    assert set(lost["ResourceId"].to_pylist()) == {"ri"}
    assert set(lost["CommitmentDiscountQuantity"].to_pylist()) == {8.0}, "one of three instances, an xlarge"
    assert set(lost["CommitmentDiscountUnit"].to_pylist()) == {"Normalized Hours"}
    bought = rows(table, ChargeCategory="Purchase")
    assert total(bought, "EffectiveCost") == 0
    assert {*zip(*(bought[name].to_pylist() for name in ("CommitmentDiscountId", "ChargeFrequency")), strict=True)} == {
        ("sp", "One-Time"),
        ("sp", "Recurring"),
        ("ri", "One-Time"),
    }
    held = rows(table, CapacityReservationStatus="Unused")
    assert total(held, "ConsumedQuantity") == pytest.approx(HOURS), "one of four instances idles"
    tokens = rows(table, ServiceSubcategory="Generative AI")
    assert set(tokens["PricingUnit"].to_pylist()) == {"1000000 Tokens"}
    assert total(tokens, "ConsumedQuantity") == pytest.approx(5.5e6)
    assert total(tokens, "EffectiveCost") == pytest.approx(37.5)
    own = rows(table, ProviderName="corehost")
    assert own["RegionId"].null_count == own.num_rows
    tagged = rows(table, SkuId="p5.48xlarge", CapacityReservationStatus=None)["Tags"].to_pylist()
    assert json.loads(tagged[0]) == {"scenario": "s", "team": "a", "model": "m"}
    details = json.loads(rows(table, SkuId="g6.xlarge", PricingCategory="Dynamic")["SkuPriceDetails"][0].as_py())
    assert details == {"InstanceType": "g6.xlarge", "GpuCount": 1, "CoreCount": 4, "MemorySize": 16.0}


def test_costs_are_prices_times_quantities_and_sum_up_to_the_bill(table: pa.Table) -> None:
    bill = mixed()
    assert total(table, "EffectiveCost") == pytest.approx(bill.total_usd)
    assert total(table, "BilledCost") == pytest.approx(bill.billed_usd)
    usage = rows(table, ChargeCategory="Usage")
    assert total(usage, "ListCost") == pytest.approx(bill.list_usd)
    for price, cost in (("ListUnitPrice", "ListCost"), ("ContractedUnitPrice", "ContractedCost")):
        product = pc.multiply(table[price], table["PricingQuantity"]).to_numpy()
        assert product == pytest.approx(table[cost].to_numpy(), abs=1e-9)


def test_a_commitment_reconciles_over_its_term() -> None:
    year = mixed(8760.0)
    table = focus_table(year, STAMP, OFFERS)
    for name in ("sp", "ri"):
        mine = rows(table, CommitmentDiscountId=name)
        usage = total(rows(mine, ChargeCategory="Usage"), "EffectiveCost")
        status = fsum(total(rows(mine, CommitmentDiscountStatus=one), "EffectiveCost") for one in ("Used", "Unused"))
        assert usage == pytest.approx(total(rows(mine, ChargeCategory="Purchase"), "BilledCost"), rel=1e-9)
        assert usage == pytest.approx(status, rel=1e-12)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_what_is_written_keeps_the_rules(tmp_path: Path, table: pa.Table, suffix: str) -> None:
    path = tmp_path / f"bill{suffix}"
    write_focus(table, path, text=suffix == ".csv")
    told = check_focus(path)
    assert told["broken"] == []
    assert told["rules_checked"] > 100
    assert told["rules_skipped"] == 0
    assert told["verdict"].startswith("Keeps the rules: ")
    assert read_focus([path]).quality == [], "nothing to say of it"


def changed(table: pa.Table, row: int, **cells: object) -> pa.Table:
    for name, value in cells.items():
        values = table[name].to_pylist()
        values[row] = value
        kind = table[name].type
        column = pa.array(values, pa.string() if pa.types.is_dictionary(kind) else kind)
        table = table.set_column(table.schema.get_field_index(name), name, column)
    return table


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        ({"BilledCost": None}, "BilledCost is null"),
        ({"ChargeCategory": "Fee"}, "ChargeCategory is unknown"),
        ({"ChargeCategory": "usage"}, "respelled"),
        ({"ChargeClass": "NULL"}, "literal_null"),
        ({"RegionName": None}, "RegionId without RegionName"),
        ({"SkuId": None}, "SkuMeter without SkuId"),
        ({"ConsumedUnit": None}, "ConsumedQuantity without ConsumedUnit"),
        ({"CommitmentDiscountStatus": "Used"}, "CommitmentDiscountStatus without CommitmentDiscountId"),
        ({"CommitmentDiscountId": "x", "CommitmentDiscountStatus": "Used"}, "no commitment quantity"),
        ({"CommitmentDiscountQuantity": 1.0, "CommitmentDiscountUnit": "USD"}, "stray commitment quantity"),
        (
            {"CommitmentDiscountId": "x", "CommitmentDiscountStatus": "Unused"},
            "commitment is not the resource",
        ),
        ({"ChargeCategory": "Tax"}, "SkuId of a tax"),
        ({"PricingQuantity": None}, "no PricingQuantity"),
        ({"ListUnitPrice": -1.0}, "negative price"),
        ({"ListCost": 7.0}, "list_product"),
        ({"ContractedCost": 7.0}, "contracted_product"),
        ({"ChargeClass": "Old"}, "ChargeClass is unknown"),
        ({"ChargeCategory": "Credit", "EffectiveCost": 1.0}, "credit not as billed"),
        ({"ChargeCategory": "Purchase"}, "usage-based purchase"),
        ({"InvoiceIssuerName": "x"}, "billed by another"),
        ({"CapacityReservationStatus": "Unused"}, "reservation without id"),
        ({"PricingUnit": "1M Tokens"}, "PricingUnit in no unit format"),
        ({"BillingCurrency": "usd"}, "BillingCurrency is not a code"),
        ({"Tags": "{"}, "tags are not an object"),
        ({"Tags": '{"a": []}'}, "tags are not an object"),
        ({"SkuPriceDetails": '{"gpus": 1}'}, "price details"),
        ({"ServiceSubcategory": "Caching"}, "subcategory of another"),
        ({"ChargePeriodEnd": datetime(2025, 1, 1, tzinfo=UTC)}, "backward_period"),
        ({"ConsumedQuantity": None, "ConsumedUnit": None}, "no_consumed_quantity"),
        ({"PricingCategory": "Committed"}, "no_commitment"),
    ],
)
def test_the_checker_finds_each_breach(tmp_path: Path, table: pa.Table, cells: dict, rule: str) -> None:
    first = int(pc.index(table["SkuId"].cast(pa.string()), "p5.48xlarge").as_py())
    pq.write_table(changed(table, first, **cells), tmp_path / "bad.parquet")
    broken = {row["rule"]: (row["rows"], row["example"]) for row in check_focus(tmp_path / "bad.parquet")["broken"]}
    assert broken[rule] == (1, f"row {first + 1}")


def test_a_missing_column_is_named(tmp_path: Path, table: pa.Table) -> None:
    pq.write_table(table.drop_columns(["PublisherName", "ChargeClass"]), tmp_path / "bad.parquet")
    told = check_focus(tmp_path / "bad.parquet")
    assert [row["rule"] for row in told["broken"]] == ["PublisherName is missing", "ChargeClass is missing"]
    assert told["verdict"].startswith("Breaks the rules: ")


def test_the_suffix_says_how_to_write() -> None:
    with pytest.raises(InputError, match=r"name it \.parquet or \.csv"):
        check_suffix(Path("bill.xlsx"))


def test_simulated_time_begins_where_the_stamp_says() -> None:
    bill = bill_of([line("m5.large", 2.0)], [1.0], [], 2, start_s=None)
    found = focus_table(bill, Stamp(run_id="r", start="2027-05-31T23:00:00"), OFFERS)
    assert [str(at) for at in found["BillingPeriodStart"].to_pylist()] == [
        "2027-05-01 00:00:00+00:00",
        "2027-06-01 00:00:00+00:00",
    ]


@given(st.integers(0, 4_000_000_000), st.integers(0, 400 * 86400))
def test_a_time_is_cut_at_months(start: int, length: int) -> None:
    begin, end, share = months_of(float(start), float(length))
    assert share.sum() == pytest.approx(1)
    assert begin[0] == start
    assert end[-1] == start + length
    assert (begin[1:] == end[:-1]).all()
    month = [np.datetime64(int(at), "s").astype("datetime64[M]") for at in begin]
    assert len(set(month)) == len(month)
    assert [np.datetime64(int(at) - 1, "s").astype("datetime64[M]") for at in end if length] == (
        month if length else []
    )


cents = st.integers(1, 6000).map(lambda n: n / 100)
skus = st.sampled_from(["p5.48xlarge", "g6.xlarge", "m5.large", "m5.xlarge"])
some_lines = st.lists(
    st.tuples(
        skus,
        cents,
        st.sampled_from(["standard", "standard", "spot"]),
        st.sampled_from(["us-east-1", "eu-west-1"]),
        st.integers(0, 9).map(lambda n: n / 2),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda one: (one[0], one[2], one[3]),
)
some_commitments = st.lists(
    st.builds(
        SavingsPlan,
        commitment=cents,
        discount=st.integers(5, 70).map(lambda n: n / 100),
        upfront=st.sampled_from(["none", "partial", "all"]),
    )
    | st.builds(
        ReservedInstances,
        sku=skus,
        region=st.just("us-east-1"),
        count=st.integers(1, 4),
        price=cents,
        upfront=st.sampled_from(["none", "partial", "all"]),
    )
    | st.builds(
        CapacityReservation,
        sku=st.sampled_from(["p5.48xlarge", "g6.xlarge"]),
        region=st.just("us-east-1"),
        count=st.integers(1, 4),
    ),
    max_size=3,
)


@given(some_lines, some_commitments, st.integers(1, 5), st.booleans())
def test_there_and_back(used: list, bought: list[Commitment], hours: int, text: bool) -> None:
    lines = [
        line(sku, usd, pricing=kind, region=region, contracted_usd=0.9 * usd) for sku, usd, kind, region, _ in used
    ]
    units = [count for *_, count in used]
    if not any(units) and not bought:
        return
    bill = bill_of(lines, units, bought, hours)
    with TemporaryDirectory() as home:
        path = Path(home) / ("bill.csv" if text else "bill.parquet")
        write_focus(focus_table(bill, STAMP, OFFERS), path, text=text)
        assert check_focus(path)["broken"] == []
        told = actual_costs(read_focus([path]))
    assert told.quality == []
    assert told.billed_usd == pytest.approx(bill.billed_usd, abs=1e-6)
    assert told.effective_usd == pytest.approx(bill.total_usd, abs=1e-6)
    assert told.list_usd == pytest.approx(bill.list_usd, abs=1e-6)
    if bill.list_usd:
        assert told.below_list_share == pytest.approx(1 - bill.total_usd / bill.list_usd, abs=1e-6)
    assert told.coverage["all"] == pytest.approx(bill_document(bill, "")["coverage"], abs=1e-6)
    assert fsum(row.list_usd for row in told.months) == pytest.approx(bill.list_usd, abs=1e-6)
    wanted = {(one.sku, one.region): 0.0 for one in lines}
    for one, count in zip(lines, units, strict=True):
        wanted[one.sku, one.region] += count * hours
    used_rows = [row for row in told.skus if row.pricing != "reserved_idle"]
    hours_read = {(row.sku, row.region): 0.0 for row in used_rows}
    for row in used_rows:
        hours_read[row.sku, row.region] += row.quantity
    assert hours_read == pytest.approx({key: value for key, value in wanted.items() if value}, abs=1e-6)
    lost = {commitment.commitment: commitment.unused_usd for commitment in told.commitments}
    assert lost == pytest.approx(
        {one.bound.name: float(one.unused_usd.sum()) for one in bill.settlement.bought}, abs=1e-6
    )


@given(hours=st.floats(0.05, 5.9))
def test_the_last_row_of_a_simulation_ends_with_it(hours: float) -> None:
    """So that the length of the file is that of the run; a payment in advance is of its term."""
    bought: list[Commitment] = [
        ReservedInstances(name="ri", sku="g6.xlarge", region="us-east-1", count=1, discount=0.4, upfront="partial")
    ]
    table = focus_table(bill_of([line("g6.xlarge", 0.8048)], [2.0], bought, hours=hours, start_s=None), STAMP, OFFERS)
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    ends = [(end - begin).total_seconds() for end in rows(table, ChargeCategory="Usage")["ChargePeriodEnd"].to_pylist()]
    assert max(ends) == pytest.approx(3600 * hours, abs=1)
    once = rows(table, ChargeFrequency="One-Time")
    assert (once["ChargePeriodEnd"][0].as_py() - begin).days == 365


def test_commitments_of_one_name_have_an_id_each() -> None:
    """Their rows could not be told apart: 1 and 3 years of the same instance, both called `p5`."""
    alike: list[Commitment] = [
        ReservedInstances(name="p5", sku="p5.48xlarge", region="us-east-1", count=1, years=years, price=price)
        for years, price in ((1, 35.0), (3, 30.0))
    ]
    bill = bill_of([line("p5.48xlarge", 55.0)], [1.0], alike)
    table = focus_table(bill, STAMP, OFFERS)
    used = table.filter(pc.equal(table["ChargeCategory"], "Usage"))
    sums: dict[str, float] = {}
    for row in used.select(["CommitmentDiscountId", "EffectiveCost"]).to_pylist():
        if row["CommitmentDiscountId"]:
            sums[row["CommitmentDiscountId"]] = sums.get(row["CommitmentDiscountId"], 0.0) + float(row["EffectiveCost"])
    assert sums == pytest.approx({"p5 1": 35.0 * HOURS, "p5 2": 30.0 * HOURS})
    assert [found["name"] for found in bill_document(bill, "plan")["commitments"]] == ["p5 1", "p5 2"]
