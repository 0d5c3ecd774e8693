"""Dimensions of a scenario of several services: each varies the part of one service, or the parts of all alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from simcost.errors import Fault, did_you_mean
from simcost.scenario.files.conform import merge
from simcost.scenario.files.faults import fault_at
from simcost.scenario.files.nodes import YamlNode, items
from simcost.scenario.files.sharing import KEY


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


def vary_of(vary: YamlNode, name: str) -> YamlNode:
    """The dimensions that concern a service, as those of a scenario of its own."""
    if not isinstance(vary.value, list):
        return vary
    found = [one for one in vary.value if set(_services_of(one)) <= {name}]
    return replace(vary, value=[_own(one, name) for one in found])


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
    parts = node.get(KEY)
    if not isinstance(node.value, dict) or parts is None:
        return node
    shared = replace(node, value={key: child for key, child in node.value.items() if key != KEY})
    part = parts.get(name)
    return shared if part is None else merge(shared, part)
