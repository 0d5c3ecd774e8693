"""Replicas of a plan that were measured: calibrated ones and latency tables as what their files hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from simcost.errors import Fault, InputError
from simcost.scenario.checks.image_tables import KEY as IMAGE_TABLE
from simcost.scenario.checks.image_tables import with_image_table
from simcost.scenario.checks.latency_tables import KEY as LATENCY_TABLE
from simcost.scenario.checks.latency_tables import with_latency_table
from simcost.scenario.files import yaml
from simcost.scenario.files.conform import is_same, merge
from simcost.scenario.files.faults import fault_at, shown
from simcost.scenario.files.nodes import YamlNode, items
from simcost.tables.paths import inside

_KEY = "replica"
_MEASURED = {"accelerator": "on", "precision": "in", "tp": "with tp", "pp": "with pp", "dp": "with dp", "ep": "with ep"}
"""Fields that a file with another value says nothing of, each with the words before the value."""


def with_calibrations(root: YamlNode, folder: Path, file: str) -> tuple[YamlNode, list[Fault], tuple[str, ...]]:
    """The scenario with measured replicas written in full, faults, and the names of the files that were read.

    Fields next to `from` take precedence over the file; all are at the place of `from`.
    """
    faults: list[Fault] = []
    names: dict[str, None] = {}

    def full(node: YamlNode) -> YamlNode:
        for key in (LATENCY_TABLE, IMAGE_TABLE):
            if (table := node.get(key)) is not None and isinstance(table.value, str):
                names[table.value] = None
        return with_image_table(with_latency_table(calibrated(node), folder, file, faults), folder, file, faults)

    def calibrated(node: YamlNode) -> YamlNode:
        if not isinstance(node.value, dict) or "from" not in node.value:
            return node
        said = node.value["from"]
        own = replace(node, value={key: child for key, child in node.value.items() if key != "from"})
        base = _read(said, folder, file, faults)
        if base is None:
            return own
        names[str(said.value)] = None
        for field, words in _MEASURED.items():
            measured, other = base.get(field), own.get(field)
            if measured is not None and other is not None and not is_same(measured.plain(), other.plain()):
                message = (
                    f"{said.value} was measured {words} {measured.plain()}, which says nothing of {other.plain()}; "
                    "measure it, or leave `from` out"
                )
                faults.append(fault_at(other, message, file))
        return merge(_moved(base, said, node.path), own)

    return _each_replica(root, full), faults, tuple(names)


def _each_replica(root: YamlNode, full: Callable[[YamlNode], YamlNode]) -> YamlNode:
    plans = root.get("plans")
    if not isinstance(root.value, dict) or plans is None or not isinstance(plans.value, list):
        return root
    found = [_in_plan(plan, full) for plan in items(plans)]
    return replace(root, value={**root.value, "plans": replace(plans, value=found)})


def _in_plan(plan: YamlNode, full: Callable[[YamlNode], YamlNode]) -> YamlNode:
    """A plan, or one of its pools."""
    if not isinstance(plan.value, dict):
        return plan
    found = {key: full(child) if key == _KEY else child for key, child in plan.value.items()}
    if (pools := plan.get("pools")) is not None and isinstance(pools.value, list):
        found["pools"] = replace(pools, value=[_in_plan(pool, full) for pool in pools.value])
    return replace(plan, value=found)


def _read(said: YamlNode, folder: Path, file: str, faults: list[Fault]) -> YamlNode | None:
    """The mapping of the file; None where it cannot be read, with a fault at `from`."""
    if not isinstance(said.value, str):
        faults.append(fault_at(said, f"{shown(said.value)} is not the name of a file", file))
        return None
    try:
        path = inside(folder, said.value)
    except InputError as error:
        faults.append(fault_at(said, str(error), file))
        return None
    text, wrong = yaml.read(path)
    root, found = (None, []) if wrong else yaml.parse(text, str(path))
    faults += [*wrong, *found]
    if root is None or found:
        return None
    replica = root.get(_KEY)
    if replica is None or not isinstance(replica.value, dict):
        message = f"{said.value} holds no `replica:`; name a file that `simcost calibrate` wrote"
        faults.append(fault_at(said, message, file))
        return None
    return replica


def _moved(node: YamlNode, place: YamlNode, path: tuple[str | int, ...]) -> YamlNode:
    """The node and all below as if written at another place."""
    value = node.value
    if isinstance(value, dict):
        value = {key: _moved(child, place, (*path, key)) for key, child in value.items()}
    elif isinstance(value, list):
        value = [_moved(child, place, (*path, index)) for index, child in enumerate(value)]
    return replace(node, value=value, line=place.line, column=place.column, key=place.key, path=path)
