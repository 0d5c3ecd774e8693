"""Plans that `vary` makes of those of a scenario: all combinations of its dimensions, checked as if written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import prod
from typing import Any

from simcost.errors import Fault, FaultsError, InputError
from simcost.scenario.checks.manifest_references import written_in_full
from simcost.scenario.checks.plan_checks import plan_faults
from simcost.scenario.files.by_kind import adapter
from simcost.scenario.files.conform import Conform, merge
from simcost.scenario.files.faults import fault_at, shown, validate
from simcost.scenario.files.nodes import Plain, YamlNode, items
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Plan

MOST = 20_000
"""Combinations, at most: more would take days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """A plan of the space."""

    plan: Plan
    node: YamlNode
    """As it could be written."""

    def without(self, *fields: str) -> str:
        """All of the plan but its name and some fields, of the plan itself or of its scaling."""
        return _key(self.node, *fields)


@dataclass(slots=True, kw_only=True)
class Space:
    """All plans of a space, and combinations that are none."""

    variations: list[Variation] = field(default_factory=list)
    combinations: int = 0
    excluded: Counter[str] = field(default_factory=Counter)
    """Combinations that the facts or the schema contradict, by reason."""


@dataclass(frozen=True, slots=True)
class _Alternative:
    node: YamlNode
    label: str


Dimension = Sequence[dict[str, Plain]]
"""Partial plans."""


def variations(loaded: LoadedScenario, otherwise: Sequence[Dimension] = ()) -> Space:
    """The plans of a scenario, varied.

    Args:
        loaded: the scenario; its `vary` has the dimensions.
        otherwise: dimensions of a scenario without `vary`.

    Raises:
        FaultsError: a dimension that cannot be read, or alternatives that no combination can have.
        InputError: too many combinations.
    """
    dimensions = _written(loaded) or [[_Alternative(_node(one), _label(one)) for one in dim] for dim in otherwise]
    plans = items(loaded.root.get("plans"))
    space = Space(combinations=len(plans) * prod(map(len, dimensions)))
    if space.combinations > MOST:
        raise InputError(
            f"{loaded.path}: vary has {space.combinations:,} combinations, more than {MOST:,}; take fewer or coarser "
            "values"
        )
    _Builder(loaded, dimensions).fill(space, plans)
    return space


def of_one_plan(loaded: LoadedScenario, plan: Plan) -> LoadedScenario:
    """The scenario with one of its plans alone, and without its own dimensions."""
    root = loaded.root.value if isinstance(loaded.root.value, dict) else {}
    node = items(root.get("plans"))[loaded.scenario.plans.index(plan)]
    kept = {key: one for key, one in root.items() if key != "vary"}
    scenario = replace(loaded.scenario, plans=(plan,), baseline=None, vary=())
    return replace(loaded, scenario=scenario, root=_with_plans(replace(loaded.root, value=kept), node))


class _Builder:
    """Checks each combination once; what concerns hardware and purchase alone, once for all sizes."""

    def __init__(self, loaded: LoadedScenario, dimensions: Sequence[Sequence[_Alternative]]) -> None:
        self._loaded, self._dimensions, self._file = loaded, dimensions, str(loaded.path)
        self._known: dict[str, str] = {}
        self._names = Counter[str]()
        self._sound: set[tuple[int, int]] = set()
        self._wrong: dict[tuple[int, int], list[Fault]] = {}

    def fill(self, space: Space, plans: Sequence[YamlNode]) -> None:
        """Add the combinations to the space."""
        seen: set[str] = set()
        for plan in plans:
            for choice in product(*(range(len(dimension)) for dimension in self._dimensions)):
                self._add(space, seen, plan, choice)
        hidden = [faults for place, faults in self._wrong.items() if place not in self._sound]
        if hidden:
            raise FaultsError(list({(f.line, f.column, f.message): f for faults in hidden for f in faults}.values()))

    def _add(self, space: Space, seen: set[str], base: YamlNode, choice: Sequence[int]) -> None:
        chosen = [self._dimensions[i][j] for i, j in enumerate(choice)]
        node = base
        for one in chosen:
            node = merge(node, one.node)
        faults: list[Fault] = []
        [node] = items(written_in_full(_with_plans(self._loaded.root, node)).get("plans"))
        node = Conform(self._file, faults).node(node, Plan)
        plan, wrong = validate(adapter(Plan), node, self._file)
        faults += wrong
        if plan is None or faults:
            for place in enumerate(choice):
                self._wrong.setdefault(place, []).extend(faults)
            space.excluded[f"not a plan: {faults[0].path.rpartition('.')[2]} {faults[0].message}"] += 1
            return
        self._sound.update(enumerate(choice))
        key = _key(node)
        if key in seen:
            space.combinations -= 1
            return
        seen.add(key)
        if reason := self._contradiction(node, plan):
            space.excluded[reason] += 1
            return
        name = self._name(plan.name, [one.label for one in chosen])
        space.variations.append(Variation(plan=replace(plan, name=name), node=_renamed(node, name)))

    def _name(self, base: str, labels: Sequence[str]) -> str:
        """Name of a combination: that of its plan, and its labels; of equal ones the second has a number."""
        name = ", ".join(dict.fromkeys([base, *filter(None, labels)]))
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name} #{self._names[name]}"

    def _contradiction(self, node: YamlNode, plan: Plan) -> str:
        """Reason why the facts exclude a plan; empty = they do not."""
        key = _key(node, "scaling")
        if key not in self._known:
            root = _with_plans(self._loaded.root, node)
            faults = plan_faults(root, [plan], self._loaded.catalog, "", self._file)
            first = next(iter(faults), None)
            self._known[key] = "" if first is None else first.message.partition(": per device")[0]
        return self._known[key]


def _written(loaded: LoadedScenario) -> list[list[_Alternative]]:
    """The dimensions of `vary`."""
    node, faults = loaded.root.get("vary"), list[Fault]()
    found = [list(_alternatives(one, str(loaded.path), faults)) for one in items(node)]
    if faults:
        raise FaultsError(faults)
    return found


def _alternatives(dimension: YamlNode, file: str, faults: list[Fault]) -> Iterator[_Alternative]:
    if isinstance(dimension.value, dict):
        yield from _of_path(dimension, file, faults)
        return
    if not items(dimension):
        faults.append(fault_at(dimension, f"{shown(dimension.value)} has no alternatives; list partial plans", file))
    for one in items(dimension):
        if isinstance(one.value, dict):
            yield _Alternative(one, _label(one.plain()))
        else:
            faults.append(fault_at(one, f"{shown(one.value)} is not a partial plan", file))


def _of_path(dimension: YamlNode, file: str, faults: list[Fault]) -> Iterator[_Alternative]:
    """The short forms: a path with values, or with the first and last whole number."""
    path, values = dimension.get("path"), dimension.get("values")
    ends = [dimension.get(name) for name in ("from", "to")]
    known = {"path", "values"} if values is not None else {"path", "from", "to"}
    written = set(dimension.value if isinstance(dimension.value, dict) else ())
    if path is None or not isinstance(path.value, str) or written != known:
        message = "is not a dimension; write {path: ..., values: [...]}, {path: ..., from: 1, to: 6} or a list of plans"
        faults.append(fault_at(dimension, message, file))
        return
    numbers = [end.value for end in ends if end is not None and type(end.value) is int]
    if values is None and (len(numbers) < 2 or numbers[0] > numbers[1]):
        faults.append(fault_at(dimension, "needs whole numbers `from` and `to`, `from` not above `to`", file))
        return
    if values is not None and not items(values):
        faults.append(fault_at(values, "has no values", file))
    chosen = (
        items(values)
        if values is not None
        else [replace(dimension, value=number) for number in range(numbers[0], numbers[1] + 1)]
    )
    keys = path.value.split(".")
    for value in chosen:
        node = value
        for key in reversed(keys):
            node = replace(value, value={key: node})
        yield _Alternative(node, f"{keys[-1]} {_short(value.plain())}")


def _node(value: Plain) -> YamlNode:
    """Plain data as nodes without a place."""
    if isinstance(value, dict):
        return YamlNode(value={key: _node(one) for key, one in value.items()}, line=1, column=1, path=())
    if isinstance(value, list):
        return YamlNode(value=[_node(one) for one in value], line=1, column=1, path=())
    return YamlNode(value=value, line=1, column=1, path=())


def _label(value: Any) -> str:
    """A partial plan in a few words: its name, else its values."""
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        return str(value["name"])
    return _short(value)


def _short(value: Any) -> str:
    if isinstance(value, dict):
        words = [
            _short(one) if isinstance(one, dict | str) else f"{key} {_short(one)}"
            for key, one in value.items()
            if one is not None and key != "kind"
        ]
        return " ".join(word for word in words if word)
    return " ".join(map(_short, value)) if isinstance(value, list) else str(value)


def _renamed(node: YamlNode, name: str) -> YamlNode:
    value = node.value if isinstance(node.value, dict) else {}
    return replace(node, value={**value, "name": replace(node, value=name)})


def _with_plans(root: YamlNode, node: YamlNode) -> YamlNode:
    """The scenario with one plan."""
    value = root.value if isinstance(root.value, dict) else {}
    return replace(root, value={**value, "plans": replace(root, value=[node])})


def _key(node: YamlNode, *but: str) -> str:
    """All of a plan but its name and other fields, of itself or of its scaling."""
    plain = node.plain()
    kept = {key: one for key, one in plain.items() if key not in ("name", *but)} if isinstance(plain, dict) else {}
    if isinstance(scaling := kept.get("scaling"), dict):
        kept["scaling"] = {key: one for key, one in scaling.items() if key not in but}
    return json.dumps(kept, sort_keys=True)
