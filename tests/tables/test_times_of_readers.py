"""One rule for times, in every reader: read as what they are and said, or refused with the remedy; never 1970."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcost.errors import InputError
from simcost.tables import delimited
from simcost.tables.dates import TimeSource, instants, time_rule
from simcost.trace.failures import read_failures
from simcost.trace.focus.reader import read_focus
from simcost.trace.jobs.reader import read_jobs
from simcost.trace.metrics import read_metrics
from simcost.trace.requests.readers import import_trace
from simcost.trace.series.reader import read_series
from simcost.trace.spot import read_spot
from simcost.trace.usage.reader import read_usage
from simcost.trace.utilization.reader import read_utilisation

HOURS = 24
START = datetime(2026, 1, 1, 8, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader of a table with a column of times.

    Attributes:
        head: its columns.
        row: of a time, in place of {t}.
        read: from a file to its first time in seconds since 1970, None if that is unknown, and its findings.
    """

    head: str
    row: str
    read: Callable[[Path], tuple[float | None, str]]


def _epoch(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).timestamp()


def _requests(file: Path) -> tuple[float | None, str]:
    said = import_trace(file, "csv", file.with_name("t.parquet"))
    return _epoch(said["start_utc"]), json.dumps(said["findings"])


def _jobs(file: Path) -> tuple[float | None, str]:
    jobs, findings = read_jobs(file)
    return _epoch(jobs.start_utc), json.dumps(findings)


def _series(file: Path) -> tuple[float | None, str]:
    (series,), findings = read_series(file)
    known = all(said["kind"] != "clock_unknown" for said in findings)
    return float(series.grid.start_s) if known else None, json.dumps(findings)


def _usage(file: Path) -> tuple[float | None, str]:
    usage = read_usage(file, provider="aws")
    return float(usage.start_s.min()), json.dumps(list(usage.findings))


def _utilisation(file: Path) -> tuple[float | None, str]:
    samples, findings = read_utilisation(file)
    return samples.start_utc_s, json.dumps(findings)


def _metrics(file: Path) -> tuple[float | None, str]:
    recording, findings = read_metrics(file)
    start = recording.start_utc_s
    return None if start != start else start, json.dumps(findings)


def _spot(file: Path) -> tuple[float | None, str]:
    [trace] = read_spot(file)
    return trace.start_s, " ".join(trace.notation)


def _focus(file: Path) -> tuple[float | None, str]:
    actuals = read_focus([file])
    return actuals.end_s - actuals.span_h * 3600, json.dumps([dict(one) for one in actuals.quality])


READERS: dict[str, Reader] = {
    "requests": Reader("arrival,prompt_tokens,output_tokens", "{t},100,20", _requests),
    "jobs": Reader("submit_time,duration,gpus", "{t},100,2", _jobs),
    "series": Reader("timestamp,requests", "{t},5", _series),
    "usage": Reader("sku,timestamp,quantity", "p5.48xlarge,{t},1", _usage),
    "utilisation": Reader("timestamp,gpu,duty", "{t},g0,0.5", _utilisation),
    "metrics": Reader("timestamp,metric,value", "{t},in_flight,5", _metrics),
    "spot": Reader("timestamp,available", "{t},1", _spot),
}


def written(folder: Path, reader: Reader, cells: list[str], name: str = "log.csv") -> Path:
    file = folder / name
    file.write_text("\n".join([reader.head, *(reader.row.replace("{t}", cell) for cell in cells), ""]))
    return file


def serial(when: datetime) -> float:
    return (when - datetime(1899, 12, 30, tzinfo=UTC)) / timedelta(days=1)


TIMES = [START + timedelta(hours=hour) for hour in range(HOURS * 14)]
NOTATIONS: dict[str, tuple[Callable[[datetime], str], str]] = {
    "ISO": (lambda when: when.strftime("%Y-%m-%dT%H:%M:%SZ"), ""),
    "s": (lambda when: f"{when.timestamp():.0f}", "read as s since 1970"),
    "ms": (lambda when: f"{when.timestamp() * 1e3:.0f}", "read as ms since 1970"),
    "us": (lambda when: f"{when.timestamp() * 1e6:.0f}", "read as us since 1970"),
    "ns": (lambda when: f"{when.timestamp():.0f}000000000", "read as ns since 1970"),
    "spreadsheet": (lambda when: f"{serial(when):.9f}", "days since 1899-12-30"),
    "spreadsheet as shown": (lambda when: f"{serial(when):.5f}", "days since 1899-12-30"),
    "day first": (lambda when: when.strftime("%d/%m/%Y %H:%M"), "the day first"),
    "month first": (lambda when: when.strftime("%m/%d/%Y %H:%M"), "the month first"),
    "points": (lambda when: when.strftime("%d.%m.%Y %H:%M:%S"), "the day first"),
    "slashes": (lambda when: when.strftime("%Y/%m/%d %H:%M:%S"), ""),
}


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("name", READERS)
def test_every_notation_is_the_same_instant_in_every_reader(name: str, notation: str, tmp_path: Path) -> None:
    write, said = NOTATIONS[notation]
    start, findings = READERS[name].read(written(tmp_path, READERS[name], [write(when) for when in TIMES]))
    assert start == START.timestamp()
    assert said in findings


@pytest.mark.parametrize("name", READERS)
def test_an_order_that_no_date_settles_is_refused_with_its_remedy(name: str, tmp_path: Path) -> None:
    cells = [f"0{day}/02/2026 09:00" for day in range(1, 9)]
    with pytest.raises(InputError, match=r"log.csv.*ambiguous; (pass --time-format|write all as yyyy-mm-dd)"):
        READERS[name].read(written(tmp_path, READERS[name], cells))


@pytest.mark.parametrize("name", READERS)
def test_orders_that_contradict_each_other_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"log.csv.*'25/02/2026' has the day first and '02/26/2026' the month"):
        READERS[name].read(written(tmp_path, READERS[name], ["25/02/2026", "02/26/2026", "03/03/2026"]))


@pytest.mark.parametrize("name", READERS)
def test_a_date_far_below_settles_the_order(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first chunk alone decided, or refused."""
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 64)
    monkeypatch.setattr("simcost.tables.sources.BLOCK_BYTES", 64)
    cells = [when.strftime("%d/%m/%Y %H:%M") for when in TIMES if when.day < 14]
    start, findings = READERS[name].read(written(tmp_path, READERS[name], cells))
    assert start == START.timestamp()
    assert "the day first" in findings


@pytest.mark.parametrize("name", [name for name in READERS if name not in ("usage", "spot")])
def test_seconds_from_an_unknown_start_stay_so_and_are_said(name: str, tmp_path: Path) -> None:
    """Also where some of them would be days of a spreadsheet."""
    cells = [f"{3600 * hour}" for hour in range(HOURS)]
    start, findings = READERS[name].read(written(tmp_path, READERS[name], cells))
    assert start is None
    assert "s since an unknown start" in findings or "s from an unknown start" in findings


def test_seconds_are_no_dates_of_usage(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a date"):
        READERS["usage"].read(written(tmp_path, READERS["usage"], ["0", "3600"]))


def test_jobs_whose_end_alone_looks_like_days_of_a_spreadsheet_are_in_seconds(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("submit_time,start_time,end_time,gpus\n0,10,40000,1\n5,20,41000,1\n")
    jobs, _ = read_jobs(file)
    assert jobs.start_utc is None
    assert jobs.duration_s.tolist() == [39_990, 40_980]


def test_a_unit_in_the_name_is_believed(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("submit_s,duration_s,gpus\n46000,10,1\n46005,10,1\n")
    jobs, findings = read_jobs(file)
    assert jobs.start_utc is None
    assert "time_unit" not in {said["kind"] for said in findings}


@pytest.mark.parametrize("cell", ["46023.5", "13/02/2026 09:00", "1767225600000"])
def test_failures_by_any_notation_span_the_same(cell: str, tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    later = {"46023.5": "46025.5", "13/02/2026 09:00": "15/02/2026 09:00", "1767225600000": "1767398400000"}[cell]
    file.write_text(f"timestamp\n{cell}\n{later}\n")
    assert read_failures(file)[1] == 2 * 86_400


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [("46023.5", "46023.75", "days since 1899"), ("1/13/2026 12:00", "1/13/2026 18:00", "the month first")],
)
def test_bills_say_how_their_periods_were_read(first: str, last: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "bill.csv"
    cells = {
        "BilledCost": "1",
        "EffectiveCost": "1",
        "ListCost": "1",
        "BillingCurrency": "USD",
        "ChargeCategory": "Usage",
        "ChargePeriodStart": first,
        "ChargePeriodEnd": last,
        "ServiceName": "x",
        "ProviderName": "aws",
    }
    file.write_text(f"{','.join(cells)}\n{','.join(cells.values())}\n")
    actuals = read_focus([file])
    assert actuals.span_h == 6
    assert any(said in str(one["done"]) for one in actuals.quality)
    file.write_text(file.read_text().replace(first, "5").replace(last, "9"))
    with pytest.raises(InputError, match=r"bill.csv: ChargePeriodStart: '5' is not a date; write ISO time"):
        read_focus([file])


@settings(max_examples=200)
@given(
    st.lists(st.integers(978_307_200, 4_000_000_000), min_size=1, max_size=30),
    st.sampled_from([("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)]),
    st.booleans(),
)
def test_epochs_are_told_apart_by_their_range(seconds: list[int], unit: tuple[str, int], text: bool) -> None:
    seconds = [max(second, 1_000_000_000) for second in seconds]
    numbers: Any = pa.array([second * unit[1] for second in seconds])
    column = numbers.cast(pa.string()) if text else numbers
    rule = time_rule(column, "time", None)
    values, ok = instants(column, rule)
    assert rule.unit == unit[0]
    assert rule.epoch
    assert ok.all()
    assert values.tolist() == [second * 10**9 for second in seconds]


@settings(max_examples=200)
@given(st.lists(st.integers(946_684_800, 4_102_358_400), min_size=1, max_size=30), st.sampled_from([6, 9, 10]))
def test_days_of_a_spreadsheet_are_whole_seconds_again(seconds: list[int], decimals: int) -> None:
    """To the second with nine decimals, and to a twelfth of one with six, as cut there."""
    days = [second / 86_400 + 25_569 for second in seconds]
    column = pa.array([f"{day:.{decimals}f}" for day in days])
    values, ok = instants(column, time_rule(column, "time", None))
    assert ok.all()
    assert np.abs(values / 1e9 - np.array(seconds)).max() <= {6: 1.0, 9: 1e-3, 10: 1e-3}[decimals]


@settings(max_examples=200)
@given(st.lists(st.dates(datetime(2001, 1, 1).date(), datetime(2099, 12, 31).date()), min_size=1), st.booleans())  # noqa: DTZ001
def test_the_whole_column_decides_the_order(days: list[Any], day_first: bool) -> None:
    """Read as written, or refused; never read in the other order."""
    column = pa.array([day.strftime("%d/%m/%Y" if day_first else "%m/%d/%Y") for day in days])
    certain = any(day.day > 12 for day in days)
    if not certain:
        with pytest.raises(InputError, match="ambiguous"):
            time_rule(column, "time", None, TimeSource(place="log"))
        return
    values, ok = instants(column, time_rule(column, "time", None))
    assert ok.all()
    assert [datetime.fromtimestamp(value / 1e9, UTC).date() for value in values.tolist()] == days


@pytest.mark.parametrize("name", READERS)
def test_a_parquet_file_without_rows_is_refused_in_words(name: str, tmp_path: Path) -> None:
    """`with_parts` raised KeyError: the columns of a file without rows were forgotten."""
    names = READERS[name].head.split(",")
    file = tmp_path / "log.parquet"
    pq.write_table(pa.table({column: pa.array([], pa.string()) for column in names}), file)
    with pytest.raises(InputError, match=r"log\.parquet"):
        READERS[name].read(file)
