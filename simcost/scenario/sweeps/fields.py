"""Fields of a sweep: listed values and ranges as the scenario writes them, and the combinations of both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from itertools import product
from math import nextafter, prod
from typing import Any

from simcost.errors import Fault, FaultsError, InputError, did_you_mean
from simcost.rng import stream
from simcost.scenario.files.by_kind import adapter
from simcost.scenario.files.conform import Conform
from simcost.scenario.files.faults import fault_at, shown, validate
from simcost.scenario.files.nodes import YamlNode, items, nested
from simcost.scenario.inputs.changes import with_field
from simcost.scenario.inputs.combined_plans import PlanChecks
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Plan, Scenario

MOST = 1_000_000
"""Plans of a sweep, at most."""
Combination = Mapping[str, YamlNode]
"""Values by the paths of their fields."""
_PLAN = {field.name for field in fields(Plan)} - {"name"}
_NOT_VARIED = {"scenario", "question", "plans", "baseline", "choices", "vary", "sweep"}
_SCENARIO = {field.name for field in fields(Scenario)} - _NOT_VARIED


def of_plan(path: str) -> bool:
    """True if a field is one of the plans, not of the scenario."""
    return path.partition(".")[0] in _PLAN


def combinations(loaded: LoadedScenario) -> list[Combination]:
    """All combinations of the matrix but those that are excluded, each with every sample of the ranges.

    Raises:
        FaultsError: there is no `sweep`, or one that cannot be read, each fault with its place.
    """
    node, file = loaded.root.get("sweep"), str(loaded.path)
    if node is None or loaded.scenario.sweep is None:
        message = "has no `sweep`; write `sweep: {matrix: {scaling.replicas: [1, 2, 3]}}`"
        raise FaultsError([fault_at(loaded.root, message, file)])
    matrix, cube = node.get("matrix"), node.get("latin_hypercube")
    values = _mapping(matrix)
    ranges = _mapping(cube.get("ranges")) if cube is not None else {}
    faults = [*_path_faults({**values, **ranges}, file), *_value_faults(values, ranges, node, file)]
    excluded = [_mapping(one) for one in items(node.get("exclude"))]
    faults += [fault for one in excluded for fault in _exclusion_faults(one, values, file)]
    samples = 1 if loaded.scenario.sweep.latin_hypercube is None else loaded.scenario.sweep.latin_hypercube.samples
    plans = len(loaded.scenario.plans) * samples * prod(len(items(value)) for value in values.values())
    if not faults and plans > MOST:
        faults.append(fault_at(node, f"has {plans:,} plans, more than {MOST:,}; take fewer values or samples", file))
    if faults:
        raise FaultsError(faults)
    sampled = _samples(loaded, ranges, samples) if ranges else [{}]
    return [{**one, **sample} for one in _kept(values, excluded) for sample in sampled]


def _mapping(node: YamlNode | None) -> dict[str, YamlNode]:
    return node.value if node is not None and isinstance(node.value, dict) else {}


def _path_faults(written: Combination, file: str) -> Iterator[Fault]:
    """Faults of paths that begin with no field that can be swept."""
    for path, node in written.items():
        first = path.partition(".")[0]
        if first not in _PLAN | _SCENARIO:
            near = did_you_mean(first, sorted(_PLAN | _SCENARIO))
            remedy = near or "; write one such as scaling.replicas, workload.0.rate or seed"
            yield _at_key(node, f"no field {first!r} of plans or the scenario can be swept{remedy}", file)


def _value_faults(values: Combination, ranges: Combination, sweep: YamlNode, file: str) -> Iterator[Fault]:
    """Faults of fields without values, of ranges without two ends, and of what is both."""
    if not values and not ranges:
        yield fault_at(sweep, "has no fields; write `matrix: {scaling.replicas: [1, 2, 3]}`", file)
    for node in values.values():
        if not items(node):
            yield fault_at(node, "has no values; list at least one", file)
    for path, node in ranges.items():
        if len(items(node)) != 2:
            yield fault_at(node, "is not a range; write the least and the largest value: [1, 8]", file)
        if path in values:
            yield _at_key(node, f"{path!r} is in the matrix, too; keep one of them", file)


def _exclusion_faults(excluded: Combination, values: Combination, file: str) -> Iterator[Fault]:
    for path, node in excluded.items():
        known = [one.plain() for one in items(values.get(path))]
        if path not in values:
            yield _at_key(node, f"{path!r} is not a field of the matrix{did_you_mean(path, list(values))}", file)
        for one in _listed(node):
            if path in values and one.plain() not in known:
                yield fault_at(one, f"{shown(one.plain())} is not among the values of {path}; write it alike", file)


def _at_key(node: YamlNode, message: str, file: str) -> Fault:
    """A fault of the key of a value."""
    line, column = node.key or (node.line, node.column)
    return replace(fault_at(node, message, file), line=line, column=column)


def _listed(node: YamlNode) -> list[YamlNode]:
    return items(node) if isinstance(node.value, list) else [node]


def _kept(values: Combination, excluded: Sequence[Combination]) -> Iterator[Combination]:
    """The combinations of values that no exclusion matches."""
    left_out = [{path: [v.plain() for v in _listed(node)] for path, node in one.items()} for one in excluded]
    for chosen in product(*(items(node) for node in values.values())):
        found = dict(zip(values, chosen, strict=True))
        if not any(all(found[path].plain() in listed for path, listed in one.items()) for one in left_out if one):
            yield found


def _samples(loaded: LoadedScenario, ranges: Combination, samples: int) -> list[Combination]:
    """Samples of all ranges, each of them stratified."""
    sampled: dict[str, list[YamlNode]] = {}
    faults: list[Fault] = []
    for path, node in ranges.items():
        lo, hi, wrong = _ends(loaded, path, node)
        faults += wrong
        if not wrong:
            shares = strata(samples, loaded.scenario.seed, path)
            sampled[path] = [replace(node, value=_between(lo, hi, share)) for share in shares]
    if faults:
        raise FaultsError(faults)
    return [dict(zip(sampled, sample, strict=True)) for sample in zip(*sampled.values(), strict=True)]


def strata(samples: int, seed: int, path: str) -> list[float]:
    """A share of 0 to 1 in each of `samples` equal parts, in random order: the same whatever else is sampled."""
    rng = stream(seed, "latin hypercube", path)
    order, within = rng.permutation(samples), rng.random(samples)
    return [
        min((int(k) + float(u)) / samples, nextafter((int(k) + 1) / samples, 0.0))
        for k, u in zip(order, within, strict=True)
    ]


def _between(lo: float, hi: float, share: float) -> int | float:
    """The value at a share of a range; of whole numbers each has the same part of it."""
    if isinstance(lo, int) and isinstance(hi, int):
        return lo + int(share * (hi - lo + 1))
    return lo + (hi - lo) * share


def _ends(loaded: LoadedScenario, path: str, node: YamlNode) -> tuple[float, float, list[Fault]]:
    """Both ends of a range as the field takes them, in SI units."""
    file, found = str(loaded.path), list[float]()
    for end in items(node):
        value, faults = written_value(loaded, path, end)
        if faults:
            return 0, 0, faults
        if isinstance(value, bool) or not isinstance(value, int | float):
            return 0, 0, [fault_at(end, f"{shown(end.plain())} is not a number; list it in the matrix", file)]
        found.append(value)
    lo, hi = found
    if lo >= hi:
        return 0, 0, [fault_at(node, "is empty; write the least value first, and a larger one", file)]
    return lo, hi, []


def written_value(loaded: LoadedScenario, path: str, value: YamlNode) -> tuple[Any, list[Fault]]:
    """A value as the field of the first plan that takes it holds it, or as that of the scenario does; or its faults."""
    if not of_plan(path):
        scenario, faults = scenario_with(loaded, {path: value})[1:]
        return (None if scenario is None else value_at(scenario, path)), faults
    checks, faults = PlanChecks(loaded), list[Fault]()
    for base in items(loaded.root.get("plans")):
        _, plan, wrong = checks.combined(base, [nested(path.split("."), value)])
        if plan is not None:
            return value_at(plan, path), []
        faults = faults or wrong
    return None, faults


def scenario_with(loaded: LoadedScenario, values: Combination) -> tuple[YamlNode, Scenario | None, list[Fault]]:
    """The scenario with other values: as it could be written, and itself or what is wrong with it."""
    root, file, faults = loaded.root, str(loaded.path), list[Fault]()
    for path, node in values.items():
        try:
            root = with_field(root, path, node)
        except InputError:
            message = f"the scenario has nothing at {path!r}; lists are counted from 0: workload.0.rate"
            return root, None, [_at_key(node, message, file)]
    root = Conform(file, faults).node(root, Scenario)
    scenario, wrong = validate(adapter(Scenario), root, file)
    faults += wrong
    return root, None if faults else scenario, faults


def value_at(holder: Plan | Scenario, path: str) -> Any:
    """The value in a field; None where it has none."""
    first, *rest = path.split(".")
    found: Any = getattr(holder, first)
    for key in rest:
        if isinstance(found, list | tuple) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        elif isinstance(found, Mapping):
            found = found.get(key)
        else:
            found = getattr(found, key, None)
    return found
