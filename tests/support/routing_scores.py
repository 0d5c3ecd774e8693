"""Scores of the endpoint picker in plain NumPy: the reference of the compiled data plane.

Semantics: llm-d-inference-scheduler pkg/epp/framework/plugins/scheduling/scorer.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from simcost.plan.routing import EndpointPicker
from simcost.plan.routing.scorers import (
    ActiveRequest,
    KvCacheUtilization,
    LoadAware,
    LoraAffinity,
    PrefixCache,
    QueueDepth,
    RunningRequests,
    Scorer,
    SessionAffinity,
    TokenLoad,
)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """One value per replica, of what is known."""

    waiting: Floats = field(default_factory=lambda: np.zeros(0))
    running: Floats = field(default_factory=lambda: np.zeros(0))
    kv_utilisation: Floats = field(default_factory=lambda: np.zeros(0))
    in_flight: Floats = field(default_factory=lambda: np.zeros(0))
    """Requests that the router itself has under way; NaN = it never sent one there."""
    in_flight_tokens: Floats = field(default_factory=lambda: np.zeros(0))
    matched: Floats = field(default_factory=lambda: np.zeros(0))
    """Share of the request's prompt that is cached there."""
    same_session: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    """Where the session of the request was last."""
    adapter_runs: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    """Where requests with the adapter of this one run; the same of those that wait; where a further one has a slot."""
    adapter_waits: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    free_slot: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))


def total(picker: EndpointPicker, seen: Endpoints) -> Floats:
    """The weighted sum, each score clamped to 0..1."""
    parts = [scorer.weight * np.clip(score(scorer.scorer, seen), 0.0, 1.0) for scorer in picker.scorers]
    summed: Floats = np.sum(parts, axis=0)
    return summed


def score(scorer: Scorer, seen: Endpoints) -> Floats:
    """One number per replica."""
    match scorer:
        case QueueDepth():
            return _falling(seen.waiting)
        case RunningRequests():
            return _falling(seen.running)
        case KvCacheUtilization():
            return 1.0 - seen.kv_utilisation
        case PrefixCache():
            return seen.matched
        case ActiveRequest():
            count = np.nan_to_num(seen.in_flight)
            most = max(float(count.max(initial=0.0)), 1.0)
            return np.where(count <= scorer.idle_threshold, 1.0, (most - count) / most * scorer.max_busy_score)
        case LoadAware():
            return _below(seen.waiting, scorer.threshold) * 0.5
        case TokenLoad():
            return _below(seen.in_flight_tokens, scorer.threshold_tokens)
        case SessionAffinity():
            return seen.same_session.astype(np.float64)
        case LoraAffinity():
            return np.select([seen.adapter_runs, seen.free_slot, seen.adapter_waits], [1.0, 0.8, 0.6])


def _falling(values: Floats) -> Floats:
    low, high = values.min(), values.max()
    return (high - values) / (high - low) if high > low else np.ones(len(values))


def _below(values: Floats, threshold: float) -> Floats:
    return 1.0 - np.minimum(values, threshold) / threshold
