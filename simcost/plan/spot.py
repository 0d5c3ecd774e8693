"""When a job with a deadline runs on spot, when on demand, when not at all. Each policy is its schema and its
documentation; `sim.spot` obeys it.

A changeover is the time to get nodes and to be where the job was: provisioning, set-up, lost progress. Policies
with the safety net go on demand for good once the time left is less than the work left, two changeovers and a tick
of the trace: they meet every deadline that is at least a changeover longer than the work. Source: Wu et al., Can't
Be Late, NSDI 2024.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Le

from simcost.units import PositiveCount, UsdPerH


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDemandOnly:
    """On demand from start to end: what every other policy is measured against."""

    kind: Literal["on-demand"] = "on-demand"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotOnly:
    """Spot whenever it can be had, else idle; no safety net, so the deadline may pass."""

    kind: Literal["spot-only"] = "spot-only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Greedy:
    """Spot whenever it can be had, else idle, until the safety net catches."""

    kind: Literal["greedy"] = "greedy"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotBelow:
    """Greedy, where spot counts as there only while its price is at most this."""

    kind: Literal["spot-below"] = "spot-below"
    max_usd_per_h: UsdPerH
    """Per node. A running node is given up once the price in effect is higher."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UniformProgress:
    """Keep up with the deadline: behind the even pace work/deadline on demand, else on spot or idle.

    Idle and behind the pace: on demand; spot if it can be had. On demand stays until the pace of two changeovers
    later is reached, then spot if it can be had, else idle. Safety net.
    """

    kind: Literal["uniform-progress"] = "uniform-progress"


@dataclass(frozen=True, slots=True, kw_only=True)
class UniformProgressPlain:
    """Uniform Progress without hysteresis: from on demand to spot as soon as it can be had, to idle on the pace."""

    kind: Literal["up-plain"] = "up-plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSliced:
    """Greedy in each of n equal slices: work and deadline are cut alike, and a slice has its own safety net, which
    opens again once the work of the slice is done; that of the whole job does not.
    """

    kind: Literal["time-sliced"] = "time-sliced"
    slices: Annotated[int, Ge(1), Le(10_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """Some nodes of the gang always on demand, the others on spot while they can be had, and the safety net.

    The job runs on the nodes that are there, at a speed in proportion to them; each change of their number is a
    changeover for all.
    """

    kind: Literal["mixed"] = "mixed"
    spot_nodes: PositiveCount
    """At most the gang."""


SpotPolicy = OnDemandOnly | SpotOnly | Greedy | SpotBelow | UniformProgress | UniformProgressPlain | TimeSliced | Mixed

_NAMES = {
    "on-demand": "On-demand only",
    "spot-only": "Spot only",
    "greedy": "Greedy",
    "uniform-progress": "Uniform Progress",
    "up-plain": "Uniform Progress without hysteresis",
}


def name_of(policy: SpotPolicy) -> str:
    """The policy for people.

    >>> name_of(TimeSliced(slices=4)), name_of(UniformProgress())
    ('Time-sliced (4)', 'Uniform Progress')
    """
    match policy:
        case SpotBelow():
            return f"Spot at most ${policy.max_usd_per_h:g}/h"
        case TimeSliced():
            return f"Time-sliced ({policy.slices})"
        case Mixed():
            return f"Mixed ({policy.spot_nodes} on spot)"
        case _:
            return _NAMES[policy.kind]
