"""LoRA adapters beside a served model: one replica for many fine-tuned models."""

from typing import Literal

from simcost.catalog.facts import Model
from simcost.errors import InputError
from simcost.record import record
from simcost.units import BytesPerS, PositiveCount, plural

SHARED_PART = 0.5
"""Part of an adapter that every tensor-parallel device holds whole (vLLM without `fully_sharded_loras`)."""
SLOWDOWN = {8: 0.02, 16: 0.035, 32: 0.06}
"""Growth of a step per adapter in its batch, by the largest rank up to which it holds: constants of inference-sim
(BLIS), not fitted to measurements. Above rank 32 it grows as the rank."""


@record
class AdapterLoading:
    """Effective bandwidths at which adapters are loaded, each before the step that needs it."""

    disk: BytesPerS
    """From disk, or wherever they are kept, to the memory of the host."""
    link: BytesPerS
    """From there to each device."""


@record
class AdapterSlots:
    """LoRA adapters that a replica holds at a time, beside the weights of its model."""

    rank: PositiveCount = 16
    """Largest rank (vLLM: `max_lora_rank`)."""
    slots: PositiveCount = 1
    """Adapters on the accelerators at a time (vLLM: `max_loras`)."""
    modules: Literal["all", "attention"] = "all"
    """Matrices with an adapter: all of a layer, or those of its attention."""
    cpu_slots: PositiveCount | None = None
    """Adapters in the memory of the host at a time (vLLM: `max_cpu_loras`); None = as many as slots."""
    load: AdapterLoading | None = None
    """Loading of adapters that requests ask for, where the workload has `adapters`; None = it has none, all slots are
    always in use, and loading takes no time."""

    def __post_init__(self) -> None:
        if self.cpu_slots is not None and self.cpu_slots < self.slots:
            raise ValueError(f"cpu_slots ({self.cpu_slots}) must be at least slots ({self.slots})")

    @property
    def assumption(self) -> str:
        """Assumptions on time and memory."""
        if self.load is not None:
            return (
                f"LoRA: {plural(self.slots, 'slot')} of rank {self.rank}, with memory from the KV cache; each adapter "
                f"of a step makes it longer by {self.step_share:.3g} of its fixed part (constants of inference-sim, "
                "not fitted, and not in the spread of step times), and those that are not there are loaded before it."
            )
        return (
            f"LoRA: {plural(self.slots, 'adapter')} of rank {self.rank}, with memory from the KV cache; every step is "
            f"{self.step_factor:.3g} times as long, as if it held all of them (constants of inference-sim, not fitted; "
            "the spread of step times covers none to twice of that). Loading of further adapters takes no time."
        )

    @property
    def step_factor(self) -> float:
        """Factor on the step time with an adapter in each slot.

        >>> round(AdapterSlots(rank=16, slots=4).step_factor, 3)
        1.14
        """
        return 1.0 + self.slots * self.step_share

    @property
    def step_share(self) -> float:
        """Growth of a step per adapter."""
        largest = max(SLOWDOWN)
        known = next((share for rank, share in SLOWDOWN.items() if self.rank <= rank), None)
        return SLOWDOWN[largest] * self.rank / largest if known is None else known

    def load_seconds(self, model: Model, tp: int, pp: int) -> tuple[float, float]:
        """Time to read an adapter from disk, and to copy it to the devices, each of which takes its part.

        >>> from simcost.catalog import load_catalog
        >>> slots = AdapterSlots(load=AdapterLoading(disk=1e9, link=20e9))
        >>> [round(1e3 * time_s, 1) for time_s in slots.load_seconds(load_catalog().model("llama-3.1-8b"), 1, 1)]
        [83.9, 4.2]
        """
        if self.load is None:
            return 0.0, 0.0
        on_each = self.bytes_per_device(model, tp, pp) / self.slots
        return self.adapter_bytes(model) / self.load.disk, on_each / self.load.link

    def adapter_bytes(self, model: Model) -> float:
        """Bytes of one adapter: rank * (inputs + outputs) of each matrix, 2 bytes each.

        >>> from simcost.catalog import load_catalog
        >>> AdapterSlots(rank=16).adapter_bytes(load_catalog().model("llama-3.1-8b"))
        83886080.0
        """
        queries, keys = model.heads * model.head_dim, model.kv_heads * model.head_dim
        widths = 2 * (model.hidden + queries) + 2 * (model.hidden + keys)
        if self.modules == "all":
            widths += 3 * (model.hidden + model.ffn)
        return 2.0 * self.rank * widths * model.layers

    def bytes_per_device(self, model: Model, tp: int, pp: int) -> float:
        """Bytes of all slots on one device."""
        return self.slots * self.adapter_bytes(model) * (SHARED_PART + (1 - SHARED_PART) / tp) / pp

    def check(self, model: Model) -> None:
        """Raises InputError for models whose adapters are not modelled."""
        if model.kv_lora_rank or model.linear_layers:
            raise InputError(f"LoRA on the attention of {model.name} is not modelled; take `lora` out")
        if model.experts and self.modules == "all":
            raise InputError(f"LoRA on the experts of {model.name} is not modelled; write `modules: attention`")
