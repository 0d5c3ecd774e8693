"""Conservative backfill, compiled: every waiting job holds a reservation by its limit.

The profile says how many GPUs nobody has reserved from each of its times on; the last holds for ever. A job that
ends before its limit gives its GPUs back, and then, in queue order, each reservation moves to the earliest place
it finds, never later than before.
"""

from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np

from simcost.sim.jobs.compiled import FAR, NIL, Floats, Ints, entry, helper


class Profile(NamedTuple):
    """GPUs not reserved, as steps."""

    since: Ints
    free: Ints
    span: Ints
    """First step that counts, and one past the last."""


class Jobs(NamedTuple):
    """By row."""

    gpus: Ints
    limit: Ints
    start: Ints
    promised: Ints
    """The first reservation."""
    reserved: Ints
    """The reservation."""


@helper
def _step(profile: Profile, t: int) -> int:
    """The step that holds at t."""
    low, high = profile.span[0], profile.span[1]
    while high - low > 1:
        middle = (low + high) >> 1
        if profile.since[middle] <= t:
            low = middle
        else:
            high = middle
    return int(low)


@helper
def _cut(profile: Profile, t: int) -> int:
    """Let a step begin at t; its place."""
    at = _step(profile, t)
    if profile.since[at] == t:
        return at
    for i in range(profile.span[1], at + 1, -1):
        profile.since[i] = profile.since[i - 1]
        profile.free[i] = profile.free[i - 1]
    profile.span[1] += 1
    profile.since[at + 1] = t
    profile.free[at + 1] = profile.free[at]
    return at + 1


@helper
def _merge(profile: Profile, at: int) -> None:
    """Forget the step at a place if it changes nothing."""
    if at <= profile.span[0] or at >= profile.span[1] or profile.free[at] != profile.free[at - 1]:
        return
    profile.span[1] -= 1
    for i in range(at, profile.span[1]):
        profile.since[i] = profile.since[i + 1]
        profile.free[i] = profile.free[i + 1]


@helper
def _add(profile: Profile, begin: int, end: int, gpus: int) -> None:
    """Give back GPUs (negative: take them) between two times."""
    if begin == end or gpus == 0:
        return
    first, last = _cut(profile, begin), _cut(profile, end)
    for i in range(first, last):
        profile.free[i] += gpus
    _merge(profile, last)
    _merge(profile, first)


@helper
def _earliest(profile: Profile, now: int, gpus: int, span: int, own: int) -> int:
    """First time from now on at which GPUs are free for the whole span; those of the job's own reservation, from
    `own` on, count as free. At the latest that is `own`.
    """
    i = _step(profile, now)
    while True:
        while profile.free[i] < gpus:
            i += 1
            if profile.since[i] >= own:
                return own
        begin = max(profile.since[i], now)
        end = min(begin + span, own)
        i += 1
        while i < profile.span[1] and profile.since[i] < end and profile.free[i] >= gpus:
            i += 1
        if i == profile.span[1] or profile.since[i] >= end:
            return int(begin)


@helper
def _advance(profile: Profile, now: int) -> None:
    """Forget what lies behind; move the steps to the front once half of the room before them is past."""
    profile.span[0] = _step(profile, now)
    first, last = profile.span[0], profile.span[1]
    if first > 64 and first > last - first:
        for i in range(last - first):
            profile.since[i] = profile.since[i + first]
            profile.free[i] = profile.free[i + first]
        profile.span[0], profile.span[1] = 0, last - first


@helper
def _compress(profile: Profile, now: int, jobs: Jobs, waiting: Ints, due: list[tuple[int, int]]) -> None:
    """Move reservations, in the order of the queue, to the earliest place each finds."""
    for row in waiting:
        gpus, limit, reserved = jobs.gpus[row], jobs.limit[row], jobs.reserved[row]
        found = _earliest(profile, now, gpus, limit, reserved)
        if found < reserved:
            _add(profile, reserved, reserved + limit, gpus)
            _add(profile, found, found + limit, -gpus)
            jobs.reserved[row] = found
            heappush(due, (found, row))


@helper
def _join(profile: Profile, now: int, jobs: Jobs, row: int, due: list[tuple[int, int]]) -> None:
    """Reserve for a job that arrives."""
    found = _earliest(profile, now, jobs.gpus[row], jobs.limit[row], FAR)
    _add(profile, found, found + jobs.limit[row], -jobs.gpus[row])
    jobs.reserved[row], jobs.promised[row] = found, found
    heappush(due, (found, row))


@helper
def _still_waiting(jobs: Jobs, waiting: Ints) -> int:
    """Close the gaps that started jobs have left in the queue; its new length."""
    kept = 0
    for row in waiting:
        if jobs.start[row] == NIL:
            waiting[kept] = row
            kept += 1
    return kept


@helper
def _drop_moved(jobs: Jobs, due: list[tuple[int, int]]) -> None:
    """Take reservations that have moved since off the front."""
    while len(due) > 1 and (jobs.reserved[due[0][1]] != due[0][0] or jobs.start[due[0][1]] != NIL):
        heappop(due)


@entry
def run(
    submit: Ints, duration: Ints, gpus: Ints, limit: Ints, capacity: int, horizon: float
) -> tuple[Ints, Ints, Floats]:
    """Start times (NIL = not by the horizon), the first reservations; after each event t, GPUs allocated, jobs
    waiting, their GPUs.
    """
    count, room = len(submit), 4 * len(submit) + 200
    jobs = Jobs(gpus, limit, np.full(count, NIL), np.full(count, NIL), np.full(count, FAR))
    profile = Profile(np.zeros(room, np.int64), np.full(room, capacity), np.array([0, 1]))
    waiting, timeline = np.empty(count, np.int64), np.empty((3 * count, 4))
    ends, due = [(FAR, count)], [(FAR, count)]
    free, arrived, rows, queued, waiting_gpus = capacity, 0, 0, 0, 0
    while arrived < count or len(ends) > 1 or queued > 0:
        _drop_moved(jobs, due)
        now = min(ends[0][0], due[0][0], submit[arrived] if arrived < count else FAR)
        if now > horizon:
            break
        _advance(profile, now)
        early = False
        while ends[0][0] == now:
            row = heappop(ends)[1]
            planned = jobs.start[row] + limit[row]
            _add(profile, now, planned, gpus[row])
            free, early = free + gpus[row], early or now < planned
        if early:
            _compress(profile, now, jobs, waiting[:queued], due)
        while arrived < count and submit[arrived] == now:
            _join(profile, now, jobs, arrived, due)
            waiting[queued] = arrived
            queued, waiting_gpus, arrived = queued + 1, waiting_gpus + gpus[arrived], arrived + 1
        while due[0][0] == now:
            row = heappop(due)[1]
            if jobs.start[row] == NIL and jobs.reserved[row] == now:
                jobs.start[row] = now
                heappush(ends, (now + duration[row], row))
                free, waiting_gpus = free - gpus[row], waiting_gpus - gpus[row]
        queued = _still_waiting(jobs, waiting[:queued])
        timeline[rows] = (now, capacity - free, queued, waiting_gpus)
        rows += 1
    return jobs.start, jobs.promised, timeline[:rows]
