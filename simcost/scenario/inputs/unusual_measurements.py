"""Measured values of a replica that no engine on its hardware has: mostly another unit."""

from __future__ import annotations

from collections.abc import Iterator

from simcost.catalog import Catalog, Model
from simcost.errors import InputError
from simcost.perf import ReplicaSpec, fit_memory, step_time
from simcost.perf.memory import DOUBT, device_of
from simcost.scenario.checks.latency_tables import SOURCE
from simcost.scenario.schema.scenario import Plan

FASTEST_S, SLOWEST_S = 1e-4, 3.0
"""A step that decodes one sequence: 0.1 ms with every trick of 2026, 3 s with weights on disk."""
CONTEXT_TOKENS = 1000
"""In the KV cache of that sequence."""
SPARE = 1.05
"""On what fits: sizes of memory and of weights are stated within some per cent."""
MIB = 1 << 20


def unusual_measurements(plan: Plan, model: Model, catalog: Catalog) -> list[str]:
    """A sentence for the step times and one for the KV cache that a plan states, where they cannot be.

    Tables of batches and images are measured whole, and not looked at.
    """
    replica = plan.replica
    if replica is None or replica.on_cpu or replica.images:
        return []
    if replica.step is not None and replica.step.source.startswith(SOURCE):
        return []
    try:
        tokens = plan.batching.max_num_batched_tokens
        return [*_of_steps(replica, model, catalog), *_of_cache(replica, model, catalog, tokens)]
    except InputError:  # of what does not fit or is not known, other checks speak
        return []


def few_cached_tokens(plan: Plan, model: Model, catalog: Catalog) -> Iterator[str]:
    """A sentence on a KV cache that a plan states and that is far below what should fit; results say it beside the
    memory of their plans.
    """
    replica = plan.replica
    if replica is None or replica.kv_tokens is None or replica.on_cpu or replica.images:
        return
    try:
        device = catalog.accelerator(replica.accelerator)
        fit = fit_memory(model, device, replica, plan.batching.max_num_batched_tokens, catalog)
    except InputError:  # as above
        return
    if DOUBT in fit.provenance:
        yield f"Memory: {fit.provenance}."


def _of_steps(replica: ReplicaSpec, model: Model, catalog: Catalog) -> Iterator[str]:
    if replica.step is None:
        return
    step = step_time(catalog, model, catalog.accelerator(replica.accelerator), replica)
    seconds = step.seconds(0, 1, CONTEXT_TOKENS, 0)
    if not FASTEST_S <= seconds <= SLOWEST_S:
        yield (
            f"By its coefficients a step that decodes one sequence of {CONTEXT_TOKENS:,} tokens takes {seconds:.3g} s, "
            "which no engine is known to do; they are in seconds: write other units with them, as 6ms, 16us or 42ns."
        )


def _of_cache(replica: ReplicaSpec, model: Model, catalog: Catalog, max_num_batched_tokens: int) -> Iterator[str]:
    """More tokens than all memory beside the weights could hold; models of several kinds of attention left out."""
    if replica.kv_tokens is None or model.window_layers or model.linear_layers:
        return
    device = catalog.accelerator(replica.accelerator)
    fit = fit_memory(model, device, replica, max_num_batched_tokens, catalog)
    held = fit.weights_bytes_per_device + fit.adapters_bytes_per_device + fit.drafter_bytes_per_device
    most = int((device_of(device, replica, catalog).memory_bytes - held) / fit.kv_bytes_per_token) * replica.dp
    if replica.kv_tokens > SPARE * most:
        yield (
            f"{replica.kv_tokens:,} tokens of the KV cache do not fit beside the weights: {most:,} would at the most, "
            f"of {fit.kv_bytes_per_token / MIB:.3g} MiB each in {replica.kv_precision}; give the tokens that the log "
            "of the engine states, and its kv_precision and tp."
        )
