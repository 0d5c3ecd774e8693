"""A job with a deadline on spot and on demand, tick by tick along a trace; compiled, many starts in one call.

At each tick of the trace: spot that went away leaves the job idle; the policy chooses spot, on demand or idle; the
safety net may overrule it for good; a changeover comes before any work. Times are seconds, hours are hours of
the whole gang. No prices: spot time may be weighted by a value per tick.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simcost.errors import InputError
from simcost.plan.spot import Mixed, SpotPolicy
from simcost.sim import spot_loops
from simcost.sim.spot_loops import STATES, Flags, Floats, Ints, Sizes
from simcost.units import SECONDS_PER_HOUR

__all__ = ["STATES", "DeadlineJob", "SpotRuns", "course", "run_spot"]

_PACES = {"as-it-comes": spot_loops.AS_IT_COMES, "even": spot_loops.PACE, "even-plain": spot_loops.PACE_PLAIN}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineJob:
    """Job with a deadline, in seconds."""

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
    """Outcomes of the job from each start, hours of the gang."""

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
        nodes: that spot gives at each tick, shape (ticks) or (zones, ticks); past the end none. A gang stands in
            one zone: it begins in the one with the least weight that has room, and stays until that takes it back.
        gap_s: seconds of a tick.
        starts: ticks at which the runs begin.
        weights: of each tick, for `weighted_spot_h`, in the shape of `nodes`; None = 1.

    Raises:
        InputError: a start outside the trace, more nodes on spot than the gang has, a mixed fleet over several zones.
    """
    zones = np.atleast_2d(nodes)
    if len(starts) and not 0 <= starts.min() <= starts.max() < zones.shape[1]:
        raise InputError(f"a start lies outside the {zones.shape[1]:,} ticks of the trace")
    weight = np.ones(zones.shape) if weights is None else np.atleast_2d(weights)
    sizes = Sizes(job.work_s, job.deadline_s, job.changeover_s, float(gap_s))
    if isinstance(policy, Mixed):
        if policy.spot_nodes > job.gang:
            raise InputError(f"{policy.spot_nodes} nodes on spot, but the gang has {job.gang}; give at most as many")
        if len(zones) > 1:
            raise InputError("a mixed fleet has its spot nodes in one zone; look at each zone by itself")
        found = spot_loops.mixed(zones[0].astype(np.int64), weight[0], starts, sizes, job.gang, policy.spot_nodes)
    else:
        found = spot_loops.gang(zones >= job.gang, weight, starts, sizes, *_rules(policy))
    return _runs(found, job)


def course(
    policy: SpotPolicy, job: DeadlineJob, nodes: Ints, gap_s: float, start: int, weights: Floats
) -> list[tuple[int, float, float]]:
    """One run of a policy that moves the whole gang: the state (an index into STATES), from hour, to hour.

    Args: as `run_spot`.
    """
    sizes = Sizes(job.work_s, job.deadline_s, job.changeover_s, float(gap_s))
    there, weight = np.atleast_2d(nodes)[:, start:] >= job.gang, np.atleast_2d(weights)[:, start:]
    states = np.full(max(there.shape[1], int(2 * job.deadline_s / gap_s) + 2), -1, np.int8)
    spot_loops.gang_run(np.zeros(spot_loops.FIELDS), states, there, weight, sizes, *_rules(policy))
    states = states[: int((states >= 0).sum())]
    edges = np.concatenate([[0], np.flatnonzero(np.diff(states)) + 1, [len(states)]]).tolist()
    hours = [edge * gap_s / SECONDS_PER_HOUR for edge in edges]
    return [(int(states[edge]), *span) for edge, span in zip(edges, pairwise(hours), strict=False)]


def _rules(policy: SpotPolicy) -> tuple[int, int, bool, bool]:
    """Pace, slices, on demand from the start, safety net."""
    return _PACES[policy.pace], policy.parts(), policy.on_demand_from_start, policy.safety_net


def _runs(found: Floats, job: DeadlineJob) -> SpotRuns:
    hours = found[:, : spot_loops.FINISH + 1] / SECONDS_PER_HOUR
    finish_s = np.where(found[:, spot_loops.DONE] > 0, found[:, spot_loops.FINISH], np.inf)
    return SpotRuns(
        on_demand_h=hours[:, spot_loops.WORK_O],
        spot_h=hours[:, spot_loops.WORK_S],
        billed_on_demand_h=hours[:, spot_loops.BILLED_O],
        billed_spot_h=hours[:, spot_loops.BILLED_S],
        weighted_spot_h=hours[:, spot_loops.WEIGHTED],
        finish_h=finish_s / SECONDS_PER_HOUR,
        launches=found[:, spot_loops.LAUNCHES].astype(np.int64),
        preemptions=found[:, spot_loops.PREEMPTIONS].astype(np.int64),
        deadline_met=finish_s <= job.deadline_s * (1 + spot_loops.ROUNDING),
    )
