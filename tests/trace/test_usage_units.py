"""Units of files of usage: times of machines in whichever unit cost the same."""

from pathlib import Path

import pytest

from simcost.errors import FaultsError
from simcost.trace.usage.reader import read_usage

ROW = "aws/p5.48xlarge,2026-01-30T23:00:00Z,2026-02-01T01:00:00Z"


@pytest.mark.parametrize(
    ("quantity", "unit", "told"),
    [
        (3, "h", ""),
        (3, "instances", ""),
        (78, "Hrs", ""),
        (78, "hr", ""),
        (78, "Hour", ""),
        (78, "1 Hour", ""),
        (78, "Instance-Hours", ""),
        (78 * 60, "Minutes", "1 row is in 'Minutes': taken as hours in all, so that prices are those of an hour"),
        (78 * 3600, "seconds", "1 row is in 'seconds': taken as hours in all"),
        (3.25, "Days", "1 row is in 'Days': taken as hours in all"),
    ],
)
def test_times_in_any_unit_are_hours_of_machines(tmp_path: Path, quantity: float, unit: str, told: str) -> None:
    """Hrs had no price, seconds cost as much as hours each, and `Hour` in all was that many machines all the time."""
    file = tmp_path / "usage.csv"
    file.write_text(f"sku,start,end,quantity,unit\n{ROW},{quantity},{unit}\n", encoding="utf-8")
    usage = read_usage(file)
    assert [key[7] for key in usage.keys] == ["h"]
    assert usage.quantity.tolist() == pytest.approx([3.0])
    messages = [one["message"] for one in usage.findings if one["kind"] == "converted"]
    assert len(messages) == bool(told)
    assert told in "".join(messages)


@pytest.mark.parametrize("unit", ["GPU-hours", "requests", "GB-hours"])
def test_other_units_stay_as_they_are(tmp_path: Path, unit: str) -> None:
    file = tmp_path / "usage.csv"
    file.write_text(f"sku,start,end,quantity,unit\n{ROW},7,{unit}\n", encoding="utf-8")
    usage = read_usage(file)
    assert [key[7] for key in usage.keys] == [unit.lower()]
    assert usage.quantity.tolist() == [7.0]


@pytest.mark.parametrize(
    ("quantity", "unit"),
    [
        (62, "GB"),
        (4, "GB/Month"),
        (4, "gb month"),
        (62 * 48, "GB-Hours"),
        (62 * 48, "GB hr"),
        (0.062, "TB"),
        (62 / 1.073741824, "GiB"),
        (4e-3, "TB-month"),
        (4 / 1.073741824, "gibibyte months"),
        (0.04, "100 GB/Month"),
    ],
)
def test_storage_in_months_and_hours(tmp_path: Path, quantity: float, unit: str) -> None:
    """62 GB through March 30 and 31 are 4 GB-months."""
    file = tmp_path / "usage.csv"
    row = f"aws/storage,2026-03-30T00:00:00Z,2026-04-01T00:00:00Z,{quantity},{unit}"
    file.write_text(f"sku,start,end,quantity,unit\n{row}\n", encoding="utf-8")
    assert read_usage(file).quantity.tolist() == pytest.approx([62.0])


def test_fees_of_a_cost_report_are_not_usage(tmp_path: Path) -> None:
    """A month of a reserved instance, in a report with the hours that it covers, was billed as 744 hours more."""
    file = tmp_path / "report.csv"
    head = "lineItem/LineItemType,sku,start,end,quantity,unit"
    used = [f"{kind},{ROW},26,Hrs" for kind in ("Usage", "DiscountedUsage")]
    file.write_text("\n".join([head, *used]), encoding="utf-8")
    assert read_usage(file).quantity.tolist() == pytest.approx([2.0])
    file.write_text("\n".join([head, *used, f"RIFee,{ROW},744,Hrs", f"Tax,{ROW},1,"]), encoding="utf-8")
    with pytest.raises(FaultsError, match=r"(?s):4: lineItem/LineItemType: 'RIFee' .*; leave out .*:5: .*'Tax'"):
        read_usage(file)


@pytest.mark.parametrize(
    ("starts", "end", "told"),
    [
        (["2026-03-01"], "", True),
        (["2026-03-01", "2026-03-02", "2026-03-03"], "", True),
        (["2026-03-01"], "2026-04-01", False),
        (["2026-03-01T00:00:00Z", "2026-03-01T01:00:00Z"], "", False),
        (["2026-03-01T00:00:00Z", "2026-03-01T00:00:07Z"], "", False),
    ],
)
def test_totals_without_an_end_are_told(tmp_path: Path, starts: list[str], end: str, told: bool) -> None:
    """A month of tokens in a row was taken as an hour's, and cost 730 times as much a month, without a word."""
    file = tmp_path / "tokens.csv"
    head = "model,provider,start,output_tokens" + (",end" if end else "")
    rows = [f"gpt-4o,openai,{start},1000" + (f",{end}" if end else "") for start in starts]
    file.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    messages = [one["message"] for one in read_usage(file).findings if one["kind"] == "totals"]
    assert len(messages) == told
    assert all("the last is taken as of one hour, by which hours and costs a month go" in one for one in messages)


@pytest.mark.parametrize("unit", ["GB-month", "widgets", "h"])
def test_traffic_in_a_unit_of_no_volume_is_refused_with_those_there_are(tmp_path: Path, unit: str) -> None:
    file = tmp_path / "usage.csv"
    file.write_text(f"sku,start,end,quantity,unit\n{ROW.replace('p5.48xlarge', 'egress')},7,{unit}\n", encoding="utf-8")
    with pytest.raises(FaultsError, match=r"not a unit of a volume; write it in GB \(TB, GiB or TiB; of storage also"):
        read_usage(file)
