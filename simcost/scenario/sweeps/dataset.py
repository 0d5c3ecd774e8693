"""Dataset of a sweep: Parquet files of rows, one row a run, written as a whole or not at all.

Batches lie in it as they are finished; compaction puts the rows into the order of the plans, in files that are named by
their bytes, so that the same sweep ends in the same files whatever was finished when. Rows of plans that the sweep no
longer has go to a folder of their own, from which they come back where it has them again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from logging import getLogger
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from simcost.errors import InputError
from simcost.outputs import whole_file
from simcost.scenario.files.nodes import Scalar
from simcost.scenario.storage.folders import DESCRIPTION

RUNS = "runs"
"""Folder of the rows in it."""
OTHERS = "others"
"""Folder of rows of plans that the sweep does not have now, without their names."""
ROWS_PER_PART = 5_000
RunKey = tuple[str, int]
"""Key of a plan, and replication."""
_TEXTS = ("error", "simulation", "engine_version", "simcost_version", "key")
_MAIN = ("seed", "cost_usd", "cost_usd_per_month", "met", "attainment", "utilisation", "over_provisioned_usd")
_OF_RUNS = ("replication", "seed")
"""Columns of every run, whether they are swept or not."""
_HEADS = b"simcost.heads"
"""Key of the metadata: columns that say which run a row is, which another sweep names otherwise."""
_LOG = getLogger(__name__)


def columns_of(fields: Sequence[str], values: Iterable[Mapping[str, Scalar]]) -> pa.Schema:
    """The columns of a row that say which run it is: its plan, the swept fields by their types, its replication."""
    rows = list(values)
    swept = [pa.field(path, _type([row.get(path) for row in rows])) for path in fields]
    head = [pa.field("plan", pa.string()), pa.field("base", pa.string())]
    return pa.schema([*head, *swept, pa.field("replication", pa.int64())])


def _type(values: Sequence[Scalar]) -> pa.DataType:
    kinds = {type(value) for value in values if value is not None}
    for kind, found in ((bool, pa.bool_()), (int, pa.int64())):
        if kinds == {kind}:
            return found
    return pa.float64() if kinds <= {int, float} else pa.string()


def write_rows(rows: Sequence[Mapping[str, Any]], columns: pa.Schema, folder: Path) -> None:
    """Write the rows of a batch as one file, which is there as a whole or not at all."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    arrays = {name: _array([row.get(name) for row in rows], name, columns) for name in names}
    keys = "".join(f"{row['key']} {row['replication']}\n" for row in rows)
    with whole_file(folder / f"batch-{sha256(keys.encode()).hexdigest()[:16]}.parquet") as draft:
        _write(pa.table(arrays), draft, columns)


def _array(values: list[Any], name: str, columns: pa.Schema) -> pa.Array:
    if name in columns.names:
        kind = columns.field(name).type
        texts = kind == pa.string()
        return pa.array([str(v) if texts and v is not None else v for v in values], kind)
    if name in _TEXTS:
        return pa.array(values, pa.string())
    found = pa.array(values)
    return found.cast(pa.float64()) if pa.types.is_null(found.type) else found


def known_runs(sweep: Path) -> set[RunKey]:
    """The runs whose rows lie in the folder of a sweep."""
    table, _ = _read(sweep, ["key", "replication"])
    return set() if table is None else set(zip(table["key"].to_pylist(), table["replication"].to_pylist(), strict=True))


def heads_of(file: pq.ParquetFile) -> list[str]:
    """The columns of a file that say which run a row is. Raises ValueError where simcost did not write it."""
    written = (file.schema_arrow.metadata or {}).get(_HEADS)
    if written is None:
        raise ValueError("no rows of a sweep or of `simcost results -o`")
    return list(map(str, json.loads(written)))


def with_heads(table: pa.Table, heads: Iterable[str]) -> pa.Table:
    """A table that says in its metadata which columns say which run, or which plan, a row is."""
    return table.replace_schema_metadata({_HEADS: json.dumps(sorted(heads)), b"simcost.format": b"1"})


def engines_of(path: Path) -> set[str]:
    """Engines that made the rows of a file. Raises LookupError or ValueError where no sweep wrote it."""
    with pq.ParquetFile(path) as file:
        heads_of(file)
        return set(file.read(["engine_version"])["engine_version"].to_pylist())


def read_dataset(folder: Path) -> tuple[pa.Table, list[str]]:
    """All rows of a dataset, each run once, and the columns that say which run it is."""
    heads, tables = list[str](), list[pa.Table]()
    for path in sorted(folder.glob("*.parquet")):
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            heads = heads_of(file)
            tables.append(file.read().replace_schema_metadata(None))
    if not tables:
        return pa.table({"plan": pa.array([], pa.string())}), ["plan"]
    table = pa.concat_tables(tables, promote_options="permissive")
    if len(tables) == 1:
        return table, heads
    runs = zip(table["plan"].to_pylist(), table["key"].to_pylist(), table["replication"].to_pylist(), strict=True)
    places = {run: place for place, run in enumerate(runs)}
    return (table if len(places) == len(table) else table.take(pa.array(places.values(), pa.int64()))), heads


def read_description(sweep: Path) -> dict[str, Any]:
    """The description of a sweep. Raises OSError or ValueError where it cannot be read."""
    found = json.loads((sweep / DESCRIPTION).read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ValueError(f"{DESCRIPTION} holds no description of a sweep")  # noqa: TRY004 - damage, not a wrong call
    return found


def missing_runs(description: Mapping[str, Any], rows: int) -> int:
    """Runs that an unfinished sweep has no row for; of a finished one a missing row is a fault."""
    return 0 if description["finished"] else max(int(description["runs"]) - rows, 0)


def damaged_parts(sweep: Path) -> list[Path]:
    """Files of a compacted dataset that have changed: they are named by their bytes."""
    parts = [path for name in (RUNS, OTHERS) for path in sorted((sweep / name).glob("part-*.parquet"))]
    return [path for path in parts if path.stem.rpartition("-")[2] != _name_of(path.read_bytes())]


def _name_of(content: bytes) -> str:
    return sha256(content).hexdigest()[:16]


def compact(
    wanted: Sequence[tuple[RunKey, Mapping[str, Any]]], columns: pa.Schema, sweep: Path
) -> tuple[list[Path], int]:
    """Rewrite a dataset: the rows that are wanted and there, in this order. All others are kept apart, in `OTHERS`.

    Args:
        wanted: runs, each with the values of the columns.
        columns: those that say which run a row is.
        sweep: its folder.

    Returns:
        The files of the dataset, and the number of rows that are kept apart.
    """
    table, read = _read(sweep, None)
    if table is None:
        for path in read:
            path.unlink(missing_ok=True)
        return [], 0
    keys = zip(table["key"].to_pylist(), table["replication"].to_pylist(), strict=True)
    places = {key: place for place, key in enumerate(keys)}
    found = [(places[key], head) for key, head in wanted if key in places]
    figures = table.take(pa.array([place for place, _ in found], pa.int64()))
    heads = {name: _array([head[name] for _, head in found], name, columns) for name in columns.names}
    ordered = pa.table({**heads, **{name: figures[name] for name in _figure_names(figures) if name not in heads}})
    rest = sorted(places.keys() - {key for key, _ in wanted})
    others = table.take(pa.array([places[key] for key in rest], pa.int64()))
    others = others.select([name for name in others.column_names if others[name].null_count < len(others)])
    written = _write_parts(ordered, sweep / RUNS, columns)
    apart = _write_parts(others, sweep / OTHERS, pa.schema([]))
    for path in set(read) - {*written, *apart}:
        path.unlink(missing_ok=True)
    return written, len(others)


def _figure_names(table: pa.Table) -> list[str]:
    """The columns of figures that have any, the same for the same rows: main figures first, texts last."""
    there = {name for name in table.column_names if table[name].null_count < len(table)} - {"replication"}
    middle = sorted(there - {*_MAIN, *_TEXTS})
    return [*(name for name in _MAIN if name in there), *middle, *(n for n in _TEXTS if n in there or n == "error")]


def _read(sweep: Path, names: Sequence[str] | None) -> tuple[pa.Table | None, list[Path]]:
    """Figures of all rows with their keys, or some columns, and their files; a damaged one goes with compaction.

    Raises:
        InputError: the system does not let a file be read, which may be whole.
    """
    paths = [path for name in (OTHERS, RUNS) for path in sorted((sweep / name).glob("*.parquet"))]
    tables = list[pa.Table]()
    for path in paths:
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                heads = set(heads_of(file))
                own = [name for name in file.schema_arrow.names if name not in heads or name in _OF_RUNS]
                tables.append(file.read(own if names is None else list(names)).replace_schema_metadata(None))
        except (OSError, pa.ArrowException, LookupError, ValueError, TypeError) as error:
            if isinstance(error, OSError) and error.errno:  # Arrow has no number for what is damaged
                raise InputError(f"{path}: cannot be read ({error}); nothing was changed") from error
            _LOG.warning("%s: no rows of a sweep (%s); they are simulated again", path, error)
    return (pa.concat_tables(tables, promote_options="permissive") if tables else None), paths


def _write_parts(rows: pa.Table, folder: Path, columns: pa.Schema) -> list[Path]:
    """Write rows as files of so many rows that each is read at once."""
    return [
        _write_part(rows.slice(first, ROWS_PER_PART), first // ROWS_PER_PART, folder, columns)
        for first in range(0, len(rows), ROWS_PER_PART)
    ]


def _write_part(rows: pa.Table, number: int, folder: Path, columns: pa.Schema) -> Path:
    """Write rows of a compacted dataset, unless they are there; a damaged file has their name too."""
    sink = pa.BufferOutputStream()
    _write(rows, sink, columns)
    found = sink.getvalue().to_pybytes()
    path = folder / f"part-{number:05d}-{_name_of(found)}.parquet"
    if not path.exists() or path.read_bytes() != found:
        with whole_file(path) as draft:
            draft.write_bytes(found)
    return path


def _write(rows: pa.Table, place: Any, columns: pa.Schema) -> None:
    pq.write_table(with_heads(rows, columns.names), place, compression="zstd", write_page_checksum=True)
