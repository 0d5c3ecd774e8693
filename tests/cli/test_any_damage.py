"""Whatever befalls a file: it is refused in words that name it, or read whole. More of them: bench/damaged.py."""

import io
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import damage

pytestmark = pytest.mark.slow

KINDS = sorted(damage.kinds())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the commands need besides the damaged one."""
    made = tmp_path_factory.mktemp("damaged")
    damage.prepare(made)
    return made


@settings(max_examples=max(settings().max_examples // 10, 1))
@given(seed=st.integers(0, 2**32))
@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_file_is_refused_in_words_or_read_whole(folder: Path, name: str, seed: int) -> None:
    kind = damage.kinds()[name]
    data = damage.damaged(kind, Random(seed))  # no secret
    outcome = damage.outcome(kind, data, folder)
    assert outcome.word in ("read", "refused"), (outcome, data[:2000])


@pytest.mark.parametrize("name", KINDS)
def test_an_undamaged_file_is_read(folder: Path, name: str) -> None:
    kind = damage.kinds()[name]
    assert damage.outcome(kind, kind.make(), folder).word == "read"


@pytest.mark.parametrize("name", [name for name in KINDS if damage.kinds()[name].suffix == "csv"])
@pytest.mark.parametrize("first", [True, False])
def test_an_open_quote_costs_its_row_and_no_other(folder: Path, name: str, first: bool) -> None:
    """Refused with the line where it opens, or the row is counted and the others are read."""
    kind = damage.kinds()[name]
    lines = kind.make().split(b"\n")
    start, mark, end = lines[5].partition(b",") if first else lines[5].rpartition(b",")
    lines[5] = b'"' + lines[5] if first else start + mark + b'"' + end
    outcome = damage.outcome(kind, b"\n".join(lines), folder)
    assert outcome.word in ("read", "refused"), outcome
    assert outcome.word == "read" or ":6: " in outcome.detail or "(line 6): " in outcome.detail


@pytest.mark.parametrize("name", [name for name in KINDS if damage.kinds()[name].text == "parquet"])
def test_each_column_of_parquet_lost_empty_or_of_another_type(folder: Path, name: str) -> None:
    """A Parquet file of jobs without rows ended in a KeyError, as its columns were forgotten."""
    kind = damage.kinds()[name]
    table = pq.read_table(io.BytesIO(kind.make()))
    changed = [table.slice(0, 0), table.select([]), table.slice(0, 1)]
    for at, column in enumerate(table.column_names):
        cells: list[Any] = [pa.array([cell] * len(table)) for cell in (None, True, [1], "x", date(2026, 1, 1))]
        changed += [table.remove_column(at), *(table.set_column(at, column, values) for values in cells)]
        changed += [table.remove_column(at).slice(0, 0)]
    for one in changed:
        out = io.BytesIO()
        pq.write_table(one, out)
        outcome = damage.outcome(kind, out.getvalue(), folder)
        assert outcome.word in ("read", "refused"), (outcome, one.schema)
