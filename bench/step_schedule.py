"""The steps of an engine under a load that does not depend on time: requests all at once, or clients in a closed loop.

With no think time, a client's next request comes at the step boundary at which its last one ends. So the sequence of
steps follows from lengths and limits alone, and the time of a benchmark is a sum over its steps: a step-time model
can be fitted without replaying anything.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simcost.sim.compiled import entry

Numbers = NDArray[np.float64]


class Steps(NamedTuple):
    """Runs of equal steps: rows, how many, sequences, mean KV tokens, attention pairs, weight in the mean TPOT."""

    rows: Numbers
    repeats: Numbers
    sequences: Numbers
    kv_tokens: Numbers
    pairs: Numbers
    tpot: Numbers


def steps(prompts: NDArray[np.int64], outputs: NDArray[np.int64], clients: int, budget: int, capacity: int) -> Steps:
    """The steps of requests that are served in order by at most `clients` sequences.

    Decodes come first in the token budget, then prefill in order of arrival, in chunks. A prompt is admitted when it
    fits into the free KV cache; where decodes outgrow the cache, the youngest is preempted and computed again.
    """
    table = _steps(prompts, outputs, clients, budget, capacity)
    return Steps(*table.T)


@entry
def _steps(  # noqa: C901 - one loop, compiled
    prompts: NDArray[np.int64], outputs: NDArray[np.int64], clients: int, budget: int, capacity: int
) -> NDArray[np.float64]:
    n = len(prompts)
    table = np.empty((1024, 6))
    size = 0
    done = np.zeros(n, np.int64)  # output tokens
    queue = np.empty(2 * n + 4, np.int64)  # a stack: the next request on top
    for i in range(n):
        queue[i] = n - 1 - i
    waiting = n
    running = np.empty(clients + 1, np.int64)  # decoding, in order of admission
    decoding = 0
    kv = 0  # of the decoding
    partial, computed = -1, 0
    weight = 0.0
    finished = 0
    while finished < n:
        preempted = False
        while decoding > 1 and kv + decoding + (prompts[partial] + done[partial] if partial >= 0 else 0) > capacity:
            if partial >= 0:
                queue[waiting] = partial
                waiting += 1
                partial, computed = -1, 0
            else:
                decoding -= 1
                victim = running[decoding]
                kv -= prompts[victim] + done[victim]
                if outputs[victim] > 1:
                    weight -= 1.0 / (outputs[victim] - 1)
                queue[waiting] = victim
                waiting += 1
            preempted = True
        left = budget - decoding
        prefill, pairs = 0, 0.0
        first = np.empty(0, np.int64)
        ready = 0
        if left > 0 and not preempted:
            first = np.empty(clients, np.int64)
            reserved = kv + decoding
            while left > 0:
                if partial < 0:
                    if waiting == 0 or decoding + ready >= clients:
                        break
                    x = queue[waiting - 1]
                    if reserved + prompts[x] + done[x] > capacity and decoding + ready > 0:
                        break
                    waiting -= 1
                    partial, computed = x, 0
                    reserved += prompts[x] + done[x]
                whole = prompts[partial] + done[partial]
                chunk = min(left, whole - computed)
                pairs += chunk * (computed + chunk / 2)
                prefill += chunk
                left -= chunk
                computed += chunk
                if computed == whole:
                    first[ready] = partial
                    ready += 1
                    partial, computed = -1, 0
        count = 1
        if prefill == 0 and decoding > 0:
            count = outputs[running[0]] - done[running[0]]
            for i in range(1, decoding):
                count = min(count, outputs[running[i]] - done[running[i]])
            count = max(1, min(count, (capacity - kv) // decoding))
        if size == len(table):
            bigger = np.empty((2 * size, 6))
            bigger[:size] = table
            table = bigger
        table[size, 0] = decoding + prefill
        table[size, 1] = count
        table[size, 2] = decoding
        table[size, 3] = kv + decoding * (count - 1) / 2
        table[size, 4] = pairs
        table[size, 5] = weight / n
        size += 1
        kept = 0
        kv += decoding * count
        for i in range(decoding):
            x = running[i]
            done[x] += count
            if done[x] >= outputs[x]:
                kv -= prompts[x] + done[x]
                finished += 1
                if outputs[x] > 1:
                    weight -= 1.0 / (outputs[x] - 1)
            else:
                running[kept] = x
                kept += 1
        decoding = kept
        for i in range(ready):
            x = first[i]
            done[x] += 1
            if done[x] >= outputs[x]:
                finished += 1
            else:
                running[decoding] = x
                decoding += 1
                kv += prompts[x] + done[x]
                if outputs[x] > 1:
                    weight += 1.0 / (outputs[x] - 1)
    return table[:size]
