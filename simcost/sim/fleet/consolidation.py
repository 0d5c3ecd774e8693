"""Consolidation as Karpenter does it: nodes whose replicas fit elsewhere, or on one cheaper node besides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simcost.plan.nodes import NodeKind
from simcost.sim.fleet.records import Node

CANDIDATES = 100
"""Nodes that are looked at together, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Nodes that can go."""

    nodes: tuple[Node, ...]
    kind: int | None
    """Of the node that comes in their place; None = their replicas fit elsewhere."""


def best_move(
    ranked: Sequence[Node], nodes: Sequence[Node], kinds: Sequence[NodeKind], now_ns: int
) -> Move | None:
    """As many nodes together as a search finds (at least two), else one by itself.

    The search is that of Karpenter: by halves, over how many of the first go.

    Args:
        ranked: nodes that may go, with replicas on them, in order of what their going disturbs.
        nodes: all nodes.
        kinds: what may be ordered.
        now_ns: nodes that are not ready by then have no room to give.
    """
    found: Move | None = None
    low, high = 2, min(len(ranked), CANDIDATES)
    while low <= high:
        middle = (low + high) // 2
        move = move_of(ranked[:middle], nodes, kinds, now_ns)
        found = found if move is None else move
        low, high = (middle + 1, high) if move is not None else (low, middle - 1)
    alone = (move_of([node], nodes, kinds, now_ns) for node in ranked)
    return found or next((move for move in alone if move is not None), None)


def move_of(
    going: Sequence[Node], nodes: Sequence[Node], kinds: Sequence[NodeKind], now_ns: int
) -> Move | None:
    """Whether these nodes can go together, and what must come: one node, strictly cheaper than they are."""
    room = sum(
        node.slots - node.replicas
        for node in nodes
        if node not in going and not node.cordoned and node.ready_ns <= now_ns
    )
    left = sum(node.replicas for node in going) - room
    if left <= 0:
        return Move(nodes=tuple(going), kind=None)
    paid = sum(kinds[node.kind].usd_per_h for node in going)
    fit = [number for number, kind in enumerate(kinds) if kind.slots >= left and kind.usd_per_h < paid]
    if not fit or (all(kinds[node.kind].spot for node in going) and any(kind.spot for kind in kinds)):
        return None  # spot for spot is off by default
    return Move(
        nodes=tuple(going), kind=min(fit, key=lambda one: (not kinds[one].spot, kinds[one].usd_per_h))
    )
