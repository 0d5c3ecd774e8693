"""Things in a trace that a reader of its results should know."""

from typing import Any

import numpy as np

from simcost.trace.requests.statistics import Gaps, TokenCounts
from simcost.trace.requests.store import TraceInfo
from simcost.units import NS_PER_S, format_seconds

_LONG_GAP_S = 60.0
_LONG_GAP_MEANS = 100.0
_SHARED = 0.2
_CAP_SHARE = 0.01
_ENOUGH = 100


def arrival_findings(gaps: Gaps, info: TraceInfo) -> list[dict[str, Any]]:
    """Long gaps, arrivals at the same time, and a coarse clock."""
    found = []
    limit_s = max(_LONG_GAP_S, _LONG_GAP_MEANS * gaps.mean_s())
    long = [(length, at) for length, at in gaps.largest if length > limit_s * NS_PER_S]
    if long:
        length, at = long[0]
        found.append(_finding("gap", len(long), f"{len(long)} gaps without a request are longer than "
                     f"{format_seconds(limit_s)}; the longest, {format_seconds(length / NS_PER_S)}, "
                     f"begins {format_seconds(at / NS_PER_S)} after the start: was the log complete?"))  # fmt: skip
    if info.rows > 1 and gaps.sum_ns == 0:
        found.append(_finding("constant", info.rows, "all requests arrive at the same instant"))
    elif gaps.zero >= _SHARED * gaps.count and gaps.zero:
        found.append(_finding("quantised", gaps.zero, f"{gaps.zero / gaps.count:.0%} of the requests arrive at "
                     f"the same instant as the one before, mostly in steps of {format_seconds(_step_s(gaps))}: the "
                     "clock of the log is coarse, and queueing will look worse than it was"))  # fmt: skip
    elif gaps.zero:
        found.append(_finding("duplicate_arrival", gaps.zero, f"{gaps.zero:,} requests arrive at the same "
                     "instant as the one before; all were kept"))  # fmt: skip
    return found


def token_findings(name: str, counts: TokenCounts) -> list[dict[str, Any]]:
    """Values that are all equal, or pile up at their largest."""
    rows, largest = counts.rows, counts.largest
    at_largest = int(counts.counts[largest])
    if rows > 1 and at_largest == rows:
        return [_finding("constant", rows, f"{name} is {largest:,} for every request")]
    if at_largest >= max(_CAP_SHARE * rows, _ENOUGH):
        return [_finding("cap", at_largest, f"{at_largest / rows:.1%} of the requests have exactly the largest "
                         f"{name}, {largest:,}: a limit of the service cut them there")]  # fmt: skip
    return []


def _step_s(gaps: Gaps) -> float:
    """The commonest positive gap, to 1 % of it."""
    digits = np.round(np.log(gaps.steps) * 100.0)
    values, counts = np.unique(digits, return_counts=True)
    return float(np.median(gaps.steps[digits == values[counts.argmax()]])) / NS_PER_S


def _finding(kind: str, count: int, message: str) -> dict[str, Any]:
    return {"kind": kind, "count": count, "message": message}
