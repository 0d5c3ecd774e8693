"""The documents of a manifest file, out of the lists and strings that other tools pack them into."""

from __future__ import annotations

from collections.abc import Iterator

from simcost.scenario import yaml
from simcost.scenario.manifests.fields import Reading
from simcost.scenario.node import Node


def objects_of(text: str, file: str) -> tuple[list[Node], Reading]:
    """All objects of a file, and what is wrong with its syntax.

    A `List`, as kubectl writes it, is its items; a RayService is the Serve config that it holds as a string.
    """
    roots, faults = yaml.parse_documents(text, file)
    reading = Reading(file, faults)
    return [one for root in roots for one in _objects(root, reading)], reading


def _objects(root: Node, reading: Reading) -> Iterator[Node]:
    kind, items = root.get("kind"), root.get("items")
    if kind is not None and kind.value == "List" and items is not None and isinstance(items.value, list):
        for item in items.value:
            yield from _objects(item, reading)
    elif kind is not None and kind.value == "RayService":
        yield from _serve_config(root, reading)
    else:
        yield root


def _serve_config(root: Node, reading: Reading) -> Iterator[Node]:
    """The Serve config inside a RayService, its lines as they are in the file."""
    spec = root.get("spec")
    config = spec.get("serveConfigV2") if spec is not None else None
    if config is None or not isinstance(config.value, str):
        reading.fault(spec or root, "is required, and missing: the Serve config as text", "serveConfigV2")
        return
    roots, faults = yaml.parse_documents("\n" * config.line + config.value, reading.file)
    reading.faults += faults
    reading.notes.append("RayService: all but spec.serveConfigV2")
    yield from roots
