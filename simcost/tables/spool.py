"""Columns of a long table in a temporary file: one is read when it is asked for, so that not all are in memory."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from weakref import finalize

import pyarrow as pa

from simcost.errors import TraceError

SPOOL_ROWS = 1_000_000
"""Rows of a table from which its columns are spooled."""


class ColumnSpool(Mapping[str, pa.Array]):
    """Columns that lie in memory while they are few rows, else in a temporary file that vanishes with them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: list[str] = []
        self._waiting: dict[str, list[pa.Array]] = {}
        self._rows = 0
        self._writer: Any = None
        self._file: Any = None

    def add(self, columns: Mapping[str, pa.Array]) -> None:
        """Rows that follow those added before. Raises TraceError if there is no room for them."""
        for name, column in columns.items():
            self._waiting.setdefault(name, []).append(_plain(column))
        self._names = list(self._waiting)
        self._rows += len(next(iter(columns.values())))
        if self._rows > SPOOL_ROWS:
            self._write()

    def _write(self) -> None:
        try:
            for parts in zip(*self._waiting.values(), strict=True):
                batch = pa.record_batch(list(parts), names=self._names)
                if self._writer is None:
                    self._file = TemporaryFile()  # noqa: SIM115  # lives as long as the columns
                    finalize(self, self._file.close)
                    self._writer = pa.ipc.new_file(
                        self._file, batch.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")
                    )
                self._writer.write_batch(batch)
        except OSError as error:
            raise TraceError(f"{self._path}: no room for a temporary copy of its columns: {error}") from error
        self._waiting = {name: [] for name in self._names}

    def finish(self) -> None:
        """Make all rows readable."""
        if self._writer is not None:
            self._write()
            self._writer.close()

    def __getitem__(self, name: str) -> pa.Array:
        if name not in self._names:
            raise KeyError(name)
        if self._writer is None:
            return joined(self._waiting[name])
        options = pa.ipc.IpcReadOptions(included_fields=[self._names.index(name)])
        self._file.seek(0)
        return joined(pa.ipc.open_file(self._file, options=options).read_all().column(0).chunks)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names


def _plain(column: pa.Array) -> pa.Array:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def joined(arrays: Sequence[pa.Array]) -> pa.Array:
    """Arrays of one type one after the other."""
    one = pa.chunked_array([_plain(array) for array in arrays]).combine_chunks()
    return one if isinstance(one, pa.Array) else pa.concat_arrays(one.chunks)
