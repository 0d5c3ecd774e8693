"""Replicas without accelerators: nodes that cannot hold them, and parts of a plan that cannot have them."""

from __future__ import annotations

from collections.abc import Iterator

from simcost.billing import Buy, OnDemand, Spot
from simcost.catalog import Catalog, Offer, replicas_on
from simcost.errors import Fault
from simcost.perf import ReplicaSpec
from simcost.plan.nodes import NodePool
from simcost.scenario.files.faults import fault_at
from simcost.scenario.files.nodes import YamlNode, is_given, items
from simcost.scenario.schema.jobs import OnShared
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Plan
from simcost.units import GIB


def cpu_faults(node: YamlNode, buy: YamlNode, plan: Plan, file: str) -> Iterator[Fault]:
    """Parts of a plan that replicas on CPUs cannot have."""
    if plan.replica is None or not plan.replica.on_cpu:
        return
    if not isinstance(plan.buy, OnDemand | Spot):
        message = f"of kind {plan.buy.kind} has accelerators; replicas on CPUs are bought on demand or as spot"
        yield fault_at(buy, message, file)
    if isinstance(plan.training, OnShared):
        message = "of kind shared has a fleet of GPUs, and the replica runs on CPUs; give jobs nodes of their own"
        yield fault_at(node.get("training") or node, message, file)
    if plan.disaggregation is not None:
        message = "cannot be combined with a replica on CPUs; leave it out, or write a service for each"
        yield fault_at(node.get("disaggregation") or node, message, file)
    if isinstance(plan.nodes, NodePool) and plan.nodes.max_accelerators is not None:
        message = "limits accelerators, and the replica takes none; limit vCPUs instead"
        yield fault_at(node.get("nodes") or node, message, file)


def no_room(offer: Offer, replica: ReplicaSpec) -> str:
    """Reason why a replica without accelerator does not fit on an instance; empty where it does."""
    if offer.accelerator:
        return f"has {offer.accelerator}, and the replica runs on CPUs"
    if offer.vcpus is None or offer.memory_bytes is None:
        return "has no vCPUs and memory in the catalog; add them to offers.csv in your catalog folder"
    if not replicas_on(offer, replica.accelerators, replica.memory):
        size = f"{offer.vcpus} vCPUs and {offer.memory_bytes / GIB:.4g} GiB"
        return f"has {size}, and a replica takes {replica.vcpus} and {(replica.memory or 0.0) / GIB:.4g} GiB"
    return ""


def shared_memory_faults(service: LoadedScenario, names: set[str], file: str) -> Iterator[Fault]:
    """Replicas of the named plans that take more of the memory of shared nodes than of their vCPUs, by which room there
    is counted.
    """
    for plan, node in zip(service.scenario.plans, items(service.root.get("plans")), strict=True):
        replica, place = plan.replica, node.get("replica")
        if plan.name not in names or replica is None or not replica.on_cpu or place is None or not is_given(place):
            continue
        for offer in _offers((plan.buy, *plan.or_buy), service.catalog):
            if replicas_on(offer, replica.accelerators, replica.memory) < replicas_on(
                offer, replica.accelerators, None
            ):
                message = (
                    f"takes more of the memory of {offer.name} than of its vCPUs, by which room on shared nodes is "
                    "counted; write more vcpus, share nodes with more memory, or give the service a `buy` of its own"
                )
                yield fault_at(place.get("memory") or place, message, file)


def _offers(options: tuple[Buy, ...], catalog: Catalog) -> Iterator[Offer]:
    for option in options:
        if isinstance(option, OnDemand | Spot):
            yield catalog.offer(option.offer, option.region)
