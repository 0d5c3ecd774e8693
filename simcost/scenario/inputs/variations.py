"""Plans that `vary` makes of those of a scenario: all combinations of its dimensions, checked as if written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import ceil, prod
from pathlib import Path
from typing import Any

from simcost.catalog import Catalog
from simcost.errors import Fault, FaultsError, InputError, did_you_mean
from simcost.scenario.checks.calibrations import MeasuredReplicas
from simcost.scenario.checks.manifest_references import plan_in_full
from simcost.scenario.files.conform import merge
from simcost.scenario.files.faults import fault_at, shown
from simcost.scenario.files.nodes import Plain, YamlNode, items, nested
from simcost.scenario.inputs.combined_plans import PlanChecks, PlanNames, not_a_plan, plan_key, renamed, with_only
from simcost.scenario.inputs.offer_dimensions import is_over_offers, partial_plans, suited
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
        return plan_key(self.node, *fields)

    def scaling_without(self, *fields: str) -> str:
        """Its scaling but for some fields."""
        scaling = self.node.get("scaling")
        plain = None if scaling is None else scaling.plain()
        kept = {key: value for key, value in plain.items() if key not in fields} if isinstance(plain, dict) else plain
        return json.dumps(kept, sort_keys=True)


@dataclass(slots=True, kw_only=True)
class Space:
    """All plans of a space, and combinations that are none."""

    variations: list[Variation] = field(default_factory=list)
    combinations: int = 0
    excluded: Counter[str] = field(default_factory=Counter)
    """Combinations that the facts or the schema contradict, by reason."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """A partial plan, and what it is called."""

    node: YamlNode
    label: str
    long_label: str = ""
    """With kinds of policies; said where another alternative of the dimension has the same label."""
    of_offer: bool = False
    """It is made of an offer, and suited to each plan."""

    def over(self, plan: YamlNode, catalog: Catalog) -> YamlNode:
        """The partial plan merged over a plan."""
        return merge(plan, suited(plan, self.node, catalog) if self.of_offer else self.node)


Dimension = Sequence[dict[str, Plain]]
"""Partial plans."""


def no_start(scaling: object) -> dict[str, Plain]:
    """Takes out the number of replicas at the start, which other bounds may exclude; empty where there is none."""
    return {"start": None} if hasattr(scaling, "start") else {}


def variations(loaded: LoadedScenario, otherwise: Sequence[Dimension] = ()) -> Space:
    """The plans of a scenario, varied.

    Args:
        loaded: the scenario; its `vary` has the dimensions.
        otherwise: dimensions of a scenario without `vary`; they decide the hardware, so that names are made of
            them alone.

    Raises:
        FaultsError: a dimension that cannot be read, or alternatives that no combination can have.
        InputError: too many combinations.
    """
    written = written_dimensions(loaded.root, loaded.path, loaded.folder, loaded.catalog)
    dimensions = written or as_dimensions(otherwise)
    plans = items(loaded.root.get("plans"))
    space = Space(combinations=len(plans) * prod(map(len, dimensions)))
    check_size(space.combinations, MOST, loaded.path, max(map(len, dimensions), default=1))
    _Builder(loaded, dimensions, named=bool(written)).fill(space, plans)
    return space


def check_size(combinations: int, most: int, path: Path, longest: int) -> None:
    """Raise InputError where a space has too many combinations; `longest` is the number of values of one dimension."""
    if combinations > most:
        each = ceil(combinations / most)
        coarser = f", such as one in {each} of the {longest} values of the longest dimension" if each < longest else ""
        raise InputError(
            f"{path}: vary has {combinations:,} combinations, more than {most:,}; take fewer or coarser values{coarser}"
        )


def of_one_plan(loaded: LoadedScenario, plan: Plan) -> LoadedScenario:
    """The scenario with one of its plans alone, and without its own dimensions."""
    root = loaded.root.value if isinstance(loaded.root.value, dict) else {}
    node = items(root.get("plans"))[loaded.scenario.plans.index(plan)]
    kept = {key: value for key, value in root.items() if key != "vary"}
    scenario = replace(loaded.scenario, plans=(plan,), baseline=None, vary=())
    return replace(loaded, scenario=scenario, root=with_only(replace(loaded.root, value=kept), node))


class _Builder:
    """Combinations of dimensions over the plans of a scenario."""

    def __init__(
        self, loaded: LoadedScenario, dimensions: Sequence[Sequence[Alternative]], *, named: bool = True
    ) -> None:
        self._checks, self._dimensions, self._named = PlanChecks(loaded), dimensions, named
        self._names, self._catalog = PlanNames(), loaded.catalog
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
        for alternative in chosen:
            base = alternative.over(base, self._catalog)
        node, plan, faults = self._checks.combined(base, [])
        if plan is None:
            for place in enumerate(choice):
                self._wrong.setdefault(place, []).extend(faults)
            space.excluded[not_a_plan(faults)] += 1
            return
        self._sound.update(enumerate(choice))
        key = plan_key(node)
        if key in seen:
            space.combinations -= 1
            return
        seen.add(key)
        if reason := self._checks.contradiction(node, plan):
            space.excluded[reason] += 1
            return
        labels = [alternative.label for alternative in chosen]
        name = self._names.name(plan.name if self._named or not any(labels) else "", labels)
        space.variations.append(Variation(plan=replace(plan, name=name), node=renamed(node, name)))


def as_dimensions(plain: Sequence[Dimension]) -> list[list[Alternative]]:
    """Dimensions of plain data."""
    return [_told_apart([_partial(_node(alternative)) for alternative in dimension]) for dimension in plain]


def written_dimensions(root: YamlNode, path: Path, folder: Path, catalog: Catalog) -> list[list[Alternative]]:
    """The dimensions of `vary`, with manifests and measured replicas of the folder in full; labels are as written.

    Raises:
        FaultsError: one cannot be read.
    """
    file, faults, measured = str(path), list[Fault](), MeasuredReplicas(folder, str(path))
    result = [
        _told_apart(
            [
                replace(one, node=measured.in_plan(plan_in_full(one.node)))
                for one in _alternatives(dimension, root, file, catalog, faults)
            ]
        )
        for dimension in items(root.get("vary"))
    ]
    faults += _varied_twice(items(root.get("vary")), file)
    plans = [*items(root.get("plans")), *(one.node for dimension in result for one in dimension)]
    faults = [*_unknown_pools(plans, items(root.get("vary")), file)] or faults
    if faults := [*faults, *measured.faults]:
        raise FaultsError(faults)
    return result


def _varied_twice(dimensions: Sequence[YamlNode], file: str) -> Iterator[Fault]:
    """Paths of which a later dimension would overrule an earlier one."""
    seen: set[str] = set()
    for dimension in dimensions:
        path = None if is_over_offers(dimension) else dimension.get("path")
        if path is None or not isinstance(path.value, str):
            continue
        if path.value in seen:
            yield fault_at(path, f"{path.value} varies already; write all its values in one dimension", file)
        seen.add(path.value)


def _unknown_pools(plans: Sequence[YamlNode], dimensions: Sequence[YamlNode], file: str) -> Iterator[Fault]:
    """Paths into a pool that no plan has, or partial plan of another dimension, by its name or place."""
    pools = [pool for plan in plans for pool in enumerate(items(plan.get("pools")))]
    known = dict.fromkeys(str(name.value) for _, pool in pools if (name := pool.get("name")) is not None)
    for path in filter(None, (dimension.get("path") for dimension in dimensions)):
        first, *rest = str(path.value).split(".")
        if first == "pools" and rest and rest[0] not in {*known, *(str(i) for i, _ in pools)}:
            there = did_you_mean(rest[0], list(known)) or f"; pools are {', '.join(known)}" * bool(known)
            yield fault_at(path, f"no plan has a pool {rest[0]!r}{there}", file)


def _alternatives(
    dimension: YamlNode, root: YamlNode, file: str, catalog: Catalog, faults: list[Fault]
) -> Iterator[Alternative]:
    if is_over_offers(dimension):
        yield from _of_offers(dimension, root, file, catalog, faults)
        return
    if isinstance(dimension.value, dict):
        yield from _of_path(dimension, file, faults)
        return
    if not items(dimension):
        faults.append(fault_at(dimension, f"{shown(dimension.value)} has no alternatives; list partial plans", file))
    for alternative in items(dimension):
        if isinstance(alternative.value, dict):
            yield _partial(alternative)
        else:
            faults.append(fault_at(alternative, f"{shown(alternative.value)} is not a partial plan", file))


def _of_offers(
    dimension: YamlNode, root: YamlNode, file: str, catalog: Catalog, faults: list[Fault]
) -> Iterator[Alternative]:
    """Offers of the catalog, each of which takes the place of the hardware and the purchase of a part of the plan."""
    path = dimension.get("path")
    if path is not None and not isinstance(path.value, str):
        faults.append(fault_at(path, f"{shown(path.value)} is not a path; write e.g. pools.0 or services.chat", file))
        return
    if path is None and any(items(plan.get("pools")) for plan in items(root.get("plans"))):
        message = "varies the offer of plans with several pools; say of which: {path: pools.0, offers: ...}"
        faults.append(fault_at(dimension, message, file))
        return
    keys = [] if path is None else str(path.value).split(".")
    for partial in partial_plans(dimension, catalog, file, faults):
        label = " ".join([*_of_part([*keys, "offer"]), _label(partial.plain())])
        yield Alternative(nested(keys, partial), label, of_offer=True)


def _of_path(dimension: YamlNode, file: str, faults: list[Fault]) -> Iterator[Alternative]:
    """The short forms: a path with values, or with the first and last whole number."""
    path, values = dimension.get("path"), dimension.get("values")
    ends = [dimension.get(name) for name in ("from", "to")]
    known = {"path", "values"} if values is not None else {"path", "from", "to"}
    written = set(dimension.value if isinstance(dimension.value, dict) else ())
    if path is None or not isinstance(path.value, str) or written != known:
        message = (
            "is not a dimension; write {path: ..., values: [...]}, {path: ..., from: 1, to: 6}, {offers: 'aws/*'} or a "
            "list of plans"
        )
        faults.append(fault_at(dimension, message, file))
        return
    if values is not None and not items(values):
        faults.append(fault_at(values, "has no values", file))
    keys = path.value.split(".")
    for value in items(values) if values is not None else _counted(ends, file, faults):
        part = _of_part(keys)
        field_node = nested(keys, replace(value, path=(*dimension.path, *keys)))
        short, long = (" ".join([*part, keys[-1], in_short(value.plain(), kinds=kinds)]) for kinds in (False, True))
        yield Alternative(field_node, short, long)


def _of_part(keys: Sequence[str]) -> list[str]:
    """Words for the service, pool or other part of a plan that a path leads into: two parts may have the same value."""
    if len(keys) < 3:
        return []
    return {"services": [keys[1]], "pools": ["pool", keys[1]], "disaggregation": ["prefill"]}.get(keys[0], [])


def _counted(ends: Sequence[YamlNode | None], file: str, faults: list[Fault]) -> list[YamlNode]:
    """The whole numbers from the first end to the last, each where the first is written."""
    found = [end for end in ends if end is not None]
    wrong = [end for end in found if type(end.value) is not int]
    message = "is not a whole number; list others as `values`"
    faults.extend(fault_at(end, f"{shown(end.value)} {message}", file) for end in wrong)
    numbers = [end.value for end in found if isinstance(end.value, int)]
    if wrong or len(numbers) < 2:
        return []
    if numbers[0] > numbers[1]:
        message = f"`from` {numbers[0]} is above `to` {numbers[1]}; write the lower first"
        faults.append(fault_at(found[0], message, file))
    return [replace(found[0], value=number) for number in range(numbers[0], numbers[1] + 1)]


def _node(value: Plain) -> YamlNode:
    """Plain data as nodes without a place."""
    if isinstance(value, dict):
        return YamlNode(value={key: _node(child) for key, child in value.items()}, line=1, column=1, path=())
    if isinstance(value, list):
        return YamlNode(value=[_node(child) for child in value], line=1, column=1, path=())
    return YamlNode(value=value, line=1, column=1, path=())


def _partial(node: YamlNode) -> Alternative:
    """A partial plan as it was written."""
    value = node.plain()
    return Alternative(node, _label(value), _label(value, kinds=True))


def _told_apart(dimension: Sequence[Alternative]) -> list[Alternative]:
    """The alternatives, with the kinds of their policies in labels that would be the same."""
    labels = Counter(one.label for one in dimension)
    return [replace(one, label=one.long_label or one.label) if labels[one.label] > 1 else one for one in dimension]


def _label(value: Any, *, kinds: bool = False) -> str:
    """A partial plan in a few words: its name, else its values."""
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        return str(value["name"])
    return in_short(value, kinds=kinds)


def in_short(value: Any, *, kinds: bool = False) -> str:
    """A value in a few words; `kinds` of policies are left out unless asked for."""
    if isinstance(value, dict):
        words = [
            in_short(part, kinds=kinds) if isinstance(part, dict | str) else f"{key} {in_short(part, kinds=kinds)}"
            for key, part in value.items()
            if part is not None and (kinds or key != "kind")
        ]
        return " ".join(word for word in words if word)
    return " ".join(in_short(part, kinds=kinds) for part in value) if isinstance(value, list) else str(value)
