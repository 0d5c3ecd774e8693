"""Checks of measured values: step times and KV caches that no engine on this hardware has, mostly another unit."""

from __future__ import annotations

from collections.abc import Iterator

from simcost.catalog import Accelerator, Catalog, Model
from simcost.errors import Fault
from simcost.perf import MemoryFit, ReplicaSpec, step_time
from simcost.perf.memory import device_of
from simcost.scenario.checks.latency_tables import SOURCE
from simcost.scenario.files.faults import fault_at
from simcost.scenario.files.nodes import YamlNode

FASTEST_S, SLOWEST_S = 1e-4, 3.0
"""A step that decodes one sequence: 0.1 ms with every trick of 2026, 3 s with weights on disk."""
CONTEXT_TOKENS = 1000
"""In the KV cache of that sequence."""
SPARE = 1.05
"""On what fits: sizes of memory and of weights are stated within some per cent."""
MIB = 1 << 20


def measured_faults(
    node: YamlNode, replica: ReplicaSpec, fit: MemoryFit, model: Model, device: Accelerator, catalog: Catalog, file: str
) -> Iterator[Fault]:
    """Measured values of a replica that cannot be; those of tables of batches and images are whole, and not checked."""
    tabled = replica.step is not None and replica.step.source.startswith(SOURCE)
    if replica.on_cpu or replica.images or tabled:
        return
    yield from _step_faults(node, replica, model, device, catalog, file)
    yield from _kv_faults(node, replica, fit, model, device, catalog, file)


def _step_faults(
    node: YamlNode, replica: ReplicaSpec, model: Model, device: Accelerator, catalog: Catalog, file: str
) -> Iterator[Fault]:
    if replica.step is None:
        return
    seconds = step_time(catalog, model, device, replica).seconds(0, 1, CONTEXT_TOKENS, 0)
    if FASTEST_S <= seconds <= SLOWEST_S:
        return
    message = (
        f"by these coefficients a step that decodes one sequence of {CONTEXT_TOKENS:,} tokens takes {seconds:.3g} s, "
        "which no engine does; they are in seconds: write other units with them, as 6ms, 16us or 42ns"
    )
    yield fault_at(node, message, file, "step")


def _kv_faults(
    node: YamlNode, replica: ReplicaSpec, fit: MemoryFit, model: Model, device: Accelerator, catalog: Catalog, file: str
) -> Iterator[Fault]:
    """More tokens than all memory beside the weights could hold; models of several kinds of attention left out."""
    if replica.kv_tokens is None or model.window_layers or model.linear_layers:
        return
    memory = device_of(device, replica, catalog).memory_bytes
    held = fit.weights_bytes_per_device + fit.adapters_bytes_per_device + fit.drafter_bytes_per_device
    most = int((memory - held) / fit.kv_bytes_per_token) * replica.dp
    if replica.kv_tokens > SPARE * most:
        message = (
            f"{replica.kv_tokens:,} tokens do not fit beside the weights: {most:,} would at the most, of "
            f"{fit.kv_bytes_per_token / MIB:.3g} MiB each in {replica.kv_precision}; give the tokens that the log "
            "of the engine states, and its kv_precision and tp"
        )
        yield fault_at(node, message, file, "kv_tokens")
