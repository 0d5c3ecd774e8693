"""Routing of a plan: parts for which the simulator has no signals, and the endpoint picker of a manifest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from simcost.errors import Fault, InputError
from simcost.plan import Admission
from simcost.plan.autoscaling import Kpa
from simcost.plan.autoscaling.kpa import queue_limit
from simcost.plan.routing import EndpointPicker, Router
from simcost.plan.routing.routers import RayPowerOfTwo
from simcost.plan.routing.scorers import PrefixCache, Scorer
from simcost.plan.serving import Saturation
from simcost.scenario.files.faults import fault_at
from simcost.scenario.files.nodes import YamlNode, items
from simcost.scenario.schema.scaling import FromManifest
from simcost.tables.paths import inside
from simcost.trace.workload.spec import RecordedWorkload, Workload
from simcost.units import format_seconds

if TYPE_CHECKING:
    from simcost.scenario.manifests import Manifest
    from simcost.scenario.schema.scenario import Plan

_BY_CACHE = ("prefix-aware", "kv-aware", "ray-prefix-aware", "dynamo-kv")
"""Routers that are known by name alone."""


def cache_faults(root: YamlNode, file: str) -> Iterator[Fault]:
    """Routers known by name that route by the prefix cache."""
    for plan in items(root.get("plans")):
        router = plan.get("router")
        said = router if router is None or isinstance(router.value, str) else router.get("kind")
        if said is not None and said.value in _BY_CACHE:
            message = (
                f"{said.value} routes by the prefix cache in a way of its own, which is not simulated; try session, or "
                "an endpoint-picker with the scorer prefix-cache"
            )
            yield fault_at(said, message, file)


def routing_faults(plan: Plan | None, node: YamlNode, without_prefixes: str, file: str) -> Iterator[Fault]:
    """Faults of a plan's router and gateway that need what they cannot have; a plan that is None has other faults
    already.

    `without_prefixes` says why requests carry no prefixes; empty where they do.
    """
    router, door = node.get("router"), node.get("admission")
    if plan is None:
        return
    saturation = door.get("saturation") if door is not None else None
    if saturation is not None and plan.admission.saturation is not None and not _is_picker(plan.router):
        yield fault_at(saturation, "needs the signals of an endpoint-picker; use one, or max_ongoing", file)
    yield from _retry_faults(plan, node, file)
    if router is None or not isinstance(plan.router, EndpointPicker):
        return
    for one, place in zip(plan.router.scorers, items(router.get("scorers")), strict=True):
        if isinstance(one.scorer, PrefixCache) and without_prefixes:
            yield fault_at(place.get("scorer") or place, without_prefixes, file)
        elif isinstance(one.scorer, PrefixCache) and one.scorer.precise and not plan.prefix_cache:
            message = "needs engines with a prefix cache; write prefix_cache: true in the plan, or leave it out"
            yield fault_at(place.get("scorer") or place, message, file)
    if sum(isinstance(scorer.scorer, PrefixCache) for scorer in plan.router.scorers) > 1:
        yield fault_at(router.get("scorers") or router, "has two scorers by prefix; one is simulated", file)


def _retry_faults(plan: Plan, node: YamlNode, file: str) -> Iterator[Fault]:
    """Retries after a failure that does not happen."""
    asked, place = plan.retries, node.get("retries")
    from_manifest = isinstance(plan.scaling, FromManifest)  # may have a time limit
    if asked is None or place is None or plan.admission.timeout is not None or from_manifest:
        return
    if set(asked.on) == {"timeout"}:
        message = "is the only failure to retry, and clients wait for ever; write admission: {timeout: 60s}"
        yield fault_at(place.get("on") or place, message, file)


def may_read_prefixes(plan: Plan) -> bool:
    """True if its router looks at prefixes, or is that of a manifest, which may."""
    return isinstance(plan.router, FromManifest) or reads_prompt_prefixes(plan.router)


def reads_prompt_prefixes(router: Router) -> bool:
    """True if a scorer of the router does."""
    return isinstance(router, EndpointPicker) and any(
        isinstance(scorer.scorer, PrefixCache) for scorer in router.scorers
    )


def prefix_block_tokens(workloads: Sequence[Workload], folder: Path) -> int | None:
    """Length of the blocks of the recorded workloads whose requests carry prefixes; None = none do.

    Raises:
        InputError: they differ.
    """
    from simcost.trace.requests.store import open_trace

    infos = [
        open_trace(inside(folder, workload.path)) for workload in workloads if isinstance(workload, RecordedWorkload)
    ]
    lengths = {info.block_tokens for info in infos if "prefix_hashes" in info.columns and info.block_tokens}
    if len(lengths) > 1:
        raise InputError(f"prefixes of the traces are hashed by blocks of {sorted(lengths)} tokens; import them alike")
    return lengths.pop() if lengths else None


def router_in(manifest: Manifest, asked: FromManifest, block_tokens: int | None = None) -> EndpointPicker:
    """The endpoint picker of a manifest, without what is not simulated; `block_tokens` where requests carry prefixes.

    Raises:
        InputError: it has none, or none of its scorers is simulated.
    """
    if manifest.router is None:
        raise InputError(f"{asked.path}: a {manifest.kind} routes nothing; name an EndpointPickerConfig of llm-d")
    kept = tuple(scorer for scorer in manifest.router.scorers if _is_simulated(scorer.scorer, block_tokens))
    if not kept:
        raise InputError(f"{asked.path}: none of its scorers is simulated; name one by queue or KV cache")
    return replace(manifest.router, scorers=kept)


def _is_simulated(scorer: Scorer, block_tokens: int | None) -> bool:
    return block_tokens is not None or not isinstance(scorer, PrefixCache)


def unrouted(manifest: Manifest, block_tokens: int | None) -> str | None:
    """Part of the picker of a manifest that is not simulated, as a sentence."""
    picker = manifest.router
    if picker is None:
        return None
    left: list[str] = [
        scorer.scorer.kind for scorer in picker.scorers if not _is_simulated(scorer.scorer, block_tokens)
    ]
    return f"The router goes without {', '.join(left)}: not simulated." if left else None


def door_of(plan: Plan, manifests: Sequence[Manifest]) -> tuple[Admission, list[str]]:
    """The limits of a plan, with those of its autoscaler and its manifests where it says nothing itself; and what came
    from where.
    """
    found, said, usual = plan.admission, [], Admission()
    limits = [(Path(manifest.file).name, manifest.admission) for manifest in manifests]
    if isinstance(plan.scaling, Kpa) and (most := plan.scaling.container_concurrency):
        limits.append(("container_concurrency", Admission(max_ongoing=most, max_queued_per_replica=queue_limit(most))))
    for source, admission in limits:
        taken = {}
        for field in fields(Admission):
            theirs = getattr(admission, field.name)
            if theirs != getattr(usual, field.name) and getattr(found, field.name) == getattr(usual, field.name):
                taken[field.name] = theirs
        found = replace(found, **taken)
        if taken:
            words = ", ".join(f"{name} {_shown(value)}" for name, value in taken.items())
            said.append(f"{source}: admission: {words}.")
    return found, said


def _shown(limit: object) -> str:
    if isinstance(limit, Saturation):
        return f"from {limit.queue} waiting or {limit.kv:.0%} of the KV cache: {limit.then}"
    return format_seconds(limit) if isinstance(limit, float) else str(limit)


def differing(plan: Plan, manifests: Sequence[Manifest]) -> Iterator[str]:
    """Accelerators of a replica that a manifest has otherwise."""
    for manifest in manifests:
        if plan.replica is not None and manifest.gpus is not None and manifest.gpus != plan.replica.accelerators:
            theirs = f"{Path(manifest.file).name}: its replicas have {manifest.gpus} accelerators"
            yield f"{theirs}, those of the plan {plan.replica.accelerators}."


def limited(router: Router, door: Admission, plan: Plan) -> tuple[Router, Admission]:
    """Ray's router asks replicas itself whether they are full, so that the limit of a manifest is its own."""
    if not isinstance(router, RayPowerOfTwo) or door.max_ongoing == plan.admission.max_ongoing:
        return router, door
    own = replace(door, max_ongoing=None)
    if router.max_ongoing_requests != RayPowerOfTwo().max_ongoing_requests:
        return router, own
    return replace(router, max_ongoing_requests=door.max_ongoing or router.max_ongoing_requests), own


def _is_picker(router: Router | FromManifest) -> bool:
    return isinstance(router, EndpointPicker | FromManifest)
