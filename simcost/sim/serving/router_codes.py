"""Routers and limits at the door as the numbers that the kernel reads."""

from collections.abc import Iterator

from simcost.plan import Admission, Router
from simcost.plan.routing import EndpointPicker
from simcost.plan.routing import scorers as by
from simcost.plan.routing.routers import (
    LeastOutstanding,
    LowestRate,
    PowerOfTwo,
    RayPowerOfTwo,
    RoundRobin,
    Session,
)
from simcost.plan.routing.scorers import Scorer
from simcost.sim.clock import Clock
from simcost.sim.serving.engine import layout as at
from simcost.sim.serving.engine.layout import NEVER, NIL

_PICKERS = {"max-score": at.MAX_SCORE, "random": at.RANDOM, "weighted-random": at.WEIGHTED_RANDOM}
_ACTIONS = {"hold": at.HOLD, "reject": at.REJECT, "shed": 0}


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
        at.CLOSED if limit is None else limit,
        NEVER if admission.max_queued is None else admission.max_queued,
        _ACTIONS[saturation.then] if saturation else 0,
        clock.ticks(router.window) if isinstance(router, LowestRate | Session) else 0,
        ray.max_ongoing_requests if ray else 0,
        clock.ticks(ray.refresh) if ray else 0,
        clock.ticks(ray.backoff) if ray else 0,
        clock.ticks(ray.max_backoff) if ray else 0,
        _PICKERS[picker.picker] if picker else 0,
        any(isinstance(scorer, by.ActiveRequest | by.TokenLoad) for scorer in scorers),
        len(scorers),
        any(isinstance(scorer, by.SessionAffinity) for scorer in scorers),
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
        case by.QueueDepth():
            return at.BY_QUEUE, 0, 0
        case by.RunningRequests():
            return at.BY_RUNNING, 0, 0
        case by.KvCacheUtilization():
            return at.BY_KV, 0, 0
        case by.LoadAware():
            return at.BY_LOAD, scorer.threshold, 0
        case by.ActiveRequest():
            return at.BY_ACTIVE, scorer.idle_threshold, scorer.max_busy_score
        case by.TokenLoad():
            return at.BY_TOKENS, scorer.threshold_tokens, 0
        case by.SessionAffinity():
            return at.BY_AFFINITY, 0, 0
        case by.PrefixCache():
            return at.BY_PREFIX, 0, 0
    raise ValueError(f"no compiled scorer {scorer.kind}")
