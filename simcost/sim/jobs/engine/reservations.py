"""Reservations of GPUs in time, and binary heaps of integers, compiled.

A profile holds the unreserved GPUs from each of its times on; the last holds for ever. In a heap the least is on top.
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
def cut(profile: AvailabilityProfile, t: int) -> int:
    """Let a step begin at t; its place."""
    at = step(profile, t)
    if profile.since[at] == t:
        return at
    for i in range(profile.span[1], at + 1, -1):
        profile.since[i] = profile.since[i - 1]
        profile.free[i] = profile.free[i - 1]
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
    for i in range(at, profile.span[1]):
        profile.since[i] = profile.since[i + 1]
        profile.free[i] = profile.free[i + 1]


@lean
def add(profile: AvailabilityProfile, begin: int, end: int, gpus: int) -> None:
    """Give back GPUs (negative: take them) between two times."""
    if begin == end or gpus == 0:
        return
    first, last = cut(profile, begin), cut(profile, end)
    for i in range(first, last):
        profile.free[i] += gpus
    merge(profile, last)
    merge(profile, first)


@lean
def earliest(profile: AvailabilityProfile, now: int, gpus: int, span: int, own: int) -> int:
    """First time from now on at which GPUs are free for the whole span; those of the job's own reservation, from
    `own` on, count as free. At the latest that is `own`.
    """
    i = step(profile, now)
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
