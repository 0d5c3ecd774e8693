"""A replica on its accelerators: memory, step time, and the part of a device that it takes."""

from dataclasses import dataclass

from simcost.catalog import Catalog, Model
from simcost.catalog.slices import Slice
from simcost.perf import MemoryFit, ReplicaSpec, StepTime, fit_memory, step_time
from simcost.scenario.schema.scenario import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedReplica:
    """A replica on its accelerators: memory and step time."""

    replica: ReplicaSpec
    model: Model
    accelerator: str
    slice: Slice | None
    """Part of an accelerator that it takes; None = whole ones."""
    memory: MemoryFit
    step: StepTime

    @property
    def copies(self) -> int:
        """Replicas that share an accelerator."""
        return 1 if self.slice is None else self.slice.copies


def placed_replica(
    replica: ReplicaSpec, plan: Plan, model: Model, catalog: Catalog, held_tokens: int | None
) -> PlacedReplica:
    """The replica of a plan on the accelerator that it names, by the figures of the catalog; `held_tokens` as in
    `fit_memory`.
    """
    accelerator = catalog.accelerator(replica.accelerator)
    return PlacedReplica(
        replica=replica,
        model=model,
        accelerator=accelerator.name,
        memory=fit_memory(model, accelerator, replica, plan.batching.max_num_batched_tokens, catalog, held_tokens),
        step=step_time(catalog, model, accelerator, replica),
        slice=None if replica.slice is None else catalog.slice_of(accelerator.name, replica.slice),
    )
