"""Stored runs in memory: a server that prices the same runs again and again reads each of them once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from simcost.scenario.storage.folders import stamp_of

T = TypeVar("T")
_MOST_MADE = 4
"""Values that are kept of a ledger."""


@dataclass(slots=True, kw_only=True)
class _Known:
    """A ledger in memory, the files that it was read from, and what was computed of it."""

    stamp: object
    ledger: Any
    size_bytes: int = 0
    made: list[tuple[object, Any]] = field(default_factory=list)
    """Values with their keys, the latest last."""


class LedgerMemory:
    """The ledgers that were read last, up to so many bytes; one whose files have changed is read again."""

    def __init__(self, most_bytes: int = 0) -> None:
        self.most_bytes = most_bytes
        """0 = nothing is kept, as in a command, which reads each run once."""
        self.size_bytes = 0
        """Bytes of the arrays and tables of all that is kept."""
        self._known: OrderedDict[Path, _Known] = OrderedDict()
        self._places: dict[int, Path] = {}
        """Of the ledgers, by their identity."""
        self._lock = Lock()

    def of(self, folder: Path, load: Callable[[Path], T]) -> T:
        """The ledger of a folder, known or loaded. Raises as `load`."""
        if not self.most_bytes:
            return load(folder)
        place = folder.resolve()  # results that share a run name it each by its own folder
        stamp = stamp_of(place)
        with self._lock:
            known = self._known.get(place)
            if known is not None and known.stamp == stamp:
                self._known.move_to_end(place)
                found: T = known.ledger
                return found
        return self.keep(folder, load(folder))

    def keep(self, folder: Path, ledger: T) -> T:
        """The ledger, which the files of the folder hold."""
        if self.most_bytes:
            place = folder.resolve()
            new, size_bytes = _Known(stamp=stamp_of(place), ledger=ledger), _bytes_of(ledger)
            with self._lock:
                self._forget(place)
                self._known[place], self._places[id(ledger)] = new, place
                self._grow(new, size_bytes)
        return ledger

    def computed(self, ledger: Any, key: object, compute: Callable[[], T]) -> T:
        """A value that depends on a ledger and a key alone: computed once for a ledger in memory, for others each time.

        Args:
            ledger: as `of` or `keep` has returned it.
            key: compared by `==`.
            compute: computes it.
        """
        with self._lock:
            known = self._of(ledger)
            for one, value in known.made if known is not None else ():
                if one == key:
                    found: T = value
                    return found
        new = compute()
        with self._lock:
            if (known := self._of(ledger)) is not None:
                known.made = [*known.made[1 - _MOST_MADE :], (key, new)]
                self._grow(known, _bytes_of(new))
        return new

    def _of(self, ledger: Any) -> _Known | None:
        place = self._places.get(id(ledger))
        return None if place is None else self._known.get(place)

    def _grow(self, known: _Known, size_bytes: int) -> None:
        """Count what is kept, and forget what is too much."""
        known.size_bytes += size_bytes
        self.size_bytes += size_bytes
        while self.size_bytes > self.most_bytes:
            self._forget(next(iter(self._known)))

    def _forget(self, place: Path) -> None:
        old = self._known.pop(place, None)
        if old is not None:
            self.size_bytes -= old.size_bytes
            self._places.pop(id(old.ledger), None)


MEMORY = LedgerMemory()
"""Of this process."""


def _bytes_of(value: Any) -> int:
    if isinstance(value, np.ndarray | pa.Table):
        return int(value.nbytes)
    if is_dataclass(value):
        return sum(_bytes_of(getattr(value, field.name)) for field in fields(value))
    return sum(map(_bytes_of, value)) if isinstance(value, tuple | list) else 0
