"""Checks of tenants: where one stream has a tenant, all have; terms are of tenants that send something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simcost.errors import Fault, did_you_mean
from simcost.scenario.files.by_kind import adapter
from simcost.scenario.files.faults import fault_at, repeated_names, validate
from simcost.scenario.files.nodes import YamlNode, is_given, items
from simcost.scenario.schema.scenario import Plan
from simcost.scenario.schema.tenants import TenantTerms
from simcost.trace.workload.spec import MOST_TENANTS
from simcost.units import format_seconds

_NAME_IT = "; write `tenant: NAME` on a workload or one of its clients, or name it in `tenants` of a recorded workload"
_OF_JOBS = ("wait", "jct", "deadlines")


def tenant_faults(root: YamlNode, file: str) -> Iterator[Fault]:
    """Contradictions of tenants, at their places."""
    streams = list(_streams(root))
    names = dict.fromkeys(name for node in streams if names_tenants(node) for name in _names(node))
    if len(names) > MOST_TENANTS:
        first = next(iter(streams))
        message = f"{len(names):,} tenants are named, and at most {MOST_TENANTS:,} are counted apart; join the smallest"
        yield fault_at(first, message, file)
    if names:
        some = next(iter(names))
        yield from (
            fault_at(
                node,
                f"is missing: {some!r} is the tenant of other requests; name one for these too",
                file,
                "tenant",
            )
            for node in streams
            if isinstance(node.value, dict) and not names_tenants(node)
        )
        yield from _apart_faults(root, file)
    yield from repeated_names(items(root.get("tenants")), file, "tenant")
    for own in items(root.get("tenants")):
        name = own.get("name")
        if name is not None and isinstance(name.value, str) and name.value not in names:
            near = did_you_mean(name.value, list(names)) or _NAME_IT
            yield fault_at(name, f"no requests have the tenant {name.value!r}{near}", file)
        slo = own.get("slo")
        for key in _OF_JOBS:
            if slo is not None and (target := slo.get(key)) is not None and is_given(target):
                yield fault_at(target, "is a target of jobs, and tenants send requests; remove it", file)


def _apart_faults(root: YamlNode, file: str) -> Iterator[Fault]:
    """Plans whose requests are not counted by tenant."""
    for plan in items(root.get("plans")):
        apart = plan.get("disaggregation")
        if apart is not None and is_given(apart):
            yield fault_at(apart, "cannot be combined with tenants; take `tenant` out of the workload", file)


def fair_faults(root: YamlNode, plans: Sequence[Plan | None], file: str) -> Iterator[Fault]:
    """Turns without tenants, and weights without turns; plans that are None have other faults."""
    named = any(map(names_tenants, _streams(root)))
    fair = [plan is not None and plan.batching.policy == "fair" for plan in plans]
    for node, is_fair in zip(items(root.get("plans")), fair, strict=True):
        batching = node.get("batching")
        if is_fair and not named and batching is not None:
            message = "gives turns to tenants, and requests have none; write `tenant: NAME` on each workload"
            yield fault_at(batching, message, file, "policy")
    for own in items(root.get("tenants")):
        weight = own.get("weight")
        if weight is not None and weight.value not in (None, 1) and not any(fair) and None not in plans:
            message = "has no effect: no plan has `batching: {policy: fair}`; write that, or remove the weight"
            yield fault_at(weight, message, file)


def patience_faults(root: YamlNode, plans: Sequence[Plan | None], file: str) -> Iterator[Fault]:
    """Clients that give up before the deadline of work that is deferred; plans that are None have other faults."""
    terms = [validate(adapter(TenantTerms), own, file)[0] for own in items(root.get("tenants"))]
    deadlines = {term.name: term.slo.e2e for term in terms if term is not None and term.slo and term.slo.e2e}
    for node, plan in zip(items(root.get("plans")), plans, strict=True):
        admission = node.get("admission")
        if plan is None or admission is None or (patience := plan.admission.timeout) is None:
            continue
        saturation, place = plan.admission.saturation, admission.get("timeout")
        if saturation is None or saturation.then != "defer" or place is None:
            continue
        for name, limit_s in deadlines.items():
            if limit_s > patience:
                message = (
                    f"is shorter than the deadline of tenant {name!r}, {format_seconds(limit_s)}, whose requests wait "
                    "while the pool is saturated; remove it, or raise it"
                )
                yield fault_at(place, message, file)


def names_tenants(stream: YamlNode) -> bool:
    """True if requests have tenants: one, or those that a trace names."""
    return is_given(stream.get("tenant")) or is_given(stream.get("tenants"))


def _names(stream: YamlNode) -> Iterator[str]:
    column = stream.get("tenants")
    of_trace = [] if column is None else [*items(column.get("names")), column.get("others")]
    named = [stream.get("tenant"), *of_trace]
    yield from (str(node.value) for node in named if node is not None and is_given(node))


def _streams(root: YamlNode) -> Iterator[YamlNode]:
    """Streams of requests; a synthetic workload without a tenant of its own is those of its clients."""
    for workload in items(root.get("workload")):
        clients = items(workload.get("clients"))
        yield from clients if clients and not is_given(workload.get("tenant")) else [workload]
    demand = root.get("demand")
    if demand is not None:
        yield from items(demand.get("requests"))
