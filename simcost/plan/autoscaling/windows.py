"""Averages and maxima over the last seconds, in buckets, as Knative's autoscaler keeps them.

Semantics: knative serving pkg/autoscaler/aggregation/bucketing.go and max/window.go. Nothing here is changed in
place; all values are plain JSON.
"""

from __future__ import annotations

from math import ceil, floor
from typing import TypedDict

PRECISION = 1e6


class Window(TypedDict):
    """Sums by second, in a ring."""

    buckets: list[float]
    first: int | None
    """The second of the first write, or of the first after a gap as long as the window."""
    last: int | None
    total: float


def window(length_s: float) -> Window:
    """An empty window; its length is rounded up to whole seconds."""
    return {"buckets": [0.0] * ceil(length_s), "first": None, "last": None, "total": 0.0}


def recorded(old: Window, second: int, value: float, length_s: float) -> Window:
    """The window with a value added to the bucket of a second.

    Seconds that are passed over count as 0; after a gap of the whole length the series starts anew; a value older
    than that is ignored.
    """
    last = old["last"]
    if last is not None and second + length_s <= last:
        return old
    new: Window = {**old, "buckets": [*old["buckets"]]}
    if last is None or second - last >= length_s:
        new |= {"buckets": [0.0] * len(old["buckets"]), "first": second, "last": second, "total": 0.0}
    elif second > last:
        _clear(new, last + 1, second)
        new["last"] = second
    elif old["first"] is not None and second < old["first"]:
        new["first"] = second
    new["buckets"][second % len(new["buckets"])] += value
    new["total"] += value
    return new


def _clear(new: Window, since: int, until: int) -> None:
    size = len(new["buckets"])
    for second in range(since, until + 1):
        new["total"] -= new["buckets"][second % size]
        new["buckets"][second % size] = 0.0


def average(of: Window, second: int, length_s: float) -> float | None:
    """The mean per second over what the window holds, rounded down to six digits; None = nothing for too long.

    Divides by the seconds since the first write, at most the length; if nothing came lately, by the part of the
    window that has data.
    """
    last, first, size = of["last"], of["first"], len(of["buckets"])
    if last is None or first is None or second - last > length_s:
        return None
    late = second - last
    if late >= length_s:
        return 0.0
    total = of["total"]
    for i in range(last + 1, second + 1):
        total -= of["buckets"][i % size]
    held = min(last - first + 1, size - max(late, 0))
    return floor(total / held * PRECISION) / PRECISION


Highest = list[list[int]]
"""Falling maxima, each with the index of its bucket before it."""


def highest(old: Highest, bucket: int, value: int, buckets: int) -> Highest:
    """The maxima with a new value; the first is the highest of the last `buckets` buckets."""
    kept = [entry for entry in old if bucket - entry[0] < buckets and entry[1] > value]
    return kept if kept and kept[-1][0] == bucket else [*kept, [bucket, value]]
