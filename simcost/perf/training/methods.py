"""Training methods and the shape of the trained model: parameters trained and held, FLOPs of a token.

Forward pass 2 FLOPs a parameter, gradients of the activations 2, gradients of the weights 2 (Kaplan et al. 2020); a
frozen weight needs no gradient of its own. Attention is counted in addition.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from math import isfinite
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le

from simcost.catalog.facts import Model
from simcost.errors import InputError
from simcost.perf.model_shape import (
    active_share,
    block_parameters,
    embedding_matrices,
    embedding_parameters,
    routed_parameters,
)
from simcost.units import PositiveCount


def check_limits(made: Any) -> None:
    """Raises InputError naming the field, its value and what it must be."""
    for name, (choices, limits) in _limits(type(made)).items():  # type: ignore[arg-type]
        value = getattr(made, name)
        if value is None:
            continue
        if choices and value not in choices:
            raise InputError(f"{name} is {value!r}; it must be one of {', '.join(map(str, choices))}")
        if limits and not isfinite(value):
            raise InputError(f"{name} is {value!r}; it must be a finite number")
        for limit in limits:
            if words := _broken(value, limit):
                raise InputError(f"{name} is {value!r}; it must be {words}")


@cache
def _limits(kind: type) -> dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]]:
    hints = get_type_hints(kind, include_extras=True)
    result = {}
    for field in fields(kind):
        parts = list(_parts(hints[field.name]))
        choices = tuple(choice for part in parts if get_origin(part) is Literal for choice in get_args(part))
        limits = tuple(limit for part in parts if get_origin(part) is Annotated for limit in get_args(part)[1:])
        if choices or limits:
            result[field.name] = choices, limits
    return result


def _parts(hint: Any) -> Iterator[Any]:
    """The members of a union, or the hint itself."""
    if get_origin(hint) in (Literal, Annotated) or not get_args(hint):
        yield hint
    else:
        yield from get_args(hint)


def _broken(value: float, limit: object) -> str:
    if isinstance(limit, Gt) and not value > limit.gt:  # type: ignore[operator]
        return f"more than {limit.gt}"
    if isinstance(limit, Ge) and not value >= limit.ge:  # type: ignore[operator]
        return f"{limit.ge} or more"
    if isinstance(limit, Le) and not value <= limit.le:  # type: ignore[operator]
        return f"{limit.le} or less"
    return ""


def active_parameters(model: Model) -> float:
    """Parameters that one token multiplies: all of a dense model, the chosen experts of a mixture."""
    return model.parameters - routed_parameters(model) * (1 - active_share(model))


def attention_flops(model: Model, sequence_tokens: int) -> float:
    """FLOPs of scores and weighted values per token, forward and backward: 12 L d s.

    d = heads x head_dim, the mean of keys and values where these differ. No causal halving, as PaLM and llm-foundry
    count. A layer with a window sees that of s; linear attention sees none.
    """
    keys = model.head_dim + model.rope_head_dim
    width = model.heads * (keys + (model.value_head_dim or model.head_dim)) / 2
    full = model.layers - model.window_layers - model.linear_layers
    seen = full * sequence_tokens + model.window_layers * min(model.window_tokens, sequence_tokens)
    return 12.0 * width * seen


def adapter_parameters(model: Model, rank: int) -> float:
    """Parameters of LoRA adapters of a rank r: r (inputs + outputs) per adapted matrix (Hu et al. 2021).

    Adapted are all matrices of the blocks of a dense model; of a mixture, those of the attention.
    """
    return float(model.layers * rank * sum(map(sum, _adapted(model))))


def _adapted(model: Model) -> Iterator[tuple[int, int]]:
    """Inputs and outputs of the adapted matrices of one layer."""
    yield from _attention(model)
    if not model.experts:
        yield from 2 * [(model.hidden, model.ffn)]
        yield model.ffn, model.hidden


def _attention(model: Model) -> Iterator[tuple[int, int]]:
    keys = model.kv_heads * model.head_dim
    queries = model.heads * (model.head_dim + model.rope_head_dim)
    if model.q_lora_rank:
        yield model.hidden, model.q_lora_rank
        yield model.q_lora_rank, queries
    else:
        yield model.hidden, queries
    if model.kv_lora_rank:
        yield model.hidden, model.kv_lora_rank + model.rope_head_dim
        yield model.kv_lora_rank, 2 * model.heads * model.head_dim
    else:
        yield from 2 * [(model.hidden, keys)]
    yield model.heads * model.head_dim, model.hidden


BF16_BYTES = 2.0
NF4_BYTES = (4 + 0.127) / 8
"""A 4-bit weight with its doubly quantised scales (Dettmers et al. 2023, arXiv 2305.14314)."""

PositiveShare = Annotated[float, Gt(0), Le(1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Parameters of a device group before sharding."""

    trained: float
    """Parameters with gradient and optimizer state."""
    frozen_bytes: float
    """Weights that are only read."""
    backward_share: float = 1.0
    """Share of the layers whose activations the backward pass needs."""
    teacher: Model | None = None
    """The model beside it that computes targets of the same tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFlops:
    """FLOPs of one trained token."""

    parameters: float
    attention: float
    teacher: float = 0.0
    recomputed: float = 0.0
    """A second forward pass, if all activations are recomputed: the hardware does it, MFU does not count it."""

    @property
    def model(self) -> float:
        """FLOPs that MFU counts."""
        return self.parameters + self.attention + self.teacher


@dataclass(frozen=True, slots=True, kw_only=True)
class Full:
    """All parameters are trained: pre-training, continued pre-training, full fine-tuning."""

    kind: Literal["full", "pretrain"] = "full"
    title: ClassVar[str] = "all parameters trained"
    formula: ClassVar[str] = "6 N"

    def parameters(self, model: Model) -> Parameters:
        """All trained, none frozen."""
        return Parameters(trained=model.parameters, frozen_bytes=0.0)

    def flops(self, model: Model, sequence_tokens: int) -> TokenFlops:
        """6 N + 12 L d s."""
        active, attention = active_parameters(model), attention_flops(model, sequence_tokens)
        return TokenFlops(parameters=6 * active, attention=attention, recomputed=2 * active + attention / 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """Adapters of low rank beside frozen weights: 4 N FLOPs a token, states of the adapters only."""

    kind: Literal["lora", "qlora"] = "lora"
    """`qlora`: the frozen blocks are held in 4 bits; embedding and LM head stay at 16."""
    rank: PositiveCount = 16
    formula: ClassVar[str] = "4 N (frozen weights need no gradient), 6 per adapter parameter"

    def __post_init__(self) -> None:
        check_limits(self)

    @property
    def title(self) -> str:
        """One line of text."""
        return f"adapters of rank {self.rank}, base frozen in {'4' if self.kind == 'qlora' else '16'} bits"

    def parameters(self, model: Model) -> Parameters:
        """Adapters trained, the model frozen."""
        frozen = model.parameters * BF16_BYTES
        if self.kind == "qlora":
            embeddings = embedding_matrices(model) * embedding_parameters(model)
            frozen = block_parameters(model) * NF4_BYTES + embeddings * BF16_BYTES
        return Parameters(trained=adapter_parameters(model, self.rank), frozen_bytes=frozen)

    def flops(self, model: Model, sequence_tokens: int) -> TokenFlops:
        """4 N + 12 L d s, and 6 per adapter parameter: attention has no weights, so freezing saves nothing there."""
        active, attention = active_parameters(model), attention_flops(model, sequence_tokens)
        adapters = adapter_parameters(model, self.rank)
        return TokenFlops(
            parameters=4 * active + 6 * adapters, attention=attention, recomputed=2 * active + attention / 3
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Distill:
    """A smaller model learns from the outputs of a larger one, computed as it trains: 2 N of the teacher beside it."""

    teacher: Model
    kind: Literal["distill"] = "distill"
    formula: ClassVar[str] = "6 N of the student, 2 N of the teacher"

    @property
    def title(self) -> str:
        """One line of text."""
        return f"all parameters trained against the outputs of {self.teacher.name}"

    def parameters(self, model: Model) -> Parameters:
        """The student trained, the teacher frozen in 16 bits."""
        frozen_bytes = self.teacher.parameters * BF16_BYTES
        return Parameters(trained=model.parameters, frozen_bytes=frozen_bytes, teacher=self.teacher)

    def flops(self, model: Model, sequence_tokens: int) -> TokenFlops:
        """6 N + 12 L d s of the student, 2 N + 4 L d s of the teacher."""
        student = Full().flops(model, sequence_tokens)
        teacher = 2 * active_parameters(self.teacher) + attention_flops(self.teacher, sequence_tokens) / 3
        return TokenFlops(
            parameters=student.parameters,
            attention=student.attention,
            teacher=teacher,
            recomputed=student.recomputed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """A pruned model is trained again.

    `structured` removes a share of every layer: fewer parameters, FLOPs and states. `unstructured` sets weights
    to zero under a mask: nothing is saved. `2:4` does too, but hardware can multiply it faster; how much faster a whole
    training step gets is not published here, so `speedup` has to be measured.
    """

    kind: Literal["pruned"] = "pruned"
    pruning: Literal["structured", "unstructured", "2:4"] = "structured"
    kept_share: PositiveShare
    """Share of the parameters left."""
    speedup: Annotated[float, Gt(0)] | None = None
    """Of a training step with 2:4 sparsity, measured."""
    formula: ClassVar[str] = "6 N of what is kept; a mask of zeros saves none, 2:4 what was measured"

    def __post_init__(self) -> None:
        check_limits(self)
        if self.pruning == "2:4" and (self.kept_share != 0.5 or self.speedup is None):
            raise InputError(
                "2:4 pruning keeps a share of 0.5 and trains as much faster as your step does: give kept_share 0.5 "
                "and the measured speedup (1 = none)"
            )
        if self.pruning != "2:4" and self.speedup is not None:
            raise InputError(
                f"{self.pruning} pruning has no speedup to give: structured pruning is counted by its FLOPs, a mask "
                "saves none; leave speedup out"
            )

    @property
    def title(self) -> str:
        """One line of text."""
        return f"{self.pruning} pruning, {self.kept_share:.0%} of the parameters kept"

    @property
    def size(self) -> float:
        """Share of the dense model that is held and multiplied."""
        return self.kept_share if self.pruning == "structured" else 1.0

    def parameters(self, model: Model) -> Parameters:
        """Parameters that remain of the trained model."""
        kept = self.size
        return Parameters(trained=model.parameters * kept, frozen_bytes=0.0, backward_share=kept)

    def flops(self, model: Model, sequence_tokens: int) -> TokenFlops:
        """Those of full training times the share kept, over the measured speedup of 2:4."""
        full = Full().flops(model, sequence_tokens)
        share = self.size / (self.speedup or 1.0)
        return TokenFlops(
            parameters=full.parameters * share,
            attention=full.attention * self.size,
            recomputed=full.recomputed * share,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferLearning:
    """Transfer learning from a base: the top layers are trained, those below frozen."""

    kind: Literal["transfer"] = "transfer"
    trained_share: PositiveShare
    """Share of the parameters and layers trained, from the top."""
    formula: ClassVar[str] = "2 N of all layers, 4 N of the trained ones"

    def __post_init__(self) -> None:
        check_limits(self)

    @property
    def title(self) -> str:
        """One line of text."""
        return f"the top {self.trained_share:.0%} of the layers trained, the rest frozen"

    def parameters(self, model: Model) -> Parameters:
        """The top trained, the bottom frozen in 16 bits and without kept activations."""
        trained = model.parameters * self.trained_share
        frozen = (model.parameters - trained) * BF16_BYTES
        return Parameters(trained=trained, frozen_bytes=frozen, backward_share=self.trained_share)

    def flops(self, model: Model, sequence_tokens: int) -> TokenFlops:
        """A forward pass through all, 2 N, and a backward pass through the top, 4 N of it."""
        full = Full().flops(model, sequence_tokens)
        share = (1 + 2 * self.trained_share) / 3
        return TokenFlops(
            parameters=full.parameters * share,
            attention=full.attention * share,
            recomputed=full.recomputed * self.trained_share,
        )


Method: TypeAlias = Full | Lora | Distill | Pruned | TransferLearning
