"""What runs of jobs used of the nodes that are bought: what `billing.bill` starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from simcost.billing import Bill, OnDemand
from simcost.job_ledger import JobLedger
from simcost.ledger import Usage
from simcost.scenario.clusters import Cluster
from simcost.scenario.spot import SpotCapacity
from simcost.scenario.training import OnSpot


def job_usages(
    ledger: JobLedger, cluster: Cluster, seed: int, replication: int
) -> list[tuple[Usage, OnDemand]]:
    """What the nodes of a cluster that jobs have to themselves did, and how they are bought."""
    on, spot = cluster.training, cluster.spot
    if spot is None or not isinstance(on, OnSpot):
        return [(ledger.usage(cluster.gpus_per_node), cluster.buy)]
    steady = replace(ledger, gpus=on.gpus, nodes=None).usage(cluster.gpus_per_node)
    there = Usage(
        horizon_s=ledger.horizon_s, slots_per_node=spot.gpus_per_node, nodes=ledger.nodes, slot_seconds={}
    )
    price = _at_price_in_effect(spot, spot.first_tick(seed, replication), ledger.horizon_s)
    parts = [(steady, cluster.buy)] * bool(on.gpus) + [(there, price)]
    return [(_with_states(usage, ledger), buy) for usage, buy in parts]


def shared_usage(requests: Usage, per_replica: int, ledger: JobLedger, cluster: Cluster, gpus: int) -> Usage:
    """What a fleet of so many GPUs did that requests and jobs share: all its nodes are there from start to end.

    Args:
        requests: of the replicas; a slot is one of them.
        per_replica: GPUs of a replica.
        ledger: of the jobs.
        cluster: the fleet.
        gpus: of the fleet.
    """
    whole = replace(ledger, gpus=gpus, horizon_s=requests.horizon_s, nodes=None).usage(cluster.gpus_per_node)
    held = {state: seconds * per_replica for state, seconds in requests.slot_seconds.items()}
    work = {state: seconds for state, seconds in ledger.gpu_seconds.items() if state != "down"}
    return replace(
        whole,
        slot_seconds={**held, **work},
        disk_gb_per_node=requests.disk_gb_per_node,
        gb_out=requests.gb_out,
    )


def joined(bills: Sequence[Bill]) -> Bill:
    """The bills of a run as one."""
    by_state: dict[str, float] = {}
    for one in bills:
        for state, usd in one.compute_by_state_usd.items():
            by_state[state] = by_state.get(state, 0.0) + usd
    return Bill(
        charges=tuple(charge for one in bills for charge in one.charges),
        compute_by_state_usd=by_state,
        horizon_s=max(one.horizon_s for one in bills),
    )


def _with_states(usage: Usage, ledger: JobLedger) -> Usage:
    """What the nodes did, were work spread evenly over steady and spot nodes."""
    there = {state: seconds for state, seconds in ledger.gpu_seconds.items() if state != "down"}
    part = usage.node_hours() * 3600.0 * usage.slots_per_node / (sum(there.values()) or 1.0)
    return replace(usage, slot_seconds={state: seconds * part for state, seconds in there.items()})


def _at_price_in_effect(spot: SpotCapacity, first: int, horizon_s: float) -> OnDemand:
    """The price of each second on the nodes that were there, as its mean over them."""
    usd = spot.mean_usd_per_h(first, horizon_s)
    return spot.asked.buy if usd is None else replace(spot.asked.buy, price=usd)
