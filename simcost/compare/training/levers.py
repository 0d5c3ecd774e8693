"""Ways to get a model for a task, side by side: memory, time and money of training, and of serving the result."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from simcost.catalog import Catalog
from simcost.catalog.facts import Model
from simcost.compare.training.estimate import estimate
from simcost.compare.training.run import Run
from simcost.compare.training.serving import served
from simcost.errors import InputError
from simcost.perf.training.memory import fits, smallest_gpus, training_memory
from simcost.perf.training.methods import Distill, Full, Lora, Method
from simcost.units import format_bytes

Quality = Mapping[str, float]


def compare_methods(
    catalog: Catalog,
    run: Run,
    *,
    student: Model | None = None,
    student_tokens: float | None = None,
    quality: Quality | None = None,
    serving_batch: int = 32,
    serving_context_tokens: int = 2048,
) -> dict[str, Any]:
    """Full fine-tuning, LoRA, QLoRA and, given a student, distilling it from the model.

    Args:
        catalog: the facts.
        run: the run whose method is replaced; a method that does not fit on its GPUs gets the fewest nodes that do.
        student: the smaller model to distil into.
        student_tokens: tokens that the student is trained on; None = as many as the run.
        quality: by method (`full`, `lora`, `qlora`, `distill`), what you measured; nothing here predicts it.
        serving_batch: sequences decoded together when the result is served.
        serving_context_tokens: tokens of each of them in the KV cache.

    Returns:
        `methods[]`: per method its memory, GPUs needed and used, time, cost, checkpoint, serving, quality (None =
        unknown); `break_even`: output tokens after which the distilled model has paid for its training.

    Raises:
        CatalogError: a fact that is missing for all of them.
        InputError: a student larger than the model, an unknown method in `quality`.
    """
    ways = _ways(run, student)
    unknown = set(quality or {}) - ways.keys()
    if unknown:
        raise InputError(f"quality names {', '.join(sorted(unknown))}; the methods here: {', '.join(ways)}")
    batch = serving_batch, serving_context_tokens
    rows = []
    for name, (model, method) in ways.items():
        tokens = student_tokens if student_tokens and name == "distill" else run.tokens
        changed = replace(run, model=model, method=method, tokens=tokens)
        rows.append({**_row(catalog, changed, batch), "quality": (quality or {}).get(name)})
    return {
        "model": run.model.name,
        "student": None if student is None else student.name,
        "accelerator": run.accelerator.name,
        "precision": run.precision,
        "tokens": run.tokens,
        "methods": rows,
        "break_even": _break_even(rows),
        "notes": _notes(quality, batch),
        "catalog_date": catalog.as_of,
    }


def _ways(run: Run, student: Model | None) -> dict[str, tuple[Model, Method]]:
    ways: dict[str, tuple[Model, Method]] = {
        "full": (run.model, Full()),
        "lora": (run.model, Lora()),
        "qlora": (run.model, Lora(kind="qlora")),
    }
    if student is not None:
        if student.parameters >= run.model.parameters:
            raise InputError(
                f"the student {student.name} is not smaller than {run.model.name}; choose a smaller model"
            )
        ways["distill"] = (student, Distill(teacher=run.model))
    return ways


def _row(catalog: Catalog, run: Run, batch: tuple[int, int]) -> dict[str, Any]:
    """One method, on the run's GPUs or the smallest count that fits."""
    needed = smallest_gpus(run.model, run.accelerator, run.method, run.layout)
    head = {
        "method": run.method.kind,
        "title": run.method.title,
        "model": run.model.name,
        "gpus_needed": needed,
    }
    if needed is None:
        memory = training_memory(run.model, run.method, run.layout)
        reason = f"no number of GPUs helps: each needs {format_bytes(memory.total)} in this layout"
        return {**head, "fits": False, "reason": reason, "cost_usd": None, "serving": None}
    layout = run.layout
    if not fits(run.model, run.accelerator, run.method, layout):
        layout = replace(layout, gpus=_whole_nodes(needed, run), shards=None)
    found = estimate(catalog, replace(run, layout=layout))
    ways = found["cost_usd"]
    return {
        **head,
        "fits": True,
        "gpus": layout.gpus,
        "memory_bytes": found["memory_bytes"]["total"],
        "time_s": found["time_s"],
        "gpu_hours": found["gpu_hours"],
        "cost_usd": {way: cost["total"] for way, cost in ways.items()},
        "checkpoint_bytes": found["checkpoints"]["bytes"],
        "energy_kwh": found["energy_kwh"],
        "serving": served(catalog, run, batch),
    }


def _whole_nodes(gpus: int, run: Run) -> int:
    """The count rounded up to whole nodes, where it is more than one and they can be cut so."""
    node = run.failures.gpus_per_node
    rounded = -(-gpus // node) * node
    return gpus if gpus <= node or rounded % (run.layout.tp * run.layout.pp) else rounded


def _break_even(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """After how many output tokens the distilled model has paid for its training.

    (cost of distilling - cost of the cheapest other method) / (its USD per token - that of the student).
    """
    priced = [row for row in rows if row["fits"] and row["cost_usd"].get("on_demand") and row["serving"]]
    distilled = next((row for row in priced if row["method"] == "distill"), None)
    others = [row for row in priced if row["method"] != "distill"]
    if distilled is None or not others:
        return None
    other = min(others, key=_likely_usd)
    saved_usd = other["serving"]["usd_per_token"] - distilled["serving"]["usd_per_token"]
    extra_usd = _likely_usd(distilled) - _likely_usd(other)
    return {
        "against": other["method"],
        "extra_training_usd": extra_usd,
        "saved_usd_per_million_tokens": saved_usd * 1e6,
        "output_tokens": max(0.0, extra_usd / saved_usd) if saved_usd > 0 else None,
    }


def _likely_usd(row: dict[str, Any]) -> float:
    return float(row["cost_usd"]["on_demand"]["mid"])


def _notes(quality: Quality | None, batch: tuple[int, int]) -> list[str]:
    notes = [
        f"serving: output tokens while decoding {batch[0]} sequences of {batch[1]:,} tokens each",
        "a replica has the fewest accelerators that hold the model, and as many sequences as its KV cache holds",
        "prompts are not counted; adapters are merged into the weights",
        "qlora: unpacking 4-bit weights at each use is not counted",
    ]
    if not quality:
        notes.append("quality: unknown, since nobody measured it; a cheaper method may answer worse")
    return notes
