"""Laws of every declared table: what a cell, a column and a row mean is the same for all of them."""

import csv
import io
import re
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simcost.trace
from simcost.errors import FaultsError, InputError, TraceError
from simcost.tables import delimited
from simcost.tables.columns import Column, DeclaredTable
from simcost.tables.header import peek
from simcost.tables.typed import TypedTable, read_cells, read_declared, read_typed
from simcost.trace.jobs.formats import JOBS

MODULES = [import_module(found.name) for found in walk_packages(simcost.trace.__path__, "simcost.trace.")]
DECLARED = {id(var): var for module in MODULES for var in vars(module).values() if isinstance(var, DeclaredTable)}
TABLES = [one for one in DECLARED.values() if all(column.on_bad != "drop" for column in one.columns)]
COLUMNS = [column for one in DECLARED.values() for column in one.columns]
EMPTY = ("", " ", "\t")
NO_VALUE = ("NA", "n/a", "nan", "null", "None", "\\N")
BAD = ("inf", "-Infinity", "1e400", "1,000", "1_000", "1 000", "0x10", "\u0660\u0661", "=1+1")
every_table = pytest.mark.parametrize("declared", TABLES, ids=lambda one: one.columns[0].name + " " + one.what[:20])


def good(column: Column, i: int) -> str:
    """A cell that the column may hold."""
    if column.kind == "time":
        return f"2026-01-{i + 1:02d}T00:00:00Z"
    if column.kind == "choice":
        return next(iter(column.words or ()))
    return f"t{i}" if column.kind == "text" else str(i + 1)


def names(declared: DeclaredTable) -> dict[str, str]:
    """Ours -> the file's; of a family of columns one."""
    return {f"{one.name}x" if one.name.endswith(":") else one.name: one.name.strip(":") for one in declared.columns}


def rows_of(declared: DeclaredTable, count: int = 12) -> list[list[str]]:
    return [[good(column, i) for column in declared.columns] for i in range(count)]


def write(path: Path, header: list[str], rows: list[list[str]]) -> Path:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    path.write_text(out.getvalue(), encoding="utf-8")
    return path


def read(declared: DeclaredTable, path: Path) -> TypedTable:
    return read_typed(path, peek(path, declared.what), declared, names(declared))


def content(table: TypedTable) -> dict[str, list[object]]:
    """All values, NaN as None."""
    found = {**table.numbers, **table.wholes, **table.times_ns, **table.codes}
    columns = {ours: [None if value != value else value for value in values.tolist()] for ours, values in found.items()}
    return columns | {f"missing {ours}": flags.tolist() for ours, flags in table.missing.items()}


def lines(error: FaultsError) -> list[int]:
    return [fault.line for fault in error.faults]


def test_every_family_of_readers_is_declared() -> None:
    assert len(DECLARED) >= 10


def test_cells_mean_the_same_in_every_column() -> None:
    """Also of tables whose rows are left out rather than refused."""
    for column in COLUMNS:
        words = () if column.kind == "text" else NO_VALUE
        bad = () if column.kind == "text" else BAD
        cells = read_cells(pa.array([*EMPTY, None, *words, *bad, good(column, 0)]), column)
        nothing = len(EMPTY) + 1 + len(words)
        assert cells.empty.tolist() == [True] * nothing + [False] * (len(bad) + 1), column.name
        assert cells.bad.tolist() == [False] * nothing + [True] * len(bad) + [False], column.name


@every_table
def test_an_empty_cell_is_missing_or_a_fault(declared: DeclaredTable, tmp_path: Path) -> None:
    for at, column in enumerate(declared.columns):
        empty = EMPTY if column.kind == "text" else (*EMPTY, *NO_VALUE)
        rows = rows_of(declared)
        for row, cell in zip(rows, empty, strict=False):
            row[at] = cell
        path = write(tmp_path / "t.csv", list(names(declared).values()), rows)
        if column.filled:
            with pytest.raises(FaultsError, match="the cell is empty") as caught:
                read(declared, path)
            assert lines(caught.value) == list(range(2, 2 + len(empty)))
        else:
            ours = list(names(declared))[at]
            assert np.flatnonzero(read(declared, path).missing[ours]).tolist() == list(range(len(empty)))


@every_table
def test_what_is_no_finite_plain_number_is_a_fault(declared: DeclaredTable, tmp_path: Path) -> None:
    for at, column in enumerate(declared.columns):
        if column.kind == "text":
            continue
        rows = rows_of(declared)
        for row, cell in zip(rows, BAD, strict=False):
            row[at] = cell
        path = write(tmp_path / "t.csv", list(names(declared).values()), rows)
        if column.on_bad == "empty":
            ours = list(names(declared))[at]
            assert np.flatnonzero(read(declared, path).missing[ours]).tolist() == list(range(len(BAD)))
            continue
        with pytest.raises(FaultsError, match="is not ") as caught:
            read(declared, path)
        assert lines(caught.value) == list(range(2, 2 + len(BAD)))


@every_table
def test_bounds_hold(declared: DeclaredTable, tmp_path: Path) -> None:
    for at, column in enumerate(declared.columns):
        if column.kind not in ("number", "whole") or column.low < 0:
            continue
        rows = rows_of(declared, 3)
        rows[1][at] = "0" if column.above else "-1"
        with pytest.raises(FaultsError, match=re.escape(f"is not {column.expected}")) as caught:
            read(declared, write(tmp_path / "t.csv", list(names(declared).values()), rows))
        assert lines(caught.value) == [3]


@every_table
def test_bytes_that_are_not_utf8_are_located(declared: DeclaredTable, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", list(names(declared).values()), rows_of(declared))
    whole = path.read_bytes().splitlines(keepends=True)
    whole[4] = b"M\xfcller" + whole[4]
    path.write_bytes(b"".join(whole))
    with pytest.raises(FaultsError, match="is not UTF-8; if 'M\u00fcller") as caught:
        read(declared, path)
    assert lines(caught.value) == [5]


@every_table
def test_a_column_is_there_once(declared: DeclaredTable, tmp_path: Path) -> None:
    header = [column.name for column in declared.columns if not column.name.endswith(":")]
    for column, other in ((header[0], header[0]), (header[-1], f" {header[-1].upper()}")):
        path = write(tmp_path / "t.csv", [*header, other], [])
        with pytest.raises(TraceError, match=f"column '{column}' is there twice"):
            declared.find(peek(path, declared.what).names, path)


@every_table
def test_case_and_spaces_of_names_do_not_matter(declared: DeclaredTable) -> None:
    plain = [column.name for column in declared.columns if not column.name.endswith(":")]
    odd = [f" {name.upper()} " for name in plain]
    assert declared.match(odd) == (dict(zip(plain, odd, strict=True)), [])


@every_table
def test_rows_without_anything_are_passed_over_and_counted(declared: DeclaredTable, tmp_path: Path) -> None:
    if declared.blank == ():
        return
    rows = rows_of(declared, 3)
    header = list(names(declared).values())
    plain = read(declared, write(tmp_path / "t.csv", header, rows))
    lacking = read(declared, write(tmp_path / "t.csv", header, [rows[0], [""] * len(header), *rows[1:]]))
    assert (len(lacking), lacking.blank, lacking.place(1)) == (3, 1, "row 3 (line 4)")
    assert content(lacking) == content(plain)


CELLS = st.sampled_from(["", "1", "2.5", "NA", "x", "2026-01-05", "1,5", "inf", "\u00fc", '"', "\n"])


@given(data=st.data())
def test_blocks_and_containers_do_not_matter(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """A table in small blocks, in one, and as Parquet: the same columns, or the same faults."""
    declared = data.draw(st.sampled_from(TABLES))
    rows = rows_of(declared, 8)
    for _ in range(data.draw(st.integers(0, 2))):
        data.draw(st.sampled_from(rows))[data.draw(st.integers(0, len(rows[0]) - 1))] = data.draw(CELLS)
    header = list(names(declared).values())
    path = write(tmp_path_factory.mktemp("any") / "t.csv", header, rows)
    columns = {name: pa.array(cells) for name, cells in zip(header, zip(*rows, strict=True), strict=True)}
    pq.write_table(pa.table(columns), path.with_suffix(".parquet"))
    whole, parquet = attempt(declared, path), attempt(declared, path.with_suffix(".parquet"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "BLOCK_BYTES", 64)
        assert attempt(declared, path) == whole
    assert parquet == whole or isinstance(whole, list)


def attempt(declared: DeclaredTable, path: Path) -> object:
    """The content of a table, or the messages of its faults."""
    try:
        return content(read(declared, path))
    except FaultsError as error:
        return [fault.message for fault in error.faults]
    except InputError as error:
        return [str(error)]


def test_a_family_of_columns_and_a_mapping() -> None:
    declared = DeclaredTable(what="w", columns=(Column(name="tag:"), Column(name="n", kind="whole", required=True)))
    assert declared.match(["a", "N"], {"tag:t": "a"}) == ({"tag:t": "a", "n": "N"}, [])
    assert declared.match(["a"], {"m": "b"})[1] == ["'m' is not a known column (known: n)", "no column 'b'"]
    with pytest.raises(TraceError, match="no n column found; pass --map n=COLUMN; its columns are: a"):
        declared.find(["a"], Path("f"))


def test_a_table_without_rows(tmp_path: Path) -> None:
    declared = DeclaredTable(what="list", columns=(Column(name="n"), Column(name="m")))
    with pytest.raises(TraceError, match="no rows; give a list"):
        read_declared(write(tmp_path / "t.csv", ["n", "m"], [["", ""]]), declared)


def test_other_names_of_a_column_may_be_mapped_and_are_one() -> None:
    """A page asks for `hour`, and `--map hour=DATE` was an unknown column: it is called `start` within."""
    declared = DeclaredTable(what="usage", columns=(Column(name="start", aliases=("hour", "Hour_UTC")),))
    assert declared.match(["date"], {"hour_utc": "date"}) == ({"start": "date"}, [])
    said = declared.match(["date", "day"], {"hour": "date", "start": "day"})[1]
    assert said == ["start is mapped to date and to day; name one"]


def test_names_with_spaces_are_those_with_underscores() -> None:
    """`Submit Time`, as spreadsheets write it, needed a mapping; a column of each spelling is a doubt."""
    found, faults = JOBS.match(["Submit Time", "Num GPUs", "Run  time"])
    assert found == {"submit_s": "Submit Time", "gpus": "Num GPUs", "duration_s": "Run  time"}
    assert faults == []
    _, faults = JOBS.match(["Submit Time", "submit_time"])
    assert faults == ["column 'Submit Time' is there twice, also as 'submit_time'"]
