"""Requests of a run that published practice does not cover."""

from collections.abc import Iterator

from simcost.catalog import Catalog
from simcost.catalog.facts import Model
from simcost.perf.training.methods import Distill, Lora, Method
from simcost.perf.training.whole_runs import LARGE_BATCH, largest_batch
from simcost.present.format import amount
from simcost.studies.training_cost.inputs import TrainingSetup
from simcost.studies.training_cost.result import GlobalBatch


def global_batch(catalog: Catalog, run: TrainingSetup) -> GlobalBatch:
    """The smallest global batch of the layout, beside the largest published."""
    published = largest_batch(catalog, run.model.parameters)
    return GlobalBatch(
        least_tokens=run.layout.least_batch_tokens,
        published_tokens=None if published is None else published.global_batch_tokens,
        published_run=None if published is None else published.name,
    )


def warnings(catalog: Catalog, run: TrainingSetup) -> list[str]:
    """One sentence each, with what to do."""
    return [*_of_batch(catalog, run), *_of_layout(run), *_of_tokens(run), *of_method(run.model, run.method)]


def _of_layout(run: TrainingSetup) -> Iterator[str]:
    """Tensor parallelism over the network, at a speed that was published of runs within nodes."""
    tp, node = run.layout.tp, run.failures.gpus_per_node
    if tp > node and not run.measured:
        yield (
            f"tp {tp} spans nodes of {node}: each layer waits for the network between them, which no published "
            f"MFU holds; expect it to be much slower, measure the speed, or use tp {node} at most and pp"
        )


def _of_tokens(run: TrainingSetup) -> Iterator[str]:
    """Sequences, steps and products that the run cannot have as they are counted."""
    model, sequence, least = run.model, run.layout.sequence_tokens, run.layout.least_batch_tokens
    if sequence > model.context_tokens:
        yield (
            f"sequences of {sequence:,} tokens are longer than the context of {model.name}, {model.context_tokens:,}: "
            "it has to learn positions that it does not know"
        )
    if run.tokens < least:
        yield (
            f"{amount(run.tokens)} tokens are fewer than one step of the optimizer takes in this layout, "
            f"{amount(float(least))}: time and cost are a part of that step; use fewer GPUs, or more tokens"
        )
    if run.method.kind == "qlora" and run.precision == "fp8" and not run.measured:
        yield (
            "qlora unpacks its 4-bit weights to 16 bits for each product, and no published speed in fp8 is of it: use "
            "precision bf16, or give the speed that you measured"
        )


def of_method(model: Model, method: Method) -> Iterator[str]:
    """Methods that do not do what their names say."""
    if isinstance(method, Distill) and method.teacher.vocabulary != model.vocabulary:
        yield (
            f"{method.teacher.name} has {method.teacher.vocabulary:,} tokens and {model.name} {model.vocabulary:,}: "
            "outputs of different tokenizers cannot be compared token by token; take models of the same vocabulary, or "
            "count training on texts that the teacher writes"
        )
    if isinstance(method, Lora) and method.parameters(model).trained >= model.parameters:
        yield (
            f"adapters of rank {method.rank:,} have as many parameters as {model.name}: training all of it takes less "
            "time and memory; lower the rank"
        )


def _of_batch(catalog: Catalog, run: TrainingSetup) -> list[str]:
    """A global batch far beyond published ones."""
    layout, published = run.layout, largest_batch(catalog, run.model.parameters)
    least = layout.least_batch_tokens
    if published is None or not published.global_batch_tokens:
        return []
    if least <= LARGE_BATCH * published.global_batch_tokens:
        return []
    ranks = int(LARGE_BATCH * published.global_batch_tokens / (layout.micro_batch * layout.sequence_tokens))
    gpus = ranks * layout.tp * layout.pp
    said = (
        f"a global batch of at least {amount(least)} tokens ({layout.data_parallel:,} data-parallel ranks x "
        f"{layout.micro_batch} x {layout.sequence_tokens:,}): the largest published for models of up to twice this "
        f"size is {amount(published.global_batch_tokens)} tokens ({published.name}: {published.source}), and far "
        f"larger batches need more tokens to learn as much; use at most {gpus:,} GPUs, or more tp and pp"
    )
    return [said]
