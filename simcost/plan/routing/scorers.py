"""Scorers of llm-d's endpoint picker: each gives a replica a number from 0 to 1.

Semantics: llm-d-inference-scheduler pkg/epp/framework/plugins/scheduling/scorer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge, Gt, Le

from simcost.plan.routing.endpoints import Endpoints

if TYPE_CHECKING:
    from simcost.plan.routing.endpoints import Flags, Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The shortest queue 1, the longest 0, in between in proportion."""

    kind: Literal["queue"] = "queue"

    def score(self, seen: Endpoints) -> Floats:
        """One number per replica."""
        return _falling(seen.need("waiting"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningRequests:
    """The fewest running 1, the most 0."""

    kind: Literal["running-requests"] = "running-requests"

    def score(self, seen: Endpoints) -> Floats:
        """One number per replica."""
        return _falling(seen.need("running"))


@dataclass(frozen=True, slots=True, kw_only=True)
class KvCacheUtilization:
    """What is free of the KV cache."""

    kind: Literal["kv-cache-utilization"] = "kv-cache-utilization"

    def score(self, seen: Endpoints) -> Floats:
        """One number per replica."""
        return 1.0 - seen.need("kv_utilisation")


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixCache:
    """Share of the prompt that is cached, as the picker believes, who remembers the prompts that it sent to each
    replica. Needs a recorded workload with `prefix_hashes`; prompts are matched by the blocks of the trace.
    """

    kind: Literal["prefix-cache"] = "prefix-cache"
    block_tokens: Annotated[int, Ge(1)] = 16
    """Length of a block."""
    max_blocks: Annotated[int, Ge(1)] = 256
    """Beginning of the prompt that is looked at, at least one block of the trace."""
    capacity_tokens: Annotated[int, Ge(1)] | None = None
    """That the picker remembers of each replica, the newest; None = as many as its KV cache holds."""

    def score(self, seen: Endpoints) -> Floats:
        """One number per replica."""
        return seen.need("matched")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveRequest:
    """Requests under way, counted by the picker itself: idle ones 1, the busiest 0."""

    kind: Literal["active-request"] = "active-request"
    idle_threshold: Annotated[int, Ge(0)] = 0
    """Requests up to which a replica is idle."""
    max_busy_score: Annotated[float, Ge(0), Le(1)] = 1.0
    """Of a replica that is not idle."""

    def score(self, seen: Endpoints) -> Floats:
        """One number per replica."""
        import numpy as np

        count = np.nan_to_num(seen.need("in_flight"))
        most = max(float(count.max(initial=0.0)), 1.0)
        return np.where(count <= self.idle_threshold, 1.0, (most - count) / most * self.max_busy_score)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadAware:
    """Half for an empty queue, falling to 0 at the threshold."""

    kind: Literal["load-aware"] = "load-aware"
    threshold: Annotated[int, Ge(1)] = 128
    """Waiting requests that score 0."""

    def score(self, seen: Endpoints) -> Floats:
        """One number per replica."""
        return _below(seen.need("waiting"), self.threshold) * 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLoad:
    """Tokens under way, against a threshold."""

    kind: Literal["token-load"] = "token-load"
    threshold_tokens: Annotated[int, Ge(1)] = 4_194_304
    """That score 0."""

    def score(self, seen: Endpoints) -> Floats:
        """One number per replica."""
        return _below(seen.need("in_flight_tokens"), self.threshold_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionAffinity:
    """1 where the session was last, else 0."""

    kind: Literal["session-affinity"] = "session-affinity"

    def score(self, seen: Endpoints) -> Floats:
        """One number per replica."""
        return seen.need("same_session").astype(float)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoHitLru:
    """For a request that no replica has cached: the one whose last such request is longest ago; else 0.5 for all."""

    kind: Literal["no-hit-lru"] = "no-hit-lru"

    def score(self, seen: Endpoints) -> Floats:
        """One number per replica."""
        import numpy as np

        rank = seen.need("cold_rank")
        if (seen.need("matched") > 0).any():
            return np.full(len(rank), 0.5)
        if len(rank) == 1:
            return np.ones(1)
        never = np.isnan(rank)
        order = np.where(never, np.cumsum(never) - 1, never.sum() + rank)
        return np.maximum(1.0 - order / (len(rank) - 1), 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Room between objective and predicted latency: of the replicas that meet it the one with least room (or most),
    else those that miss it least.
    """

    kind: Literal["latency"] = "latency"
    ttft_weight: Annotated[float, Ge(0)] = 0.8
    """Of the room in time to first token."""
    tpot_weight: Annotated[float, Ge(0)] = 0.2
    """Of the room in time per token."""
    strategy: Literal["least", "most"] = "least"
    """Fill replicas up, or spread."""

    def score(self, seen: Endpoints) -> Floats:
        """One number per replica."""
        import numpy as np

        ttft, tpot = seen.need("ttft_headroom_s"), seen.need("tpot_headroom_s")
        meets = (ttft >= 0) & (tpot >= 0)
        scored = meets if meets.any() else self._best_missing(seen, ttft, tpot)
        room = self._blended(np.abs(ttft), np.abs(tpot), scored)
        least = self.strategy == "least" or not meets.any()
        scores: Floats = np.where(scored, 1.0 - room if least else room, 0.0)
        return scores

    def _best_missing(self, seen: Endpoints, ttft: Floats, tpot: Floats) -> Flags:
        """Idle ones; else those that miss TPOT alone, TTFT alone, both: the first group that has members."""
        import numpy as np

        idle: Flags = np.zeros(len(ttft), np.bool_)
        if seen.in_flight is not None:
            idle = np.nan_to_num(seen.in_flight) == 0
        groups = (idle, (ttft >= 0) & (tpot < 0), (ttft < 0) & (tpot >= 0), (ttft < 0) & (tpot < 0))
        return next(group for group in groups if group.any())

    def _blended(self, ttft: Floats, tpot: Floats, scored: Flags) -> Floats:
        """Both stretched to 0..1 over those scored; one that does not vary does not count."""
        import numpy as np

        parts, weights = [], []
        for room, weight in ((ttft, self.ttft_weight), (tpot, self.tpot_weight)):
            low, high = room[scored].min(), room[scored].max()
            parts.append((room - low) / (high - low) if high > low else np.zeros(len(room)))
            weights.append(weight if high > low else 0.0)
        total = sum(weights) or 1.0
        return sum(
            (part * (weight / total) for part, weight in zip(parts, weights, strict=True)),
            np.zeros(len(ttft)),
        )


def _falling(values: Floats) -> Floats:
    import numpy as np

    low, high = values.min(), values.max()
    return (high - values) / (high - low) if high > low else np.ones(len(values))


def _below(values: Floats, threshold: float) -> Floats:
    import numpy as np

    return 1.0 - np.minimum(values, threshold) / threshold


Scorer = (
    Queue | RunningRequests | KvCacheUtilization | PrefixCache | ActiveRequest | LoadAware | TokenLoad
    | SessionAffinity | NoHitLru | Latency
)  # fmt: skip
Weight = Annotated[float, Gt(0)]
