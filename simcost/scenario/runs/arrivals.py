"""Arrivals: the requests of a question, generated once for all runs that meet them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from platform import node
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from simcost.errors import RunError
from simcost.scenario.inputs.file_hashes import hashes
from simcost.scenario.inputs.recorded_demand import RecordedDemand
from simcost.scenario.runs.resolve import Source
from simcost.scenario.runs.run_keys import key_of

if TYPE_CHECKING:
    from simcost.trace.requests.batch import RequestBatch

KEPT_UP_TO = 3_000_000
"""Requests of a replication that are kept for the next plan; larger ones stream again for each."""
KEPT_IN_ALL = 16_000_000
"""Requests that a process keeps: some 260 MB, unless they have sessions or prefixes."""


class Arrivals:
    """Request batches by replication. Where they are small, a process keeps those that were asked for last."""

    def __init__(self, source: Source) -> None:
        self.expected, self.horizon_s = source.expected(), source.horizon_s
        self._source = source
        self._kept = _SHARED.setdefault(_Kept.__name__, _Kept())

    def __reduce__(self) -> tuple[type[Arrivals], tuple[Source]]:
        """The recipe alone: another process makes the requests again, once for all tasks that meet them."""
        return Arrivals, (self._source,)

    def check_inputs(self) -> None:
        """Check that the files of the requests are those of the command, where another process or machine reads them.

        Raises:
            RunError: one of them is another.
        """
        for name, digest in self._source.inputs.items():
            if hashes(self._source.folder, [name])[name] != digest:
                raise RunError(
                    f"{self._source.folder / name}: another file on {node()}, or changed meanwhile; all workers must "
                    "see the files of the command"
                )

    def of(self, replication: int, *, prefixes: bool = False) -> Iterator[RequestBatch]:
        """The batches of a replication, the same at every call.

        Args:
            replication: its index.
            prefixes: with the hashes of prefixes where a trace has them; they may be there without being asked for.
        """
        if self.expected > KEPT_UP_TO:
            return self._made(replication, prefixes)
        key = key_of(requests=self._source.identity(replication), horizon_s=self.horizon_s)
        found = self._kept.found(key, prefixes=prefixes)
        if found is None:
            found = list(self._made(replication, prefixes))
            self._kept.keep(key, found, self.expected, prefixes=prefixes)
        return iter(found)

    def _made(self, replication: int, prefixes: bool) -> Iterator[RequestBatch]:
        """The batches, read or drawn."""
        source = self._source
        if isinstance(source, RecordedDemand):
            return source.batches(replication, prefixes=prefixes)
        return source.batches(replication)


class _Kept:
    """Batches that were asked for last."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._made: OrderedDict[str, tuple[list[RequestBatch], bool, float]] = OrderedDict()
        """By all that they depend on: batches, whether they have the hashes of prefixes, and their requests, about; the
        newest last."""

    def found(self, key: str, *, prefixes: bool) -> list[RequestBatch] | None:
        """The batches of a replication; None = they are not there, or lack their prefixes."""
        with self._lock:
            if key not in self._made or (prefixes and not self._made[key][1]):
                return None
            self._made.move_to_end(key)
            return self._made[key][0]

    def keep(self, key: str, batches: list[RequestBatch], requests: float, *, prefixes: bool) -> None:
        """Keep batches, and let go of the oldest that are too many with them."""
        with self._lock:
            self._made[key] = batches, prefixes, requests
            self._made.move_to_end(key)
            while len(self._made) > 1 and sum(one for *_, one in self._made.values()) > KEPT_IN_ALL:
                self._made.popitem(last=False)


_SHARED: WeakValueDictionary[str, _Kept] = WeakValueDictionary()
"""The one that all arrivals of this process share; it goes with the last of them."""
