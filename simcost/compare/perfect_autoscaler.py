"""Perfect autoscaler: the fewest replica-hours with which a run could have kept its SLO, with the demand known before.

A replica computes for at most one second a second, and good requests take a least time of it, however they are batched
(`least_work`). The bound is that time of as many requests as the SLO asks for, the lightest of them: replicas come and
go at once, at any moment and in parts, and work waits for them as it likes. So no autoscaler of such replicas needs
less that keeps the SLO of the same requests and leaves no more of them open at the end; one that needs as little may
not exist, least of all at a few requests an hour.

Along time the bound lies where requests arrive, as a mean over five minutes, or as long as a request may wait.

With cold starts, a good request still meets a ready replica within W, the time to its first token (or end) that the SLO
allows. From one good arrival to the next, a gap g, either one stays, for g - W at least, or one starts, which is paid
for as long as starts take: min(g - W, start). Without m requests that may be late or open at the end, the sum over all
gaps but the m longest is left: a gap that joins k + 1 others spares no more than k of these. The larger of this and the
bound is a bound with cold starts.

A schedule is what whole replicas would take that follow the demand minute by minute, less the requests that the SLO
lets be late: something to aim at, no bound. A start is ordered as long before as it takes, and a gap between two
stretches in which a replica is needed is bridged where it is no longer than that.
"""

from dataclasses import dataclass
from math import ceil, fsum, inf
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from simcost.compare.least_work import ReplicaLimits, least_replica_s
from simcost.compare.provisioning import (
    SMOOTHED_S,
    demand,
    held_s,
    saturating_utilisation,
    work_per_arrival_s,
)
from simcost.ledger.request_mix import lightest_first
from simcost.ledger.requests import LatencyLimits, Ledger
from simcost.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from simcost.slo import SloReport

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PerfectScaling:
    """Replica-hours of a run against those of a perfect autoscaler: paid = bound + over - under."""

    paid_h: float
    bound_h: float
    """Without cold starts: no autoscaler needs less that keeps the SLO and leaves no more requests open at the end."""
    with_cold_start_h: float
    """The same of replicas whose starts take as long as the quickest of the run."""
    schedule_h: float
    """Of whole replicas that follow the demand, their starts as long as those of the run in the mean; no bound."""
    over_h: float
    """Paid beyond the bound, minute by minute."""
    under_h: float
    """Needed by the bound and not there."""
    window_s: float
    """Time over which arrivals are averaged."""


def perfect_scaling(ledger: Ledger, slo: "SloReport", replica: ReplicaLimits) -> PerfectScaling | None:
    """The bound of a run, and how its fleet compares; None where its requests were not counted by their tokens, or an
    API answers some of them.
    """
    if ledger.outcomes.mix is None or ledger.outcomes.overflowed is not None:
        return None
    window_s = _window_s(ledger)
    t_s, rate = demand(ledger, window_s)
    step_s = np.diff(t_s, prepend=0.0)
    if window_s >= ledger.horizon_s:
        rate = np.full(len(rate), ledger.outcomes.arrived / ledger.horizon_s)
    arrived = rate * step_s
    limits, good = _to_keep(ledger, slo)
    bound_s = least_replica_s(replica, ledger.outcomes.mix, limits, good)
    needed_s = arrived * (bound_s / arrived.sum()) if arrived.any() else np.zeros(len(arrived))
    paid_s = np.diff(held_s(ledger, np.append(0.0, t_s)))
    beyond_s = np.round(paid_s - needed_s, 6)
    return PerfectScaling(
        paid_h=float(paid_s.sum()) / SECONDS_PER_HOUR,
        bound_h=bound_s / SECONDS_PER_HOUR,
        with_cold_start_h=max(bound_s, _presence_s(ledger, limits, good)) / SECONDS_PER_HOUR,
        schedule_h=_schedule_s(ledger, slo, replica, rate, step_s) / SECONDS_PER_HOUR,
        over_h=float(np.maximum(beyond_s, 0.0).sum()) / SECONDS_PER_HOUR,
        under_h=float(np.maximum(-beyond_s, 0.0).sum()) / SECONDS_PER_HOUR,
        window_s=window_s,
    )


def _to_keep(ledger: Ledger, slo: "SloReport") -> tuple[LatencyLimits, int]:
    """Limits that a good request keeps, and how many are good at least; of several tenants what all have alike."""
    if slo.tenants:
        return LatencyLimits(), ceil(min(tenant.target for tenant in slo.tenants) * slo.judged - 1e-9)
    return ledger.outcomes.limits, ceil(slo.target * slo.judged - 1e-9)


def _starts_s(ledger: Ledger) -> Floats:
    """Time from the order of each replica that started until it was ready."""
    started = ledger.events["what"].to_numpy(zero_copy_only=False) == "started"
    times: Floats = ledger.events["value"].to_numpy()[started]
    return times


def _presence_s(ledger: Ledger, limits: LatencyLimits, good: int) -> float:
    """Replica-seconds, at least, in which one is there for each good request, or starts for it."""
    gaps, wait_s, starts_s = ledger.outcomes.gaps, min(limits.ttft_s, limits.e2e_s), _starts_s(ledger)
    if gaps is None or wait_s == inf or not len(starts_s):
        return 0.0
    bridged, seconds = lightest_first(np.clip(gaps.seconds - wait_s, 0.0, starts_s.min()), gaps.counts)
    return float(np.interp(bridged[-1] - (ledger.outcomes.arrived - good), bridged, seconds))


def _schedule_s(ledger: Ledger, slo: "SloReport", replica: ReplicaLimits, rate: Floats, step_s: Floats) -> float:
    """Replica-seconds of whole replicas that follow the demand."""
    work_s = work_per_arrival_s(ledger) / saturating_utilisation(ledger, replica)
    if not work_s or not len(rate):
        return 0.0
    starts_s = _starts_s(ledger)
    allowed = max((1 - slo.target) * float((rate * step_s).sum()) - ledger.outcomes.too_long, 0.0)
    need = fewest_replicas(*_late(rate * work_s, step_s / work_s), allowed)
    lead = float(starts_s.mean()) / step_s[0] if len(starts_s) else 0.0
    return replica_intervals(need, lead=lead, initial=int(need[0])) * float(step_s[0])


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
