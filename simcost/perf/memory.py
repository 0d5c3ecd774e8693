"""What fits: weights, overhead, and the KV cache in what is left."""

from dataclasses import dataclass

from simcost.catalog.facts import Accelerator, Model
from simcost.perf.replica import ReplicaSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFit:
    """Memory of one replica; bytes are per device unless the name says otherwise."""

    weights_bytes: float
    """Whole replica."""
    weights_bytes_per_device: float
    overhead_bytes: float
    kv_bytes_per_token: float
    """Per device."""
    kv_capacity_tokens: int
    """Whole replica, in whole blocks of 16 tokens."""
    provenance: str


def fit_memory(
    model: Model, accelerator: Accelerator, spec: ReplicaSpec, max_num_batched_tokens: int
) -> MemoryFit:
    """STUB: replaced by the perf helper."""
    raise NotImplementedError
