"""Arrivals: the requests of a question, generated once for all runs that meet them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from platform import node
from threading import Lock
from typing import TYPE_CHECKING

from simcost.errors import RunError
from simcost.execution.task_file import HELD
from simcost.scenario.inputs.file_hashes import hashes
from simcost.scenario.inputs.recorded_demand import RecordedDemand
from simcost.scenario.runs.resolve import Source
from simcost.scenario.runs.run_keys import key_of

if TYPE_CHECKING:
    from simcost.trace.requests.batch import RequestBatch

KEPT_UP_TO = 3_000_000
"""Requests of a replication that are kept for the next plan; larger ones stream again for each."""
KEPT_IN_ALL = 10_000_000
"""Requests of all replications together that are kept: some 160 MB, unless they have sessions or prefixes."""


class Arrivals:
    """Request batches by replication; those that were asked for last are held where they are small, at most `kept` and
    no more than memory should be used for.
    """

    def __init__(self, source: Source, *, kept: int) -> None:
        self.expected, self.horizon_s = source.expected(), source.horizon_s
        self._source, self._kept = source, kept
        self._most = min(kept, max(int(KEPT_IN_ALL / max(self.expected, 1.0)), 1))
        self._held: dict[int, list[RequestBatch]] = {}
        self._with_prefixes: set[int] = set()
        self._lock = Lock()

    def __reduce__(self) -> tuple[Callable[..., Arrivals], tuple[Source, int]]:
        """The recipe alone, without requests: another process makes them again, once for all tasks that meet them.

        It keeps as many replications as one may have requests, since runs of several may come to it in turn.
        """
        kept = max(self._kept, int(KEPT_UP_TO / max(self.expected, 1.0)))
        return _opened, (self._source, kept)

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
        with self._lock:
            if prefixes and replication not in self._with_prefixes:
                self._held.pop(replication, None)
                self._with_prefixes.add(replication)
            if replication not in self._held:
                self._held[replication] = list(self._made(replication, replication in self._with_prefixes))
                while len(self._held) > self._most:
                    del self._held[next(iter(self._held))]
            self._held[replication] = self._held.pop(replication)
            return iter(self._held[replication])

    def _made(self, replication: int, prefixes: bool) -> Iterator[RequestBatch]:
        """The batches, read or drawn."""
        source = self._source
        if isinstance(source, RecordedDemand):
            return source.batches(replication, prefixes=prefixes)
        return source.batches(replication)

    def forget(self) -> None:
        """Let go of the batches that are held; they are made again when they are asked for."""
        with self._lock:
            self._held.clear()


def identity_of(source: Source) -> str:
    """All that the requests of a source depend on."""
    return key_of(requests=source.identity(0), horizon_s=source.horizon_s)


_OPENED: OrderedDict[str, Arrivals] = OrderedDict()
"""Of the tasks that this process has opened last."""


def _opened(source: Source, kept: int) -> Arrivals:
    """The arrivals of a source, which tasks share that meet the same ones."""
    key = key_of(requests=identity_of(source), kept=kept)
    found = _OPENED.pop(key, None) or Arrivals(source, kept=kept)
    _OPENED[key] = found
    if len(_OPENED) > HELD:
        _OPENED.popitem(last=False)
    return found
