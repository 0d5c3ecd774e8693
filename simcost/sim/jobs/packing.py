"""Share of a cluster that can be allocated before fragmentation stops it: jobs arrive, none leaves.

The experiment of Weng et al., "Beware of Fragmentation" (USENIX ATC 2023).
"""

from typing import Any, Literal

import numpy as np

from simcost.errors import InputError
from simcost.plan.scheduling import OnNodes, Spread
from simcost.rng import stream
from simcost.sim.jobs.cluster import (
    FGD,
    MILLI,
    NEVER,
    STAY,
    Floats,
    FreeNodes,
    Ints,
    cluster,
    gangs,
    shapes_of,
    work_of,
)
from simcost.sim.jobs.simulate_on_nodes import POLICIES, fitting, levels
from simcost.trace.jobs.jobs import Flags, Jobs
from simcost.trace.jobs.nodes import NodeTable

Order = Literal["shuffled", "given"]


def pack(
    pods: Jobs,
    nodes: NodeTable,
    placement: OnNodes,
    *,
    order: Order = "shuffled",
    seed: int = 0,
    until: float = 1.3,
) -> dict[str, Any]:
    """Place pods one after the other until their demand is `until` times the GPUs there are; those that do not fit
    are dropped. The nodes of all pools are one cluster.

    Args:
        pods: the trace; submission and duration do not matter.
        nodes: the cluster.
        placement: on which nodes a pod goes.
        order: all pods shuffled, then more of them drawn with replacement; or as they are, and over again.
        seed: of the order and of random placement.
        until: share of the GPUs.

    Returns:
        `pods`, `refused` and `refused_gpus`; `allocated` and `fragmented`, by per cent of GPUs that have arrived:
        the share of all GPUs that is allocated, and the share of the idle ones that no typical pod could use,
        averages over the pods at which demand rounds to that per cent; `allocated_at_end`, and `requested_at_end`:
        demand that has arrived by then, at most `until`, as a share of all GPUs.

    Raises:
        InputError: pods without GPUs, or a cluster without; the first pod is wider than all that may arrive; a
            topology without racks or domains.
    """
    from simcost.sim.jobs.engine.placement import fill

    capacity = int(nodes.gpus.sum()) * MILLI
    need = pods.gpus * pods.gpu_milli
    if not capacity or not need.any():
        raise InputError("packing needs jobs that ask for GPUs, and nodes that have some")
    c = _empty(nodes, placement, seed)
    asked = gangs(pods, c, nodes.gpu_types)
    policy = POLICIES[type(placement)]
    shapes = shapes_of(asked, len(nodes), scored=policy == FGD)
    chosen = _arrivals(need, capacity * until, order, seed)
    arriving = pods[chosen]
    work = work_of(asked.of(chosen), arriving, np.arange(len(chosen)), strict=True)
    fragmented = np.empty(len(chosen))
    fill(c, shapes, work, policy, STAY, fragmented)
    return _document(work.jobs["need"], work.jobs["start"] != NEVER, fragmented, capacity)


def fits_empty(pods: Jobs, nodes: NodeTable) -> Flags:
    """True for the pods that the cluster has room for while nothing else is there."""
    c = _empty(nodes, Spread(), 0)
    result = np.zeros(len(pods), np.bool_)
    result[fitting(gangs(pods, c, nodes.gpu_types), pods, c)] = True
    return result


def _empty(nodes: NodeTable, placement: OnNodes, seed: int) -> FreeNodes:
    """All nodes as one cluster, in order of name."""
    rows = np.argsort(np.array(nodes.names, dtype=object), kind="stable")
    return cluster(nodes, rows, *levels(nodes, placement), stream(seed, "placement"))


def _arrivals(need: Ints, most: float, order: Order, seed: int) -> Ints:
    """Rows of the pods that arrive, while their demand is not over `most`."""
    rng = stream(seed, "arrivals")
    chosen = rng.permutation(len(need)) if order == "shuffled" else np.arange(len(need))
    while need[chosen].sum() <= most:
        more = rng.integers(len(need), size=len(need)) if order == "shuffled" else np.arange(len(need))
        chosen = np.concatenate([chosen, more])
    kept = chosen[: int(np.searchsorted(np.cumsum(need[chosen]), most, side="right"))]
    if not len(kept):
        raise InputError(
            f"the first job to arrive asks for {need[chosen[0]] / MILLI:,g} GPUs, and jobs arrive until they ask for "
            f"{most / MILLI:,g}; leave out jobs that are wider, or let more arrive (until)"
        )
    return kept


def _document(
    need: Ints, placed: "np.ndarray[Any, np.dtype[np.bool_]]", fragmented: Floats, capacity: int
) -> dict[str, Any]:
    """The averages by per cent arrived."""
    per_cent = np.rint(np.cumsum(need) / capacity * 100).astype(np.int64)
    allocated = np.cumsum(need * placed)
    idle = capacity - allocated
    share = np.divide(fragmented, idle, out=np.zeros(len(need)), where=idle > 0)
    return {
        "pods": len(need),
        "refused": int((~placed).sum()),
        "refused_gpus": float(need[~placed].sum()) / MILLI,
        "allocated": _by_per_cent(per_cent, allocated / capacity),
        "fragmented": _by_per_cent(per_cent, share),
        "allocated_at_end": float(allocated[-1]) / capacity,
        "requested_at_end": float(need.sum()) / capacity,
    }


def _by_per_cent(per_cent: Ints, values: Floats) -> dict[str, float]:
    count = np.bincount(per_cent)
    total = np.bincount(per_cent, weights=values)
    return {str(i): float(total[i] / count[i]) for i in np.flatnonzero(count)}
