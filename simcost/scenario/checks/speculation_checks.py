"""Checks of the speculative decoding of a plan against the facts and its batching."""

from __future__ import annotations

from collections.abc import Iterator

from simcost.catalog import Catalog, Model
from simcost.errors import Fault, InputError
from simcost.scenario.files.faults import fault_at
from simcost.scenario.files.nodes import YamlNode
from simcost.scenario.schema.scenario import Plan

_IN_BLOCKS = (
    "cannot be combined with prefix_cache, or with keys of KV blocks in batching; remove one of the two, or compare it "
    "in a plan without"
)


def speculation_faults(replica: YamlNode, plan: Plan, catalog: Catalog, model: Model, file: str) -> Iterator[Fault]:
    """KV blocks; a drafter of another target, acceptance that was not published, drafts that fill more than a step."""
    node = replica.get("speculation")
    if node is None or plan.replica is None or plan.replica.speculation is None:
        return
    if plan.prefix_cache or plan.batching.in_blocks:
        yield fault_at(node, _IN_BLOCKS, file)
        return
    spec, speculation, batching = plan.replica, plan.replica.speculation, plan.batching
    try:
        speculation.drafter_of(catalog, spec.shape(model))
    except InputError as error:
        yield fault_at(node.get("drafter") or node, str(error), file)
        return
    try:
        speculation.rates(catalog, model)
    except InputError as error:
        yield fault_at(node.get("task") or node, str(error), file)
    rows = batching.max_num_seqs * (speculation.tokens + 1)
    if batching.prefill == "chunked" and rows >= batching.max_num_batched_tokens:
        message = (
            f"{batching.max_num_seqs} sequences with {speculation.tokens} drafts each take {rows:,} tokens of a step, "
            f"and max_num_batched_tokens is {batching.max_num_batched_tokens:,}; raise it, or lower max_num_seqs or "
            "tokens"
        )
        yield fault_at(node.get("tokens") or node, message, file)
