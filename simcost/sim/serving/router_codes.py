"""Routers and limits at the door as the numbers that the kernel reads."""

from collections.abc import Iterator

from simcost.plan import Admission, Router
from simcost.plan.routing import EndpointPicker
from simcost.plan.routing.routers import (
    LeastOutstanding,
    LowestRate,
    PowerOfTwo,
    RayPowerOfTwo,
    RoundRobin,
    Session,
)
from simcost.plan.routing.scorers import (
    ActiveRequest,
    KvCacheUtilization,
    LoadAware,
    PrefixCache,
    QueueDepth,
    RunningRequests,
    Scorer,
    SessionAffinity,
    TokenLoad,
)
from simcost.sim.clock import Clock
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.layout import NEVER, NIL

_PICKERS = {"max-score": col.MAX_SCORE, "random": col.RANDOM, "weighted-random": col.WEIGHTED_RANDOM}
_ACTIONS = {"hold": col.HOLD, "reject": col.REJECT, "shed": 0}


def routing_parameters(router: Router, admission: Admission, clock: Clock) -> tuple[int, ...]:
    """`parameters` from INFORMED on."""
    saturation, limit = admission.saturation, admission.max_ongoing
    ray = router if isinstance(router, RayPowerOfTwo) else None
    picker = router if isinstance(router, EndpointPicker) else None
    scorers = [one.scorer for one in picker.scorers] if picker else []
    return (
        not isinstance(router, RoundRobin | LeastOutstanding | PowerOfTwo) or limit is not None,
        NIL
        if isinstance(router, RoundRobin | LeastOutstanding | PowerOfTwo | RayPowerOfTwo)
        else clock.ticks(router.refresh),
        col.CLOSED if limit is None else limit,
        NEVER if admission.max_queued is None else admission.max_queued,
        _ACTIONS[saturation.then] if saturation else 0,
        clock.ticks(router.window) if isinstance(router, LowestRate | Session) else 0,
        ray.max_ongoing_requests if ray else 0,
        clock.ticks(ray.refresh) if ray else 0,
        clock.ticks(ray.backoff) if ray else 0,
        clock.ticks(ray.max_backoff) if ray else 0,
        _PICKERS[picker.picker] if picker else 0,
        any(isinstance(scorer, ActiveRequest | TokenLoad) for scorer in scorers),
        len(scorers),
        any(isinstance(scorer, SessionAffinity) for scorer in scorers),
    )


def routing_numbers(router: Router, admission: Admission) -> Iterator[float]:
    """`limits` from SATURATED_QUEUE on."""
    saturation = admission.saturation
    yield from (saturation.queue, saturation.kv) if saturation else (1.0, 1.0)
    for one in router.scorers if isinstance(router, EndpointPicker) else ():
        code, threshold, highest = _scorer(one.scorer)
        yield from (code, one.weight, threshold, highest)


def _scorer(scorer: Scorer) -> tuple[int, float, float]:
    """Which it is, its threshold, its highest score where busy."""
    match scorer:
        case QueueDepth():
            return col.BY_QUEUE, 0, 0
        case RunningRequests():
            return col.BY_RUNNING, 0, 0
        case KvCacheUtilization():
            return col.BY_KV, 0, 0
        case LoadAware():
            return col.BY_LOAD, scorer.threshold, 0
        case ActiveRequest():
            return col.BY_ACTIVE, scorer.idle_threshold, scorer.max_busy_score
        case TokenLoad():
            return col.BY_TOKENS, scorer.threshold_tokens, 0
        case SessionAffinity():
            return col.BY_AFFINITY, 0, 0
        case PrefixCache():
            return col.BY_PREFIX, 0, 0
    raise ValueError(f"no compiled scorer {scorer.kind}")
