"""The performance of one replica as a document."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from math import log
from typing import Any, TypeAlias

from simcost.catalog import Catalog, Model
from simcost.perf.kv_cache import states_in_steps
from simcost.perf.memory import MemoryFit, fit_memory, held_sequences
from simcost.perf.model_shape import doubted_parameters
from simcost.perf.precision_notes import precision_notes
from simcost.perf.replica import ReplicaSpec
from simcost.perf.steady_state import MeasuredTpot, steady_tpot_s
from simcost.perf.step_time import IN_95, StepTime, step_time

Step: TypeAlias = tuple[int, int, int, int]
"""Prefill tokens, decoding sequences, their KV tokens, attention pairs."""


def perf_document(
    catalog: Catalog,
    model_name: str,
    spec: ReplicaSpec,
    *,
    max_num_seqs: int = 256,
    max_num_batched_tokens: int = 8192,
    context_tokens: int = 2048,
    steps: Sequence[Step] = (),
    measured: Sequence[MeasuredTpot] = (),
) -> dict[str, Any]:
    """Step time, memory and speed of a replica.

    Args:
        catalog: the facts.
        model_name: a model of the catalog.
        spec: the replica.
        max_num_seqs: running sequences at most.
        max_num_batched_tokens: token budget of a step.
        context_tokens: KV tokens of each sequence in `throughput`.
        steps: steps whose times are asked for.
        measured: times per output token that the user measured in closed loops.

    Returns:
        `coefficients`: the linear step time through an empty step, a full prefill and a full batch; `base`: where the
        step time is not linear, what steps take by their tokens, at powers of two; `step_s`: the steps asked for;
        `measured`: each with the prediction, predicted / measured, and whether it lies in the 95 % interval; memory;
        `prefill`: one full step of prompts; `throughput`: a row per batch size of steps that only decode, up to the
        batch that the KV cache holds (empty if it holds not one such sequence), with speculation the speed-up by it.

    Raises:
        CatalogError, InputError, DoesNotFitError: see `fit_memory` and `step_time`.
    """
    model, accelerator = catalog.model(model_name), catalog.accelerator(spec.accelerator)
    memory = fit_memory(model, accelerator, spec, max_num_batched_tokens, catalog)
    step = step_time(catalog, model, accelerator, spec)
    plain = step_time(catalog, model, accelerator, replace(spec, speculation=None)) if spec.speculation else None
    held = partial(held_sequences, memory, model, spec)
    batches = _batches(min(max_num_seqs, int(held(context_tokens))))
    return {
        "model": model.name,
        "accelerator": accelerator.name,
        **_replica(spec),
        "speculation": _speculation(step),
        "assumptions": _assumptions(catalog, model, spec, context_tokens),
        "coefficients": step.linear(max_num_batched_tokens, max_num_seqs),
        "base": _base(step, max_num_batched_tokens) if step.base else [],
        "step_s": [step.seconds(*asked) for asked in steps],
        "measured": [_compared(step, row, held, max_num_seqs, max_num_batched_tokens) for row in measured],
        "provenance": step.provenance,
        "source": step.source,
        "sigma": step.sigma,
        **_memory(memory),
        "max_num_seqs": max_num_seqs,
        "max_num_batched_tokens": max_num_batched_tokens,
        "context_tokens": context_tokens,
        "prefill": _prefill(step, max_num_batched_tokens, model.context_tokens),
        "throughput": [_decode(step, batch, context_tokens, plain) for batch in batches],
        "catalog_date": catalog.as_of,
    }


def _assumptions(catalog: Catalog, model: Model, spec: ReplicaSpec, context_tokens: int) -> list[str]:
    """Of its slice, its changes of the model, its precision, the facts, and the context."""
    accelerator = catalog.accelerator(spec.accelerator)
    of_precision = precision_notes(catalog, model, accelerator, spec)
    part = None if spec.slice is None else catalog.slice_of(accelerator.name, spec.slice)
    return [
        *([] if part is None else [part.assumption(measured=spec.step is not None)]),
        *spec.assumptions,
        *of_precision,
        *doubted_parameters(model),
        *(states_in_steps(model) if spec.step is None else ()),
        *(f"{fact.name} in the catalog: {fact.notes}." for fact in (model, accelerator) if fact.notes),
        *_beyond_context(model, context_tokens),
    ]


def _replica(spec: ReplicaSpec) -> dict[str, Any]:
    """Layout of the replica over accelerators, engine and precision."""
    return {
        "tp": spec.tp,
        "pp": spec.pp,
        "dp": spec.dp,
        "ep": spec.ep,
        "accelerators": spec.accelerators,
        "engine": spec.engine,
        "precision": spec.precision,
        "kv_precision": spec.kv_precision,
        "slice": spec.slice,
        "pruning": spec.pruning.label if spec.pruning is not None else None,
        "lora": asdict(spec.lora) if spec.lora is not None else None,
    }


def _compared(
    step: StepTime,
    row: MeasuredTpot,
    held: Callable[[float], float],
    max_num_seqs: int,
    max_num_batched_tokens: int,
) -> dict[str, Any]:
    """A measurement beside the prediction, with as many clients running as the limit lets and the cache holds; `held`:
    sequences of so many tokens that it holds.
    """
    running = max(1.0, min(row.clients, max_num_seqs, held(row.prompt_tokens + row.output_tokens / 2)))
    predicted_s = steady_tpot_s(step, row.prompt_tokens, row.output_tokens, running, max_num_batched_tokens)
    ratio = predicted_s / row.tpot_s
    inside = abs(log(ratio)) <= IN_95 * step.sigma
    return {**row._asdict(), "predicted_tpot_s": predicted_s, "ratio": ratio, "in_95_interval": inside}


def _speculation(step: StepTime) -> dict[str, Any] | None:
    """Acceptance by position, tokens per step, and the time of drafting for one sequence."""
    if step.draft is None:
        return None
    return {
        "rates": list(step.draft.rates),
        "tokens_per_step": step.tokens_per_step,
        "draft_s": float(step.draft.seconds(1.0)),
    }


def _beyond_context(model: Model, tokens: int) -> list[str]:
    if tokens <= model.context_tokens:
        return []
    return [f"{tokens:,} tokens are more than the context of {model.name}, {model.context_tokens:,}."]


def _memory(memory: MemoryFit) -> dict[str, Any]:
    document = asdict(memory)
    document["memory_provenance"] = document.pop("provenance")
    return document


def _base(step: StepTime, most: int) -> list[dict[str, float]]:
    """Seconds of steps by their tokens, without KV tokens and pairs."""
    return [{"tokens": tokens, "seconds": step.base_seconds(tokens)} for tokens in _batches(most)]


def _prefill(step: StepTime, tokens: int, context_tokens: int) -> dict[str, float]:
    """One step that holds a single prompt of the whole token budget, or as many as the context of the model makes of
    it.
    """
    time_s = step.seconds(tokens, 0, 0, tokens * min(tokens, context_tokens) / 2)
    return {"tokens": tokens, "step_s": time_s, "tokens_per_s": tokens / time_s}


def _decode(step: StepTime, batch: int, context_tokens: int, plain: StepTime | None) -> dict[str, float]:
    """Steps that decode `batch` sequences: the time of a token of each, and that of a plain step over it."""
    time_s = step.seconds(0, batch, batch * context_tokens, 0) / step.tokens_per_step
    speedup = {} if plain is None else {"speedup": plain.seconds(0, batch, batch * context_tokens, 0) / time_s}
    return {"batch": batch, "tpot_s": time_s, "tokens_per_s": batch / time_s, **speedup}


def _batches(most: int) -> list[int]:
    """1, 2, 4, ... and the largest."""
    powers = [2**n for n in range(most.bit_length())] if most > 0 else []
    return sorted({*powers, most} - {0}) if powers else []
