"""NVIDIA Dynamo's planner: a slow stage by throughput, a fast one by load.

Semantics: ai-dynamo components/src/dynamo/planner/core.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
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


class DynamoState(TypedDict):
    """The bound that the throughput stage set, and when each stage is due."""

    bound: int
    next_load_ns: int
    next_throughput_ns: int
    wanted: int | None
    """Replicas that were asked for last, which stands until a stage asks for others; None = nothing yet."""


@record
class DynamoPlanner(ReplicaBounds):
    """Replicas of one component: as many as the predicted requests need, and one more or fewer by the load of each
    engine. Prediction: the last interval (`constant`), unless requests of the next one are given.
    """

    kind: Literal["dynamo"] = "dynamo"
    scrape_s: ClassVar[float | None] = 5.0
    scale_down_order: ClassVar[ScaleDownOrder] = "replica-set"
    role: Role = "agg"
    """Component that this pool is."""
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
    """Longest context, against which a prefill queue is measured."""
    load_up: Annotated[float, Ge(0)] | None = None
    """Own thresholds of target load."""
    load_down: Annotated[float, Ge(0)] | None = None
    """Load at or below which a replica goes, with target `load`."""
    min_endpoint: Count = 1
    """Fewest replicas."""
    max_step: PositiveCount = 8
    """Largest change of the throughput stage."""
    gpus: PositiveCount = 1
    """Of one replica."""
    max_gpu_budget: Annotated[int, Ge(-1)] = 8
    """Of the pool; -1 = none."""
    min_gpu_budget: Annotated[int, Ge(-1)] = -1
    """GPUs that are always used; -1 = none."""
    down_sensitivity: Annotated[int, Ge(0), Le(100)] = 80
    """Percent of a threshold below which a replica goes."""
    start: Count | None = None
    """Replicas at time 0, already warm; None = min_endpoint."""

    def __post_init__(self) -> None:
        if 0 <= self.max_gpu_budget < self.gpus * self.min_endpoint:
            raise ValueError(f"max_gpu_budget ({self.max_gpu_budget}) is below min_endpoint x {self.gpus} GPUs")
        if self.target == "load" and (self.load_up is None or self.load_down is None):
            raise ValueError("target load needs load_up and load_down")

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
        return arrivals | (own(*self._load_signals()) if self._by_load() else {})

    def by_replica(self) -> frozenset[str]:
        """The load of each engine."""
        return frozenset(self._load_signals()) if self._by_load() else frozenset()

    def step(self, now_s: float, seen: Observation, state: DynamoState) -> Decision[DynamoState]:
        """The stages that are due; a decision by load goes first."""
        now_ns, reasons = ns(now_s), list[str]()
        desired = seen.current if state["wanted"] is None else state["wanted"]
        if self._by_load() and now_ns >= state["next_load_ns"]:
            state = {**state, "next_load_ns": now_ns + ns(self.load_interval)}
            desired, reason = self._load(seen, state["bound"])
            reasons.append(f"Load{reason}")
        if self._by_throughput() and now_ns >= state["next_throughput_ns"]:
            state = {**state, "next_throughput_ns": now_ns + ns(self.throughput_interval)}
            needed, reason = self._throughput(seen)
            reasons.append(f"Throughput{reason}")
            if needed is not None and self._by_load():
                state = {**state, "bound": needed}
            elif needed is not None:
                desired = self._within_budget(needed)
        return Decision(desired, "; ".join(reasons) or "BetweenIntervals", {**state, "wanted": desired})

    def _by_load(self) -> bool:
        return self.target != "sla" or self.load_scaling

    def _by_throughput(self) -> bool:
        return self.target == "sla" and self.throughput_scaling

    def _throughput(self, seen: Observation) -> tuple[int | None, str]:
        rate = seen.total("requests_per_s")
        if self.engine_rps is None or isnan(rate):
            return None, "NotReady: requests or engine_rps are unknown"
        needed = max(ceil(rate / self.engine_rps), self.min_endpoint)
        needed = min(max(needed, seen.current - self.max_step), seen.current + self.max_step)
        return needed, f": {rate:.4g} requests per s, {self.engine_rps:g} a replica"

    def _load(self, seen: Observation, bound: int) -> tuple[int, str]:
        if seen.starting or seen.current != seen.ready:
            return seen.current, "ScalingInProgress"
        columns = [self._column(seen, name) for name in self._load_signals()]
        values = [one for one in columns[0] if not isnan(one)]
        if not values or len(values) != seen.ready:
            return seen.current, "WorkerCountMismatch"
        move, words = (
            self._by_sla(columns, seen.ready) if self.target == "sla" else self._by_thresholds(values, seen.ready)
        )
        wanted = seen.ready + move
        if self._by_throughput():
            wanted = max(wanted, bound)
        return self._within_budget(wanted), words

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

    def _by_sla(self, columns: Sequence[Sequence[float]], ready: int) -> tuple[int, str]:
        """Up if the estimate is above the SLA on all engines; down if one fewer would still be well within."""
        estimates, own_parts, demands = columns
        limit = self.itl if self.role == "decode" else self.ttft
        words = f"estimates {min(estimates):.3g} to {max(estimates):.3g} s, SLA {limit:g} s"
        if all(estimate > limit for estimate in estimates):
            return 1, f"Up: {words}"
        if ready < 2:
            return 0, f"Steady: {words}"
        more, margin = ready / (ready - 1), self.down_sensitivity / 100
        queues = all(
            (one - base) * more < (limit - base) * margin for one, base in zip(estimates, own_parts, strict=True)
        )
        fits = self.role == "prefill" or all(demand * more < margin for demand in demands)
        return (-1, f"Down: {words}") if queues and fits else (0, f"Steady: {words}")

    def _thresholds(self) -> tuple[float, float]:
        if self.load_up is not None and self.load_down is not None:
            return self.load_up, self.load_down
        table = _PREFILL if self.role == "prefill" else _DECODE
        return table.get(self.target, table["throughput"])

    def _load_signals(self) -> tuple[SignalName, ...]:
        if self.target == "sla":
            latency: SignalName = "next_itl_s" if self.role == "decode" else "next_ttft_s"
            alone: SignalName = "own_itl_s" if self.role == "decode" else "own_ttft_s"
            return latency, alone, "kv_demand"
        return ("queued_prompt_tokens",) if self.role == "prefill" else ("kv_demand",)

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
            replicas = max(replicas, ceil(self.min_gpu_budget / self.gpus))
        return min(replicas, self.max_gpu_budget // self.gpus) if self.max_gpu_budget >= 0 else replicas


def share_budget(prefill: int, decode: int, gpus: tuple[int, int], budget: int, min_endpoint: int) -> tuple[int, int]:
    """Prefill and decode replicas cut in proportion to fit a common number of GPUs.

    >>> share_budget(6, 6, (2, 4), 24, 1)
    (4, 4)
    """
    wide, narrow = gpus
    total = prefill * wide + decode * narrow
    if budget < 0 or total <= budget:
        return prefill, decode
    if budget < min_endpoint * (wide + narrow):
        return 0, 0
    most = (budget - min_endpoint * narrow) // wide
    first = max(min_endpoint, min(most, prefill * budget // total))
    return first, max(min_endpoint, (budget - first * wide) // narrow)
