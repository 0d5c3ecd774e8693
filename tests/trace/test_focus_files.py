"""Cost files of providers: read as they are, and what is wrong with them is said."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from math import fsum, isnan
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.focus_files import DIRTY, HEAD, cost_file, row
from support.shown import on_terminal

from simcost.documents import to_document
from simcost.errors import TraceError
from simcost.studies.actuals.result import ActualCosts, CommitmentCosts
from simcost.studies.actuals.study import actual_costs
from simcost.studies.actuals.view import parts
from simcost.tables.cells import NO_VALUE
from simcost.tables.dates import ISO
from simcost.trace.focus.cells import numbers, times, words
from simcost.trace.focus.columns import COLUMNS, NEEDED, SUBCATEGORIES
from simcost.trace.focus.lines import Sums, instance_type, provider_of, unit_of
from simcost.trace.focus.reader import Actuals, read_focus
from simcost.trace.focus.validation import check_focus
from simcost.trace.usage.reader import read_usage

text = on_terminal(parts)


def costs(path: Path, **more: float) -> ActualCosts:
    return actual_costs(read_focus([path], usd_per=more))


def test_costs_as_a_spreadsheet_shows_money_are_read(tmp_path: Path) -> None:
    """Currency signs, commas between thousands, parentheses: the rows were left out of the totals."""
    rows = [row(1, EffectiveCost='"$1,234.50"'), row(2, ChargeCategory="Credit", EffectiveCost="($34.50)")]
    actuals = read_focus([cost_file(tmp_path, rows)])
    assert actual_costs(actuals).effective_usd == pytest.approx(1200.0)
    assert found(actuals)["respelled"] == (2, "row 1 (line 2)")
    assert "unreadable" not in found(actuals)


def test_a_category_that_focus_does_not_have_is_told(tmp_path: Path) -> None:
    """AWS calls them Refund: they were counted without a word."""
    actuals = read_focus([cost_file(tmp_path, [row(1), row(2, ChargeCategory="Refund"), row(3, ChargeCategory="")])])
    assert found(actuals)["unknown_category"] == (2, "row 2 (line 3)")
    assert "unknown_category" not in found(read_focus([cost_file(tmp_path, [row(1), row(2, ChargeCategory="usage")])]))


def test_rows_that_can_be_read_in_two_ways_alone_are_named(tmp_path: Path) -> None:
    """The file was said to have no rows."""
    costs_of = dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), "1,002")
    doubtful = row(1, **costs_of).replace(",", ";").replace("1;002", "1,002")
    file = cost_file(tmp_path, [doubtful], head=HEAD.replace(",", ";"))
    with pytest.raises(TraceError, match=r"row 1 \(line 2\): cannot be read \(.*'1,002' may be 1.002 .*, and no other"):
        read_focus([file])


def test_a_commitment_that_nothing_used_is_of_the_time_that_a_file_covers(tmp_path: Path) -> None:
    """A file whose machines stopped was scaled to a month by the hours of its usage alone."""
    times = ("2026-03-01T00:00:00Z", "2026-03-01T01:00:00Z", "2026-03-01T02:00:00Z")
    committed = {"PricingCategory": "Committed", "CommitmentDiscountId": "sp"}
    used, unused = (
        row(
            i + 1,
            ChargePeriodStart=times[i],
            ChargePeriodEnd=times[i + 1],
            CommitmentDiscountStatus=status,
            **committed,
        )
        for i, status in enumerate(("Used", "Unused"))
    )
    assert read_focus([cost_file(tmp_path, [used, unused])]).span_h == 2


def test_a_row_of_a_month_reaches_to_its_last_day(tmp_path: Path) -> None:
    """The period ended on the first day of the last row: a bill by the month was `from 2026-02-01 to 2026-02-01`."""
    month = row(1, ChargePeriodStart="2026-02-01T00:00:00Z", ChargePeriodEnd="2026-03-01T00:00:00Z")
    bought = row(
        2,
        ChargePeriodStart="2026-02-01T00:00:00Z",
        ChargePeriodEnd="2029-02-01T00:00:00Z",
        ChargeCategory="Purchase",
        EffectiveCost=0,
    )
    period = costs(cost_file(tmp_path, [month, bought])).period
    assert (period.first_day, period.last_day) == ("2026-02-01", "2026-02-28")


def test_sums_below_a_table_and_blank_lines_are_no_charges(tmp_path: Path) -> None:
    """The sum doubled the bill, and a blank line began it in 1970."""
    file = cost_file(tmp_path, [row(1), row(2)])
    names = HEAD.split(",")
    total = ",".join("110.08" if name in ("BilledCost", "EffectiveCost") else "" for name in names)
    file.write_text(f"{file.read_text(encoding='utf-8')}\n{total}\n{',' * (len(names) - 1)}\n", encoding="utf-8")
    actuals = read_focus([file])
    assert (actual_costs(actuals).billed_usd, actuals.rows) == (pytest.approx(110.08), 2)
    assert found(actuals)["no_charge"] == (3, "row 3 (line 4)")
    assert "1970" not in text(actual_costs(actuals))


@pytest.mark.parametrize("column", ["ChargeCategory", "ProviderName", "ChargePeriodStart", "ServiceName"])
@pytest.mark.parametrize("label", ["Total", "grand total:"])
def test_a_sum_is_known_by_its_label_in_any_column(tmp_path: Path, column: str, label: str) -> None:
    """With the label in the column of the categories it doubled the bill."""
    costs_of = dict.fromkeys(("BilledCost", "EffectiveCost"), "110.08")
    total = ",".join(costs_of.get(name, label if name == column else "") for name in HEAD.split(","))
    file = cost_file(tmp_path, [row(1), row(2)])
    file.write_text(f"{file.read_text(encoding='utf-8')}{total}\n", encoding="utf-8")
    actuals = read_focus([file])
    assert (actual_costs(actuals).billed_usd, actuals.rows) == (pytest.approx(110.08), 2)


def test_where_no_row_has_a_currency_usd_is_said(tmp_path: Path) -> None:
    (said,) = [
        one for one in read_focus([cost_file(tmp_path, [row(1, BillingCurrency="")])]).quality if "curr" in one["rule"]
    ]
    assert said["done"].endswith("or in USD where no row says one")


def test_savings_against_the_list_are_of_rows_with_both_costs(tmp_path: Path) -> None:
    """A row without a list cost was paid, but on no list, and made the saving smaller."""
    rows = [
        row(1, EffectiveCost=27.52),
        row(2, ServiceName="Support", ListCost="", ListUnitPrice="", EffectiveCost=100, SkuId="S2"),
        row(3, EffectiveCost=""),
    ]
    assert costs(cost_file(tmp_path, rows)).below_list_share == pytest.approx(0.5)


def test_files_put_together_with_their_headers_are_read(tmp_path: Path) -> None:
    """The header of the second was a row in an unknown currency."""
    path = cost_file(tmp_path, [row(1), HEAD, row(2, SkuId="S2")])
    actuals = read_focus([path])
    assert actual_costs(actuals).effective_usd == pytest.approx(2 * 55.04)
    assert found(actuals)["repeated_header"] == (1, "row 2 (line 3)")


def found(actuals: Actuals) -> dict[str, tuple[int, str | None]]:
    return {row["rule"]: (row["rows"], row["example"]) for row in actuals.quality}


def test_the_specification_has_57_columns_21_of_them_mandatory() -> None:
    assert len(COLUMNS) == 57
    assert sum(column.presence == "mandatory" for column in COLUMNS.values()) == 21
    nullable = {name for name, column in COLUMNS.items() if column.presence == "mandatory" and column.nullable}
    assert nullable == {
        "BillingAccountName",
        "ChargeClass",
        "ChargeDescription",
        "PricingQuantity",
        "PricingUnit",
    }
    names = [name for names in SUBCATEGORIES.values() for name in names]
    assert len(set(names)) == len(names)


def test_totals_of_dirty_rows_on_paper(tmp_path: Path) -> None:
    told = costs(cost_file(tmp_path))
    assert told.billed_usd == pytest.approx(4 * 55.04 + 40 - 5 + 12 + 2.3 - 55.04)
    assert told.effective_usd == pytest.approx(3 * 55.04 + 30 + 10 - 5 + 12 + 2.3)
    assert told.by_kind_usd == pytest.approx(
        {"usage": 3 * 55.04 + 30 + 12 + 2.3, "unused": 10, "purchase": 0, "credit": -5}
    )
    assert told.contracted_usd == pytest.approx(6 * 55.04 - 5 + 2.3 - 55.04), (
        "an empty cost is in no total, nor is a purchase that pays for usage of other rows"
    )
    hours = {row.pricing: row.quantity for row in told.skus if row.sku == "p5.48xlarge"}
    assert hours == pytest.approx({"on_demand": 4, "committed": 1, "spot": 1}), "7,200 s are 2 h; a correction nets"
    spot = next(row for row in told.skus if row.pricing == "spot")
    assert spot.effective_usd_per_unit == pytest.approx(12)
    assert told.coverage["aws"] == pytest.approx(55.04 / (55.04 + 210.08 + 2.3))
    assert told.commitments == (
        CommitmentCosts(
            commitment="sp-1", provider="aws", used_usd=30.0, unused_usd=10.0, utilisation=0.75, purchased_usd=40.0
        ),
    )
    assert told.granularity == "hour"
    assert told.focus_versions == ("1.1",)


def test_everything_odd_is_counted_and_located(tmp_path: Path) -> None:
    assert found(read_focus([cost_file(tmp_path)])) == {
        "missing_column": (11, None),
        "unknown_column": (11, None),
        "literal_null": (2, "row 3 (line 4)"),
        "negative": (2, "row 7 (line 8)"),
        "list_product": (2, "row 6 (line 7)"),
        "respelled": (1, "row 2 (line 3)"),
        "no_contracted_cost": (1, "row 3 (line 4)"),
        "correction": (1, "row 11 (line 12)"),
    }


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        ({"ChargePeriodStart": ""}, "no_period"),
        ({"ChargePeriodEnd": "2026-03-02T00:00:00Z"}, "backward_period"),
        ({"BilledCost": "", "EffectiveCost": "x"}, "no_billed_cost"),
        ({"EffectiveCost": "x"}, "unreadable"),
        ({"EffectiveCost": ""}, "no_effective_cost"),
        ({"ListCost": "", "ListUnitPrice": ""}, "no_list_cost"),
        ({"SkuId": ""}, "no_sku"),
        ({"ConsumedQuantity": ""}, "no_consumed_quantity"),
        ({"ConsumedQuantity": "", "PricingQuantity": ""}, "no_quantity"),
        ({"ChargeCategory": "Tax"}, "stray_quantity"),
        ({"CommitmentDiscountId": "c"}, "no_status"),
        ({"PricingCategory": "Committed"}, "no_commitment"),
        ({"CommitmentDiscountId": "c", "CommitmentDiscountStatus": "used"}, "covered_as_standard"),
        ({"CommitmentDiscountId": "c", "CommitmentDiscountStatus": "Used"}, "covered_but_billed"),
        ({"CommitmentDiscountId": "c", "ChargeCategory": "Purchase"}, "purchase_amortised"),
        ({"BillingCurrency": ""}, "no_currency"),
    ],
)
def test_each_rule_finds_its_row(tmp_path: Path, cells: dict, rule: str) -> None:
    assert rule not in found(read_focus([cost_file(tmp_path, [row(1), row(2)])]))
    assert found(read_focus([cost_file(tmp_path, [row(1), row(2, **cells)])]))[rule] == (1, "row 2 (line 3)")


def test_a_gap_is_never_0(tmp_path: Path) -> None:
    told = costs(cost_file(tmp_path, [row(1, ListCost="", ListUnitPrice="")]))
    assert told.list_usd is None
    assert told.skus[0].list_usd_per_unit is None
    assert told.below_list_share is None
    known = costs(cost_file(tmp_path, [row(1, ListCost="", ListUnitPrice=60)]))
    assert known.list_usd == pytest.approx(60), "the unit price times the quantity"


def test_csv_gzip_and_parquet_say_the_same(tmp_path: Path) -> None:
    path = cost_file(tmp_path)
    packed = tmp_path / "focus.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    text = pacsv.read_csv(
        path, convert_options=pacsv.ConvertOptions(null_values=["NULL", ""], strings_can_be_null=True)
    )
    utc = pa.timestamp("us", "UTC")
    for name in ("ChargePeriodStart", "ChargePeriodEnd"):
        text = text.set_column(text.schema.get_field_index(name), name, pc_time(text[name]).cast(utc))
    cost = text["BilledCost"].cast(pa.decimal128(30, 10))
    typed = text.set_column(text.schema.get_field_index("BilledCost"), "BilledCost", cost)
    tags = pa.array([[("team", "search")]] * len(typed), pa.map_(pa.string(), pa.string()))
    typed = typed.set_column(typed.schema.get_field_index("Tags"), "Tags", tags)
    pq.write_table(typed, tmp_path / "focus.parquet")
    first, *others = (
        actual_costs(read_focus([file], series=True)) for file in (path, packed, tmp_path / "focus.parquet")
    )
    for other in others:
        for key in ("effective_usd", "contracted_usd", "commitments", "days"):
            assert getattr(other, key) == getattr(first, key)
        assert other.billed_usd == pytest.approx(first.billed_usd, rel=1e-14), "decimals become floats"
        assert [row.quantity for row in other.skus] == [row.quantity for row in first.skus]
    usage = [read_focus([f], series=True).usage for f in (path, tmp_path / "focus.parquet")]
    assert usage[0].to_pylist() == usage[1].to_pylist()


def pc_time(column: pa.ChunkedArray) -> pa.Array:
    return pa.array([str(value).removesuffix("Z").replace(" ", "T") for value in column.to_pylist()]).cast(
        pa.timestamp("s")
    )


def test_many_chunks_and_several_files_are_one(tmp_path: Path) -> None:
    once = costs(cost_file(tmp_path))
    many = cost_file(tmp_path, DIRTY * 2000, name="many.csv")
    assert many.stat().st_size > 2 * 2_097_152, "more than two blocks of the reader"
    twice = actual_costs(read_focus([many, many]))
    for name in ("billed_usd", "effective_usd", "list_usd", "contracted_usd"):
        assert getattr(twice, name) == pytest.approx(4000 * getattr(once, name), rel=1e-9)
    assert twice.rows == 44_000
    assert {row["rule"]: row["share"] for row in twice.quality} == pytest.approx(
        {row["rule"]: row["share"] for row in once.quality}
    )


def test_usage_goes_on_to_the_bill(tmp_path: Path) -> None:
    actuals = read_focus([cost_file(tmp_path)], series=True)
    assert found(actuals)["not_hourly"] == (1, None)
    pq.write_table(actuals.usage, tmp_path / "usage.parquet")
    usage = read_usage(tmp_path / "usage.parquet")
    hours = usage.quantity * (usage.end_s - usage.start_s) / 3600
    pricing = np.array([key[5] for key in usage.keys])[usage.line]
    named = {name: float(hours[pricing == name].sum()) for name in set(pricing.tolist())}
    assert named == pytest.approx({"standard": 5, "spot": 1}), "what commitments covered is usage as any other"
    assert {key[:3] for key in usage.keys} == {("aws", "p5.48xlarge", "us-east-1")}
    assert usage.tags == ("team",)


def test_usage_below_zero_is_left_out_and_said(tmp_path: Path) -> None:
    back = row(1, ConsumedQuantity=-3, ChargeClass="Correction")
    actuals = read_focus([cost_file(tmp_path, [back, row(2, RegionId="eu-west-1")])], series=True)
    assert found(actuals)["negative_usage"] == (1, None)
    assert actuals.usage is not None
    assert actuals.usage["region"].to_pylist() == ["eu-west-1"]


def test_other_currencies_need_a_worth(tmp_path: Path) -> None:
    path = cost_file(tmp_path, [row(1), row(2, BillingCurrency="EUR"), row(3, BillingCurrency="gbp")])
    with pytest.raises(TraceError, match=r"row 2 \(line 3\): BillingCurrency is EUR .1 row.;.*GBP.*--rate EUR"):
        read_focus([path])
    told = costs(path, EUR=1.1, GBP=1.3)
    assert told.billed_usd == pytest.approx(55.04 * 3.4)
    assert told.usd_per == {"USD": 1.0, "EUR": 1.1, "GBP": 1.3}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "no FOCUS export: none of BilledCost, EffectiveCost"),
        (
            "lineItem/UsageType,lineItem/UnblendedCost\nx,2\n",
            "export the bill in the format FOCUS 1.0 to 1.3: Data Exports of AWS",
        ),
        ("a|b\n1|2\n", "write it as CSV with commas"),
        ("", "the file is empty"),
        (HEAD + "\n", "no rows"),
        (
            HEAD.replace("EffectiveCost,", "").replace("ServiceName", "Servicename2") + "\n",
            r"no column 'EffectiveCost'.*no column 'ServiceName'; did you mean 'Servicename2'",
        ),
        (HEAD + ",billed_cost\n", "'billed_cost' is there twice"),
    ],
)
def test_what_is_no_export(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(TraceError, match=said):
        read_focus([tmp_path / "x.csv"])


def test_a_truncated_file(tmp_path: Path) -> None:
    pq.write_table(pa.table({name: ["1"] for name in NEEDED}), tmp_path / "x.parquet")
    (tmp_path / "x.parquet").write_bytes((tmp_path / "x.parquet").read_bytes()[:-30])
    with pytest.raises(TraceError, match=r"x\.parquet: cannot be read as parquet"):
        read_focus([tmp_path / "x.parquet"])


def test_a_row_that_cannot_be_split_is_left_out_and_said(tmp_path: Path) -> None:
    assert found(read_focus([cost_file(tmp_path, [row(1), "1,2,3", row(3)])]))["malformed"] == (
        1,
        "row 2 (line 3)",
    )


def test_names_of_later_versions_and_other_spellings(tmp_path: Path) -> None:
    head = HEAD.replace("ProviderName", "ServiceProviderName").replace("BilledCost", "billed_cost")
    actuals = read_focus([cost_file(tmp_path, head=head)])
    assert actuals.versions == ("1.3",)
    assert found(actuals)["renamed_column"] == (11, None)
    assert actual_costs(actuals).billed_usd == costs(cost_file(tmp_path)).billed_usd


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("Hours", (1, "h")),
        ("Hrs", (1, "h")),
        ("1 Hour", (1, "h")),
        ("100 Hours", (100, "h")),
        ("Minutes", (1 / 60, "h")),
        ("Instance-Hours", (1, "h")),
        ("1000000 Tokens", (1e6, "tokens")),
        ("1K tokens", (1e3, "tokens")),
        ("GB-Mo", (1, "GB-month")),
        ("10,000 Requests", (1e4, "requests")),
        ("DBU", (1, "DBU")),
        ("", (1, "")),
    ],
)
def test_units(text: str, ours: tuple[float, str]) -> None:
    assert unit_of(text) == (pytest.approx(ours[0]), ours[1])


def test_providers_and_instance_types() -> None:
    assert [provider_of(name) for name in ("Amazon Web Services", "Microsoft", "Google Cloud", "Core Weave")] == [
        "aws",
        "azure",
        "gcp",
        "core-weave",
    ]
    assert instance_type('{"InstanceType": "p5.48xlarge"}') == "p5.48xlarge"
    assert instance_type("USE1-BoxUsage:g6.xlarge") == "g6.xlarge"
    assert instance_type("{broken") == instance_type("[1]") == instance_type("{}") == ""


ODD = ["", " ", "NULL", "null", "Used", "used", " USED ", "Unused", "N/A", "ä"]
CELLS = st.lists(st.none() | st.sampled_from(ODD) | st.text(max_size=3))


@given(CELLS)
def test_words_cell_by_cell(cells: list[str | None]) -> None:
    column, mended = words(pa.array(cells, pa.string()), ("Used", "Unused"))
    for i, cell in enumerate(cells):
        bare = (cell or "").strip()
        literal = bare.lower() in NO_VALUE
        meant = {"used": "Used", "unused": "Unused"}.get(bare.lower(), bare)
        assert column.given[i] == bool(bare and not literal)
        assert mended.literal_null[i] == literal
        if column.given[i]:
            assert column.text()[i].as_py() == meant
            assert mended.respelled[i] == (meant != cell)
        assert column.equal("Used")[i] == (meant == "Used" and column.given[i])
    assert column.same(column).all()


@given(st.lists(st.sampled_from(["1", "-2.5", "1e3", "", "NULL", "x", "$3", " 4 ", "inf", "1,000", "3 $"])))
def test_numbers_cell_by_cell(cells: list[str]) -> None:
    values, mended = numbers(pa.array(cells, pa.string()))
    for i, cell in enumerate(cells):
        known = {"1": 1, "-2.5": -2.5, "1e3": 1000, " 4 ": 4, "$3": 3}.get(cell)
        assert isnan(values[i]) if known is None else values[i] == known
        assert mended.unreadable[i] == (cell in ("x", "3 $", "inf", "1,000"))
        assert mended.respelled[i] == (cell == "$3")
        assert mended.literal_null[i] == (cell == "NULL")


SECONDS = st.integers(978_307_200, 4_102_444_800)
NAIVE = SECONDS.map(lambda second: datetime.fromtimestamp(second, UTC).replace(tzinfo=None))


@given(st.lists(NAIVE), st.sampled_from(["Z", "", "+02:00", "space"]))
def test_times_cell_by_cell(moments: list[datetime], form: str) -> None:
    cells = [moment.isoformat(sep=" ") if form == "space" else moment.isoformat() + form for moment in moments]
    seconds, known, mended = times(pa.array([*cells, "soon", ""], pa.string()), lambda _: ISO)
    assert known.tolist() == [True] * len(cells) + [False, False]
    shift = timedelta(hours=2) if form == "+02:00" else timedelta()
    assert seconds[: len(cells)].tolist() == [
        int((moment - shift).replace(tzinfo=UTC).timestamp()) for moment in moments
    ]
    assert mended.unreadable.tolist() == [False] * len(cells) + [True, False]
    assert mended.respelled[: len(cells)].tolist() == [form != "Z"] * len(cells)


@given(st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(-9, 9)), max_size=6), max_size=6))
def test_sums_do_not_depend_on_chunks(chunks: list[list[tuple[int, int, int]]]) -> None:
    sums = Sums(["a", "b"], ["x"])
    for chunk in chunks:
        columns = np.array(chunk, np.int64).reshape(-1, 3).T
        sums.add({"a": columns[0], "b": columns[1]}, {"x": columns[2].astype(float)})
    rows = [row for chunk in chunks for row in chunk]
    naive = {key: fsum(x for a, b, x in rows if (a, b) == key) for key in {(a, b) for a, b, _ in rows}}
    assert {(row["a"], row["b"]): row["x"] for row in sums.table().to_pylist()} == naive


ODD_CELLS = [
    "",
    "NULL",
    "x",
    "-1",
    "1e308",
    "nan",
    "inf",
    "0",
    '"1,5"',
    "2026-03-02",
    "9999-12-31T00:00:00Z",
    "1600-01-01T00:00:00Z",
    "2026-03-02T01:00:00+02:00",
    "Usage",
    "purchase",
    "Used",
    "UNUSED",
    "Committed",
    "Correction",
    "EUR",
    "{}",
    '"{""a"": [1]}"',
    "\x1b[2J",
    "ä",
]


@given(
    st.lists(
        st.dictionaries(st.sampled_from(HEAD.split(",")), st.sampled_from(ODD_CELLS), max_size=9),
        min_size=1,
        max_size=6,
    ),
    st.sets(st.sampled_from(HEAD.split(",")), max_size=12),
)
def test_whatever_stands_in_the_cells(rows: list[dict[str, str]], gone: set[str]) -> None:
    kept = [name for name in HEAD.split(",") if name not in gone]
    with TemporaryDirectory() as home:
        path = cost_file(Path(home), [row(i, keep=kept, **cells) for i, cells in enumerate(rows)], head=",".join(kept))
        try:
            told = actual_costs(read_focus([path], usd_per={"EUR": 1.1}, series=True))
            checked = check_focus(path)
        except TraceError:
            return
    assert told.rows == checked["rows"] == len(rows)
    json.dumps([to_document(told), checked], allow_nan=False)
    assert max(map(len, text(told).splitlines())) <= 110
