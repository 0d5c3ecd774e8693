"""Scorers of llm-d's endpoint picker: each gives a replica a number from 0 to 1, from the state that the router knows.

Semantics: llm-d-inference-scheduler pkg/epp/framework/plugins/scheduling/scorer.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Le

from simcost.record import record


class ScorerRules:
    """Base of the scorers: what the compiled data plane reads of each, which knows it by its `code`."""

    __slots__ = ()
    code: ClassVar[int]
    counts_itself: ClassVar[bool] = False
    """True if it uses the requests that the picker has sent, and not reports of the engines."""
    by_session: ClassVar[bool] = False

    def limits(self) -> tuple[float, float]:
        """Its threshold, and the highest score of a replica that is busy; 0 = it has none."""
        return 0.0, 0.0


@record
class QueueDepth(ScorerRules):
    """The shortest queue 1, the longest 0, in between in proportion."""

    kind: Literal["queue"] = "queue"
    code: ClassVar[int] = 0


@record
class RunningRequests(ScorerRules):
    """The fewest running 1, the most 0."""

    kind: Literal["running-requests"] = "running-requests"
    code: ClassVar[int] = 1


@record
class KvCacheUtilization(ScorerRules):
    """Free share of the KV cache."""

    kind: Literal["kv-cache-utilization"] = "kv-cache-utilization"
    code: ClassVar[int] = 2


@record
class PrefixCache(ScorerRules):
    """Share of the prompt that is cached, as the picker believes, who remembers the prompts that it sent to each
    replica. Needs a recorded workload with `prefix_hashes`; prompts are matched by the blocks of the trace.
    """

    kind: Literal["prefix-cache"] = "prefix-cache"
    code: ClassVar[int] = 7
    block_tokens: Annotated[int, Ge(1)] = 16
    """Length of a block."""
    max_blocks: Annotated[int, Ge(1)] = 256
    """Beginning of the prompt that is looked at, at least one block of the trace."""
    capacity_tokens: Annotated[int, Ge(1)] | None = None
    """That the picker remembers of each replica, the newest; None = as many as its KV cache holds."""
    precise: bool = False
    """The picker knows what each replica has cached, without delay, from the events of its KV cache (llm-d's precise
    scorer); needs `prefix_cache` of the plan. false = it believes what it remembers."""


@record
class ActiveRequest(ScorerRules):
    """Requests under way, counted by the picker itself: idle ones 1, the busiest 0."""

    kind: Literal["active-request"] = "active-request"
    code: ClassVar[int] = 4
    counts_itself: ClassVar[bool] = True
    idle_threshold: Annotated[int, Ge(0)] = 0
    """Requests up to which a replica is idle."""
    max_busy_score: Annotated[float, Ge(0), Le(1)] = 1.0
    """Of a replica that is not idle."""

    def limits(self) -> tuple[float, float]:
        """The threshold of the idle, and what the busy score at most."""
        return float(self.idle_threshold), self.max_busy_score


@record
class LoadAware(ScorerRules):
    """Half for an empty queue, falling to 0 at the threshold."""

    kind: Literal["load-aware"] = "load-aware"
    code: ClassVar[int] = 3
    threshold: Annotated[int, Ge(1)] = 128
    """Waiting requests that score 0."""

    def limits(self) -> tuple[float, float]:
        """The threshold."""
        return float(self.threshold), 0.0


@record
class TokenLoad(ScorerRules):
    """Tokens under way, against a threshold."""

    kind: Literal["token-load"] = "token-load"
    code: ClassVar[int] = 5
    counts_itself: ClassVar[bool] = True
    threshold_tokens: Annotated[int, Ge(1)] = 4_194_304
    """That score 0."""

    def limits(self) -> tuple[float, float]:
        """The threshold."""
        return float(self.threshold_tokens), 0.0


@record
class SessionAffinity(ScorerRules):
    """1 where the session was last, else 0."""

    kind: Literal["session-affinity"] = "session-affinity"
    code: ClassVar[int] = 6
    by_session: ClassVar[bool] = True


@record
class LoraAffinity(ScorerRules):
    """Highest where the adapter of the request runs. 1 where requests with it run, else .8 where an adapter more than
    those of running and waiting requests finds a slot, else .6 where requests with it wait, else 0. Needs requests that
    ask for adapters.
    """

    kind: Literal["lora-affinity"] = "lora-affinity"
    code: ClassVar[int] = 8


Scorer = (
    QueueDepth
    | RunningRequests
    | KvCacheUtilization
    | PrefixCache
    | ActiveRequest
    | LoadAware
    | TokenLoad
    | SessionAffinity
    | LoraAffinity
)
Weight = Annotated[float, Gt(0)]
