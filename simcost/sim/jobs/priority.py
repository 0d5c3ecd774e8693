"""Priorities with preemption, compiled: a blocked head takes the GPUs of less urgent jobs.

The queue stands in order of (-priority, submit, row), and its head alone is looked at. Victims are running,
preemptible and of strictly lower priority, tried from the least urgent and latest started on; those that turn out
unnecessary are spared, most urgent first; if all of them are not enough, nobody is stopped. They keep their place
in the queue, lose their work since the last checkpoint of this stay on the GPUs, and pay a restart.
"""

from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np

from simcost.sim.jobs.compiled import FAR, NIL, Flags, Floats, Ints, entry, helper


class Runs(NamedTuple):
    """What the jobs have behind and before them, by row."""

    gpus: Ints
    priority: Ints
    left: Floats
    """Work to do, seconds, at the last start or stop."""
    owed: Floats
    """Restart to do before it."""
    since: Floats
    """Last start or stop."""
    start: Floats
    end: Floats
    """Planned while running; NIL while waiting."""
    stops: Ints
    lost: Floats
    restart: Floats
    again: Floats
    """Waiting after preemptions."""


@helper
def _place(runs: Runs, row: int, now: float) -> None:
    if runs.start[row] == NIL:
        runs.start[row] = now
    else:
        runs.again[row] += now - runs.since[row]
    runs.since[row] = now
    runs.end[row] = now + runs.owed[row] + runs.left[row]


@helper
def _settle(runs: Runs, row: int, now: float) -> float:
    """Account for the restart of this stay up to now: seconds of work since."""
    ran = now - runs.since[row]
    overhead = min(ran, runs.owed[row])
    runs.restart[row] += overhead
    runs.since[row] = now
    return float(ran - overhead)


@helper
def _stop(runs: Runs, row: int, now: float, interval: float, restart: float) -> None:
    worked = _settle(runs, row, now)
    kept = np.floor(worked / interval) * interval
    runs.lost[row] += worked - kept
    runs.left[row] -= kept
    runs.owed[row] = restart
    runs.end[row] = NIL
    runs.stops[row] += 1


@helper
def _victims(runs: Runs, running: Ints, preemptible: Flags, head: int, need: int) -> list[int]:
    """Whom to stop so that `need` more GPUs are free; nobody if that cannot be."""
    able = [(0, 0.0, 0)][1:]
    total = 0
    for row in running:
        if preemptible[row] and runs.priority[row] < runs.priority[head]:
            heappush(able, (runs.priority[row], -runs.since[row], -row))
            total += runs.gpus[row]
    prefix = [0][1:]
    gained = 0
    while total >= need > gained:
        row = -heappop(able)[2]
        prefix.append(row)
        gained += runs.gpus[row]
    chosen = [0][1:]
    for row in prefix[::-1]:
        if gained - runs.gpus[row] >= need:
            gained -= runs.gpus[row]
        else:
            chosen.append(row)
    return chosen


@helper
def _runs(duration: Floats, gpus: Ints, priority: Ints) -> Runs:
    count = len(gpus)
    return Runs(gpus, priority, duration.copy(), np.zeros(count), np.zeros(count), np.full(count, NIL, np.float64),
                np.full(count, NIL, np.float64), np.zeros(count, np.int64), np.zeros(count), np.zeros(count),
                np.zeros(count))  # fmt: skip


@helper
def _without(running: Ints, place: Ints, held: int, row: int) -> int:
    """Take a row out of the `held` running ones."""
    last = running[held - 1]
    running[place[row]] = last
    place[last] = place[row]
    return held - 1


@entry
def run(
    submit: Ints, duration: Floats, gpus: Ints, priority: Ints, preemptible: Flags, by_rank: Ints,
    capacity: int, interval: float, restart: float, horizon: float,
) -> tuple[Runs, Floats]:  # fmt: skip
    """What the jobs experienced; after each event t, GPUs allocated, jobs waiting, their GPUs.

    The `end` of a job that has not ended by the horizon is NIL.
    """
    count, runs = len(submit), _runs(duration, gpus, priority)
    timeline, running, place = np.empty((2 * count, 4)), np.empty(count, np.int64), np.empty(count, np.int64)
    rank = np.empty(count, np.int64)
    rank[by_rank] = np.arange(count)
    waiting = [0][1:]
    ends = [(float(FAR), count)]
    free, arrived, rows, held, waiting_gpus = capacity, 0, 0, 0, 0
    while True:
        while len(ends) > 1 and runs.end[ends[0][1]] != ends[0][0]:
            heappop(ends)  # of a job stopped since
        now = min(float(submit[arrived]), ends[0][0]) if arrived < count else ends[0][0]
        if now > horizon or now == FAR:
            break
        while ends[0][0] == now:
            row = heappop(ends)[1]
            if runs.end[row] == now and place[row] < held and running[place[row]] == row:
                _settle(runs, row, now)
                held, free = _without(running, place, held, row), free + gpus[row]
        while arrived < count and submit[arrived] == now:
            heappush(waiting, rank[arrived])
            waiting_gpus, arrived = waiting_gpus + gpus[arrived], arrived + 1
        while len(waiting) > 0:
            head = by_rank[waiting[0]]
            if gpus[head] > free:
                for row in _victims(runs, running[:held], preemptible, head, gpus[head] - free):
                    _stop(runs, row, now, interval, restart)
                    held, free = _without(running, place, held, row), free + gpus[row]
                    heappush(waiting, rank[row])
                    waiting_gpus += gpus[row]
            if gpus[head] > free:
                break
            heappop(waiting)
            _place(runs, head, now)
            running[held], place[head] = head, held
            held, free, waiting_gpus = held + 1, free - gpus[head], waiting_gpus - gpus[head]
            heappush(ends, (runs.end[head], head))
        timeline[rows, 0] = now
        timeline[rows, 1:] = (capacity - free, len(waiting), waiting_gpus)
        rows += 1
    for row in running[:held]:
        _settle(runs, row, horizon)
        runs.end[row] = NIL
    return runs, timeline[:rows]
