"""`defaults:`, the plan fields that all plans share, written once at the top of a scenario."""

from __future__ import annotations

from dataclasses import replace

from simcost.errors import Fault
from simcost.scenario.files.faults import fault_at, shown
from simcost.scenario.files.nodes import Node


def spread(root: Node, file: str) -> tuple[Node, list[Fault]]:
    """The scenario with its defaults merged into each plan, every value still at the place of its origin."""
    if not isinstance(root.value, dict) or "defaults" not in root.value:
        return root, []
    top = {key: child for key, child in root.value.items() if key != "defaults"}
    defaults, plans = root.value["defaults"], top.get("plans")
    if not isinstance(defaults.value, dict):
        message = f"{shown(defaults.value)} stands where the shared fields of plans are needed"
        return replace(root, value=top), [fault_at(defaults, message, file)]
    if plans is not None and isinstance(plans.value, list):
        merged = [merge(defaults, plan) if isinstance(plan.value, dict) else plan for plan in plans.value]
        top["plans"] = replace(plans, value=merged)
    return replace(root, value=top), []


def merge(base: Node, own: Node) -> Node:
    """`own` over `base`, key by key; a mapping of another `kind` replaces, and so does all that is no mapping."""
    if isinstance(own.value, dict) and isinstance(base.value, str):
        base = replace(base, value={"kind": base})
    if isinstance(own.value, str) and isinstance(base.value, dict) and "kind" in base.value:
        own = replace(own, value={"kind": own})
    mine, theirs = own.value, base.value
    if not isinstance(mine, dict) or not isinstance(theirs, dict) or _other_kind(mine, theirs):
        return own
    both = {**theirs, **mine}
    return replace(own, value={
        key: merge(theirs[key], mine[key]) if key in theirs and key in mine else child
        for key, child in both.items()
    })  # fmt: skip


def _other_kind(mine: dict[str, Node], theirs: dict[str, Node]) -> bool:
    """Whether both name a kind, and not the same."""
    return "kind" in mine and "kind" in theirs and mine["kind"].plain() != theirs["kind"].plain()
