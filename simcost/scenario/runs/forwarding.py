"""Requests that a service sends on to another: which, when, and as what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from simcost.ledger.answers import Answers
from simcost.ledger.requests import LatencyLimits
from simcost.rng import stream
from simcost.scenario.schema.services import Forwarding
from simcost.trace.requests.batch import BATCH_ROWS, RequestBatch, merge
from simcost.units import NS_PER_S

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ForwardedRequests:
    """Requests that are sent on, in the order of time."""

    numbers: Ints
    """In the service that sends them."""
    escalated: npt.NDArray[np.bool_]
    """True where it had answered, false where it had not."""
    batch: RequestBatch
    """As they arrive."""

    def __len__(self) -> int:
        return len(self.numbers)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardingRun:
    """Requests that one run sends on to another."""

    source: str
    """Name of the service that sends them."""
    rows: Path
    """Parquet file with the outcome of each request of the run that sends them."""
    forwarding: Forwarding
    """The part that goes to this one service."""
    limits: LatencyLimits
    """Of the service that sends them."""
    seed: int
    """Of that service."""
    replication: int

    def identity(self) -> dict[str, Any]:
        """All that the requests depend on, as plain data."""
        depends = {"forwarding": asdict(self.forwarding), "limits": asdict(self.limits), "seed": self.seed}
        return depends | {"run": self.rows.parent.name, "replication": self.replication}

    def requests(self) -> ForwardedRequests:
        """The requests. Raises RunError where those of the run cannot be read."""
        answers = Answers.read(self.rows)
        escalated = answers.completed & self._drawn(len(answers.status))
        chosen = np.flatnonzero(escalated | (answers.failed & self._falls_back(answers)))
        at_ns = np.rint((answers.arrival_s[chosen] + answers.e2e_s[chosen]) * NS_PER_S).astype(np.int64)
        order = np.argsort(at_ns, kind="stable")
        numbers, cascade = chosen[order], self.forwarding.cascade
        prompt, output = answers.prompt_tokens[numbers], answers.output_tokens[numbers]
        if cascade is not None and cascade.with_answer:
            prompt = prompt + np.where(escalated[numbers], output, 0)
        batch = RequestBatch(at_ns[order], prompt.astype(np.int32), output.astype(np.int32))
        return ForwardedRequests(numbers, escalated[numbers], batch)

    def _drawn(self, count: int) -> npt.NDArray[np.bool_]:
        """True of each request that the cascade takes, if it is answered; more of them where the share is larger."""
        cascade = self.forwarding.cascade
        if cascade is None:
            return np.zeros(count, np.bool_)
        return stream(self.seed, "cascade", self.replication).random(count) < cascade.escalate

    def _falls_back(self, answers: Answers) -> npt.NDArray[np.bool_]:
        """True of each request that is not yet past the limits of its service when it fails."""
        if self.forwarding.fallback is None:
            return np.zeros(len(answers.status), np.bool_)
        return answers.e2e_s < min(self.limits.ttft_s, self.limits.e2e_s)


def joined(own: Iterator[RequestBatch], incoming: Sequence[ForwardingRun]) -> Iterator[RequestBatch]:
    """Requests of a service and those that others send on to it; of equal arrivals its own come first."""
    if not incoming:
        return own
    return merge([own, *(_batches(run.requests().batch) for run in incoming)])


def _batches(batch: RequestBatch) -> Iterator[RequestBatch]:
    return (batch[start : start + BATCH_ROWS] for start in range(0, len(batch), BATCH_ROWS))


def numbers_there(own: Iterator[RequestBatch], incoming: Sequence[ForwardedRequests]) -> list[Ints]:
    """Numbers that requests have in the service that they are sent on to, as `joined` orders them."""
    arrivals = [one.batch.arrival_ns for one in incoming]
    together = np.concatenate(arrivals) if arrivals else np.empty(0, np.int64)
    order = np.argsort(together, kind="stable")
    numbers = np.empty(len(together), np.int64)
    numbers[order] = np.arange(len(together))
    for batch in own:
        numbers += np.searchsorted(batch.arrival_ns, together, side="right")
    return np.split(numbers, np.cumsum([len(arrival) for arrival in arrivals])[:-1]) if arrivals else []
