"""Clusters on which the jobs of each plan run, their files read, and their options."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from simcost.billing import Buy, Spot
from simcost.catalog import Catalog
from simcost.errors import InputError
from simcost.ledger.jobs import JobLedger
from simcost.plan.failures import Checkpoints
from simcost.plan.scheduling import Count, FifoSkip, PriorityPreemptive, Quotas, Random, Rigid, Shortest
from simcost.plan.scheduling import OnNodes as PlacementOnNodes
from simcost.rng import stream
from simcost.scenario.inputs.file_hashes import hashes
from simcost.scenario.inputs.spot_capacity import AvailableSpotNodes
from simcost.scenario.schema.jobs import OnGpus, OnNodes, OnShared, OnSpot, Training
from simcost.scenario.schema.scenario import Plan
from simcost.sim.jobs.changing_capacity import GpuCapacity
from simcost.tables.paths import inside
from simcost.trace.jobs.jobs import Jobs
from simcost.trace.jobs.nodes import NodeTable, read_nodes
from simcost.trace.jobs.selection import of_other_types
from simcost.units import format_seconds, how_many

_PREEMPTING = ("remaining", "priority", "quotas")
"""Disciplines that stop running jobs for others."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cluster:
    """Cluster of the jobs of a plan."""

    plan: Plan
    training: Training
    buy: Buy
    """Purchase option of its steady nodes."""
    gpus_per_node: int
    """Of a steady node."""
    nodes: NodeTable | None = None
    """Its list, where it has one."""
    spot: AvailableSpotNodes | None = None
    inputs: dict[str, str]
    """SHA-256 of each file by its name in the scenario."""

    @property
    def shared(self) -> bool:
        """True if requests hold a part of it."""
        return isinstance(self.training, OnShared)

    @property
    def random(self) -> bool:
        """True if one replication may differ from the next even if the jobs do not."""
        on = self.training
        placed = isinstance(on, OnNodes) and isinstance(on.placement, Random)
        if isinstance(on, OnShared | OnSpot):
            return True
        guessed = isinstance(on.scheduler, Shortest) and on.scheduler.sigma > 0
        return placed or guessed or on.failures is not None

    @property
    def counted(self) -> bool:
        """True if jobs take any GPUs that are free, whatever nodes these are in."""
        return _placed(self.training) is None

    def identity(self, seed: int, replication: int) -> Any:
        """All that a run on it depends on, but for its jobs and the requests beside it; nothing about money."""
        said = {name: value for name, value in asdict(self.training).items() if name not in ("spot", "disk")}
        if isinstance(self.training, OnNodes):
            said["nodes"] = self.inputs[self.training.nodes]
        if self.spot is not None:
            said["spot"] = self.spot.identity(self.spot.first_tick(seed, replication))
        return said | ({"seed": [seed, replication]} if self.random else {})


def find_clusters(plans: Iterable[Plan], catalog: Catalog, folder: Path) -> tuple[Cluster, ...]:
    """The clusters of the plans that run jobs.

    Raises:
        InputError: a list of nodes or a trace that cannot be read, or nodes that are not those that are bought.
    """
    return tuple(_cluster(plan, plan.training, catalog, folder) for plan in plans if plan.training is not None)


def _cluster(plan: Plan, training: Training, catalog: Catalog, folder: Path) -> Cluster:
    buy = plan.training_buy or plan.buy
    gpus = buy.node_accelerators(catalog, 1)
    nodes, inputs, spot = None, dict[str, str](), None
    if isinstance(training, OnNodes):
        nodes = read_nodes(inside(folder, training.nodes)).divided(training.divide)
        inputs = hashes(folder, [training.nodes])
        _check_nodes(training.nodes, nodes, gpus, getattr(buy, "offer", buy.kind))
    if isinstance(training, OnGpus | OnNodes) and training.failures is not None:
        size = training.failures.gpus_per_node or gpus
        training = replace(training, failures=replace(training.failures, gpus_per_node=size))
    if isinstance(training, OnSpot):
        spot = AvailableSpotNodes.of(training.spot, catalog, folder)
        inputs = spot.inputs
    return Cluster(
        plan=plan,
        training=training,
        buy=buy,
        gpus_per_node=gpus,
        nodes=nodes,
        spot=spot,
        inputs=inputs,
    )


def _check_nodes(file: str, nodes: NodeTable, gpus: int, offer: str) -> None:
    other = np.flatnonzero(nodes.gpus != gpus)
    if len(other):
        name, has = nodes.names[other[0]], nodes.gpus[other[0]]
        raise InputError(
            f"{file}: node {name} has {has} GPUs, {offer} has {gpus}: the bill would be of other nodes; buy an offer "
            f"of {has} GPUs, or leave such nodes out of the list"
        )


def run_jobs(
    cluster: Cluster,
    jobs: Jobs,
    left: GpuCapacity | None,
    *,
    horizon_s: float | None,
    seed: int,
    replication: int,
) -> JobLedger:
    """Run jobs on a cluster.

    Args:
        cluster: where.
        jobs: which; none is submitted after the horizon.
        left: what requests leave of a shared fleet; None = the plan serves no requests.
        horizon_s: end of the run; None = when the last job ends.
        seed: of the scenario.
        replication: which.
    """
    from simcost.sim.jobs.simulate import schedule  # load numba
    from simcost.sim.jobs.simulate_on_nodes import schedule_on_nodes

    on, spot = cluster.training, cluster.spot
    if isinstance(on, OnSpot) and spot is not None:
        left = spot.capacity(spot.first_tick(seed, replication), on.gpus)
    if isinstance(on, OnShared | OnSpot):
        capacity = GpuCapacity.constant(on.gpus) if left is None else left
        saved = on.checkpoints
        return schedule(jobs, capacity, FifoSkip(), checkpoints=saved, horizon_s=horizon_s, keep_timeline=True)
    luck = int(stream(seed, "cluster", replication).integers(2**62))
    rules: dict[str, Any] = {
        "horizon_s": horizon_s,
        "keep_timeline": True,
        "seed": luck,
        "checkpoints": on.checkpoints,
        "failures": on.failures,
    }
    if isinstance(on, OnGpus):
        return schedule(jobs, on.gpus, on.scheduler, **rules)
    placed = _placed(on)
    if cluster.nodes is not None and placed is not None:
        return schedule_on_nodes(jobs, cluster.nodes, *placed, **rules)
    pools = {} if cluster.nodes is None else cluster.nodes.pool_gpus
    return schedule(jobs, pools if len(pools) > 1 else sum(pools.values()), on.scheduler, **rules)


def _placed(on: Training) -> tuple[Rigid, PlacementOnNodes] | None:
    """Order of the jobs and their placement on nodes; None where they take any GPUs that are free."""
    if not isinstance(on, OnNodes) or not isinstance(on.scheduler, Rigid) or isinstance(on.placement, Count):
        return None
    return on.scheduler, on.placement


def unmet_requirements(cluster: Cluster, jobs: Jobs, timezone: str = "UTC") -> list[str]:
    """Requirements of jobs, whose days begin in a time zone, that a cluster does not go by, one sentence each."""
    from simcost.sim.jobs.document import assumptions, in_whole_seconds, marks_without_effect, of_order, other_hours

    on, remedy = cluster.training, "use kind nodes, and a scheduler that places gangs"
    found = assumptions(jobs, counted=cluster.counted, remedy=remedy) + _other_types(cluster, jobs)
    if isinstance(on, OnSpot):
        found += marks_without_effect(jobs, "spot nodes that go", spot=True)
    elif isinstance(on, OnShared):
        found += [*marks_without_effect(jobs, "requests"), *other_hours(jobs, timezone)]
    else:
        found += of_order(jobs, on.scheduler) + in_whole_seconds(jobs, on.checkpoints)
        if on.scheduler.discipline == "remaining":
            found += marks_without_effect(jobs, f"others under {on.scheduler.kind}")
    return [f"{finding['message']}." for finding in found]


def _other_types(cluster: Cluster, jobs: Jobs) -> list[dict[str, Any]]:
    """The finding on jobs that no node of a list may run, whatever it has free."""
    if cluster.nodes is None or cluster.counted or not any(cluster.nodes.gpu_types):
        return []
    lost = of_other_types(jobs, cluster.nodes.gpu_types)
    if not lost.any():
        return []
    count, wanted = int(lost.sum()), jobs.gpu_types[jobs.gpu_type[lost.argmax()]]
    asks = how_many(count, "job asks", "jobs ask")
    there = ", ".join(filter(None, cluster.nodes.gpu_types))
    message = f"{asks} for a type of GPU that no node has, and never run; first: {wanted!r} (of the nodes: {there})"
    return [{"kind": "gpu_type", "count": count, "message": message}]


def _stops_jobs(on: Training) -> bool:
    """True if jobs may be stopped and wait again: by others, by requests, by spot or by failures."""
    if isinstance(on, OnShared | OnSpot):
        return True
    kept = isinstance(on.scheduler, Quotas) and (on.scheduler.reclaim, on.scheduler.within) == ("never", "never")
    return on.failures is not None or (on.scheduler.discipline in _PREEMPTING and not kept)


def _interval(on: Training) -> str:
    """Time between two checkpoints, in words."""
    best = on.failures.intervals if isinstance(on, OnGpus | OnNodes) and on.failures is not None else "given"
    if best == "given":
        return f"every {format_seconds((on.checkpoints or Checkpoints()).interval)}"
    return f"at {best.capitalize()}'s interval for each job's own failures"


def assumptions_of(cluster: Cluster) -> list[str]:
    """Assumptions about jobs on a cluster, one sentence each."""
    on, lines = cluster.training, []
    if on.checkpoints is not None:
        write, restart = map(format_seconds, (on.checkpoints.write, on.checkpoints.restart))
        lines.append(
            f"Jobs save their work {_interval(on)} in {write} and restart in {restart}; "
            "it lies on the disks of the nodes."
        )
    elif isinstance(on, OnGpus | OnNodes) and isinstance(on.scheduler, PriorityPreemptive | Quotas):
        every, restart = map(format_seconds, (on.scheduler.checkpoint_interval, on.scheduler.restart))
        lines.append(
            f"Jobs that are preempted have saved their work every {every}, in no time, and restart in {restart}."
        )
    if isinstance(on, OnGpus | OnNodes) and isinstance(on.scheduler, Quotas):
        gpus = on.gpus if isinstance(on, OnGpus) else 0 if cluster.nodes is None else int(cluster.nodes.gpus.sum())
        lines += filter(None, [on.scheduler.misfit(gpus)])
    if isinstance(on, OnSpot | OnShared):
        lines.append("Jobs queue first in, first out, and those that do not fit are passed over (fifo-skip).")
    if isinstance(on, OnSpot) and cluster.spot is not None:
        trace = cluster.spot.trace
        in_effect = trace.usd_per_h is not None and on.spot.price is None
        price = "at the prices in effect" if in_effect else "at one price"
        short = (
            ", also those gone within an hour, which AWS does not bill" if cluster.spot.offer.provider == "aws" else ""
        )
        most = int(trace.nodes.max())
        more = f"; it has at most {most}, and more come and go in proportion" if on.spot.nodes > most else ""
        follow = f"follow the availability of {trace.name}, started again after {format_seconds(trace.span_s)}{more}"
        lines += [
            f"Up to {on.spot.nodes} spot nodes {follow}; they are held and paid {price} while they are there{short}.",
            "Where spot nodes go, the jobs that began last stop, wherever they run.",
            *(f"{text[:1].upper()}{text[1:]}" for text in (*trace.notation, *trace.held_long())),
        ]
    if isinstance(on, OnGpus | OnNodes) and on.failures is not None:
        each, alone = on.failures.per_node_day, on.failures.size_independent_per_day
        size = on.failures.gpus_per_node if isinstance(on, OnGpus) else None
        of_gpus = f" of {size} {'GPU' if size == 1 else 'GPUs'}" if size else ""
        lines.append(
            f"Nodes{of_gpus} fail {each:g} times a day and stop the gangs on them; jobs, "
            f"however small, {alone:g} times a day besides."
        )
    if isinstance(cluster.buy, Spot) and not isinstance(on, OnShared) and (not isinstance(on, OnSpot) or on.gpus):
        lines.append(
            f"{'Steady' if isinstance(on, OnSpot) else 'All'} nodes of the jobs are bought on spot, and never taken "
            "back; the spot nodes of `training: {kind: spot}` are, as a recorded availability says."
        )
    if _stops_jobs(on):
        lines.append("A wait ends with the first start: what jobs wait after they were stopped is in their JCT alone.")
    if isinstance(on, OnShared):
        lines.append(
            f"A new replica has its GPUs {format_seconds(on.handover)} after jobs gave them up; requests feel nothing "
            "else of the jobs."
        )
    return lines
