"""Parts of a scenario without the rest, and YAML files whose schema is one class, with all faults."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from simcost.errors import Fault, FaultsError, InputError
from simcost.perf import ReplicaSpec
from simcost.scenario.files import yaml
from simcost.scenario.files.by_kind import adapter
from simcost.scenario.files.conform import Conform
from simcost.scenario.files.faults import validate
from simcost.scenario.files.nodes import YamlNode
from simcost.trace.workload.spec import Synthetic

T = TypeVar("T")


def load_workload(path: Path) -> Synthetic:
    """A synthetic workload from a YAML file of its own.

    Raises:
        FaultsError: all faults of the file, each with its place.
    """
    text, faults = yaml.read(path)
    workload, found = (None, []) if faults else _part(text, str(path), Synthetic)
    if workload is None or found:
        raise FaultsError([*faults, *found])
    return workload


def replica_spec(**options: Any) -> ReplicaSpec:
    """A replica from options of the command line.

    Raises:
        InputError: an option is wrong.
    """
    return _sound(json.dumps(options), ReplicaSpec)


def with_fields(cls: type[T], fields: dict[str, str]) -> T:
    """A member of the schema from fields as a YAML file would write them: `{"restart": "2min", "overhead": "false"}`.

    Raises:
        InputError: a field is unknown or wrong.
    """
    text = "".join(f"{name}: {value}\n" for name, value in fields.items()) or "{}"
    return _sound(text, cls)


def _sound(text: str, cls: type[T]) -> T:
    """The part. Raises InputError with all of its faults."""
    part, faults = _part(text, "", cls)
    if part is None or faults:
        raise InputError("; ".join(": ".join(filter(None, (fault.path, fault.message))) for fault in faults))
    return part


def _part(text: str, file: str, cls: type[T]) -> tuple[T | None, list[Fault]]:
    root, faults = yaml.parse(text, file)
    if root is None:
        return None, faults
    root = Conform(file, faults).node(root, cls)
    part, found = validate(adapter(cls), root, file)
    return part, [*faults, *found]


def load_as(path: Path, cls: type[T]) -> T:
    """Read a YAML file.

    Args:
        path: the file.
        cls: the class that is its schema.

    Raises:
        FaultsError: all faults of the file, each with its place.
    """
    return load_with_places(path, cls)[0]


def load_with_places(
    path: Path, cls: type[T], more: Callable[[YamlNode, str], list[Fault]] = lambda _root, _path: []
) -> tuple[T, YamlNode]:
    """As `load_as`, with the tree that knows the places; `more` finds what the schema cannot."""
    text, faults = yaml.read(path)
    root, found = (None, []) if faults else yaml.parse(text, str(path))
    faults += found
    if root is None:
        raise FaultsError(faults)
    root = Conform(str(path), faults).node(root, cls)
    loaded, wrong = validate(adapter(cls), root, str(path))
    faults += [*wrong, *more(root, str(path))]
    if loaded is None or faults:
        raise FaultsError(sorted(faults, key=lambda fault: (fault.line, fault.column)))
    return loaded, root
