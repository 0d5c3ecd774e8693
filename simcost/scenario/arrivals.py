"""The arrivals of a replication, generated once for all plans that meet them."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock
from typing import TYPE_CHECKING

from simcost.scenario.resolve import Question
from simcost.trace.arrivals import merged
from simcost.trace.paths import inside
from simcost.trace.workload import Recorded

if TYPE_CHECKING:
    from simcost.trace.batch import RequestBatch

KEPT_UP_TO = 3_000_000
"""Requests of a replication that are kept for the next plan; larger ones stream anew for each."""


def expected_requests(question: Question) -> float:
    """About how many requests arrive within the horizon."""
    from simcost.trace.store import open_trace

    total = 0.0
    for workload in question.loaded.scenario.workload:
        if isinstance(workload, Recorded):
            info = open_trace(inside(question.loaded.folder, workload.path))
            covered = min(question.horizon_s / info.span_s, 1.0) if info.span_s else 1.0
            total += info.rows * workload.rate_scale * covered
        else:
            total += workload.rate * question.horizon_s
    return total


class Arrivals:
    """Request batches by replication; the newest `kept` replications are held where they are small."""

    def __init__(self, question: Question, *, kept: int) -> None:
        self.expected = expected_requests(question)
        self._question, self._kept = question, kept
        self._held: dict[int, list[RequestBatch]] = {}
        self._lock = Lock()

    def of(self, replication: int) -> Iterator[RequestBatch]:
        """The batches of a replication, the same at every call."""
        if self.expected > KEPT_UP_TO:
            return self._generate(replication)
        with self._lock:
            if replication not in self._held:
                self._held[replication] = list(self._generate(replication))
                while len(self._held) > self._kept:
                    del self._held[next(iter(self._held))]
            return iter(self._held[replication])

    def _generate(self, replication: int) -> Iterator[RequestBatch]:
        question, loaded = self._question, self._question.loaded
        return merged(
            loaded.scenario.workload,
            folder=loaded.folder,
            seed=question.seed,
            index=replication,
            horizon_s=question.horizon_s,
        )
