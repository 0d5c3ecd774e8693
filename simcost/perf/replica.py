"""Hardware, number formats and changes of the model of a replica, as a scenario writes it."""

from dataclasses import replace
from typing import Annotated, Self

from annotated_types import Ge, Gt, Le

from simcost.catalog.facts import Engine, Model, Precision
from simcost.perf.adapters import AdapterSlots
from simcost.perf.images import ImageTime
from simcost.perf.pruning import Pruning
from simcost.perf.speculation import Speculation
from simcost.record import record
from simcost.units import ByKind, Bytes, Count, PositiveCount, Seconds


@record
class Knot:
    """A point of the part of the step time that depends on the tokens of the step alone."""

    tokens: Count
    """Prefill tokens and decoding sequences of the step together."""
    seconds: Seconds
    """Beside `a` and the other coefficients."""


@record
class GivenStep:
    """Step time measured by the user: t = factor * (a + base(P + B) + b*P + c*B + d*K + q*Q), see `StepTime`."""

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
    base: tuple[Knot, ...] = ()
    """By tokens of the step, upwards: linear in between, constant before the first knot, after the last one as steep
    as before it, or constant where it fell. For what a, b and c cannot say, such as the experts a batch touches."""
    factor: Annotated[float, Gt(0), Le(1000)] = 1.0
    """On the whole step: measured over predicted."""
    sigma: Annotated[float, Ge(0), Le(2)] | None = None
    """Log-normal spread of the real step time that is left after the measurement; None = 0.08."""
    source: str = ""
    """Origin of the numbers: engine and version, requests, date."""

    def __post_init__(self) -> None:
        tokens = [knot.tokens for knot in self.base]
        if tokens != sorted(set(tokens)):
            raise ValueError(f"the knots of base must be in order, each number of tokens once, not {tokens}")


_MEASURED = "The measured times of the replica are taken as they are, so that they must have been measured with {}."
_STAGES = (
    "Pipeline of {0} stages: the tokens of a step fill all of them. Few sequences, or a prompt of one chunk alone, "
    "fill one at a time, and take up to {0} times as long as here."
)
_RANKS = (
    "{0} data-parallel ranks: the tokens of a step are shared out evenly. A prompt that comes alone is computed by one "
    "rank, and takes up to {0} times as long as here to its first token; without experts, take {0} replicas instead."
)


@record
class ReplicaSpec:
    """One served copy of the model: its devices, its precision, its share of memory."""

    accelerator: str
    """Name of an accelerator in the catalog; `cpu` = none, the replica runs on `vcpus` and `memory` of its node."""
    vcpus: PositiveCount | None = None
    """Of a replica without accelerator."""
    memory: Annotated[Bytes, Gt(0)] | None = None
    """Of the node, for a replica without accelerator: weights and all that it needs."""
    tp: PositiveCount = 1
    """Tensor parallelism: accelerators that share each layer."""
    pp: PositiveCount = 1
    """Pipeline parallelism: stages that share the layers; as many micro-batches are in flight."""
    dp: PositiveCount = 1
    """Data parallelism of the attention: ranks with a KV cache each, which step together."""
    ep: PositiveCount = 1
    """Expert parallelism: groups of accelerators that hold whole experts; it takes no accelerators of its own."""
    slice: str | None = None
    """Part of one accelerator: a MIG instance, `1g.10gb`, or a time slice, `1/4`; None = whole ones."""
    precision: Precision = "bf16"
    """Precision of the weights; embedding and LM head stay at 16 bits."""
    kv_precision: Precision = "bf16"
    """Precision of the KV cache: `bf16`, `fp8`, `int8`, or `fp4` where the accelerator has it."""
    pruning: Annotated[Pruning, ByKind()] | None = None
    """Parts that were taken out of the model: `{kind: "2:4"}`, `{kind: width, hidden: 3072}`, `{kind: depth, layers:
    16}`; None = nothing."""
    lora: AdapterSlots | None = None
    """LoRA adapters that the replica serves beside its model; None = none."""
    speculation: Speculation | None = None
    """Speculative decoding; None = one token in each step."""
    memory_utilisation: Annotated[float, Gt(0), Le(1)] = 0.92
    """Share of device memory the engine may use (vLLM: `gpu_memory_utilization`)."""
    overhead: Bytes | None = None
    """Activations, graphs and libraries per device; None = the documented estimate."""
    kv_tokens: Annotated[int, Ge(1)] | None = None
    """Measured KV capacity in tokens (vLLM: num_gpu_blocks * block_size), of all dp ranks together, of which vLLM logs
    each by itself; None = computed."""
    engine: Engine | None = None
    """Engine whose measurements correct the step time; None = the mean of the engines that were measured."""
    step: GivenStep | None = None
    """Measured step time; None = from the catalog."""
    images: tuple[ImageTime, ...] = ()
    """Images that the replica makes, one at a time, in place of tokens: their time by size, in place of `step`. Empty =
    it makes none."""
    first_token_overhead: Seconds = 0.0
    """Time of each request outside of the engine (HTTP, tokenizer, queues of the frontend), added to TTFT and E2E."""

    def __post_init__(self) -> None:
        self._check_images()
        if self.pruning is not None and self._published_acceptance:
            raise ValueError(
                "acceptance of drafts by a `task` is published of models as they are, and this one is pruned; state "
                "`acceptance` or `length` in its place, as your engine shows it"
            )
        if not self.on_cpu:
            if self.vcpus is not None or self.memory is not None:
                raise ValueError("vcpus and memory are of a replica without accelerator; write `accelerator: cpu`")
            return
        if self.vcpus is None or self.memory is None:
            raise ValueError("a replica on CPUs needs its part of a node; write e.g. `vcpus: 4, memory: 8GiB`")
        if self.step is None and not self.images:
            raise ValueError("no step time is known on CPUs; write `latency_table`, or a measured `step`")
        levers = {"slice": self.slice, "lora": self.lora, "speculation": self.speculation, "pruning": self.pruning}
        refused = [name for name, lever in levers.items() if lever is not None]
        refused += [name for name in ("tp", "pp", "dp", "ep") if getattr(self, name) > 1]
        if refused:
            raise ValueError(f"a replica on CPUs has no {', '.join(refused)}; leave that out")

    @property
    def _published_acceptance(self) -> bool:
        return self.speculation is not None and self.speculation.task is not None

    def _check_images(self) -> None:
        levers = {"step": self.step, "lora": self.lora, "speculation": self.speculation, "kv_tokens": self.kv_tokens}
        refused = [name for name, lever in levers.items() if lever is not None] if self.images else []
        if refused:
            raise ValueError(f"a replica that makes images has no {', '.join(refused)}; leave that out")
        sizes = [image.size for image in self.images]
        if twice := [size for size in sizes if sizes.count(size) > 1]:
            raise ValueError(f"images of {twice[0]} appear twice; give each size one time")

    @property
    def on_cpu(self) -> bool:
        """True if it has no accelerator."""
        return self.accelerator.strip().lower() == "cpu"

    @property
    def accelerators(self) -> int:
        """Accelerators of one replica, or its vCPUs where it has none: what is billed."""
        return self.vcpus or self.tp * self.pp * self.dp

    @property
    def gemm_speedup(self) -> float:
        """Products against those of dense weights."""
        return 1.0 if self.pruning is None else self.pruning.rate

    def shape(self, model: Model) -> Model:
        """The model as it is served: pruned, or as it is."""
        return model if self.pruning is None else self.pruning.shape(model)

    def of_drafter(self, speculation: Speculation) -> Self:
        """The layout of a drafter: its own precision, on all devices of a rank."""
        plain = replace(self, pruning=None, lora=None, speculation=None, step=None, kv_tokens=None)
        return replace(plain, precision=speculation.precision, pp=1)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Assumptions on stages, ranks, pruning, adapters and speculation; measured times hold for all but the last as
        they are.
        """
        drafts = None if self.speculation is None else self.speculation.assumption
        if self.lora is not None and self._published_acceptance:
            drafts = f"{drafts} It was published of the model without adapters."
        if self.step is None and not self.images:
            stages = _STAGES.format(self.pp) if self.pp > 1 else None
            ranks = _RANKS.format(self.dp) if self.dp > 1 else None
            levers = (lever.assumption for lever in (self.pruning, self.lora) if lever is not None)
            return tuple(text for text in (stages, ranks, *levers, drafts) if text is not None)
        of_pruned = None if self.pruning is None else _MEASURED.format(f"the pruning {self.pruning.label}")
        of_slots = None if self.lora is None else self.lora.assumption
        if self.lora is not None and self.lora.load is None:
            of_slots = _MEASURED.format(f"{self.lora.slots} LoRA adapters of rank {self.lora.rank} in use")
        return tuple(text for text in (of_pruned, of_slots, drafts) if text is not None)
