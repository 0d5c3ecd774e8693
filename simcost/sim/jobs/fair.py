"""Fair share as Slurm's multifactor plugin weighs it, compiled.

priority = weight_age * min(age / max_age, 1) + weight_fair * 2^(-U / S) + weight_size * gpus / capacity, U the
user's part of the pool's decayed GPU-seconds, S = 1 / users. Usage decays continuously and is brought up to date
at each event. Jobs of one user and width keep their order for ever, so a pass compares the heads of such lines.
"""

from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np

from simcost.sim.jobs.compiled import FAR, NIL, Floats, Ints, entry, helper


class Weights(NamedTuple):
    """Of the policy."""

    age: float
    fair: float
    size: float
    max_age: float
    half_life: float


class Lines(NamedTuple):
    """Jobs of one user and one width, in order of arrival."""

    user: Ints
    width: Ints
    jobs: Ints
    """Rows, line after line."""
    head: Ints
    """By line: where in `jobs` its first waiting job stands."""
    tail: Ints
    """One past the last that has arrived."""
    usage: Floats
    """By user: decayed GPU-seconds."""
    running: Floats
    """By user: GPUs held."""
    factor: Floats
    """By user: 2^(-U / S)."""


@helper
def _pass_time(lines: Lines, seconds: float, half_life: float) -> None:
    decay = 0.5 ** (seconds / half_life)
    for user in range(len(lines.usage)):
        gained = lines.running[user] * (1 - decay) * half_life / np.log(2.0)
        lines.usage[user] = lines.usage[user] * decay + gained


@helper
def _weigh(lines: Lines) -> None:
    total, users = lines.usage.sum(), len(lines.usage)
    for user in range(users):
        share = lines.usage[user] / total if total > 0 else 0.0
        lines.factor[user] = 2.0 ** (-share * users)


@helper
def _best(lines: Lines, submit: Ints, weights: Weights, now: int, free: int, capacity: int) -> int:
    """The line with the most urgent head among those that fit."""
    best, best_priority, best_row = NIL, 0.0, NIL
    for line in range(len(lines.user)):
        if lines.head[line] == lines.tail[line] or lines.width[line] > free:
            continue
        row = lines.jobs[lines.head[line]]
        priority = (
            weights.age * min((now - submit[row]) / weights.max_age, 1.0)
            + weights.fair * lines.factor[lines.user[line]]
            + weights.size * lines.width[line] / capacity
        )
        if best == NIL or priority > best_priority or (priority == best_priority and row < best_row):
            best, best_priority, best_row = line, priority, row
    return best


@helper
def _narrowest(lines: Lines) -> int:
    """Least width that waits."""
    found = FAR
    for line in range(len(lines.user)):
        if lines.head[line] < lines.tail[line]:
            found = min(found, lines.width[line])
    return found


@entry
def run(
    submit: Ints, duration: Ints, gpus: Ints, line: Ints, lines: Lines, weights: Weights,
    capacity: int, horizon: float,
) -> tuple[Ints, Floats]:  # fmt: skip
    """Start times (NIL = not by the horizon); after each event t, GPUs allocated, jobs waiting, their GPUs.

    `line` is the line of each job.
    """
    count, start, timeline = len(submit), np.full(len(submit), NIL), np.empty((2 * len(submit), 4))
    ends = [(FAR, count)]
    free, arrived, rows, waiting, waiting_gpus, before = capacity, 0, 0, 0, 0, 0
    while arrived < count or len(ends) > 1:
        now = min(submit[arrived], ends[0][0]) if arrived < count else ends[0][0]
        if now > horizon:
            break
        _pass_time(lines, now - before, weights.half_life)
        before = now
        while ends[0][0] == now:
            row = heappop(ends)[1]
            free += gpus[row]
            lines.running[lines.user[line[row]]] -= gpus[row]
        while arrived < count and submit[arrived] == now:
            lines.tail[line[arrived]] += 1
            waiting, waiting_gpus, arrived = waiting + 1, waiting_gpus + gpus[arrived], arrived + 1
        if _narrowest(lines) <= free:
            _weigh(lines)
        while True:
            best = _best(lines, submit, weights, now, free, capacity)
            if best == NIL:
                break
            row = lines.jobs[lines.head[best]]
            lines.head[best] += 1
            start[row] = now
            heappush(ends, (now + duration[row], row))
            lines.running[lines.user[best]] += gpus[row]
            free, waiting, waiting_gpus = free - gpus[row], waiting - 1, waiting_gpus - gpus[row]
        timeline[rows] = (now, capacity - free, waiting, waiting_gpus)
        rows += 1
    return start, timeline[:rows]
