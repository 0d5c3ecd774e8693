"""The least that a whole plan costs, and its place among plans that are larger or smaller, without simulation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from math import ceil, fsum
from typing import Any

from simcost.billing import Buy, OnDemand, Owned
from simcost.catalog import Catalog
from simcost.compare.entrants import Entrant, ServicePart
from simcost.perf.step_time import COEFFICIENTS
from simcost.plan import Fixed
from simcost.plan.nodes import AtOnce
from simcost.scenario.inputs.changes import plans_of
from simcost.scenario.inputs.owned_nodes import within_owned
from simcost.scenario.inputs.whole_variations import WholePlan
from simcost.scenario.runs.fleet_sizes import always_there
from simcost.scenario.runs.replication_order import busiest_first
from simcost.scenario.runs.resolve import ResolvedPlan, ResolvedScenario
from simcost.scenario.runs.resolve_services import ResolvedServices
from simcost.scenario.runs.services_apart import commits
from simcost.scenario.schema.jobs import OnGpus, OnShared
from simcost.scenario.schema.loaded_scenario import LoadedServices
from simcost.scenario.schema.scenario import Plan
from simcost.units import HOURS_PER_MONTH

_ALMOST = 1 - 1e-9
_OF_FLEET = ("name", "buy", "or_buy", "scaling")


def entrant_of(plan: WholePlan, question: ResolvedScenario | ResolvedServices, least_share: float = 1.0) -> Entrant:
    """The plan before the race.

    Args:
        plan: the plan.
        question: the scenario with it alone.
        least_share: of its cost on demand, what it costs at least where commitments may be bought.
    """
    counts = _counts(plan)
    services = _services(question) if _is_apart(plan) and isinstance(question, ResolvedServices) else {}
    return Entrant(
        name=plan.name,
        bound_usd=_least_usd(question) * _ALMOST * least_share,
        chain=_but_counts(plan.node.plain()) if counts else "",
        sizes=counts,
        services=services,
        order=busiest_first(question),
    )


def _is_apart(plan: WholePlan) -> bool:
    """True if all fleets are fixed and nodes come as they are needed, so that no service keeps room from another."""
    loaded = plan.loaded
    if not isinstance(loaded, LoadedServices) or loaded.jobs is not None:
        return False
    plans = [plan for plan, _ in plans_of(loaded)]
    return all(
        plan.interruptions is None
        and isinstance(plan.nodes, AtOnce)
        and plan.nodes.max is None
        and within_owned(plan.nodes, plan) == plan.nodes
        and all(isinstance(fleet, Fixed) for fleet in _fleets(plan))
        for plan in plans
    )


def _fleets(plan: Plan) -> list[Any]:
    """Scaling of a plan, and of its prefill side."""
    return [side.scaling for side in (plan, plan.disaggregation) if side is not None]


def _counts(plan: WholePlan) -> tuple[float, ...]:
    """Replicas of each service, those that prefill apart: more of them never serve worse, whoever shares the nodes.
    Empty where more may be worse.
    """
    loaded = plan.loaded
    if not isinstance(loaded, LoadedServices) or loaded.forwarding or not _is_apart(plan):
        return ()
    return tuple(float(fleet.replicas) for one, _ in plans_of(loaded) for fleet in _fleets(one))


def _services(services: ResolvedServices) -> dict[str, ServicePart]:
    """Services of a plan that is apart which tell of themselves alone: those that send nothing on. What others send
    to them depends on the fleets of those. None where replicas prefill apart, or nodes are bought in special ways.
    """
    plans = [question.plans[0].plan for question in services.questions.values()]
    if any(plan.disaggregation or plan.pools or not isinstance(plan.buy, OnDemand | Owned) for plan in plans):
        return {}
    name = plans[0].name
    sending = services.forwarding(name)
    parts = {
        service: _part(question.plans[0], services.loaded, service) for service, question in services.questions.items()
    }
    sent = [parts[service] for service in sending]
    return {
        service: replace(part, alike=f"{part.alike} {sent}")
        for service, part in parts.items()
        if service not in sending
    }


def _part(plan: ResolvedPlan, loaded: LoadedServices, service: str) -> ServicePart:
    """The service alone; whatever its nodes are, its replicas are on accelerators of their own from start to end."""
    one, pool = plan.plan, plan.pool
    own = {field.name: getattr(one, field.name) for field in fields(one) if field.name not in _OF_FLEET}
    step = [getattr(pool.step, name) for name in COEFFICIENTS]
    rights = loaded.sharing.get((one.name, service))
    return ServicePart(
        alike=f"{own} {step} {pool.step.source} {pool.kv_capacity_tokens} {plan.factors} {rights}",
        counts=tuple(float(fleet.replicas) for fleet in _fleets(one)),
    )


def _but_counts(plain: Any) -> str:
    """A plan without its name and its numbers of replicas."""

    def kept(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: kept(part) for key, part in value.items() if key not in ("replicas", "name")}
        return [kept(part) for part in value] if isinstance(value, list) else value

    return json.dumps(kept(plain), sort_keys=True)


def _least_usd(question: ResolvedScenario | ResolvedServices) -> float:
    """Cost a month of nodes that are there all the time, at their list price; 0 of all that is bought otherwise, and of
    a plan with commitments, which may cover all of it.
    """
    if any(commits(plan) for plan, _ in plans_of(question.loaded)):
        return 0.0
    jobs = question if isinstance(question, ResolvedScenario) else question.jobs
    cluster = 0.0 if jobs is None else fsum(_cluster_usd(one.plan, jobs.loaded.catalog) for one in jobs.clusters)
    if jobs is not None and any(one.shared for one in jobs.clusters):
        return cluster  # requests hold a part of it
    if isinstance(question, ResolvedScenario):
        return cluster + fsum(_own_usd(plan, question.loaded.catalog) for plan in question.plans)
    return cluster + fsum(_of_services(question))


def _of_services(services: ResolvedServices) -> Iterator[float]:
    sharing = services.sharing_plans()
    for name, question in services.questions.items():
        for plan in question.plans:
            if name not in sharing.get(plan.plan.name, {}):
                yield _own_usd(plan, services.catalog)
    for together in sharing.values():
        first = next(iter(together.values()))
        held = sum(
            always_there(service) * service.pool.accelerators_per_replica
            for service in together.values()
            if _whole(service)
        )
        yield _nodes_usd(first.plan, held, services.catalog)


def _cluster_usd(plan: Plan, catalog: Catalog) -> float:
    """Of a cluster of jobs that is there all the time; 0 of one of a list of nodes, or with spot nodes."""
    training = plan.training
    if not isinstance(training, OnGpus | OnShared):
        return 0.0
    bought = replace(plan, buy=plan.training_buy or plan.buy)
    nodes_usd = _nodes_usd(bought, float(training.gpus), catalog)
    return nodes_usd + _disks_usd(training, bought.buy, catalog) if nodes_usd else 0.0


def _disks_usd(training: OnGpus | OnShared, buy: Buy, catalog: Catalog) -> float:
    """Cost a month of the disks of a cluster that jobs have to themselves; 0 where a month has tiers."""
    if not isinstance(training, OnGpus) or not isinstance(buy, OnDemand):
        return 0.0
    gb, price = training.disk * training.gpus / buy.node_accelerators(catalog, 1), buy.storage
    if price is None and gb:
        line = buy.line(catalog)
        tiers = catalog.tier_prices(line.provider, "storage", line.region)
        agreed = buy.prices(catalog).contract_for(line.provider, "storage", line.region, "storage")
        price = tiers[0].price_usd if len(tiers) == 1 and agreed is None else 0.0
    return gb * (price or 0.0)


def _own_usd(plan: ResolvedPlan, catalog: Catalog) -> float:
    """Of a service on nodes of its own, those of all its pools."""
    pools = [pool_plan for pool_plan in plan.each_pool() if plan.prefill is None and _whole(pool_plan)]
    return fsum(
        _nodes_usd(pool_plan.plan, always_there(pool_plan) * pool_plan.pool.accelerators_per_replica, catalog)
        for pool_plan in pools
    )


def _whole(plan: ResolvedPlan) -> bool:
    """True if replicas hold whole accelerators."""
    return plan.pool.slice is None and plan.pool.accelerators_per_replica > 0


def _nodes_usd(plan: Plan, accelerators: float, catalog: Catalog) -> float:
    """Cost a month of nodes with so many accelerators."""
    buy = plan.buy
    if not isinstance(buy, OnDemand) or plan.or_buy or plan.interruptions is not None:
        return 0.0
    line = buy.line(catalog)
    if buy.price is None and line.contracted_usd != line.list_usd:
        return 0.0  # a contract may have another price at another time
    nodes = ceil(accelerators / max(buy.node_accelerators(catalog, 1), 1) - 1e-9)
    return nodes * line.contracted_usd * HOURS_PER_MONTH
