"""Services of a plan that send requests on to others: cascades and fallbacks, and what cannot be combined with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from simcost.errors import Fault, did_you_mean
from simcost.scenario.files.by_kind import adapter
from simcost.scenario.files.conform import Conform
from simcost.scenario.files.faults import fault_at, validate
from simcost.scenario.files.nodes import YamlNode, is_given, items
from simcost.scenario.files.sharing import KEY, beside_jobs, on_nodes_of_plan
from simcost.scenario.schema.services import Forwarding

KEYS_OF_FORWARDING = ("cascade", "fallback")


def forwarding_of(
    plan: YamlNode, services: Mapping[str, YamlNode], file: str, faults: list[Fault]
) -> dict[str, Forwarding]:
    """Requests that the services of a plan send on, by name; `services`: their requests as they are written."""
    parts = plan.get(KEY)
    if parts is None or not isinstance(parts.value, dict):
        return {}
    result: dict[str, Forwarding] = {}
    for name, part in parts.value.items():
        said = {key: node for key in KEYS_OF_FORWARDING if is_given(node := part.get(key)) and node is not None}
        if not said:
            continue
        node = Conform(file, faults).node(replace(part, value=dict(said)), Forwarding)
        forwarding, wrong = validate(adapter(Forwarding), node, file)
        faults += wrong
        own = [fault for one in said.values() for fault in _faults(name, one, services, file)]
        faults += own
        if forwarding is not None and not own:
            result[name] = forwarding
    faults += _cycle_faults(parts, result, file)
    shared = [] if beside_jobs(plan) else on_nodes_of_plan(plan)
    faults += _shared_faults(parts, result, shared, file)
    return result


def _faults(name: str, said: YamlNode, services: Mapping[str, YamlNode], file: str) -> Iterator[Fault]:
    """Contradictions of one cascade or fallback of the service `name`."""
    to = said.get("to")
    if to is None or not isinstance(to.value, str):
        return
    if to.value == name:
        yield fault_at(to, "is the service itself; name another one that answers these requests", file)
        return
    if services and to.value not in services:
        near = did_you_mean(to.value, list(services)) or f"; services are {', '.join(services)}"
        yield fault_at(to, f"{to.value!r} is none of the services{near}", file)
        return
    for service in (name, to.value):
        for message in _request_faults(service, services.get(service)):
            yield fault_at(said, message, file)


def _request_faults(name: str, service: YamlNode | None) -> Iterator[str]:
    """Requests of a service that can neither be sent on nor be joined by others."""
    if service is None:
        return
    workload, demand = service.get("workload"), service.get("demand")
    streams = [one for source in (workload, demand and demand.get("requests")) for one in items(source)]
    if any(is_given(stream.get(key)) for stream in streams for key in ("tenant", "tenants")):
        yield f"cannot be combined with tenants, and requests of {name!r} have some; take `tenant` out of the workload"
    if any((kind := stream.get("kind")) is not None and kind.value == "closed" for stream in streams):
        yield (
            f"cannot be combined with a closed loop, and the clients of {name!r} are one; write a workload whose "
            "requests come when they do"
        )


def _cycle_faults(parts: YamlNode, found: Mapping[str, Forwarding], file: str) -> Iterator[Fault]:
    """Services whose requests may come back to them: each cycle once, at the first service of it."""
    told: set[str] = set()
    for name in found:
        path = _way_back(name, found)
        if path and not told & set(path):
            told |= set(path)
            way = " to ".join(map(repr, (*path, name)))
            node = parts.get(name)
            keys = [one for key in KEYS_OF_FORWARDING if node is not None and (one := node.get(key)) is not None]
            yield fault_at((keys or [parts])[0], f"sends requests from {way}; take one of these out", file)


def _shared_faults(
    parts: YamlNode, found: Mapping[str, Forwarding], shared: Sequence[str], file: str
) -> Iterator[Fault]:
    """Services that send requests on to others with which they share nodes, even over others: what shares nodes is
    simulated together, so that none of it can come after the rest.
    """
    for name in (one for one in shared if one in found):
        for key in KEYS_OF_FORWARDING:
            rule, node = getattr(found[name], key), parts.get(name)
            said = None if node is None else node.get(key)
            reached = set() if rule is None else _reached(rule.to, found) & set(shared) - {name}
            if said is not None and reached:
                message = (
                    f"sends requests from {name!r} to {min(reached)!r}, which share nodes and are simulated "
                    "together; give one of the two a `buy` of its own"
                )
                yield fault_at(said, message, file)


def _reached(name: str, found: Mapping[str, Forwarding]) -> set[str]:
    """A service and all to which its requests may come."""
    reached, left = set[str](), [name]
    while left:
        one = left.pop()
        if one not in reached:
            reached.add(one)
            left += found[one].targets() if one in found else ()
    return reached


def _way_back(name: str, found: Mapping[str, Forwarding]) -> list[str]:
    """Services from one back to it, itself first; empty where there is no way."""
    ways, seen = [[name]], {name}
    while ways:
        way = ways.pop()
        for to in found[way[-1]].targets() if way[-1] in found else ():
            if to == name:
                return way
            if to not in seen:
                seen.add(to)
                ways.append([*way, to])
    return []
