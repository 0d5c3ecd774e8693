"""A scenario file of several services as one scenario for each: its requests, its target, its part of every plan.

A plan's own keys hold for all its services, as `defaults` hold for all plans: each service is merged over them. Where
services run on the nodes of the plan, one that buys its own takes nothing of these nodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from simcost.errors import Fault, did_you_mean
from simcost.scenario.files.by_kind import adapter
from simcost.scenario.files.conform import Conform, merge
from simcost.scenario.files.faults import fault_at, shown, validate
from simcost.scenario.files.nodes import YamlNode, is_given, items
from simcost.scenario.files.sharing import (
    KEY,
    OF_A_PLAN,
    OF_JOBS,
    OF_NODES,
    SHARING,
    on_nodes_of_plan,
    rights_on_nodes,
)
from simcost.scenario.files.vary import vary_faults, vary_of
from simcost.scenario.schema.services import ServiceDemand, Sharing

_OF_A_SERVICE = ("workload", "slo", "tenants")
_ALONE = {
    "demand": "a forecast demand is of one service; write a scenario for each service that has one",
    "jobs": "jobs run in a scenario of their own, or on a fleet that they share with one pool",
    "sweep": "plans are swept in a scenario of one service; take out `sweep`, or write that scenario",
}
"""Keys of a scenario of one pool, and the remedy where there are several services."""


def has_services(root: YamlNode) -> bool:
    """True if the scenario names services."""
    return root.get(KEY) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTrees:
    """The scenarios of the services of a file, every value still at the place of its origin."""

    scenarios: dict[str, YamlNode]
    """By service; those that are not sound are left out."""
    sharing: dict[tuple[str, str], Sharing]
    """By plan and service, of those on nodes that several services share."""


def by_service(root: YamlNode, file: str) -> tuple[ServiceTrees, list[Fault]]:
    """The scenario of each sound service by its name, and the faults."""
    faults: list[Fault] = []
    services = _services(root, file, faults)
    names = [str(name.value) for one in items(root.get(KEY)) if (name := one.get("name")) is not None]
    faults += [
        *_misplaced(root, file),
        *vary_faults(root, list(dict.fromkeys(names)), file),
        *_plan_faults(root, list(dict.fromkeys(names)), file),
    ]
    sharing = {
        (str(name.value), service): said
        for plan in items(root.get("plans"))
        if (name := plan.get("name")) is not None
        for service, said in rights_on_nodes(plan, file, faults).items()
    }
    sound = {name: node for name, node in services.items() if _is_sound(root, name)}
    return ServiceTrees(scenarios={name: _scenario(root, name, sound[name]) for name in sound}, sharing=sharing), faults


def without_services(root: YamlNode, file: str) -> tuple[YamlNode, list[Fault]]:
    """A scenario of one pool, and faults of plans with services that it does not name."""
    plans, faults = root.get("plans"), []
    if not isinstance(root.value, dict) or plans is None or not isinstance(plans.value, list):
        return root, []
    kept = []
    for plan in plans.value:
        if (parts := plan.get(KEY)) is not None and isinstance(plan.value, dict):
            message = "are not named at the top; write `services: [{name: ..., workload: ..., slo: ...}]` there"
            faults.append(fault_at(parts, message, file))
            plan = replace(plan, value={key: child for key, child in plan.value.items() if key != KEY})  # noqa: PLW2901
        kept.append(plan)
    return replace(root, value={**root.value, "plans": replace(plans, value=kept)}), faults


def _services(root: YamlNode, file: str, faults: list[Fault]) -> dict[str, YamlNode]:
    """The services by name, as they are written; those whose schema does not hold are left out."""
    node = root.get(KEY)
    if node is None:
        return {}
    listed = Conform(file, faults).node(replace(node, value=_known(node, file, faults)), tuple[ServiceDemand, ...])
    if not isinstance(listed.value, list) or not listed.value:
        faults.append(fault_at(node, f"{shown(node.value)} stands where a list of services is needed", file))
        return {}
    found: dict[str, YamlNode] = {}
    for one in listed.value:
        service, wrong = validate(adapter(ServiceDemand), one, file)
        faults += wrong
        name = one.get("name")
        if service is None or name is None:
            continue
        if service.name in found:
            faults.append(
                fault_at(name, f"{service.name!r} is the name of a service before too; names must differ", file)
            )
        if not service.workload:
            faults.append(fault_at(one, "is missing; write the requests to replay or to draw", file, "workload"))
            continue
        found.setdefault(service.name, one)
    return found


def _known(node: YamlNode, file: str, faults: list[Fault]) -> list[YamlNode]:
    """The services without a demand, which is a fault."""
    listed = items(node) or [node]
    kept = []
    for one in listed:
        if (demand := one.get("demand")) is not None and isinstance(one.value, dict):
            faults.append(fault_at(demand, f"cannot be combined with services: {_ALONE['demand']}", file))
            one = replace(one, value={key: child for key, child in one.value.items() if key != "demand"})  # noqa: PLW2901
        kept.append(one)
    return kept


def _misplaced(root: YamlNode, file: str) -> Iterator[Fault]:
    """Keys at the top that belong to a service, or to a scenario of one pool."""
    for key in _OF_A_SERVICE:
        if (node := root.get(key)) is not None:
            yield fault_at(node, f"cannot be combined with services; write the {key} of each service in it", file)
    for key, remedy in _ALONE.items():
        if (node := root.get(key)) is not None and is_given(node):
            yield fault_at(node, f"cannot be combined with services: {remedy}", file)


def _plan_faults(root: YamlNode, names: list[str], file: str) -> Iterator[Fault]:
    """Plans without a part for each service, or with one for an unknown service."""
    for plan in items(root.get("plans")):
        if not isinstance(plan.value, dict):
            continue
        for key in OF_JOBS:
            if (node := plan.get(key)) is not None:
                yield fault_at(node, f"cannot be combined with services: {_ALONE['jobs']}", file)
        parts = plan.get(KEY)
        if parts is None or not isinstance(parts.value, dict):
            yield fault_at(
                plan if parts is None else parts, _parts_needed(parts, names), file, *([KEY] * (parts is None))
            )
            continue
        yield from _part_faults(plan, parts.value, names, file)


def _parts_needed(parts: YamlNode | None, names: list[str]) -> str:
    example = f"`services: {{{names[0] if names else 'NAME'}: {{replica: ..., scaling: ...}}}}`"
    if parts is None:
        return f"is required, and missing: how each service is served; write {example}"
    return f"{shown(parts.value)} stands where a mapping is needed; write {example}"


def _part_faults(plan: YamlNode, parts: dict[str, YamlNode], names: list[str], file: str) -> Iterator[Fault]:
    for name, part in parts.items():
        if names and name not in names:
            near = did_you_mean(name, names) or f"; services are {', '.join(names)}"
            line, column = part.key or (part.line, part.column)
            yield fault_at(replace(part, line=line, column=column), f"{name!r} is none of the services{near}", file)
        elif part.value is not None and not isinstance(part.value, dict):
            yield fault_at(part, f"{shown(part.value)} stands where a mapping (key: value) is needed", file)
        for key in OF_A_PLAN:
            if (node := part.get(key)) is not None:
                yield fault_at(node, f"is of a plan, not of one of its services; write {key} in the plan", file)
    for name in names:
        if name not in parts:
            message = f"has no part for the service {name!r}; write how it is served, such as its replica and scaling"
            yield fault_at(plan.get(KEY) or plan, message, file, name)


def _scenario(root: YamlNode, name: str, service: YamlNode) -> YamlNode:
    """The scenario of one service."""
    top = root.value if isinstance(root.value, dict) else {}
    shared = {key: child for key, child in top.items() if key not in (KEY, "plans", *_OF_A_SERVICE, *_ALONE)}
    own = service.value if isinstance(service.value, dict) else {}
    if (vary := top.get("vary")) is not None:
        shared["vary"] = vary_of(vary, name)
    if (plans := top.get("plans")) is not None:
        listed = isinstance(plans.value, list)
        shared["plans"] = replace(plans, value=[_plan(plan, name) for plan in items(plans)]) if listed else plans
    return replace(root, value=shared | {key: child for key, child in own.items() if key != "name"})


def _is_sound(root: YamlNode, name: str) -> bool:
    """True if each plan has a part for the service."""
    parts = [plan.get(KEY) for plan in items(root.get("plans")) if isinstance(plan.value, dict)]
    found = [None if one is None else one.get(name) for one in parts]
    return all(one is not None and (one.value is None or isinstance(one.value, dict)) for one in found)


def _plan(plan: YamlNode, name: str) -> YamlNode:
    """A plan as it is for one service: its part over what the plan says for all."""
    parts = plan.get(KEY)
    part = None if parts is None else parts.get(name)
    if not isinstance(plan.value, dict) or part is None:
        return plan
    sharing = on_nodes_of_plan(plan)
    apart = OF_NODES if sharing and name not in sharing else ()
    base = {key: child for key, child in plan.value.items() if key not in (KEY, SHARING, *OF_JOBS, *apart)}
    said = part.value if isinstance(part.value, dict) else {}
    own = replace(part, value={key: child for key, child in said.items() if key not in (SHARING, *OF_A_PLAN)})
    return merge(replace(plan, value=base), own)
