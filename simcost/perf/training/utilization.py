"""Model FLOPs utilisation (measured by the user, or published for similar runs), and the parallelism of a run.

Published: median x sequence factor x scale factor, each relative to the published runs; their p25 and p75 are the
interval.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log2
from typing import Annotated, Literal

from annotated_types import Gt, Le

from simcost.catalog import Catalog
from simcost.catalog.facts import Accelerator, Model, Precision, TrainingMfu, TrainingSequence
from simcost.errors import InputError
from simcost.perf.training.methods import active_parameters, check_limits
from simcost.units import PositiveCount


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelLayout:
    """Devices and what each holds: gpus = tp x pp x data-parallel degree."""

    gpus: PositiveCount
    tp: PositiveCount = 1
    """Tensor parallelism, with sequence parallelism beside it."""
    pp: PositiveCount = 1
    """Pipeline parallelism: stages, one micro batch in flight for each (1F1B)."""
    zero: Literal[0, 1, 2, 3] = 3
    """ZeRO stage: 1 shards optimizer states over data-parallel ranks, 2 gradients too, 3 (FSDP) weights too."""
    shards: PositiveCount | None = None
    """Data-parallel ranks that share one copy of what is sharded; None = all of them."""
    sequence_tokens: PositiveCount = 4096
    micro_batch: PositiveCount = 1
    """Sequences per pass and data-parallel rank."""
    recompute: Literal["none", "selective", "full"] = "full"
    """Activation checkpointing. `full`: only the input of each layer is kept, as in most published runs from 7B
    parameters on; `selective`: all but the scores of attention, as with flash attention; `none`: all."""
    memory_utilisation: Annotated[float, Gt(0), Le(1)] = 0.92
    """Share of device memory that may be filled; the rest is lost to fragmentation."""

    def __post_init__(self) -> None:
        check_limits(self)
        replica = self.tp * self.pp
        if self.gpus % replica:
            raise InputError(
                f"gpus ({self.gpus}) must be a multiple of tp x pp ({self.tp} x {self.pp} = {replica}); "
                f"the next is {-(-self.gpus // replica) * replica}"
            )
        if self.shards and self.data_parallel % self.shards:
            raise InputError(
                f"shards ({self.shards}) must divide the data-parallel degree {self.data_parallel} = gpus / (tp x pp)"
            )

    @property
    def data_parallel(self) -> int:
        """Copies of the model that see different tokens."""
        return self.gpus // (self.tp * self.pp)

    @property
    def least_batch_tokens(self) -> int:
        """Tokens of an optimizer step without gradient accumulation: no global batch of this layout is smaller."""
        return self.data_parallel * self.micro_batch * self.sequence_tokens

    def sharded_over(self, zero: int) -> int:
        """Ranks over which a state is spread that ZeRO shards from stage `zero` on."""
        return (self.shards or self.data_parallel) if self.zero >= zero else 1


def check_layout(model: Model, layout: ParallelLayout) -> None:
    """Raises InputError if the model cannot be cut so."""
    if model.heads % layout.tp:
        divisors = [str(tp) for tp in range(1, model.heads + 1) if model.heads % tp == 0]
        raise InputError(
            f"tp {layout.tp} does not split the {model.heads} heads of {model.name} evenly; "
            f"possible: {', '.join(divisors)}"
        )
    if layout.pp > model.layers:
        raise InputError(f"pp {layout.pp} exceeds the {model.layers} layers of {model.name}")


SCALE_SLOPE = 0.019
"""Loss of MFU per doubling of the GPUs: GPT-3 175B on 96 to 4,608 H100 fell from 47 to 42 % (Megatron-LM README)."""
SCALE_FROM, SCALE_TO = 96, 4608


@dataclass(frozen=True, slots=True, kw_only=True)
class Mfu:
    """Share of the dense peak that becomes model FLOPs: likely, and the lower and upper end."""

    low: float
    mid: float
    high: float
    source: str
    notes: tuple[str, ...] = ()
    """Notes where the figure is extended beyond what was measured."""


def measured_mfu(mfu: float, what: str = "MFU") -> Mfu:
    """MFU that the user measured, without a spread.

    Raises:
        InputError: no share of the peak.
    """
    if not 0 < mfu <= 1:
        raise InputError(
            f"the measured {what} is {mfu:.4g} of the dense peak; it must be more than 0 and at most 1: check the "
            "accelerator, the precision and whether the figure is per GPU"
        )
    return Mfu(low=mfu, mid=mfu, high=mfu, source=f"measured by you: {what}, {mfu:.4g} of the dense peak")


def published_mfu(
    catalog: Catalog, model: Model, accelerator: Accelerator, precision: Precision, layout: ParallelLayout
) -> Mfu:
    """The utilisation of the training loop in published benchmarks of this size class.

    A mixture of experts is looked up by the parameters that a token uses.

    Raises:
        CatalogError: nothing was published for this accelerator and precision.
    """
    result = benchmark_mfu(
        catalog, accelerator.name, precision, active_parameters(model), layout.sequence_tokens, layout.gpus
    )
    if not model.experts:
        return result
    exchange = "MFU of dense models: a mixture of experts also waits for its all-to-all exchange"
    return replace(result, notes=(*result.notes, exchange))


def benchmark_mfu(
    catalog: Catalog,
    accelerator: str,
    precision: Precision,
    parameters: float,
    sequence_tokens: int,
    gpus: int,
) -> Mfu:
    """Quartiles of the published benchmarks, moved to this sequence length and GPU count.

    Raises:
        CatalogError: nothing was published for this accelerator and precision.
    """
    row = catalog.training_mfu(accelerator, precision, parameters)
    sequences = catalog.training_sequences(accelerator)
    factor, notes = 1.0, []
    if row.sequence_tokens is not None:
        there, note = _sequence_factor(sequences, row.sequence_tokens, accelerator)
        here, note = _sequence_factor(sequences, sequence_tokens, accelerator)
        factor, notes = here / there, note
    else:
        notes = ["the published runs do not say their sequence length: no factor for it"]
    factor *= scale_factor(gpus) / scale_factor(row.gpus or SCALE_FROM)
    notes += _scale_notes(gpus)
    low, mid, high = (min(1.0, value * factor) for value in (row.mfu_p25, row.mfu_median, row.mfu_p75))
    return Mfu(low=low, mid=mid, high=high, source=_source(row, factor), notes=tuple(notes))


def scale_factor(gpus: int) -> float:
    """MFU on G GPUs relative to 96: 1 - 0.019 log2(G / 96), and 1 below, where published runs are flat.

    >>> round(0.47 * scale_factor(4608), 3), round(0.47 * scale_factor(16384), 3)
    (0.42, 0.404)
    """
    return max(0.1, 1 - SCALE_SLOPE * log2(max(gpus, SCALE_FROM) / SCALE_FROM))


def _sequence_factor(rows: Sequence[TrainingSequence], tokens: int, accelerator: str) -> tuple[float, list[str]]:
    """MFU at a length relative to 2,048 tokens, log-linear between the lengths measured, held beyond them."""
    if not rows:
        return 1.0, [f"no MFU by sequence length of {accelerator}: no factor for it"]
    lengths = [row.sequence_tokens for row in rows]
    near = min(max(tokens, lengths[0]), lengths[-1])
    notes = (
        []
        if near == tokens
        else [f"MFU was measured at {lengths[0]:,} to {lengths[-1]:,} tokens; {tokens:,} is taken as {near:,}"]
    )
    above = next(i for i, length in enumerate(lengths) if length >= near)
    if lengths[above] == near:
        return rows[above].factor, notes
    lower, upper = rows[above - 1], rows[above]
    share = log2(near / lower.sequence_tokens) / log2(upper.sequence_tokens / lower.sequence_tokens)
    return lower.factor + share * (upper.factor - lower.factor), notes


def _scale_notes(gpus: int) -> list[str]:
    if gpus <= SCALE_TO:
        return []
    return [f"the loss of MFU with scale was measured up to {SCALE_TO:,} GPUs; {gpus:,} is extrapolated"]


def _source(row: TrainingMfu, factor: float) -> str:
    end = "" if row.parameters_to is None else f" to {row.parameters_to / 1e9:g}B"
    sizes = f"from {row.parameters_from / 1e9:g}B{end}" if row.parameters_from or end else "of all sizes"
    return (
        f"{row.rows} published runs on {row.accelerator} in {row.precision}, {sizes} parameters: median "
        f"{row.mfu_median:.1%}, p25 to p75 {row.mfu_p25:.1%} to {row.mfu_p75:.1%}, times {factor:.3f} for "
        f"sequence length and GPU count: {row.source}, {_date(row.as_of)}"
    )


def _date(as_of: str) -> str:
    return "date unknown" if as_of == "unknown" else as_of
