"""Verdict of `simcost waste`: total waste, its largest part, and the measure that would change most of it."""

from collections.abc import Mapping, Sequence
from math import fsum

from simcost.compare.verdict import percent
from simcost.studies.waste.result import BucketUse, Measure
from simcost.units import format_count, format_seconds, format_usd, format_usd_between

_WASTED = (
    "allocated_idle",
    "blocked_in_pool",
    "blocked_partition",
    "free_idle",
    "down",
    "checkpoint",
    "lost",
    "restart",
)
_SAID = {
    "allocated_idle": "allocated but idle",
    "blocked_in_pool": "free while its own pool's jobs wait",
    "blocked_partition": "free while other pools' jobs wait",
    "free_idle": "free with no job waiting",
    "down": "down",
    "checkpoint": "writing checkpoints",
    "lost": "work redone",
    "restart": "starting",
}


def verdict(
    buckets: Mapping[str, BucketUse],
    capacity_h: float,
    cost_usd: float,
    measures: Sequence[Measure],
    *,
    queues: bool,
    span_s: float,
) -> str:
    """Verdict: total waste, its largest part, and the measure that would change most of it; `queues`: who waits is
    known; `span_s`: the time in which all of it happened.
    """
    wasted = {name: buckets[name] for name in _WASTED if name in buckets}
    usd = fsum(bucket.usd for bucket in wasted.values())
    share = fsum(bucket.share for bucket in wasted.values())
    least = "At least " if "unmeasured" in buckets and buckets["unmeasured"].usd else ""
    first = (
        f"{least}{percent(share)} of {_hours_text(capacity_h)} GPU-hours did no work: "
        f"{format_usd(usd)} of {format_usd(cost_usd)}"
    )
    if not usd > 0:
        return f"{first}."
    most = max(wasted, key=lambda name: wasted[name].usd)
    what = "free" if most == "free_idle" and not queues else _SAID[most]
    return f"{first}, most of it {what} ({format_usd(wasted[most].usd)}){_best(measures, span_s)}."


def _hours_text(value: float) -> str:
    return format_count(value) if value >= 10 or value == 0 else f"{value:.3g}"  # two digits


def _best(measures: Sequence[Measure], span_s: float) -> str:
    """The measure that frees the most money in the time of the samples, as far as they tell."""
    for one in measures:
        if (expected := one.saves_usd.expected or 0.0) > 0:
            what = "put to work" if one.effect == "use" else "save"
            usd = format_usd_between(expected, one.saves_usd.lo, one.saves_usd.hi)
            saved = f"{what} {usd} in these {format_seconds(span_s)}"
            return f"; the largest measure would be to {one.action}, which would {saved}"
    return ""
