"""Reservations of GPUs in time, and binary heaps of integers, compiled.

A profile holds the unreserved GPUs from each of its times on; the last holds for ever. In a heap the least is on top.
Long loops count from 0 over a part of an array: an index that might be negative keeps them from being vectorized.
"""

from typing import NamedTuple

from simcost.sim.compiled import Ints, lean


class AvailabilityProfile(NamedTuple):
    """GPUs not reserved, as steps."""

    since: Ints
    free: Ints
    span: Ints
    """First step that counts, and one past the last."""


@lean
def step(profile: AvailabilityProfile, t: int) -> int:
    """The step that holds at t."""
    low, high = profile.span[0], profile.span[1]
    while high - low > 1:
        middle = (low + high) >> 1
        if profile.since[middle] <= t:
            low = middle
        else:
            high = middle
    return int(low)


@lean
def put_up(values: Ints, count: int) -> None:
    """Move the first values up by one place, which leaves the first free."""
    for i in range(count, 0, -1):
        values[i] = values[i - 1]


@lean
def put_down(values: Ints, count: int) -> None:
    """Move values down by one place, over the first."""
    for i in range(count):
        values[i] = values[i + 1]


@lean
def cut(profile: AvailabilityProfile, t: int) -> int:
    """Let a step begin at t; its place."""
    at = step(profile, t)
    if profile.since[at] == t:
        return at
    put_up(profile.since[at + 1 :], profile.span[1] - at - 1)
    put_up(profile.free[at + 1 :], profile.span[1] - at - 1)
    profile.span[1] += 1
    profile.since[at + 1] = t
    profile.free[at + 1] = profile.free[at]
    return at + 1


@lean
def merge(profile: AvailabilityProfile, at: int) -> None:
    """Forget the step at a place if it changes nothing."""
    if at <= profile.span[0] or at >= profile.span[1] or profile.free[at] != profile.free[at - 1]:
        return
    profile.span[1] -= 1
    put_down(profile.since[at:], profile.span[1] - at)
    put_down(profile.free[at:], profile.span[1] - at)


@lean
def add(profile: AvailabilityProfile, begin: int, end: int, gpus: int) -> None:
    """Give back GPUs (negative: take them) between two times."""
    if begin == end or gpus == 0:
        return
    first, last = cut(profile, begin), cut(profile, end)
    free = profile.free[first:last]
    for i in range(last - first):
        free[i] += gpus
    merge(profile, last)
    merge(profile, first)


@lean
def earliest(profile: AvailabilityProfile, now: int, gpus: int, span: int, own: int) -> int:
    """First time from now on at which GPUs are free for the whole span; those of the job's own reservation, from
    `own` on, count as free. At the latest that is `own`.
    """
    first = step(profile, now)
    since, free = profile.since[first:], profile.free[first:]
    begin = end = own
    for i in range(profile.span[1] - first):
        if since[i] >= end:
            break
        if free[i] < gpus:
            begin = end = own
        elif begin == own:
            begin = max(since[i], now)
            end = min(begin + span, own)
    return int(begin)


@lean
def advance(profile: AvailabilityProfile, now: int) -> None:
    """Forget past steps; move the steps to the front once half of the capacity before them is past."""
    profile.span[0] = step(profile, now)
    first, last = profile.span[0], profile.span[1]
    if first > 64 and first > last - first:
        for i in range(last - first):
            profile.since[i] = profile.since[i + first]
            profile.free[i] = profile.free[i + first]
        profile.span[0], profile.span[1] = 0, last - first


@lean
def push(heap: Ints, size: int, value: int) -> None:
    """Into a heap of `size` values."""
    i = size
    while i and heap[(i - 1) >> 1] > value:
        heap[i] = heap[(i - 1) >> 1]
        i = (i - 1) >> 1
    heap[i] = value


@lean
def pop(heap: Ints, size: int) -> int:
    """The least of a heap of `size` values; `size - 1` are left."""
    top, value, i = heap[0], heap[size - 1], 0
    while 2 * i + 1 < size - 1:
        child = 2 * i + 1
        if child + 1 < size - 1 and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = value
    return int(top)
