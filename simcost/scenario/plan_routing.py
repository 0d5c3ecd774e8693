"""How a plan routes: what of it the simulator has no signals for, and the endpoint picker of a manifest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from simcost.errors import Fault, InputError
from simcost.plan.routing import EndpointPicker, Router
from simcost.plan.routing.policies import DynamoKv, KvAware, PrefixAware, RayPrefixAware
from simcost.plan.routing.scorers import Latency, NoHitLru, PrefixCache
from simcost.scenario.faults import fault_at
from simcost.scenario.node import Node, items
from simcost.scenario.plan_scaling import FromManifest

if TYPE_CHECKING:
    from simcost.scenario.manifests import Manifest
    from simcost.scenario.model import Plan

_BY_CACHE = tuple(cls().kind for cls in (PrefixAware, KvAware, RayPrefixAware, DynamoKv))
_UNSEEN = {
    PrefixCache: "the prefix cache, which engines do not have here yet",
    NoHitLru: "the prefix cache, which engines do not have here yet",
    Latency: "predictions of latency, which are not made here",
}


def cache_faults(root: Node, file: str) -> Iterator[Fault]:
    """Routers known by name that route by the prefix cache."""
    for plan in items(root.get("plans")):
        router = plan.get("router")
        said = router if router is None or isinstance(router.value, str) else router.get("kind")
        if said is not None and said.value in _BY_CACHE:
            message = (
                f"{said.value} routes by the prefix cache, which engines do not have here yet; try session"
            )
            yield fault_at(said, message, file)


def routing_faults(plan: Plan | None, node: Node, file: str) -> Iterator[Fault]:
    """What a plan's router and door ask for and cannot have; a plan that is None has other faults already."""
    router, door = node.get("router"), node.get("admission")
    if plan is None:
        return
    saturation = door.get("saturation") if door is not None else None
    if saturation is not None and plan.admission.saturation is not None and not _is_picker(plan.router):
        yield fault_at(
            saturation, "is told by the signals of an endpoint-picker; use one, or max_ongoing", file
        )
    if router is None or not isinstance(plan.router, EndpointPicker):
        return
    for one, place in zip(plan.router.scorers, items(router.get("scorers")), strict=True):
        if type(one.scorer) in _UNSEEN:
            message = f"{one.scorer.kind} needs {_UNSEEN[type(one.scorer)]}; take it out"
            yield fault_at(place.get("scorer") or place, message, file)
    gate = router.get("gate")
    if gate is not None and plan.router.gate is not None:
        yield fault_at(gate, f"needs {_UNSEEN[PrefixCache]}; take it out", file)


def router_in(manifest: Manifest, asked: FromManifest) -> EndpointPicker:
    """The endpoint picker of a manifest, without what is not simulated.

    Raises:
        InputError: it has none, or none of its scorers is simulated.
    """
    if manifest.router is None:
        raise InputError(
            f"{asked.path}: a {manifest.kind} routes nothing; name an EndpointPickerConfig of llm-d"
        )
    kept = tuple(one for one in manifest.router.scorers if type(one.scorer) not in _UNSEEN)
    if not kept:
        raise InputError(f"{asked.path}: none of its scorers is simulated; name one by queue or KV cache")
    return replace(manifest.router, scorers=kept, gate=None)


def unrouted(manifest: Manifest) -> str | None:
    """What of the picker of a manifest is not simulated, as a sentence."""
    picker = manifest.router
    if picker is None:
        return None
    left: list[str] = [one.scorer.kind for one in picker.scorers if type(one.scorer) in _UNSEEN]
    left += ["prefix-cache-affinity-filter"] if picker.gate else []
    return f"The router goes without {', '.join(left)}: not simulated." if left else None


def _is_picker(router: Router | FromManifest) -> bool:
    return isinstance(router, EndpointPicker | FromManifest)
