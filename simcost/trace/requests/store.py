"""The store of traces: one Parquet schema, its metadata, and reading it in batches.

Columns and metadata are described in docs/reference/trace-format.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from simcost.errors import TraceError
from simcost.tables.json_objects import finite_json
from simcost.trace.requests.batch import BATCH_ROWS, NO_SESSION, Ints, RequestBatch
from simcost.units import NS_PER_S

VERSION = 1
KEY = b"simcost.trace"
"""The metadata key; its value is a JSON object."""
MAX_TOKENS = 10_000_000
"""Largest token count believed; no context window is longer (2026)."""
UNITS = {"arrival_ns": "ns", "prompt_tokens": "tokens", "output_tokens": "tokens"}

_LABEL = pa.dictionary(pa.int32(), pa.string())
REQUIRED = {"arrival_ns": pa.int64(), "prompt_tokens": pa.int32(), "output_tokens": pa.int32()}
OPTIONAL = {
    "model": _LABEL,
    "adapter": _LABEL,
    "tenant": _LABEL,
    "session": _LABEL,
    "priority": pa.int16(),
    "prefix_hashes": pa.list_(pa.int64()),
    "cached_tokens": pa.int32(),
    "ttft_s": pa.float64(),
    "e2e_s": pa.float64(),
    "status": _LABEL,
}


def trace_schema(optional: Sequence[str] = ()) -> pa.Schema:
    """The Arrow schema of a trace with these optional columns."""
    required = [pa.field(name, kind, nullable=False) for name, kind in REQUIRED.items()]
    return pa.schema(required + [pa.field(name, OPTIONAL[name]) for name in OPTIONAL if name in optional])


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceInfo:
    """Metadata in the footer of a stored trace."""

    path: Path
    rows: int
    span_ns: int
    """Length of the recorded time; no arrival is later."""
    start_utc: str | None
    """ISO time of arrival_ns = 0, where known."""
    source: str
    block_tokens: int | None
    """Tokens per block of `prefix_hashes`."""
    columns: tuple[str, ...]
    models: dict[str, int]
    """Requests of each model that the log names, the most frequent first; empty where it names none."""

    @property
    def span_s(self) -> float:
        """Length of the recorded time in seconds."""
        return self.span_ns / NS_PER_S


def open_trace(path: Path) -> TraceInfo:
    """Read and check the footer of a stored trace.

    Raises:
        TraceError: missing, empty, truncated, no Parquet, or not of the schema; the message says which.
    """
    with _parquet(path) as file:
        said = _metadata(path, file)
        columns = tuple(file.schema_arrow.names)
        info = TraceInfo(
            path=path,
            rows=file.metadata.num_rows,
            columns=columns,
            span_ns=said["span_ns"],
            start_utc=said["start_utc"],
            source=said["source"],
            block_tokens=said["block_tokens"],
            models=said["models"],
        )
    if info.rows == 0:
        raise TraceError(f"{path}: the trace is empty; import a log with at least one request")
    return info


def read_tables(path: Path, columns: Sequence[str], batch_rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
    """The named columns in storage order; holds about one row group at a time.

    Raises:
        TraceError: as `open_trace`, or when the data are damaged.
    """
    rows = left = open_trace(path).rows
    with _parquet(path) as file:
        try:
            for batch in file.iter_batches(batch_size=batch_rows, columns=list(columns)):
                batch.validate(full=True)  # text may be no UTF-8
                left -= len(batch)
                yield batch
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise TraceError(f"{path}: damaged: {error}; import the log again") from error
    if left:
        raise TraceError(f"{path}: damaged: {rows - left:,} of its {rows:,} requests are there; import the log again")


def read_batches(path: Path, batch_rows: int = BATCH_ROWS) -> Iterator[RequestBatch]:
    """The requests of a stored trace, streamed and checked.

    Raises:
        TraceError: as `read_tables`, or when arrivals are not in order or a value is impossible.
    """
    for batch, _ in read_labelled(path, (), batch_rows):
        yield batch


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelNumbers:
    """Numbers of the labels of a column."""

    column: str
    numbers: Mapping[str, int]
    others: int
    """Of every other label, and of none."""

    def of(self, labels: pa.Array) -> npt.NDArray[np.int16]:
        """The number of each label of a dictionary column."""
        numbers = [self.numbers.get(name, self.others) for name in labels.dictionary.to_pylist()]
        at = labels.indices.fill_null(len(numbers)).to_numpy(zero_copy_only=False)
        found: npt.NDArray[np.int16] = np.array([*numbers, self.others], np.int16)[at]
        return found


def read_with_sessions(
    path: Path,
    batch_rows: int = BATCH_ROWS,
    *,
    prefixes: bool = False,
    adapters: LabelNumbers | None = None,
    tenants: LabelNumbers | None = None,
) -> Iterator[RequestBatch]:
    """The same, each request with the number of its conversation and its priority where the trace has them, with the
    hashes of its prefix if asked, and with the numbers of its adapter and its tenant where their columns are told.

    Raises:
        TraceError: as `read_batches`.
    """
    there = open_trace(path).columns
    of_labels = [one.column for one in (adapters, tenants) if one is not None]
    asked = dict.fromkeys(("session", "priority", *(["prefix_hashes"] if prefixes else []), *of_labels))
    labels = [name for name in asked if name in there]
    names: dict[str, int] = {}
    for batch, columns in read_labelled(path, labels, batch_rows):
        session = numbered(columns["session"], names) if "session" in columns else None
        priority = None
        if "priority" in columns:
            priority = columns["priority"].fill_null(0).to_numpy(zero_copy_only=False).astype(np.int16)
        yield replace(
            batch,
            session=session,
            priority=priority,
            prefix=columns.get("prefix_hashes"),
            tenant=tenants.of(columns[tenants.column]) if tenants and tenants.column in columns else None,
            adapter=adapters.of(columns[adapters.column]) if adapters and adapters.column in columns else None,
        )


def numbered(labels: pa.Array, names: dict[str, int]) -> Ints:
    """A number for each label of a dictionary column; `names` grows by those that are new."""
    numbers = [names.setdefault(name, len(names)) for name in labels.dictionary.to_pylist()]
    at = labels.indices.fill_null(len(numbers)).to_numpy(zero_copy_only=False)
    session: Ints = np.array([*numbers, NO_SESSION], np.int64)[at]
    return session


def read_labelled(
    path: Path, labels: Sequence[str], batch_rows: int = BATCH_ROWS
) -> Iterator[tuple[RequestBatch, dict[str, pa.Array]]]:
    """The same with further columns of the trace, as they are stored."""
    row, last_ns = 0, 0
    for table in read_tables(path, [*REQUIRED, *labels], batch_rows):
        columns = table.columns[: len(REQUIRED)]
        if any(column.null_count for column in columns):
            raise TraceError(f"{path}: missing values after row {row}; import the log again")
        batch = RequestBatch(*(column.to_numpy() for column in columns))
        if len(batch):
            _check(path, batch, row, last_ns)
            last_ns = int(batch.arrival_ns[-1])
            row += len(batch)
            yield batch, {label: table.column(label) for label in labels}


def _check(path: Path, batch: RequestBatch, row: int, last_ns: int) -> None:
    """Raise TraceError unless arrivals go on from `last_ns` in order and tokens are at least 1."""
    back = np.diff(batch.arrival_ns, prepend=last_ns) < 0
    if back.any():
        raise TraceError(
            f"{path}: row {row + int(back.argmax()) + 1}: arrival_ns is earlier than before; "
            "import the log again, which sorts it"
        )
    for name in ("prompt_tokens", "output_tokens"):
        values = getattr(batch, name)
        if values.min() < 1:
            raise TraceError(
                f"{path}: row {row + int(values.argmin()) + 1}: {name} is {values.min()}; "
                "it must be at least 1; import the log again"
            )


def _parquet(path: Path) -> Any:
    """An open Parquet file, or a TraceError that says why not."""
    if not path.is_file():
        raise TraceError(
            f"{path}: {'is not a file' if path.exists() else 'no such file'}; "
            "give the Parquet file that `simcost trace import` wrote"
        )
    if path.stat().st_size == 0:
        raise TraceError(f"{path}: the file is empty; import the log again")
    try:
        return pq.ParquetFile(path, pre_buffer=False, page_checksum_verification=True)  # else the whole file is held
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise TraceError(
            f"{path}: no Parquet file, or a truncated one; if it is a log, convert it with "
            f"`simcost trace import`, else import again"
        ) from error


def _metadata(path: Path, file: Any) -> dict[str, Any]:
    """The JSON object of the footer, after checking it and the columns."""
    _check_columns(path, file.schema_arrow)
    remedy = "convert it with `simcost trace import FILE --format parquet`"
    try:
        said = finite_json((file.metadata.metadata or {})[KEY])
        version, rows = int(said["version"]), int(said["rows"])
        said = {
            "span_ns": int(said["span_ns"]),
            "start_utc": said["start_utc"],
            "source": str(said["source"]),
            "block_tokens": said["block_tokens"],
            "models": {str(name): int(count) for name, count in dict(said.get("models", {})).items()},
        }
    except (KeyError, TypeError, ValueError) as error:
        raise TraceError(f"{path}: Parquet, but not a simcost trace: no metadata; {remedy}") from error
    if version != VERSION:
        raise TraceError(f"{path}: trace format {version}, but this version reads {VERSION}; import again")
    if rows != file.metadata.num_rows:
        raise TraceError(f"{path}: {file.metadata.num_rows} rows, but {rows} were written; import again")
    return said


def _check_columns(path: Path, schema: pa.Schema) -> None:
    """Raise TraceError for columns that are missing, unknown or of another type; all of them at once."""
    known = REQUIRED | OPTIONAL
    faults = [f"no column {name}" for name in REQUIRED if name not in schema.names]
    faults += [f"unknown column {name}" for name in schema.names if name not in known]
    faults += [
        f"{field.name} is {field.type}, not {known[field.name]}"
        for field in schema
        if field.name in known and field.type != known[field.name]
    ]
    if faults:
        raise TraceError(
            f"{path}: not a simcost trace: {'; '.join(faults)}; convert it with "
            "`simcost trace import FILE --format parquet --map NAME=COLUMN`"
        )
