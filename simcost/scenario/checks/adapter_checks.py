"""Checks of LoRA adapters: what requests ask for against what the replicas of a plan hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simcost.errors import Fault
from simcost.plan.routing import EndpointPicker
from simcost.plan.routing.scorers import LoraAffinity
from simcost.scenario.files.faults import fault_at
from simcost.scenario.files.nodes import YamlNode, is_given, items
from simcost.scenario.schema.scenario import Plan

_LOAD = (
    "is required, since requests ask for adapters: say how fast they are read from disk and copied to the accelerator, "
    "such as `load: {disk: 1GB/s, link: 20GB/s}`"
)
_NO_EFFECT = "has no effect: requests ask for no adapters; write `adapters` of the workload, or remove it"
_TOGETHER = "cannot be combined with adapters that requests ask for; remove it, or `adapters` of the workload"


def adapter_faults(root: YamlNode, plans: Sequence[Plan | None], file: str) -> Iterator[Fault]:
    """Contradictions of adapters, at their places; a plan that is None has other faults already."""
    mixes = [mix for one in items(root.get("workload")) if (mix := one.get("adapters")) is not None and is_given(mix)]
    for node, plan in zip(items(root.get("plans")), plans, strict=True):
        for place, alone in _pools(node, plan):
            replica = place.get("replica")
            if replica is None or alone.replica is None:
                continue
            lora, place_of_lora = alone.replica.lora, replica.get("lora")
            if mixes and lora is None:
                yield fault_at(replica, "is required: requests ask for adapters; write `lora`", file, "lora")
            elif mixes and lora is not None and lora.load is None:
                yield fault_at(place_of_lora or replica, _LOAD, file, "load")
            elif not mixes and place_of_lora is not None:
                places = (place_of_lora.get(key) for key in ("load", "cpu_slots"))
                yield from (fault_at(one, _NO_EFFECT, file) for one in places if one is not None and is_given(one))
        if not mixes and plan is not None:
            yield from _affinities(node, plan, file)
        if mixes and plan is not None:
            yield from _combined(node, plan, file)
            yield from _bases(root, plan, mixes, file)


def _affinities(node: YamlNode, plan: Plan, file: str) -> Iterator[Fault]:
    """Routing by adapters of requests that ask for none."""
    router = node.get("router")
    if router is not None and isinstance(plan.router, EndpointPicker):
        for scorer, place in zip(plan.router.scorers, items(router.get("scorers")), strict=True):
            if isinstance(scorer.scorer, LoraAffinity):
                yield fault_at(place.get("scorer") or place, _NO_EFFECT, file)


def _pools(node: YamlNode, plan: Plan | None) -> list[tuple[YamlNode, Plan]]:
    """Each pool of a plan as written, and as if it were alone."""
    places = items(node.get("pools")) or [node]
    return [] if plan is None else list(zip(places, plan.by_pool(), strict=True))


def _combined(node: YamlNode, plan: Plan, file: str) -> Iterator[Fault]:
    """Parts of a plan that do not know adapters."""
    keys = {
        "prefix_cache": bool(plan.prefix_cache),
        "disaggregation": plan.disaggregation is not None,
    }
    for key, there in keys.items():
        if there:
            yield fault_at(node.get(key) or node, _TOGETHER, file)
    batching, replica = node.get("batching"), node.get("replica")
    if plan.batching.policy == "fair" and batching is not None:
        yield fault_at(batching.get("policy") or batching, _TOGETHER, file)
    if plan.batching.prefill == "whole" and batching is not None:
        yield fault_at(batching.get("prefill") or batching, _TOGETHER, file)
    if plan.batching.window and batching is not None:
        yield fault_at(batching.get("window") or batching, _TOGETHER, file)
    if plan.replica is not None and plan.replica.speculation is not None and replica is not None:
        yield fault_at(replica.get("speculation") or replica, _TOGETHER, file)


def _bases(root: YamlNode, plan: Plan, mixes: Sequence[YamlNode], file: str) -> Iterator[Fault]:
    """Adapters that were trained for another model than the plan serves."""
    model = root.get("model")
    served = plan.model or (None if model is None else model.value)
    for mix in mixes:
        base = mix.get("base")
        if base is not None and is_given(base) and served is not None and base.value != served:
            message = f"is {base.value!r}, and plan {plan.name!r} serves {served!r}: adapters fit their own model alone"
            yield fault_at(base, message, file)
