"""What serving the trained model costs, roughly: decoding a stated batch on the fewest accelerators that hold it."""

from dataclasses import replace
from math import exp
from typing import Any

from simcost.catalog import Catalog
from simcost.catalog.facts import Model
from simcost.errors import InputError
from simcost.perf import MemoryFit, ReplicaSpec, fit_memory, step_time
from simcost.perf.architecture import block_parameters, embedding_matrices, embedding_parameters
from simcost.perf.sizes import possible_tp
from simcost.perf.training.methods import Pruned
from simcost.studies.training_cost.costs import price_of
from simcost.studies.training_cost.run import Run
from simcost.units import SECONDS_PER_HOUR

MOST_TP = 16
MAX_NUM_BATCHED_TOKENS = 8192
EIGHT_IN_TEN = 1.2816
"""Normal quantile of 0.9."""


def served(catalog: Catalog, run: Run, batch: tuple[int, int]) -> dict[str, Any] | None:
    """Accelerators, batch, output tokens/s and on-demand USD per output token; None where it cannot be known.

    `spread` has the factors on the USD between which eight in ten engines lie, by the log-normal spread of steps around
    the performance model.

    Args:
        catalog: the facts.
        run: whose model is served on its accelerator in 16-bit weights.
        batch: sequences and their tokens in the KV cache.
    """
    model = _served_model(run)
    found = _smallest_replica(run, model)
    if found is None:
        return None
    spec, memory = found
    sequences, context_tokens = batch
    sequences = min(sequences, memory.kv_capacity_tokens // context_tokens)
    if sequences == 0:
        return None
    try:
        step = step_time(catalog, model, run.accelerator, spec)
        usd_per_gpu_h = price_of(catalog, run, "on_demand").usd_per_gpu_h
    except InputError:
        return None
    tokens_per_s = sequences / step.seconds(0, sequences, sequences * context_tokens, 0)
    usd_per_token = spec.tp * usd_per_gpu_h / SECONDS_PER_HOUR / tokens_per_s
    return {
        "tp": spec.tp,
        "batch": sequences,
        "context_tokens": context_tokens,
        "tokens_per_s": tokens_per_s,
        "usd_per_token": usd_per_token,
        "usd_per_million_tokens": usd_per_token * 1e6,
        "spread": {
            "low": exp(-EIGHT_IN_TEN * step.sigma),
            "mid": 1.0,
            "high": exp(EIGHT_IN_TEN * step.sigma),
        },
    }


def _served_model(run: Run) -> Model:
    """The model as it is served; of one with pruned structures that share of the layers."""
    method, model = run.method, run.model
    if not isinstance(method, Pruned) or method.size == 1:
        return model
    layers = max(1, round(model.layers * method.size))
    embeddings = embedding_matrices(model) * embedding_parameters(model)
    return replace(
        model, layers=layers, parameters=block_parameters(model) * layers / model.layers + embeddings
    )


def _smallest_replica(run: Run, model: Model) -> tuple[ReplicaSpec, MemoryFit] | None:
    for tp in possible_tp(model):
        if tp <= MOST_TP:
            spec = ReplicaSpec(accelerator=run.accelerator.name, tp=tp)
            try:
                return spec, fit_memory(model, run.accelerator, spec, MAX_NUM_BATCHED_TOKENS)
            except InputError:
                continue
    return None
