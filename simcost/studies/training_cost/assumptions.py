"""Assumptions of an estimate, one sentence each."""

from collections.abc import Iterator

from simcost.perf.model_shape import doubted_parameters
from simcost.perf.training.memory import TrainingMemory
from simcost.perf.training.methods import Lora
from simcost.perf.training.utilization import Mfu
from simcost.perf.training.whole_runs import WholeRuns
from simcost.plan.failures import RecordedFailures
from simcost.studies.training_cost.inputs import TrainingSetup


def assumptions(run: TrainingSetup, mfu: Mfu, memory: TrainingMemory, whole: WholeRuns | None) -> Iterator[str]:
    """The sentences for a run."""
    attention = ", 12 L d s of attention (no causal halving)" if run.count_attention else ", attention not counted"
    seen = ", windows of layers as what they see of s, linear attention as none"
    less = seen if run.count_attention and (run.model.window_layers or run.model.linear_layers) else ""
    yield f"FLOPs of a token: {run.method.formula}{attention}{less}; no recomputation, as MFU is defined"
    yield f"MFU: {mfu.source}"
    yield from mfu.notes
    yield from _layout(run)
    yield from _failures(run)
    yield from _range(run, whole)
    if run.precision == "fp8":
        yield "memory: weights, gradients and optimizer as in 16-bit mixed precision, though matrices multiply in fp8"
    if isinstance(run.method, Lora) and run.model.experts:
        yield "adapters are on the attention of each layer, none on its experts"
    if run.method.kind == "qlora":
        yield "unpacking 4-bit weights at each use is not counted: measure tokens_per_s_per_gpu"
    if memory.gathered and run.model.experts:
        yield "ZeRO 3 gathers all experts of a layer; expert parallelism is not modelled"
    yield _energy(run)
    yield from doubted_parameters(run.model)
    yield from (f"{fact.name} in the catalog: {fact.notes}" for fact in (run.model, run.accelerator) if fact.notes)


def _layout(run: TrainingSetup) -> Iterator[str]:
    """Effects of the layout on a published speed, which it does not change."""
    layout = run.layout
    if run.measured or layout.gpus <= run.failures.gpus_per_node:
        return
    yield "between nodes: the network of the published runs; on a slower one the run takes longer"
    if layout.pp > 1:
        step = layout.data_parallel * layout.micro_batch * layout.sequence_tokens
        yield (
            f"pipeline stages wait {layout.pp - 1} / (m + {layout.pp - 1}) of a step of m x {step:,} tokens; beyond "
            "what the published runs waited, this is not counted"
        )


def _range(run: TrainingSetup, whole: WholeRuns | None) -> Iterator[str]:
    """Meaning of low and high."""
    if whole is None:
        low = "low and high are the ends of the published failure rates"
        alike = "low and high are alike: the failures are the ones you gave"
        yield f"{low if _published_rates(run) else alike}; the speed is the one you measured"
        yield "start-up, data loading, evaluation and runs that fail for good are not counted"
        return
    rates = ", and the ends of the published failure rates" if _published_rates(run) else ""
    yield (
        f"low and high: a prediction interval of {100 * whole.level:g} % from {whole.runs} published pre-training runs "
        f"of dense models in 16 bits ({whole.families} families), whose GPU-hours were {whole.low:.2f} to "
        f"{whole.high:.2f} times those of the benchmarks (median {whole.mid:.2f}){rates}"
    )
    yield (
        "the middle is the training loop alone; start-up, data loading, evaluation, slower stacks and restarts are in "
        "the published GPU-hours, and so in the high end"
    )


def _published_rates(run: TrainingSetup) -> bool:
    """True if the failure rates are those of the catalog: neither a rate nor a log of failures is given."""
    return run.failures.per_node_day is None and not isinstance(run.losses.model, RecordedFailures)


def _failures(run: TrainingSetup) -> Iterator[str]:
    failures = run.failures
    if _published_rates(run):
        yield "failures per node and day: lowest, median and highest published rate of the catalog"
    yield (
        f"each failure costs {failures.restart_s:g} s of restart; checkpoints are written at "
        f"{failures.write_bytes_per_s / 1e9:g} GB/s per node of {failures.gpus_per_node} GPUs while the run waits"
    )


def _energy(run: TrainingSetup) -> str:
    energy, owned = run.energy, run.powered_nodes
    spares = "; what spare nodes draw is not counted" if run.losses.spares else ""
    if owned is not None:
        counted = spares if owned.nodes is None else f"; all {owned.nodes:,} nodes draw it while the run lasts"
        return f"energy: {owned.power:g} kW of each owned node, PUE {owned.pue:g}{counted}"
    if run.power_kw is None:
        return f"energy: the catalog has no power of {run.accelerator.name}; give power_w"
    site = "accelerators only; give pue for the rest" if energy.pue is None else f"PUE {energy.pue:g}"
    hosts = "; without processors and memory of the nodes, unless power_w or pue holds them" if energy.pue else ""
    return f"energy: {energy.power_share:.0%} of the accelerator's power, {site}{hosts}{spares}"
