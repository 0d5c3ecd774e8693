"""Plans that are combined of a plan and partial ones: checked as if written, and named."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

from simcost.errors import Fault
from simcost.scenario.checks.calibrations import MeasuredReplicas
from simcost.scenario.checks.manifest_references import manifest_faults, plan_in_full, undated_fault, written_in_full
from simcost.scenario.checks.owned_checks import owned_faults
from simcost.scenario.checks.plan_checks import plan_faults
from simcost.scenario.checks.pool_checks import pool_faults
from simcost.scenario.files.by_kind import adapter
from simcost.scenario.files.conform import Conform, merge
from simcost.scenario.files.faults import validate
from simcost.scenario.files.nodes import YamlNode, items
from simcost.scenario.files.pools import pools_alone, with_pools
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scaling import FromManifest
from simcost.scenario.schema.scenario import Plan


class PlanChecks:
    """Checks of combined plans as if written; what concerns hardware and purchase alone, once for all sizes."""

    def __init__(self, loaded: LoadedScenario) -> None:
        self._loaded, self._file = loaded, str(loaded.path)
        self._known: dict[str, str] = {}
        self._manifests: dict[str, list[Fault]] = {}
        self.measurements: dict[str, None] = {}
        """Files of measured replicas that were read."""

    def combined(self, base: YamlNode, partial: Iterable[YamlNode]) -> tuple[YamlNode, Plan | None, list[Fault]]:
        """A plan with partial plans merged over it: as it could be written, and itself or what is wrong with it."""
        node, measured = base, MeasuredReplicas(self._loaded.folder, self._file)
        for changes in partial:
            node = merge(node, measured.in_plan(plan_in_full(changes)))
        self.measurements |= measured.names
        faults = measured.faults
        [node] = items(written_in_full(with_only(self._loaded.root, node)).get("plans"))
        in_full = self._in_full(node, faults)
        node = node if items(node.get("pools")) else in_full
        plan, wrong = validate(adapter(Plan), in_full, self._file)
        faults += wrong
        if plan is not None and not faults:
            faults += self._of_manifests(node, plan)
        return node, None if faults else plan, faults

    def _in_full(self, node: YamlNode, faults: list[Fault]) -> YamlNode:
        """A plan with what it says of its pools in each of them, and short forms in full."""
        [spread] = items(with_pools(with_only(self._loaded.root, node)).get("plans"))
        return Conform(self._file, faults).node(spread, Plan)

    def _of_manifests(self, node: YamlNode, plan: Plan) -> list[Fault]:
        """Faults of the manifests of a plan."""
        if not any(isinstance(part, FromManifest) for part in (plan.scaling, plan.nodes, plan.router)):
            return []
        key = plan_key(node)
        if key not in self._manifests:
            loaded = self._loaded
            undated = partial(undated_fault, loaded.scenario, loaded.folder)
            self._manifests[key] = list(
                manifest_faults(
                    [plan], [node], loaded.catalog, loaded.folder, self._file, with_prefixes=True, undated=undated
                )
            )
        return self._manifests[key]

    def contradiction(self, node: YamlNode, plan: Plan) -> str:
        """Reason why the facts exclude a plan; empty = they do not."""
        key = plan_key(node, "scaling")
        if key not in self._known:
            whole, catalog = with_only(self._loaded.root, self._in_full(node, [])), self._loaded.catalog
            alone, plans = pools_alone(whole, [plan])
            of_pools = pool_faults(whole, [plan], catalog, self._file)
            first = next(chain(of_pools, plan_faults(alone, plans, catalog, "", self._file)), None)
            self._known[key] = "" if first is None else first.message.partition(": per device")[0]
        return self._known[key] or self._too_many(node, plan)

    def _too_many(self, node: YamlNode, plan: Plan) -> str:
        """Reason why a plan needs or may take more nodes than are owned; empty = it does not."""
        in_full = self._in_full(node, []) if items(node.get("pools")) else node
        faults = owned_faults([in_full], [plan], self._loaded.catalog, self._loaded.folder, self._file)
        return "needs or may take more nodes than are owned" if any(True for _ in faults) else ""


class PlanNames:
    """Names of combinations: that of the plan, and their labels; of equal ones the second has a number."""

    def __init__(self) -> None:
        self._names = Counter[str]()

    def name(self, base: str, labels: Iterable[str]) -> str:
        """A name that no combination has yet; an empty base is left out."""
        name = ", ".join(dict.fromkeys(filter(None, [base, *labels])))
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name} #{self._names[name]}"


def not_a_plan(faults: Sequence[Fault]) -> str:
    """Reason why a combination is none, by its first fault."""
    key = faults[0].path.rpartition(".")[2]
    return " ".join(filter(None, ("not a plan:", key, faults[0].message)))


def renamed(node: YamlNode, name: str) -> YamlNode:
    """The plan with another name."""
    value = node.value if isinstance(node.value, dict) else {}
    return replace(node, value={**value, "name": replace(node, value=name)})


def with_only(root: YamlNode, node: YamlNode) -> YamlNode:
    """The scenario with one plan."""
    value = root.value if isinstance(root.value, dict) else {}
    return replace(root, value={**value, "plans": replace(root, value=[node])})


def plan_key(node: YamlNode, *but: str) -> str:
    """Text of all of a plan but its name and other fields, of itself or of its scaling."""
    plain = node.plain()
    kept = {key: value for key, value in plain.items() if key not in ("name", *but)} if isinstance(plain, dict) else {}
    if isinstance(scaling := kept.get("scaling"), dict):
        kept["scaling"] = {key: value for key, value in scaling.items() if key not in but}
    return json.dumps(kept, sort_keys=True)
