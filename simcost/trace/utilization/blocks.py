"""Blocks of rows of numbers: in memory while they are few, else in a temporary file, from which parts are read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from weakref import finalize

import numpy as np
import numpy.typing as npt

from simcost.errors import TraceError

HELD_ROWS = 2_000_000
"""Rows that are held in memory; of more, all lie in a file."""
Columns = Mapping[tuple[str, str], npt.NDArray[Any]]
"""Arrays of equal length by kind and name."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """Place of a column of one block in the file."""

    dtype: np.dtype[Any]
    offset: int


class RowBlocks:
    """Blocks of columns that are alike in all blocks.

    Args:
        path: the file that they were read from, for messages.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: list[Columns] = []
        self._stored: list[dict[tuple[str, str], _Stored]] = []
        self._file: Any = None
        self._at = 0
        self.rows: list[int] = []
        """Of each block."""

    def append(self, columns: Columns) -> None:
        """Add a block. Raises TraceError if the disk is full."""
        self.rows.append(len(next(iter(columns.values()))))
        self._held.append(columns)
        if self._file is None and sum(self.rows) <= HELD_ROWS:
            return
        try:
            if self._file is None:
                self._file = TemporaryFile()  # noqa: SIM115 - lives as long as the blocks
                finalize(self, self._file.close)
            for block in self._held:
                self._stored.append({name: self._write(column) for name, column in block.items()})
        except OSError as error:
            raise TraceError(f"{self._path}: no room for a temporary copy of its rows: {error}") from error
        self._held = []

    def _write(self, column: npt.NDArray[Any]) -> _Stored:
        place = _Stored(column.dtype, self._at)
        self._file.seek(self._at)
        self._at += self._file.write(np.ascontiguousarray(column).data)
        return place

    def read(self, block: int, begin: int = 0, end: int | None = None) -> dict[tuple[str, str], npt.NDArray[Any]]:
        """Some rows of a block."""
        end = self.rows[block] if end is None else end
        if self._file is None:
            return {name: column[begin:end] for name, column in self._held[block].items()}
        self._file.flush()
        return {name: self._read(place, begin, end) for name, place in self._stored[block].items()}

    def _read(self, place: _Stored, begin: int, end: int) -> npt.NDArray[Any]:
        self._file.seek(place.offset + begin * place.dtype.itemsize)
        return np.fromfile(self._file, place.dtype, end - begin)
