"""Prefill and decode apart, as a plan states it: the prefill side in full, the decode side is the plan itself."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from simcost.billing import Buy
from simcost.perf import ReplicaSpec
from simcost.plan import Batching, LeastOutstanding, PowerOfTwo, RoundRobin, Scaling
from simcost.plan.disaggregation import HandOver
from simcost.record import record
from simcost.units import ByKind


@record
class Disaggregation(HandOver):
    """Prefill replicas in addition to those of the plan, which then decode alone."""

    scaling: Annotated[Scaling, ByKind()]
    """Number of prefill replicas over time."""
    replica: ReplicaSpec | None = None
    """A prefill replica; None = as the plan's. Its `kv_precision` must be that of the plan's."""
    batching: Batching | None = None
    """Batching of the prefill replicas; None = as the plan's."""
    router: Annotated[LeastOutstanding | PowerOfTwo | RoundRobin, ByKind()] = field(default_factory=LeastOutstanding)
    """Router among the prefill replicas; that of the plan is among its decode replicas."""
    buy: Buy | None = None
    """Purchase option of the prefill nodes; None = as the plan's, and then both are one account."""
