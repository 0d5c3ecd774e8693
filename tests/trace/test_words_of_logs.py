"""Cells that are not what they seem: words for no value among labels, and dates as spreadsheets store them."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from simcost.errors import FaultsError
from simcost.trace.jobs.reader import read_jobs
from simcost.trace.requests.readers import import_trace
from simcost.trace.series.reader import read_series

DATES = "54231.75", "54231.7500231481", "54231.7501"
SHEET = "would be dates of a spreadsheet, 2048-06-22 18:00 and so on"


def write(folder: Path, head: str, rows: list[str]) -> Path:
    file = folder / "log.csv"
    file.write_text("\n".join([head, *rows, ""]))
    return file


@pytest.mark.parametrize("word", ["null", "NA", "None", "nan", " NULL "])
def test_words_for_no_value_are_no_labels_and_told(tmp_path: Path, word: str) -> None:
    """All requests without a session became one conversation, named null."""
    rows = [f"{i},100,20,{word if i % 2 else 'a'},{word if i % 4 else 's'}" for i in range(8)]
    file = write(tmp_path, "arrival,prompt_tokens,output_tokens,tenant,session", rows)
    said = import_trace(file, "csv", tmp_path / "t.parquet")
    table = pq.read_table(tmp_path / "t.parquet")
    assert [table[name].null_count for name in ("tenant", "session")] == [4, 6]
    told = {one["message"] for one in said["findings"] if one["kind"] == "no_label"}
    as_none = f"{word.strip()!r} as {{}}, which was taken as none; if it is a name, write another one"
    assert told == {f"4 requests have {as_none.format('tenant')}", f"6 requests have {as_none.format('session')}"}


def test_empty_labels_are_not_told(tmp_path: Path) -> None:
    file = write(tmp_path, "arrival,prompt_tokens,output_tokens,tenant", ["0,1,2,", "1,1,2,a"])
    said = import_trace(file, "csv", tmp_path / "t.parquet")
    assert "no_label" not in {one["kind"] for one in said["findings"]}


def test_requests_at_dates_of_a_spreadsheet_are_told(tmp_path: Path) -> None:
    """A day of them seemed to be one second."""
    file = write(tmp_path, "TIMESTAMP,ContextTokens,GeneratedTokens", [f"{day},100,20" for day in DATES])
    [said] = import_trace(file, "azure-llm", tmp_path / "t.parquet")["findings"][:1]
    assert said["kind"] == "time_unit"
    assert said["message"].startswith(
        f"TIMESTAMP was read as s since an unknown start, but 54231.75 and the others {SHEET}"
    )
    seconds = write(tmp_path, "TIMESTAMP,ContextTokens,GeneratedTokens", ["0.5,100,20", "54231.75,100,20"])
    [said] = import_trace(seconds, "azure-llm", tmp_path / "t.parquet")["findings"][:1]
    assert "spreadsheet" not in said["message"]


def test_jobs_at_dates_of_a_spreadsheet_are_told(tmp_path: Path) -> None:
    file = write(tmp_path, "submit,duration,gpus", [f"{day},100,2" for day in DATES])
    _, findings = read_jobs(file)
    assert any(SHEET in one["message"] for one in findings)


def test_hours_of_a_history_at_dates_of_a_spreadsheet_are_refused(tmp_path: Path) -> None:
    """Each row was told to lie between seconds, as if it were a request; whole days are told as a finding."""
    file = write(tmp_path, "timestamp,value", [f"{54231 + i / 24:.9f},{100 + i % 7}" for i in range(100)])
    with pytest.raises(FaultsError, match="timestamp: 54231 and the others would be dates of a spreadsheet") as caught:
        read_series(file)
    assert len(caught.value.faults) == 1
