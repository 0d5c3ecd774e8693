"""Routers of production systems as scores over replicas: the highest gets the request, a tie goes at random.

Semantics: vllm-project/production-stack routing_logic.py, ray serve, ai-dynamo kv router, vLLM data parallel.

Routers that the compiled data plane knows each by its `code`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge, Le

from simcost.plan.routing.endpoint_picker import EndpointPicker
from simcost.plan.routing.scorers import Endpoints, only
from simcost.units import Count, PositiveCount, PositiveSeconds, Seconds

if TYPE_CHECKING:
    import numpy as np

    from simcost.plan.routing.scorers import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRobin:
    """Each ready replica in turn; a rejected request takes its turn too."""

    kind: Literal["round-robin"] = "round-robin"
    code: ClassVar[int] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeastOutstanding:
    """The replica with the fewest requests in the system, waiting or running (join the shortest queue).
    Ties are broken by a hash of the request, so that low-numbered replicas do not fill first.
    """

    kind: Literal["least-outstanding"] = "least-outstanding"
    code: ClassVar[int] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerOfTwo:
    """The less loaded of two distinct replicas drawn by a hash of the request (a tie takes the first)."""

    kind: Literal["power-of-two"] = "power-of-two"
    code: ClassVar[int] = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class LowestRate:
    """The replica that gets the fewest requests per second; one without statistics first."""

    kind: Literal["lowest-rate"] = "lowest-rate"
    code: ClassVar[int] = 4
    window: PositiveSeconds = 60.0
    """Over which requests are counted, as production-stack's `--request-stats-window`."""
    refresh: Seconds = 0.0
    """Age that counts may have; 0 = always exact."""

    def scores(self, seen: Endpoints, rng: np.random.Generator) -> Floats:
        """What the highest is taken of."""
        import numpy as np

        rate = seen.need("rate_per_s")
        return np.where(np.isnan(rate), inf, -rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The replica that a hash of the session points to, so that few sessions move when replicas come and go; without
    a session the lowest rate.
    """

    kind: Literal["session"] = "session"
    code: ClassVar[int] = 5
    window: PositiveSeconds = 60.0
    """Over which requests are counted."""
    refresh: Seconds = 0.0
    """Age that counts may have; 0 = always exact."""

    def scores(self, seen: Endpoints, rng: np.random.Generator) -> Floats:
        """What the highest is taken of."""
        return LowestRate().scores(seen, rng) if seen.ring is None else -seen.ring


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixAware:
    """Any of the replicas with the longest cached beginning; below the least length the lowest rate."""

    kind: Literal["prefix-aware"] = "prefix-aware"
    min_match_tokens: Count = 0
    refresh: Seconds = 0.0

    def scores(self, seen: Endpoints, rng: np.random.Generator) -> Floats:
        """What the highest is taken of."""
        matched = seen.need("matched_tokens")
        return LowestRate().scores(seen, rng) if matched.max() < self.min_match_tokens else matched


@dataclass(frozen=True, slots=True, kw_only=True)
class KvAware:
    """The replica that has all of the prompt cached but a threshold; else by session, else the lowest rate."""

    kind: Literal["kv-aware"] = "kv-aware"
    threshold_tokens: Count = 2000
    refresh: Seconds = 0.0

    def scores(self, seen: Endpoints, rng: np.random.Generator) -> Floats:
        """What the highest is taken of."""
        matched = seen.need("matched_tokens")
        if matched.max() >= seen.prompt_tokens - self.threshold_tokens:
            return matched
        return Session().scores(seen, rng)


@dataclass(frozen=True, slots=True, kw_only=True)
class RayPowerOfTwo:
    """The shorter queue of two distinct replicas at random; full ones are passed over, and none may be left."""

    kind: Literal["ray-power-of-two"] = "ray-power-of-two"
    code: ClassVar[int] = 6
    max_ongoing_requests: PositiveCount = 5
    """Of a replica, running or waiting, as in its deployment."""
    refresh: Seconds = 10.0
    """Age that a remembered queue length may have; 0 = replicas are always asked."""
    backoff: Seconds = 0.025
    """Before two others are tried; doubles, for ever."""
    max_backoff: Seconds = 0.5
    """Longest time between two tries."""

    def scores(self, seen: Endpoints, rng: np.random.Generator) -> Floats:
        """What the highest is taken of; all -inf = try again after the backoff."""
        import numpy as np

        queue = seen.need("in_flight")
        drawn = np.zeros(len(queue), np.bool_)
        drawn[rng.choice(len(queue), min(2, len(queue)), replace=False)] = True
        return only(drawn & (queue < self.max_ongoing_requests), -queue)


@dataclass(frozen=True, slots=True, kw_only=True)
class RayPrefixAware:
    """The best cached match while queues are even, if it is long enough; else the replica with the smallest tree."""

    kind: Literal["ray-prefix-aware"] = "ray-prefix-aware"
    imbalance_threshold: Annotated[float, Ge(0)] = inf
    """Difference of the longest and the shortest queue above which two at random decide."""
    match_rate: Annotated[float, Ge(0), Le(1)] = 0.1
    max_ongoing_requests: PositiveCount = 5
    refresh: Seconds = 10.0

    def scores(self, seen: Endpoints, rng: np.random.Generator) -> Floats:
        """What the highest is taken of."""
        queue = seen.need("in_flight")
        if queue.max() - queue.min() > self.imbalance_threshold:
            return RayPowerOfTwo(max_ongoing_requests=self.max_ongoing_requests).scores(seen, rng)
        matched, size = seen.need("matched"), seen.need("cached_blocks")
        chosen = matched == matched.max() if matched.max() >= self.match_rate else size == size.min()
        return only(chosen, -queue)


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamoKv:
    """The lowest cost: blocks to prefill, weighed, plus blocks being decoded; by softmax above temperature 0."""

    kind: Literal["dynamo-kv"] = "dynamo-kv"
    overlap_weight: Annotated[float, Ge(0)] = 1.0
    temperature: Annotated[float, Ge(0)] = 0.0
    refresh: Seconds = 0.0

    def scores(self, seen: Endpoints, rng: np.random.Generator) -> Floats:
        """What the highest is taken of."""
        import numpy as np

        cost = self.overlap_weight * seen.need("prefill_blocks") + seen.need("decode_blocks")
        if self.temperature:
            spread = cost.max() - cost.min()
            level = -(cost / spread if spread else cost) / self.temperature
            return level + rng.gumbel(size=len(cost))  # the highest is drawn by softmax
        cheapest = cost == cost.min()
        return only(cheapest, -seen.cached_blocks if seen.cached_blocks is not None else np.zeros(len(cost)))


@dataclass(frozen=True, slots=True, kw_only=True)
class VllmDataParallel:
    """The least of four times the waiting plus the running requests; what was sent since the last report counts as
    waiting.
    """

    kind: Literal["vllm-data-parallel"] = "vllm-data-parallel"
    code: ClassVar[int] = 3
    refresh: Seconds = 0.1
    """Age that a report may have; 0 = always exact."""

    def scores(self, seen: Endpoints, rng: np.random.Generator) -> Floats:
        """What the highest is taken of."""
        return -(4 * seen.need("waiting") + seen.need("running"))


ScoringRouter = (
    LowestRate
    | Session
    | PrefixAware
    | KvAware
    | RayPowerOfTwo
    | RayPrefixAware
    | DynamoKv
    | VllmDataParallel
    | EndpointPicker
)
Router = (
    RoundRobin
    | LeastOutstanding
    | PowerOfTwo
    | VllmDataParallel
    | LowestRate
    | Session
    | RayPowerOfTwo
    | EndpointPicker
)
"""Those that the data plane knows, each by its `code`; the others score by the prefix cache, which it lacks."""
