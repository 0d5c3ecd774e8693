"""Stored runs in memory: a server that prices the same runs again and again reads each of them once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from simcost.scenario.storage.folders import stamp_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A ledger in memory, and the files that it was read from."""

    stamp: object
    ledger: Any
    size_bytes: int


class LedgerMemory:
    """The ledgers that were read last, up to so many bytes; one whose files have changed is read again."""

    def __init__(self, most_bytes: int = 0) -> None:
        self.most_bytes = most_bytes
        """0 = nothing is kept, as in a command, which reads each run once."""
        self.size_bytes = 0
        """Bytes of the arrays and tables of all that is kept."""
        self._known: OrderedDict[Path, _Known] = OrderedDict()
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
            new = _Known(stamp=stamp_of(place), ledger=ledger, size_bytes=_bytes_of(ledger))
            with self._lock:
                self._forget(place)
                self._known[place] = new
                self.size_bytes += new.size_bytes
                while self.size_bytes > self.most_bytes:
                    self._forget(next(iter(self._known)))
        return ledger

    def _forget(self, place: Path) -> None:
        old = self._known.pop(place, None)
        self.size_bytes -= old.size_bytes if old is not None else 0


MEMORY = LedgerMemory()
"""Of this process."""


def _bytes_of(value: Any) -> int:
    if isinstance(value, np.ndarray | pa.Table):
        return int(value.nbytes)
    if is_dataclass(value):
        return sum(_bytes_of(getattr(value, field.name)) for field in fields(value))
    return sum(map(_bytes_of, value)) if isinstance(value, tuple | list) else 0
