"""Which kinds of nodes to order for replicas that wait: best first, so that the next is tried where one is refused."""

from collections.abc import Sequence
from math import ceil

from simcost.plan.nodes import NodeKind


def by_price(kinds: Sequence[NodeKind], waiting: int) -> list[int]:
    """The cheapest first, per replica that would run on the nodes that all need."""
    return sorted(
        range(len(kinds)), key=lambda kind: ceil(waiting / kinds[kind].slots) * kinds[kind].usd_per_h
    )


def by_waste(kinds: Sequence[NodeKind], waiting: int) -> list[int]:
    """The kind first whose nodes would have the smallest share of room left (least-waste; the first of equals, where
    the cluster-autoscaler draws one).
    """
    return sorted(range(len(kinds)), key=lambda kind: _room_left(kinds[kind].slots, waiting))


def as_karpenter(kinds: Sequence[NodeKind], waiting: int) -> list[int]:
    """As many replicas on a node as the largest holds; of the kinds that hold them spot first, then the cheapest. The
    smaller ones are for when none of these can be had.
    """
    wanted = min(waiting, max(kind.slots for kind in kinds))

    def rank(number: int) -> tuple[int, bool, float]:
        kind = kinds[number]
        return max(wanted - kind.slots, 0), not kind.spot, kind.usd_per_h

    return sorted(range(len(kinds)), key=rank)


def _room_left(slots: int, waiting: int) -> float:
    offered = ceil(waiting / slots) * slots
    return (offered - waiting) / offered if offered else 0.0
