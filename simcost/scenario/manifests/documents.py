"""The documents of a manifest file, out of the lists and strings that other tools pack them into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from simcost.scenario.files import yaml
from simcost.scenario.files.nodes import YamlNode
from simcost.scenario.manifests.fields import ManifestFile

RAY_VERSION = "rayVersion"
"""Key under which the Serve config of a RayService has the version of Ray."""
_CONFIGS = ("kind", "applications", "llm_configs", "optimization_target", "plugins")
"""Any of them at the top of a text in a ConfigMap shows that it is a config of its own."""


def objects_of(text: str, file: str) -> tuple[list[YamlNode], ManifestFile]:
    """All objects of a file, and its syntax faults.

    A `List`, as kubectl writes it, is its items; a RayService is the Serve config that it holds as a string, a
    ConfigMap the configs that it holds as texts.
    """
    roots, faults = yaml.parse_documents(text, file)
    reading = ManifestFile(file, faults)
    return [one for root in roots for one in _objects(root, reading)], reading


def _objects(root: YamlNode, reading: ManifestFile) -> Iterator[YamlNode]:
    kind, items = root.get("kind"), root.get("items")
    if kind is not None and kind.value == "List" and items is not None and isinstance(items.value, list):
        for item in items.value:
            yield from _objects(item, reading)
    elif kind is not None and kind.value == "RayService":
        yield from _serve_config(root, reading)
    elif kind is not None and kind.value == "ConfigMap":
        yield from _configs(root, reading)
    else:
        yield root


def _serve_config(root: YamlNode, reading: ManifestFile) -> Iterator[YamlNode]:
    """The Serve config inside a RayService, its lines as they are in the file, with the version of Ray."""
    spec = root.get("spec")
    config = spec.get("serveConfigV2") if spec is not None else None
    if config is None or not isinstance(config.value, str):
        reading.fault(spec or root, "is required, and missing: the Serve config as text", "serveConfigV2")
        return
    cluster = spec.get("rayClusterConfig") if spec is not None else None
    version = cluster.get(RAY_VERSION) if cluster is not None else None
    reading.notes.append("RayService: all but spec.serveConfigV2")
    for one in _embedded(config, config.value, reading):
        known = version is not None and isinstance(one.value, dict)
        yield replace(one, value={**one.value, RAY_VERSION: version}) if known else one  # type: ignore[dict-item]


def _configs(root: YamlNode, reading: ManifestFile) -> Iterator[YamlNode]:
    """The configs inside a ConfigMap; the map itself where it has none."""
    data, found = root.get("data"), []
    for key, value in (data.value if data is not None and isinstance(data.value, dict) else {}).items():
        if isinstance(value.value, str) and any(f"{word}:" in value.value for word in _CONFIGS):
            quiet = ManifestFile(reading.file)
            found += [one for one in _embedded(value, value.value, quiet) if isinstance(one.value, dict)]
            if quiet.faults:
                reading.notes.append(f"ConfigMap: data.{key}")
    yield from found or [root]


def _embedded(node: YamlNode, text: str, reading: ManifestFile) -> list[YamlNode]:
    """The documents of a text inside a file, their lines as they are in the file."""
    roots, faults = yaml.parse_documents("\n" * node.line + text, reading.file)
    reading.faults += faults
    return roots
