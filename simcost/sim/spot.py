"""A job with a deadline on spot and on demand, tick by tick along a trace; compiled, many starts in one call.

At each tick of the trace: spot that went away leaves the job idle; the policy chooses spot, on demand or idle; the
safety net may overrule it for good; a changeover comes before any work. Times are seconds, hours are hours of
the whole gang. No prices: spot time may be weighted by a value per tick.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from numba import njit

from simcost.errors import InputError
from simcost.plan.spot import (
    Mixed,
    OnDemandOnly,
    SpotOnly,
    SpotPolicy,
    TimeSliced,
    UniformProgress,
    UniformProgressPlain,
)
from simcost.units import SECONDS_PER_HOUR

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
F = TypeVar("F", bound=Callable[..., object])


def _compiled(function: F) -> F:
    """Compiled on the first call; kept on disk."""
    compiled: F = njit(function, cache=True, nogil=True, error_model="numpy")
    return compiled


_IDLE, _SPOT, _ON_DEMAND = 0, 1, 2
_AS_IT_COMES, _PACE, _PACE_PLAIN = 0, 1, 2
_WORK_O, _WORK_S, _BILLED_O, _BILLED_S, _WEIGHTED, _FINISH, _LAUNCHES, _PREEMPTIONS, _DONE = range(9)
_FIELDS = 9
_ROUNDING = 1e-12
"""Work this close to the whole is done."""


class _Sizes(NamedTuple):
    """A job and the tick of the trace, for the compiled code; seconds."""

    work: float
    deadline: float
    changeover: float
    gap: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineJob:
    """What is to be done, in seconds."""

    work_s: float
    """On the whole gang, on spot or on demand alike."""
    deadline_s: float
    """From the start."""
    changeover_s: float
    gang: int = 1
    """Nodes; all of them or none, but for `Mixed`."""

    def __post_init__(self) -> None:
        if not 0 < self.work_s < np.inf or not 0 <= self.changeover_s < np.inf or self.gang < 1:
            raise InputError(
                f"a job of {self.work_s:g} s of work, changeovers of {self.changeover_s:g} s and {self.gang} nodes "
                "cannot be run; work and nodes must be more than 0, the changeover 0 or more"
            )
        if not self.work_s + self.changeover_s <= self.deadline_s < np.inf:
            hour = SECONDS_PER_HOUR
            raise InputError(
                f"the deadline of {self.deadline_s / hour:.4g} h cannot be met: {self.work_s / hour:.4g} h of work and "
                f"one changeover of {self.changeover_s / hour:.3g} h take longer; move the deadline or use more nodes"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpotRuns:
    """What became of the job from each start, hours of the gang."""

    on_demand_h: Floats
    """Work done on demand."""
    spot_h: Floats
    """Work done on spot."""
    billed_on_demand_h: Floats
    """Changeovers included, as in `billed_spot_h`; being idle is free."""
    billed_spot_h: Floats
    weighted_spot_h: Floats
    """Billed spot hours, each times the weight of its tick."""
    finish_h: Floats
    """From the start; infinite where the trace ended before the job."""
    launches: Ints
    preemptions: Ints
    deadline_met: Flags

    def __len__(self) -> int:
        return len(self.finish_h)


def run_spot(
    policy: SpotPolicy,
    job: DeadlineJob,
    nodes: Ints,
    gap_s: float,
    starts: Ints,
    weights: Floats | None = None,
) -> SpotRuns:
    """The job under a policy from each of the starts.

    Args:
        policy: when to use what. The price limit of `SpotBelow` must already be in `nodes`.
        job: work, deadline, changeover and gang.
        nodes: nodes that spot gives at each tick; past the end none.
        gap_s: seconds of a tick.
        starts: ticks at which the runs begin.
        weights: of each tick, for `weighted_spot_h`; None = 1.

    Raises:
        InputError: a start outside the trace, or more nodes on spot than the gang has.
    """
    if len(starts) and not 0 <= starts.min() <= starts.max() < len(nodes):
        raise InputError(f"a start lies outside the {len(nodes):,} ticks of the trace")
    weight = np.ones(len(nodes)) if weights is None else weights
    sizes = _Sizes(job.work_s, job.deadline_s, job.changeover_s, float(gap_s))
    if isinstance(policy, Mixed):
        if policy.spot_nodes > job.gang:
            raise InputError(
                f"{policy.spot_nodes} nodes on spot, but the gang has {job.gang}; give at most as many"
            )
        found = _mixed(nodes.astype(np.int64), weight, starts, sizes, job.gang, policy.spot_nodes)
    else:
        pace = {UniformProgress: _PACE, UniformProgressPlain: _PACE_PLAIN}.get(type(policy), _AS_IT_COMES)
        slices = policy.slices if isinstance(policy, TimeSliced) else 1
        locked, net = isinstance(policy, OnDemandOnly), not isinstance(policy, SpotOnly)
        found = _gang(nodes >= job.gang, weight, starts, sizes, pace, slices, locked, net)
    return _runs(found, job)


def _runs(found: Floats, job: DeadlineJob) -> SpotRuns:
    hours = found[:, : _FINISH + 1] / SECONDS_PER_HOUR
    finish_s = np.where(found[:, _DONE] > 0, found[:, _FINISH], np.inf)
    return SpotRuns(
        on_demand_h=hours[:, _WORK_O], spot_h=hours[:, _WORK_S], billed_on_demand_h=hours[:, _BILLED_O],
        billed_spot_h=hours[:, _BILLED_S], weighted_spot_h=hours[:, _WEIGHTED],
        finish_h=finish_s / SECONDS_PER_HOUR, launches=found[:, _LAUNCHES].astype(np.int64),
        preemptions=found[:, _PREEMPTIONS].astype(np.int64),
        deadline_met=finish_s <= job.deadline_s * (1 + _ROUNDING),
    )  # fmt: skip


@_compiled
def _gang(
    there: Flags, weight: Floats, starts: Ints, job: _Sizes, pace: int, slices: int, always: bool, net: bool
) -> Floats:
    """One row of _FIELDS per start; the whole gang is on spot, on demand or idle."""
    found = np.zeros((len(starts), _FIELDS))
    for run in range(len(starts)):
        _gang_run(found[run], there[starts[run] :], weight[starts[run] :], job, pace, slices, always, net)
    return found


@_compiled
def _gang_run(
    one: Floats, there: Flags, weight: Floats, job: _Sizes, pace: int, slices: int, always: bool, net: bool
) -> None:
    """From the first tick given to the end of the job, or of the trace where no net catches."""
    state, locked, goal = _IDLE, always, job.work
    progress = rest = 0.0
    tick = 0
    while tick < len(there) or net:
        t, spot = tick * job.gap, tick < len(there) and there[tick]
        number = min(int(t / (job.deadline / slices)), slices - 1)
        target = job.work * (number + 1) / slices
        left, need = job.deadline * (number + 1) / slices - t, target - progress
        if slices > 1 and locked and progress >= goal * (1 - _ROUNDING):
            locked = False
        if state == _SPOT and not spot:
            state, rest = _IDLE, 0.0
            one[_PREEMPTIONS] += 1
        new = _ON_DEMAND if locked else _wish(state, spot, pace, progress, t, job)
        late = left < need + 2 * job.changeover + job.gap and need > 0
        last = (
            job.deadline - t < job.work - progress + 2 * job.changeover + job.gap
        )  # slices must not cost the whole
        if net and (late or last) and not (state == _SPOT and new == _SPOT):
            new, locked, goal = _ON_DEMAND, True, job.work if last else target
        if new != state:
            state, rest = new, job.changeover
            one[_LAUNCHES] += 1 if new != _IDLE else 0
        if state != _IDLE:
            use = min(rest, job.gap)
            rest -= use
            work = min(job.gap - use, job.work - progress)
            progress += work
            one[_WORK_S if state == _SPOT else _WORK_O] += work
            one[_BILLED_S if state == _SPOT else _BILLED_O] += use + work
            one[_WEIGHTED] += (use + work) * weight[tick] if state == _SPOT else 0.0
            if progress >= job.work * (1 - _ROUNDING):
                one[_FINISH], one[_DONE] = t + use + work, 1.0
                return
        tick += 1


@_compiled
def _wish(state: int, spot: bool, pace: int, progress: float, t: float, job: _Sizes) -> int:
    """What the policy would use, were there no safety net."""
    if state == _SPOT:
        return _SPOT
    reached = progress >= (t + (2 * job.changeover if pace == _PACE else 0.0)) * job.work / job.deadline
    if spot:
        return _ON_DEMAND if pace == _PACE and state == _ON_DEMAND and not reached else _SPOT
    if state == _ON_DEMAND:
        return _IDLE if pace == _AS_IT_COMES or reached else _ON_DEMAND
    behind = pace != _AS_IT_COMES and progress < t * job.work / job.deadline
    return _ON_DEMAND if behind else _IDLE


@_compiled
def _mixed(nodes: Ints, weight: Floats, starts: Ints, job: _Sizes, gang: int, most: int) -> Floats:
    """One row of _FIELDS per start; `gang - most` nodes on demand, and what spot gives up to `most`."""
    found = np.zeros((len(starts), _FIELDS))
    for run in range(len(starts)):
        _mixed_run(found[run], nodes[starts[run] :], weight[starts[run] :], job, gang, most)
    return found


@_compiled
def _mixed_run(one: Floats, nodes: Ints, weight: Floats, job: _Sizes, gang: int, most: int) -> None:
    """From the first tick given to the end of the job."""
    steady, spot, locked = 0, 0, False
    progress = rest = 0.0
    tick = 0
    while True:
        t, got = tick * job.gap, min(nodes[tick], most) if tick < len(nodes) else 0
        late = job.deadline - t < job.work - progress + 2 * job.changeover + job.gap
        locked = locked or (late and not (steady + spot == gang and got >= spot))
        one[_PREEMPTIONS] += 1 if got < spot else 0
        want, give = (gang, 0) if locked else (gang - most, got)
        if want != steady or give != spot:
            steady, spot, rest = want, give, job.changeover
            one[_LAUNCHES] += 1 if want + give > 0 else 0
        if steady + spot > 0:
            use = min(rest, job.gap)
            rest -= use
            speed, share = (steady + spot) / gang, spot / (steady + spot)
            work = min((job.gap - use) * speed, job.work - progress)
            progress += work
            billed = use * speed + work
            one[_WORK_O] += work * (1 - share)
            one[_WORK_S] += work * share
            one[_BILLED_O] += billed * (1 - share)
            one[_BILLED_S] += billed * share
            one[_WEIGHTED] += billed * share * weight[tick] if spot else 0.0
            if progress >= job.work * (1 - _ROUNDING):
                one[_FINISH], one[_DONE] = t + use + work / speed, 1.0
                return
        tick += 1
