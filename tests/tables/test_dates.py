"""Dates with a pattern, and dates whose order of day and month the data settle: exact, or asked about."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.commands import call

from simcost.errors import TraceError
from simcost.tables.dates import TimePattern, TimeSource, dated

PATTERNS = [
    "%d.%m.%Y %H:%M:%S",
    "%m/%d/%Y, %I:%M:%S %p",
    "%Y%m%dT%H%M%S",
    "%d %b %Y %H:%M:%S",
    "%B %d, %Y %I:%M:%S%p",
    "%a, %d %b %Y %T %z",
    "%y-%m-%d %H:%M:%S",
    "%FT%T",
    "%D %T",
    "100%% %F %T",
]


@given(when=st.integers(978_307_200, 3_124_137_600), pattern=st.sampled_from(PATTERNS))
def test_patterns_read_what_they_write(when: int, pattern: str) -> None:
    whole = datetime.fromtimestamp(when, UTC)
    values, ok = TimePattern(pattern).instants(pa.array([whole.strftime(pattern), "never", None, ""]))
    assert ok.tolist() == [True, False, False, False]
    assert values[0] == when * 10**9


def test_fractions_zones_and_odd_spaces() -> None:
    texts = ["1.2.2026  9:00:00.5 AM +01:00", "01.02.2026\u202f09:00:00.500000000\u00a0am Z"]
    values, ok = TimePattern("%d.%m.%Y %I:%M:%S.%f %p %z").instants(pa.array(texts))
    assert ok.all()
    assert values[1] - values[0] == 3600 * 10**9
    assert values[1] == int(datetime(2026, 2, 1, 9, tzinfo=UTC).timestamp()) * 10**9 + 5 * 10**8


def test_impossible_dates_are_not_read() -> None:
    _, ok = TimePattern("%d.%m.%Y %I %p").instants(pa.array(["30.02.2026 1 AM", "1.13.2026 1 AM", "1.1.2026 13 PM"]))
    assert not ok.any()


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("%d.%m. %H", "lacks a year"),
        ("%Y-%d", "lacks a month"),
        ("%Y-%m-%d %I:%M", "with %p"),
        ("%Q", "%Q is unknown"),
        ("%Y-%m-%d %", "a lone %"),
        ("%Y-%m-%d %d", "%d appears twice"),
        ("%Y-%m-%d %H %I %p", "with %p"),
    ],
)
def test_patterns_that_cannot_be_read(pattern: str, said: str) -> None:
    with pytest.raises(TraceError, match=said):
        TimePattern(pattern)


@pytest.mark.parametrize(
    ("cells", "month_first", "pattern"),
    [
        (["3/2/2026 9:00", "25/2/2026 9:00"], False, "%d/%m/%Y %H:%M"),
        (["3/2/2026, 9:00:00 AM", "3/25/2026, 9:00:00 PM"], False, "%m/%d/%Y, %I:%M:%S %p"),
        (["3/2/2026, 9:00:00 AM"], True, "%m/%d/%Y, %I:%M:%S %p"),
        (["25/2/2026, 9:00 AM"], True, "%d/%m/%Y, %I:%M %p"),
        (["25.02.26"], False, "%d.%m.%y"),
        (["25.02.2026T09:00:00,5"], False, "%d.%m.%YT%H:%M:%S,%f"),
        (["02/Mar/2026:09:00:00 +0100"], False, "%d/%b/%Y:%H:%M:%S %z"),
        (["Mar 2, 2026 @ 09:00:00.123"], False, "%b %d, %Y @ %H:%M:%S.%f"),
        (["Mar 2, 2026, 9:00:00.5 AM"], False, "%b %d, %Y, %I:%M:%S.%f %p"),
        (["2 Mar 2026 09:00"], False, "%d %b %Y %H:%M"),
        (["02-Mar-2026 09:00:00Z"], False, "%d-%b-%Y %H:%M:%S%z"),
        (["2 March 2026"], False, "%d %b %Y"),
        (["2026-03-02T09:00:00Z"], False, None),
        (["1772442000"], False, None),
        (["3.5"], False, None),
        ([], False, None),
    ],
)
def test_the_order_that_the_data_settle(cells: list[str], month_first: bool, pattern: str | None) -> None:
    found = dated(pa.array(cells, pa.string()), "ts", TimeSource(place="log", option=True, month_first=month_first))
    assert (None if found is None else found.text) == pattern


def test_a_log_with_the_times_of_an_access_log_is_read_without_a_pattern(tmp_path: Path) -> None:
    """Those of nginx and Apache were refused as no times, though nothing in them is ambiguous."""
    log = tmp_path / "access.jsonl"
    lines = ("02/Mar/2026:09:00:00 +0100", "02/Mar/2026:09:00:02 +0100")
    log.write_text("".join(f'{{"time_local": "{at}", "in": 5, "out": 7}}\n' for at in lines))
    columns = ["--map", "arrival=time_local,prompt_tokens=in,output_tokens=out"]
    said = json.loads(call("trace", "import", log, *columns, "-o", tmp_path / "t.parquet", "--json").out)
    assert said["span_s"] == 2
    assert said["start_utc"].startswith("2026-03-02T08:00:00")
    assert not {"time_format", "no_zone"} & {finding["kind"] for finding in said["findings"]}


@pytest.mark.parametrize(
    ("cells", "month_first"),
    [
        (["02.03.2026 09:00:00"], False),
        (["3/2/2026, 9:00:00 AM"], False),
        (["3/2/2026 9:00"], True),
    ],
)
def test_the_order_that_nothing_settles(cells: list[str], month_first: bool) -> None:
    with pytest.raises(TraceError, match=r"log: ts: .*order of day and month is ambiguous; pass --time-format '%"):
        dated(pa.array(cells), "ts", TimeSource(place="log", option=True, month_first=month_first))


def test_the_suggested_patterns_read_the_log(tmp_path: Path) -> None:
    with pytest.raises(TraceError) as error:
        dated(pa.array(["3/2/2026, 9:05 PM"]), "ts", TimeSource(place="log", option=True))
    day_first, us = str(error.value).split("'")[3:6:2]
    for pattern, month in ((day_first, 2), (us, 3)):
        values, ok = TimePattern(pattern).instants(pa.array(["3/2/2026, 9:05 PM"]))
        assert ok.all()
        assert datetime.fromtimestamp(values[0] / 1e9, UTC).month == month
