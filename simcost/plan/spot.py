"""Policies of a job with a deadline: spot, on demand, or neither. Each policy is its schema and its
documentation; `sim.spot` obeys it.

A changeover is the time to get nodes and to be where the job was: provisioning, set-up, lost progress. Policies
with the safety net go on demand for good once the time left is less than the work left, two changeovers and a tick
of the trace: they meet every deadline that is at least a changeover longer than the work. Source: Wu et al., Can't
Be Late, NSDI 2024.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Le

from simcost.units import PositiveCount, UsdPerH

Pace = Literal["as-it-comes", "even", "even-plain"]
"""True if a policy keeps up with the even pace work/deadline, with hysteresis or without."""


class SpotRules:
    """Base of the policies: what the compiled loop reads of each."""

    __slots__ = ()
    pace: ClassVar[Pace] = "as-it-comes"
    on_demand_from_start: ClassVar[bool] = False
    safety_net: ClassVar[bool] = True
    name: ClassVar[str]

    @property
    def label(self) -> str:
        """Display name of the policy."""
        return self.name

    def parts(self) -> int:
        """Equal parts of work and deadline, each with its own safety net."""
        return 1


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDemandOnly(SpotRules):
    """On demand from start to end: the baseline of every other policy."""

    kind: Literal["on-demand"] = "on-demand"
    on_demand_from_start: ClassVar[bool] = True
    name: ClassVar[str] = "On-demand only"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotOnly(SpotRules):
    """Spot whenever it can be had, else idle; no safety net, so the deadline may pass."""

    kind: Literal["spot-only"] = "spot-only"
    safety_net: ClassVar[bool] = False
    name: ClassVar[str] = "Spot only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Greedy(SpotRules):
    """Spot whenever it can be had, else idle, until the safety net catches."""

    kind: Literal["greedy"] = "greedy"
    name: ClassVar[str] = "Greedy"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotBelow(SpotRules):
    """Greedy, where spot counts as there only while its price is at most this."""

    kind: Literal["spot-below"] = "spot-below"
    max_usd_per_h: UsdPerH
    """Per node. A running node is given up once the price in effect is higher."""

    @property
    def label(self) -> str:
        """Display name of the policy."""
        return f"Spot at most ${self.max_usd_per_h:g}/h"


@dataclass(frozen=True, slots=True, kw_only=True)
class UniformProgress(SpotRules):
    """Keep up with the deadline: behind the even pace work/deadline on demand, else on spot or idle.

    Idle and behind the pace: on demand; spot if it can be had. On demand stays until the pace of two changeovers
    later is reached, then spot if it can be had, else idle. Safety net.
    """

    kind: Literal["uniform-progress"] = "uniform-progress"
    pace: ClassVar[Pace] = "even"
    name: ClassVar[str] = "Uniform Progress"


@dataclass(frozen=True, slots=True, kw_only=True)
class UniformProgressPlain(SpotRules):
    """Uniform Progress without hysteresis: from on demand to spot as soon as it can be had, to idle on the pace."""

    kind: Literal["up-plain"] = "up-plain"
    pace: ClassVar[Pace] = "even-plain"
    name: ClassVar[str] = "Uniform Progress without hysteresis"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSliced(SpotRules):
    """Greedy in each of n equal slices: work and deadline are cut alike, and a slice has its own safety net, which
    opens again once the work of the slice is done; that of the whole job does not.
    """

    kind: Literal["time-sliced"] = "time-sliced"
    slices: Annotated[int, Ge(1), Le(10_000)]

    @property
    def label(self) -> str:
        """Display name of the policy."""
        return f"Time-sliced ({self.slices})"

    def parts(self) -> int:
        """Slices of the work."""
        return self.slices


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed(SpotRules):
    """Some nodes of the gang always on demand, the others on spot while they can be had, and the safety net.

    The job runs on the nodes that are there, at a speed in proportion to them; each change of their number is a
    changeover for all.
    """

    kind: Literal["mixed"] = "mixed"
    spot_nodes: PositiveCount
    """At most the gang."""

    @property
    def label(self) -> str:
        """Display name of the policy."""
        return f"Mixed ({self.spot_nodes} on spot)"


SpotPolicy = OnDemandOnly | SpotOnly | Greedy | SpotBelow | UniformProgress | UniformProgressPlain | TimeSliced | Mixed
