"""Checks of tenants: where one stream has a tenant, all have; terms are of tenants that send something."""

from __future__ import annotations

from collections.abc import Iterator

from simcost.errors import Fault, did_you_mean
from simcost.scenario.files.faults import fault_at
from simcost.scenario.files.nodes import YamlNode, given, items

_OF_JOBS = ("wait", "jct", "deadlines")


def tenant_faults(root: YamlNode, file: str) -> Iterator[Fault]:
    """Contradictions of tenants, at their places."""
    streams = list(_streams(root))
    named = [node for node in streams if given(node.get("tenant"))]
    names = list(dict.fromkeys(str(one.value) for node in named if (one := node.get("tenant")) is not None))
    if named:
        yield from (
            fault_at(
                node,
                f"is missing: {names[0]!r} is the tenant of other requests; name one for these too",
                file,
                "tenant",
            )
            for node in streams
            if node not in named and isinstance(node.value, dict)
        )
    terms = root.get("tenants")
    if terms is None or not isinstance(terms.value, dict):
        return
    for name, own in terms.value.items():
        if name not in names:
            near = did_you_mean(str(name), names) or "; write `tenant: NAME` on a workload or one of its clients"
            yield fault_at(own, f"no requests have the tenant {name!r}{near}", file)
        slo = own.get("slo")
        for key in _OF_JOBS:
            if slo is not None and (target := slo.get(key)) is not None and given(target):
                yield fault_at(target, "is a target of jobs, and tenants send requests; remove it", file)


def _streams(root: YamlNode) -> Iterator[YamlNode]:
    """Streams of requests; a synthetic workload without a tenant of its own is those of its clients."""
    for workload in items(root.get("workload")):
        clients = items(workload.get("clients"))
        yield from clients if clients and not given(workload.get("tenant")) else [workload]
    demand = root.get("demand")
    if demand is not None:
        yield from items(demand.get("requests"))
