"""Hardware that is not faster than other hardware of a space, at any step: what fails on the faster fails on it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import product

from simcost.scenario.inputs.variations import Variation
from simcost.scenario.runs.resolve import ResolvedPlan
from simcost.sim.serving.pool import Pool

SEQUENCES = (1.0, 8.0, 64.0, 256.0)
PREFILL = (0.0, 256.0, 2048.0, 8192.0)
"""Steps at which speeds are compared: decoding sequences, and tokens of prompts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """Replicas of one kind."""

    name: str
    family: str
    """Hardware of another is never compared: another accelerator, whose engines vary apart, or other nodes. Empty
    where a plan has replicas of two kinds.
    """


class HardwareSpeeds:
    """The hardware of a space, and which of it is not faster than which."""

    def __init__(self) -> None:
        self._pools: dict[str, dict[str, Pool]] = defaultdict(dict)
        self._known: dict[Hardware, frozenset[str]] = {}

    def add(self, variation: Variation, plan: ResolvedPlan) -> None:
        """Take in the hardware of a plan."""
        one = self.of(variation, plan)
        if one.family:
            self._pools[one.family].setdefault(one.name, plan.pool)

    def of(self, variation: Variation, plan: ResolvedPlan) -> Hardware:
        """The hardware of a plan."""
        replica, pool = plan.plan.replica, plan.pool
        if replica is None or plan.prefill is not None or plan.other_pools or replica.images:
            return Hardware(name="", family="")
        own = (replica.accelerator, pool.accelerators_per_replica, pool.kinds, pool.step.draft)
        family = f"{variation.without('scaling', 'buy', 'replica')} {own}"
        return Hardware(name=variation.without("scaling", "buy"), family=family)

    def outrun_by(self, hardware: Hardware) -> frozenset[str]:
        """Hardware of its family that is not faster, itself included."""
        if hardware not in self._known:
            alike = self._pools.get(hardware.family, {})
            mine = alike.get(hardware.name)
            slower = (name for name, pool in alike.items() if mine is not None and is_no_faster(pool, mine))
            self._known[hardware] = frozenset(slower)
        return self._known[hardware]


def is_no_faster(pool: Pool, other: Pool) -> bool:
    """True if replicas hold no more, start no sooner, and no step takes less time, however many contexts it has."""
    if pool.kv_capacity_tokens > other.kv_capacity_tokens or pool.weights_bytes < other.weights_bytes:
        return False
    if pool.first_token_overhead_s < other.first_token_overhead_s:
        return False
    contexts = (0.0, float(pool.kv_capacity_tokens))
    steps = ((p, b, k, p * p / 2) for p, b, k in product(PREFILL, SEQUENCES, contexts))
    return all(pool.step.seconds(*step) >= other.step.seconds(*step) for step in steps)
