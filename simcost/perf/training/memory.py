"""Memory of a device while it trains, part by part, and the number of devices it takes.

Sources: 16 bytes a parameter of mixed-precision Adam and their sharding, Rajbhandari et al. 2020 (ZeRO, arXiv
1910.02054); activations, Korthikanti et al. 2022 (arXiv 2205.05198), with the third matrix of a gated MLP.
"""

from dataclasses import asdict, dataclass, replace
from math import ceil
from typing import Any

from simcost.catalog.facts import Accelerator, Model
from simcost.errors import DoesNotFitError
from simcost.perf.memory import COLLECTIVES_BYTES, LIBRARIES_BYTES
from simcost.perf.model_shape import block_parameters, embedding_parameters
from simcost.perf.training.methods import BF16_BYTES, Distill, Full, Method, Parameters, TransferLearning
from simcost.perf.training.utilization import ParallelLayout, check_layout
from simcost.units import format_bytes

GRADIENT_BYTES = 2.0
OPTIMIZER_BYTES = 12.0
"""A 32-bit master copy and two moments."""
LOGIT_BYTES = 6.0
"""A logit in 16 bits and its 32-bit copy in the loss."""
MOST_GPUS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingMemory:
    """Bytes of one device; of the stage of the pipeline that holds most."""

    weights: float
    """Trained and frozen."""
    gradients: float
    optimizer: float
    gathered: float
    """With ZeRO 3: the layer at work and the next one, whole; of a teacher, where that is larger."""
    activations: float
    logits: float
    """Of a teacher too: the loss compares both."""
    overhead: float
    """Libraries and buffers of the collectives."""

    @property
    def total(self) -> float:
        """All parts."""
        return (
            self.weights
            + self.gradients
            + self.optimizer
            + self.gathered
            + self.activations
            + self.logits
            + self.overhead
        )


def training_memory(model: Model, method: Method, layout: ParallelLayout) -> TrainingMemory:
    """Memory of each device.

    Raises:
        InputError: the layout does not cut the model.
    """
    check_layout(model, layout)
    stage, on_stage = _fullest_stage(model, method, layout.pp)
    held = on_stage.parameters(stage)
    in_flight = method.parameters(model).backward_share / held.backward_share * layout.pp
    weights = held.trained * BF16_BYTES + held.frozen_bytes
    activations, logits = _activations(stage, layout, held, in_flight)
    return TrainingMemory(
        weights=weights / layout.tp / layout.sharded_over(3),
        gradients=held.trained * GRADIENT_BYTES / layout.tp / layout.sharded_over(2),
        optimizer=held.trained * OPTIMIZER_BYTES / layout.tp / layout.sharded_over(1),
        gathered=max(_gathered(one, layout) for one in (stage, held.teacher or stage)),
        activations=activations,
        logits=logits,
        overhead=LIBRARIES_BYTES + (COLLECTIVES_BYTES if layout.gpus > 1 else 0.0),
    )


def _fullest_stage(model: Model, method: Method, pp: int) -> tuple[Model, Method]:
    """The stage of the pipeline that holds most, as a model of its own: at most ceil(layers / pp) layers, and the
    embedding or the LM head, which the first and the last stage hold whole. Trained layers are at the top.
    """
    if pp == 1:
        return model, method
    if isinstance(method, Distill):
        method = replace(method, teacher=_fullest_stage(method.teacher, Full(), pp)[0])
    if isinstance(method, TransferLearning):
        method = replace(method, trained_share=min(1.0, method.trained_share * pp))
    layers = ceil(model.layers / pp)
    stage: dict[str, Any] = {
        "layers": layers,
        "parameters": block_parameters(model) * layers / model.layers + embedding_parameters(model),
        "tied_embeddings": True,
        "dense_layers": min(model.dense_layers, layers),
    }
    stage |= dict.fromkeys(("window_layers", "window_tokens", "linear_layers"), 0)  # memory does not ask for them
    return replace(model, **stage), method


def fit_training(model: Model, accelerator: Accelerator, method: Method, layout: ParallelLayout) -> TrainingMemory:
    """Memory of each device, if the run fits.

    Raises:
        InputError: the layout does not cut the model.
        DoesNotFitError: too little memory; the message says what is missing and the smallest count that would do.
    """
    memory = training_memory(model, method, layout)
    usable = accelerator.memory_bytes * layout.memory_utilisation
    if memory.total > usable:
        raise DoesNotFitError(_what_is_missing(model, accelerator, method, layout, memory, usable))
    return memory


def smallest_gpus(model: Model, accelerator: Accelerator, method: Method, layout: ParallelLayout) -> int | None:
    """The smallest GPU count of this layout that fits, tp and pp as given; None if more GPUs do not help."""
    replica = layout.tp * layout.pp
    most = MOST_GPUS // replica
    if fits(model, accelerator, method, replace(layout, gpus=replica, shards=None)):
        return replica
    if not fits(model, accelerator, method, replace(layout, gpus=most * replica, shards=None)):
        return None
    lo, hi = 1, most
    while hi - lo > 1:
        middle = (lo + hi) // 2
        tried = replace(layout, gpus=middle * replica, shards=None)
        lo, hi = (lo, middle) if fits(model, accelerator, method, tried) else (middle, hi)
    return hi * replica


def activation_bytes_per_layer(model: Model, layout: ParallelLayout) -> float:
    """Activations that one layer keeps for the backward pass of one micro batch, on one device.

    s b (18 h + 6 f) / t for a gated MLP (18 h + 4 f = 34 h for an ungated one with f = 4 h, as in the paper), plus
    5 a s^2 b / t where scores of attention are kept; 2 s b h / t where only the input is and all else is recomputed.
    s tokens, b sequences, h hidden, f intermediate size of the experts a token uses, a heads, t tensor parallelism.
    """
    tokens = layout.sequence_tokens * layout.micro_batch
    if layout.recompute == "full":
        return 2.0 * tokens * model.hidden / layout.tp
    kept = tokens * (18.0 * model.hidden + 6.0 * _intermediate(model)) / layout.tp
    scores = 5.0 * model.heads * layout.sequence_tokens * tokens / layout.tp
    return kept + (scores if layout.recompute == "none" else 0.0)


def _activations(stage: Model, layout: ParallelLayout, held: Parameters, in_flight: float) -> tuple[float, float]:
    """Activations and logits of the fuller of the first and the last stage that is trained.

    With 1F1B the first stage has a micro batch in flight for each stage, the last has one and the logits.
    """
    one = stage.layers * held.backward_share * activation_bytes_per_layer(stage, layout)
    at_work = activation_bytes_per_layer(stage, replace(layout, recompute="selective"))
    tokens = layout.sequence_tokens * layout.micro_batch
    vocabularies = stage.vocabulary + (held.teacher.vocabulary if held.teacher else 0)
    logits = tokens * vocabularies * LOGIT_BYTES / layout.tp
    extra = at_work if layout.recompute == "full" else 0.0
    first, last = one * in_flight + extra, one + extra
    return (first, 0.0) if layout.pp > 1 and first > last + logits else (last, logits)


def _gathered(model: Model, layout: ParallelLayout) -> float:
    if layout.sharded_over(3) == 1:
        return 0.0
    return 2 * BF16_BYTES * block_parameters(model) / model.layers / layout.tp


def _intermediate(model: Model) -> float:
    per_expert = (model.experts_per_token + model.shared_experts) * model.moe_ffn
    return float(max(model.ffn if not model.experts or model.dense_layers else 0, per_expert))


def fits(model: Model, accelerator: Accelerator, method: Method, layout: ParallelLayout) -> bool:
    """True if each device holds its part. Raises InputError if the layout does not cut the model."""
    usable = accelerator.memory_bytes * layout.memory_utilisation
    return training_memory(model, method, layout).total <= usable


def _what_is_missing(
    model: Model,
    accelerator: Accelerator,
    method: Method,
    layout: ParallelLayout,
    memory: TrainingMemory,
    usable: float,
) -> str:
    parts = ", ".join(f"{name} {format_bytes(size)}" for name, size in asdict(memory).items() if size)
    advice = "; ".join(_remedies(model, accelerator, method, layout))
    return (
        f"training {model.name} ({method.kind}) does not fit on {layout.gpus} x {accelerator.name}: each needs "
        f"{format_bytes(memory.total)} ({parts}), {format_bytes(usable)} usable. What would fit: "
        f"{advice or 'nothing of this layout; a smaller sequence or micro batch, more tp or pp, lora or qlora'}"
    )


def _remedies(model: Model, accelerator: Accelerator, method: Method, layout: ParallelLayout) -> list[str]:
    """The smallest GPU counts that fit, as the layout is and with something changed, while they get smaller."""
    many = replace(layout, gpus=layout.gpus * 8, shards=None)
    sharded = replace(many, zero=3)
    tried = {
        "": many,
        " with recompute full": replace(many, recompute="full"),
        " with zero 3": sharded,
        " with zero 3 and recompute full": replace(sharded, recompute="full"),
        " with tp 8, zero 3 and recompute full": replace(sharded, recompute="full", tp=8),
    }
    found: dict[int, str] = {}
    for words, changed in tried.items():
        gpus = None if model.heads % changed.tp else smallest_gpus(model, accelerator, method, changed)
        if gpus is not None and all(gpus < other for other in found):
            found[gpus] = f"{gpus} GPU{'s' if gpus > 1 else ''}{words}"
    return list(found.values())
