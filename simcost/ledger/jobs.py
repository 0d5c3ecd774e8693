"""The hand-over from the simulation of jobs to billing and service levels: outcomes of each job, and use of every
GPU-second of the cluster. Times are seconds from the start of the trace; no prices.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from simcost.ledger.request_tables import NODES
from simcost.ledger.requests import LedgerUsage

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
NEVER = -1

BUCKETS = ("useful", "checkpoint", "lost", "restart", "idle_blocked", "idle_free", "down")
"""Every GPU-second of capacity lies in exactly one: work kept; writing checkpoints; work redone; restarting and
provisioning; idle while some job waits; idle while none waits; broken or not there.
"""
HELD = BUCKETS[:4]
"""Those of GPUs that jobs hold."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JobOutcomes:
    """Outcomes of the jobs, in the order of the trace."""

    submit_s: Floats
    start_s: Floats
    """First start; NEVER = has not started by the end of the run, or was rejected."""
    end_s: Floats
    """NEVER = has not ended."""
    gpus: Ints
    preemptions: Ints
    lost_s: Floats
    """Work redone, seconds of the gang."""
    checkpoint_s: Floats
    restart_s: Floats
    held_gpu_s: Floats
    """GPU-seconds that each job held: work, checkpoints, work done again and restarts. They add up to these buckets."""
    rejected: npt.NDArray[np.bool_]
    """Wider than the pool: kept out, counted, never blocking the line."""
    resumed_wait_s: Floats | None = None
    """Waiting after preemptions and failures, where there were any."""
    failures: Ints | None = None
    """Number of failures of each job, where jobs fail."""
    eligible_s: Floats | None = None
    """From then on a job waits for GPUs: its submission, or the last end of those that it waits for, as Slurm's
    Eligible; infinite = one of them has not ended. None = no job waits for others."""

    @property
    def queued_s(self) -> Floats:
        """Time from which each job waits for GPUs."""
        return self.submit_s if self.eligible_s is None else self.eligible_s

    @property
    def wait_s(self) -> Floats:
        """Start - eligible of the jobs that started."""
        started = self.start_s >= 0
        result: Floats = (self.start_s - self.queued_s)[started]
        return result

    @property
    def jct_s(self) -> Floats:
        """End - submit of the jobs that ended: job completion time."""
        ended = self.end_s >= 0
        result: Floats = (self.end_s - self.submit_s)[ended]
        return result


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JobLedger:
    """All that billing, service levels and comparison may know of a run of jobs on one cluster."""

    horizon_s: float
    """End of the accounts; for a whole replay, the makespan from second 0."""
    gpus: int
    """Of the cluster."""
    outcomes: JobOutcomes
    gpu_seconds: dict[str, float]
    """By bucket; they add up to capacity x time."""
    nodes: Any = None
    """Table of schema `ledger.NODES`, one row per node and time it was there; None = a fixed cluster."""
    fragmented_gpu_seconds: float | None = None
    """Idle GPU-seconds that no typical job could use (FGD's measure); None without topology."""
    submitting_gpu_seconds: float | None = None
    """GPU-seconds allocated up to the last submission; None = not known."""
    timeline: Any = None
    """Table t_s, allocated, waiting_jobs, waiting_gpus: state after each change or sample, where kept."""
    facts: dict[str, float] = field(default_factory=dict)
    """Further sums that a policy reports."""

    def waits_s(self) -> Floats:
        """Waiting time of every job that was not kept out; one that has not started has waited until the end, and
        one that others kept from the queue until then has not waited.
        """
        outcomes = self.outcomes
        start = np.where(outcomes.start_s < 0, self.horizon_s, outcomes.start_s)
        result: Floats = (start - np.minimum(outcomes.queued_s, start))[~outcomes.rejected]
        return result

    def queue_s(self) -> Floats:
        """Time in the queue of every job that was not kept out: its wait, and that after preemptions and failures."""
        again = self.outcomes.resumed_wait_s
        return self.waits_s() if again is None else self.waits_s() + again[~self.outcomes.rejected]

    def usage(self, gpus_per_node: int) -> LedgerUsage:
        """Usage to bill: the cluster in nodes of so many GPUs, there from the start to the end."""
        count = self.gpus // gpus_per_node
        nodes = pa.table(
            [["cluster"] * count, list(range(count)), [0] * count, [0.0] * count, [self.horizon_s] * count],
            schema=NODES,
        )
        return LedgerUsage(
            horizon_s=self.horizon_s,
            slots_per_node=gpus_per_node,
            nodes=nodes if self.nodes is None else self.nodes,
            slot_seconds=dict(self.gpu_seconds),
        )
