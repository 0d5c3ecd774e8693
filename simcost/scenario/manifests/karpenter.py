"""Karpenter NodePool, karpenter.sh/v1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from simcost.catalog import Catalog
from simcost.catalog.facts import Offer
from simcost.plan.autoscaling.cron import parse_cron
from simcost.plan.nodes import DisruptionBudget, NodePool
from simcost.scenario.manifests.fields import Fields, each
from simcost.scenario.manifests.requirements import (
    Requirement,
    capacities,
    excluding,
    labels_of,
    meeting,
    read_requirements,
    unanswered,
    zones,
)

NEVER = "Never"
_REASONS = ("Underutilized", "Empty", "Drifted")
_ACCELERATORS = ("nvidia.com/gpu", "amd.com/gpu", "aws.amazon.com/neuron", "aws.amazon.com/neurondevice")


def read_nodepool(spec: Fields, catalog: Catalog) -> NodePool | None:
    """The pool; its instance types are those of the catalog that meet the requirements."""
    template = spec.child("template", required=True)
    inner = template.child("spec", required=True) if template is not None else None
    if inner is None:
        return None
    requirements = read_requirements(inner.items("requirements"))
    types = _types(inner, requirements, [offer for offer in catalog.facts.offers if offer.accelerators])
    _note_without_effect(spec, inner, requirements)
    disruption = spec.child("disruption")
    fields = _disruption(disruption) if disruption is not None else {}
    pool = spec.build(
        NodePool,
        instance_types=tuple(types),
        capacity_types=capacities(requirements),
        zones=zones(requirements),
        **_limits(spec.child("limits")),
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


def _types(inner: Fields, requirements: Sequence[Requirement], offers: Sequence[Offer]) -> list[str]:
    """Instance types that meet the requirements; a fault where none does."""
    types = meeting(requirements, offers)
    if not types and not inner.reading.faults:
        one = excluding(requirements, offers)
        why = "" if one is None else f" ({one})"
        near = [offer for offer in offers if one is None or one.key in labels_of(offer)]
        known = ", ".join(sorted({offer.sku for offer in near})[:12])
        message = (
            f"no instance type of the catalog meets them{why}; known are {known}, ..., those with accelerators; "
            "change them, or add your own to --catalog"
        )
        if one is None:
            inner.fault(message, "requirements")
        else:
            one.fields.fault(message)
    return types


def _limits(limits: Fields | None) -> dict[str, object]:
    """Limits of all nodes together."""
    if limits is None:
        return {}
    counts = [found for key in _ACCELERATORS if (found := limits.count(key)) is not None]
    return {
        "max_accelerators": min(counts, default=None),
        "max_vcpus": limits.quantity("cpu"),
        "max_memory_bytes": limits.quantity("memory"),
    }


def _note_without_effect(spec: Fields, inner: Fields, requirements: Sequence[Requirement]) -> None:
    notes = spec.reading.notes
    if spec.has("weight"):
        notes.append("spec.weight: there is one pool of nodes")
    if inner.has("requirements"):
        notes.append("requirements: of what they allow, nodes are what the plan buys")
    notes += dict.fromkeys(f"requirement {key}: taken as met" for key in unanswered(requirements))


def _unless_never(fields: Fields, key: str) -> float | None:
    return None if fields.text(key) == NEVER else fields.duration(key)


def _disruption(rules: Fields) -> dict[str, object]:
    policy = rules.choice("consolidationPolicy", ("WhenEmpty", "WhenEmptyOrUnderutilized", "Balanced"))
    if policy == "Balanced":
        rules.reading.notes.append("consolidationPolicy Balanced: as WhenEmptyOrUnderutilized, without its score")
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
        entry.fault(f"{text!r} is not a number of nodes; write e.g. 2 or 10%", "nodes")
        return None
    share = int(number) / 100 if text.endswith("%") else None
    reasons = tuple(entry.words("reasons"))
    if unknown := [word for word in reasons if word not in _REASONS]:
        entry.fault(f"{unknown[0]!r} is not one of {', '.join(_REASONS)}", "reasons")
        return None
    if set(reasons) == {"Drifted"}:
        entry.reading.notes.append("budgets for Drifted: nodes do not drift here")
    return entry.build(
        DisruptionBudget,
        nodes=int(number) if share is None else None,
        share=share,
        schedule=schedule,
        duration=duration,
        reasons=reasons,
    )


def _parses(entry: Fields, key: str, parse: Callable[[str], object], text: str | None) -> bool:
    try:
        if text is not None:
            parse(text)
    except ValueError as error:
        entry.fault(str(error), key)
        return False
    return True
