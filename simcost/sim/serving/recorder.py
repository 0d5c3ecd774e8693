"""Writing the ledger: usage rows, the timeline, request outcomes."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from simcost.ledger.request_tables import EVENTS, NODES, OUTCOMES, PULSE, REPLICAS, TIMELINE, WINDOWS
from simcost.ledger.requests import AdapterLoads, Buckets, LatencyLimits, PrefixHits, RequestOutcomes, Sendings
from simcost.ledger.tenants import TenantOutcomes
from simcost.sim.serving.engine import block_state as blk
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.layout import NIL, Ints
from simcost.sim.serving.engine_driver import DataPlane
from simcost.sim.serving.pool_notes import NOTED, PoolNotes
from simcost.units import NS_PER_S

_ENDS = {
    "arrived": col.ARRIVED,
    "completed": col.COMPLETED,
    "rejected": col.REJECTED,
    "timed_out": col.TIMED_OUT,
    "lost": col.LOST,
    "in_system": col.IN_SYSTEM,
}
"""Counters of the data plane by the names of the ledger."""


class Recorder:
    """Rows of the ledger's tables, as they come."""

    def __init__(self, pool: str) -> None:
        self.pool = pool
        self._nodes: list[tuple[Any, ...]] = []
        self._usage: list[tuple[Any, ...]] = []
        self._samples: list[tuple[Any, ...]] = []
        self._events: list[tuple[Any, ...]] = []
        self._pulse: list[tuple[Any, ...]] = []
        self.provisioning_ns = 0
        """Slot time of starting replicas on nodes that boot or pull the image."""

    def node(self, number: int, kind: int, start_ns: int, end_ns: int) -> None:
        """A node from its order to its release."""
        self._nodes.append((self.pool, number, kind, start_ns / NS_PER_S, end_ns / NS_PER_S))

    def usage(self, replica: int, node: int, state: str, start_ns: int, end_ns: int, busy_s: float) -> None:
        """A replica in one state; nothing is written for no time."""
        if end_ns > start_ns:
            length_s = (end_ns - start_ns) / NS_PER_S
            busy_s = min(max(busy_s, 0.0), length_s)
            row = (self.pool, replica, node, state, start_ns / NS_PER_S, end_ns / NS_PER_S, busy_s)
            self._usage.append(row)

    def sample(self, time_ns: int, *counts: int) -> None:
        """A line of the timeline: replicas desired, ready, starting and draining, and the number of a note."""
        self._samples.append((time_ns / NS_PER_S, *counts))

    def event(self, time_ns: int, what: str, value: float) -> None:
        """Something that happened to the fleet; see EVENTS of the ledger."""
        self._events.append((time_ns / NS_PER_S, what, value))

    def pulse(self, time_ns: int, *counts: int) -> None:
        """A line of the pulse: replicas desired, ready and starting, and the number of a note."""
        self._pulse.append((time_ns / NS_PER_S, *counts))

    def tables(self, notes: PoolNotes | None = None) -> dict[str, pa.Table]:
        """By name: nodes by number, replicas by number and time, the others by time.

        Args:
            notes: of the data plane; None = the timeline and the pulse are not of this recorder.
        """
        self._nodes.sort()
        self._usage.sort(key=lambda row: (row[1], row[4]))
        return {
            "nodes": _table(self._nodes, NODES),
            "replicas": _table(self._usage, REPLICAS),
            "timeline": _with_notes(self._samples, notes, TIMELINE),
            "events": _table(self._events, EVENTS),
            "pulse": _with_notes(self._pulse, notes, PULSE),
        }


def _with_notes(rows: list[tuple[Any, ...]], notes: PoolNotes | None, schema: pa.Schema) -> pa.Table:
    """Rows whose last value is the number of a note, which gives the other columns of the schema."""
    if notes is None:
        return schema.empty_table()
    own = [name for name in schema.names if name not in NOTED]
    *columns, numbers = zip(*rows, strict=True) if rows else [()] * (len(own) + 1)
    noted = dict(zip(NOTED, notes.rows()[list(numbers)].T, strict=True))
    known = {**noted, **{name: list(column) for name, column in zip(own, columns, strict=True)}}
    return pa.table([known[name] for name in schema.names], schema=schema)


def _table(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pa.table([list(column) for column in columns], schema=schema)


class RowWriter:
    """Writes the outcome of each request to a Parquet file of schema OUTCOMES."""

    def __init__(self, path: Path, tick_s: float) -> None:
        self._file = pq.ParquetWriter(path, OUTCOMES, compression="zstd")
        self._tick_s = tick_s

    def __call__(self, rows: Ints) -> None:
        """Append rows (layout.R_*)."""
        if len(rows):
            self._file.write_table(_outcome_table(rows, self._tick_s))

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


def _outcome_table(rows: Ints, tick_s: float) -> pa.Table:
    column = rows.T
    status = pa.DictionaryArray.from_arrays(column[col.R_STATUS].astype(np.int32), list(col.STATUSES))
    ttft_s = (column[col.R_FIRST] - column[col.R_ARRIVAL]) * tick_s
    return pa.table(
        [
            column[col.R_REQUEST],
            column[col.R_ARRIVAL] * tick_s,
            status.cast(pa.string()),
            column[col.R_PROMPT].astype(np.int32),
            column[col.R_OUTPUT].astype(np.int32),
            pa.array(ttft_s, mask=column[col.R_FIRST] == NIL),
            (column[col.R_END] - column[col.R_ARRIVAL]) * tick_s,
            np.maximum(column[col.R_EVICTED], 0).astype(np.int32),
            column[col.R_RETRIES].astype(np.int32),
        ],
        schema=OUTCOMES,
    )


def outcomes(
    plane: DataPlane, busy_s: float, limits: LatencyLimits, window_ns: int, rows: Path | None
) -> RequestOutcomes:
    """Counts of the data plane, at the end of a run; `busy_s` is the busy time of all replicas."""
    totals, seen, clients = plane.state.totals, plane.observe(), plane.clients
    counts = plane.state.windows if clients is None else clients.state.windows
    histograms = plane.state.histograms if clients is None else clients.state.histograms
    ends = {name: int(totals[column]) for name, column in _ENDS.items()}
    again = None if clients is None else clients.again()
    arrived = ends["arrived"] if clients is None else clients.ends()["arrived"]
    by_tenant, good, late = _by_tenant(plane, arrived, limits, counts[:, col.W_GOOD], window_ns)
    columns = [
        np.arange(len(counts)) * (window_ns / NS_PER_S),
        *(counts[:, c] for c in (col.W_ARRIVED, col.W_COMPLETED, col.W_REJECTED, col.W_TIMED_OUT, col.W_LOST)),
        good,
        late,
        *(counts[:, c] for c in (col.W_PROMPT, col.W_OUTPUT, col.W_TOO_LONG)),
    ]
    return RequestOutcomes(
        **(ends if clients is None else clients.ends()),
        sendings=None if again is None else Sendings(**ends, **again),
        overflowed=_overflowed(plane),
        by_priority=() if clients is None else clients.by_priority(),
        by_tenant=by_tenant,
        prefix_blocks=clients.index.hits() if clients is not None and clients.index.asked else None,
        prefix_cache=_prefix_hits(plane),
        adapter_loads=_adapter_loads(plane),
        prompt_tokens=int(totals[col.COMPLETED_PROMPT]),
        output_tokens=int(totals[col.COMPLETED_OUTPUT]),
        generated_tokens=int(totals[col.GENERATED]),
        preemptions=int(totals[col.PREEMPTIONS]),
        requeued=int(totals[col.REQUEUED]),
        steps=seen.steps,
        work_s=seen.work_s(busy_s, plane.clock.tick_s),
        outstanding_s=seen.area * plane.clock.tick_s,
        limits=limits,
        window_s=window_ns / NS_PER_S,
        windows=pa.table(columns, schema=WINDOWS),
        buckets=Buckets(),
        histograms=histograms.astype(np.int64),
        rows=rows,
        mix=None,
        gaps=None,
    )


def _overflowed(plane: DataPlane) -> tuple[int, int, int] | None:
    if not plane.state.parameters[col.OVERFLOWS]:
        return None
    requests, prompt, output = (int(n) for n in plane.state.totals[col.OVERFLOWED : col.OVERFLOWED_OUTPUT + 1])
    return requests, prompt, output


def _prefix_hits(plane: DataPlane) -> PrefixHits | None:
    """Hits of the prefix caches, and the time that the tokens would have taken, at the rate of full steps."""
    blocks, clock = plane.blocks, plane.clock
    if blocks is None or blocks.rules[blk.CONTENT] == blk.NO_CACHE:
        return None
    hit, pairs = int(blocks.cached[blk.HIT]), int(blocks.cached[blk.HIT_PAIRS])
    fullest = len(clock.base) - 1
    units = clock.b * hit + (clock.e * pairs >> clock.e_shift) + int(clock.base[-1] - clock.base[0]) * hit // fullest
    return PrefixHits(
        query_tokens=int(blocks.cached[blk.LOOKED_UP]),
        hit_tokens=hit,
        saved_prefill_s=(units >> clock.step_shift) * clock.tick_s,
        tier_tokens=tuple(blocks.tiers[:, blk.TIER_HIT].tolist()),
        load_s=float(blocks.cached[blk.TIER_TIME]) * clock.tick_s,
    )


def _adapter_loads(plane: DataPlane) -> AdapterLoads | None:
    blocks = plane.blocks
    if blocks is None or not blocks.rules[blk.MAX_LORAS]:
        return None
    disk, link, ticks = (int(count) for count in blocks.cached[blk.DISK_LOADS : blk.LOAD_TIME + 1])
    return AdapterLoads(disk=disk, link=link, load_s=ticks * plane.clock.tick_s)


def _by_tenant(
    plane: DataPlane, arrived: int, limits: LatencyLimits, good: Ints, window_ns: int
) -> tuple[tuple[TenantOutcomes, ...], Ints, Ints]:
    """Outcomes by tenant, and by window of arrival the good requests and those in the system that are already past a
    limit, each by the limits of its tenant.
    """
    clock, tenants = plane.clock, tuple[TenantOutcomes, ...]()
    numbers, asked, begun = _open(plane)
    age_s = (plane.state.totals[col.NOW] - asked) * clock.tick_s
    if plane.tenants is None:
        late = (age_s > limits.e2e_s) | (~begun & (age_s > limits.ttft_s))
    else:
        good = plane.tenants.good
        limited = [] if plane.clients is None else plane.clients.limited()
        tenants, late = plane.tenants.outcomes(arrived, numbers, age_s, begun, limited)
    window = asked[late] // (window_ns * clock.ticks_per_ns)
    return tenants, good, np.bincount(window, minlength=len(good))


def _open(plane: DataPlane) -> tuple[Ints, Ints, npt.NDArray[np.bool_]]:
    """Of requests still in the system: their numbers, when they arrived, and whether a token is there."""
    if plane.clients is not None:
        return plane.clients.open_since(plane.state)
    there = plane.state.nodes[plane.state.nodes[:, col.REQUEST] != NIL]
    return there[:, col.REQUEST], there[:, col.ARRIVAL], there[:, col.FIRST] != NIL
