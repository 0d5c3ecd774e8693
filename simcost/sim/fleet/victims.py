"""Which replicas go first when there are too many."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from simcost.sim.fleet.records import Replica

_GOLDEN = 0x9E3779B97F4A7C15


def to_remove(living: Sequence[Replica], count: int, rule: str, now_ns: int) -> list[Replica]:
    """The `count` replicas that go; `rule` as of `plan.drain.Drain.victims`."""
    if rule == "youngest":
        order = sorted(living, key=lambda one: (one.state == "starting", one.number))
        return order[len(living) - count :]
    siblings = Counter(id(one.node) for one in living if one.node is not None)
    return sorted(living, key=lambda one: _rank(one, siblings[id(one.node)], now_ns), reverse=True)[:count]


def _rank(one: Replica, siblings: int, now_ns: int) -> tuple[Any, ...]:
    """Order of a ReplicaSet, the first to go largest. Source: kubernetes controller_utils.go, ActivePodsWithRanks."""
    pending = one.node is None or now_ns < one.node.ready_ns
    ready = one.state == "ready"
    ready_age = _log_age(now_ns - one.ready_ns) if ready else 0
    tie = (one.number + 1) * _GOLDEN % 2**64
    return (
        one.node is None,
        pending and not ready,
        not ready,
        siblings if one.node is not None else 0,
        -ready_age,
        one.restarts,
        -_log_age(now_ns - one.ordered_ns),
        tie,
    )


def _log_age(age_ns: int) -> int:
    """Ages compare by powers of two."""
    return max(age_ns, 0).bit_length()
