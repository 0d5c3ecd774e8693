"""References of a plan's scaling: a manifest that a team runs already, a forecast of its load."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcost.catalog import Catalog
from simcost.errors import Fault, FaultsError, InputError, TraceError
from simcost.plan import Scaling
from simcost.plan.autoscaling import Chain
from simcost.plan.autoscaling.keda import CronTrigger, Keda
from simcost.plan.autoscaling.wva import Follower
from simcost.plan.nodes import NodePool
from simcost.scenario.files.faults import fault_at
from simcost.scenario.files.nodes import YamlNode, items
from simcost.scenario.files.pools import in_each_part
from simcost.tables.paths import inside
from simcost.trace.workload.spec import RecordedWorkload

if TYPE_CHECKING:
    from simcost.scenario.manifests import Manifest
    from simcost.scenario.schema.scenario import Scenario
from simcost.scenario.schema.scaling import FollowForecast, FromManifest

_START = {
    "kpa": "Knative starts from the annotation autoscaling.knative.dev/initial-scale, 1 unless it says otherwise",
    "fixed": "num_replicas without autoscaling_config is a fixed number",
}
"""Source of the replicas at time 0, of policies that take no start."""


def undated_fault(scenario: Scenario | None, folder: Path) -> str:
    """Fault of what follows a calendar, with the date to write; empty where time 0 has a date."""
    if scenario is None or scenario.starts is not None or scenario.demand is not None:
        return ""
    text, begins = "follows a calendar, and time 0 has no date; write", recorded_start(scenario, folder)
    if not begins:
        return f"{text} `starts: 2026-07-20T00:00:00Z` in the file, with the date of yours"
    return f"{text} `starts: {begins}` in the file, when the trace begins"


def recorded_start(scenario: Scenario, folder: Path) -> str:
    """Date and time at which the first recorded workload with a date begins; empty where none has one."""
    from simcost.trace.requests.store import open_trace

    for workload in scenario.workload:
        if isinstance(workload, RecordedWorkload):
            with suppress(TraceError, InputError, OSError):  # what is wrong with it is a fault of its own
                if begins := open_trace(inside(folder, workload.path)).start_utc:
                    return begins.partition(".")[0].rstrip("Z") + "Z"
    return ""


def manifest_of(asked: FromManifest, folder: Path, catalog: Catalog) -> Manifest:
    """Manifest in the file.

    Raises:
        FaultsError: all that is wrong with it, each with its place; metrics that no signal makes.
        InputError: a path outside the folder.
    """
    from simcost.scenario.manifests import read_manifest
    from simcost.scenario.manifests.aws import NO_BOUNDS, CapacityBounds

    path, bounds = inside(folder, asked.path), CapacityBounds(asked.min, asked.max)
    found = read_manifest(path, name=asked.name, signals=asked.signals, catalog=catalog, bounds=bounds)
    if bounds != NO_BOUNDS and found.kind != "Application Auto Scaling":
        raise InputError(
            f"{asked.path}: the {found.kind} has bounds of its own; remove min and max, and change them in the file"
        )
    if asked.first is not None:
        found = replace(found, unmapped=tuple(one for one in found.unmapped if one.metric != asked.publishes))
    return found.mapped()


def policy_in(manifest: Manifest, asked: FromManifest) -> Scaling:
    """The autoscaler of a manifest, with the replicas that it starts from.

    Raises:
        InputError: it has none.
    """
    policy = manifest.policy
    if policy is None:
        raise InputError(f"{asked.path}: a {manifest.kind} scales no replicas; name the manifest of an autoscaler")
    if asked.start is not None:
        begun = policy.starting_with(asked.start)
        if begun is policy and begun.initial() != asked.start:
            raise InputError(
                f"{asked.path}: start ({asked.start}) changes nothing: {_START[policy.kind]}; remove start"
            )
        policy = begun
    if asked.first is None:
        return policy
    if not isinstance(policy, Follower):
        raise InputError(f"{asked.path}: a {manifest.kind} follows no other policy; name an HPA or a ScaledObject")
    try:
        return Chain(first=asked.first, then=policy, publishes=asked.publishes)
    except ValueError as error:
        raise InputError(f"{asked.path}: {error}") from error


def nodes_in(manifest: Manifest, asked: FromManifest) -> NodePool:
    """The node pool of a manifest.

    Raises:
        InputError: it has none.
    """
    if manifest.nodes is None:
        raise InputError(f"{asked.path}: a {manifest.kind} does not describe nodes; name a Karpenter NodePool")
    return manifest.nodes


def written_in_full(root: YamlNode) -> YamlNode:
    """`{from: FILE}` under scaling, nodes and router of the plans as what it is short for."""
    plans = root.get("plans")
    if not isinstance(root.value, dict) or plans is None or not isinstance(plans.value, list):
        return root
    found = replace(plans, value=[plan_in_full(plan) for plan in plans.value])
    return replace(root, value={**root.value, "plans": found})


def slos_in_full(root: YamlNode) -> YamlNode:
    """Percentiles under limits of the SLOs as what they are short for: of a scenario, its tenants and services."""
    if not isinstance(root.value, dict):
        return root
    found = dict(root.value)
    if (slo := root.get("slo")) is not None:
        found["slo"] = _slo_in_full(slo)
    for key in ("tenants", "services"):
        part = root.get(key)
        if part is not None and isinstance(part.value, list):
            found[key] = replace(part, value=[slos_in_full(one) for one in part.value])
    return replace(root, value=found)


def _slo_in_full(slo: YamlNode) -> YamlNode:
    """`ttft: {p95: 2s}` as `percentiles: {ttft: {p95: 2s}}`."""
    if not (short := _short_limits(slo)):
        return slo
    found = {key: child for key, child in _children(slo).items() if key not in short}
    stated = found.get("percentiles")
    if stated is not None and not isinstance(stated.value, dict):
        return replace(slo, value=found)
    levels = dict(_children(stated))
    for metric, limits in short.items():
        others = levels.get(metric)
        if others is None or isinstance(others.value, dict):
            levels[metric] = replace(limits, value={**_children(others), **_children(limits)})
    return replace(slo, value={**found, "percentiles": replace(stated or slo, value=levels)})


def _children(node: YamlNode | None) -> dict[str, YamlNode]:
    """The children of a mapping; none of anything else."""
    return node.value if node is not None and isinstance(node.value, dict) else {}


def _short_limits(slo: YamlNode | None) -> dict[str, YamlNode]:
    """The limits of an SLO that are percentiles, by metric."""
    limits = {metric: limit for metric, limit in _children(slo).items() if metric in ("ttft", "tpot", "e2e")}
    return {metric: limit for metric, limit in limits.items() if isinstance(limit.value, dict)}


def percentile_faults(root: YamlNode, file: str) -> Iterator[Fault]:
    """Percentiles under a limit of an SLO that are none, or that `percentiles` states too."""
    for part in (*items(root.get("tenants")), *items(root.get("services"))):
        yield from percentile_faults(part, file)
    slo = root.get("slo")
    stated = _children(_children(slo).get("percentiles"))
    for metric, limits in _short_limits(slo).items():
        if not limits.value:
            yield fault_at(limits, "is empty; write a limit of each request as 2s, or a percentile as {p95: 2s}", file)
        for level, limit in _children(limits).items():
            if level in _children(stated.get(metric)):
                yield fault_at(limit, f"is a target under percentiles.{metric} too; keep one of them", file)


def plan_in_full(plan: YamlNode) -> YamlNode:
    """The same in a plan, or in a part of one: its pools and services too."""
    if not isinstance(plan.value, dict):
        return plan
    found = {key: _full(child) if key in ("scaling", "nodes", "router") else child for key, child in plan.value.items()}
    return in_each_part(replace(plan, value=found), plan_in_full)


def _full(node: YamlNode) -> YamlNode:
    value, then = node.value, node.get("then")
    if isinstance(value, dict) and then is not None and then.get("from") is not None and _is_chain(value):
        followed = _full(then)
        rest = {key: child for key, child in value.items() if key not in ("kind", "then")}
        return replace(node, value={**(followed.value if isinstance(followed.value, dict) else {}), **rest})
    if not isinstance(value, dict) or "from" not in value or "kind" in value:
        return node
    rest = {key: child for key, child in value.items() if key not in ("from", "signals")}
    found = {"kind": replace(value["from"], value="manifest"), "path": value["from"], **rest}
    if (signals := value.get("signals")) is not None:
        found["signals"] = signals
        if isinstance(signals.value, dict):
            each = {key: _signals(child) for key, child in signals.value.items()}
            found["signals"] = replace(signals, value=each)
    return replace(node, value=found)


def _is_chain(value: Mapping[str, YamlNode]) -> bool:
    return "kind" in value and value["kind"].value == "chain"


def _signals(node: YamlNode) -> YamlNode:
    """One signal, or several that are added up; `from` names it."""
    parts = node.value if isinstance(node.value, list) else [node]
    return replace(node, value=[_signal(part) for part in parts])


def _signal(node: YamlNode) -> YamlNode:
    if isinstance(node.value, str):
        return replace(node, value={"name": node})
    if not isinstance(node.value, dict):
        return node
    return replace(node, value={"name" if key == "from" else key: child for key, child in node.value.items()})


def manifest_faults(
    plans: Sequence[Any],
    nodes: Sequence[YamlNode],
    catalog: Catalog,
    folder: Path,
    file: str,
    *,
    with_prefixes: bool,
    undated: Callable[[], str],
) -> Iterator[Fault]:
    """Manifests that cannot be read or do not suit; a plan that is None has other faults already.

    `with_prefixes` says whether requests carry their prefixes; `undated` gives the fault of what follows a
    calendar, empty where time 0 has a date.
    """
    from simcost.scenario.checks.disaggregation_checks import signal_faults
    from simcost.scenario.checks.policy_checks import budget_faults, node_pool_faults, policy_faults
    from simcost.scenario.checks.routing_checks import router_in
    from simcost.scenario.files.faults import fault_at

    for plan, node in zip(plans, nodes, strict=True):
        if (apart := getattr(plan, "disaggregation", None)) is not None and (side := node.get("disaggregation")):
            of_side = side.get("scaling") or side
            if _follows_calendar(apart.scaling) and (message := undated()):
                yield fault_at(of_side, message, file)
            yield from policy_faults(apart.scaling, of_side, file)
            yield from signal_faults(apart.scaling, of_side, file)
        route = partial(router_in, block_tokens=1 if with_prefixes else None)
        for key, take in (("scaling", policy_in), ("nodes", nodes_in), ("router", route)):
            asked, place = getattr(plan, key, None), node.get(key)
            if asked is None or place is None:
                continue
            try:
                found = asked
                if isinstance(asked, FromManifest):
                    found = take(manifest_of(asked, folder, catalog), asked)
                if _follows_calendar(found) and (message := undated()):
                    yield fault_at(place, message, file)
                if isinstance(found, NodePool):
                    yield from node_pool_faults(found, plan, place, catalog, file)
                elif key == "scaling" and not isinstance(found, FollowForecast):
                    yield from policy_faults(found, place, file)
                    yield from budget_faults(found, plan, place, file)
            except FaultsError as error:
                yield from error.faults
            except InputError as error:
                yield fault_at(place, str(error), file)


def _follows_calendar(policy: object) -> bool:
    """True for cron triggers, and for nodes whose budgets hold at some times of the week only."""
    scaling = policy.then if isinstance(policy, Chain) else policy
    if isinstance(scaling, Keda):
        return any(isinstance(trigger, CronTrigger) for trigger in scaling.triggers)
    return isinstance(policy, NodePool) and policy.follows_calendar


def not_simulated(manifest: Manifest) -> str | None:
    """Part of a manifest that has no effect here, as a sentence."""
    if not manifest.not_simulated:
        return None
    return f"{Path(manifest.file).name}: not simulated: {', '.join(manifest.not_simulated)}."
