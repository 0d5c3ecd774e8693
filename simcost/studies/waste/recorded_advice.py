"""Right-sizing of recorded hardware: measures against waste as actions, with the saving that the samples show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from simcost.documents import FindingDocument, optional_key
from simcost.studies.waste.result import Measure, SampledWaste
from simcost.units import HOURS_PER_MONTH, SECONDS_PER_DAY, SECONDS_PER_HOUR, format_usd, format_usd_between

EFFORT: Mapping[str, Literal["low", "medium"]] = {
    "give back idle GPUs": "low",
    "consolidate": "low",
    "shut at night": "low",
}
"""Of measures that change how many GPUs there are; all others change what runs on them."""
LONG_S = 14 * SECONDS_PER_DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSaving:
    """Saving a month of the samples, with the bounds of its rule."""

    mean: float
    lo: float
    hi: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredUse:
    """GPU-hours a month, their cost, and the share of them that did work."""

    gpu_hours_per_month: float
    usd_per_month: float
    utilisation: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAction:
    """A measure that frees money: GPUs that need not be paid, or the same for less."""

    action: str
    saving_usd_per_month: MeasuredSaving
    slo_risk: float | None
    """None: utilisation tells nothing of latency."""
    confidence: Literal["medium", "low"]
    """medium: samples of 14 days or more; low: of less."""
    effort: Literal["low", "medium"]
    before: MeasuredUse
    after: MeasuredUse
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAdvice:
    """Actions for hardware whose use was recorded, the largest saving first; they overlap."""

    verdict: str
    file: str
    span_s: float
    actions: tuple[RecordedAction, ...]
    largest_saving_usd_per_month: float
    findings: Sequence[FindingDocument]
    provenance: Mapping[str, Any] | None = optional_key()


def recorded_advice(waste: SampledWaste) -> RecordedAdvice:
    """The measures of a study of waste that save money, as actions."""
    months = waste.span_s / SECONDS_PER_HOUR / HOURS_PER_MONTH
    before = MeasuredUse(
        gpu_hours_per_month=waste.capacity_gpu_hours / months,
        usd_per_month=waste.cost_usd / months,
        utilisation=waste.utilisation,
    )
    found = [
        _action(action, before, months, long=waste.span_s >= LONG_S)
        for action in waste.actions
        if action.effect != "use" and (action.saves_usd.expected or 0.0) > 0
    ]
    found.sort(key=lambda one: -one.saving_usd_per_month.mean)
    return RecordedAdvice(
        verdict=_verdict(found, before),
        file=waste.file,
        span_s=waste.span_s,
        actions=tuple(found),
        largest_saving_usd_per_month=found[0].saving_usd_per_month.mean if found else 0.0,
        findings=waste.findings,
    )


def _action(measure: Measure, before: MeasuredUse, months: float, *, long: bool) -> RecordedAction:
    usd = measure.saves_usd.times(1 / months)
    hours = (measure.saves_gpu_hours.expected or 0.0) / months if measure.effect == "release" else 0.0
    left = before.gpu_hours_per_month - hours
    work = None if before.utilisation is None else before.utilisation * before.gpu_hours_per_month
    return RecordedAction(
        action=measure.action if measure.where == "all" else f"{measure.action}: {measure.where}",
        saving_usd_per_month=MeasuredSaving(mean=usd.expected or 0.0, lo=usd.lo, hi=usd.hi),
        slo_risk=None,
        confidence="medium" if long else "low",
        effort=EFFORT.get(measure.action, "medium"),
        before=before,
        after=MeasuredUse(
            gpu_hours_per_month=left,
            usd_per_month=before.usd_per_month - (usd.expected or 0.0),
            utilisation=None if work is None or left <= 0 else work / left,
        ),
        rule=measure.rule,
    )


def _verdict(actions: Sequence[RecordedAction], before: MeasuredUse) -> str:
    if not actions:
        return f"Nothing to do: no measure saves any of {format_usd(before.usd_per_month)} a month."
    first, saving = actions[0], actions[0].saving_usd_per_month
    more = f", the largest of {len(actions)} savings, which overlap" if len(actions) > 1 else ""
    saves = format_usd_between(saving.mean, saving.lo, saving.hi)
    return (
        f"{first.action[0].upper()}{first.action[1:]} would save {saves} of {format_usd(before.usd_per_month)} a "
        f"month{more}. The samples show use, not latency: what it does to an SLO is not known."
    )
