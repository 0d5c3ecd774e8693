"""Plans of a sweep: each combination of its fields over each plan of the scenario, checked, named, and with its key."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from simcost.errors import Fault, FaultsError
from simcost.scenario.checks.load import changed
from simcost.scenario.files.faults import fault_at
from simcost.scenario.files.nodes import Scalar, YamlNode, items, nested
from simcost.scenario.inputs.combined_plans import PlanChecks, PlanNames, not_a_plan, plan_key
from simcost.scenario.inputs.file_hashes import hashes
from simcost.scenario.inputs.variations import in_short
from simcost.scenario.runs.resolve import REPLICATIONS, settle
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Plan, Scenario
from simcost.scenario.sweeps.fields import Combination, combinations, of_plan, scenario_with, value_at
from simcost.scenario.sweeps.keys import PlanKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptPlan:
    """A plan of a sweep."""

    plan: Plan
    base: str
    """Name of the plan of the scenario that it was made of."""
    scenario: Scenario
    """The scenario with its values, without plans."""
    scenario_key: str
    """SHA-256 of all of it that its runs depend on."""
    alike: str
    """Text of the plan without what is of money alone: plans that are alike stand together, and share simulations."""
    values: Mapping[str, Scalar]
    """By the paths of the swept fields, as the fields hold them."""
    key: str
    """SHA-256 of all that its runs depend on."""
    seeds: int
    """Its runs."""


@dataclass(slots=True, kw_only=True)
class SweepSpace:
    """All plans of a sweep, and combinations that are none."""

    loaded: LoadedScenario
    fields: tuple[str, ...]
    """Paths of the swept fields."""
    combinations: int
    plans: list[SweptPlan] = field(default_factory=list)
    inputs: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the files that plans and scenarios name."""
    excluded: Counter[str] = field(default_factory=Counter)
    """Combinations that the facts or the schema contradict, by reason."""

    @property
    def runs(self) -> int:
        """Runs of all plans."""
        return sum(plan.seeds for plan in self.plans)


def sweep_space(loaded: LoadedScenario, *, seed: int | None = None, seeds: int | None = None) -> SweepSpace:
    """The plans of a sweep.

    Args:
        loaded: the scenario; its `sweep` has the fields.
        seed: of the scenario, unless it is swept; None = as the scenario says.
        seeds: runs of a plan, likewise.

    Raises:
        FaultsError: a `sweep` that cannot be read, or values that no combination can have.
    """
    _refuse_jobs(loaded)
    scenario = replace(loaded.scenario, seed=seed if seed is not None else loaded.scenario.seed)
    loaded = replace(loaded, scenario=replace(scenario, seeds=seeds or scenario.seeds))
    return _Builder(loaded).built(combinations(loaded))


def check_sweep(loaded: LoadedScenario) -> None:
    """Check the values of a sweep, each in one combination that takes it. Raises as `sweep_space`."""
    _refuse_jobs(loaded)
    _Builder(loaded).check(combinations(loaded))


def _refuse_jobs(loaded: LoadedScenario) -> None:
    if loaded.scenario.jobs is not None:
        message = "are not swept, requests are; take `jobs` out, or run plans of jobs with `simcost run`"
        raise FaultsError([fault_at(loaded.root.get("jobs") or loaded.root, message, str(loaded.path))])


class _Builder:
    """Checks what is of the plans, and what is of the scenario, once for all combinations of both."""

    def __init__(self, loaded: LoadedScenario) -> None:
        self._loaded, self._checks, self._names = loaded, PlanChecks(loaded), PlanNames()
        self._keys = PlanKeys(loaded)
        self._scenarios: dict[str, tuple[Scenario | None, int, str]] = {}
        self._plans: dict[str, tuple[YamlNode, Plan | None, str]] = {}
        self._sound: set[tuple[int, int]] = set()
        self._wrong: dict[tuple[int, int], list[Fault]] = {}

    def built(self, combinations: Sequence[Combination]) -> SweepSpace:
        """All plans."""
        self._check_scenarios(combinations)
        bases = items(self._loaded.root.get("plans"))
        fields = tuple(combinations[0]) if combinations else ()
        space = SweepSpace(loaded=self._loaded, fields=fields, combinations=len(bases) * len(combinations))
        for base in bases:
            for combination in combinations:
                self._add(space, base, combination)
        self._raise_hidden()
        space.inputs = self._keys.inputs() | hashes(self._loaded.folder, self._checks.measurements)
        return space

    def check(self, combinations: Sequence[Combination]) -> None:
        """Check the values; combinations of sound ones are passed over."""
        self._check_scenarios(combinations)
        for base in items(self._loaded.root.get("plans")):
            for combination in combinations:
                own = {path: node for path, node in combination.items() if of_plan(path)}
                if not {(node.line, node.column) for node in own.values()} <= self._sound:
                    self._plan(base, own)
        self._raise_hidden()

    def _raise_hidden(self) -> None:
        """Raise FaultsError for values that no combination can have."""
        hidden = [faults for place, faults in self._wrong.items() if place not in self._sound]
        if hidden:
            raise FaultsError(list({(f.line, f.column, f.message): f for faults in hidden for f in faults}.values()))

    def _check_scenarios(self, combinations: Sequence[Combination]) -> None:
        """Check each value of the scenario as if it were written there; samples lie between those that are."""
        distinct = {
            (path, json.dumps(node.plain())): node
            for combination in combinations
            for path, node in combination.items()
            if not of_plan(path)
        }
        by_path: dict[str, list[YamlNode]] = {}
        for (path, _), node in distinct.items():
            by_path.setdefault(path, []).append(node)
        faults: list[Fault] = []
        for path, nodes in by_path.items():
            for node in nodes if len(nodes) <= _CHECKED else (nodes[0], nodes[-1]):
                root, scenario, wrong = scenario_with(self._loaded, {path: node})
                faults += wrong
                if scenario is not None:
                    try:
                        changed(self._loaded, root)
                    except FaultsError as error:
                        faults += error.faults
        if faults:
            raise FaultsError(list(dict.fromkeys(faults)))

    def _add(self, space: SweepSpace, base: YamlNode, combination: Combination) -> None:
        own = {path: node for path, node in combination.items() if of_plan(path)}
        scenario, seeds, scenario_key = self._scenario({p: n for p, n in combination.items() if p not in own})
        node, plan, reason = self._plan(base, own)
        if plan is None or scenario is None:
            space.excluded[reason or "not a scenario: its values contradict each other"] += 1
            return
        labels = [f"{_last(path, combination)} {_shown(one)}" for path, one in combination.items()]
        name = self._names.name(plan.name, labels)
        plan = replace(plan, name=name)
        values = {path: _cell(plan if of_plan(path) else scenario, path, one) for path, one in combination.items()}
        key = self._keys.of(node, scenario_key)
        base_name = str((base.get("name") or base).value)
        space.plans.append(
            SweptPlan(
                plan=plan,
                base=base_name,
                scenario=scenario,
                scenario_key=scenario_key,
                alike=plan_key(node, "name", "buy", "or_buy"),
                values=values,
                key=key,
                seeds=seeds,
            )
        )

    def _scenario(self, values: Combination) -> tuple[Scenario | None, int, str]:
        """The scenario with values of its own fields, its number of replications, and its key."""
        written = json.dumps({path: node.plain() for path, node in values.items()})
        if written not in self._scenarios:
            scenario = scenario_with(self._loaded, values)[1] if values else self._loaded.scenario
            if scenario is not None and values:
                asked = {"seed", "seeds"} - set(values)
                scenario = replace(scenario, **{name: getattr(self._loaded.scenario, name) for name in asked})
            found = (None, 0, "") if scenario is None else self._settled(scenario)
            self._scenarios[written] = found
        return self._scenarios[written]

    def _settled(self, scenario: Scenario) -> tuple[Scenario, int, str]:
        seeds = scenario.seeds or REPLICATIONS
        if scenario.demand is not None:
            seeds = settle(replace(self._loaded, scenario=scenario), seed=None, seeds=scenario.seeds).seeds
        scenario = replace(scenario, plans=(), vary=(), sweep=None, baseline=None)
        return scenario, seeds, self._keys.of_scenario(scenario, seeds)

    def _plan(self, base: YamlNode, values: Combination) -> tuple[YamlNode, Plan | None, str]:
        """A plan with values of its fields, as it could be written and in truth; or the reason why there is none."""
        written = json.dumps([id(base), {path: node.plain() for path, node in values.items()}])
        if written not in self._plans:
            node, plan, faults = self._checks.combined(base, [nested(p.split("."), n) for p, n in values.items()])
            reason = not_a_plan(faults) if plan is None else self._checks.contradiction(node, plan)
            for value in values.values():  # samples stand where their range does: one that is sound is enough
                place = (value.line, value.column)
                if plan is None:
                    self._wrong.setdefault(place, []).extend(faults)
                else:
                    self._sound.add(place)
            self._plans[written] = (node, None if reason else plan, reason)
        return self._plans[written]


_CHECKED = 100
"""Values of a field of the scenario that are all checked; of more, the first and the last."""


def _last(path: str, others: Combination) -> str:
    """The end of a path that no other field has."""
    keys = path.split(".")
    for start in range(len(keys) - 1, 0, -1):
        end = ".".join(keys[start:])
        if not any(other != path and other.endswith(f".{end}") for other in others):
            return end
    return path


def _shown(node: YamlNode) -> str:
    """A value in a name: numbers with no more than four digits after the first."""
    value = node.value
    return f"{value:.5g}" if isinstance(value, float) else in_short(node.plain(), kinds=True)


def _cell(holder: Plan | Scenario, path: str, written: YamlNode) -> Scalar:
    """A value as a cell of a table: as the field holds it, a mapping or a list in short."""
    value = value_at(holder, path)
    return (
        value if value is None or isinstance(value, bool | int | float | str) else in_short(written.plain(), kinds=True)
    )
