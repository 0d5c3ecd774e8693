"""Services of a plan that run on the nodes of the plan, those without a `buy` of their own, and their rights there."""

from __future__ import annotations

from collections.abc import Iterator

from simcost.errors import Fault
from simcost.scenario.files.by_kind import adapter
from simcost.scenario.files.conform import Conform, merge
from simcost.scenario.files.faults import fault_at, validate
from simcost.scenario.files.nodes import YamlNode, is_given
from simcost.scenario.schema.services import Sharing

_OWN_NODES = {
    "pools": "have nodes of their own, and the service runs on those of the plan; give it a `buy` of its own",
    "disaggregation": (
        "has prefill nodes of its own, and the service runs on those of the plan; give it a `buy` of its own"
    ),
}
"""Parts of a service that cannot be on shared nodes."""
KEY = "services"
SHARING = "sharing"
OF_JOBS = ("training", "training_buy")
OF_A_PLAN = ("name", KEY, *OF_JOBS)
"""Keys of a plan that are none of the part of a service."""
OF_NODES = ("buy", "or_buy", "nodes", "interruptions")
"""Keys of a plan that its nodes have, whichever service runs on them."""
STARTUP_OF_NODES = ("node", "image", "image_size", "network", "storage", "disk")
"""The same of its start-up."""
_WORKERS = ("serverless", "managed-endpoint")


def on_nodes_of_plan(plan: YamlNode) -> list[str]:
    """The services that run on the nodes of a plan; none where it buys no nodes, or all buy their own."""
    parts = plan.get(KEY)
    if parts is None or not isinstance(parts.value, dict) or plan.get("buy") is None:
        return []
    return [name for name, part in parts.value.items() if part.get("buy") is None]


def beside_jobs(plan: YamlNode) -> bool:
    """True if jobs run on the nodes of a plan too: its services then never compete, each may hold its most."""
    training = plan.get("training")
    kind = None if training is None else training.get("kind")
    return kind is not None and kind.value == "shared"


def rights_on_nodes(plan: YamlNode, file: str, faults: list[Fault]) -> dict[str, Sharing]:
    """Rights of the services on the nodes of a plan, where there are several: those without a `buy` of their own."""
    parts = plan.get(KEY)
    if parts is None or not isinstance(parts.value, dict):
        return {}
    sharing = on_nodes_of_plan(plan)
    result: dict[str, Sharing] = {}
    together = len(sharing) > 1 and not beside_jobs(plan)
    if together:
        faults += _worker_faults(plan, file)
    for name, part in parts.value.items():
        if name not in sharing or not together:
            faults += _alone(part, file)
            continue
        faults += _node_faults(part, file)
        for key, message in _OWN_NODES.items():
            places = (plan.get(key), part.get(key))
            faults += [fault_at(place, message, file) for place in places if place is not None and is_given(place)]
        if (said := _rights(plan, part, file, faults)) is not None:
            result[name] = said
    return result


def _worker_faults(plan: YamlNode, file: str) -> Iterator[Fault]:
    """Nodes of a plan that hold one replica each."""
    buy = plan.get("buy")
    kind = None if buy is None else buy.get("kind") or buy
    if kind is not None and kind.value in _WORKERS:
        yield fault_at(
            kind, f"{kind.value} has workers of one replica each; services share nodes, which are bought", file
        )


def _alone(part: YamlNode, file: str) -> Iterator[Fault]:
    """Rights on shared nodes of a service that shares none, or shares them with jobs."""
    if (node := part.get(SHARING)) is not None:
        yield fault_at(node, "has no effect: the service competes with no other for nodes; remove it", file)


def _node_faults(part: YamlNode, file: str) -> Iterator[Fault]:
    """Properties of nodes in a service that runs on those of its plan."""
    startup = part.get("startup")
    own = [part.get(key) for key in OF_NODES]
    own += [startup.get(key) for key in STARTUP_OF_NODES] if startup is not None else []
    for node in filter(None, own):
        remedy = "write it there, or give the service a `buy` of its own"
        yield fault_at(node, f"{node.path[-1]} is of the nodes, which are those of the plan; {remedy}", file)


def _rights(plan: YamlNode, part: YamlNode, file: str, faults: list[Fault]) -> Sharing | None:
    """Rights that the service states, over those of the plan."""
    own, common = part.get(SHARING), plan.get(SHARING)
    if own is not None and (preempt := own.get("preempt")) is not None:
        faults.append(fault_at(preempt, "is of the plan, not of one of its services; write it there", file))
        return None
    node = own if common is None else common if own is None else merge(common, own)
    if node is None:
        return Sharing()
    rights, wrong = validate(adapter(Sharing), Conform(file, faults).node(node, Sharing), file)
    faults += wrong
    return rights
