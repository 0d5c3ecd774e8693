"""Rate limits of tenants at the gateway: buckets in floats, which plain Python repeats to the last bit."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simcost.sim.compiled import lean
from simcost.sim.serving.engine import layout as col

# Rules: 1 = what has ended decides; the time before which all that has ended is known.
FOLLOWS, KNOWN_UNTIL = range(2)
RULES = 2
# Columns of a bucket: what is in it; its rate per tick; what it holds at most.
REQUESTS, REQUESTS_PER_TICK, MOST_REQUESTS, TOKENS, TOKENS_PER_TICK, MOST_TOKENS = range(6)
BUCKET = 6
# Columns of a tenant. COUNTED: tokens that count; SINCE: when its buckets were last filled; SPENT: tokens of answers
# since; OPEN: sendings in the system, MOST_OPEN of them at most; LIMITED: sendings that were turned away.
COUNTED, SINCE, SPENT, OPEN, MOST_OPEN, LIMITED = range(6)
TENANT = 6
PROMPT, TOTAL, ANSWERED = range(3)


class Limits(NamedTuple):
    """Limits of tenants; the driver owns the arrays."""

    rules: col.Ints
    buckets: npt.NDArray[np.float64]
    """[tenant, BUCKET]"""
    tenants: col.Ints
    """[tenant, TENANT]; empty if no tenant has limits."""


@lean
def is_behind(limits: Limits, t: int) -> bool:
    """True if something may have ended before t that decides about a sending at t."""
    return limits.rules[FOLLOWS] == 1 and limits.rules[KNOWN_UNTIL] < t


@lean
def admit(limits: Limits, k: int, prompt: int, output: int, t: int) -> bool:
    """True if the limits of tenant k let a sending through at t, which they then count. It is open either way, until
    its end is read.
    """
    bucket, tenant = limits.buckets[k], limits.tenants[k]
    elapsed = np.float64(t - tenant[SINCE])
    bucket[REQUESTS] = min(bucket[REQUESTS] + elapsed * bucket[REQUESTS_PER_TICK], bucket[MOST_REQUESTS])
    bucket[TOKENS] = min(bucket[TOKENS] + elapsed * bucket[TOKENS_PER_TICK], bucket[MOST_TOKENS]) - tenant[SPENT]
    tenant[SINCE] = t
    tenant[SPENT] = 0
    cost = 0
    if tenant[COUNTED] != ANSWERED:
        cost = prompt + (output if tenant[COUNTED] == TOTAL else 0)
    enough = bucket[TOKENS] >= cost if cost > 0 else bucket[TOKENS] > 0.0
    passes = enough and bucket[REQUESTS] >= 1.0 and tenant[OPEN] < tenant[MOST_OPEN]
    tenant[OPEN] += 1
    if passes:
        bucket[REQUESTS] -= 1.0
        bucket[TOKENS] -= cost
    else:
        tenant[LIMITED] += 1
    return passes


@lean
def count_end(limits: Limits, k: int, tokens: int) -> None:
    """A sending of tenant k has ended, with so many tokens where it was answered."""
    if len(limits.tenants) > 0:
        limits.tenants[k, OPEN] -= 1
        if limits.tenants[k, COUNTED] == ANSWERED:
            limits.tenants[k, SPENT] += tokens
