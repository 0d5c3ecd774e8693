"""Dimensions of a scenario of several services: each varies the part of one service, or the parts of all alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from simcost.errors import Fault, did_you_mean
from simcost.scenario.files.conform import merge
from simcost.scenario.files.faults import fault_at
from simcost.scenario.files.forwarding import KEYS_OF_FORWARDING
from simcost.scenario.files.nodes import YamlNode, items
from simcost.scenario.files.sharing import KEY, SHARING

_JOINT = (*KEYS_OF_FORWARDING, SHARING)
"""Keys of a service, or of its plan, that say what it has to do with others."""


def vary_faults(root: YamlNode, names: Sequence[str], file: str) -> Iterator[Fault]:
    """Dimensions of an unknown service, or of several at once."""
    for dimension in items(root.get("vary")):
        found = set(_services_of(dimension))
        for name in sorted(found - set(names)):
            near = did_you_mean(name, list(names)) or f"; services are {', '.join(names)}"
            yield fault_at(dimension, f"varies {name!r}, which is none of the services{near}", file)
        if len(found) > 1:
            listed = ", ".join(sorted(found))
            yield fault_at(dimension, f"varies several services ({listed}); write a dimension for each", file)


def varies_joint_terms(root: YamlNode) -> bool:
    """True if a dimension varies what services have to do with each other: requests sent on, rights on shared nodes."""
    return any(key in _JOINT for dimension in items(root.get("vary")) for key in _first_keys(dimension))


def _first_keys(dimension: YamlNode) -> Iterator[str]:
    """Keys of plans and of parts of services that a dimension changes, or changes something of."""
    yield from _keys_of_path(dimension)[:1]
    for one in items(dimension):
        parts = one.get(KEY)
        own = parts.value.values() if parts is not None and isinstance(parts.value, dict) else ()
        for part in (one, *own):
            yield from part.value if isinstance(part.value, dict) else ()


def vary_of(vary: YamlNode, name: str) -> YamlNode:
    """The dimensions that concern a service, as those of a scenario of its own, which has nothing to do with others."""
    if not isinstance(vary.value, list):
        return vary
    found = [one for one in vary.value if set(_services_of(one)) <= {name}]
    own = [one for one in found if not {*_keys_of_path(one)[:1]} & {*_JOINT}]
    return replace(vary, value=[_own(one, name) for one in own])


def _keys_of_path(dimension: YamlNode) -> list[str]:
    """The path of a dimension in the part of its service, or in the plan; none where it lists partial plans."""
    path = dimension.get("path")
    keys = path.value.split(".") if path is not None and isinstance(path.value, str) else []
    return keys[2:] if keys[:1] == [KEY] else keys


def _services_of(dimension: YamlNode) -> Iterator[str]:
    """Services that a dimension names."""
    path = dimension.get("path")
    keys = path.value.split(".") if path is not None and isinstance(path.value, str) else []
    if len(keys) > 1 and keys[0] == KEY:
        yield keys[1]
    for one in items(dimension):
        parts = one.get(KEY)
        if parts is not None and isinstance(parts.value, dict):
            yield from parts.value


def _own(dimension: YamlNode, name: str) -> YamlNode:
    """A dimension as one of the service alone."""
    path = dimension.get("path")
    if isinstance(dimension.value, dict) and path is not None and isinstance(path.value, str):
        if path.value == f"{KEY}.{name}":
            return replace(dimension, value={key: child for key, child in dimension.value.items() if key != "path"})
        own = replace(path, value=path.value.removeprefix(f"{KEY}.{name}."))
        return replace(dimension, value={**dimension.value, "path": own})
    if isinstance(dimension.value, dict):
        return dimension
    return replace(dimension, value=[_partial(one, name) for one in items(dimension)])


def _partial(node: YamlNode, name: str) -> YamlNode:
    """A partial plan, the part of the service over what it says for all."""
    if not isinstance(node.value, dict):
        return node
    parts = node.get(KEY)
    part = None if parts is None else parts.get(name)
    shared = _alone(node)
    return shared if part is None else merge(shared, _alone(part))


def _alone(node: YamlNode) -> YamlNode:
    """A part without the keys that concern other services."""
    if not isinstance(node.value, dict):
        return node
    return replace(node, value={key: child for key, child in node.value.items() if key not in (KEY, *_JOINT)})
