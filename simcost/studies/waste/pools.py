"""Measures on pools: keep fewer GPUs, and let pools borrow from each other."""

from dataclasses import dataclass
from math import ceil

import numpy as np

from simcost.studies.waste.action import Action, ordered
from simcost.studies.waste.buckets import Waste
from simcost.studies.waste.sweep import Flags, quantile, sweep

QUANTILES = (1.0, 0.99, 0.95)
"""Of the demand that is kept: low, expected, high saving."""
NAMED = 5
"""Pools named in a rule, at most."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """The replay of one group of samples with fewer GPUs."""

    saved: tuple[float, ...]
    """GPU-seconds, one per quantile."""
    kept: int
    """GPUs at the expected quantile."""
    gpus: int


def consolidate(waste: Waste) -> list[Action]:
    """Keep in each pool the p99 of the GPUs allocated or asked for, and hand the rest back while they are free."""
    samples = waste.samples
    pools = {name: _replay(waste, samples.pool == i) for i, name in enumerate(samples.pools)}
    found = [_action(pools, "all" if len(pools) == 1 else "each pool by itself")]
    if len(pools) > 1:
        found.append(_action({"": _replay(waste, np.ones(len(samples), np.bool_))}, "all pools as one"))
    return [action for action in found if (action.saves_gpu_s.expected or 0.0) > 0]


def _action(pools: dict[str, _Kept], where: str) -> Action:
    lo, expected, hi = (sum(one.saved[i] for one in pools.values()) for i in range(len(QUANTILES)))
    ranked = sorted(pools.items(), key=lambda item: -item[1].saved[1])
    said = [f"{one.kept:,} of {one.gpus:,}{f' in {name}' if name else ''}"
            for name, one in ranked if one.saved[1] > 0]  # fmt: skip
    more = f" and {len(said) - NAMED} more" if len(said) > NAMED else ""
    rule = (f"keeps the p99 over time of the GPUs allocated or asked for (low: the most, high: the p95): "
            f"{', '.join(said[:NAMED])}{more}; assumes that what exceeds them 1 % of the time may wait, and that "
            "gangs still find room")  # fmt: skip
    return Action(action="consolidate", where=where, buckets=("free_idle",), effect="release", rule=rule,
                  saves_gpu_s=ordered(lo, expected, hi))  # fmt: skip


def _replay(waste: Waste, mine: Flags) -> _Kept:
    """What handing back all but a quantile of the demand saves, never more than what is free at the time."""
    samples = waste.samples
    free = waste.seconds["free_idle"][mine] / samples.hold_s[mine]
    demand = (samples.allocated + samples.pending)[mine]
    there = (samples.gpus - samples.down)[mine]
    swept = sweep(samples.start_s[mine], samples.end_s[mine], there, demand, free)
    capacity, asked, unused = swept.sums
    unused = np.maximum(unused, 0.0)
    kept = [ceil(quantile(asked, swept.length_s, level) - 1e-9) for level in QUANTILES]
    saved = tuple(
        float(np.minimum(np.maximum(capacity - keep, 0.0), unused) @ swept.length_s) for keep in kept
    )
    return _Kept(saved, kept[1], round(float(capacity.max(initial=0.0))))


def merge_pools(waste: Waste) -> list[Action]:
    """Let waiting jobs take idle GPUs of any pool: min(pending, idle) over all pools instead of within each."""
    queue = waste.queue
    blocked = float(waste.seconds["blocked_partition"].sum())
    if queue is None or not blocked > 0:
        return []
    lo = min(queue.borrowable_gpu_s, blocked)
    rule = ("jobs that wait take idle GPUs of any pool; low and expected: only while all that wait would fit at once, "
            "high: always. Replays the queue as recorded: jobs that start earlier also end earlier, and gangs must "
            "find their GPUs together")  # fmt: skip
    return [Action(action="merge pools or borrow", where="all pools", buckets=("blocked_partition",), effect="use",
                   saves_gpu_s=ordered(lo, lo, blocked), rule=rule)]  # fmt: skip
