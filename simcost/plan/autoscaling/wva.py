"""llm-d workload variant autoscaler: saturation by KV cache and queue (V1), or by tokens (V2).

It does not scale by itself: it publishes `wva_desired_replicas`, which an HPA or KEDA follows (`chain`).
Semantics: llm-d-workload-variant-autoscaler internal/saturation and internal/engines.

`chain` joins a policy that publishes replicas as a metric with the HPA that follows it with its own behavior.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil, floor, fsum, gcd, isnan, nan
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, TypedDict, TypeVar

from annotated_types import Ge, Gt, Le

from simcost.plan.autoscaling.dynamo import DynamoPlanner, Role
from simcost.plan.autoscaling.hpa import Hpa, HpaState
from simcost.plan.autoscaling.keda import Keda, KedaState
from simcost.plan.autoscaling.policy import Decision, Observation, ScaleDownOrder, Signal, SignalName, Source, ns
from simcost.plan.replica_counts import ReplicaBounds, StartingReplicas
from simcost.record import record
from simcost.units import NS_PER_S, ByKind, Count, PositiveCount, PositiveSeconds

P = TypeVar("P")
HISTORY = 10
"""Observed compute bounds that are averaged."""
PEAK_S = 60.0
"""Time of whose samples the highest counts."""
PUBLISHED = "wva_desired_replicas"


class Variant(NamedTuple):
    """One way of serving a model: identical replicas, and what one costs."""

    name: str
    cost: float
    current: int
    """Replicas that exist."""
    desired: int
    """Replicas asked for before."""
    pending: int
    loads: Sequence[tuple[float, float]]
    """KV use and queue of each replica that reports."""


@record
class SaturationThresholds:
    """Free KV cache and queue length per replica (V1)."""

    kind: Literal["saturation"] = "saturation"
    kv_threshold: Annotated[float, Gt(0), Le(1)] = 0.80
    """A replica is saturated from this KV use on."""
    queue_threshold: Annotated[float, Gt(0)] = 5.0
    """Or from this queue on."""
    kv_spare: Annotated[float, Ge(0)] = 0.10
    """Mean room of the others below which a replica is added."""
    queue_spare: Annotated[float, Ge(0)] = 3.0
    """Mean room in the queue below which a replica is added."""

    def analyse(self, loads: Sequence[tuple[float, float]]) -> tuple[int, str]:
        """1 = one more, -1 = one fewer is safe, 0 = neither; and why."""
        if not loads:
            return 0, "NoReplicas"
        free = [(kv, queue) for kv, queue in loads if kv < self.kv_threshold and queue < self.queue_threshold]
        count = len(free)
        kv = fsum(self.kv_threshold - kv for kv, _ in free) / count if count else 0.0
        queue = fsum(self.queue_threshold - queue for _, queue in free) / count if count else 0.0
        words = f"spare KV {kv:.3f}, queue {queue:.1f} on {count} of {len(loads)} replicas"
        if kv < self.kv_spare or queue < self.queue_spare:
            return 1, f"Saturated: {words}"
        if count < 2:
            return 0, f"Enough: {words}"
        kv_left = self.kv_threshold - fsum(kv for kv, _ in free) / (count - 1)
        queue_left = self.queue_threshold - fsum(queue for _, queue in free) / (count - 1)
        safe = kv_left >= self.kv_spare and queue_left >= self.queue_spare
        return (-1, f"ScaleDownSafe: {words}") if safe else (0, f"Enough: {words}")


def targets(rules: SaturationThresholds, variants: Sequence[Variant]) -> tuple[dict[str, int], str]:
    """Replicas by variant: one more of the cheapest, one fewer of the dearest; nothing while any is moving."""
    reporting = [variant for variant in variants if variant.loads]
    if not reporting:
        return {variant.name: variant.current for variant in variants}, "NoReplicas"
    moving = [
        variant
        for variant in reporting
        if variant.desired not in (0, variant.current) or variant.pending or len(variant.loads) != variant.current
    ]
    wanted = {
        variant.name: variant.desired or variant.current if moving else len(variant.loads) for variant in reporting
    }
    wanted = {variant.name: wanted.get(variant.name, variant.current) for variant in variants}
    if moving:
        return (
            wanted,
            f"Transition: {moving[0].name} has {moving[0].current} of {moving[0].desired or moving[0].current}",
        )
    direction, words = rules.analyse([load for variant in reporting for load in variant.loads])
    if direction > 0:
        wanted[min(reporting, key=lambda variant: (variant.cost, variant.name)).name] += 1
    elif direction < 0 and (several := [variant for variant in reporting if wanted[variant.name] > 1]):
        wanted[max(several, key=lambda variant: (variant.cost, variant.name)).name] -= 1
    return wanted, words


@record
class Tokens:
    """Tokens of demand against the KV capacity (V2)."""

    kind: Literal["tokens"] = "tokens"
    kv_capacity_tokens: Annotated[float, Gt(0)]
    """Of one replica."""
    prompt_tokens: Annotated[float, Gt(0)]
    """Of a waiting request, in the mean."""
    kv_threshold: Annotated[float, Gt(0), Le(1)] = 0.80
    """KV use up to which a replica counts as supply."""
    queue_threshold: Annotated[float, Gt(0)] = 5.0
    """From this queue on, the tokens in use show the compute bound."""
    up_threshold: Annotated[float, Gt(0), Le(1)] = 0.85
    """Use of the supply above which replicas are added."""
    down_boundary: Annotated[float, Gt(0), Le(1)] = 0.70
    """Use of the supply below which replicas are removed."""


Rules = SaturationThresholds | Tokens


class WvaState(TypedDict):
    """Compute bounds that were observed, in tokens."""

    bounds: list[float]


@record
class Wva(StartingReplicas):
    """Replicas of one variant by how saturated they are; published for an HPA or KEDA to follow (see `chain`)."""

    kind: Literal["wva"] = "wva"
    scrape_s: ClassVar[float | None] = 15.0
    scale_down_order: ClassVar[ScaleDownOrder] = "replica-set"
    rules: Annotated[Rules, ByKind()] = SaturationThresholds()
    """Rules by which saturation is measured."""
    min: Count = 1
    """Fewest replicas."""
    max: PositiveCount
    """Most replicas."""
    start: Count | None = None
    """Replicas at time 0, already warm; None = min."""
    interval: PositiveSeconds = 15.0
    """Between two analyses."""

    def fresh(self) -> WvaState:
        """Nothing observed."""
        return {"bounds": []}

    def reads(self) -> Mapping[str, Source]:
        """KV use and queue of each replica, their maxima over the last minute."""
        names: tuple[SignalName, ...] = ("kv_utilisation", "waiting")
        return {name: (Signal(name=name, window=PEAK_S, over_time="max"),) for name in names}

    def by_replica(self) -> frozenset[str]:
        """All of them."""
        return frozenset(self.reads())

    def step(self, now_s: float, seen: Observation, state: WvaState) -> Decision[WvaState]:
        """One analysis."""
        loads = _loads(seen)
        if not loads:
            return Decision(self._bounded(seen.current), "NoReplicas", state)
        if isinstance(self.rules, SaturationThresholds):
            variant = Variant("", 0.0, seen.existing, seen.current, seen.starting, loads)
            wanted, words = targets(self.rules, [variant])
            return Decision(self._bounded(wanted[""]), words, state)
        return self._by_tokens(self.rules, loads, seen, state)

    def _by_tokens(
        self, rules: Tokens, loads: Sequence[tuple[float, float]], seen: Observation, state: WvaState
    ) -> Decision[WvaState]:
        from statistics import median

        bounds, capacities, demand = [*state["bounds"]], [], 0.0
        memory = floor(rules.kv_capacity_tokens * rules.kv_threshold)
        for kv, queue in loads:
            in_use = floor(kv * rules.kv_capacity_tokens)
            demand += in_use + queue * floor(rules.prompt_tokens)
            observed = queue >= floor(rules.queue_threshold) and in_use > 0
            if observed:
                bounds = [*bounds, in_use][-HISTORY:]
            compute = in_use if observed else floor(fsum(bounds) / len(bounds)) if bounds else memory
            capacities.append(min(memory, compute))
        each = floor(median(capacities))
        required = demand / rules.up_threshold - seen.existing * each
        spare = seen.ready * each - demand / rules.down_boundary
        wanted = seen.existing + (ceil(required / each) if required > 0 else -floor(max(spare, 0.0) / each))
        word = "Required" if required > 0 else "Spare" if wanted < seen.existing else "Enough"
        words = f"{demand:.0f} tokens for {len(loads)} replicas of {each:.0f}"
        return Decision(self._bounded(max(wanted, 1)), f"{word}: {words}", {"bounds": bounds})

    def _bounded(self, replicas: int) -> int:
        return min(max(replicas, self.min), self.max)


def _loads(seen: Observation) -> list[tuple[float, float]]:
    """KV use and queue of the replicas that report both."""
    if seen.replicas is None:
        return []
    columns = [seen.replicas.signals.get(name) for name in ("kv_utilisation", "waiting")]
    lists = [[nan] * len(seen.replicas) if column is None else column.tolist() for column in columns]
    return [(kv, queue) for kv, queue in zip(*lists, strict=True) if not (isnan(kv) or isnan(queue))]


Recommender = Wva | DynamoPlanner
"""Policies whose number of replicas may be published as a metric."""
Follower = Hpa | Keda
"""Policies that scale by a published metric."""


class ChainState(TypedDict):
    """Of both, what was published last, and when each is due."""

    first: Any
    then: HpaState | KedaState
    published: int | None
    next_first_ns: int
    next_then_ns: int
    wanted: int | None
    """Replicas that `then` asked for last, which stands until it asks for others; None = nothing yet."""


@record
class Chain(ReplicaBounds):
    """One policy recommends, another one scales. `first` says how many replicas it wants; `then` reads that as one of
    its metrics, and scales.
    """

    kind: Literal["chain"] = "chain"
    scrape_s: ClassVar[float | None] = 15.0
    scale_down_order: ClassVar[ScaleDownOrder] = "replica-set"
    first: Recommender
    """Policy that recommends a number of replicas."""
    then: Follower
    """Policy that scales."""
    publishes: str = PUBLISHED
    """Name of the metric."""

    def __post_init__(self) -> None:
        if self.publishes not in self.then.reads():
            raise ValueError(
                f"the {self.then.kind} reads no metric {self.publishes}; it reads {', '.join(self.then.reads())}"
            )

    @property
    def interval(self) -> float:
        """So that both are due at steps only."""
        return gcd(ns(self.first.interval), ns(self.then.interval)) / NS_PER_S

    def initial(self) -> int:
        """Replicas at the start."""
        return self.then.initial()

    def starting_with(self, replicas: int) -> Self:
        """The same, with other replicas at time 0 of the policy that scales."""
        return replace(self, then=self.then.starting_with(replicas))

    def smallest(self) -> int:
        """The fewest of the policy that scales."""
        return self.then.smallest()

    def fresh(self) -> ChainState:
        """Nothing published."""
        return {
            "first": self.first.fresh(),
            "then": self.then.fresh(),
            "published": None,
            "next_first_ns": 0,
            "next_then_ns": 0,
            "wanted": None,
        }

    def reads(self) -> Mapping[str, Source]:
        """Metrics that both read, without what is published."""
        others = {name: source for name, source in self.then.reads().items() if name != self.publishes}
        return {**self.first.reads(), **others}

    def by_replica(self) -> frozenset[str]:
        """Those of either."""
        return self.first.by_replica() | (self.then.by_replica() - {self.publishes})

    def step(self, now_s: float, seen: Observation, state: ChainState) -> Decision[ChainState]:
        """Those that are due, in this order."""
        now_ns, words = ns(now_s), ""
        if now_ns >= state["next_first_ns"]:
            wanted, words, first = self.first.step(now_s, self._of_first(seen, state["published"]), state["first"])
            due_ns = now_ns + ns(self.first.interval)
            state = {**state, "first": first, "published": wanted, "next_first_ns": due_ns}
        if now_ns < state["next_then_ns"]:
            wanted = seen.current if state["wanted"] is None else state["wanted"]
            return Decision(wanted, f"BetweenSyncs: {words}", state)
        published = state["published"]
        shown = seen if published is None else seen.publishing(self.publishes, float(published))
        desired, reason, then = self.then.step(now_s, shown, state["then"])  # type: ignore[arg-type]
        due_ns = now_ns + ns(self.then.interval)
        new: ChainState = {**state, "then": then, "next_then_ns": due_ns, "wanted": desired}
        return Decision(desired, f"{reason}; {words}", new)

    def _of_first(self, seen: Observation, published: int | None) -> Observation:
        """The instant for `first`: WVA counts as asked for what it published last, whoever has followed."""
        return seen if published is None or isinstance(self.first, DynamoPlanner) else seen.asked(published)


def of_replicas(policy: P, *, accelerators: int, context_tokens: int | None = None, role: Role | None = None) -> P:
    """The policy for such replicas: what it counts of them and was not told, it takes from them.

    Args:
        policy: any; Dynamo's counts GPUs and contexts, alone or as the first of a chain.
        accelerators: of a replica.
        context_tokens: of its model.
        role: of the replicas, where prefill and decode are apart.

    Raises:
        ValueError: its budget is below that of the fewest replicas.
    """
    if isinstance(policy, DynamoPlanner):
        context = policy.context_tokens or context_tokens
        return replace(policy, role=policy.role or role, gpus=policy.gpus or accelerators, context_tokens=context)
    if isinstance(policy, Chain):
        first = of_replicas(policy.first, accelerators=accelerators, context_tokens=context_tokens, role=role)
        return replace(policy, first=first)
    return policy
