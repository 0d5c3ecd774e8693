"""Kinds of actions on the cluster of jobs: size, scheduler, checkpoints, nodes on spot, elsewhere, committed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil
from typing import Any

from simcost.billing import OnDemand
from simcost.errors import CatalogError
from simcost.plan.failures import Checkpoints
from simcost.plan.scheduling import Elastic
from simcost.scenario.files.nodes import items
from simcost.scenario.inputs.variations import Dimension
from simcost.scenario.schema.jobs import OnGpus, OnNodes, OnShared, OnSpot
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Plan
from simcost.studies.advising.kinds import ActionKind, Partial
from simcost.studies.advising.purchase_kinds import commitment_kinds, region_kinds

INTERVALS = (0.25, 0.5, 2.0, 4.0)
"""Of the interval between two checkpoints."""
MORE, SPOT_NODES = 2, 4
"""Nodes that a cluster may have more, and numbers of spot nodes that are tried."""
LARGER = (1.25, 1.5, 2.0, 3.0, 4.0)
"""Of today's nodes: of a cluster that misses its SLO the size that meets it may be far from its own."""
FEW_NODES = 16
"""Up to so many nodes each size that is larger is tried."""
FEWER = (0, 1, 2, 4)
"""Nodes that a cluster with other checkpoints or another scheduler may have less."""


SCHEDULERS = ("fifo-skip", "easy-backfill")
"""Those that let other jobs pass one that does not fit, and stop none."""


def job_kinds(loaded: LoadedScenario, *, beside: bool = False) -> Iterator[ActionKind]:
    """Other sizes and schedulers of the cluster, intervals of its checkpoints, shares of spot nodes, and purchases of
    its nodes.

    Args:
        loaded: the scenario with one plan, of jobs or of jobs and requests.
        beside: True if requests are served from nodes of the same purchase, which stay as they are.
    """
    plan, catalog = loaded.scenario.plans[0], loaded.catalog
    training, buy = plan.training, plan.training_buy or plan.buy
    try:
        per_node = buy.node_accelerators(catalog, 1) if buy is not None else 1
    except CatalogError:
        return
    smaller: Dimension = [{}]
    if isinstance(training, OnGpus | OnShared):
        widest = _widest(loaded, training)
        sizes = [*_sizes(training.gpus, per_node, least=-(-widest // per_node)), *_much_larger(training.gpus, per_node)]
        smaller = [{"training": {"gpus": n}} for f in FEWER if (n := training.gpus - f * per_node) >= widest] or [{}]
        left_out = f"Fewer than {widest:,} GPUs were not tried: a job that runs asks for as many." if widest > 1 else ""
        yield ActionKind(
            name="size of the cluster", effort="very low", dimensions=(sizes,), left_out=left_out, sizes="alone"
        )
    if isinstance(training, OnGpus | OnNodes):
        yield _schedulers(training, smaller)
    yield _spot_share(training, per_node)
    yield _checkpoints(training, smaller)
    if isinstance(training, OnGpus) and isinstance(buy, OnDemand):
        yield from _purchases(loaded, replace(plan, buy=buy), -(-training.gpus // per_node), beside=beside)
    why = "recorded durations hold for the GPUs of the log"
    yield ActionKind(name="accelerator of the cluster", effort="high", why=why)


def bought_for_jobs(loaded: LoadedScenario) -> Partial:
    """The purchase of a cluster of its own as it is, for plans whose requests get other nodes; empty without."""
    plan = loaded.scenario.plans[0]
    if plan.training is None or plan.training_buy is not None:
        return {}
    return {"training_buy": _written_buy(loaded)}


def _written_buy(loaded: LoadedScenario) -> Any:
    [node] = items(loaded.root.get("plans"))
    buy = node.get("buy")
    return {} if buy is None else buy.plain()


def _spot_share(training: object, per_node: int) -> ActionKind:
    """Other numbers of steady GPUs and of spot nodes."""
    name = "share of spot nodes"
    if not isinstance(training, OnSpot):
        return ActionKind(name=name, effort="low", why="needs `training: {kind: spot}` with an availability")
    steady = _sizes(max(training.gpus, per_node), per_node, least=0)
    nodes = sorted({max(round(training.spot.nodes * i / SPOT_NODES), 1) for i in range(1, SPOT_NODES + 2)})
    spot: Dimension = [{"training": {"spot": {"nodes": n}}} for n in nodes]
    return ActionKind(name=name, effort="low", dimensions=(steady, spot))


def _checkpoints(training: Any, smaller: Dimension) -> ActionKind:
    """Other intervals of checkpoints, and the nodes that they may spare."""
    name, checkpoints = "interval of checkpoints", getattr(training, "checkpoints", None)
    if not isinstance(checkpoints, Checkpoints):
        return ActionKind(name=name, effort="low", why="training.checkpoints states none, so they take no time")
    if isinstance(training, OnGpus | OnNodes) and training.failures is None:
        why = "training.failures states none, so that no job needs its checkpoints"
        return ActionKind(name=name, effort="low", why=why)
    intervals: Dimension = [
        {"training": {"checkpoints": {"interval": checkpoints.interval * factor}}} for factor in INTERVALS
    ]
    return ActionKind(name=name, effort="low", dimensions=(intervals, smaller), sizes="own")


def _widest(loaded: LoadedScenario, training: OnGpus | OnShared) -> int:
    """GPUs of the widest job that the cluster runs today, and that a smaller one would never start."""
    log = loaded.scenario.jobs
    if log is None:
        return 1
    from simcost.scenario.inputs.job_demand import JobTrace

    jobs = JobTrace.of(loaded, log, 1, (), loaded.scenario.horizon).jobs
    elastic = isinstance(training, OnGpus) and isinstance(training.scheduler, Elastic)
    asked = jobs.min_gpus if elastic else jobs.gpus
    return int(asked[asked <= training.gpus].max(initial=1))


def _schedulers(training: OnGpus | OnNodes, smaller: Dimension) -> ActionKind:
    """Other schedulers, and the nodes that they may spare."""
    others: Dimension = [{"training": {"scheduler": kind}} for kind in SCHEDULERS if kind != training.scheduler.kind]
    return ActionKind(name="scheduler of the cluster", effort="low", dimensions=(others, smaller), sizes="own")


def _purchases(loaded: LoadedScenario, plan: Plan, nodes: int, *, beside: bool) -> Iterator[ActionKind]:
    """The nodes of a cluster of its own in another region, or under commitments.

    Args:
        loaded: the scenario.
        plan: the plan with the purchase of the cluster as its `buy`.
        nodes: those of the cluster.
        beside: as above.
    """
    apart = loaded.scenario.plans[0].training_buy is not None
    split = beside and not apart
    key = "training_buy" if beside or apart else "buy"
    kinds = [*region_kinds(plan, loaded), *([] if split else commitment_kinds(plan, loaded.catalog, nodes))]
    written = _written_buy(loaded) if split else {}

    def moved(one: Any) -> Partial:
        return {key: written | one["buy"]}

    for kind in kinds:
        dimensions = tuple([moved(one) for one in dimension] for dimension in kind.dimensions)
        yield replace(kind, name=f"{kind.name} of the cluster", dimensions=dimensions)


def _sizes(gpus: int, per_node: int, least: int = 1) -> Sequence[Partial]:
    """Numbers of GPUs of whole nodes."""
    return [{"training": {"gpus": n * per_node}} for n in range(least, gpus // max(per_node, 1) + MORE + 1)]


def _much_larger(gpus: int, per_node: int) -> Sequence[Partial]:
    """Numbers of GPUs beyond those of `_sizes`, of whole nodes."""
    today = gpus // max(per_node, 1)
    nodes = {*range(today, min(round(LARGER[-1] * today), FEW_NODES) + 1), *(ceil(f * today) for f in LARGER)}
    return [{"training": {"gpus": n * per_node}} for n in sorted(nodes) if n > today + MORE]
