"""Verdict of `simcost waste`: total waste, its largest part, and the measure that would change most of it."""

from collections.abc import Mapping, Sequence
from math import fsum

from simcost.compare.verdict import percent
from simcost.studies.waste.result import BucketUse, Measure, SampledWaste
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
    usd = wasted_usd(buckets)
    share = fsum(bucket.share for bucket in wasted.values())
    first = _total(usd, share, capacity_h, cost_usd, least=_is_least(buckets))
    if not usd > 0:
        return f"{first}."
    most = max(wasted, key=lambda name: wasted[name].usd)
    what = "free" if most == "free_idle" and not queues else _SAID[most]
    return f"{first}, most of it {what} ({format_usd(wasted[most].usd)}){_best(measures, span_s)}."


def verdict_of_models(found: Mapping[str, SampledWaste]) -> str:
    """Verdict on GPUs of several models: total waste, the model with most of it, and the best measure."""
    usd = {model: wasted_usd(one.buckets) for model, one in found.items()}
    capacity_h = fsum(one.capacity_gpu_hours for one in found.values())
    wasted_h = fsum(one.buckets[name].gpu_hours for one in found.values() for name in _WASTED if name in one.buckets)
    cost_usd = fsum(one.cost_usd for one in found.values())
    least = any(_is_least(one.buckets) for one in found.values())
    total = _total(fsum(usd.values()), wasted_h / capacity_h, capacity_h, cost_usd, least=least)
    if not fsum(usd.values()) > 0:
        return f"{total}."
    most = max(usd, key=lambda model: usd[model])
    measures = [(measure, model) for model, one in found.items() for measure in one.actions]
    best, model = max(measures, key=lambda each: each[0].saves_usd.expected or 0.0, default=(None, ""))
    said = "" if best is None else _best([best], found[model].span_s, f" of {model}")
    return f"{total}, most of it {most} ({format_usd(usd[most])}){said}."


def wasted_usd(buckets: Mapping[str, BucketUse]) -> float:
    """Cost of the GPU-hours that did no work."""
    return fsum(buckets[name].usd for name in _WASTED if name in buckets)


def _is_least(buckets: Mapping[str, BucketUse]) -> bool:
    """True if how busy GPUs were is not known of all, so that more may be waste."""
    return "unmeasured" in buckets and buckets["unmeasured"].usd > 0


def _total(usd: float, share: float, capacity_h: float, cost_usd: float, *, least: bool) -> str:
    first = "At least " if least else ""
    return (
        f"{first}{percent(share)} of {_hours_text(capacity_h)} GPU-hours did no work: "
        f"{format_usd(usd)} of {format_usd(cost_usd)}"
    )


def _hours_text(value: float) -> str:
    return format_count(value) if value >= 10 or value == 0 else f"{value:.3g}"  # two digits


def _best(measures: Sequence[Measure], span_s: float, of: str = "") -> str:
    """The measure that frees the most money in the time of the samples, as far as they tell."""
    for one in measures:
        if (expected := one.saves_usd.expected or 0.0) > 0:
            what = "put to work" if one.effect == "use" else "save"
            usd = format_usd_between(expected, one.saves_usd.lo, one.saves_usd.hi)
            saved = f"{what} {usd} in these {format_seconds(span_s)}"
            return f"; the largest measure would be to {one.action}{of}, which would {saved}"
    return ""
