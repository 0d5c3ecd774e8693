"""The one hand-over from simulation to billing and service levels: usage, and the outcome of each request.

Times are seconds from the start of the run. A ledger knows no prices and no targets, but for the per-request
latency limits it was asked to count against.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from simcost.ledger.months import hours_by_month, month_edges_h
from simcost.ledger.request_mix import ArrivalGaps, RequestMix
from simcost.ledger.tenants import TenantOutcomes

METRICS = ("ttft_s", "tpot_s", "e2e_s")
"""Latency metrics, in the order of the histograms' axis. TTFT from arrival to first token, queueing included;
TPOT (last - first) / (output - 1); E2E from arrival to last token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyLimits:
    """Limits within which a request counts as good; infinity = no limit."""

    ttft_s: float = np.inf
    tpot_s: float = np.inf
    e2e_s: float = np.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """Log-linear histogram buckets: `per_octave` equal steps in each doubling, from `smallest_s` up.

    A value v falls in bucket floor(per_octave * (octave + mantissa)); the relative width of a bucket is
    1 / per_octave at most, so that a quantile read at its middle is off by half of that at most.
    """

    smallest_s: float = 2.0**-14
    octaves: int = 34
    per_octave: int = 128

    @property
    def count(self) -> int:
        """Number of buckets; bucket 0 also takes all that is smaller, the last all that is larger."""
        return self.octaves * self.per_octave

    @property
    def relative_error(self) -> float:
        """Largest relative error of a quantile."""
        return 0.5 / self.per_octave

    def middles(self) -> npt.NDArray[np.float64]:
        """The value at the middle of each bucket, in seconds."""
        octave, step = np.divmod(np.arange(self.count), self.per_octave)
        middle: npt.NDArray[np.float64] = self.smallest_s * 2.0**octave * (1 + (step + 0.5) / self.per_octave)
        return middle


@dataclass(frozen=True, slots=True, kw_only=True)
class Sendings:
    """Requests and retries one by one: arrived = completed + rejected + timed_out + lost + in_system."""

    arrived: int
    """Requests and retries."""
    completed: int
    rejected: int
    timed_out: int
    lost: int
    in_system: int
    """At the end; of some the client has given up already."""
    retries: int
    refused: int
    """Retries that the budget of the clients refused."""
    waiting: int
    """Requests that wait to be sent again at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixHits:
    """Hits in the prefix caches of the engines, each request once, when a replica first begins it."""

    query_tokens: int
    """Prompt tokens of those requests."""
    hit_tokens: int
    """Of them, tokens that were cached."""
    saved_prefill_s: float
    """Engine time that those would have taken, in full steps."""
    tier_tokens: tuple[int, ...] = ()
    """Of the tokens that were cached, those loaded from each tier below the KV cache."""
    load_s: float = 0.0
    """Time by which these loads delayed steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterLoads:
    """LoRA adapters that were loaded before steps, over all replicas."""

    disk: int
    """From disk into the memory of a host."""
    link: int
    """From there into a slot."""
    load_s: float
    """Time by which that delayed steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOutcomes:
    """Outcomes of the requests."""

    arrived: int
    completed: int
    rejected: int
    timed_out: int
    lost: int
    """Their replica was taken away, and they were not tried again."""
    in_system: int
    prompt_tokens: int
    """Of completed requests."""
    output_tokens: int
    generated_tokens: int
    """All tokens generated, those of unfinished and abandoned requests included."""
    preemptions: int
    requeued: int
    """Number of times that requests continued at another replica, since their own was taken away."""
    steps: int
    """Engine steps over all replicas."""
    work_s: float
    """Engine time that tokens took, over all replicas: step time beyond the fixed part of each step, which is its base
    (`StepTime`) but for what each token adds to a step with a full batch or more. Divided by
    the time there was, it is the utilisation in the sense of queueing: the share of time that steps would need
    if batching hid their fixed part; near 1 the pool is saturated, however busy it looks at a few requests."""
    outstanding_s: float
    """Integral of the number of requests in the system: request-seconds (Little's law)."""
    limits: LatencyLimits
    window_s: float
    windows: Any
    """Table of schema WINDOWS."""
    buckets: Buckets
    histograms: npt.NDArray[np.int64]
    """[window, metric, bucket] counts of completed requests."""
    rows: Path | None
    """Parquet file of schema OUTCOMES, where rows were kept."""
    sendings: Sendings | None = None
    """Outcomes of each sending, where clients retry; all else here but `generated_tokens`, `steps`, `work_s`,
    `preemptions`, `requeued` and `outstanding_s` counts a request once, from its first arrival on.
    """
    prefix_blocks: tuple[int, int] | None = None
    """Blocks of prompts that the router looked up, and those that it believed to be at the replica it chose; None = it
    looked none up."""
    overflowed: tuple[int, int, int] | None = None
    """Requests that an API answered since they would have been rejected; their prompt tokens and output tokens. They
    are among the completed or, where their clients had gone, the timed out. None = the plan has no API.
    """
    prefix_cache: PrefixHits | None = None
    """Hits in the prefix caches of the engines; None = they have none."""
    adapter_loads: AdapterLoads | None = None
    """Loads of LoRA adapters; None = requests ask for none."""
    by_priority: tuple[dict[str, int], ...] = ()
    """Outcomes by priority where priorities differ, the highest first: priority, arrived, completed, rejected,
    timed_out, lost, in_system, good.
    """
    by_tenant: tuple[TenantOutcomes, ...] = ()
    """Outcomes by tenant, where requests have one. `good` and `late` of the windows then count each request by the
    limits of its tenant."""
    mix: RequestMix | None = None
    """The requests that arrived by their tokens; None = not counted: replicas are not alike, or prefill is apart."""
    gaps: ArrivalGaps | None = None
    """Between their arrivals; None = as `mix`, or clients wait for their answers."""

    @property
    def too_long(self) -> int:
        """Requests longer than the KV cache of any replica."""
        return int(self.windows["too_long"].to_numpy().sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerUsage:
    """Usage to bill, whatever ran: nodes, the states of their slots, and volumes."""

    horizon_s: float
    slots_per_node: float
    """Parts of a node that are used apart: replicas of a model, GPUs of a cluster."""
    nodes: Any
    """Table of schema NODES."""
    slot_seconds: dict[str, float]
    """By state; they add up to node time x slots per node."""
    stepping_s: float = 0.0
    """Of the idle slot-seconds, those in which the engine ran steps: their fixed part, which draws power and serves
    no further token."""
    disk_gb_per_node: float = 0.0
    gb_out: float = 0.0
    out_shares: tuple[float, ...] = ()
    """Share of `gb_out` that leaves in each month of the run; empty = evenly over time."""

    def node_hours(self) -> float:
        """Hours of all nodes, from order to release."""
        return float(self.nodes["end_s"].to_numpy().sum() - self.nodes["start_s"].to_numpy().sum()) / 3600.0

    def node_hours_by_month(self, edges_h: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """[month] The same in each month of the run."""
        if len(edges_h) == 2:
            return np.array([self.node_hours()])
        start, end = (self.nodes[name].to_numpy() / 3600.0 for name in ("start_s", "end_s"))
        hours: npt.NDArray[np.float64] = hours_by_month(start, end, edges_h).sum(axis=0)
        return hours

    def gb_out_by_month(self, edges_h: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """[month] GB that leave in each month of the run."""
        known = len(self.out_shares) == len(edges_h) - 1
        shares = np.array(self.out_shares) if known else np.diff(edges_h) / edges_h[-1]
        return self.gb_out * shares


_OF_POOLS = ("completed", "prompt_tokens", "output_tokens", "generated_tokens", "steps", "work_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolShare:
    """Share of one pool in a run of several behind one router; its nodes and replicas carry its name."""

    name: str
    node_kinds: int
    """Kinds of its nodes, which follow those of the pools before it."""
    accelerators_per_replica: float
    requests: int
    """Requests that were sent to its replicas, each time they were."""
    completed: int
    prompt_tokens: int
    """Of completed requests, as the next."""
    output_tokens: int
    generated_tokens: int
    steps: int
    work_s: float
    """As that of the outcomes, over its replicas."""
    disk_gb_per_node: float
    gb_out: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferUse:
    """Transfers of KV caches from prefill to decode replicas."""

    transfers: int
    tokens: int
    transfer_s: float
    """Sum over the transfers, without what the prefill hid."""
    held_s: float
    """Sum over the transfers of the time from the end of the prefill to the start: the decode side had no room, or no
    step had ended."""
    local: int
    """Requests whose prefill was on the decode side, since they were short."""
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """All that billing and service levels may know of a run of one service."""

    horizon_s: float
    slots: tuple[int, ...]
    """Replicas that fit on a node, by its kind."""
    accelerators_per_replica: float
    """A whole number, or a part of an accelerator."""
    nodes: Any
    """Table of schema NODES."""
    replicas: Any
    """Table of schema REPLICAS."""
    timeline: Any
    """Table of schema TIMELINE."""
    events: Any
    """Table of schema EVENTS."""
    pulse: Any
    """Table of schema PULSE."""
    outcomes: RequestOutcomes
    provisioning_s: float
    """Of the slot-seconds of starting replicas, those on nodes that boot or pull the image."""
    disk_gb_per_node: float
    gb_out: float
    """Response bytes that left the service, in GB (1e9 bytes)."""
    prefill: "Ledger | None" = None
    """The prefill side, where it is apart; then all else here is of the decode side, but for the outcomes of requests,
    which are those of both."""
    transfers: TransferUse | None = None
    """Between the two sides."""
    pools: tuple[PoolShare, ...] = ()
    """Pools of unlike replicas; none = all are alike. With pools, `accelerators_per_replica` is that of the first."""

    def slot_seconds(self) -> dict[str, float]:
        """Seconds of replica slots by state: starting, computing (ready, tokens take engine time), idle (ready, they do
        not: nothing is there, or the fixed part of steps, which larger batches would share), draining, unallocated
        (slots of a node without a replica). They add up to the nodes' time x their slots.
        """
        state = self.replicas["state"].to_numpy(zero_copy_only=False)
        length = self.replicas["end_s"].to_numpy() - self.replicas["start_s"].to_numpy()
        ready = state == "ready"
        held = float(self.offered_s().sum())
        computing = self.busy_ready_s() * self.computing_share()
        residue = min(1e-6, 1e-11 * held)  # what differences of float sums leave; nodes that ran for less still ran
        left = {"idle": length[ready].sum() - computing, "unallocated": held - length.sum()}
        left = {name: 0.0 if abs(value) < residue else float(value) for name, value in left.items()}
        return {
            "computing": computing,
            "idle": left["idle"],
            "starting": float(length[state == "starting"].sum()),
            "draining": float(length[state == "draining"].sum()),
            "unallocated": left["unallocated"],
        }

    def busy_ready_s(self) -> float:
        """Seconds in which ready replicas had at least one request, so that their engines ran steps."""
        state = self.replicas["state"].to_numpy(zero_copy_only=False)
        return float(self.replicas["busy_s"].to_numpy()[state == "ready"].sum())

    def computing_share(self) -> float:
        """Part of the time with requests in which tokens took engine time, over all replicas."""
        busy_s = float(self.replicas["busy_s"].to_numpy().sum())
        return min(self.outcomes.work_s / busy_s, 1.0) if busy_s > 0 else 0.0

    def replica_hours(self) -> dict[str, float]:
        """The same in hours."""
        return {name: value / 3600.0 for name, value in self.slot_seconds().items()}

    def node_hours(self) -> float:
        """Hours of all nodes, from order to release."""
        return float(self.nodes["end_s"].to_numpy().sum() - self.nodes["start_s"].to_numpy().sum()) / 3600.0

    def out_shares(self) -> tuple[float, ...]:
        """Share of `gb_out` that leaves in each month of the run, by the output tokens of the requests that arrive in
        it; empty where the run is one month, or has none.
        """
        edges_h = month_edges_h(self.horizon_s / 3600.0)
        windows = self.outcomes.windows
        tokens = windows["output_tokens"].to_numpy().astype(np.float64)
        if len(edges_h) == 2 or not tokens.any():
            return ()
        start_h = windows["start_s"].to_numpy() / 3600.0
        hours = hours_by_month(start_h, start_h + self.outcomes.window_s / 3600.0, edges_h)
        length_h = hours.sum(axis=1)
        each = np.divide(tokens, length_h, out=np.zeros_like(tokens), where=length_h > 0)
        sent = (each[:, None] * hours).sum(axis=0)
        return tuple((sent / sent.sum()).tolist()) if sent.any() else ()

    def offered_s(self) -> npt.NDArray[np.float64]:
        """Slot-seconds that each node offers."""
        length = self.nodes["end_s"].to_numpy() - self.nodes["start_s"].to_numpy()
        offered: npt.NDArray[np.float64] = length * np.array(self.slots)[self.nodes["kind"].to_numpy()]
        return offered

    def of_pools(self) -> list["Ledger"]:
        """The same of each of its pools: its nodes and replicas, and of the outcomes what it worked on."""
        import pyarrow.compute as pc

        found, first = [], 0
        for pool in self.pools:
            nodes, replicas = (
                table.filter(pc.equal(table["pool"], pool.name)) for table in (self.nodes, self.replicas)
            )
            place = nodes.column_names.index("kind")
            nodes = nodes.set_column(place, "kind", pc.subtract(nodes["kind"], first))
            own = {name: getattr(pool, name) for name in _OF_POOLS}
            found.append(
                replace(
                    self,
                    slots=self.slots[first : first + pool.node_kinds],
                    accelerators_per_replica=pool.accelerators_per_replica,
                    nodes=nodes,
                    replicas=replicas,
                    outcomes=replace(self.outcomes, **own),
                    disk_gb_per_node=pool.disk_gb_per_node,
                    gb_out=pool.gb_out,
                    pools=(),
                )
            )
            first += pool.node_kinds
        return found or [self]

    def of_kind(self, kind: int) -> "Ledger":
        """The same of the nodes of one kind, and what was on them; engine time by the time with requests."""
        import pyarrow.compute as pc

        nodes = self.nodes.filter(pc.equal(self.nodes["kind"], kind))
        replicas = self.replicas.filter(pc.is_in(self.replicas["node"], nodes["node"]))
        work_s = self.computing_share() * float(replicas["busy_s"].to_numpy().sum())
        return replace(self, nodes=nodes, replicas=replicas, outcomes=replace(self.outcomes, work_s=work_s))
