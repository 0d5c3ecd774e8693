"""Sums by key over many chunks: memory grows with the distinct keys, not with the rows."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from simcost.tables.cells import Floats, Ints
from simcost.trace.focus.cells import Words

_PENDING_ROWS = 500_000


class Names:
    """Numbers for names, the same in every chunk; 0 is no name."""

    def __init__(self, rename: Callable[[str], str] = str) -> None:
        self.names = [""]
        self._rename = rename
        self._codes = {"": 0}
        self._seen: dict[str, int] = {}

    def codes(self, words: Words) -> Ints:
        """The number of the name of each row."""
        found = [self.code(word) for word in words.distinct.to_pylist()]
        codes: Ints = np.array([*found, 0], np.int64)[words.codes]
        return codes

    def code(self, word: str) -> int:
        """The number of one name."""
        if word not in self._seen:
            name = self._rename(word)
            new = self._codes.setdefault(name, len(self.names))
            if new == len(self.names):
                self.names.append(name)
            self._seen[word] = new
        return self._seen[word]


class Sums:
    """Adds up values of rows with equal keys.

    Args:
        keys: names of the key columns; their values are integers.
        values: names of the columns to add up.
    """

    def __init__(self, keys: Sequence[str], values: Sequence[str]) -> None:
        self.keys, self.values = list(keys), list(values)
        self._parts: list[pa.Table] = []
        self._pending = self._kept = 0

    def add(self, keys: Mapping[str, npt.NDArray[np.int64]], values: Mapping[str, Floats]) -> None:
        """The rows of a chunk."""
        if not len(next(iter(keys.values()))):
            return
        part = pa.table({name: pa.array(column) for name, column in {**keys, **values}.items()})
        self._parts.append(self._added(part))
        self._pending += self._parts[-1].num_rows
        if self._pending > max(_PENDING_ROWS, self._kept):
            self._parts = [self.table()]
            self._kept, self._pending = self._parts[0].num_rows, 0

    def table(self) -> pa.Table:
        """One row per key, in the order of the keys."""
        if not self._parts:
            empty = {name: pa.int64() for name in self.keys} | {name: pa.float64() for name in self.values}
            return pa.schema(list(empty.items())).empty_table()
        return self._added(pa.concat_tables(self._parts)).sort_by([(name, "ascending") for name in self.keys])

    def _added(self, table: pa.Table) -> pa.Table:
        grouped = table.group_by(self.keys, use_threads=False).aggregate(
            [(name, "sum") for name in self.values]
        )
        return grouped.select([*self.keys, *(f"{name}_sum" for name in self.values)]).rename_columns(
            [*self.keys, *self.values]
        )


def named(table: pa.Table, names: Mapping[str, Names]) -> pa.Table:
    """The table with the names behind the numbers, as dictionary columns."""
    for key, known in names.items():
        codes = table[key].to_numpy().astype(np.int32)
        labels = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(known.names, pa.string()))
        table = table.set_column(table.schema.get_field_index(key), key, labels)
    return table
