"""Owned nodes as the limit of a fleet of requests: replicas beyond them wait."""

from __future__ import annotations

from dataclasses import replace

from simcost.billing import Owned
from simcost.plan import Scaling
from simcost.plan.interruptions import Interruptions, SpotCapacity, ZoneCapacity
from simcost.plan.nodes import Nodes, whole_nodes
from simcost.plan.replica_counts import most_replicas
from simcost.scenario.schema.jobs import OnShared
from simcost.scenario.schema.scenario import Plan

_ALWAYS_S = 365 * 86_400.0
"""Time after which the capacity of a zone comes again: it is the same throughout."""


def within_owned(nodes: Nodes, plan: Plan) -> Nodes:
    """The provisioning of a fleet of requests, of no more nodes than are owned."""
    buy = plan.buy
    if not isinstance(buy, Owned) or buy.nodes is None or isinstance(plan.training, OnShared):
        return nodes
    return nodes.at_most(buy.nodes, buy.accelerators)


def in_owned_zones(interruptions: Interruptions | None, plan: Plan) -> Interruptions | None:
    """The disruptions of a fleet of requests: where a zone of owned nodes fails, the others have no more nodes than are
    owned there, an even part of all.
    """
    buy = plan.buy
    if interruptions is None or not interruptions.outages or interruptions.spot is not None:
        return interruptions
    if not isinstance(buy, Owned) or buy.nodes is None or isinstance(plan.training, OnShared):
        return interruptions
    part, rest = divmod(buy.nodes, interruptions.zones)
    zones = (ZoneCapacity(since=(0.0,), nodes=(part + (zone < rest),)) for zone in range(interruptions.zones))
    return replace(interruptions, spot=SpotCapacity(zones=tuple(zones), span=_ALWAYS_S))


def repair_notes(plan: Plan) -> list[str]:
    """A sentence where owned nodes break: nothing says how long a repair takes."""
    troubles = plan.interruptions
    if not isinstance(plan.buy, Owned) or troubles is None or troubles.nodes is None:
        return []
    return ["An owned node that breaks is back after a cold start: its repair takes no further time and costs nothing."]


def owned_notes(nodes: Nodes, scaling: Scaling, plan: Plan, slots: int) -> list[str]:
    """A sentence where an autoscaler may want more nodes than are owned."""
    if within_owned(nodes, plan) == nodes or not isinstance(plan.buy, Owned):
        return []
    count = plan.buy.nodes or 0
    if nodes.most(whole_nodes(most_replicas(scaling) / slots)) <= count:
        return []
    owned = "The 1 owned node is" if count == 1 else f"The {count} owned nodes are"
    return [f"{owned} all that there are: replicas that the autoscaler orders beyond them wait."]
