"""Contradictions of a closed loop of clients: other requests, retries, and policies that expect a demand."""

from __future__ import annotations

from collections.abc import Iterator

from simcost.errors import Fault
from simcost.scenario.files.faults import fault_at
from simcost.scenario.files.nodes import YamlNode, is_given, items

_RETRIES = (
    "cannot be combined with a closed workload, whose clients send their next request instead; remove it, or write a "
    "workload of kind synthetic or trace"
)
_MAX_WAIT = (
    "cannot be combined with a closed workload, in which only clients lose patience; write admission: {timeout: 60s} "
    "instead"
)
_FORECAST = (
    "expects a demand at set times, and a closed workload has none: its clients wait for answers; choose another "
    "scaling, such as target-concurrency"
)


def closed_faults(root: YamlNode, file: str) -> Iterator[Fault]:
    """Contradictions of a closed workload, at their places."""
    workloads = items(root.get("workload"))
    closed = [workload for workload in workloads if _kind(workload) == "closed"]
    if not closed:
        return
    if len(workloads) > 1:
        message = (
            "is a closed loop and cannot be combined with other workloads; remove them, or write a second scenario"
        )
        yield fault_at(closed[0], message, file)
    if not is_given(root.get("horizon")):
        yield fault_at(root, "is required with a closed workload, which has no end of its own", file, "horizon")
    for plan in items(root.get("plans")):
        admission, scaling, retries = plan.get("admission"), plan.get("scaling"), plan.get("retries")
        wait = None if admission is None else admission.get("max_wait")
        for node, message in ((retries, _RETRIES), (wait, _MAX_WAIT)):
            if node is not None and is_given(node):
                yield fault_at(node, message, file)
        if scaling is not None and _kind(scaling) == "forecast":
            yield fault_at(scaling, _FORECAST, file)


def _kind(node: YamlNode) -> object:
    kind = node.get("kind")
    return node.value if kind is None else kind.value
