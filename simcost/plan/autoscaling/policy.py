"""Interface of all scaling policies: the signals and observation that a controller reads, the decision that it returns.

A policy is pure: `step(now_s, seen, state)` gives a `Decision`, and neither reads a clock nor changes its arguments.
Its state is plain JSON (dicts, lists, numbers, text, None): copy it to ask what if, store it to go on later.
Instants inside states are whole nanoseconds, so that an age equals a window exactly where the clock says so.

Metrics of other systems are made of the signals of the simulator.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import nan
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Generic,
    Literal,
    NamedTuple,
    Protocol,
    Self,
    TypeVar,
    runtime_checkable,
)

from annotated_types import Gt

from simcost.units import NS_PER_S, Seconds

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]
    Codes = npt.NDArray[np.int8]


SignalName = Literal[
    "running",
    "waiting",
    "in_flight",
    "gateway_waiting",
    "dispatched",
    "kv_utilisation",
    "busy_fraction",
    "kv_demand",
    "queued_prompt_tokens",
    "next_ttft_s",
    "own_ttft_s",
    "next_itl_s",
    "own_itl_s",
    "requests_per_s",
    "completions_per_s",
    "prompt_tokens_per_s",
    "output_tokens_per_s",
    "tokens_per_s",
    "ttft_p50_s",
    "ttft_p90_s",
    "ttft_p95_s",
    "ttft_p99_s",
    "tpot_p50_s",
    "tpot_p90_s",
    "tpot_p95_s",
    "tpot_p99_s",
    "e2e_p50_s",
    "e2e_p90_s",
    "e2e_p95_s",
    "e2e_p99_s",
]
"""Requests that run, wait, both; that wait at the gateway, and those that it has handed to a replica; share of the KV
cache in use; share of time in which the engine works; KV cache in use and that waiting requests will want, per
capacity; prompt tokens that wait; latencies that the next request would see, and those of an empty replica; rates of
arrivals, completions and tokens; percentiles of latency of requests that end."""
TOTALS_ONLY = ("ttft", "tpot", "e2e")
"""Beginnings of the signals that no single replica has."""
OF_THE_GATEWAY = ("gateway_waiting", "dispatched")

LATENCIES = tuple(f"{name}_p" for name in TOTALS_ONLY)
"""Beginnings of the names of percentiles of latency."""

Over = Literal["sum", "mean", "max", "min"]
ScaleDownOrder = Literal["youngest", "replica-set"]
"""Rules by which replicas are removed, as `Drain.victims` describes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One signal of the simulator, as a metric reads it."""

    name: SignalName
    """Name of the signal."""
    over: Over = "sum"
    """Aggregation over replicas where a value of the whole pool is needed."""
    window: Seconds = 0.0
    """Time over which it is taken, as `rate(...[w])` does; 0 = the newest sample."""
    over_time: Literal["mean", "max"] = "mean"
    """Aggregation over the window, where it is neither a rate nor a percentile."""
    scale: Annotated[float, Gt(0)] = 1.0
    """Factor from our unit to that of the metric: 100 for a share in percent."""
    metric: str = ""
    """Its name in the monitoring system, where that differs from ours; recorded metrics are looked up by it."""

    @property
    def is_latency(self) -> bool:
        """True if it is a percentile of latency."""
        return self.name.startswith(LATENCIES)

    @property
    def of_the_pool_alone(self) -> bool:
        """True if no single replica has it: a percentile of latency, a count of the gateway."""
        return self.is_latency or self.name in OF_THE_GATEWAY


Source = tuple[Signal, ...]
"""Source of a metric: the sum of these signals."""


def own(*names: SignalName, over: Over = "sum") -> dict[str, Source]:
    """Signals that a policy reads under our own names.

    >>> own("waiting")  # doctest: +NORMALIZE_WHITESPACE
    {'waiting': (Signal(name='waiting', over='sum', window=0.0, over_time='mean', scale=1.0, metric=''),)}
    """
    return {name: (Signal(name=name, over=over),) for name in names}


PENDING, RUNNING, SUCCEEDED, FAILED = range(4)
"""Phases of a replica, as of a Kubernetes pod; all but pending and running are over."""
NOT_READY, READY, UNKNOWN = 0, 1, -1
"""Readiness of a replica; unknown where it has no Ready condition yet."""

State_co = TypeVar("State_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """Ages of replicas; NaN where there is no such instant: before the start, without a sample."""

    age_s: Floats
    """Since the start."""
    ready_age_s: Floats
    """Since readiness last changed."""
    sample_age_s: Floats
    """Of the newest sample of resource usage."""
    sample_window_s: Floats
    """Time that such a sample covers."""


@dataclass(slots=True, kw_only=True)
class Replicas:
    """One row per replica that exists, those being deleted included; all arrays have one length.

    Not frozen, as an observation is not: each step of a policy has new ones. No policy changes them.
    """

    phase: Codes
    """`PENDING`, `RUNNING`, `SUCCEEDED` or `FAILED`."""
    deleting: Flags
    ready: Codes
    """`READY`, `NOT_READY` or `UNKNOWN`."""
    ages: Callable[[], Ages]
    """Called by the few policies that look at ages."""
    signals: Mapping[str, Floats]
    """Samples by metric; NaN = no sample of this replica."""
    requests: Mapping[str, Floats] = field(default_factory=dict)
    """Requested amount by resource, in the unit of its usage; NaN = the replica requests none."""
    steady: bool = False
    """True if it is known that all run and none is being deleted; False says nothing."""

    @classmethod
    def all_ready(cls, signals: Mapping[str, Any], requests: Mapping[str, Any] | None = None) -> Replicas:
        """Replicas that have been running and ready for long; arrays or lists by metric."""
        import numpy as np

        arrays = {name: np.asarray(values, np.float64) for name, values in signals.items()}
        count = len(next(iter(arrays.values()))) if arrays else 0
        long, none = np.full(count, np.inf), np.zeros(count)
        ages = Ages(age_s=long, ready_age_s=long, sample_age_s=none, sample_window_s=none)
        return cls(
            phase=np.full(count, RUNNING, np.int8),
            deleting=np.zeros(count, np.bool_),
            ready=np.full(count, READY, np.int8),
            ages=lambda: ages,
            signals=arrays,
            requests={name: np.asarray(values, np.float64) for name, values in (requests or {}).items()},
            steady=True,
        )

    def __len__(self) -> int:
        return len(self.phase)


@dataclass(slots=True, kw_only=True)
class Observation:
    """One pool at one instant, as the metric pipeline shows it: late, averaged, with gaps, as configured there."""

    current: int
    """Replicas asked for before this step (Kubernetes: `spec.replicas`)."""
    ready: int
    starting: int = 0
    draining: int = 0
    totals: Mapping[str, float] = field(default_factory=dict)
    """Metrics of the whole pool by name; absent or NaN = no data. Gauges and rates are means since the last step."""
    replicas: Replicas | None = None
    """Signals replica by replica; None where nothing is known but totals."""
    failed: frozenset[str] = frozenset()
    """Metrics whose source answered with an error, which is not the same as having no data."""
    utc_s: float = nan
    """This instant in seconds since 1970, for policies that look at a calendar."""

    @property
    def existing(self) -> int:
        """Replicas that are there and not being deleted (Kubernetes: `status.replicas`)."""
        return self.ready + self.starting

    def total(self, name: str) -> float:
        """A metric of the whole pool, NaN without data."""
        return nan if name in self.failed else self.totals.get(name, nan)

    def asked(self, current: int) -> Observation:
        """The same instant after another actor asked for `current` replicas."""
        return self if current == self.current else replace(self, current=current)

    def publishing(self, name: str, value: float) -> Observation:
        """The same instant with one more metric of the pool, as policies in a chain publish them."""
        return replace(self, totals=ChainMap({name: value}, self.totals))  # type: ignore[arg-type]  # changed by none


class Decision(NamedTuple, Generic[State_co]):
    """Decision of a policy."""

    desired: int
    """Replicas wanted from now on; `seen.current` where nothing is to change."""
    reason: str
    """A word of the controller and, after a colon, its reason."""
    state: State_co
    """To be handed to the next step."""


class Policy(Protocol):
    """A scaling policy: a frozen, slotted, keyword-only dataclass whose fields are its configuration, and whose
    `kind` is its name in YAML. All that depends on the kind is here.
    """

    scale_down_order: ClassVar[ScaleDownOrder]
    """Usual order in which replicas are removed."""

    @property
    def scrape_s(self) -> float | None:
        """Usual interval of the metrics that the controller reads; None = exact ones, at each step."""

    @property
    def interval(self) -> float:
        """Seconds between two steps."""

    def initial(self) -> int:
        """Replicas at the start, already warm."""

    def starting_with(self, replicas: int) -> Self:
        """The policy with so many replicas at the start; itself, where its other fields set the start."""

    def largest(self) -> int:
        """The most replicas that it ever wants; raises an InputError where its bounds are not replicas."""

    def smallest(self) -> int:
        """The fewest replicas that it ever asks for, at the start, idle or paused included."""

    def sized(self, most: int) -> Self:
        """The policy with all its counts of replicas in proportion, rounded up, so that the largest is `most`."""

    def fresh(self) -> Any:
        """The state before the first step."""

    def step(self, now_s: float, seen: Observation, state: Any) -> Decision[Any]:
        """The decision at an instant of the run; pure."""

    def reads(self) -> Mapping[str, Source]:
        """Metrics that must be in the observation, by the name they must have there, and where each comes from."""

    def by_replica(self) -> frozenset[str]:
        """Those of them that it looks at replica by replica."""


@runtime_checkable
class SamplingPolicy(Policy, Protocol):
    """A policy that takes means of samples between its steps; a replay hands it those that are recorded."""

    sample_s: ClassVar[float]
    """Seconds between two samples; a step takes one too."""

    def sampled(self, now_s: float, seen: Observation, state: Any) -> Any:
        """The state with a sample between two steps."""


def ns(time_s: float) -> int:
    """An instant or a duration in whole nanoseconds."""
    return round(time_s * NS_PER_S)
