"""A training run as it is estimated."""

from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Gt

from simcost.catalog.facts import Accelerator, Model, Precision
from simcost.errors import InputError
from simcost.perf.training.duration import Failures
from simcost.perf.training.layout import Layout
from simcost.perf.training.limits import check_limits
from simcost.perf.training.methods import Method, TokenFlops
from simcost.studies.training_cost.inputs import Energy, Losses, Prices


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A training run, its facts looked up."""

    model: Model
    accelerator: Accelerator
    tokens: float
    method: Method
    layout: Layout
    precision: Precision = "bf16"
    mfu: float | None = None
    """Measured; None = from `tokens_per_s_per_gpu`, else published."""
    tokens_per_s_per_gpu: Annotated[float, Gt(0)] | None = None
    """Measured."""
    flops_per_s_per_gpu: Annotated[float, Gt(0)] | None = None
    """Measured, as reports give it: model FLOPs, counted as `count_attention` says."""
    count_attention: bool = True
    """False: 6 N only, for an `mfu` that was measured so."""
    failures: Failures = field(default_factory=Failures)
    losses: Losses = field(default_factory=Losses)
    prices: Prices = field(default_factory=Prices)
    energy: Energy = field(default_factory=Energy)

    def __post_init__(self) -> None:
        check_limits(self)
        if not 0 < self.tokens < 1e18:
            raise InputError(f"tokens is {self.tokens!r}; give a number more than 0, such as 15.6e12")
        measured = (self.mfu, self.tokens_per_s_per_gpu, self.flops_per_s_per_gpu)
        if sum(one is not None for one in measured) > 1:
            raise InputError("mfu, tokens per s and FLOPs per s say the same; give one of them")

    @property
    def token_flops(self) -> TokenFlops:
        """FLOPs of one token."""
        flops = self.method.flops(self.model, self.layout.sequence_tokens)
        if self.count_attention:
            return flops
        return TokenFlops(parameters=flops.parameters, attention=0.0, teacher=flops.teacher,
                          recomputed=flops.recomputed)  # fmt: skip
