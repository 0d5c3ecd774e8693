"""Checks of plans with several pools, and of the API that answers what would be rejected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simcost.catalog import Catalog
from simcost.errors import Fault
from simcost.plan.routing.pool_routers import PoolRules
from simcost.scenario.files.faults import ask, fault_at
from simcost.scenario.files.nodes import YamlNode, is_given, items
from simcost.scenario.schema.scenario import Plan


def pool_faults(root: YamlNode, plans: Sequence[Plan | None], catalog: Catalog, file: str) -> Iterator[Fault]:
    """Pools, routers and weights that contradict each other, and what one pool alone may have; a plan that is None has
    other faults already.
    """
    for node, plan in zip(items(root.get("plans")), plans, strict=True):
        yield from _overflow_faults(node.get("overflow"), catalog, file)
        if plan is None:
            continue
        router = node.get("router") or node
        if not plan.pools:
            if plan.router.kind != "manifest" and plan.router.between_pools:
                message = (
                    f"{plan.router.kind} routes between pools, and the plan has one; write `pools`, or another router"
                )
                yield fault_at(router, message, file)
            continue
        yield from _of_pools(node, plan, file)
        yield from _of_one_pool(root, node, plan, file)


def _of_pools(node: YamlNode, plan: Plan, file: str) -> Iterator[Fault]:
    names: list[object] = []
    for name in filter(None, (place.get("name") for place in items(node.get("pools")))):
        if name.value in names:
            yield fault_at(name, f"{name.value!r} is the name of a pool before too; names must differ", file)
        names.append(name.value)
    weighted = isinstance(plan.router, PoolRules) and plan.router.weighted
    weights = [place.get("weight") for place in items(node.get("pools"))]
    if weighted and not any(pool.weight for pool in plan.pools):
        message = "is 0 in all pools, so that none of them gets a request by it; give one a weight"
        yield fault_at(next(filter(None, weights), node), message, file)
    for place, pool in zip(weights, plan.pools, strict=True):
        if place is not None and is_given(place) and pool.weight != 1 and not weighted:
            message = (
                f"has no effect: the router {plan.router.kind} does not go by weights; use weighted-random, "
                "weighted-round-robin or weighted-least-outstanding, or take it out"
            )
            yield fault_at(place, message, file)
    if any(pool.prefix_cache or pool.batching.in_blocks for pool in plan.by_pool()):
        message = (
            "cannot be combined with a prefix cache or a KV cache in blocks: all replicas must be alike there; take "
            "prefix_cache and the block options of batching out, or give the plan one pool"
        )
        yield fault_at(node.get("pools") or node, message, file)
    if (training := node.get("training")) is not None and is_given(training):
        yield fault_at(training, "cannot be combined with pools; write the jobs in a scenario of their own", file)


def _of_one_pool(root: YamlNode, node: YamlNode, plan: Plan, file: str) -> Iterator[Fault]:
    """Parts of a plan of several pools that are simulated in one pool alone."""
    place = node.get("pools") or node
    if any(is_given(workload.get("adapters")) for workload in items(root.get("workload"))):
        message = "cannot be combined with adapters that requests ask for; give the plan one pool, or remove `adapters`"
        yield fault_at(place, f"{message} of the workload", file)
    if plan.disaggregation is not None:
        message = "cannot be combined with disaggregation; remove pools, or compare it in a plan without"
        yield fault_at(place, message, file)
    for pool, alone in zip(items(node.get("pools")), plan.by_pool(), strict=True):
        replica = pool.get("replica") or pool
        if alone.replica is None:
            continue
        if alone.replica.on_cpu:
            message = "cannot be combined with pools, as it runs on CPUs; write a service for each"
            yield fault_at(replica, message, file)
        if alone.replica.slice is not None:
            message = "cannot be combined with pools; take whole accelerators, or a plan of one pool"
            yield fault_at(replica.get("slice") or replica, message, file)


def _overflow_faults(node: YamlNode | None, catalog: Catalog, file: str) -> Iterator[Fault]:
    """An API that the catalog does not know, or whose price depends on the length of each prompt."""
    if node is None or not is_given(node):
        return
    place = node.get("api")
    price, missing = ask(place, file, catalog.token_price)
    yield from missing
    if price is not None and place is not None and price.tier_start_input_tokens is not None:
        message = (
            f"{price.name} has another price above {price.tier_start_input_tokens:,} input tokens of a request; the "
            "bill of an overflow knows sums of tokens alone: name an API with one price"
        )
        yield fault_at(place, message, file)
