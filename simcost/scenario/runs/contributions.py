"""Contributions of runs to the result of a plan: its requests, its jobs, and both as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import reduce
from math import fsum
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.billing import Costs, OnDemand, Spot
from simcost.billing.bill import Charge
from simcost.billing.metering import usages_of
from simcost.catalog import Catalog
from simcost.compare.fleet_tracking import followed, following, moved, unread
from simcost.compare.least_work import ReplicaLimits
from simcost.compare.perfect_autoscaler import perfect_scaling
from simcost.compare.provisioning import Provisioning, provisioning
from simcost.compare.results import RunResult, Served, Trained
from simcost.compare.sides import Sides, added
from simcost.errors import InputError
from simcost.ledger.jobs import HELD, JobLedger
from simcost.ledger.requests import Ledger, LedgerUsage, RequestOutcomes
from simcost.scenario.inputs.clusters import Cluster
from simcost.scenario.inputs.job_demand import JobTrace
from simcost.scenario.runs.bills import (
    PurchasedNodes,
    are_processors,
    by_accelerator,
    costs_of,
    energy_of,
    job_usage,
    nodes_of,
    priced_plan,
    shared_usage,
    with_charges,
)
from simcost.scenario.runs.job_runs import means
from simcost.scenario.runs.pool_results import PoolSide, charges_of_overflow, results_of_pools, sides_of_pools
from simcost.scenario.runs.resolve import ResolvedPlan, ResolvedScenario
from simcost.scenario.runs.tables import RunTables, job_quantiles, quantiles
from simcost.scenario.runs.tenant_shares import api_shares, tenant_shares
from simcost.scenario.schema.jobs import OnShared
from simcost.scenario.storage.ledger_memory import MEMORY
from simcost.sim.jobs.changing_capacity import GpuCapacity
from simcost.sim.serving.pool import Pool
from simcost.slo import Slo, assess, assess_jobs
from simcost.slo.job_groups import Groups, assess_groups
from simcost.trace.jobs.jobs import Jobs

HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedSide:
    """Serving part of a plan, from a run of requests."""

    served: Served
    usage: LedgerUsage
    """By accelerator, of the first kind of nodes; a fleet that jobs share has no other."""
    bought: list[PurchasedNodes]
    """By kind of nodes; nothing where the fleet is shared: jobs and requests are then bought together."""
    api: tuple[Charge, ...]
    """Charges of an API that answered what would have been rejected."""
    pools: tuple[PoolSide, ...]
    """Of a plan with several."""
    busy_hours: float
    """Accelerator-hours in which tokens took engine time."""
    timeline: pa.Table | None
    """As all tables here, of replication 0 alone."""
    held: pa.Table | None
    latency: pa.Table | None
    followed: pa.Table | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedSide:
    """Training part of a plan, from a run of jobs."""

    trained: Trained
    bought: list[PurchasedNodes]
    """Nodes of the cluster; of a fleet that requests share, all its nodes."""
    busy_hours: float
    """GPU-hours in which jobs ran."""
    timeline: pa.Table | None
    waits: pa.Table | None


def served_side(
    question: ResolvedScenario, plan: ResolvedPlan, replication: int, ledger: Ledger, *, against_perfect: bool = True
) -> ServedSide:
    """Assess a run of requests, and its usage; `against_perfect`: also against a perfect autoscaler."""
    first = replication == 0
    pools = sides_of_pools(plan.plan, ledger)
    slo, tenant_slos = question.loaded.scenario.slo, question.loaded.scenario.tenant_slos()
    replica = replica_limits(plan.sampled(replication))
    assessed = MEMORY.computed(
        ledger,
        ("assessed", slo, tenant_slos, first, replica, against_perfect),
        lambda: _assessed(ledger, slo, tenant_slos, replica, first=first, against_perfect=against_perfect),
    )
    served = replace(
        assessed.served,
        engine_factor=plan.factors[replication],
        images=bool(plan.pool.images),
        tenant_shares=tenant_shares(plan.pool, ledger.outcomes),
        tenant_api_shares=api_shares(plan.plan, ledger.outcomes, question.loaded.catalog),
    )
    return ServedSide(
        served=served,
        usage=pools[0].usage,
        bought=[*(one for pool in pools for one in pool.bought), *_prefill_nodes(plan, ledger)],
        api=charges_of_overflow(plan.plan, ledger, question.loaded.catalog),
        pools=pools if ledger.pools else (),
        busy_hours=fsum(pool.busy_hours for pool in pools)
        + fsum(side.outcomes.work_s * side.accelerators_per_replica for side in _sides(ledger)[1:]) / HOUR,
        timeline=_over_time(ledger) if first else None,
        held=_held(ledger) if first else None,
        followed=assessed.followed,
        latency=assessed.latency,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Assessed:
    """Assessment of a run, which no price and no purchase changes."""

    served: Served
    """Without the engine factor and the shares of tenants, which are of the plan."""
    latency: pa.Table | None
    followed: pa.Table | None


def _sides(ledger: Ledger) -> list[Ledger]:
    """The run, and its prefill side where that is apart."""
    return [ledger] if ledger.prefill is None else [ledger, ledger.prefill]


def _over_time(ledger: Ledger) -> pa.Table:
    """The timeline of the run: where prefill and decode are apart, the sums of both, as what they cost is."""
    first, *others = [side.timeline for side in _sides(ledger)]
    sums = {name: reduce(pc.add, (one[name] for one in others), first[name]) for name in first.column_names}
    return pa.table(sums | {"t_s": first["t_s"]})


def _held(ledger: Ledger) -> pa.Table:
    """GPUs that replicas hold while they start, serve or drain: times of the changes, the first 0, and how many from
    then on.
    """
    times, change = [np.zeros(1)], [np.zeros(1)]
    for side in (*ledger.of_pools(), *_sides(ledger)[1:]):
        for column, sign in (("start_s", 1), ("end_s", -1)):
            times.append(side.replicas[column].to_numpy())
            change.append(np.full(len(side.replicas), sign * side.accelerators_per_replica))
    t_s, place = np.unique(np.concatenate(times), return_inverse=True)
    held = np.cumsum(np.bincount(place, weights=np.concatenate(change))).round(9)
    kept = np.append(True, np.diff(held) != 0)
    return pa.table({"t_s": t_s[kept], "gpus": held[kept]})


def replica_limits(pool: Pool) -> ReplicaLimits:
    """Limits of the steps of a replica; what the gateway lets it have at a time is its largest batch too."""
    batching, cache, kv_tokens = pool.batching, pool.prefix_cache, pool.kv_capacity_tokens
    step_tokens = kv_tokens if batching.prefill == "whole" else batching.max_num_batched_tokens
    sequences = min(batching.max_num_seqs, pool.admission.max_ongoing or batching.max_num_seqs)
    return ReplicaLimits(
        step=pool.step,
        kv_tokens=kv_tokens,
        max_num_seqs=sequences,
        max_step_tokens=max(step_tokens, sequences * pool.step.rows),
        cached_share=0.0 if cache is None else 1.0 if cache.hit_share is None else cache.hit_share,
    )


def _assessed(
    ledger: Ledger,
    slo: Slo,
    tenant_slos: Mapping[str, Slo],
    replica: ReplicaLimits,
    *,
    first: bool,
    against_perfect: bool,
) -> _Assessed:
    """Assess a run; with its tables, where it is the `first` replication; against a perfect autoscaler, if asked."""
    outcomes, sides = ledger.outcomes, _sides(ledger)
    report, alike = assess(ledger, slo, tenant_slos), None if ledger.pools else replica
    served = Served(
        slo=report,
        engine_factor=None,
        requests={
            "arrived": outcomes.arrived,
            "completed": outcomes.completed,
            "rejected": outcomes.rejected,
            "timed_out": outcomes.timed_out,
            "lost": outcomes.lost,
            "in_system": outcomes.in_system,
            "preemptions": outcomes.preemptions,
            "requeued": outcomes.requeued,
            "too_long": outcomes.too_long,
        },
        output_tokens=outcomes.output_tokens,
        prompt_tokens=outcomes.prompt_tokens,
        retries=_retries(outcomes),
        by_priority=outcomes.by_priority,
        prefix_blocks=outcomes.prefix_blocks,
        prefix_cache=outcomes.prefix_cache,
        adapter_loads=outcomes.adapter_loads,
        overflowed=None if outcomes.overflowed is None else outcomes.overflowed[0],
        replica_hours=added([side.replica_hours() for side in (*ledger.of_pools(), *sides[1:])]),
        provisioning=Provisioning.sum(
            [provisioning(ledger, report, alike), *(provisioning(side, report) for side in sides[1:])]
        ),
        perfect=perfect_scaling(ledger, report, replica) if against_perfect else None,
        following=following(ledger, report, alike),
        fleet_changed=any(moved(side) for side in sides),
        unread=tuple(name for side in sides for name in unread(side)),
        sides=Sides.of(ledger),
    )
    return _Assessed(
        served=served,
        followed=followed(ledger, report, alike) if first else None,
        latency=quantiles(outcomes) if first else None,
    )


def _prefill_nodes(plan: ResolvedPlan, ledger: Ledger) -> list[PurchasedNodes]:
    """The nodes of a prefill side: on the account of the plan, where they can share what is committed."""
    if ledger.prefill is None or plan.prefill is None:
        return []
    [usage] = usages_of(ledger.prefill)
    usage = by_accelerator(usage, ledger.prefill.accelerators_per_replica)
    buy, own = plan.plan.buy, plan.prefill.plan.buy
    alike = own == buy or all(isinstance(option, OnDemand | Spot) for option in (own, buy))
    return [PurchasedNodes(usage=usage, buy=own, account=buy if alike else None)]


def _retries(outcomes: RequestOutcomes) -> dict[str, Any] | None:
    if outcomes.sendings is None:
        return None
    sent = asdict(outcomes.sendings)
    again = {name: sent.pop(name) for name in ("retries", "refused", "waiting")}
    return {
        "retries": again["retries"],
        "gave_up": outcomes.rejected + outcomes.timed_out + outcomes.lost,
        "refused_by_budget": again["refused"],
        "waiting": again["waiting"],
        "generated_tokens": outcomes.generated_tokens,
        "sendings": sent,
    }


def left_for_jobs(cluster: Cluster, requests: LedgerUsage | None) -> GpuCapacity | None:
    """Capacity of a shared fleet that requests leave; None on a cluster of the jobs' own.

    Raises:
        InputError: they hold more than the fleet has.
    """
    if requests is None or not isinstance(cluster.training, OnShared):
        return None
    since_s, held = gpus_held(requests)
    gpus = cluster.training.gpus
    if held.max() > gpus:
        raise InputError(
            f"plan {cluster.plan.name!r}: requests hold {held.max()} GPUs at their peak, the fleet has {gpus}; give "
            "training.gpus as many, or limit the scaling"
        )
    return GpuCapacity(since_s=since_s, gpus=gpus - held)


def gpus_held(usage: LedgerUsage) -> tuple[Any, Any]:
    """GPUs of the nodes that requests hold, of one service or of several that share them: times of the changes, the
    first 0, and how many from then on.
    """
    start, end = (usage.nodes[name].to_numpy() for name in ("start_s", "end_s"))
    times = np.unique(np.concatenate([[0.0], start, end]))
    there = np.searchsorted(np.sort(start), times, side="right") - np.searchsorted(np.sort(end), times, side="right")
    kept = np.append(True, np.diff(there) != 0) & (times < usage.horizon_s)
    return times[kept], there[kept] * usage.slots_per_node


def trained_side(
    question: ResolvedScenario,
    jobs: JobTrace,
    cluster: Cluster,
    replication: int,
    ledger: JobLedger,
    requests: LedgerUsage | None,
) -> TrainedSide:
    """Assess a run of jobs, and its usage; `requests`: usage of what serves those of the plan, if there are any."""
    report = assess_jobs(ledger, question.loaded.scenario.slo, jobs.due_s)
    gpus, hours, bought = _used(question, cluster, replication, ledger, requests)
    idle, fragmented = hours["idle_blocked"] + hours["idle_free"], ledger.fragmented_gpu_seconds
    trained = Trained(
        slo=report,
        gpus=gpus,
        gpu_hours=hours,
        random=cluster.random or jobs.random,
        fragmentation=None if fragmented is None else fragmented / HOUR / idle if idle else 0.0,
        groups=_groups(jobs.jobs, ledger),
    )
    first = replication == 0
    return TrainedSide(
        trained=trained,
        bought=bought,
        busy_hours=fsum(hours[state] for state in HELD),
        timeline=_gpus_over_time(ledger, requests) if first else None,
        waits=job_quantiles(ledger) if first else None,
    )


def _groups(jobs: Jobs, ledger: JobLedger) -> Groups:
    """Jobs by user and by pool, where the log names several."""
    kinds = {"user": (jobs.users if jobs.users_known else (), jobs.user), "pool": (jobs.pools, jobs.pool)}
    return {
        kind: assess_groups(ledger, names, code, jobs.work_gpu_s) if len(names) > 1 else ()
        for kind, (names, code) in kinds.items()
    }


def _used(
    question: ResolvedScenario, cluster: Cluster, replication: int, ledger: JobLedger, requests: LedgerUsage | None
) -> tuple[int, dict[str, float], list[PurchasedNodes]]:
    """GPUs of the cluster, GPU-hours by bucket, and what its nodes did and how they are bought."""
    hours = {state: seconds / HOUR for state, seconds in ledger.gpu_seconds.items()}
    on = cluster.training
    if requests is not None:
        hours["unallocated"] = requests.slot_seconds.get("unallocated", 0.0) / HOUR
        hours["requests"] = fsum(requests.slot_seconds.values()) / HOUR - hours["unallocated"]
    if requests is None or not isinstance(on, OnShared):
        return ledger.gpus, hours, job_usage(ledger, cluster, question.seed, replication)
    hours["down"] = 0.0  # what is not there for jobs is what requests hold
    return on.gpus, hours, [shared_usage(requests, ledger, cluster, on.gpus)]


def _gpus_over_time(ledger: JobLedger, requests: LedgerUsage | None) -> pa.Table | None:
    """Means over equal parts of the run: GPUs that jobs and requests hold, and jobs that wait; None on nodes."""
    kept = ledger.timeline
    if kept is None:
        return None
    held = np.zeros(len(kept)) if requests is None else means(*gpus_held(requests), requests.horizon_s)
    columns = {
        "t_s": kept["t_s"],
        "jobs": kept["allocated"],
        "requests": held,
        "waiting_jobs": kept["waiting_jobs"],
    }
    return pa.table(columns)


def as_one(
    plan: str,
    replication: int,
    served: ServedSide | None,
    trained: TrainedSide | None,
    catalog: Catalog,
    costs: Costs | None = None,
) -> RunTables:
    """The result of a plan in a replication, and its tables; billed, unless its costs are known."""
    sides = [side for side in (served, trained) if side is not None]
    bought = [one for side in sides for one in side.bought]
    usages = [one.usage for side in sides for one in side.bought]
    hours = fsum(usage.node_hours() * usage.slots_per_node for usage in usages)
    pools = () if served is None else served.pools
    with priced_plan(plan):
        billed = costs_of(bought, catalog) if costs is None else costs
    result = RunResult(
        plan=plan,
        replication=replication,
        bill=with_charges(billed, () if served is None else served.api),
        pools=results_of_pools(pools, catalog),
        node_hours=fsum(usage.node_hours() for usage in usages),
        accelerator_hours=hours,
        on_processors=are_processors(bought, catalog),
        utilisation=fsum(side.busy_hours for side in sides) / hours if hours else 0.0,
        served=None if served is None else served.served,
        trained=None if trained is None else trained.trained,
        energy=energy_of(bought, catalog, whole=costs is None),
    )
    return RunTables(
        result=result,
        timeline=None if served is None else served.timeline,
        held=None if served is None else served.held,
        latency=None if served is None else served.latency,
        followed=None if served is None else served.followed,
        gpus=None if trained is None else trained.timeline,
        waits=None if trained is None else trained.waits,
        nodes=nodes_of(bought, catalog),
        bought=bought,
    )
