"""Shortest remaining time first, preemptive, compiled.

At each arrival and completion, waiting and running jobs are walked together by (remaining, row): who fits into
what the earlier ones leave of the pool has GPUs. Between events the order cannot change. Among the running,
remaining time sorts as the end does; the waiting stand in one heap per width, so that the walk only meets jobs
that fit.
"""

from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np

from simcost.sim.jobs.compiled import FAR, NIL, Floats, Ints, entry, helper


class Runs(NamedTuple):
    """What the jobs have behind and before them, by row."""

    gpus: Ints
    left: Ints
    """Seconds to run, overheads included, at the last start or stop."""
    owed: Ints
    """Of them, overhead."""
    since: Ints
    """Last start or stop."""
    start: Ints
    end: Ints
    """Planned while running."""
    stops: Ints
    restart: Ints
    again: Ints
    """Waiting after preemptions."""


@helper
def _place(runs: Runs, row: int, now: int, extra: int) -> None:
    if runs.start[row] == NIL:
        runs.start[row] = now
    else:
        runs.again[row] += now - runs.since[row]
    runs.since[row] = now
    runs.end[row] = now + runs.left[row] + extra


@helper
def _settle(runs: Runs, row: int, now: int) -> None:
    """Account for the run up to now: overhead comes first, and a second of Helios last."""
    ran = now - runs.since[row]
    within = min(ran, runs.left[row])
    overhead = min(within, runs.owed[row])
    runs.restart[row] += overhead + ran - within
    runs.owed[row] -= overhead
    runs.left[row] -= within
    runs.since[row] = now


@helper
def _overhead(gpus: int) -> int:
    return 7 if gpus == 1 else (30 if gpus <= 8 else 60)


@helper
def _stop(runs: Runs, row: int, now: int, overhead: bool) -> None:
    _settle(runs, row, now)
    more = _overhead(runs.gpus[row]) if overhead else 0
    runs.left[row] += more
    runs.owed[row] += more
    runs.end[row] = NIL
    runs.stops[row] += 1


@helper
def _best(lines: list[list[tuple[int, int]]], widths: Ints, quota: int) -> int:
    """The line whose head comes first among those that fit."""
    best = NIL
    for line in range(len(widths)):
        if widths[line] > quota:
            break
        if len(lines[line]) > 0 and (best == NIL or lines[line][0] < lines[best][0]):
            best = line
    return best


@helper
def _walk(
    runs: Runs, lines: list[list[tuple[int, int]]], widths: Ints, running: Ints, held: int,
    moment: int, quota: int, changed: Ints,
) -> tuple[int, int, int, int]:  # fmt: skip
    """Choose who runs: (running kept, to stop, to start, GPUs then free).

    Rows to stop stand at the front of `changed`, rows to start at its back.
    """
    keep, stops, starts, i = 0, 0, 0, 0
    best = _best(lines, widths, quota)
    while i < held or best != NIL:
        row = running[i] if i < held else NIL
        if best == NIL or (row != NIL and (runs.end[row] - moment, row) < lines[best][0]):
            i += 1
            if runs.gpus[row] <= quota:
                quota -= runs.gpus[row]
                running[keep] = row
                keep += 1
            else:
                changed[stops] = row
                stops += 1
        else:
            starts += 1
            row = heappop(lines[best])[1]
            changed[len(changed) - starts] = row
            quota -= runs.gpus[row]
            best = _best(lines, widths, quota)
        if best != NIL and widths[best] > quota:
            best = _best(lines, widths, quota)
    return keep, stops, starts, quota


@helper
def _insert(runs: Runs, running: Ints, held: int, row: int) -> None:
    i = held
    while i > 0 and (runs.end[running[i - 1]], running[i - 1]) > (runs.end[row], row):
        running[i] = running[i - 1]
        i -= 1
    running[i] = row


@helper
def _runs(duration: Ints, gpus: Ints) -> Runs:
    count = len(gpus)
    return Runs(gpus, duration.copy(), np.zeros(count, np.int64), np.zeros(count, np.int64),
                np.full(count, NIL), np.full(count, NIL), np.zeros(count, np.int64),
                np.zeros(count, np.int64), np.zeros(count, np.int64))  # fmt: skip


@helper
def _lines(count: int) -> list[list[tuple[int, int]]]:
    """A heap of (remaining, row) per width. Apart from `run`: where a list is comprehended, numba takes writes to
    arrays of a tuple for dead code.
    """
    return [[(0, 0)][1:] for _ in range(count)]


@entry
def run(
    submit: Ints, duration: Ints, gpus: Ints, line: Ints, widths: Ints,
    capacity: int, overhead: bool, extra: int, horizon: float,
) -> tuple[Runs, Floats]:  # fmt: skip
    """What the jobs experienced; after each event t, GPUs allocated, jobs waiting, their GPUs.

    `line` is the index of a job's width in `widths`, which rise; `extra` is added to each stay on the GPUs. The
    `end` of a job that has not ended by the horizon is NIL.
    """
    count, runs = len(submit), _runs(duration, gpus)
    timeline, running, changed = (
        np.empty((2 * count, 4)),
        np.empty(count, np.int64),
        np.empty(count, np.int64),
    )
    lines = _lines(len(widths))
    arrived, rows, held, waiting, waiting_gpus = 0, 0, 0, 0, 0
    while arrived < count or held > 0:
        now = submit[arrived] if arrived < count else FAR
        if held > 0:
            now = min(now, runs.end[running[0]])
        if now > horizon:
            break
        ended = 0
        while ended < held and runs.end[running[ended]] == now:
            _settle(runs, running[ended], now)
            ended += 1
        held -= ended
        for i in range(held if ended > 0 else 0):
            running[i] = running[i + ended]
        while arrived < count and submit[arrived] == now:
            heappush(lines[line[arrived]], (duration[arrived], arrived))
            waiting, waiting_gpus, arrived = waiting + 1, waiting_gpus + gpus[arrived], arrived + 1
        held, stops, starts, free = _walk(runs, lines, widths, running, held, now + extra, capacity, changed)
        for row in changed[:stops]:
            _stop(runs, row, now, overhead)
            heappush(lines[line[row]], (runs.left[row], row))
            waiting_gpus += gpus[row]
        for row in changed[count - starts :]:
            _place(runs, row, now, extra)
            _insert(runs, running, held, row)
            held, waiting_gpus = held + 1, waiting_gpus - gpus[row]
        waiting += stops - starts
        timeline[rows] = (now, capacity - free, waiting, waiting_gpus)
        rows += 1
    for row in running[:held]:
        _settle(runs, row, int(horizon))
        runs.end[row] = NIL
    return runs, timeline[:rows]
