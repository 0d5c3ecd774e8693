"""Requests of clients who wait for the end of each, made again in each replication."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from simcost.errors import InputError
from simcost.scenario.inputs.file_hashes import hashed, hashes
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.trace.workload.closed import ClosedWorkload
from simcost.units import plural

if TYPE_CHECKING:
    from simcost.trace.requests.batch import RequestBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedClientDemand:
    """The closed workload of a scenario."""

    workload: ClosedWorkload
    folder: Path
    seed: int
    horizon_s: float
    inputs: dict[str, str]
    """SHA-256 of the trace by its name in the scenario."""

    @classmethod
    def of(cls, loaded: LoadedScenario, workload: ClosedWorkload, seed: int) -> Self:
        """The clients of a scenario.

        Raises:
            TraceError: a trace that cannot be read.
            InputError: no horizon.
        """
        if loaded.scenario.horizon is None:
            raise InputError("a closed workload has no end of its own; say how long to run, e.g. `horizon: 1h`")
        named = getattr(workload.lengths, "trace", None)
        return cls(
            workload=workload,
            folder=loaded.folder,
            seed=seed,
            horizon_s=loaded.scenario.horizon,
            inputs=hashes(loaded.folder, [] if named is None else [named]),
        )

    def batches(self, replication: int) -> Iterator[RequestBatch]:
        """The requests of a replication in the order in which they are sent, the same at every call."""
        return self.workload.batches(folder=self.folder, seed=self.seed, index=replication)

    def expected(self) -> float:
        """Most requests that there may be."""
        return inf if self.workload.requests is None else self.workload.requests

    def identity(self, replication: int) -> Any:
        """All that the requests of a replication depend on, as plain data."""
        return {
            "workload": hashed(asdict(self.workload), self.inputs),
            "seed": self.seed,
            "replication": replication,
        }

    def caveats(self, replications: int) -> list[str]:  # noqa: ARG002  # as of other requests
        """Notes on the requests for a reader of the result."""
        most = plural(self.workload.most_clients, "client")
        asked_for_less = (
            f"Closed loop: at most {most} wait for an answer, so that a slower plan is asked for less: compare "
            "what plans complete and their costs per token, beside their latencies."
        )
        if self.workload.requests is None:
            return [asked_for_less]
        return [asked_for_less, "Costs are those of the whole horizon, also after the last request has ended."]
