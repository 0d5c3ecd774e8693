"""Requests of a run that published practice does not cover."""

from simcost.catalog import Catalog
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
