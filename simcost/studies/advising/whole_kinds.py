"""Kinds of actions on a plan whose parts depend on each other: its services, its nodes, its cluster of jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from simcost.billing import OnDemand
from simcost.catalog import Catalog
from simcost.errors import CatalogError
from simcost.plan.failures import Checkpoints
from simcost.scenario.files.sharing import KEY
from simcost.scenario.inputs.changes import AnyScenario
from simcost.scenario.inputs.variations import Dimension
from simcost.scenario.schema.jobs import OnGpus, OnShared, OnSpot
from simcost.scenario.schema.loaded_scenario import LoadedServices
from simcost.scenario.schema.scenario import Plan
from simcost.studies.advising.kinds import ActionKind, routers_of, sizes_of

Partial = dict[str, Any]
INTERVALS = (0.25, 0.5, 2.0, 4.0)
"""Of the interval between two checkpoints."""
MORE, SPOT_NODES = 2, 4
"""Nodes that a cluster may have more, and numbers of spot nodes that are tried."""


def whole_kinds(loaded: AnyScenario, spot_per_node_h: float | None) -> list[ActionKind]:
    """The kinds of actions on the one plan of a scenario.

    Args:
        loaded: the scenario with the plan alone.
        spot_per_node_h: interruptions of a spot node an hour; None = spot is not tried.
    """
    if isinstance(loaded, LoadedServices):
        found = [
            _of_service(name, kind)
            for name, service in loaded.services.items()
            for kind in _of_requests(service.scenario.plans[0])
        ]
        shared = [loaded.services[name].scenario.plans[0] for _, name in loaded.sharing]
        found += _of_nodes(shared[0], loaded.first.catalog, spot_per_node_h) if shared else []
        jobs = None if loaded.jobs is None else loaded.jobs.scenario.plans[0]
        return [*found, *([] if jobs is None else _of_jobs(jobs, loaded.first.catalog))]
    plan = loaded.scenario.plans[0]
    served = loaded.scenario.open_workloads() or loaded.scenario.demand
    return [*(_of_requests(plan) if served else []), *_of_jobs(plan, loaded.catalog)]


def _of_requests(plan: Plan) -> list[ActionKind]:
    return [] if plan.scaling is None else [*sizes_of(plan), *routers_of(plan)]


def _of_service(name: str, kind: ActionKind) -> ActionKind:
    """A kind as one of a service."""
    dimensions = list[list[Partial]]()
    for dimension in kind.dimensions:
        dimensions.append([{KEY: {name: partial}} for partial in dimension])
    return replace(kind, service=name, dimensions=tuple(dimensions))


def _of_nodes(plan: Plan, catalog: Catalog, spot_per_node_h: float | None) -> Iterator[ActionKind]:
    """Nodes of another size, or on spot, for all services that share them."""
    buy = plan.buy
    if not isinstance(buy, OnDemand) or buy.price is not None or plan.or_buy or plan.replica is None:
        return
    here = catalog.offer(buy.offer, buy.region)
    others: list[Partial] = [
        {"buy": {"offer": offer.name, "region": offer.region}}
        for offer in catalog.offers_for(plan.replica.accelerator)
        if offer.provider == here.provider and offer.region == here.region and offer.name != here.name
    ]
    if others:
        yield ActionKind(name="nodes", effort="medium", dimensions=(others,))
    if spot_per_node_h is not None and here.spot_usd_per_h is not None:
        spot: Partial = {
            "buy": {"kind": "spot", "offer": buy.offer, "region": buy.region},
            "interruptions": {"spot": {"kind": "hazard", "per_node_h": spot_per_node_h}},
        }
        yield ActionKind(name="spot", effort="low", dimensions=([spot],))


def _of_jobs(plan: Plan, catalog: Catalog) -> Iterator[ActionKind]:
    """Other sizes of the cluster, intervals of its checkpoints, and shares of spot nodes."""
    training, buy = plan.training, plan.training_buy or plan.buy
    try:
        per_node = buy.node_accelerators(catalog, 1) if buy is not None else 1
    except CatalogError:
        return
    if isinstance(training, OnGpus | OnShared):
        yield ActionKind(
            name="size of the cluster", effort="very low", dimensions=(_sizes(training.gpus, per_node),), sizes="alone"
        )
    if isinstance(training, OnSpot):
        steady = _sizes(max(training.gpus, per_node), per_node, least=0)
        nodes = sorted({max(round(training.spot.nodes * i / SPOT_NODES), 1) for i in range(1, SPOT_NODES + 2)})
        spot: Dimension = [{"training": {"spot": {"nodes": n}}} for n in nodes]
        yield ActionKind(name="share of spot nodes", effort="low", dimensions=(steady, spot))
    checkpoints = getattr(training, "checkpoints", None)
    if isinstance(checkpoints, Checkpoints):
        intervals: Dimension = [
            {"training": {"checkpoints": {"interval": checkpoints.interval * factor}}} for factor in INTERVALS
        ]
        yield ActionKind(name="interval of checkpoints", effort="low", dimensions=(intervals,))


def _sizes(gpus: int, per_node: int, least: int = 1) -> Sequence[Partial]:
    """Numbers of GPUs of whole nodes."""
    return [{"training": {"gpus": n * per_node}} for n in range(least, gpus // max(per_node, 1) + MORE + 1)]
