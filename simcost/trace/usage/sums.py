"""Sums of usage: rows of a file of one line, time and price become one, in memory that follows what differs.

Rows of a line that is counted, such as tokens, become one for each calendar month in which they begin, so that a row
for each request takes no memory.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from simcost.trace.usage.usage import Floats, Ints, is_counted, months_of_starts

Columns = dict[str, npt.NDArray[Any]]
PRICES = ("price_usd", "list_usd", "contracted_usd")
"""Columns of prices, as in `UsageRows`."""
MERGE_ROWS = 1_000_000
"""Rows that wait at least before they are added up."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UsageBatch:
    """Some rows of a file, as in `UsageRows`; keys, lines and machines are numbered for themselves."""

    start_s: Floats
    end_s: Floats
    quantity: Floats
    prices_usd: Mapping[str, Floats]
    """Those of `PRICES` that the file has."""
    interrupted: npt.NDArray[np.bool_] | None
    keys: tuple[tuple[str, ...], ...]
    line: Ints
    first: Ints
    """Number of the row in the file, from 0."""
    machines: tuple[str, ...]
    resource: Ints | None
    """Indices into `machines`, an empty one for rows that name none."""


@dataclass(slots=True)
class UsageSums:
    """Rows gathered; quantities are added in the order of the file, so that batches leave no trace in the sums.

    Rows of named machines, and those that the provider interrupted, stay apart.
    """

    machines: bool
    """True if the file names its machines."""
    keys_known: dict[tuple[str, ...], int] = field(default_factory=dict)
    machines_known: dict[str, int] = field(default_factory=dict)
    _parts: list[Columns] = field(default_factory=list)
    """Rows that wait to be added up."""
    _sums: Columns | None = None
    _waiting: int = 0

    def add(self, batch: UsageBatch) -> None:
        """Take rows that follow those taken before."""
        line = np.array([self.keys_known.setdefault(key, len(self.keys_known)) for key in batch.keys], np.int64)
        part: Columns = {
            "start_s": batch.start_s,
            "end_s": batch.end_s,
            "quantity": batch.quantity,
            "line": line[batch.line],
            "first": batch.first,
        }
        part |= batch.prices_usd
        if batch.interrupted is not None:
            part["interrupted"] = batch.interrupted
        if batch.resource is None:
            part["file_rows"] = np.ones(len(batch.line), np.int64)
        else:
            known = self.machines_known
            codes = np.array([known.setdefault(name, len(known)) if name else -1 for name in batch.machines], np.int64)
            part["resource"] = codes[batch.resource]
        self._parts.append(part)
        self._waiting += len(batch.line)
        if not self.machines and self._waiting >= max(self._merged // 2, MERGE_ROWS):
            self._sums, self._waiting = self._merge(), 0

    def keys(self) -> tuple[tuple[str, ...], ...]:
        """The lines, in alphabetical order."""
        return tuple(sorted(self.keys_known))

    def columns(self) -> Columns:
        """All rows, in the order of the file; lines are indices into `keys`."""
        found = self._joined() if self.machines else self._merge()
        rank = np.empty(len(self.keys_known), np.int64)
        rank[[self.keys_known[key] for key in self.keys()]] = np.arange(len(rank))
        found["line"] = rank[found["line"]]
        order = np.lexsort((found["line"], found["first"]))
        for name in found:
            found[name] = found[name][order]
        absent = {
            **dict.fromkeys(PRICES, np.broadcast_to(np.nan, len(order))),
            "interrupted": np.broadcast_to(np.False_, len(order)),
        }
        return absent | found

    @property
    def _merged(self) -> int:
        return 0 if self._sums is None else len(self._sums["line"])

    def _joined(self) -> Columns:
        """The parts as one, column by column, so that no two whole copies are held."""
        names = list(self._parts[0])
        found = {name: np.concatenate([part.pop(name) for part in self._parts]) for name in names}
        self._parts = []
        return found

    def _merge(self) -> Columns:
        """The sums with the rows that wait, of which only those of the same times can belong together."""
        if not self._parts:
            return self._sums or {}
        new = self._joined()
        if self._sums is None:
            return self._added_up(new)
        known, self._sums = self._sums, None
        meets = (known["start_s"] <= new["start_s"].max()) & (known["start_s"] >= new["start_s"].min())
        meets |= self._counted(known)
        found = self._added_up({name: np.concatenate((known[name][meets], new.pop(name))) for name in list(new)})
        return {name: np.concatenate((known.pop(name)[~meets], found.pop(name))) for name in list(found)}

    def _counted(self, found: Columns) -> npt.NDArray[np.bool_]:
        return np.array([is_counted(key) for key in self.keys_known], np.bool_)[found["line"]]

    def _added_up(self, found: Columns) -> Columns:
        """Rows of one line, time and price as one, by its first row."""
        counted = self._counted(found)
        start = found["start_s"].copy()
        start[counted] = months_of_starts(start[counted])
        keys = [np.where(counted, 0.0, found["end_s"]), start, found["line"]]
        for name in PRICES:
            if name in found:
                keys.insert(0, found[name].view(np.int64))
        if "interrupted" in found:
            keys.insert(0, np.where(found["interrupted"], found["first"], -1))
        order = np.lexsort(keys)
        new = np.ones(len(order), np.bool_)
        new[1:] = False
        for key in keys:
            new[1:] |= np.diff(key[order]) != 0
        begin = order[new]
        group = np.cumsum(new) - 1
        merged = {name: column[begin] for name, column in found.items()}
        first = np.flatnonzero(new)
        merged["start_s"] = np.minimum.reduceat(found["start_s"][order], first)
        merged["end_s"] = np.maximum.reduceat(found["end_s"][order], first)
        for name in ("quantity", "file_rows"):
            merged[name] = np.bincount(group, found[name][order], minlength=len(begin)).astype(found[name].dtype)
        return merged
