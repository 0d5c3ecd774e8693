"""NVIDIA Dynamo's planner: a slow stage by throughput, a fast one by load.

Semantics: ai-dynamo components/src/dynamo/planner/core.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, gcd, isnan
from typing import Annotated, ClassVar, Literal, Self, TypedDict

from annotated_types import Ge, Gt, Le

from simcost.plan.autoscaling.policy import (
    Decision,
    Observation,
    ScaleDownOrder,
    Signal,
    SignalName,
    Source,
    ns,
    own,
)
from simcost.plan.replica_counts import ReplicaBounds
from simcost.record import record
from simcost.units import NS_PER_S, Count, PositiveCount, PositiveSeconds

Role = Literal["agg", "prefill", "decode"]
_PREFILL = {"throughput": (1.0, 0.1), "latency": (0.1, 0.0)}
_DECODE = {"throughput": (1.0, 0.6), "latency": (0.4, 0.1)}
"""Up and down thresholds: queued prompt tokens per context length; KV demand per capacity."""
_SHARED = ("throughput_interval", "load_interval", "min_endpoint", "max_gpu_budget", "min_gpu_budget")
"""Settings of a planner that are of both sides."""
_IN_PROGRESS = "ScalingInProgress"
Loads = Mapping[str, Sequence[float]]
"""Load of each engine by signal."""


class DynamoState(TypedDict):
    """The bound that the throughput stage set, and when each stage is due."""

    bound: int
    next_load_ns: int
    next_throughput_ns: int
    wanted: int | None
    """Replicas that were asked for last, which stands until a stage asks for others; None = nothing yet."""


@record
class DynamoPlanner(ReplicaBounds):
    """As many replicas of one component as the predicted requests need, and one more or fewer by the load of each
    engine. Prediction: the last interval (`constant`), unless requests of the next one are given.
    """

    kind: Literal["dynamo"] = "dynamo"
    scrape_s: ClassVar[float | None] = 5.0
    scale_down_order: ClassVar[ScaleDownOrder] = "replica-set"
    role: Role | None = None
    """Component that this pool is; None = the side that it is where prefill and decode are apart, else agg."""
    target: Literal["throughput", "latency", "load", "sla"] = "throughput"
    """Target that it optimises; all but `sla` scale by load alone."""
    ttft: PositiveSeconds = 0.5
    """Target of the time to first token."""
    itl: PositiveSeconds = 0.05
    """Target of the time between tokens."""
    throughput_scaling: bool = True
    """With target sla only."""
    load_scaling: bool = False
    """Always on for the other targets."""
    throughput_interval: PositiveSeconds = 180.0
    """Between two decisions by throughput."""
    load_interval: PositiveSeconds = 5.0
    """Between two decisions by load."""
    engine_rps: Annotated[float, Gt(0)] | None = None
    """Requests per second that one replica serves within the SLA; the throughput stage waits for it."""
    context_tokens: PositiveCount | None = None
    """Longest context, by which a prefill queue is divided; None = that of the model. In a recording the queue is in
    contexts where this is None.
    """
    load_up: Annotated[float, Ge(0)] | None = None
    """Own thresholds of target load."""
    load_down: Annotated[float, Ge(0)] | None = None
    """Load at or below which a replica goes, with target `load`."""
    min_endpoint: Count = 1
    """Fewest replicas."""
    max_step: PositiveCount = 8
    """Largest change of the throughput stage."""
    gpus: PositiveCount | None = None
    """Of one replica; None = as many as the replicas of the plan have."""
    max_gpu_budget: Annotated[int, Ge(-1)] = 8
    """Of the pool, or of prefill and decode together where one planner scales both; -1 = none."""
    min_gpu_budget: Annotated[int, Ge(-1)] = -1
    """GPUs that are always used, of the same replicas; -1 = none."""
    down_sensitivity: Annotated[int, Ge(0), Le(100)] = 80
    """Percent of a threshold below which a replica goes."""
    start: Count | None = None
    """Replicas at time 0, already warm; None = min_endpoint."""

    def __post_init__(self) -> None:
        if 0 <= self.max_gpu_budget < self.gpus_each * self.min_endpoint:
            raise ValueError(f"max_gpu_budget ({self.max_gpu_budget}) is below min_endpoint x {self.gpus_each} GPUs")
        if self.target == "load" and (self.load_up is None or self.load_down is None):
            raise ValueError("target load needs load_up and load_down")

    @property
    def gpus_each(self) -> int:
        """GPUs of one replica, 1 where nothing says how many."""
        return self.gpus or 1

    @property
    def never_scales(self) -> bool:
        """True if the throughput stage alone decides, and does not know what a replica serves."""
        return self._by_throughput() and not self.by_load and self.engine_rps is None

    @property
    def interval(self) -> float:
        """So that both stages are due at steps only."""
        return gcd(ns(self.throughput_interval), ns(self.load_interval)) / NS_PER_S

    def initial(self) -> int:
        """Replicas at the start."""
        return self.min_endpoint if self.start is None else self.start

    def starting_with(self, replicas: int) -> Self:
        """The same, with other replicas at time 0."""
        return replace(self, start=replicas)

    def smallest(self) -> int:
        """`min_endpoint`, or those at the start where they are fewer."""
        return min(self.min_endpoint, self.initial())

    def fresh(self) -> DynamoState:
        """Both stages wait for their first interval."""
        return {
            "bound": 1,
            "next_load_ns": ns(self.load_interval),
            "next_throughput_ns": ns(self.throughput_interval),
            "wanted": None,
        }

    def reads(self) -> Mapping[str, Source]:
        """Arrivals of the interval, the load of each engine, as far as a stage looks at them."""
        rate = Signal(name="requests_per_s", window=self.throughput_interval)
        arrivals: dict[str, Source] = {"requests_per_s": (rate,)} if self._by_throughput() else {}
        return arrivals | (own(*self._load_signals()) if self.by_load else {})

    def by_replica(self) -> frozenset[str]:
        """The load of each engine."""
        return frozenset(self._load_signals()) if self.by_load else frozenset()

    def step(self, now_s: float, seen: Observation, state: DynamoState) -> Decision[DynamoState]:
        """The stages that are due; a decision by load goes first."""
        wanted, decided, reason, state = self.stages(now_s, seen, state, _in_progress(seen))
        desired = self._within_budget(wanted) if decided else wanted
        return Decision(desired, reason, {**state, "wanted": desired})

    def stages(
        self, now_s: float, seen: Observation, state: DynamoState, moving: bool
    ) -> tuple[int, bool, str, DynamoState]:
        """Replicas whatever the budget, and whether a stage has decided on them, while replicas are `moving` or not."""
        now_ns, reasons, decided = ns(now_s), list[str](), False
        wanted = seen.current if state["wanted"] is None else state["wanted"]
        if self.by_load and now_ns >= state["next_load_ns"]:
            state = {**state, "next_load_ns": now_ns + ns(self.load_interval)}
            found, reason = (None, _IN_PROGRESS) if moving else self._load(seen, state["bound"])
            wanted, decided = (seen.current, False) if found is None else (found, True)
            reasons.append(f"Load{reason}")
        if self._by_throughput() and now_ns >= state["next_throughput_ns"]:
            state = {**state, "next_throughput_ns": now_ns + ns(self.throughput_interval)}
            needed, reason = self._throughput(seen)
            if needed is not None and self.by_load:
                state = {**state, "bound": needed}
            elif needed is not None and moving and (seen.draining or needed > seen.ready):
                reason = f"{_IN_PROGRESS}{reason}"
            elif needed is not None:
                wanted, decided = needed, True
            reasons.append(f"Throughput{reason}")
        return wanted, decided, "; ".join(reasons) or "BetweenIntervals", state

    @property
    def by_load(self) -> bool:
        """True if the load of each engine decides, the throughput at most on a bound."""
        return self.target != "sla" or self.load_scaling

    def _by_throughput(self) -> bool:
        return self.target == "sla" and self.throughput_scaling

    def _throughput(self, seen: Observation) -> tuple[int | None, str]:
        rate = seen.total("requests_per_s")
        if self.engine_rps is None:
            return None, "NotReady: engine_rps, what one replica serves within the SLA, is unknown"
        if isnan(rate):
            return None, "NotReady: requests_per_s is unknown"
        needed = min(max(ceil(rate / self.engine_rps), seen.ready - self.max_step), seen.ready + self.max_step)
        return max(needed, self.min_endpoint), f": {rate:.4g} requests per s, {self.engine_rps:g} a replica"

    def _load(self, seen: Observation, bound: int) -> tuple[int | None, str]:
        names = self._load_signals()
        loads: dict[str, list[float]] = {
            name: [one for one in self._column(seen, name) if not isnan(one)] for name in names
        }
        if not seen.ready or any(len(values) != seen.ready for values in loads.values()):
            return None, "WorkerCountMismatch"
        move, words = (
            self._by_sla(loads, seen.ready)
            if self.target == "sla"
            else self._by_thresholds(loads[names[0]], seen.ready)
        )
        wanted = seen.ready + move
        if self._by_throughput():
            wanted = max(wanted, bound)
        return wanted, words

    def _by_thresholds(self, values: Sequence[float], ready: int) -> tuple[int, str]:
        """Up if any is above, down if all are below and would stay below the upper one."""
        most, up, down = max(values), *self._thresholds()
        words = f"most {most:.3g}, thresholds {down:g} and {up:g}"
        at_up = self.role == "prefill" or self.target == "load"
        if most >= up if at_up else most > up:
            return 1, f"Up: {words}"
        at_down = self.target == "load" or (self.role == "prefill" and self.target == "latency")
        below = most <= down if at_down else most < down
        if ready > 1 and below and most * ready / (ready - 1) < up:
            return -1, f"Down: {words}"
        return 0, f"Steady: {words}"

    def _by_sla(self, loads: Loads, ready: int) -> tuple[int, str]:
        """Up if a latency is above its target on all engines; down if with one fewer each would be well within."""
        moves = [self._by_latency(name, loads, ready) for name in self._latencies()]
        move = max(step for step, _ in moves)
        return move, f"{('Steady', 'Up', 'Down')[move]}: {'; '.join(words for _, words in moves)}"

    def _by_latency(self, name: Literal["ttft", "itl"], loads: Loads, ready: int) -> tuple[int, str]:
        estimates, alone = loads[f"next_{name}_s"], loads[f"own_{name}_s"]
        limit = self.ttft if name == "ttft" else self.itl
        words = f"{name.upper()} estimates {min(estimates):.3g} to {max(estimates):.3g} s, SLA {limit:g} s"
        if all(estimate > limit for estimate in estimates):
            return 1, words
        if ready < 2:
            return 0, words
        more, margin = ready / (ready - 1), self.down_sensitivity / 100
        after = [(base, (one - base) * more) for one, base in zip(estimates, alone, strict=True)]
        if name == "ttft":
            safe = all(queue < (limit - base) * margin for base, queue in after)
        else:
            safe = all(base + queue < limit * margin for base, queue in after)
            safe = safe and all(demand * more < 1 for demand in loads["kv_demand"])
        return -1 if safe else 0, words

    def _thresholds(self) -> tuple[float, float]:
        if self.load_up is not None and self.load_down is not None:
            return self.load_up, self.load_down
        table = _PREFILL if self.role == "prefill" else _DECODE
        return table.get(self.target, table["throughput"])

    def _load_signals(self) -> tuple[SignalName, ...]:
        if self.target == "sla":
            signals: dict[str, tuple[SignalName, ...]] = {
                "ttft": ("next_ttft_s", "own_ttft_s"),
                "itl": ("next_itl_s", "own_itl_s", "kv_demand"),
            }
            return tuple(signal for name in self._latencies() for signal in signals[name])
        return ("queued_prompt_tokens",) if self.role == "prefill" else ("kv_demand",)

    def _latencies(self) -> tuple[Literal["ttft", "itl"], ...]:
        """Latencies that replicas of its role have."""
        return ("ttft",) if self.role == "prefill" else ("itl",) if self.role == "decode" else ("ttft", "itl")

    def _column(self, seen: Observation, name: str) -> list[float]:
        if seen.replicas is None or name not in seen.replicas.signals:
            return []
        values: list[float] = seen.replicas.signals[name].tolist()
        if name == "queued_prompt_tokens" and self.context_tokens:
            return [value / self.context_tokens for value in values]
        return values

    def _within_budget(self, replicas: int) -> int:
        """Within the GPUs of the pool; the floor of the budget is reached in one step."""
        replicas = max(replicas, self.min_endpoint)
        if self.min_gpu_budget >= 0:
            replicas = max(replicas, ceil(self.min_gpu_budget / self.gpus_each))
        return min(replicas, self.max_gpu_budget // self.gpus_each) if self.max_gpu_budget >= 0 else replicas


def _in_progress(seen: Observation) -> bool:
    """True while replicas start or drain: until they are settled, none are added."""
    return seen.current != seen.ready or seen.starting > 0 or seen.draining > 0


@dataclass(frozen=True, slots=True)
class DisaggregatedPlanner:
    """Dynamo's planner of both sides (`mode: disagg`): it decides on them at the same instants, within one budget."""

    prefill: DynamoPlanner
    decode: DynamoPlanner

    def __post_init__(self) -> None:
        each = self.prefill.gpus_each, self.decode.gpus_each
        least = self.decode.min_endpoint * sum(each)
        if 0 <= self.decode.max_gpu_budget < least:
            raise ValueError(
                f"max_gpu_budget ({self.decode.max_gpu_budget}) is of prefill and decode together, and below "
                f"min_endpoint x ({each[0]} + {each[1]}) GPUs"
            )

    @staticmethod
    def of(prefill: object, decode: object) -> DisaggregatedPlanner | None:
        """The planner that two policies are, if they are one: with the same intervals and the same budget.

        Raises:
            ValueError: the budget is below that of the fewest replicas.
        """
        if not isinstance(prefill, DynamoPlanner) or not isinstance(decode, DynamoPlanner):
            return None
        one, other = ([getattr(side, name) for name in _SHARED] for side in (prefill, decode))
        return DisaggregatedPlanner(prefill, decode) if one == other else None

    def step(
        self, now_s: float, seen: tuple[Observation, Observation], states: tuple[DynamoState, DynamoState]
    ) -> tuple[Decision[DynamoState], Decision[DynamoState]]:
        """The stages of both sides that are due; of prefill first."""
        sides = self.prefill, self.decode
        moving = any(map(_in_progress, seen))
        (p, first, p_words, p_state), (d, second, d_words, d_state) = (
            side.stages(now_s, one, state, moving) for side, one, state in zip(sides, seen, states, strict=True)
        )
        if first or second:
            p, d = self.share(p, d)
        return Decision(p, p_words, {**p_state, "wanted": p}), Decision(d, d_words, {**d_state, "wanted": d})

    def share(self, prefill: int, decode: int) -> tuple[int, int]:
        """Prefill and decode replicas cut, or raised, in proportion to fit the number of GPUs that they have together.

        Source: `proportional_clamp_pair` in dynamo/planner, without its tolerance of the floor.

        >>> sides = DynamoPlanner(role="prefill", gpus=2, max_gpu_budget=24), DynamoPlanner(gpus=4, max_gpu_budget=24)
        >>> DisaggregatedPlanner(*sides).share(6, 6)
        (4, 4)
        """
        least, budget, floor = self.decode.min_endpoint, self.decode.max_gpu_budget, self.decode.min_gpu_budget
        each = self.prefill.gpus_each, self.decode.gpus_each
        prefill, decode = max(prefill, least), max(decode, least)
        total = prefill * each[0] + decode * each[1]
        if 0 <= budget < total:
            most = (budget - least * each[1]) // each[0]
            first = max(least, min(most, prefill * budget // total))
            return first, max(least, (budget - first * each[0]) // each[1])
        if total >= floor:
            return prefill, decode
        first = ceil(prefill * floor / total) if total else ceil(floor / 2 / each[0])
        second = max(least, ceil(max(0, floor - first * each[0]) / each[1]))
        fits = budget < 0 or first * each[0] + second * each[1] <= budget
        return (first, second) if fits else (prefill, decode)
