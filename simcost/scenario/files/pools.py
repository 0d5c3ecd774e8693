"""Plans of several pools: what a plan says for all its pools, and each pool as a plan of its own for the checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from simcost.errors import Fault
from simcost.scenario.files.commitments import held_once, lost_commitments
from simcost.scenario.files.conform import merge
from simcost.scenario.files.nodes import YamlNode, items
from simcost.scenario.schema.scenario import OF_A_POOL, Plan

KEY = "pools"


def pool_commitment_faults(root: YamlNode, file: str) -> Iterator[Fault]:
    """Commitments of plans that none of their pools has."""
    for plan in items(root.get("plans")):
        pools = [pool for pool in items(plan.get(KEY)) if isinstance(pool.value, dict)]
        if pools and isinstance(plan.value, dict):
            yield from lost_commitments(plan, [merge(_shared_keys(plan, pool), pool) for pool in pools], KEY, file)


def with_pools(root: YamlNode) -> YamlNode:
    """The scenario with each pool merged over its plan, which takes the place of the plan's own keys of a pool: there
    the first pool stands for all.
    """
    return _each_plan(root, _spread)


def pools_in_full(root: YamlNode) -> YamlNode:
    """The scenario with all that a plan of several pools says of these in each of them alone."""
    return _each_plan(root, plan_in_pools)


def plan_in_pools(plan: YamlNode) -> YamlNode:
    """A plan as it is written, with all that it says of its pools in each of them alone."""
    return in_pools(_spread(plan))


def as_written(root: YamlNode, written: YamlNode) -> YamlNode:
    """A scenario with its plans of several pools as they are written.

    Args:
        root: the scenario with what a plan says of its pools spread over these.
        written: the same before that.
    """
    plans, raw = root.get("plans"), items(written.get("plans"))
    if not isinstance(root.value, dict) or plans is None or len(items(plans)) != len(raw):
        return root
    found = [one if items(one.get(KEY)) else plan for plan, one in zip(items(plans), raw, strict=True)]
    return replace(root, value={**root.value, "plans": replace(plans, value=found)})


def pools_alone(root: YamlNode, plans: Sequence[Plan | None]) -> tuple[YamlNode, list[Plan | None]]:
    """The scenario with a plan for each pool, as it is written and, where the schema holds, as an object."""
    nodes, objects = list[YamlNode](), list[Plan | None]()
    for node, plan in zip(items(root.get("plans")), plans, strict=True):
        pools = [pool for pool in items(node.get(KEY)) if isinstance(pool.value, dict)]
        nodes += [_alone(node, pool) for pool in pools] or [node]
        objects += [None] * (len(pools) or 1) if plan is None else plan.by_pool()
    top, listed = root.value, root.get("plans")
    if not isinstance(top, dict) or listed is None:
        return root, objects
    return replace(root, value={**top, "plans": replace(listed, value=nodes)}), objects


def in_pools(plan: YamlNode) -> YamlNode:
    """A plan that is spread, with what its pools have of their own in them alone."""
    if not isinstance(plan.value, dict) or not items(plan.get(KEY)):
        return plan
    return replace(plan, value={key: child for key, child in plan.value.items() if key not in OF_A_POOL})


def in_each_part(plan: YamlNode, change: Callable[[YamlNode], YamlNode]) -> YamlNode:
    """A plan, or a part of one, with its pools and its services changed, as a list or by their places or names."""
    value = plan.value if isinstance(plan.value, dict) else {}
    parts = {key: _each(value[key], change) for key in (KEY, "services") if key in value}
    return replace(plan, value={**value, **parts}) if parts else plan


def _each(parts: YamlNode, change: Callable[[YamlNode], YamlNode]) -> YamlNode:
    if isinstance(parts.value, dict):
        return replace(parts, value={name: change(part) for name, part in parts.value.items()})
    return replace(parts, value=[change(part) for part in items(parts)]) if isinstance(parts.value, list) else parts


def _each_plan(root: YamlNode, change: Callable[[YamlNode], YamlNode]) -> YamlNode:
    plans = root.get("plans")
    if not isinstance(root.value, dict) or plans is None or not isinstance(plans.value, list):
        return root
    return replace(root, value={**root.value, "plans": replace(plans, value=[change(one) for one in plans.value])})


def _spread(plan: YamlNode) -> YamlNode:
    pools = plan.get(KEY)
    each = items(pools) or _by_name(pools)
    if not isinstance(plan.value, dict) or pools is None or not each:
        return plan
    merged = [merge(_shared_keys(plan, pool), pool) if isinstance(pool.value, dict) else pool for pool in each]
    merged = held_once(plan, list(zip(merged, each, strict=True)))
    first = merged[0].value if isinstance(merged[0].value, dict) else {}
    rest = {key: child for key, child in plan.value.items() if key not in OF_A_POOL}
    own = {key: child for key, child in first.items() if key in OF_A_POOL}
    spread = dict(zip(pools.value, merged, strict=True)) if isinstance(pools.value, dict) else merged
    return replace(plan, value={**rest, **own, KEY: replace(pools, value=spread)})


def _by_name(pools: YamlNode | None) -> list[YamlNode]:
    """Pools that are written by their names, which is a fault of its own; none where these are not mappings."""
    value = pools.value if pools is not None and isinstance(pools.value, dict) else {}
    return list(value.values()) if all(isinstance(pool.value, dict) for pool in value.values()) else []


def _shared_keys(plan: YamlNode, pool: YamlNode) -> YamlNode:
    """Keys of a plan that hold for all pools, at the place of one."""
    keys = plan.value if isinstance(plan.value, dict) else {}
    return replace(pool, value={key: child for key, child in keys.items() if key in OF_A_POOL})


def _alone(plan: YamlNode, pool: YamlNode) -> YamlNode:
    shared = plan.value if isinstance(plan.value, dict) else {}
    own = pool.value if isinstance(pool.value, dict) else {}
    rest = {key: child for key, child in shared.items() if key not in (KEY, *OF_A_POOL)}
    return replace(plan, value=rest | {key: child for key, child in own.items() if key in OF_A_POOL})
