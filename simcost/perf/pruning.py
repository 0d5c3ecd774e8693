"""Pruning of a served model: parts that were taken out of it, one class a kind."""

from dataclasses import replace
from typing import Any, ClassVar, Literal

from simcost.catalog.facts import Accelerator, Model, Precision
from simcost.errors import InputError
from simcost.perf.model_shape import counted_parameters, moe_layers
from simcost.record import record
from simcost.units import PositiveCount

SPARSE_BYTES = 1 / 8
"""Per weight of a 2:4 matrix: two bits of place for each of the two that are kept of four."""
SPARSE_RATE = 1.22
"""Products with 2:4 weights against dense ones: cuBLAS and CUTLASS fp8 on H100, HPC-AI 2025. The datasheet says 2."""


@record
class Sparse24:
    """Two of four weights in a row are zero: fewer bytes, and faster products where the accelerator has them."""

    kind: Literal["2:4"] = "2:4"
    rate: ClassVar[float] = SPARSE_RATE
    assumption: ClassVar[str] = (
        f"2:4 sparsity: weights take half of their bits and 2 bits of place for each kept one; products are "
        f"{SPARSE_RATE:g} times as fast (measured in fp8 on H100; the datasheet says 2). vLLM has run no such model "
        "since 0.19: check your engine."
    )

    @property
    def label(self) -> str:
        """As `quality.csv` names it."""
        return self.kind

    def shape(self, model: Model) -> Model:
        """The same model."""
        return model

    def weight_bytes(self, dense_bytes: float) -> float:
        """Bytes of a weight that takes so many in a dense matrix."""
        return dense_bytes / 2 + SPARSE_BYTES

    def check(self, model: Model, accelerator: Accelerator, precision: Precision) -> None:
        """Raises InputError if such products do not exist."""
        if not accelerator.sparse_24:
            raise InputError(f"{accelerator.name} multiplies no 2:4 sparse matrices; take pruning out, or another one")
        if precision == "fp4":
            raise InputError("2:4 sparsity of fp4 weights is not modelled; use bf16, fp8, int8 or int4")
        if model.experts:
            raise InputError(f"2:4 sparsity of the experts of {model.name} is not modelled; use a dense model")


class _Reshaped:
    """Kinds whose weights are dense matrices of another shape."""

    __slots__ = ()
    rate: ClassVar[float] = 1.0

    def weight_bytes(self, dense_bytes: float) -> float:
        """The bytes of a dense weight."""
        return dense_bytes


@record
class NarrowerLayers(_Reshaped):
    """Width pruning: layers with a smaller hidden or intermediate size; heads stay."""

    kind: Literal["width"] = "width"
    assumption: ClassVar[str] = (
        "Width pruning: time and memory are those of a model of the smaller sizes, corrected as the model it was made "
        "of and as unsure as one without measurements."
    )
    hidden: PositiveCount | None = None
    """Hidden size; None = as the model."""
    ffn: PositiveCount | None = None
    """Intermediate size of a dense layer; None = as the model."""
    moe_ffn: PositiveCount | None = None
    """Intermediate size of an expert; None = as the model."""

    @property
    def label(self) -> str:
        """As `quality.csv` names it: `width hidden=3072 ffn=9216`."""
        sizes = self._sizes()
        return " ".join(["width", *(f"{name}={size}" for name, size in sizes.items())])

    def _sizes(self) -> dict[str, int]:
        sizes = {"hidden": self.hidden, "ffn": self.ffn, "moe_ffn": self.moe_ffn}
        return {name: size for name, size in sizes.items() if size is not None}

    def shape(self, model: Model) -> Model:
        """The narrower model."""
        linear = model.linear_parameters * (self.hidden or model.hidden) // model.hidden
        return _named(model, self.label, linear_parameters=linear, **self._sizes())

    def check(self, model: Model, accelerator: Accelerator, precision: Precision) -> None:  # noqa: ARG002  # of all kinds
        """Raises InputError if a size is not smaller."""
        sizes = self._sizes()
        if not sizes:
            raise InputError("width pruning needs hidden, ffn or moe_ffn: the size that is left")
        if self.ffn is not None and moe_layers(model) == model.layers:
            raise InputError(f"all layers of {model.name} have experts, so that ffn changes nothing; write moe_ffn")
        for name, size in sizes.items():
            _check_smaller(model, name, size)


@record
class FewerLayers(_Reshaped):
    """Depth pruning: fewer layers; those with windows, linear attention or experts keep their share."""

    kind: Literal["depth"] = "depth"
    assumption: ClassVar[str] = (
        "Depth pruning: time and memory are those of a model of fewer layers, corrected as the model it was made of "
        "and as unsure as one without measurements."
    )
    layers: PositiveCount
    """Layers that are left."""

    @property
    def label(self) -> str:
        """As `quality.csv` names it: `depth layers=16`."""
        return f"depth layers={self.layers}"

    def shape(self, model: Model) -> Model:
        """The model with fewer layers."""
        share = self.layers / model.layers
        windows, linear = (round(n * share) for n in (model.window_layers, model.linear_layers))
        return _named(
            model,
            self.label,
            layers=self.layers,
            dense_layers=round(model.dense_layers * share),
            window_layers=windows,
            window_tokens=model.window_tokens if windows else 0,
            linear_layers=min(linear, self.layers - windows),
        )

    def check(self, model: Model, accelerator: Accelerator, precision: Precision) -> None:  # noqa: ARG002  # of all kinds
        """Raises InputError if there are not fewer layers."""
        _check_smaller(model, "layers", self.layers)


Pruning = Sparse24 | NarrowerLayers | FewerLayers


def _check_smaller(model: Model, name: str, size: int) -> None:
    whole = getattr(model, name)
    if size >= whole:
        raise InputError(f"pruning leaves {name} {size:,}, and {model.name} has {whole:,}; write a smaller size")


def _named(model: Model, label: str, **sizes: Any) -> Model:
    """The model with other sizes and the parameters that they leave; under a name of its own."""
    shaped = replace(model, name=f"{model.name} {label}", **sizes)
    return replace(shaped, parameters=model.parameters + counted_parameters(shaped) - counted_parameters(model))
