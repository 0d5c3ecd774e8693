"""Notes on limits of a gateway that turn nothing away, and on an API that answers what is turned away there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from simcost.plan import Admission
from simcost.plan.routing import Router
from simcost.plan.routing.routers import RayPowerOfTwo

if TYPE_CHECKING:
    from simcost.scenario.schema.scenario import Plan

_QUEUE_LIMITS = ("max_queued", "max_queued_per_replica", "max_wait")
_LIMITS = "max_ongoing with max_queued or max_wait, or a saturation that sheds or rejects"


def gateway_notes(plan: Plan, router: Router, admission: Admission) -> Iterator[str]:
    """Sentences on the gateway of a plan, by its router and limits with those of its manifests."""
    limits = [name for name in _QUEUE_LIMITS if getattr(admission, name) is not None]
    queues = _queues(router, admission)
    if limits and not queues:
        yield (
            f"admission: {' and '.join(limits)}: while a replica is ready nothing waits at the gateway, and the "
            "engines queue without limit; write max_ongoing, the requests that a replica has at a time."
        )
    saturation = admission.saturation
    rejects = (queues and bool(limits)) or (saturation is not None and saturation.then in ("shed", "reject"))
    if plan.overflow is not None and not rejects:
        yield (
            "overflow: the API gets only requests that are too long for every replica, since no others are rejected; "
            f"write {_LIMITS}."
        )


def _queues(router: Router, admission: Admission) -> bool:
    """True if requests may wait at the gateway while replicas are ready."""
    if admission.max_ongoing is not None or isinstance(router, RayPowerOfTwo):
        return True
    return admission.saturation is not None and admission.saturation.then in ("hold", "defer")
