"""Owned nodes as the limit of a fleet of requests: replicas beyond them wait."""

from __future__ import annotations

from simcost.billing import Owned
from simcost.plan import Scaling
from simcost.plan.nodes import Nodes, whole_nodes
from simcost.plan.replica_counts import most_replicas
from simcost.scenario.schema.jobs import OnShared
from simcost.scenario.schema.scenario import Plan


def within_owned(nodes: Nodes, plan: Plan) -> Nodes:
    """The provisioning of a fleet of requests, of no more nodes than are owned."""
    buy = plan.buy
    if not isinstance(buy, Owned) or buy.nodes is None or isinstance(plan.training, OnShared):
        return nodes
    return nodes.at_most(buy.nodes, buy.accelerators)


def owned_notes(nodes: Nodes, scaling: Scaling, plan: Plan, slots: int) -> list[str]:
    """A sentence where an autoscaler may want more nodes than are owned."""
    if within_owned(nodes, plan) == nodes or not isinstance(plan.buy, Owned):
        return []
    count = plan.buy.nodes or 0
    if nodes.most(whole_nodes(most_replicas(scaling) / slots)) <= count:
        return []
    owned = "The 1 owned node is" if count == 1 else f"The {count} owned nodes are"
    return [f"{owned} all that there are: replicas that the autoscaler orders beyond them wait."]
