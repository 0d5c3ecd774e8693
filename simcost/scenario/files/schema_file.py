"""A YAML file whose schema is one class: the object it stands for, or all that is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from simcost.errors import Fault, FaultsError
from simcost.scenario.files import yaml
from simcost.scenario.files.conform import Conform
from simcost.scenario.files.faults import validate
from simcost.scenario.files.nodes import Node

T = TypeVar("T")


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
    path: Path, cls: type[T], more: Callable[[Node, str], list[Fault]] = lambda _root, _path: []
) -> tuple[T, Node]:
    """As `load_as`, with the tree that knows the places; `more` finds what the schema cannot."""
    from pydantic import TypeAdapter

    text, faults = yaml.read(path)
    root, found = (None, []) if faults else yaml.parse(text, str(path))
    faults += found
    if root is None:
        raise FaultsError(faults)
    root = Conform(str(path), faults).node(root, cls)
    loaded, wrong = validate(TypeAdapter(cls), root, str(path))
    faults += [*wrong, *more(root, str(path))]
    if loaded is None or faults:
        raise FaultsError(sorted(faults, key=lambda fault: (fault.line, fault.column)))
    return loaded, root
