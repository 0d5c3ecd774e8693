"""Perfect autoscaler: the fewest replica-hours with which a run could have kept its SLO, with the demand known before.

A replica computes for at most one second a second. With w the engine time that tokens took per request, n replicas
answer n/w requests per second at most, whatever the batching; what arrives beyond them in an interval is late. The
bound is the least sum of replicas over all intervals whose late requests stay within what the SLO lets be missed:
replicas come and go at once, steps cost nothing but their tokens, and nothing queues within an interval. So no
autoscaler needs less, and one that needs as little may not exist.

With cold starts, a start is ordered as long before as it takes and is paid in that time: a gap between two stretches in
which a replica is needed is bridged where it is no longer than that.
"""

from dataclasses import dataclass
from math import fsum, inf
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from simcost.compare.provisioning import SMOOTHED_S, demand, held_s
from simcost.ledger.requests import Ledger
from simcost.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from simcost.slo import SloReport

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PerfectScaling:
    """Replica-hours of a run beside those of a perfect autoscaler: paid = bound + over - under."""

    paid_h: float
    bound_h: float
    """Without cold starts: no autoscaler that keeps the SLO needs less."""
    with_cold_start_h: float
    """The same replicas where each start takes as long as it did in the run."""
    over_h: float
    """Paid beyond the bound, minute by minute."""
    under_h: float
    """Needed by the bound and not there."""
    window_s: float
    """Time over which arrivals are averaged."""


def perfect_scaling(ledger: Ledger, slo: "SloReport") -> PerfectScaling:
    """The bound of a run, and how its fleet compares."""
    window_s = _window_s(ledger)
    t_s, rate = demand(ledger, window_s)
    step_s = np.diff(t_s, prepend=0.0)
    if window_s >= ledger.horizon_s:
        rate = np.full(len(rate), ledger.outcomes.arrived / ledger.horizon_s)
    sent = ledger.outcomes.sendings or ledger.outcomes
    worked_on = sent.completed + sent.timed_out + sent.lost
    work_s = ledger.outcomes.work_s / worked_on if worked_on else 0.0
    allowed = (1 - slo.target) * float((rate * step_s).sum())
    need = fewest_replicas(*_late(rate * work_s, step_s / work_s if work_s else step_s), allowed)
    starts = ledger.events["value"].to_numpy()[ledger.events["what"].to_numpy(zero_copy_only=False) == "started"]
    lead = float(starts.mean()) / step_s[0] if len(starts) and len(step_s) else 0.0
    needed_s = need * step_s
    paid_s = np.diff(held_s(ledger, np.append(0.0, t_s)))
    beyond_s = np.round(paid_s - needed_s, 6)
    cold_s = (replica_intervals(need, lead=lead, initial=int(need[0])) - need.sum()) * step_s[0] if len(need) else 0.0
    return PerfectScaling(
        paid_h=float(paid_s.sum()) / SECONDS_PER_HOUR,
        bound_h=float(needed_s.sum()) / SECONDS_PER_HOUR,
        with_cold_start_h=float(needed_s.sum() + cold_s) / SECONDS_PER_HOUR,
        over_h=float(np.maximum(beyond_s, 0.0).sum()) / SECONDS_PER_HOUR,
        under_h=float(np.maximum(-beyond_s, 0.0).sum()) / SECONDS_PER_HOUR,
        window_s=window_s,
    )


def _window_s(ledger: Ledger) -> float:
    """Five minutes, or as long as a request may wait; the whole run where it may wait for ever."""
    limits = ledger.outcomes.limits
    wait_s = min(limits.ttft_s, limits.e2e_s)
    return ledger.horizon_s if wait_s == inf else max(SMOOTHED_S, wait_s)


def _late(load: Floats, each: Floats) -> tuple[Ints, Floats]:
    """Replicas of each interval that carry its load, and the requests that are late for want of them, where a replica
    carries `each`.
    """
    counts = np.ceil(load - 1e-9).astype(np.int64)
    late = np.repeat(each, counts)
    some = counts > 0
    last = np.cumsum(counts)[some] - counts[some]
    late[last] = (load[some] - counts[some] + 1) * each[some]
    return counts, late


def fewest_replicas(counts: Ints, late: Floats, allowed: float) -> Ints:
    """The fewest replicas of each interval, in sum, with which no more requests than allowed are late.

    Args:
        counts: of each interval, the replicas with which none is.
        late: interval by interval, requests that are late for want of the last of its replicas, the one before, ...:
            rising, since each further one matters less.
        allowed: late requests of all intervals.

    >>> fewest_replicas(np.array([2, 1]), np.array([2.0, 40.0, 5.0]), 8.0)
    array([1, 0])
    """
    interval, order = np.repeat(np.arange(len(counts)), counts), np.argsort(late, kind="stable")
    given_up = order[np.cumsum(late[order]) <= allowed + 1e-9]
    result: Ints = counts - np.bincount(interval[given_up], minlength=len(counts))
    return result


def replica_intervals(need: npt.ArrayLike, *, lead: float, initial: int, min_up: int = 1) -> float:
    """The least paid replica-intervals with no fewer replicas ready than needed.

    Args:
        need: replicas of each interval.
        lead: intervals that a start is paid before it is ready.
        initial: replicas that are ready before the first interval, and may stop at once.
        min_up: intervals that a replica stays once it is ready.

    >>> replica_intervals([2, 2, 3, 5, 5, 2, 4, 2], lead=1, initial=2)
    30.0
    """
    needed = np.asarray(need, np.int64)
    if not len(needed):
        return 0.0
    if min_up > 1:
        return _by_programme(needed, lead, initial, min_up)
    return fsum(_level(needed >= k, lead, there=k <= initial) for k in range(1, int(needed.max()) + 1))


def _level(needed: npt.NDArray[np.bool_], lead: float, *, there: bool) -> float:
    """Intervals of one replica that is needed in stretches: gaps are bridged where a start would cost more."""
    edges = np.flatnonzero(np.diff(needed.astype(np.int8), prepend=0, append=0))
    begin, end = edges[::2], edges[1::2]
    gaps = np.minimum(begin[1:] - end[:-1], lead).sum()
    first = min(float(begin[0]), lead) if there else lead
    return float((end - begin).sum() + gaps + first)


def _by_programme(need: Ints, lead: float, initial: int, min_up: int) -> float:
    """The same by a linear programme, whose matrix is totally unimodular: n replicas, v starts by interval.

    min sum n + lead sum v;  n >= need;  n_t - n_(t-1) <= v_t;  v_(t-m+1) + ... + v_t <= n_t
    """
    from scipy.optimize import linprog
    from scipy.sparse import diags_array, eye_array, hstack, vstack

    size = len(need)
    one = eye_array(size)
    rises = hstack([one - eye_array(size, k=-1), -one])
    stays = hstack([-one, diags_array([np.ones(size - k) for k in range(min_up)], offsets=[-k for k in range(min_up)])])
    most = np.concatenate([[float(initial)], np.zeros(2 * size - 1)])
    bounds = [(float(least), None) for least in need] + [(0.0, None)] * size
    cost = np.concatenate([np.ones(size), np.full(size, lead)])
    solved = linprog(cost, A_ub=vstack([rises, stays]).tocsr(), b_ub=most, bounds=bounds, method="highs")
    return float(solved.fun)
