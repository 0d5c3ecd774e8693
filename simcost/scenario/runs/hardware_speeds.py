"""Hardware that is not faster than other hardware of a space, at any step: what fails on the faster fails on it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import product

from simcost.scenario.inputs.variations import Variation
from simcost.scenario.runs.resolve import ResolvedPlan
from simcost.sim.serving.pool import AdapterRules

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
        self._plans: dict[str, dict[str, ResolvedPlan]] = defaultdict(dict)
        self._known: dict[Hardware, dict[str, frozenset[int]]] = {}

    def add(self, variation: Variation, plan: ResolvedPlan) -> None:
        """Take in the hardware of a plan."""
        one = self.of(variation, plan)
        if one.family:
            self._plans[one.family].setdefault(one.name, plan)

    def of(self, variation: Variation, plan: ResolvedPlan) -> Hardware:
        """The hardware of a plan."""
        replica, pool = plan.plan.replica, plan.pool
        if replica is None or plan.prefill is not None or plan.other_pools or replica.images:
            return Hardware(name="", family="")
        own = (replica.accelerator, pool.accelerators_per_replica, pool.kinds, pool.step.draft)
        family = f"{variation.without('scaling', 'buy', 'replica')} {own}"
        return Hardware(name=variation.without("scaling", "buy"), family=family)

    def outrun_by(self, hardware: Hardware) -> dict[str, frozenset[int]]:
        """Replications in which hardware of its family is not faster, by its name, itself included."""
        if hardware not in self._known:
            alike = self._plans.get(hardware.family, {})
            mine = alike.get(hardware.name)
            found = {name: no_faster_in(plan, mine) for name, plan in alike.items() if mine is not None}
            self._known[hardware] = {name: replications for name, replications in found.items() if replications}
        return self._known[hardware]


def no_faster_in(plan: ResolvedPlan, than: ResolvedPlan) -> frozenset[int]:
    """Replications in which no step takes less time, however many contexts it has; none where replicas hold more, or
    start or load adapters sooner.
    """
    pool, other = plan.pool, than.pool
    if not _loads_no_faster(pool.adapters, other.adapters):
        return frozenset()
    if pool.kv_capacity_tokens > other.kv_capacity_tokens or pool.weights_bytes < other.weights_bytes:
        return frozenset()
    if pool.first_token_overhead_s < other.first_token_overhead_s:
        return frozenset()
    contexts = (0.0, float(pool.kv_capacity_tokens))
    steps = [(p, b, k, p * p / 2) for p, b, k in product(PREFILL, SEQUENCES, contexts)]
    seconds = [(pool.step.seconds(*step), other.step.seconds(*step)) for step in steps]
    factors = enumerate(zip(plan.factors, than.factors, strict=True))
    return frozenset(i for i, (f, g) in factors if all(f * mine >= g * theirs for mine, theirs in seconds))


def _loads_no_faster(adapters: AdapterRules | None, other: AdapterRules | None) -> bool:
    """True if no more adapters are at hand, and loading and running one takes no less time."""
    if adapters is None or other is None:
        return adapters is other
    held = adapters.slots <= other.slots and adapters.cpu_slots <= other.cpu_slots
    loads = adapters.disk_s >= other.disk_s and adapters.link_s >= other.link_s
    return held and loads and adapters.step_s >= other.step_s
