"""Logs that are refused: the message names what they are, and the remedy."""

import io
import warnings
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simcost.errors import TraceError
from simcost.trace.jobs.formats import JOBS
from simcost.trace.requests.readers import Notation, import_trace
from simcost.trace.series.reader import read_series

HEADER = "arrival,prompt_tokens,output_tokens\n"


def refused(folder: Path, text: bytes | str, **options: Any) -> str:
    path = folder / "log.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(TraceError) as caught:
        import_trace(path, options.pop("fmt", "csv"), folder / "out.parquet", **options)
    return str(caught.value)


def zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("log.csv", HEADER + "1,2,3\n")
    return packed.getvalue()


@pytest.mark.parametrize("fmt", ["csv", "jsonl", "litellm"])
def test_archives_and_workbooks_are_named(tmp_path: Path, fmt: str) -> None:
    assert "is a ZIP archive or an Excel workbook" in refused(tmp_path, zipped(), fmt=fmt)


def test_parquet_named_csv_is_named(tmp_path: Path) -> None:
    packed = io.BytesIO()
    pq.write_table(pa.table({"arrival": [1]}), packed)
    assert "is a Parquet file; pass --format parquet" in refused(tmp_path, packed.getvalue())


@pytest.mark.parametrize("date", ["2026-03-29T{}", "29.03.2026 {}"])
def test_the_hour_that_clocks_skip_is_named(tmp_path: Path, date: str) -> None:
    rows = "".join(f"{date.format(clock)},1,1\n" for clock in ("01:30:00", "02:30:00", "03:30:00"))
    said = refused(tmp_path, HEADER + rows, notation=Notation(timezone="Europe/Berlin"))
    assert "row 2 (line 3)" in said
    assert "the clocks of Europe/Berlin showed: they skip an hour in spring" in said


def test_the_unit_in_which_numbers_are_dates_is_named(tmp_path: Path) -> None:
    said = refused(tmp_path, HEADER.replace("arrival", "arrival_s") + "1767603600123,1,1\n1767603601500,1,1\n")
    assert "these are dates in ms: pass --time-unit ms" in said


def test_a_time_of_parquet_that_is_out_of_range_is_shown(tmp_path: Path) -> None:
    """The message said that 'a time' is not a time."""
    path = tmp_path / "log.parquet"
    far = pa.array([datetime(2300, 1, 1, tzinfo=UTC)], pa.timestamp("us"))
    pq.write_table(pa.table({"arrival": far, "prompt_tokens": [1], "output_tokens": [1]}), path)
    with pytest.raises(
        TraceError, match=r"row 1: arrival: '2300-01-01 00:00:00\.000000' is not a time, or out of range"
    ):
        import_trace(path, "parquet", tmp_path / "out.parquet")


def test_half_precision_times_are_read_without_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    pq.write_table(
        pa.table({"arrival": np.arange(3, dtype=np.float16), "prompt_tokens": [1] * 3, "output_tokens": [1] * 3}), path
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert import_trace(path, "parquet", tmp_path / "out.parquet")["span_s"] == 2


def test_a_line_too_long_for_a_table_says_so(tmp_path: Path) -> None:
    said = refused(tmp_path, (HEADER + "1,2,3\n").encode() + b"x" * 40_000_000)
    assert "line 3 is longer than 32 MiB; is it a table? leave texts of prompts out of the export" in said


def test_a_log_whose_unit_changes_is_told_the_unit_of_its_first_rows(tmp_path: Path) -> None:
    """It was told to write a number that is not negative, which it had."""
    said = refused(tmp_path, HEADER + "1767603600,1,1\n1767603601,1,1\n1767603602500,1,1\n")
    assert "row 3 (line 4): arrival: '1767603602500'" in said
    assert "write numbers of s since 1970, as most of the first rows of this log are" in said


def test_durations_are_refused_whose_unit_would_be_that_of_the_file(tmp_path: Path) -> None:
    """1 s, stored in microseconds, was read as 1,000,000."""
    path, spans = tmp_path / "spans.parquet", pa.array([timedelta(seconds=i) for i in range(3)])
    pq.write_table(pa.table({"arrival": spans, "prompt_tokens": [1, 2, 3], "output_tokens": [1, 2, 3]}), path)
    with pytest.raises(TraceError, match=r"'arrival' holds durations \(duration\[us\]\)"):
        import_trace(path, "parquet", tmp_path / "out.parquet")
    times = pa.array([datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in range(3)])
    pq.write_table(pa.table({"timestamp": times, "value": spans}), path)
    with pytest.raises(TraceError, match=r"'value' holds durations"):
        read_series(path)


def test_optional_columns_in_another_case_are_told_and_units_in_it_are_read(tmp_path: Path) -> None:
    """`Tenant` was passed over in silence, and times mapped to `TS_MS` were read as seconds."""
    path = tmp_path / "log.csv"
    path.write_text("TS_MS,prompt_tokens,output_tokens,Tenant\n0,9,5,a\n1500,9,5,b\n")
    found = import_trace(path, "csv", tmp_path / "out.parquet", mapping={"arrival": "TS_MS"})
    assert found["span_s"] == 1.5
    [told] = [each["message"] for each in found["findings"] if each["kind"] == "unread_column"]
    assert told == "'Tenant' may be tenant, and is not read; if it is, pass --map tenant=Tenant"


def test_columns_named_as_people_write_them_are_told_and_their_units_are_read(tmp_path: Path) -> None:
    """A log with `HTTP Status` kept its failed requests without a word, and `Start (ms)` was read as seconds."""
    path = tmp_path / "log.csv"
    header = "Start (ms),prompt_tokens,output_tokens,HTTP Status,Latency (ms)"
    path.write_text(header + "\n0,9,5,200,31\n1500,9,5,503,2\n")
    found = import_trace(path, "csv", tmp_path / "out.parquet", mapping={"arrival": "Start (ms)"})
    assert found["span_s"] == 1.5
    told = [each["message"] for each in found["findings"] if each["kind"] == "unread_column"]
    assert [one.rpartition("pass ")[2] for one in told] == [
        "--map 'status=HTTP Status'",
        "--map 'e2e_ms=Latency (ms)'",
    ]


@pytest.mark.parametrize(
    ("ours", "theirs", "remedy"),
    [
        ("ttft_s", "first_ms", "write --map ttft_ms=first_ms"),
        ("e2e_s", "took_us", "convert it, and rename the column"),
        ("e2e_s", "Duration (ms)", "write --map 'e2e_ms=Duration (ms)'"),
    ],
)
def test_a_latency_whose_name_says_another_unit_is_no_second(
    tmp_path: Path, ours: str, theirs: str, remedy: str
) -> None:
    """250 ms of `first_ms` were read as 250 s."""
    said = refused(tmp_path, f"{HEADER[:-1]},{theirs}\n0,9,5,250\n", mapping={ours: theirs})
    assert f"{ours} is in seconds, and {theirs} is not, by its name; {remedy}" in said


@pytest.mark.parametrize("theirs", ["duration_ms", "run.Minutes", "took_h"])
def test_a_duration_of_jobs_whose_name_says_another_unit_is_no_second(theirs: str) -> None:
    _, faults = JOBS.match(["submit_ms", theirs, "gpus"], {"submit_s": "submit_ms", "duration_s": theirs})
    assert len(faults) == 1
    assert JOBS.match(["seconds", "gpus"], {"duration_s": "seconds"})[1] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Report of October\n\n" + HEADER, "if lines stand above the names of the columns, remove them"),
        ("2026-10-05T06:00:00Z,100,20\n", "is its first line a row? write the names of the columns above it"),
    ],
)
def test_a_first_line_that_names_no_columns_is_told(tmp_path: Path, text: str, said: str) -> None:
    assert refused(tmp_path, text).endswith(said)


NESTED = '{"timestamp": 1, "response": {"usage": {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}}}\n'


def test_tokens_of_a_response_are_proposed_each_by_its_own_name(tmp_path: Path) -> None:
    assert "output_tokens=response.usage.completion_tokens?" in refused(tmp_path, NESTED, fmt="jsonl")


def test_one_column_is_not_two_of_ours(tmp_path: Path) -> None:
    mapping = {"prompt_tokens": "in", "output_tokens": "in"}
    said = "column 'in' is mapped to prompt_tokens and to output_tokens; name the column of each"
    assert said in refused(tmp_path, "arrival,in\n1,2\n", mapping=mapping)
