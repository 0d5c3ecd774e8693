"""Whole plans that `vary` makes of those of a scenario: of services that depend on each other, or with jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import prod

from simcost.errors import Fault, FaultsError
from simcost.scenario.checks.load import changed, changed_services
from simcost.scenario.files.conform import merge
from simcost.scenario.files.faults import fault_at
from simcost.scenario.files.nodes import YamlNode, items
from simcost.scenario.files.pools import plan_in_pools
from simcost.scenario.files.sharing import KEY, OF_JOBS, OF_NODES, SHARING
from simcost.scenario.inputs.combined_plans import PlanNames, not_a_plan, plan_key, renamed
from simcost.scenario.inputs.variations import Alternative, check_size, written_dimensions
from simcost.scenario.schema.loaded_scenario import AnyScenario, LoadedScenario
from simcost.scenario.schema.scenario import OF_A_POOL

MOST = 2_000
"""Combinations, at most: each is checked as a scenario of its own."""
_OF_THE_PLAN = ("name", KEY, SHARING, *OF_JOBS, *OF_NODES)


@dataclass(frozen=True, slots=True, kw_only=True)
class WholePlan:
    """A plan of the space: the scenario with it alone."""

    name: str
    loaded: AnyScenario
    node: YamlNode
    """As it could be written."""


@dataclass(slots=True, kw_only=True)
class WholeSpace:
    """All plans of a space, and combinations that are none."""

    plans: list[WholePlan] = field(default_factory=list)
    combinations: int = 0
    excluded: Counter[str] = field(default_factory=Counter)
    """By the first fault of each."""


def whole_variations(loaded: AnyScenario, dimensions: Sequence[Sequence[Alternative]] | None = None) -> WholeSpace:
    """The plans of a scenario, varied; each is checked as if it were written.

    Args:
        loaded: the scenario.
        dimensions: None = those of its `vary`.

    Raises:
        FaultsError: a dimension that cannot be read or that changes nothing, or no combination that is a plan.
        InputError: too many combinations.
    """
    written = dimensions is None
    if dimensions is None:
        dimensions = written_dimensions(loaded.root, loaded.path, loaded.folder, loaded.first.catalog)
    plans = [_with_kinds(plan) for plan in items(loaded.written.get("plans"))]
    space = WholeSpace(combinations=len(plans) * prod(map(len, dimensions)))
    check_size(space.combinations, MOST, loaded.path, max(map(len, dimensions), default=1))
    names, wrong = PlanNames(), list[FaultsError]()
    keys, seen = list[str](), set[str]()
    for base, choice in product(plans, product(*dimensions)):
        node = base
        for one in choice:
            own = one.node if isinstance(loaded, LoadedScenario) else _in_parts(base, one.node)
            node = replace(one, node=own).over(node, loaded.first.catalog)
        node = plan_in_pools(node)
        keys.append(plan_key(node))
        if keys[-1] in seen:
            space.combinations -= 1
            continue
        seen.add(keys[-1])
        given = node.get("name")
        name = names.name(str(given.value if given else ""), [one.label for one in choice])
        try:
            made = with_plan(loaded, renamed(node, name))
        except FaultsError as error:
            wrong.append(error)
            space.excluded[not_a_plan(error.faults)] += 1
            continue
        space.plans.append(WholePlan(name=name, loaded=made, node=renamed(node, name)))
    if wrong and not space.plans:
        raise wrong[0]
    if written and (idle := list(_idle_faults(loaded, dimensions, keys))):
        raise FaultsError(idle)
    return space


def _idle_faults(
    loaded: AnyScenario, dimensions: Sequence[Sequence[Alternative]], keys: Sequence[str]
) -> Iterator[Fault]:
    """Dimensions of `vary` of which all alternatives make the same plans, by the keys of all combinations in order."""
    step, pools = 1, any(items(plan.get("pools")) for plan in items(loaded.root.get("plans")))
    for node, dimension in reversed(list(zip(items(loaded.root.get("vary")), dimensions, strict=True))):
        count = len(dimension)
        same = all(keys[i] == keys[i - (i // step) % count * step] for i in range(len(keys)))
        step *= count
        if same and len({one.label for one in dimension}) > 1:
            path = node.get("path")
            keys_of_path = "" if path is None else str(path.value)
            own = pools and keys_of_path.partition(".")[0] in OF_A_POOL
            remedy = f"; each pool has its own, so write e.g. pools.0.{keys_of_path}" if own else ""
            yield fault_at(path or node, f"changes no plan{remedy}", str(loaded.path))


def are_few(loaded: AnyScenario) -> bool:
    """True if the `vary` of a scenario has no more combinations than may be whole plans. Raises as those."""
    if loaded.root.get("vary") is None:
        return False
    dimensions = written_dimensions(loaded.root, loaded.path, loaded.folder, loaded.first.catalog)
    return len(items(loaded.root.get("plans"))) * prod(map(len, dimensions)) <= MOST


def with_plan(loaded: AnyScenario, node: YamlNode) -> AnyScenario:
    """The scenario with one plan alone. Raises FaultsError for all that is wrong with it."""
    value = loaded.root.value if isinstance(loaded.root.value, dict) else {}
    kept = {key: one for key, one in value.items() if key not in ("vary", "baseline")}
    root = replace(loaded.root, value={**kept, "plans": replace(loaded.root, value=[node])})
    return changed(loaded, root) if isinstance(loaded, LoadedScenario) else changed_services(loaded, root)


def _with_kinds(plan: YamlNode) -> YamlNode:
    """A plan whose services say the kind of what they change a part of: a partial plan of another kind replaces it."""
    parts = plan.get(KEY)
    if not isinstance(plan.value, dict) or parts is None or not isinstance(parts.value, dict):
        return plan
    kinds = {key: child for key, child in plan.value.items() if child.get("kind") is not None}
    each = {
        name: replace(part, value={key: _of_kind(kinds.get(key), child) for key, child in part.value.items()})
        if isinstance(part.value, dict)
        else part
        for name, part in parts.value.items()
    }
    return replace(plan, value={**plan.value, KEY: replace(parts, value=each)})


def _of_kind(shared: YamlNode | None, own: YamlNode) -> YamlNode:
    """The words of a service over those of its plan, where it leaves the kind to the plan."""
    return own if shared is None or not isinstance(own.value, dict) or "kind" in own.value else merge(shared, own)


def _in_parts(plan: YamlNode, partial: YamlNode) -> YamlNode:
    """A partial plan whose keys that are not of the plan itself stand in the part of each service."""
    parts = plan.get(KEY)
    if not isinstance(partial.value, dict) or parts is None or not isinstance(parts.value, dict):
        return partial
    shared = dict(_shared(partial))
    if not shared:
        return partial
    kept = {key: child for key, child in partial.value.items() if key not in shared}
    common = replace(partial, value=shared)
    own = partial.get(KEY)
    each = {
        name: common if own is None or (part := own.get(name)) is None else merge(common, part) for name in parts.value
    }
    return replace(partial, value={**kept, KEY: replace(partial, value=each)})


def _shared(partial: YamlNode) -> Iterator[tuple[str, YamlNode]]:
    if isinstance(partial.value, dict):
        yield from ((key, child) for key, child in partial.value.items() if key not in _OF_THE_PLAN)
