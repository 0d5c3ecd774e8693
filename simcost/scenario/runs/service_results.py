"""The result of a plan from those of its services: one bill, sums of what they did, the SLO of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from math import fsum

import pyarrow as pa

from simcost.billing import Costs
from simcost.catalog import Catalog
from simcost.compare.provisioning import Provisioning
from simcost.compare.results import RunResult, Served, Trained
from simcost.ledger.requests import METRICS
from simcost.scenario.runs.bills import (
    PurchasedNodes,
    are_processors,
    as_endpoint,
    costs_by_owner,
    energy_of,
    held_by_jobs,
    nodes_of,
    priced_plan,
    with_charges,
)
from simcost.scenario.runs.contributions import ServedSide, TrainedSide, as_one
from simcost.scenario.runs.tables import RunTables
from simcost.slo import SloReport
from simcost.slo.requests import hours_in

_JOBS = ""
"""The jobs among the owners of nodes; services have names."""
_LEVELS = ("mean", "p50", "p90", "p95", "p99")


def of_services(
    plan: str,
    replication: int,
    sides: Mapping[str, ServedSide],
    catalog: Catalog,
    *,
    shared: Sequence[PurchasedNodes] = (),
    sharing: Collection[str] = (),
    trained: TrainedSide | None = None,
    beside_jobs: Collection[str] = (),
) -> RunTables:
    """The result of a plan in a replication, billed, with that of each service; and its tables.

    Args:
        plan: its name.
        replication: its number.
        sides: its services; what they hold of shared nodes is time of whole nodes.
        catalog: prices.
        shared: nodes that services share.
        sharing: the services that do.
        trained: its jobs, if there are any.
        beside_jobs: the services on the nodes that jobs use.
    """
    apart = [name for name in sides if name not in (*sharing, *beside_jobs)]
    held_nodes = {name: _endpoints(name, side) for name, side in sides.items()}
    own = [one for name in apart for one in held_nodes[name]]
    of_jobs = [] if trained is None else trained.bought
    bought = [*own, *shared, *of_jobs]
    if trained is not None:
        held_nodes[_JOBS] = list(map(held_by_jobs, of_jobs)) if beside_jobs else of_jobs
    with priced_plan(plan):
        costs, parts = costs_by_owner(bought, held_nodes, catalog)
    services = [as_one(name, replication, side, None, catalog, parts[name]) for name, side in sides.items()]
    hours = fsum(map(_accelerator_hours, bought))
    held = {service.result.plan: service.result.accelerator_hours for service in services}
    there = fsum([*(_accelerator_hours(one) for one in (*own, *shared)), *(held[name] for name in beside_jobs)])
    busy = fsum([*(side.busy_hours for side in sides.values()), *([] if trained is None else [trained.busy_hours])])
    result = RunResult(
        plan=plan,
        replication=replication,
        bill=with_charges(costs, [charge for side in sides.values() for charge in side.api]),
        node_hours=fsum(one.usage.node_hours() for one in bought),
        accelerator_hours=hours,
        on_processors=are_processors(bought, catalog),
        utilisation=busy / hours if hours else 0.0,
        served=_together([side.served for side in sides.values()], there / (fsum(held.values()) or there or 1.0)),
        trained=None if trained is None else _with_idle_nodes(trained.trained, there - fsum(held.values())),
        jobs_usd=_used_usd(parts[_JOBS]) if _JOBS in parts else None,
        energy=energy_of(bought, catalog),
        services=tuple(service.result for service in services),
    )
    nodes = [_named(service.nodes, service.result.plan) for service in services if service.result.plan in apart]
    nodes += [_named(nodes_of(of_all, catalog), None) for of_all in (shared, of_jobs) if of_all]
    return RunTables(
        result=result,
        nodes=pa.concat_tables(nodes),
        gpus=None if trained is None else trained.timeline,
        waits=None if trained is None else trained.waits,
        services=tuple(services),
        bought=bought,
    )


def _endpoints(name: str, side: ServedSide) -> Sequence[PurchasedNodes]:
    """The nodes of a service; those of an endpoint are its own."""
    return [as_endpoint(one, name) for one in side.bought]


def _with_idle_nodes(trained: Trained, idle_h: float) -> Trained:
    """Outcomes of jobs with the accelerator-hours of nodes that services share and none of them held."""
    hours = trained.gpu_hours
    return replace(trained, gpu_hours=hours | {"unallocated": hours["unallocated"] + max(idle_h, 0.0)})


def _accelerator_hours(nodes: PurchasedNodes) -> float:
    return nodes.usage.node_hours() * nodes.usage.slots_per_node


def _used_usd(costs: Costs) -> float:
    """Costs without unused commitments."""
    return costs.total_usd - costs.compute_by_state_usd.get("unused_commitment", 0.0)


def _named(nodes: pa.Table, service: str | None) -> pa.Table:
    """Nodes with the name of their service in front; none of those that services share."""
    return nodes.add_column(0, "service", pa.array([service] * len(nodes), pa.string()))


def _together(services: Sequence[Served], there: float) -> Served:
    """Sums over services; what has no sum is left to them: latencies, targets, retries, priorities.

    `there` is the accelerator time of nodes over that which services hold; the rest counts as replicas of mean size.
    """
    fleets = [service.provisioning for service in services]
    paid_h = fsum(fleet.paid_h for fleet in fleets)
    rest_h = paid_h * (there - 1.0)
    hours = {name: fsum(service.replica_hours[name] for service in services) for name in services[0].replica_hours}
    overflowed = [service.overflowed for service in services if service.overflowed is not None]
    return Served(
        slo=report_of_services([service.slo for service in services]),
        engine_factor=None,
        requests={name: sum(service.requests[name] for service in services) for name in services[0].requests},
        output_tokens=sum(service.output_tokens for service in services if not service.images),
        prompt_tokens=sum(service.prompt_tokens for service in services if not service.images),
        replica_hours=hours | {"unallocated": hours["unallocated"] + rest_h},
        provisioning=Provisioning(
            paid_h=paid_h + rest_h,
            needed_h=fsum(fleet.needed_h for fleet in fleets),
            over_h=fsum(fleet.over_h for fleet in fleets) + rest_h,
        ),
        perfect=None,
        overflowed=sum(overflowed) if overflowed else None,
    )


def report_of_services(services: Sequence[SloReport]) -> SloReport:
    """Shares of all requests, each judged by the target of its own service."""
    judged = sum(service.judged for service in services)
    good = fsum((service.attainment or 0.0) * service.judged for service in services)
    missed_s = tuple(window for service in services for window in service.missed_s)
    return SloReport(
        met=all(service.met for service in services),
        judged=judged,
        attainment=good / judged if judged else None,
        metrics={metric: dict.fromkeys(_LEVELS) for metric in METRICS},
        metrics_error=max(service.metrics_error for service in services),
        error_share=None,
        goodput_per_s=fsum(service.goodput_per_s for service in services),
        error_budget_used=None,
        output_tokens_per_s=fsum(service.output_tokens_per_s for service in services),
        checks=(),
        target=max(service.target for service in services),
        limits=dict.fromkeys(METRICS),
        hours=None,
        hours_missed=hours_in(missed_s),
        missed_s=missed_s,
    )
