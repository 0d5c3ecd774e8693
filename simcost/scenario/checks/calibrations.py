"""Replicas of a plan that were measured: calibrated ones and latency tables as what their files hold."""

from __future__ import annotations

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
from simcost.scenario.files.nodes import YamlNode, items, nested
from simcost.scenario.files.pools import in_each_part
from simcost.tables.paths import inside

_KEY = "replica"
_MEASURED = {"accelerator": "on", "precision": "in", "tp": "with tp", "pp": "with pp", "dp": "with dp", "ep": "with ep"}
"""Fields that a file with another value says nothing of, each with the words before the value."""


def with_calibrations(root: YamlNode, folder: Path, file: str) -> tuple[YamlNode, list[Fault], tuple[str, ...]]:
    """The scenario with measured replicas written in full, faults, and the names of the files that were read, also for
    the alternatives of its `vary`.

    Fields next to `from` take precedence over the file; all are at the place of `from`.
    """
    measured = MeasuredReplicas(folder, file)
    for dimension in items(root.get("vary")):
        for alternative in _alternatives(dimension):
            measured.in_plan(alternative)
    plans = root.get("plans")
    if isinstance(root.value, dict) and plans is not None and isinstance(plans.value, list):
        found = replace(plans, value=[measured.in_plan(plan) for plan in plans.value])
        root = replace(root, value={**root.value, "plans": found})
    return root, measured.faults, tuple(measured.names)


def _alternatives(dimension: YamlNode) -> list[YamlNode]:
    """Partial plans of a dimension of `vary`: as they are listed, or of the values of a path."""
    path = dimension.get("path")
    if path is None or not isinstance(path.value, str):
        return items(dimension)
    return [nested(path.value.split("."), value) for value in items(dimension.get("values"))]


class MeasuredReplicas:
    """Writes measured replicas in full: calibrations, tables of latencies and of images."""

    def __init__(self, folder: Path, file: str) -> None:
        self._folder, self._file = folder, file
        self.faults: list[Fault] = []
        self.names: dict[str, None] = {}
        """Files that were read."""

    def in_plan(self, plan: YamlNode) -> YamlNode:
        """A plan, or a part of one, with its replica, and those of its pools and services, in full."""
        if not isinstance(plan.value, dict):
            return plan
        found = {key: self._full(child) if key == _KEY else child for key, child in plan.value.items()}
        return in_each_part(replace(plan, value=found), self.in_plan)

    def _full(self, node: YamlNode) -> YamlNode:
        for key in (LATENCY_TABLE, IMAGE_TABLE):
            if (table := node.get(key)) is not None and isinstance(table.value, str):
                self.names[table.value] = None
        with_latencies = with_latency_table(self._calibrated(node), self._folder, self._file, self.faults)
        return with_image_table(with_latencies, self._folder, self._file, self.faults)

    def _calibrated(self, node: YamlNode) -> YamlNode:
        if not isinstance(node.value, dict) or "from" not in node.value:
            return node
        said = node.value["from"]
        own = replace(node, value={key: child for key, child in node.value.items() if key != "from"})
        base = _read(said, self._folder, self._file, self.faults)
        if base is None:
            return own
        self.names[str(said.value)] = None
        for field, words in _MEASURED.items():
            measured, other = base.get(field), own.get(field)
            if measured is not None and other is not None and not is_same(measured.plain(), other.plain()):
                message = (
                    f"{said.value} was measured {words} {measured.plain()}, which says nothing of {other.plain()}; "
                    "measure it, or leave `from` out"
                )
                self.faults.append(fault_at(other, message, self._file))
        return merge(_moved(base, said, node.path), own)


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
