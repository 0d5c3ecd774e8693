"""Scorers of llm-d's endpoint picker: each gives a replica a number from 0 to 1.

Semantics: llm-d-inference-scheduler pkg/epp/framework/plugins/scheduling/scorer.

What a router knows of the replicas that one request may go to, and the choice from scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge, Gt, Le


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """One value per replica, as old as the router's refresh makes it; None = the router is not told."""

    waiting: Floats | None = None
    running: Floats | None = None
    kv_utilisation: Floats | None = None
    in_flight: Floats | None = None
    """Requests that the router itself has under way; NaN = it never sent one there."""
    in_flight_tokens: Floats | None = None
    rate_per_s: Floats | None = None
    """Requests per second sent there; NaN = no statistics yet."""
    matched: Floats | None = None
    """Share of the request's prompt that is cached there."""
    matched_tokens: Floats | None = None
    cached_blocks: Floats | None = None
    """Size of the prefix tree."""
    prefill_blocks: Floats | None = None
    """Blocks to prefill if the request goes there: what is under way, and what of the request is not cached."""
    decode_blocks: Floats | None = None
    same_session: Flags | None = None
    """Where the session of the request was last."""
    ring: Floats | None = None
    """Distance on the hash ring from the session's point to the replica; None = the request has no session."""
    cold_rank: Floats | None = None
    """Order of the last request without a cached prefix, 0 = longest ago; NaN = never."""
    ttft_headroom_s: Floats | None = None
    """Objective less prediction."""
    tpot_headroom_s: Floats | None = None
    ttft_s: Floats | None = None
    """Prediction."""
    prompt_tokens: int = 0
    """Of the request."""

    def need(self, name: str) -> Floats:
        """A signal.

        Raises:
            ValueError: the router is not told it.
        """
        found: Floats | None = getattr(self, name)
        if found is None:
            raise ValueError(f"the router needs {name} of each replica")
        return found


def pick(scores: Floats, rng: np.random.Generator) -> int:
    """The replica with the highest score, a tie at random; -inf = not a candidate."""
    import numpy as np

    best = np.flatnonzero(scores == scores.max())
    return int(best[0] if len(best) == 1 else rng.choice(best))


def only(chosen: Flags, scores: Floats) -> Floats:
    """The scores of the chosen; the others are no candidates."""
    import numpy as np

    return np.where(chosen, scores, -np.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDepth:
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
class LatencyHeadroom:
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
    QueueDepth
    | RunningRequests
    | KvCacheUtilization
    | PrefixCache
    | ActiveRequest
    | LoadAware
    | TokenLoad
    | SessionAffinity
    | NoHitLru
    | LatencyHeadroom
)
Weight = Annotated[float, Gt(0)]
