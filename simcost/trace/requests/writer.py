"""Writer of traces: whole or not at all, sorted by arrival in bounded memory whatever the order of the rows.

The time axis is cut where a sample of the arrivals says that about `CHUNK_ROWS` rows lie; for each cut the row
groups that overlap it are read, filtered, sorted (stable) and handed on. A log that is nearly in order is
read about once; one in random order is read once per cut.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simcost.errors import TraceError
from simcost.outputs import new_draft, new_folders, output_file, remove_empty, writing
from simcost.trace.requests.batch import BATCH_ROWS, RequestBatch
from simcost.trace.requests.store import KEY, REQUIRED, UNITS, VERSION, trace_schema
from simcost.units import NS_PER_S

SAMPLE_EVERY = 256
CHUNK_ROWS = 2_097_152
_EVER = np.iinfo(np.int64).max


def sorted_tables(path: Path, sample: npt.NDArray[np.int64]) -> Iterator[pa.Table]:
    """The rows of a Parquet file by its first column, `arrival_ns`.

    Args:
        path: the file; equal arrivals keep its order.
        sample: about every `SAMPLE_EVERY`-th arrival.
    """
    cuts = np.unique(np.sort(sample)[:: CHUNK_ROWS // SAMPLE_EVERY])[1:]
    bounds = [-_EVER - 1, *map(int, cuts), _EVER]
    with pq.ParquetFile(path, pre_buffer=False) as file:
        for low, high in pairwise(bounds):
            table = pa.concat_tables(_between(file, low, high)).unify_dictionaries().combine_chunks()
            order = np.argsort(table["arrival_ns"].to_numpy(), kind="stable")
            yield table.take(pa.array(order))


def _between(file: pq.ParquetFile, low: int, high: int) -> Iterator[pa.Table]:
    """The rows of each row group with low <= arrival < high."""
    yield file.schema_arrow.empty_table()
    for group in range(file.num_row_groups):
        seen = file.metadata.row_group(group).column(0).statistics
        if seen.min < high and seen.max >= low:
            table = file.read_row_group(group)
            arrival = table["arrival_ns"]
            inside = pc.and_(pc.greater_equal(arrival, low), pc.less(arrival, high))
            yield table.filter(inside)


Origin = Literal["start", "relative", "epoch"]
"""Origin of arrivals: the start of the trace; some unknown instant; 1970-01-01 UTC.
With the latter two the first arrival becomes 0, with the last it also becomes the start time."""


_MODELS = 50  # names kept in the metadata


class TraceWriter:
    """A context manager that writes one trace.

    Rows may come in any order: late ones are counted in `late_rows`, and the file is sorted on leaving
    (stable, external: `simcost.trace.requests.writer`). The file appears under its name only when complete; after an
    error or Ctrl-C nothing is left.

    Attributes:
        origin: what the arrivals written count from; to be set before the first row.
        span_ns: length of the recorded time; None = up to the last arrival.
        start_s: of the start of the trace, seconds since 1970, where arrivals count from it and it is known.
        rows: rows written.
        late_rows: rows that came after a later one.
    """

    def __init__(
        self,
        path: Path,
        *,
        source: str,
        optional: Sequence[str] = (),
        origin: Origin = "start",
        span_ns: int | None = None,
        block_tokens: int | None = None,
        start_s: int | None = None,
    ) -> None:
        self.path, self.source, self.origin, self.span_ns = path, source, origin, span_ns
        self.start_s = start_s
        self.block_tokens = block_tokens
        self.schema = trace_schema(optional)
        self.rows = self.late_rows = 0
        self._pending: list[pa.Table] = []
        self._pending_rows = 0
        self._sample: list[npt.NDArray[np.int64]] = []
        self._first = self._low = self._high = 0
        self._models: Counter[str] = Counter()

    def __enter__(self) -> Self:
        with writing(self.path):
            self._target = output_file(self.path)
            self._new_folders = new_folders(self._target.parent)
            self._target.parent.mkdir(parents=True, exist_ok=True)
            self._spool, self._ordered = (new_draft(self._target.parent) for _ in range(2))
            try:
                self._file = self._open(self._spool)
            except BaseException:  # the disk is full: the first bytes are written here
                self._spool.unlink(missing_ok=True)
                remove_empty(self._new_folders)
                raise
        return self

    def write(self, table: pa.Table) -> None:
        """Append rows; the columns are those of the schema, arrival_ns counted from the origin."""
        if table.num_rows == 0:
            return
        self._watch(table["arrival_ns"].to_numpy())
        self._pending.append(table.select(self.schema.names).cast(self.schema))
        if "model" in self.schema.names:
            for item in table["model"].drop_null().value_counts().to_pylist():
                self._models[item["values"]] += item["counts"]
        self._pending_rows += table.num_rows
        if self._pending_rows >= BATCH_ROWS:
            with writing(self.path):
                self._flush()

    def write_batch(self, batch: RequestBatch) -> None:
        """Append the requests of a batch."""
        self.write(required_columns(batch))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                with writing(self.path):
                    self._finish()
        finally:
            with suppress(Exception):
                self._file.close()
            for path in (self._spool, self._ordered):
                path.unlink(missing_ok=True)
            remove_empty(self._new_folders)

    def _open(self, path: Path) -> pq.ParquetWriter:
        return pq.ParquetWriter(path, self.schema, compression="zstd", write_page_checksum=True)

    def _watch(self, arrival: npt.NDArray[np.int64]) -> None:
        """Note order, extremes and a sample of the arrivals."""
        if self.rows == 0:
            self._first = self._low = self._high = int(arrival[0])
        before = np.maximum.accumulate(np.concatenate([[self._high], arrival]))
        self.late_rows += int((arrival < before[:-1]).sum())
        self._low, self._high = min(self._low, int(arrival.min())), int(before[-1])
        self._sample.append(arrival[::SAMPLE_EVERY].copy())
        self.rows += len(arrival)

    def _flush(self) -> None:
        """Write the pending rows, counted from the first arrival unless from the start."""
        if not self._pending:
            return
        table = pa.concat_tables(self._pending).unify_dictionaries()
        shift = 0 if self.origin == "start" else self._first
        self._file.write_table(shifted(table, -shift), row_group_size=BATCH_ROWS)
        self._pending, self._pending_rows = [], 0

    def _finish(self) -> None:
        if self.rows == 0:
            raise TraceError(f"{self.source}: no requests; nothing was written")
        self._flush()
        zero = 0 if self.origin == "start" else self._low
        if not self.late_rows:
            self._seal(self._file, zero, self._spool)
            return
        self._file.close()
        self._file = self._open(self._ordered)
        back = 0 if self.origin == "start" else self._first - self._low
        sample = np.concatenate(self._sample) - (0 if self.origin == "start" else self._first)
        for table in sorted_tables(self._spool, sample):
            self._file.write_table(shifted(table, back), row_group_size=BATCH_ROWS)
        self._seal(self._file, zero, self._ordered)

    def _seal(self, file: Any, zero: int, temporary: Path) -> None:
        """Add the metadata, close, and give the file its name."""
        said = {
            "version": VERSION,
            "units": UNITS,
            "source": self.source,
            "rows": self.rows,
            "span_ns": self._high - zero if self.span_ns is None else self.span_ns,
            "start_utc": self._start_utc(zero),
            "block_tokens": self.block_tokens,
            "models": dict(self._models.most_common(_MODELS)),
        }
        file.add_key_value_metadata({KEY: json.dumps(said)})
        file.close()
        temporary.replace(self._target)

    def _start_utc(self, zero: int) -> str | None:
        if self.origin == "epoch":
            return iso_utc(zero)
        return None if self.start_s is None else iso_utc(self.start_s * NS_PER_S)


def required_columns(batch: RequestBatch) -> pa.Table:
    """The requests of a batch with the columns that each trace has."""
    return pa.table([batch.arrival_ns, batch.prompt_tokens, batch.output_tokens], names=list(REQUIRED))


def shifted(table: pa.Table, by_ns: int) -> pa.Table:
    """The table with `by_ns` added to its arrivals."""
    if by_ns == 0:
        return table
    arrival = pa.array(table["arrival_ns"].to_numpy() + by_ns)
    return table.set_column(0, table.schema.field(0), arrival)


def iso_utc(epoch_ns: int) -> str:
    """`2023-11-16T18:15:46.680590000Z`: nanoseconds since 1970, written exactly."""
    seconds, rest = divmod(epoch_ns, NS_PER_S)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
