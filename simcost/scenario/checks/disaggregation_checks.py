"""Plans with prefill and decode apart: what they lack, and what cannot be combined with them."""

from __future__ import annotations

from collections.abc import Iterator

from simcost.billing import Buy, OnDemand, Spot
from simcost.catalog import Catalog
from simcost.errors import Fault, InputError
from simcost.perf import ReplicaSpec
from simcost.perf.pruning import FewerLayers, NarrowerLayers
from simcost.plan import Admission, LeastOutstanding, PowerOfTwo, RoundRobin, Scaling
from simcost.scenario.files.faults import fault_at
from simcost.scenario.files.nodes import YamlNode, is_given, items
from simcost.scenario.schema.jobs import OnShared
from simcost.scenario.schema.scenario import Plan

_NO_LINK = (
    "is missing: KV caches go from prefill to decode replicas over a network; write `link: {bandwidth: 25GB/s}`, per "
    "accelerator"
)
_OF_DECODE = {
    "completions_per_s": "write requests_per_s",
    "output_tokens_per_s": "write prompt_tokens_per_s",
}
"""Signals that prefill replicas have not, and what to write."""
_ADMISSION = (
    "timeout",
    "max_ongoing",
    "max_queued_per_replica",
    "max_wait",
    "saturation",
    "in_flight",
    "max_retries",
)
_OF_EITHER = (("replica", ("speculation",)), ("scaling", ("container_concurrency",)))
"""Keys that neither side may have."""
_USUAL = {
    "admission.in_flight": Admission().in_flight,
    "admission.max_retries": Admission().max_retries,
    "scaling.container_concurrency": 0,
}
"""Values that a scenario with all defaults written out has."""


def link_faults(root: YamlNode, file: str) -> Iterator[Fault]:
    """Transfers without a link."""
    for plan in items(root.get("plans")):
        apart = plan.get("disaggregation")
        if apart is not None and isinstance(apart.value, dict) and not is_given(apart.get("link")):
            yield fault_at(apart, _NO_LINK, file, "link")


def combination_faults(root: YamlNode, node: YamlNode, plan: Plan | None, file: str) -> Iterator[Fault]:
    """Parts of a scenario and of a plan that are not simulated with prefill and decode apart."""
    apart = node.get("disaggregation")
    if apart is None or not is_given(apart):
        return
    for workload in items(root.get("workload")):
        kind = workload.get("kind")
        if kind is not None and kind.value == "closed":
            yield _refused(apart, "a closed workload; write one of kind synthetic or trace", file)
    places = [(node.get(name), name) for name in ("retries", "interruptions", "or_buy", "overflow")]
    parents = ((node, "admission", _ADMISSION), (node, "drain", ("grace",)))
    of_either = ((side, parent, names) for side in (node, apart) for parent, names in _OF_EITHER)
    for owner, parent, names in (*parents, *of_either):
        part = owner.get(parent)
        places += [(part.get(name), f"{parent}.{name}") for name in names] if part is not None else []
    for place, name in places:
        if place is not None and is_given(place) and place.value != _USUAL.get(name):
            yield _refused(place, f"disaggregation; remove {name}, or compare it in a plan without", file)
    if plan is not None:
        yield from _plan_faults(node, apart, plan, file)


def _plan_faults(node: YamlNode, apart: YamlNode, plan: Plan, file: str) -> Iterator[Fault]:
    sides, prefill = plan.disaggregation, plan.disaggregation.replica if plan.disaggregation else None
    if not isinstance(plan.router, LeastOutstanding | PowerOfTwo | RoundRobin):
        message = "disaggregation; write least-outstanding, power-of-two or round-robin"
        yield _refused(node.get("router") or node, message, file)
    if isinstance(plan.training, OnShared):
        yield _refused(node.get("training") or node, "disaggregation; give jobs a cluster of their own", file)
    if plan.batching.prefill == "whole":
        yield _refused(node.get("batching") or node, "disaggregation; decode replicas have chunked prefill", file)
    if plan.batching.window:
        yield _refused(node.get("batching") or node, "disaggregation; leave out the batching window", file)
    if plan.prefix_cache or plan.batching.in_blocks:
        message = "disaggregation; leave out the keys of KV blocks, or compare it in a plan without"
        yield _refused(node.get("prefix_cache") or node.get("batching") or node, message, file)
    if sides is None or prefill is None or plan.replica is None:
        return
    if prefill.kv_precision != plan.replica.kv_precision:
        message = (
            f"kv_precision is {prefill.kv_precision} here and {plan.replica.kv_precision} on the decode side; a KV "
            "cache is moved as it is: write the same on both"
        )
        yield fault_at(apart.get("replica") or apart, message, file)
    if _layers(prefill) != _layers(plan.replica):
        message = (
            f"pruning leaves {_layers(prefill)} here and {_layers(plan.replica)} on the decode side; a KV cache is of "
            "one model: write the same on both"
        )
        yield fault_at(apart.get("replica") or apart, message, file)


def _layers(replica: ReplicaSpec) -> str:
    """Layers of the model that a replica serves, by the pruning that changes their number or size."""
    pruning = replica.pruning
    return pruning.label if isinstance(pruning, FewerLayers | NarrowerLayers) else "all layers"


def node_faults(apart: YamlNode, plan: Plan, catalog: Catalog, file: str) -> Iterator[Fault]:
    """Prefill replicas on another accelerator than the nodes have that the plan buys."""
    place, sides, replica = apart.get("replica"), plan.disaggregation, plan.replica
    if place is None or sides is None or sides.replica is None or sides.buy is not None or replica is None:
        return
    try:
        own, shared = (catalog.accelerator(one.accelerator).name for one in (sides.replica, replica))
    except InputError:
        return  # said where it is named
    if own != shared:
        message = f"is on {own}, and `buy` of the plan has nodes with {shared}; write disaggregation.buy"
        yield fault_at(place, message, file)


def signal_faults(scaling: Scaling, place: YamlNode, file: str) -> Iterator[Fault]:
    """Metrics of the scaling of the prefill side that are always 0 there: decode replicas answer the requests."""
    for name, source in scaling.reads().items():
        signals: list[str] = [one.name for one in source]
        for signal in signals or [name]:
            if instead := _OF_DECODE.get(signal):
                message = f"{name!r} reads {signal}, which is 0 on the prefill side: decode replicas answer; {instead}"
                yield fault_at(place, message, file)


def region_faults(apart: YamlNode, plan: Plan, catalog: Catalog, file: str) -> Iterator[Fault]:
    """Prefill replicas in another region than the decode replicas."""
    place, sides = apart.get("buy"), plan.disaggregation
    if place is None or sides is None or sides.buy is None:
        return
    try:
        prefill, decode = _place(sides.buy, catalog), _place(plan.buy, catalog)
    except InputError:
        return  # said where it is named
    if prefill != decode:
        message = (
            f"is {prefill}, and the decode replicas are {decode}: the KV cache of every prompt would cross the "
            "network between them, and neither its price nor its delay is simulated; take an offer of the same region"
        )
        yield fault_at(place, message, file)


def _place(option: Buy, catalog: Catalog) -> str:
    """Provider and region of nodes; of those that are in no region, their kind."""
    if not isinstance(option, OnDemand | Spot):
        return f"on nodes of kind {option.kind}"
    line = option.line(catalog)
    return f"in {line.provider} {line.region}"


def _refused(place: YamlNode, what: str, file: str) -> Fault:
    return fault_at(place, f"cannot be combined with {what}", file)
