"""Checks that the simulator can feed an autoscaler, and a plan's purchase a node pool; at check as in a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import get_args

from simcost.billing import OnDemand, Spot
from simcost.catalog import Catalog
from simcost.errors import Fault, InputError, did_you_mean
from simcost.plan import Scaling
from simcost.plan.autoscaling.dynamo import DisaggregatedPlanner
from simcost.plan.autoscaling.metric_adapter import OF_EACH
from simcost.plan.autoscaling.policy import Signal, SignalName
from simcost.plan.autoscaling.wva import of_replicas
from simcost.plan.nodes import NodePool, Nodes
from simcost.scenario.files.faults import fault_at
from simcost.scenario.files.nodes import YamlNode
from simcost.scenario.schema.scenario import Plan


def policy_faults(policy: Scaling, place: YamlNode, file: str) -> Iterator[Fault]:
    """Metrics of an autoscaler that no signal makes, or that it wants of each replica and only the pool has."""
    each, signals, reads = policy.by_replica(), place.get("signals"), policy.reads()
    for name, node in signals.value.items() if signals is not None and isinstance(signals.value, dict) else ():
        if name not in reads and not any(read.startswith(f"{name} of ") for read in reads):
            near = did_you_mean(name, tuple(reads)) or f"; it reads {', '.join(reads)}"
            yield fault_at(node, f"the manifest has no metric {name!r}{near}", file)
    for name, source in reads.items():
        at = (signals.get(name) if signals is not None else None) or place
        if not source and name not in get_args(SignalName):
            message = (
                f"the {policy.kind} reads {name!r}, which is none of the simulator's signals; define it "
                f"as source: [{{name: ...}}], of {', '.join(get_args(SignalName))}"
            )
            yield fault_at(at, message, file)
        named = source or (Signal(name=name),)  # type: ignore[arg-type]
        alone = next((one for one in named if one.of_the_pool_alone), None)
        if alone is not None and name in each:
            other = next((one for pool, one in OF_EACH.items() if pool[:4] == alone.name[:4]), None)
            instead = f", or make it of {other}, which each replica has" if other else ""
            message = (
                f"{name!r} is read of each replica, and {alone.name} is one number for all of them, so that it would "
                f"never scale; write the metric as type: External with target: {{type: Value}}{instead}"
            )
            yield fault_at(at, message, file)


def budget_faults(policy: Scaling, plan: Plan, place: YamlNode, file: str) -> Iterator[Fault]:
    """A budget of GPUs that the fewest replicas are above: of the pool, or of both sides where one planner has both."""
    sides = plan.disaggregation
    if plan.replica is None:
        return
    try:
        decode = of_replicas(policy, accelerators=plan.replica.accelerators)
        if sides is not None:
            prefill = of_replicas(sides.scaling, accelerators=(sides.replica or plan.replica).accelerators)
            DisaggregatedPlanner.of(prefill, decode)
    except ValueError as error:
        yield fault_at(place, str(error), file)


def node_pool_faults(pool: NodePool, plan: Plan, place: YamlNode, catalog: Catalog, file: str) -> Iterator[Fault]:
    """A pool that allows none of the nodes that its plan buys."""
    try:
        allowed, refused = _sorted(plan, pool, catalog)
    except InputError:
        return  # said where the offer is named
    if refused and not allowed:
        message = f"allows none of the nodes that plan {plan.name!r} buys: {'; '.join(refused)}"
        yield fault_at(place, f"{message}; change its requirements, or buy / or_buy", file)


def within(plan: Plan, nodes: Nodes, catalog: Catalog) -> tuple[Plan, list[str]]:
    """The plan with what its node pool lets it buy, and a sentence for what it does not.

    Raises:
        InputError: no such offer, or the pool allows nothing of the plan.
    """
    if not isinstance(nodes, NodePool):
        return plan, []
    allowed, refused = _sorted(plan, nodes, catalog)
    if not refused:
        return plan, []
    if not allowed:
        raise InputError(f"the nodes of plan {plan.name!r}: {'; '.join(refused)}")
    first, *others = allowed
    kept = replace(plan, buy=first, or_buy=tuple(others))
    return kept, [f"Of what the plan buys, its node pool leaves {len(allowed)}: {'; '.join(refused)}."]


def _sorted(plan: Plan, pool: NodePool, catalog: Catalog) -> tuple[list[OnDemand | Spot], list[str]]:
    """Allowed purchase options of a pool, and why not the others."""
    allowed: list[OnDemand | Spot] = []
    refused: list[str] = []
    for option in (plan.buy, *plan.or_buy):
        if not isinstance(option, OnDemand | Spot):
            continue
        offer = catalog.offer(option.offer, option.region)
        why = pool.refuses(offer.sku, option.capacity_type, offer.region) or pool.exceeds(
            offer.accelerators, offer.vcpus, offer.memory_bytes
        )
        if why:
            refused.append(f"{option.offer}: {why}")
        else:
            allowed.append(option)
    return allowed, refused
