"""Prefix cache of a plan: whether requests say what they share, and whether its blocks go together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from simcost.errors import Fault
from simcost.plan.serving import PrefixCaching
from simcost.scenario.checks.routing_checks import prefix_block_tokens
from simcost.scenario.files.faults import fault_at
from simcost.scenario.files.nodes import YamlNode, items
from simcost.scenario.schema.scenario import Plan, Scenario
from simcost.tables.paths import inside
from simcost.trace.workload.spec import RecordedWorkload, Synthetic

if TYPE_CHECKING:
    from simcost.perf import MemoryFit, ReplicaSpec
    from simcost.sim.serving.pool import TierRules

_NOTHING_SHARED = (
    "needs requests that say what they share: a recorded workload with prefix_hashes or session, which `simcost trace "
    "import` reads, or a synthetic one with sessions; or state it: prefix_cache: {hit_share: 40%}"
)


def prefix_cache_of(plan: Plan) -> PrefixCaching | None:
    """The prefix cache of a plan; None = it has none."""
    if plan.prefix_cache is True:
        return PrefixCaching(block_tokens=plan.batching.kv_block_tokens or PrefixCaching().block_tokens)
    return plan.prefix_cache or None


def tier_rules(plan: Plan, replica: ReplicaSpec, memory: MemoryFit) -> tuple[TierRules, ...]:
    """Tiers of the prefix cache of a replica, in tokens of its KV cache."""
    from simcost.sim.serving.pool import TierRules

    cache, bytes_per_token = prefix_cache_of(plan), memory.kv_bytes_per_token * replica.tp * replica.pp
    return tuple(
        TierRules(
            capacity_tokens=int(tier.size // bytes_per_token),
            latency_s=tier.latency,
            s_per_token=bytes_per_token / tier.bandwidth,
        )
        for tier in (cache.tiers if cache else ())
    )


def reads_prefixes(plan: Plan) -> bool:
    """True if the engines of a plan look at what prompts share."""
    cache = prefix_cache_of(plan)
    return cache is not None and cache.hit_share is None


def prefix_cache_faults(scenario: Scenario, root: YamlNode, folder: Path, file: str) -> Iterator[Fault]:
    """Faults of the prefix caches of a scenario without other faults.

    Raises:
        InputError: traces whose hashes stand for blocks of different lengths.
        TraceError: a trace that cannot be read.
    """
    for plan, node in zip(scenario.plans, items(root.get("plans")), strict=True):
        place, cache = node.get("prefix_cache"), prefix_cache_of(plan)
        if place is None or cache is None:
            continue
        if plan.batching.prefill == "whole":
            yield fault_at(place, "needs chunked prefill; leave out `prefill: whole` of batching", file)
        if plan.batching.window:
            yield fault_at(place, "cannot be combined with a batching window; leave out `window` of batching", file)
        own = plan.batching.kv_block_tokens
        if own is not None and own != cache.block_tokens:
            yield fault_at(
                place, f"has blocks of {cache.block_tokens} tokens, and batching.kv_block_tokens is {own}", file
            )
        if cache.hit_share is None:
            yield from _content_faults(scenario, cache, place, folder, file)


def share_prefixes(scenario: Scenario, folder: Path) -> bool:
    """True if requests say what they share. Raises as `prefix_cache_faults`."""
    return prefix_block_tokens(scenario.open_workloads(), folder) is not None or _has_sessions(scenario, folder)


def _content_faults(
    scenario: Scenario, cache: PrefixCaching, place: YamlNode, folder: Path, file: str
) -> Iterator[Fault]:
    length = prefix_block_tokens(scenario.open_workloads(), folder)
    if length is None and not _has_sessions(scenario, folder):
        yield fault_at(place, _NOTHING_SHARED, file)
    if length is not None and length % cache.block_tokens:
        message = (
            f"has blocks of {cache.block_tokens} tokens, and a hash of the workload stands for {length}; "
            f"give block_tokens that divide {length}"
        )
        yield fault_at(place.get("block_tokens") or place, message, file)


def _has_sessions(scenario: Scenario, folder: Path) -> bool:
    """True if requests carry the conversations that they are part of."""
    from simcost.trace.requests.store import open_trace

    for workload in scenario.open_workloads():
        if isinstance(workload, RecordedWorkload):
            if "session" in open_trace(inside(folder, workload.path)).columns:
                return True
        elif any(client.sessions is not None for client in workload.clients):
            return True
    return scenario.demand is not None and any(stream.sessions is not None for stream in scenario.demand.requests)


def system_tokens(scenario: Scenario) -> int:
    """Tokens at the start of each prompt that all conversations share; 0 where clients differ in it."""
    streams = [
        *(
            client
            for workload in scenario.open_workloads()
            if isinstance(workload, Synthetic)
            for client in workload.clients
        ),
        *(scenario.demand.requests if scenario.demand is not None else ()),
    ]
    found = {stream.sessions.system_tokens if stream.sessions is not None else 0 for stream in streams}
    return found.pop() if len(found) == 1 and len(scenario.open_workloads()) <= 1 else 0


def cache_notes(plan: Plan, *, window_layers: int) -> Iterator[str]:
    """Assumptions about the prefix cache of a plan."""
    cache = prefix_cache_of(plan)
    if cache is None:
        return
    if cache.hit_share is not None:
        yield (
            f"{cache.hit_share:.0%} of each prompt is cached, as stated; cached tokens take room in the KV cache of "
            "each request."
        )
    else:
        yield (
            f"Prefix cache as in vLLM 0.33: full blocks of {cache.block_tokens} tokens, of each replica its own, the "
            "least recently left evicted first."
        )
    if cache.tiers:
        yield (
            "Chunks of prompts are written to the tiers of the prefix cache without delay, and loaded before the step "
            "that admits a request; loads of several requests follow each other."
        )
    if window_layers:
        yield (
            "The model has layers with a sliding window or without a KV cache of tokens; the prefix cache counts them "
            "as if they kept all blocks, so that real hits may be fewer."
        )
