"""Jobs that run on more or fewer GPUs, compiled.

At each multiple of the interval at which somebody has arrived or ended since the last, GPUs are dealt again: in
order of submission everybody gets his least, up to the first who does not fit; then one GPU at a time goes to who
gains most throughput by it, earliest submitted on ties. n GPUs do n^scaling; the duration is that on the GPUs
asked for. A change of size stops a job for a while. GPUs freed between two deals lie idle.
"""

from typing import NamedTuple

import numpy as np

from simcost.sim.compiled import FAR, NIL, Floats, Ints, entry, helper


class ElasticJobs(NamedTuple):
    """Progress of the jobs: behind and before them, by row."""

    asked: Ints
    least: Ints
    most: Ints
    left: Floats
    """Work to do, seconds on the GPUs asked for, at `since`."""
    owed: Floats
    """Pause to sit out before it."""
    since: Floats
    start: Floats
    end: Floats
    """Planned while running."""
    size: Ints
    """GPUs held; NIL while waiting."""
    goal: Ints
    """GPUs dealt."""
    changes: Ints
    paused_s: Floats
    paused: Floats
    """GPU-seconds of pauses."""
    held: Floats
    """GPU-seconds in all."""


@helper
def _rate(runs: ElasticJobs, row: int, scaling: float) -> float:
    if runs.size[row] == runs.asked[row]:
        return 1.0
    return float((runs.size[row] / runs.asked[row]) ** scaling)


@helper
def _settle(runs: ElasticJobs, row: int, now: float, scaling: float) -> None:
    """Account for the time since the last deal."""
    ran = now - runs.since[row]
    pause = min(ran, runs.owed[row])
    runs.owed[row] -= pause
    runs.left[row] = max(runs.left[row] - (ran - pause) * _rate(runs, row, scaling), 0.0)
    runs.paused_s[row] += pause
    runs.paused[row] += pause * runs.size[row]
    runs.held[row] += ran * runs.size[row]
    runs.since[row] = now


@helper
def _resize(runs: ElasticJobs, row: int, now: float, scaling: float, pause: float) -> None:
    """Give a job the GPUs dealt to it."""
    if runs.size[row] == NIL:
        runs.start[row] = now
    elif runs.size[row] == runs.goal[row]:
        return
    else:
        _settle(runs, row, now, scaling)
        runs.owed[row] = pause
        runs.changes[row] += 1
    runs.since[row], runs.size[row] = now, runs.goal[row]
    runs.end[row] = now + runs.owed[row] + runs.left[row] / _rate(runs, row, scaling)


@helper
def _deal(runs: ElasticJobs, running: Ints, free: int, scaling: float) -> int:
    """Set the goals of the running jobs, of which each has got its least: GPUs not dealt."""
    for row in running:
        runs.goal[row] = runs.least[row]
    if scaling == 1:
        for row in running:
            more = min(free, runs.most[row] - runs.goal[row])
            runs.goal[row] += more
            free -= more
        return free
    level, hungry = 0, True
    while free > 0 and hungry:  # below 1 the gain falls with the size: fill from the bottom
        hungry, above = False, FAR
        for row in running:
            if runs.goal[row] >= runs.most[row]:
                continue
            hungry = True
            if runs.goal[row] == level and free > 0:
                runs.goal[row] += 1
                free -= 1
            if runs.goal[row] < runs.most[row]:
                above = min(above, runs.goal[row])
        level = above
    return free


@helper
def _runs(duration: Floats, asked: Ints, least: Ints, most: Ints) -> ElasticJobs:
    count = len(asked)
    return ElasticJobs(
        asked,
        least,
        most,
        duration.copy(),
        np.zeros(count),
        np.zeros(count),
        np.full(count, NIL, np.float64),
        np.full(count, NIL, np.float64),
        np.full(count, NIL),
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
        np.zeros(count),
        np.zeros(count),
        np.zeros(count),
    )


@helper
def _drop_ended(runs: ElasticJobs, running: Ints, count: int, now: float, scaling: float) -> tuple[int, int]:
    """Take out who ends now: (jobs that run then, GPUs released)."""
    kept, released = 0, 0
    for i in range(count):
        row = running[i]
        if runs.end[row] == now:
            _settle(runs, row, now, scaling)
            released += runs.size[row]
        else:
            running[kept] = row
            kept += 1
    return kept, released


@entry
def run(
    submit: Ints,
    duration: Floats,
    asked: Ints,
    least: Ints,
    most: Ints,
    capacity: int,
    scaling: float,
    interval: float,
    pause: float,
    horizon: float,
) -> tuple[ElasticJobs, Floats]:
    """Outcomes of the jobs; after each event t, GPUs allocated, jobs waiting, their least GPUs.

    The `end` of a job that has not ended by the horizon is NIL.
    """
    count, runs = len(submit), _runs(duration, asked, least, most)
    timeline, running = np.empty((4 * count + 1, 4)), np.empty(count, np.int64)
    arrived, started, rows, held, free, waiting_least, deal = 0, 0, 0, 0, capacity, 0, np.inf
    while started < count or held > 0:
        now = float(submit[arrived]) if arrived < count else np.inf
        now = min(now, deal)
        for row in running[:held]:
            now = min(now, runs.end[row])
        if now > horizon:
            break
        before = held
        held, released = _drop_ended(runs, running, held, now, scaling)
        free, changed = free + released, held < before
        while arrived < count and submit[arrived] == now:
            waiting_least += least[arrived]
            arrived, changed = arrived + 1, True
        if changed and deal == np.inf:
            deal = max(np.ceil(now / interval) * interval, now)
        if now == deal:
            free = capacity - least[running[:held]].sum()
            while started < arrived and least[started] <= free:
                running[held] = started
                free -= least[started]
                waiting_least -= least[started]
                started, held = started + 1, held + 1
            free = _deal(runs, running[:held], free, scaling)
            for row in running[:held]:
                _resize(runs, row, now, scaling, pause)
            deal = np.inf
        timeline[rows, 0] = now
        timeline[rows, 1:] = (capacity - free, arrived - started, waiting_least)
        rows += 1
    for row in running[:held]:
        _settle(runs, row, horizon, scaling)
        runs.end[row] = NIL
    return runs, timeline[:rows]
