"""Requests of a scenario: traces replayed and requests sampled, again in each replication."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, time
from math import floor, fsum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from simcost.errors import InputError
from simcost.scenario.checks.prefix_cache_checks import reads_prefixes
from simcost.scenario.checks.routing_checks import may_read_prefixes, prefix_block_tokens
from simcost.scenario.inputs.conversation_notes import shorter_turns
from simcost.scenario.inputs.file_hashes import hashed, hashes
from simcost.scenario.inputs.trace_models import adapter_notes, other_models
from simcost.scenario.inputs.trace_starts import shifted_starts
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Scenario
from simcost.tables.paths import inside
from simcost.trace.workload.arrivals import merged, span_s
from simcost.trace.workload.spec import RecordedWorkload, Workload, workload_traces
from simcost.units import format_seconds

if TYPE_CHECKING:
    from simcost.trace.requests.batch import RequestBatch

LULL = 0.005
"""Share of a run after the end of its trace from which a result says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedDemand:
    """The workloads of a scenario."""

    workloads: tuple[Workload, ...]
    folder: Path
    seed: int
    horizon_s: float
    inputs: dict[str, str]
    """SHA-256 of each trace by its name in the scenario."""
    label_notes: tuple[str, ...] = ()
    """Notes on traces whose requests name another model than the scenario's, adapters that it does not take, or
    sessions whose turns are too short."""
    prefix_block_tokens: int | None = None
    """Length of the blocks that the traces hash; None = none does, or they differ and no plan reads them."""
    starts: str | None = None
    """Date and time of time 0, where the scenario says it."""

    @classmethod
    def of(cls, loaded: LoadedScenario, seed: int) -> Self:
        """The requests of a scenario with a `workload`.

        Raises:
            TraceError: a trace that cannot be read.
            InputError: a trace without a length, and no horizon.
        """
        scenario = loaded.scenario
        return cls(
            workloads=scenario.open_workloads(),
            folder=loaded.folder,
            seed=seed,
            horizon_s=horizon_of(scenario, loaded.folder),
            starts=scenario.starts,
            inputs=hashes(
                loaded.folder, [name for workload in scenario.open_workloads() for name in workload_traces(workload)]
            ),
            label_notes=(
                *other_models(scenario, loaded.folder),
                *adapter_notes(scenario, loaded.folder),
                *shorter_turns(scenario, loaded.folder),
            ),
            prefix_block_tokens=_block_tokens(scenario, loaded.folder),
        )

    def batches(self, replication: int, *, prefixes: bool = False) -> Iterator[RequestBatch]:
        """The requests of a replication, the same at every call; `prefixes`: with the hashes that traces have."""
        return merged(
            self.workloads,
            folder=self.folder,
            seed=self.seed,
            index=replication,
            horizon_s=self.horizon_s,
            prefixes=prefixes,
        )

    def expected(self) -> float:
        """About how many requests arrive within the horizon."""
        return fsum(map(self._expected, self.workloads))

    def identity(self, replication: int) -> Any:
        """All that the requests of a replication depend on, as plain data."""
        workloads = [hashed(asdict(workload), self.inputs) for workload in self.workloads]
        return {"workload": workloads, "seed": self.seed, "replication": replication}

    def caveats(self, replications: int) -> list[str]:
        """Caveats on the requests of the result."""
        shifted = shifted_starts(self.workloads, self.folder)
        return [
            *self.label_notes,
            *self._lengths(),
            *self._gaps(),
            *shifted,
            *self._hours(),
            *self._nothing_random(replications),
        ]

    def _expected(self, workload: Workload) -> float:
        from simcost.trace.requests.store import open_trace

        if not isinstance(workload, RecordedWorkload):
            return workload.rate * self.horizon_s
        info = open_trace(inside(self.folder, workload.path))
        covered = self.horizon_s / info.span_s if info.span_s else 1.0
        kept = 1.0 if workload.daily is None else fsum(workload.daily) / 24 / max(workload.daily)
        return info.rows * workload.rate_scale * kept * (covered if workload.repeat else min(covered, 1.0))

    def _gaps(self) -> list[str]:
        """Sentences on traces with long times without requests, as far as they are replayed."""
        from simcost.trace.requests.describe import silent_share

        paths = dict.fromkeys(one.path for one in self.workloads if isinstance(one, RecordedWorkload))
        found = {path: silent_share(inside(self.folder, path), self.horizon_s) for path in paths}
        return [f"{path}: {told}" for path, told in found.items() if told]

    def _lengths(self) -> list[str]:
        """Sentences on traces that end before the run, as one does that shows how the last requests drain, and on those
        of which the run replays a part.
        """
        recorded = [workload for workload in self.workloads if isinstance(workload, RecordedWorkload)]
        spans = {one.path: span_s(one, self.folder) for one in recorded}
        ending = dict.fromkeys(one.path for one in recorded if not one.repeat)
        run = format_seconds(self.horizon_s)
        return [
            f"{path} ends after {format_seconds(spans[path])} of {run}: nothing of it arrives later, and the costs a "
            "month hold that lull."
            for path in ending
            if spans[path] < self.horizon_s * (1 - LULL) - 1.0  # a run that ends with its trace may be a second longer
        ] + [
            f"{path} is {format_seconds(length_s)} long: its first {run} are replayed, and the costs a month are those "
            "of a month like these."
            for path, length_s in spans.items()
            if self.horizon_s < length_s * (1 - LULL) - 1.0
        ]

    def _hours(self) -> list[str]:
        """A sentence on hours of the day that begin with a run that begins at another time than midnight."""
        if self.starts is None or datetime.fromisoformat(self.starts).time() == time.min:
            return []
        if not any(_varies_by_hour(workload) for workload in self.workloads):
            return []
        said = "Requests take the start of the run as midnight (`daily`), and calendars of autoscalers take it as"
        return [f"{said} `starts`, {self.starts}."]

    def _nothing_random(self, replications: int) -> list[str]:
        recorded = all(
            isinstance(workload, RecordedWorkload) and workload.rate_scale == 1 and workload.daily is None
            for workload in self.workloads
        )
        if recorded and replications == 1:
            return ["One replication of recorded arrivals: nothing in it is random."]
        return []


def _block_tokens(scenario: Scenario, folder: Path) -> int | None:
    """Length of the blocks of all traces; plans that are varied may look at them where those of the scenario do not."""
    try:
        return prefix_block_tokens(scenario.open_workloads(), folder)
    except InputError:
        if any(may_read_prefixes(plan) or reads_prefixes(plan) for plan in scenario.plans):
            raise
        return None


def horizon_of(scenario: Scenario, folder: Path) -> float:
    """Length of a run of given workloads: the horizon, else that of the longest trace.

    Raises:
        TraceError: a trace that cannot be read.
        InputError: a trace without a length, and no horizon.
    """
    spans = [span_s(one, folder) for one in scenario.workload if isinstance(one, RecordedWorkload)]
    span = max(spans, default=0.0)
    if scenario.horizon is None and span <= 0:
        raise InputError("the trace has no length: all its requests arrive at once; give a `horizon`")
    # A run plays what arrives strictly before its end: the next whole second takes in the last request.
    return scenario.horizon or floor(span) + 1.0


def _varies_by_hour(workload: Workload) -> bool:
    """True if its rate goes by the hour of the day; that of a synthetic one does unless it says otherwise."""
    daily = workload.daily
    return len(set(daily)) > 1 if daily is not None else not isinstance(workload, RecordedWorkload)
