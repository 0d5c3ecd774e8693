"""How a run is spread over devices."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Gt, Le

from simcost.catalog.facts import Model
from simcost.errors import InputError
from simcost.perf.training.limits import check_limits
from simcost.units import PositiveCount


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
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
                f"shards ({self.shards}) must divide the data-parallel degree "
                f"{self.data_parallel} = gpus / (tp x pp)"
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


def check_layout(model: Model, layout: Layout) -> None:
    """Raises InputError if the model cannot be cut so."""
    if model.heads % layout.tp:
        divisors = [str(tp) for tp in range(1, model.heads + 1) if model.heads % tp == 0]
        raise InputError(
            f"tp {layout.tp} does not split the {model.heads} heads of {model.name} evenly; "
            f"possible: {', '.join(divisors)}"
        )
    if layout.pp > model.layers:
        raise InputError(f"pp {layout.pp} exceeds the {model.layers} layers of {model.name}")
