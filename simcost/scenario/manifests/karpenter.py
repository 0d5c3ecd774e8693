"""Karpenter NodePool, karpenter.sh/v1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from simcost.catalog import Catalog
from simcost.plan.autoscaling.keda.cron import parse_cron
from simcost.plan.nodes import DisruptionBudget, NodePool
from simcost.scenario.manifests.fields import Fields, each

TYPE, CAPACITY, ZONE = (
    "node.kubernetes.io/instance-type",
    "karpenter.sh/capacity-type",
    "topology.kubernetes.io/zone",
)
_AWS = "karpenter.k8s.aws/instance-"
NEVER = "Never"
_CAPACITIES = ("on-demand", "spot", "reserved")
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")
_REASONS = ("Underutilized", "Empty", "Drifted")


class Machine(NamedTuple):
    """A machine that can be bought."""

    type: str
    accelerators: int


def read_nodepool(spec: Fields, catalog: Catalog) -> NodePool | None:
    """The pool; its instance types are those of the catalog that meet the requirements."""
    template = spec.child("template", required=True)
    inner = template.child("spec", required=True) if template is not None else None
    if inner is None:
        return None
    requirements = inner.items("requirements")
    allowed = {one.text("key") or "": one for one in requirements}
    machines = [Machine(one.sku, one.accelerators) for one in catalog.facts.offers if one.accelerators]
    types = sorted({one.type for one in machines if all(_meets(one, rule) for rule in requirements)})
    if not types and not spec.reading.faults:
        known = ", ".join(sorted({one.type for one in machines})[:12])
        inner.fault(f"no instance type of the catalog meets them; known are {known}, ...; add your own to --catalog",
                    "requirements")  # fmt: skip
    _note_without_effect(spec, inner)
    disruption = spec.child("disruption")
    limits = spec.child("limits")
    fields = _disruption(disruption) if disruption is not None else {}
    pool = spec.build(
        NodePool,
        instance_types=tuple(types),
        capacity_types=_values(allowed.get(CAPACITY), _CAPACITIES) or ("on-demand",),
        zones=_values(allowed.get(ZONE), ()),
        max_accelerators=limits.count("nvidia.com/gpu") if limits is not None else None,
        weight=spec.count("weight", 0, 100),
        expire_after=_unless_never(inner, "expireAfter"),
        termination_grace=inner.duration("terminationGracePeriod"),
        **fields,
    )
    if pool is not None and inner.text("expireAfter") == NEVER:
        pool = replace(pool, expire_after=None)
    if pool is not None and disruption is not None and disruption.text("consolidateAfter") == NEVER:
        pool = replace(pool, consolidate_after=None)
    return pool


def _note_without_effect(spec: Fields, inner: Fields) -> None:
    if spec.has("weight"):
        spec.reading.notes.append("spec.weight: there is one pool of nodes")
    if inner.has("requirements"):
        spec.reading.notes.append("requirements: of what they allow, nodes are what the plan buys")


def _values(rule: Fields | None, known: Sequence[str]) -> tuple[str, ...]:
    """The values that a requirement leaves, of those that there are."""
    if rule is None:
        return ()
    given, operator = rule.words("values"), rule.text("operator")
    if operator == "NotIn":
        return tuple(one for one in known if one not in given)
    if known and (unknown := [one for one in given if one not in known]):
        rule.fault(f"{unknown[0]!r} is not one of {', '.join(known)}", "values")
    return tuple(given)


def _meets(machine: Machine, rule: Fields) -> bool:
    """Whether a machine meets a requirement; those about what the catalog does not know count as met."""
    key, operator = rule.text("key", required=True), rule.choice("operator", _OPERATORS, required=True)
    value = _property(machine, key or "")
    if value is None or operator is None:
        if key not in (CAPACITY, ZONE, TYPE):
            _unknown(rule, key)
        return True
    values = rule.words("values")
    if operator in ("Gt", "Lt"):
        if len(values) != 1 or not values[0].isdecimal():
            rule.fault("needs one whole number for Gt and Lt", "values")
            return True
        return int(value) > int(values[0]) if operator == "Gt" else int(value) < int(values[0])
    if operator in ("In", "NotIn"):
        return (value in values) == (operator == "In")
    return operator == "Exists"


def _property(machine: Machine, key: str) -> str | None:
    family, _, size = machine.type.partition(".")
    known = {TYPE: machine.type, f"{_AWS}family": family, f"{_AWS}size": size,
             f"{_AWS}gpu-count": str(machine.accelerators)}  # fmt: skip
    return known.get(key)


def _unknown(rule: Fields, key: str | None) -> None:
    note = f"requirement {key}"
    if note not in rule.reading.notes:
        rule.reading.notes.append(note)


def _unless_never(fields: Fields, key: str) -> float | None:
    return None if fields.text(key) == NEVER else fields.duration(key)


def _disruption(rules: Fields) -> dict[str, object]:
    policy = rules.choice("consolidationPolicy", ("WhenEmpty", "WhenEmptyOrUnderutilized", "Balanced"))
    if policy == "Balanced":
        rules.reading.notes.append(
            "consolidationPolicy Balanced: as WhenEmptyOrUnderutilized, without its score"
        )
    return {
        "consolidation": policy,
        "consolidate_after": _unless_never(rules, "consolidateAfter"),
        "budgets": tuple(each(rules.items("budgets"), _budget)) or None,
    }


def _budget(entry: Fields) -> DisruptionBudget | None:
    text = entry.text("nodes", required=True)
    schedule, duration = entry.text("schedule"), entry.duration("duration")
    if (schedule is None) != (duration is None):
        entry.fault("needs schedule and duration together; write both or neither")
    if text is None or not _parses(entry, "schedule", parse_cron, schedule):
        return None
    number = text.removesuffix("%")
    if not number.isdecimal():
        entry.fault(f"{text!r} is no number of nodes; write e.g. 2 or 10%", "nodes")
        return None
    share = int(number) / 100 if text.endswith("%") else None
    reasons = tuple(entry.words("reasons"))
    if unknown := [word for word in reasons if word not in _REASONS]:
        entry.fault(f"{unknown[0]!r} is not one of {', '.join(_REASONS)}", "reasons")
        return None
    if set(reasons) == {"Drifted"}:
        entry.reading.notes.append("budgets for Drifted: nodes do not drift here")
    return entry.build(
        DisruptionBudget, nodes=int(number) if share is None else None, share=share, schedule=schedule,
        duration=duration, reasons=reasons,
    )  # fmt: skip


def _parses(entry: Fields, key: str, parse: Callable[[str], object], text: str | None) -> bool:
    try:
        if text is not None:
            parse(text)
    except ValueError as error:
        entry.fault(str(error), key)
        return False
    return True
