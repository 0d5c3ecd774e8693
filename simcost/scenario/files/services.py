"""A scenario file of several services as one scenario for each: its requests, its target, its part of every plan.

A plan's own keys hold for all its services, as `defaults` hold for all plans: each service is merged over them. Where
services run on the nodes of the plan, one that buys its own takes nothing of these nodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from simcost.errors import Fault, did_you_mean
from simcost.scenario.files.by_kind import adapter
from simcost.scenario.files.commitments import held_once, lost_commitments
from simcost.scenario.files.conform import Conform, merge
from simcost.scenario.files.faults import fault_at, shown, validate
from simcost.scenario.files.forwarding import KEYS_OF_FORWARDING, forwarding_of
from simcost.scenario.files.key_places import belongs
from simcost.scenario.files.nodes import YamlNode, is_given, items
from simcost.scenario.files.sharing import (
    KEY,
    OF_A_PLAN,
    OF_JOBS,
    OF_NODES,
    SHARING,
    beside_jobs,
    on_nodes_of_plan,
    rights_on_nodes,
)
from simcost.scenario.files.vary import vary_faults, vary_of
from simcost.scenario.schema.demand import Demand
from simcost.scenario.schema.services import Forwarding, ServiceDemand, Sharing
from simcost.units import format_seconds

_OF_A_SERVICE = ("workload", "demand", "slo", "tenants")
_ALONE = {
    "sweep": "plans are swept in a scenario of one service; take out `sweep`, or write that scenario",
}
"""Keys of a scenario of one pool, and the remedy where there are several services."""
_NOT_OF_JOBS = (KEY, "model", "quality", "engine_sigma")
"""Keys of a scenario that concern requests alone."""
_OF_JOBS = ("name", "buy", "nodes", "interruptions", *OF_JOBS)
"""Keys of a plan that its jobs have."""


def has_services(root: YamlNode) -> bool:
    """True if the scenario names services."""
    return root.get(KEY) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTrees:
    """The scenarios of the services of a file, every value still at the place of its origin."""

    scenarios: dict[str, YamlNode]
    """By service; those that are not sound are left out."""
    jobs: YamlNode | None
    """That of the jobs, if there are any."""
    sharing: dict[tuple[str, str], Sharing]
    """By plan and service, of those on nodes that several services share."""
    forwarding: dict[tuple[str, str], Forwarding]
    """By plan and service, of those that send requests on."""


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
    trees = ServiceTrees(
        scenarios={name: _scenario(root, name, sound[name], _length(sound)) for name in sound},
        jobs=_jobs(root),
        sharing=sharing,
        forwarding={
            (str(name.value), service): said
            for plan in items(root.get("plans"))
            if (name := plan.get("name")) is not None
            for service, said in forwarding_of(plan, services, file, faults).items()
        },
    )
    return trees, faults


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
    listed = Conform(file, faults, belongs).node(node, tuple[ServiceDemand, ...])
    if not isinstance(listed.value, list) or not node.value:
        other = not isinstance(listed.value, list)
        message = (
            f"expected a list of services, not {shown(node.value)}" if other else "has no service; name at least one"
        )
        faults.append(fault_at(node, message, file))
        return {}
    result, demands = dict[str, YamlNode](), list[tuple[YamlNode, Demand]]()
    for one in listed.value:
        service, wrong = validate(adapter(ServiceDemand), one, file)
        faults += wrong
        name = one.get("name")
        if service is None or name is None:
            continue
        if service.name in result:
            faults.append(
                fault_at(name, f"{service.name!r} is the name of a service before too; names must differ", file)
            )
        if service.demand is not None and (demand := one.get("demand")) is not None:
            demands.append((demand, service.demand))
        elif not service.workload:
            message = "is missing; write the requests to replay or to draw, or a `demand` to forecast"
            faults.append(fault_at(one, message, file, "workload"))
            continue
        result.setdefault(service.name, one)
    faults += _demand_faults(demands, file)
    return result


def _demand_faults(demands: Sequence[tuple[YamlNode, Demand]], file: str) -> Iterator[Fault]:
    """Demands that cannot be futures of the same run."""
    for node, demand in demands:
        first = demands[0][1]
        if demand.forecast.horizon != first.forecast.horizon:
            length = format_seconds(first.forecast.horizon)
            message = f"differs from that of the first demand, {length}; all services run as long: write the same"
            yield fault_at((node.get("forecast") or node).get("horizon") or node, message, file)
        if demand.risk != first.risk:
            message = f"differs from that of the first demand, {first.risk:g}; a plan is judged by one: write the same"
            yield fault_at(node.get("risk") or node, message, file)
        if demand.budget is not None:
            message = "is for a scenario of one service; take it out, the result has the bill of each service"
            yield fault_at(node.get("budget") or node, message, file)


def _misplaced(root: YamlNode, file: str) -> Iterator[Fault]:
    """Keys at the top that belong to a service, or to a scenario of one pool."""
    for key in _OF_A_SERVICE:
        if (node := root.get(key)) is not None and not (key == "slo" and is_given(root.get("jobs"))):
            yield fault_at(node, f"cannot be combined with services; write the {key} of each service in it", file)
    for key, remedy in _ALONE.items():
        if (node := root.get(key)) is not None and is_given(node):
            yield fault_at(node, f"cannot be combined with services: {remedy}", file)


def _plan_faults(root: YamlNode, names: list[str], file: str) -> Iterator[Fault]:
    """Plans without a part for each service, or with one for an unknown service."""
    for plan in items(root.get("plans")):
        if not isinstance(plan.value, dict):
            continue
        if (node := plan.get("training")) is not None and is_given(node) and not is_given(root.get("jobs")):
            yield fault_at(node, "runs jobs, and there are none: write `jobs:` at the top, or take it out", file)
        parts = plan.get(KEY)
        if parts is None or not isinstance(parts.value, dict):
            yield fault_at(
                plan if parts is None else parts, _parts_needed(parts, names), file, *([KEY] * (parts is None))
            )
            continue
        yield from _part_faults(plan, parts.value, names, file)
        if not on_nodes_of_plan(plan) and not _is_of_jobs(plan):
            each = [_over(plan, name, part) for name, part in parts.value.items()]
            yield from lost_commitments(plan, each, "services", file)


def _parts_needed(parts: YamlNode | None, names: list[str]) -> str:
    example = f"`services: {{{names[0] if names else 'NAME'}: {{replica: ..., scaling: ...}}}}`"
    if parts is None:
        return f"is required, and missing: how each service is served; write {example}"
    return f"expected a mapping, not {shown(parts.value)}; write {example}"


def _part_faults(plan: YamlNode, parts: dict[str, YamlNode], names: list[str], file: str) -> Iterator[Fault]:
    for name, part in parts.items():
        if names and name not in names:
            near = did_you_mean(name, names) or f"; services are {', '.join(names)}"
            line, column = part.key or (part.line, part.column)
            yield fault_at(replace(part, line=line, column=column), f"{name!r} is none of the services{near}", file)
        elif part.value is not None and not isinstance(part.value, dict):
            yield fault_at(part, f"expected a mapping (key: value), not {shown(part.value)}", file)
        for key in OF_A_PLAN:
            if (node := part.get(key)) is not None:
                yield fault_at(node, f"is of a plan, not of one of its services; write {key} in the plan", file)
    for name in names:
        if name not in parts:
            message = f"has no part for the service {name!r}; write how it is served, such as its replica and scaling"
            yield fault_at(plan.get(KEY) or plan, message, file, name)


def _length(services: Mapping[str, YamlNode]) -> YamlNode | None:
    """Length of the run as a demand has it; None where there is none."""
    demands = filter(None, (service.get("demand") for service in services.values()))
    ahead = next(filter(is_given, demands), None)
    return None if ahead is None or (forecast := ahead.get("forecast")) is None else forecast.get("horizon")


def _jobs(root: YamlNode) -> YamlNode | None:
    """The scenario of the jobs: their log and targets, and the part of each plan that runs them."""
    if not isinstance(root.value, dict) or not is_given(root.get("jobs")):
        return None
    top = {key: child for key, child in root.value.items() if key not in (*_NOT_OF_JOBS, *_ALONE)}
    if (plans := root.get("plans")) is not None and isinstance(plans.value, list):
        top["plans"] = replace(plans, value=[_plan_of_jobs(plan) for plan in items(plans)])
    return replace(root, value=top)


def _plan_of_jobs(plan: YamlNode) -> YamlNode:
    """A plan with the keys of its jobs alone; where each service buys its own nodes, all is bought for the jobs."""
    if not isinstance(plan.value, dict):
        return plan
    kept = {key: child for key, child in plan.value.items() if key in _OF_JOBS}
    own = kept.get("training_buy")
    return replace(plan, value=kept if own is None else {"buy": own} | kept)


def _scenario(root: YamlNode, name: str, service: YamlNode, length: YamlNode | None) -> YamlNode:
    """The scenario of one service; it is as long as the demands of others."""
    top = root.value if isinstance(root.value, dict) else {}
    shared = {key: child for key, child in top.items() if key not in (KEY, "plans", "jobs", *_OF_A_SERVICE, *_ALONE)}
    own = service.value if isinstance(service.value, dict) else {}
    if (vary := top.get("vary")) is not None:
        shared["vary"] = vary_of(vary, name)
    if length is not None and not is_given(service.get("demand")) and not is_given(top.get("horizon")):
        shared["horizon"] = length
    if (plans := top.get("plans")) is not None:
        listed = isinstance(plans.value, list)
        shared["plans"] = replace(plans, value=[_plan(plan, name) for plan in items(plans)]) if listed else plans
    return replace(root, value=shared | {key: child for key, child in own.items() if key != "name"})


def _is_sound(root: YamlNode, name: str) -> bool:
    """True if each plan has a part for the service."""
    parts = [plan.get(KEY) for plan in items(root.get("plans")) if isinstance(plan.value, dict)]
    found = [None if part is None else part.get(name) for part in parts]
    return all(one is not None and (one.value is None or isinstance(one.value, dict)) for one in found)


def _plan(plan: YamlNode, name: str) -> YamlNode:
    """A plan as it is for one service, with the commitments of the plan where it is the service that has them."""
    parts = plan.get(KEY)
    if (
        not isinstance(plan.value, dict)
        or parts is None
        or not isinstance(parts.value, dict)
        or name not in parts.value
    ):
        return plan
    if name in on_nodes_of_plan(plan):
        return _over(plan, name, parts.value[name])
    over = [(_over(plan, one, part), part) for one, part in parts.value.items()]
    each = held_once(plan, over, taken=_is_of_jobs(plan))
    return each[list(parts.value).index(name)]


def _is_of_jobs(plan: YamlNode) -> bool:
    """True if jobs run on nodes that are bought as the plan says."""
    training = plan.get("training")
    return training is not None and is_given(training) and plan.get("training_buy") is None


def _over(plan: YamlNode, name: str, part: YamlNode) -> YamlNode:
    """The part of a service over what the plan says for all."""
    sharing, keys = on_nodes_of_plan(plan), plan.value if isinstance(plan.value, dict) else {}
    apart = OF_NODES if sharing and name not in sharing else ()
    dropped = ("training_buy",) if name in sharing and beside_jobs(plan) else OF_JOBS
    base = {key: child for key, child in keys.items() if key not in (KEY, SHARING, *dropped, *apart)}
    said = part.value if isinstance(part.value, dict) else {}
    own = replace(
        part, value={key: child for key, child in said.items() if key not in (SHARING, *KEYS_OF_FORWARDING, *OF_A_PLAN)}
    )
    return merge(replace(plan, value=base), own)
