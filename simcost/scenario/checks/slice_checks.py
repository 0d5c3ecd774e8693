"""Faults of replicas that take a part of an accelerator: slices that do not exist, and where they cannot be."""

from __future__ import annotations

from collections.abc import Iterator

from simcost.catalog import Accelerator, Catalog
from simcost.errors import Fault
from simcost.scenario.files.faults import ask, fault_at
from simcost.scenario.files.nodes import YamlNode
from simcost.scenario.schema.jobs import OnShared
from simcost.scenario.schema.scenario import Plan

_WORKERS = ("serverless", "managed-endpoint")


def slice_faults(
    replica: YamlNode, plan: Plan | None, catalog: Catalog, accelerator: Accelerator | None, file: str
) -> Iterator[Fault]:
    """A slice that the accelerator does not offer, or that the plan cannot have."""
    node = replica.get("slice")
    if node is None or accelerator is None or not isinstance(node.value, str):
        return
    yield from ask(node, file, lambda name: catalog.slice_of(accelerator.name, name))[1]
    if plan is None:
        return
    if isinstance(plan.training, OnShared):
        yield fault_at(node, "cannot be combined with training of kind shared, whose jobs take whole GPUs", file)
    if plan.disaggregation is not None:
        message = "cannot be combined with disaggregation; take whole accelerators, or a plan of one pool"
        yield fault_at(node, message, file)
    if plan.buy.kind in _WORKERS:
        yield fault_at(node, f"cannot be bought as {plan.buy.kind}, whose workers have whole accelerators", file)
