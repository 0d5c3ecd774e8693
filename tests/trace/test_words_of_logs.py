"""Cells that are not what they seem: words for no value among labels."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from simcost.trace.requests.readers import import_trace


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
