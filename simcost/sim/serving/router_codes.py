"""Routers and limits at the gateway as the numbers that the kernel reads."""

from collections.abc import Iterator

from simcost.plan import Admission, Router
from simcost.plan.routing import EndpointPicker
from simcost.plan.routing.pool_routers import PoolsInOrder
from simcost.plan.routing.routers import RayPowerOfTwo
from simcost.sim.clock import Clock
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.layout import NEVER, NIL

_PICKERS = {"max-score": col.MAX_SCORE, "random": col.RANDOM, "weighted-random": col.WEIGHTED_RANDOM}
_ACTIONS = {"hold": col.HOLD, "reject": col.REJECT, "shed": 0, "defer": 0}


def routing_parameters(router: Router, admission: Admission, clock: Clock) -> tuple[int, ...]:
    """`parameters` from INFORMED on."""
    saturation, limit, age = admission.saturation, admission.max_ongoing, router.report_age()
    ray = router if isinstance(router, RayPowerOfTwo) else None
    picker = router if isinstance(router, EndpointPicker) else None
    scorers = [one.scorer for one in picker.scorers] if picker else []
    return (
        router.informed or limit is not None,
        NIL if age is None else clock.ticks(age),
        col.CLOSED if limit is None else limit,
        NEVER if admission.max_queued is None else admission.max_queued,
        _ACTIONS[saturation.then] if saturation else 0,
        clock.ticks(router.window_s()),
        ray.max_ongoing_requests if ray else 0,
        clock.ticks(ray.refresh) if ray else 0,
        clock.ticks(ray.backoff) if ray else 0,
        clock.ticks(ray.max_backoff) if ray else 0,
        _PICKERS[picker.picker] if picker else 0,
        any(scorer.counts_itself for scorer in scorers),
        len(scorers),
        any(scorer.by_session for scorer in scorers),
    )


def routing_numbers(router: Router, admission: Admission) -> Iterator[float]:
    """`limits` from SATURATED_QUEUE on."""
    saturation = admission.saturation
    yield from (saturation.queue, saturation.kv) if saturation else (1.0, 1.0)
    if isinstance(router, PoolsInOrder):
        yield from (router.queue, router.kv)
    for scorer in router.scorers if isinstance(router, EndpointPicker) else ():
        threshold, highest = scorer.scorer.limits()
        yield from (scorer.scorer.code, scorer.weight, threshold, highest)
