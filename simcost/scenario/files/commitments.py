"""Commitments of a plan whose parts, services or pools, buy their own nodes: one account, which has them once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from simcost.errors import Fault
from simcost.scenario.files.faults import fault_at
from simcost.scenario.files.nodes import YamlNode

_KEY = "commitments"


def held_once(plan: YamlNode, parts: Sequence[tuple[YamlNode, YamlNode]], *, taken: bool = False) -> list[YamlNode]:
    """Parts of a plan of which one takes the commitments of the plan: the first that buys as the plan says, in its
    cloud where one does.

    Args:
        plan: as it is written.
        parts: each merged over the plan, and as it is written; a part that names commitments has those.
        taken: whether nodes of the plan itself have them.
    """
    heirs = [i for i, (merged, own) in enumerate(parts) if commitments_of(merged) and not commitments_of(own)]
    takers = [i for i in heirs if not taken and _is_on_demand(parts[i][0])]
    holder = next((i for i in takers if _cloud(parts[i][0]) == _cloud(plan)), takers[0] if takers else None)
    return [_without(merged) if i in heirs and i != holder else merged for i, (merged, _) in enumerate(parts)]


def _is_on_demand(part: YamlNode) -> bool:
    buy = part.get("buy")
    kind = None if buy is None else buy.get("kind")
    return kind is None or kind.value == "on-demand"


def _cloud(part: YamlNode) -> str:
    """Cloud of the offer of a part or of a plan; empty where it names none."""
    buy = part.get("buy")
    offer = None if buy is None else buy.get("offer")
    return "" if offer is None else str(offer.value).partition("/")[0].lower()


def commitments_of(part: YamlNode) -> YamlNode | None:
    """Commitments in the `buy` of a part or of a plan."""
    buy = part.get("buy")
    return None if buy is None else buy.get(_KEY)


def lost_commitments(plan: YamlNode, parts: Sequence[YamlNode], what: str, file: str) -> Iterator[Fault]:
    """Commitments of a plan that none of its parts can have.

    Args:
        plan: as it is written.
        parts: merged over it.
        what: what they are.
        file: name for the message.
    """
    takers = [part for part in parts if commitments_of(part) and _is_on_demand(part)]
    if (said := commitments_of(plan)) is not None and not takers:
        message = (
            f"would cover nothing: none of the {what} buys on demand as the plan does; move them, or take them out"
        )
        yield fault_at(said, message, file)


def _without(part: YamlNode) -> YamlNode:
    buy = part.get("buy")
    if buy is None or not isinstance(buy.value, dict) or not isinstance(part.value, dict):
        return part
    rest = {key: child for key, child in buy.value.items() if key != _KEY}
    return replace(part, value={**part.value, "buy": replace(buy, value=rest)})
