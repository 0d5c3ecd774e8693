"""From a scenario to a simulation: pools in numbers, one engine factor per replication, a key per run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import exp, fsum, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

from simcost.billing import OnDemand, Spot
from simcost.catalog import Catalog, Model, replicas_on
from simcost.errors import InputError
from simcost.ledger.requests import LatencyLimits
from simcost.perf import MemoryFit, ReplicaSpec, StepTime
from simcost.perf.kv_cache import by_length, states_in_steps
from simcost.perf.model_shape import doubted_parameters
from simcost.perf.precision_notes import precision_notes
from simcost.plan import Startup
from simcost.plan.nodes import NodeKind
from simcost.rng import stream
from simcost.scenario.checks.policy_checks import within
from simcost.scenario.checks.prefix_cache_checks import (
    cache_notes,
    prefix_cache_of,
    reads_prefixes,
    system_tokens,
    tier_rules,
)
from simcost.scenario.checks.routing_checks import reads_prompt_prefixes
from simcost.scenario.inputs.closed_clients import ClosedClientDemand
from simcost.scenario.inputs.control import Control, control_of, of_bought_nodes
from simcost.scenario.inputs.disaggregation import prefill_plan, prefill_side
from simcost.scenario.inputs.forecast_demand import ForecastDemand
from simcost.scenario.inputs.other_calibrations import other_calibrations
from simcost.scenario.inputs.owned_nodes import in_owned_zones, owned_notes, repair_notes, within_owned
from simcost.scenario.inputs.pool_notes import pool_notes
from simcost.scenario.inputs.recorded_demand import RecordedDemand
from simcost.scenario.inputs.unusual_measurements import unusual_measurements
from simcost.scenario.inputs.unusual_prices import paid_beyond_scaling, repeated_commitments, unusual_prices
from simcost.scenario.inputs.unusual_units import unusual_units
from simcost.scenario.runs.placed_replica import PlacedReplica, placed_replica
from simcost.scenario.schema.jobs import OnShared
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Plan, ServedPool
from simcost.sim.serving.pool import AdapterRules, Pool

if TYPE_CHECKING:
    from simcost.scenario.inputs.clusters import Cluster
    from simcost.scenario.inputs.job_demand import JobTrace

REPLICATIONS, FUTURES = 5, 10
"""Number of runs of a plan unless the scenario says, of a recorded workload and of a forecast demand."""


Source = RecordedDemand | ForecastDemand | ClosedClientDemand


@dataclass(frozen=True, kw_only=True)
class ResolvedScenario:
    """A scenario with all that its runs share, settled."""

    loaded: LoadedScenario
    seed: int
    seeds: int
    """Replications; with a forecast demand, the futures that are simulated."""
    source: Source | None
    """Source of the requests; None = there are none."""
    jobs: JobTrace | None = None
    """The jobs; None = there are none."""
    clusters: tuple[Cluster, ...] = ()
    """Cluster of the jobs of each plan."""
    engine: float = 1.0
    """Factor on all step times."""

    @property
    def horizon_s(self) -> float | None:
        """Length of a run; None = until the last job has ended."""
        return self.loaded.scenario.horizon if self.source is None else self.source.horizon_s

    @cached_property
    def plans(self) -> tuple[ResolvedPlan, ...]:
        """The plans that serve requests, in numbers; none where there are no requests."""
        if self.source is None:
            return ()
        return tuple(resolved_plan(plan, self) for plan in self.loaded.scenario.plans)

    @cached_property
    def held_tokens(self) -> int | None:
        """Mean tokens of a request while it is in a KV cache, where it stays the longer the more it generates: by
        the first requests. None = there are none.
        """
        first = None if self.source is None else next((batch for batch in self.source.batches(0) if len(batch)), None)
        if first is None:
            return None
        output = first.output_tokens.astype(float)
        return max(1, round(float((output * (first.prompt_tokens + output / 2)).sum() / output.sum())))

    @property
    def limits(self) -> LatencyLimits:
        """Limits within which a request is good."""
        return self.loaded.scenario.slo.limits()

    @property
    def tenants(self) -> dict[str, LatencyLimits]:
        """The same of the requests of each tenant, in the order of their numbers; empty where they have none."""
        return {name: slo.limits() for name, slo in self.loaded.scenario.tenant_slos().items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedPlan:
    """A plan as the simulator takes it."""

    plan: Plan
    pool: Pool
    """With the step time of the model, no engine factor in it."""
    memory: MemoryFit
    sigma: float
    factors: tuple[float, ...]
    """On the step time, one for each replication."""
    notes: tuple[str, ...]
    """Notes on how its fleet is controlled."""
    inputs: dict[str, str]
    """SHA-256 of its manifests and spot traces by their names in the scenario."""
    prefill: ResolvedPlan | None = None
    """The prefill side, where it is apart."""
    other_pools: tuple[ResolvedPlan, ...] = ()
    """The further pools of a plan of several, each as a plan; all else here is of the first."""

    def each_pool(self) -> tuple[ResolvedPlan, ...]:
        """The plan, and its further pools."""
        return (self, *self.other_pools)

    def sampled(self, replication: int) -> Pool:
        """The pool with the engine factor of a replication."""
        side = self.pool.prefill
        if side is not None and self.prefill is not None:
            side = replace(side, pool=self.prefill.sampled(replication))
        return replace(self.pool, step=self.pool.step.scaled(self.factors[replication]), prefill=side)

    def slower(self, factor: float) -> ResolvedPlan:
        """The same with steps longer by a factor."""
        prefill = None if self.prefill is None else self.prefill.slower(factor)
        other_pools = tuple(pool.slower(factor) for pool in self.other_pools)
        return replace(
            self, factors=tuple(factor * one for one in self.factors), prefill=prefill, other_pools=other_pools
        )

    def sampled_others(self, replication: int) -> tuple[Pool, ...]:
        """The further pools, each with its engine factor."""
        return tuple(other_pool.sampled(replication) for other_pool in self.other_pools)


def check_startable(question: ResolvedScenario) -> None:
    """Check all that is known before a run of requests starts; `simcost check` and `run` both call it.

    Raises:
        InputError: a plan that cannot be made of the facts, or with times that cannot be counted.
    """
    from simcost.sim import check_times

    for plan in question.plans:
        for replication in {plan.factors.index(most(plan.factors)) for most in (min, max)}:
            try:
                check_times((plan.sampled(replication), *plan.sampled_others(replication)), question.horizon_s or 1.0)
            except InputError as error:
                raise InputError(f"plan {plan.plan.name!r}: {error}") from error


def settle(
    loaded: LoadedScenario, *, seed: int | None, seeds: int | None, beside_requests: bool = False
) -> ResolvedScenario:
    """The question with its seeds, its requests and its jobs; a demand is forecast here.

    Args:
        loaded: the scenario.
        seed: None = that of the scenario.
        seeds: replications, None = those of the scenario.
        beside_requests: True of jobs whose requests are those of other scenarios.

    Raises:
        TraceError: a trace that cannot be read.
        InputError: a history that cannot be forecast, a trace without a length, or a cluster that cannot be read.
    """
    scenario = loaded.scenario
    seed = scenario.seed if seed is None else seed
    seeds = seeds or scenario.seeds
    source = _source(loaded, seed, seeds)
    if scenario.jobs is None:
        return ResolvedScenario(loaded=loaded, seed=seed, seeds=_replications(source, seeds), source=source)
    from simcost.scenario.inputs.clusters import find_clusters
    from simcost.scenario.inputs.job_demand import JobTrace

    clusters = find_clusters(scenario.plans, loaded.catalog, loaded.folder)
    lists = [cluster.nodes for cluster in clusters if cluster.nodes is not None]
    horizon_s = scenario.horizon if source is None else source.horizon_s
    beside_requests = beside_requests or source is not None
    jobs = JobTrace.of(loaded, scenario.jobs, seed, lists, horizon_s, beside_requests=beside_requests)
    random = source is not None or jobs.random or any(cluster.random for cluster in clusters)
    return ResolvedScenario(
        loaded=loaded,
        seed=seed,
        seeds=_replications(source, seeds or (None if random else 1)),
        source=source,
        jobs=jobs,
        clusters=clusters,
    )


def _source(loaded: LoadedScenario, seed: int, seeds: int | None) -> Source | None:
    """The requests, if there are any."""
    scenario = loaded.scenario
    if scenario.demand is not None:
        return ForecastDemand.of(loaded, scenario.demand, seed, seeds or FUTURES)
    closed = scenario.closed_workload()
    if closed is not None:
        return ClosedClientDemand.of(loaded, closed, seed)
    return RecordedDemand.of(loaded, seed) if scenario.workload else None


def _replications(source: Source | None, seeds: int | None) -> int:
    return len(source.screening.chosen) if isinstance(source, ForecastDemand) else seeds or REPLICATIONS


def engine_factors(sigma: float, seed: int, seeds: int, model: str, accelerator: str) -> tuple[float, ...]:
    """Factors on the step time, exp(sigma * z), in an order drawn per (model, accelerator), so that all plans on the
    same hardware share the draws. One replication has the factor 1.

    z are the normal quantiles of (k + 1/2) / seeds, scaled to their stated spread, which few quantiles fall short of
    (5 of them by an eighth).
    """
    quantiles = [NormalDist().inv_cdf((k + 0.5) / seeds) for k in range(seeds)]
    spread = sqrt(fsum(z * z for z in quantiles) / seeds) or 1.0
    order = stream(seed, "engine", model, accelerator).permutation(seeds)
    return tuple(exp(sigma * quantiles[int(k)] / spread) for k in order)


def _at_hand(startup: Startup, handover_s: float) -> Startup:
    """On a node that is there and has the image."""
    return replace(startup, node=handover_s, image=0.0, image_size=None)


def node_kinds(
    plan: Plan, catalog: Catalog, per_replica: int, copies: int = 1, memory_bytes: float | None = None
) -> tuple[NodeKind, ...]:
    """Kinds of nodes that a plan may have, with their prices where there is a choice; `copies` replicas share an
    accelerator, and each takes so much of the memory of the node.

    Raises:
        CatalogError: no such offer, or no price of it.
    """
    if not isinstance(plan.buy, OnDemand | Spot):
        return (NodeKind(slots=plan.buy.node_accelerators(catalog, per_replica) // per_replica * copies),)
    return tuple(
        _node_kind(option, catalog, per_replica, copies, memory_bytes, chosen=bool(plan.or_buy))
        for option in (plan.buy, *plan.or_buy)
        if isinstance(option, OnDemand | Spot)
    )


def _node_kind(
    option: OnDemand | Spot,
    catalog: Catalog,
    per_replica: int,
    copies: int,
    memory_bytes: float | None,
    *,
    chosen: bool,
) -> NodeKind:
    """A kind of node, with its price where one is `chosen` by it."""
    offer = catalog.offer(option.offer, option.region)
    return NodeKind(
        slots=replicas_on(offer, per_replica, memory_bytes) * copies,
        usd_per_h=option.line(catalog).contracted_usd if chosen else 0.0,
        spot=chosen and isinstance(option, Spot),
        vcpus=float(offer.vcpus or 0),
        memory_bytes=offer.memory_bytes or 0.0,
    )


def _adapter_rules(loaded: LoadedScenario, replica: ReplicaSpec, model: Model, step: StepTime) -> AdapterRules | None:
    """Adapters that requests ask for, on a replica; None = they ask for none."""
    import numpy as np

    from simcost.trace.workload.adapters import adapter_numbers

    count, lora = adapter_numbers(loaded.scenario.open_workloads(), loaded.folder).count, replica.lora
    if not count or lora is None:
        return None
    disk_s, link_s = lora.load_seconds(replica.shape(model), replica.tp, replica.pp)
    return AdapterRules(
        count=count,
        slots=lora.slots,
        cpu_slots=lora.cpu_slots or lora.slots,
        disk_s=disk_s,
        link_s=link_s,
        step_s=lora.step_share * float(step.base_seconds(np.zeros(1))[0]),
    )


def resolved_plan(plan: Plan, question: ResolvedScenario) -> ResolvedPlan:
    """A plan in numbers, each of its pools where it has several.

    Raises:
        InputError: it serves no requests, does not fit, or nothing is known of its hardware.
    """
    found = _resolved_pools(plan, question) if plan.pools else _resolved_pool(plan, question)
    return found if question.engine == 1.0 else found.slower(question.engine)


def _resolved_pools(plan: Plan, question: ResolvedScenario) -> ResolvedPlan:
    """A plan of several pools in numbers."""
    first, *others = (
        _named(_resolved_pool(alone, question), pool) for alone, pool in zip(plan.by_pool(), plan.pools, strict=True)
    )
    inputs = {name: digest for pool in (first, *others) for name, digest in pool.inputs.items()}
    notes = (*first.notes, *pool_notes(plan, [pool.pool for pool in (first, *others)], question.loaded.catalog))
    return replace(first, plan=plan, other_pools=tuple(others), inputs=inputs, notes=notes)


def _named(plan: ResolvedPlan, pool: ServedPool) -> ResolvedPlan:
    return replace(plan, pool=replace(plan.pool, name=pool.name, weight=pool.weight))


def _resolved_pool(plan: Plan, question: ResolvedScenario) -> ResolvedPlan:
    """A plan of one pool in numbers, and its prefill side where that is apart."""
    scenario, catalog, source = question.loaded.scenario, question.loaded.catalog, question.source
    served = scenario.model_of(plan)
    if plan.replica is None or plan.scaling is None or served is None:
        raise InputError(f"plan {plan.name!r} serves no requests; give model, replica and scaling")
    if source is None:
        raise InputError(f"plan {plan.name!r} has no requests to serve")
    model = catalog.model(served)
    held_tokens = question.held_tokens if by_length(model) else None
    hardware = placed_replica(plan.replica, plan, model, catalog, held_tokens)
    control = control_of(plan, question.loaded, source)
    plan, refused = within(plan, control.nodes, catalog)
    control = of_bought_nodes(control, plan)
    pool = _pool(plan, question, hardware, control)
    owned = [*owned_notes(pool.nodes, pool.scaling, plan, pool.kinds[0].slots), *repair_notes(plan)]
    disruptions = in_owned_zones(pool.interruptions, plan)
    pool = replace(pool, nodes=within_owned(pool.nodes, plan), interruptions=disruptions)
    part = hardware.slice
    measured = bool(hardware.replica.step or hardware.replica.images)
    sigma = hardware.step.sigma if scenario.engine_sigma is None else scenario.engine_sigma
    prefill = None if plan.disaggregation is None else _resolved_pool(prefill_plan(plan), question)
    if prefill is not None:
        pool = replace(pool, prefill=prefill_side(plan, pool, prefill.pool, model, held_tokens))
    return ResolvedPlan(
        plan=plan,
        pool=pool,
        prefill=prefill,
        memory=hardware.memory,
        sigma=sigma,
        factors=engine_factors(sigma, question.seed, question.seeds, model.shape or model.name, hardware.accelerator),
        notes=(
            *control.notes,
            *owned,
            *refused,
            *([] if part is None else [part.assumption(measured=measured)]),
            *(
                [f"{model.name} has the shape of {model.shape}: its times and memory are those of it."]
                * bool(model.shape)
            ),
            *([] if measured else (*doubted_parameters(model), *states_in_steps(model))),
            *precision_notes(catalog, model, catalog.accelerator(hardware.accelerator), hardware.replica),
            *cache_notes(plan, window_layers=model.window_layers + model.linear_layers),
            *unusual_measurements(plan, model, catalog),
            *other_calibrations(plan, model, question.loaded),
            *unusual_units(plan),
            *unusual_prices(plan, catalog),
            *repeated_commitments(plan),
            *paid_beyond_scaling(plan),
        ),
        inputs=control.inputs,
    )


def _pool(plan: Plan, question: ResolvedScenario, hardware: PlacedReplica, control: Control) -> Pool:
    """The pool of a plan as the simulator takes it."""
    scenario, catalog, source = question.loaded.scenario, question.loaded.catalog, question.source
    replica, copies = hardware.replica, hardware.copies
    shared = plan.training if isinstance(plan.training, OnShared) else None
    block = source.prefix_block_tokens if isinstance(source, RecordedDemand) else None
    shape = replica.shape(hardware.model).name
    return Pool(
        name=f"{shape} on {hardware.accelerator}" + ("" if hardware.slice is None else f" {hardware.slice.name}"),
        step=hardware.step,
        kv_capacity_tokens=hardware.memory.kv_capacity_tokens,
        first_token_overhead_s=replica.first_token_overhead,
        scaling=control.scaling,
        metrics=plan.metrics,
        drain=plan.drain,
        nodes=control.nodes,
        interruptions=control.interruptions,
        starts_utc_s=control.starts_utc_s,
        batching=replace(plan.batching, max_num_seqs=1) if replica.images else plan.batching.of_sequences,
        images=replica.images,
        adapters=_adapter_rules(question.loaded, replica, hardware.model, hardware.step),
        router=control.router,
        admission=control.admission,
        retries=plan.retries,
        rates=scenario.tenant_rates(),
        weights=scenario.tenant_weights() if plan.batching.policy == "fair" else (),
        prefix_cache=prefix_cache_of(plan),
        cache_tiers=tier_rules(plan, replica, hardware.memory),
        system_tokens=system_tokens(scenario) if reads_prefixes(plan) else 0,
        prefix_block_tokens=block if reads_prompt_prefixes(control.router) or reads_prefixes(plan) else None,
        startup=_at_hand(plan.startup, shared.handover) if shared else plan.startup,
        weights_bytes=hardware.memory.weights_bytes,
        kinds=(NodeKind(),) if shared else node_kinds(plan, catalog, replica.accelerators, copies, replica.memory),
        accelerators_per_replica=replica.accelerators if copies == 1 else 1 / copies,
        slice=hardware.slice,
        response_bytes_per_token=plan.response_bytes_per_token,
        api_latency_s=None if plan.overflow is None else (plan.overflow.ttft, plan.overflow.tpot),
    )
