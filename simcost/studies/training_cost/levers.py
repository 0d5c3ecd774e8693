"""Methods to get a model for a task, compared: memory, time and cost of training and of serving the result.

Serving cost is rough: decoding a stated batch on as many accelerators as make a token cheapest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import exp

from simcost.catalog import Catalog
from simcost.catalog.facts import Model
from simcost.errors import InputError
from simcost.perf import ReplicaSpec, fit_memory, step_time
from simcost.perf.memory import held_sequences, possible_tp
from simcost.perf.pruning import FewerLayers, Sparse24
from simcost.perf.training.memory import fits, smallest_gpus, training_memory
from simcost.perf.training.methods import Distill, Full, Lora, Method, Pruned, TransferLearning
from simcost.studies.training_cost.costs import price_of
from simcost.studies.training_cost.estimate import estimate
from simcost.studies.training_cost.inputs import TrainingSetup, ValueRange
from simcost.studies.training_cost.result import (
    DistillationBreakEven,
    GpuHourPrice,
    MethodComparison,
    ServedModel,
    TrainedMethod,
    UnfitMethod,
)
from simcost.studies.training_cost.warnings import of_method
from simcost.studies.training_cost.wording import levers_verdict
from simcost.units import SECONDS_PER_HOUR, format_bytes

MOST_TP = 16
MAX_NUM_BATCHED_TOKENS = 8192
EIGHT_IN_TEN = 1.2816
"""Normal quantile of 0.9."""


def served(catalog: Catalog, run: TrainingSetup, batch: tuple[int, int]) -> ServedModel | None:
    """Accelerators, batch, output tokens/s and on-demand USD per output token, on the layout on which a token costs
    least; None where it cannot be known.

    Args:
        catalog: the facts.
        run: whose model is served on its accelerator in 16-bit weights.
        batch: sequences and their tokens in the KV cache.
    """
    found = [one for tp in possible_tp(run.model) if tp <= MOST_TP and (one := _served_on(catalog, run, tp, batch))]
    return min(found, key=lambda one: one.usd_per_token, default=None)


def _served_on(catalog: Catalog, run: TrainingSetup, tp: int, batch: tuple[int, int]) -> ServedModel | None:
    """The same on a number of accelerators; None where they do not hold one sequence, or a fact is missing."""
    spec = ReplicaSpec(accelerator=run.accelerator.name, tp=tp, pruning=_served_pruning(run))
    try:
        memory = fit_memory(run.model, run.accelerator, spec, MAX_NUM_BATCHED_TOKENS, catalog)
        step = step_time(catalog, run.model, run.accelerator, spec)
        usd_per_gpu_h = price_of(catalog, run, "on_demand").usd_per_gpu_h
    except InputError:
        return None
    asked, context_tokens = batch
    sequences = min(asked, int(held_sequences(memory, run.model, spec, context_tokens)))
    if sequences == 0:
        return None
    tokens_per_s = sequences / step.seconds(0, sequences, sequences * context_tokens, 0)
    usd_per_token = spec.accelerators * usd_per_gpu_h / SECONDS_PER_HOUR / tokens_per_s
    return ServedModel(
        tp=tp,
        batch=sequences,
        context_tokens=context_tokens,
        tokens_per_s=tokens_per_s,
        usd_per_token=usd_per_token,
        usd_per_million_tokens=usd_per_token * 1e6,
        spread=ValueRange(exp(-EIGHT_IN_TEN * step.sigma), 1.0, exp(EIGHT_IN_TEN * step.sigma)),
    )


def _served_pruning(run: TrainingSetup) -> FewerLayers | Sparse24 | None:
    """Pruning of the model as it is served: of one with pruned structures, that share of the layers is left; 2:4
    sparsity stays where the accelerator multiplies such matrices.
    """
    if not isinstance(run.method, Pruned):
        return None
    if run.method.pruning == "2:4":
        sparse = Sparse24()
        try:
            sparse.check(run.model, run.accelerator, "bf16")
        except InputError:
            return None
        return sparse
    layers = max(1, round(run.model.layers * run.method.size))
    return FewerLayers(layers=layers) if layers < run.model.layers else None


Quality = Mapping[str, float]
LARGEST_TOKENS = 1e18


@dataclass(frozen=True, slots=True, kw_only=True)
class Levers:
    """Alternatives to full fine-tuning, LoRA and QLoRA, and the use of the result."""

    rank: int = 16
    """Of LoRA and QLoRA."""
    student: Model | None = None
    """The smaller model to distil into."""
    student_tokens: float | None = None
    """Tokens that the student is trained on; None = as many as the run."""
    pruned: Pruned | None = None
    transfer: TransferLearning | None = None
    quality: Quality = field(default_factory=dict)
    """Measured quality by method; nothing here predicts it."""
    serve_tokens: float | None = None
    """Output tokens served later, in all."""
    serving_batch: int = 32
    """Sequences decoded together when the result is served."""
    serving_context_tokens: int = 2048
    """Tokens of each of them in the KV cache."""


def compare_methods(catalog: Catalog, run: TrainingSetup, levers: Levers) -> MethodComparison:
    """Methods to get a model for a task, compared.

    Args:
        catalog: the facts.
        run: the run whose method is replaced; a method that does not fit on its GPUs gets the fewest nodes that do.
        levers: which ways, and how the result is served.

    Raises:
        CatalogError: a fact that is missing for all of them.
        InputError: a student larger than the model, an unknown method in `quality`.
    """
    ways = _ways(run, levers)
    unknown = set(levers.quality) - ways.keys()
    if unknown:
        raise InputError(f"quality names {', '.join(sorted(unknown))}; the methods here: {', '.join(ways)}")
    if levers.serve_tokens is not None and not 0 <= levers.serve_tokens < LARGEST_TOKENS:
        raise InputError(f"{levers.serve_tokens!r} tokens cannot be served; give a number of 0 or more, such as 5e9")
    rows: list[TrainedMethod | UnfitMethod] = []
    prices: dict[str, GpuHourPrice] = {}
    for name, (model, method) in ways.items():
        tokens = levers.student_tokens if levers.student_tokens and name == "distill" else run.tokens
        changed = replace(run, model=model, method=method, tokens=tokens)
        row, used = _row(catalog, changed, levers, levers.quality.get(name))
        rows.append(row)
        prices |= {price.source: price for price in used}
    return MethodComparison(
        verdict=levers_verdict(rows, levers.serve_tokens),
        model=run.model.name,
        student=None if levers.student is None else levers.student.name,
        accelerator=run.accelerator.name,
        precision=run.precision,
        tokens=run.tokens,
        serve_tokens=levers.serve_tokens,
        methods=tuple(rows),
        break_even=_break_even(rows),
        prices=tuple(prices.values()),
        notes=tuple(dict.fromkeys([*_notes(levers), *(note for way in ways.values() for note in of_method(*way))])),
        catalog_date=catalog.as_of,
    )


def _ways(run: TrainingSetup, levers: Levers) -> dict[str, tuple[Model, Method]]:
    ways: dict[str, tuple[Model, Method]] = {
        "full": (run.model, Full()),
        "lora": (run.model, Lora(rank=levers.rank)),
        "qlora": (run.model, Lora(kind="qlora", rank=levers.rank)),
    }
    for method in (levers.transfer, levers.pruned):
        if method is not None:
            ways[method.kind] = run.model, method
    if levers.student is not None:
        if levers.student.parameters >= run.model.parameters:
            raise InputError(
                f"the student {levers.student.name} is not smaller than {run.model.name}; choose a smaller model"
            )
        ways["distill"] = (levers.student, Distill(teacher=run.model))
    return ways


def _row(
    catalog: Catalog, run: TrainingSetup, levers: Levers, quality: float | None
) -> tuple[TrainedMethod | UnfitMethod, tuple[GpuHourPrice, ...]]:
    """One method, on the run's GPUs or the smallest count that fits, and the prices it is paid at."""
    needed = smallest_gpus(run.model, run.accelerator, run.method, run.layout)
    kind, title, model = run.method.kind, run.method.title, run.model.name
    if needed is None:
        memory = training_memory(run.model, run.method, run.layout)
        reason = f"no number of GPUs helps: each needs {format_bytes(memory.total)} in this layout"
        return UnfitMethod(method=kind, title=title, model=model, reason=reason, quality=quality), ()
    layout = run.layout
    if not fits(run.model, run.accelerator, run.method, layout):
        layout = replace(layout, gpus=_whole_nodes(needed, run), shards=None)
    found = estimate(catalog, replace(run, layout=layout))
    ways = {way: cost.total for way, cost in found.cost_usd.items()}
    serving = served(catalog, run, (levers.serving_batch, levers.serving_context_tokens))
    tokens, paid = levers.serve_tokens, ways.get("on_demand")
    served_usd = None if serving is None or tokens is None else serving.usd_per_token * tokens
    whole = None
    if serving is not None and served_usd is not None and paid is not None:
        whole = paid.plus(serving.spread.times(served_usd))
    row = TrainedMethod(
        method=kind,
        title=title,
        model=model,
        gpus_needed=needed,
        gpus=layout.gpus,
        memory_bytes=found.memory_bytes.total,
        time_s=found.time_s,
        gpu_hours=found.gpu_hours,
        cost_usd=ways,
        checkpoint_bytes=found.checkpoints.bytes,
        energy_kwh=found.energy_kwh,
        serving=serving,
        serving_usd=served_usd,
        total_usd=whole,
        quality=quality,
    )
    return row, found.prices


def _whole_nodes(gpus: int, run: TrainingSetup) -> int:
    """The count rounded up to whole nodes, where it is more than one and they can be cut so."""
    node = run.failures.gpus_per_node
    rounded = -(-gpus // node) * node
    return gpus if gpus <= node or rounded % (run.layout.tp * run.layout.pp) else rounded


def _break_even(rows: Sequence[TrainedMethod | UnfitMethod]) -> DistillationBreakEven | None:
    """After how many output tokens the distilled model has paid for its training.

    (cost of distilling - cost of the cheapest other method) / (its USD per token - that of the student).
    """
    priced = {
        row.method: (row.cost_usd["on_demand"].mid, row.serving.usd_per_token)
        for row in rows
        if row.fits and row.serving is not None and "on_demand" in row.cost_usd
    }
    distilled = priced.pop("distill", None)
    if distilled is None or not priced:
        return None
    other = min(priced, key=lambda method: priced[method][0])
    extra_usd = distilled[0] - priced[other][0]
    saved_usd = priced[other][1] - distilled[1]
    return DistillationBreakEven(
        against=other,
        extra_training_usd=extra_usd,
        saved_usd_per_million_tokens=saved_usd * 1e6,
        output_tokens=max(0.0, extra_usd / saved_usd) if saved_usd > 0 else None,
    )


_PRUNED = {
    "structured": "structured pruning is served as a model with that share of the layers",
    "unstructured": "a mask serves as before",
    "2:4": '2:4 sparsity is served as with `pruning: {kind: "2:4"}`, and as before where no products with it exist',
}
"""Notes on the serving of a pruned model."""


def _notes(levers: Levers) -> list[str]:
    sequences = f"{levers.serving_batch} sequences of {levers.serving_context_tokens:,} tokens each"
    notes = [
        f"serving: output tokens while decoding {sequences}, around the clock at that load",
        "with serving: between low and high lie eight in ten engines; methods that serve the same model share theirs",
        "a replica has as many accelerators as make a token cheapest, and as many sequences as its KV cache holds",
        "training: low and high are those of one run (`train estimate` without --compare says of what)",
        "prompts are not counted; adapters are merged into the weights",
        "qlora: unpacking 4-bit weights at each use is not counted",
    ]
    if levers.pruned is not None:
        notes.append(_PRUNED[levers.pruned.pruning])
    if not levers.quality:
        notes.append("quality: not measured; a cheaper method may answer worse")
    return notes
