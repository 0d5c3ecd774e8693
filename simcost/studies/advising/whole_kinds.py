"""Kinds of actions on a plan whose parts depend on each other: its services, its nodes, its cluster of jobs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import ceil

from simcost.scenario.files.nodes import items
from simcost.scenario.files.sharing import KEY, on_nodes_of_plan
from simcost.scenario.inputs.variations import Dimension
from simcost.scenario.schema.jobs import OnShared
from simcost.scenario.schema.loaded_scenario import AnyScenario, LoadedScenario, LoadedServices
from simcost.scenario.schema.scenario import OF_A_POOL, Plan
from simcost.studies.advising.hardware_kinds import scaled_size
from simcost.studies.advising.job_kinds import bought_for_jobs, job_kinds
from simcost.studies.advising.kinds import ActionKind, Partial, bounds_of, routers_of, sizes_of
from simcost.studies.advising.request_kinds import request_kinds
from simcost.studies.advising.shared_kinds import shared_node_kinds

TOGETHER = (1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
"""Sizes of the fleets of all services, by those of today; those of autoscalers are tried as fixed ones, too."""


def whole_kinds(loaded: AnyScenario, spot_per_node_h: float | None) -> list[ActionKind]:
    """The kinds of actions on the one plan of a scenario; each changes one service, or what all have.

    Args:
        loaded: the scenario with the plan alone.
        spot_per_node_h: interruptions of a spot node an hour; None = spot is not tried.
    """
    if isinstance(loaded, LoadedServices):
        [node] = items(loaded.root.get("plans"))
        jobs = () if loaded.jobs is None else job_kinds(loaded.jobs, beside=bool(on_nodes_of_plan(node)))
        return [*_of_services(loaded, spot_per_node_h), *jobs]
    plan = loaded.scenario.plans[0]
    served = plan.scaling is not None and (loaded.scenario.workload or loaded.scenario.demand)
    requests = list(_of_requests(loaded, spot_per_node_h)) if served else []
    return [*requests, *(() if plan.training is None else job_kinds(loaded, beside=bool(served)))]


def _of_services(loaded: LoadedServices, spot_per_node_h: float | None) -> Iterator[ActionKind]:
    """Those of each service, and of the nodes that some share."""
    shared = {name: loaded.services[name] for _, name in loaded.sharing}
    beside = loaded.jobs is not None and isinstance(loaded.jobs.scenario.plans[0].training, OnShared)
    for name, service in loaded.services.items():
        plan = service.scenario.plans[0]
        if name in shared:
            kinds: Iterable[ActionKind] = (*sizes_of(plan), *routers_of(plan))
        else:
            kinds = _on_fleet_of_jobs(plan) if beside else _of_requests(service, spot_per_node_h)
        yield from (_within(kind, (KEY, name), name) for kind in kinds)
    if len(loaded.services) > 1:
        yield _larger_together(loaded)
    if shared:
        kept = {} if loaded.jobs is None else bought_for_jobs(loaded.jobs)
        yield from (_beside(kind, kept) for kind in shared_node_kinds(shared, spot_per_node_h))


def _larger_together(loaded: LoadedServices) -> ActionKind:
    """Larger fleets of all services at once: where several miss their SLO, none of their own actions mends the plan."""
    plans = {name: service.scenario.plans[0] for name, service in loaded.services.items()}
    found: list[Partial] = [
        {KEY: {name: scaled_size(plan, factor) for name, plan in plans.items()}} for factor in TOGETHER
    ]
    if any(bounds_of(plan.scaling) for plan in plans.values()):
        found += [
            {KEY: {name: _fixed_size(plan, factor) for name, plan in plans.items()}} for factor in (1.0, *TOGETHER)
        ]
    sizes = [size for i, size in enumerate(found) if size not in found[:i]]
    return ActionKind(name="sizes of all services", effort="very low", dimensions=(sizes,), mends=True)


def _fixed_size(plan: Plan, factor: float) -> Partial:
    """A fixed fleet of so many times today's, or the upper bound of today's autoscaler."""
    bounds = bounds_of(plan.scaling)
    if bounds is None:
        return scaled_size(plan, factor)
    return {"scaling": {"kind": "fixed", "replicas": max(ceil(bounds[1] * factor - 1e-9), 1)}}


def _of_requests(loaded: LoadedScenario, spot_per_node_h: float | None) -> Iterator[ActionKind]:
    """Those of the requests of a scenario, of each of their pools, or beside jobs, whose cluster stays as it is."""
    plan = loaded.scenario.plans[0]
    if isinstance(plan.training, OnShared):
        yield from _on_fleet_of_jobs(plan)
    elif plan.pools:
        for i, (pool, alone) in enumerate(zip(plan.pools, plan.by_pool(), strict=True)):
            kinds = request_kinds(loaded, alone, spot_per_node_h, bounded=False)
            yield from (_within(kind, ("pools", str(i)), pool.name) for kind in kinds if _is_of_a_pool(kind))
    else:
        kept = bought_for_jobs(loaded)
        for kind in request_kinds(loaded, plan, spot_per_node_h, bounded=False):
            yield _beside(kind, kept)


def _on_fleet_of_jobs(plan: Plan) -> Iterator[ActionKind]:
    """Those of requests that hold a part of the fleet of jobs."""
    yield from sizes_of(plan)
    yield from routers_of(plan)
    why = "requests and jobs are on the same nodes"
    yield ActionKind(name="accelerator", effort="medium", why=why)
    yield ActionKind(name="region", effort="medium", why=why)


def _beside(kind: ActionKind, kept: Partial) -> ActionKind:
    """A kind whose plans leave the nodes of jobs as they are; commitments are of the account that both have."""
    if kind.name.startswith("commitment"):
        return kind
    dimensions = [[one | kept if "buy" in one else one for one in dimension] for dimension in kind.dimensions]
    return replace(kind, dimensions=tuple(dimensions))


def _within(kind: ActionKind, path: Sequence[str], name: str) -> ActionKind:
    """A kind of a service or a pool, whose partial plans stand at a path."""
    dimensions = list[Dimension]()
    for dimension in kind.dimensions:
        partials = list(dimension)
        for key in reversed(path):
            partials = [{key: one} for one in partials]
        dimensions.append(partials)
    return replace(kind, service=name, dimensions=tuple(dimensions))


def _is_of_a_pool(kind: ActionKind) -> bool:
    """True if it changes what a pool has of its own."""
    changed = {key for dimension in kind.dimensions for partial in dimension for key in partial}
    return changed <= {*OF_A_POOL} if changed else kind.name not in ("smaller model", "prefix cache")
