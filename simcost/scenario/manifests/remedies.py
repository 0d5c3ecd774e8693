"""Metrics of a manifest that no signal makes: what to write in the scenario instead."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from simcost.plan.autoscaling.metric_adapter import nearest
from simcost.plan.autoscaling.policy import SignalName
from simcost.plan.autoscaling.wva import PUBLISHED

_PUBLISHED = re.compile(rf"\b({PUBLISHED}|inferno_desired_replicas)\b")
_RESOURCES = ("cpu", "memory")


def published(text: str) -> str:
    """The replicas that a workload variant autoscaler publishes, where a metric or a query names them; else nothing."""
    found = _PUBLISHED.search(text)
    return found[1] if found else ""


def unmapped_metric(name: str, file: str, *, asked: str = "", each: bool = False, mean: bool = False) -> str:
    """Message for a metric without a signal: what it is, and what to write; `asked` is its query, `each` whether it is
    read of each replica, `mean` whether as a mean over them.
    """
    if found := published(name) or published(asked):
        publishes = "" if found == PUBLISHED else f", publishes: {found}"
        return (
            f"{found!r} is what the workload variant autoscaler of llm-d publishes; write scaling: {{kind: chain, "
            f"first: {{kind: wva, max: 8}}{publishes}, then: {{from: {Path(file).name}}}}}"
        )
    if name in _RESOURCES:
        return (
            f"{name!r} of the hosts is not simulated, and does not measure the load of an engine on an accelerator; "
            f"scale by what it runs or queues, as type: Pods with vllm:num_requests_running, or define it "
            f"as signals: {{{name}: {{from: busy_fraction}}}}"
        )
    if near := nearest(name, each=each, mean=mean) or nearest(asked, each=each, mean=mean):
        return f"{name!r} is not a metric that the simulator has; define it as signals: {{{name!s}: {near}}}"
    return (
        f"{name!r} is not a metric that the simulator has; define it as signals: "
        f"{{{name}: {{from: ...}}}}, of {', '.join(get_args(SignalName))}"
    )
