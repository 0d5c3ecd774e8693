"""The arrivals of a replication, generated once for all plans that meet them."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock
from typing import TYPE_CHECKING

from simcost.scenario.runs.resolve import Source

if TYPE_CHECKING:
    from simcost.trace.requests.batch import RequestBatch

KEPT_UP_TO = 3_000_000
"""Requests of a replication that are kept for the next plan; larger ones stream anew for each."""


class Arrivals:
    """Request batches by replication; the newest `kept` replications are held where they are small."""

    def __init__(self, source: Source, *, kept: int) -> None:
        self.expected, self.horizon_s = source.expected(), source.horizon_s
        self._source, self._kept = source, kept
        self._held: dict[int, list[RequestBatch]] = {}
        self._lock = Lock()

    def of(self, replication: int) -> Iterator[RequestBatch]:
        """The batches of a replication, the same at every call."""
        if self.expected > KEPT_UP_TO:
            return self._source.batches(replication)
        with self._lock:
            if replication not in self._held:
                self._held[replication] = list(self._source.batches(replication))
                while len(self._held) > self._kept:
                    del self._held[next(iter(self._held))]
            return iter(self._held[replication])
