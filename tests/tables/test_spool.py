"""Columns of long tables in a temporary file: the same values as those in memory."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simcost.tables.spool
from simcost.errors import TraceError
from simcost.tables.spool import ColumnSpool
from simcost.trace.jobs.reader import read_jobs

TEXTS = st.lists(st.none() | st.text(max_size=5), min_size=1, max_size=8)


def columns(parts: list[list[str | None]], spool_rows: int, dictionary: bool) -> ColumnSpool:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simcost.tables.spool, "SPOOL_ROWS", spool_rows)
        spool = ColumnSpool(Path("log.csv"))
        for part in parts:
            text = pa.array(part, pa.string())
            row = pa.array(range(len(part)), pa.timestamp("s"))
            spool.add({"text": text.dictionary_encode() if dictionary else text, "time": row})
        spool.finish()
    return spool


@given(parts=st.lists(TEXTS, min_size=1, max_size=5), spool_rows=st.integers(0, 40), dictionary=st.booleans())
def test_a_spooled_column_is_the_column(parts: list[list[str | None]], spool_rows: int, dictionary: bool) -> None:
    spool = columns(parts, spool_rows, dictionary)
    assert list(spool) == ["text", "time"]
    assert spool["text"].to_pylist() == [cell for part in parts for cell in part]
    assert spool["time"].type == pa.timestamp("s")
    assert spool.get("other") is None


def test_a_spooled_log_gives_the_same_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "jobs.csv"
    rows = [f"job-{i},{1_700_000_000 + i * 7 % 50},{i % 9},{i % 3},u{i % 4}" for i in range(60)]
    path.write_text("\n".join(["job_id,submit_time,duration,gpus,user", *rows]) + "\n")
    whole, findings = read_jobs(path)
    monkeypatch.setattr(simcost.tables.spool, "SPOOL_ROWS", 0)
    spooled, found = read_jobs(path)
    assert findings == found
    assert spooled.job_id.tolist() == whole.job_id.tolist()
    for name in ("submit_s", "duration_s", "gpus", "min_gpus", "limit_s", "user", "deadline_s", "status", "spot_ok"):
        assert getattr(spooled, name).tolist() == getattr(whole, name).tolist(), name


def test_a_full_disk_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(simcost.tables.spool, "TemporaryFile", full)
    with pytest.raises(TraceError, match=r"log\.csv: no room for a temporary copy"):
        columns([["a"]], 0, dictionary=False)
