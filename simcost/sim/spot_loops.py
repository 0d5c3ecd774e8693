"""The compiled loops of `sim.spot`: one run along the ticks of a trace. Times are seconds."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simcost.sim.compiled import entry, helper

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
States = npt.NDArray[np.int8]
STATES = ("idle", "spot", "on demand")
_IDLE, _SPOT, _ON_DEMAND = 0, 1, 2
AS_IT_COMES, PACE, PACE_PLAIN = 0, 1, 2
WORK_O, WORK_S, BILLED_O, BILLED_S, WEIGHTED, FINISH, LAUNCHES, PREEMPTIONS, DONE = range(9)
FIELDS = 9
ROUNDING = 1e-12
"""Work this close to the whole is done."""


class Sizes(NamedTuple):
    """A job and the tick of the trace, for the compiled code; seconds."""

    work: float
    deadline: float
    changeover: float
    gap: float


@entry
def gang(
    there: Flags, weight: Floats, starts: Ints, job: Sizes, pace: int, slices: int, always: bool, net: bool
) -> Floats:
    """One row of FIELDS per start; the whole gang is on spot, on demand or idle."""
    found = np.zeros((len(starts), FIELDS))
    unseen = np.zeros(0, np.int8)
    for run in range(len(starts)):
        zones, prices = there[:, starts[run] :], weight[:, starts[run] :]
        gang_run(found[run], unseen, zones, prices, job, pace, slices, always, net)
    return found


@entry
def gang_run(
    row: Floats,
    states: States,
    there: Flags,
    weight: Floats,
    job: Sizes,
    pace: int,
    slices: int,
    always: bool,
    net: bool,
) -> None:
    """From the first tick given to the end of the job, or of the trace where no net catches; `states` is filled."""
    state, zone, locked, goal = _IDLE, -1, always, job.work
    progress = rest = 0.0
    tick = 0
    while tick < there.shape[1] or net:
        t = tick * job.gap
        number = min(int(t / (job.deadline / slices)), slices - 1)
        target = job.work * (number + 1) / slices
        left, need = job.deadline * (number + 1) / slices - t, target - progress
        if slices > 1 and locked and progress >= goal * (1 - ROUNDING):
            locked = False
        found = _zone(there, weight, tick, zone if state == _SPOT else -1)
        if state == _SPOT and found != zone:
            state, rest = _IDLE, 0.0
            row[PREEMPTIONS] += 1
        new = _ON_DEMAND if locked else _wish(state, found >= 0, pace, progress, t, job)
        late = left < need + 2 * job.changeover + job.gap and need > 0
        last = job.deadline - t < job.work - progress + 2 * job.changeover + job.gap  # slices must not cost the whole
        if net and (late or last) and not (state == _SPOT and new == _SPOT):
            new, locked, goal = _ON_DEMAND, True, job.work if last else target
        if new != state:
            state, rest = new, job.changeover
            row[LAUNCHES] += 1 if new != _IDLE else 0
        zone = found if state == _SPOT else -1
        if tick < len(states):
            states[tick] = state
        if state != _IDLE:
            use = min(rest, job.gap)
            rest -= use
            work = min(job.gap - use, job.work - progress)
            progress += work
            row[WORK_S if state == _SPOT else WORK_O] += work
            row[BILLED_S if state == _SPOT else BILLED_O] += use + work
            row[WEIGHTED] += (use + work) * weight[zone, tick] if state == _SPOT else 0.0
            if progress >= job.work * (1 - ROUNDING):
                row[FINISH], row[DONE] = t + use + work, 1.0
                return
        tick += 1


@helper
def _zone(there: Flags, weight: Floats, tick: int, held: int) -> int:
    """The zone to be on spot in: the one held while it lasts, else that of least weight; -1 = none has room."""
    if tick >= there.shape[1]:
        return -1
    if held >= 0 and there[held, tick]:
        return held
    best = -1
    for zone in range(len(there)):
        if there[zone, tick] and (best < 0 or weight[zone, tick] < weight[best, tick]):
            best = zone
    return best


@helper
def _wish(state: int, spot: bool, pace: int, progress: float, t: float, job: Sizes) -> int:
    """Capacity that the policy would use, were there no safety net."""
    if state == _SPOT:
        return _SPOT
    reached = progress >= (t + (2 * job.changeover if pace == PACE else 0.0)) * job.work / job.deadline
    if spot:
        return _ON_DEMAND if pace == PACE and state == _ON_DEMAND and not reached else _SPOT
    if state == _ON_DEMAND:
        return _IDLE if pace == AS_IT_COMES or reached else _ON_DEMAND
    behind = pace != AS_IT_COMES and progress < t * job.work / job.deadline
    return _ON_DEMAND if behind else _IDLE


@entry
def mixed(nodes: Ints, weight: Floats, starts: Ints, job: Sizes, gang: int, most: int) -> Floats:
    """One row of FIELDS per start; `gang - most` nodes on demand, and what spot gives up to `most`."""
    found = np.zeros((len(starts), FIELDS))
    for run in range(len(starts)):
        _mixed_run(found[run], nodes[starts[run] :], weight[starts[run] :], job, gang, most)
    return found


@helper
def _mixed_run(row: Floats, nodes: Ints, weight: Floats, job: Sizes, gang: int, most: int) -> None:
    """From the first tick given to the end of the job."""
    steady, spot, locked = 0, 0, False
    progress = rest = 0.0
    tick = 0
    while True:
        t, got = tick * job.gap, min(nodes[tick], most) if tick < len(nodes) else 0
        late = job.deadline - t < job.work - progress + 2 * job.changeover + job.gap
        locked = locked or (late and not (steady + spot == gang and got >= spot))
        row[PREEMPTIONS] += 1 if got < spot else 0
        want, give = (gang, 0) if locked else (gang - most, got)
        if want != steady or give != spot:
            steady, spot, rest = want, give, job.changeover
            row[LAUNCHES] += 1 if want + give > 0 else 0
        if steady + spot > 0:
            use = min(rest, job.gap)
            rest -= use
            speed, share = (steady + spot) / gang, spot / (steady + spot)
            work = min((job.gap - use) * speed, job.work - progress)
            progress += work
            billed = use * speed + work
            row[WORK_O] += work * (1 - share)
            row[WORK_S] += work * share
            row[BILLED_O] += billed * (1 - share)
            row[BILLED_S] += billed * share
            row[WEIGHTED] += billed * share * weight[tick] if spot else 0.0
            if progress >= job.work * (1 - ROUNDING):
                row[FINISH], row[DONE] = t + use + work / speed, 1.0
                return
        tick += 1
