"""What a replica is made of, as a scenario writes it."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le

from simcost.catalog.facts import Precision
from simcost.units import Bytes, PositiveCount, Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenStep:
    """Step-time coefficients measured by the user: t = a + b*P + c*B + d*K + q*Q (see `StepTime`)."""

    a: Seconds
    """Of each step."""
    b: Seconds
    """Per prefill token of the step."""
    c: Seconds
    """Per decoding sequence."""
    d: Seconds
    """Per token in the KV cache of the decoding sequences."""
    q: Seconds = 0.0
    """Per causal attention pair of the prefill: n * (p + n / 2) for n new tokens after p cached ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaSpec:
    """One served copy of the model: its devices, its number format, its share of memory."""

    accelerator: str
    """Name of an accelerator in the catalog."""
    tp: PositiveCount = 1
    """Tensor parallelism: accelerators per replica."""
    precision: Precision = "bf16"
    """Number format of the weights; embedding and LM head stay at 16 bits."""
    kv_precision: Precision = "bf16"
    """Number format of the KV cache: `bf16`, `fp8` or `int8`."""
    memory_utilisation: Annotated[float, Gt(0), Le(1)] = 0.92
    """Share of device memory the engine may use (vLLM: `gpu_memory_utilization`)."""
    overhead: Bytes | None = None
    """Activations, graphs and libraries per device; None = the documented estimate."""
    kv_tokens: Annotated[int, Ge(1)] | None = None
    """Measured KV capacity in tokens (vLLM: num_gpu_blocks * block_size); None = computed."""
    step: GivenStep | None = None
    """Measured step time; None = from the catalog."""
