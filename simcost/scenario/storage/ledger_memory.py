"""Stored runs in memory: a server that prices the same runs again and again reads each of them once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from simcost.scenario.storage.folders import stamp_of

T = TypeVar("T")


class LedgerMemory:
    """The ledgers that were read last, up to so many bytes; one whose files have changed is read again."""

    def __init__(self, most_bytes: int = 0) -> None:
        self.most_bytes = most_bytes
        """0 = nothing is kept, as in a command, which reads each run once."""
        self._known: OrderedDict[Path, tuple[object, Any]] = OrderedDict()
        self._lock = Lock()

    def of(self, folder: Path, load: Callable[[Path], T]) -> T:
        """The ledger of a folder, known or loaded. Raises as `load`."""
        if not self.most_bytes:
            return load(folder)
        place, stamp = folder.resolve(), stamp_of(folder)
        with self._lock:
            known = self._known.get(place)
            if known is not None and known[0] == stamp:
                self._known.move_to_end(place)
                found: T = known[1]
                return found
        return self.keep(folder, load(folder))

    def keep(self, folder: Path, ledger: T) -> T:
        """The ledger, which the files of the folder hold."""
        if self.most_bytes:
            with self._lock:
                self._known[folder.resolve()] = (stamp_of(folder), ledger)
                self._known.move_to_end(folder.resolve())
                while self.size_bytes() > self.most_bytes:
                    self._known.popitem(last=False)
        return ledger

    def size_bytes(self) -> int:
        """Bytes of the arrays and tables of all that is kept."""
        return sum(_bytes_of(ledger) for _, ledger in self._known.values())


MEMORY = LedgerMemory()
"""Of this process."""


def _bytes_of(value: Any) -> int:
    if isinstance(value, np.ndarray | pa.Table):
        return int(value.nbytes)
    if is_dataclass(value):
        return sum(_bytes_of(getattr(value, one.name)) for one in fields(value))
    return sum(map(_bytes_of, value)) if isinstance(value, tuple | list) else 0
