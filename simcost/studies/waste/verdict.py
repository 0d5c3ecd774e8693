"""The sentence above a waste report."""

from typing import Any

from simcost.compare.words import percent
from simcost.units import format_count, format_usd

_WASTED = ("allocated_idle", "blocked_in_pool", "blocked_partition", "free_idle", "down", "checkpoint", "lost",
           "restart")  # fmt: skip
_SAID = {
    "allocated_idle": "allocated but idle", "blocked_in_pool": "free while its own pool's jobs wait",
    "blocked_partition": "free while other pools' jobs wait", "free_idle": "free with nobody waiting for it",
    "down": "down", "checkpoint": "writing checkpoints", "lost": "work redone", "restart": "starting",
}  # fmt: skip


def verdict(document: dict[str, Any]) -> str:
    """How much was wasted, on what most, and the measure that would change most of it."""
    buckets = {name: document["buckets"][name] for name in _WASTED if name in document["buckets"]}
    usd = sum(bucket["usd"] for bucket in buckets.values())
    share = sum(bucket["share"] for bucket in buckets.values())
    least = (
        "At least "
        if "unmeasured" in document["buckets"] and document["buckets"]["unmeasured"]["usd"]
        else ""
    )
    first = (f"{least}{percent(share)} of {_hours(document['capacity_gpu_hours'])} GPU-hours did no work: "
             f"{format_usd(usd)} of {format_usd(document['cost_usd'])}")  # fmt: skip
    if not usd > 0:
        return f"{first}."
    most = max(buckets, key=lambda name: float(buckets[name]["usd"]))
    return (
        f"{first}, most of it {_SAID[most]} ({format_usd(buckets[most]['usd'])}){_best(document['actions'])}."
    )


def _hours(value: float) -> str:
    return format_count(value) if value >= 10 or value == 0 else f"{value:.3g}"  # two digits


def _best(actions: list[dict[str, Any]]) -> str:
    """The measure that frees the most money, as far as the samples tell."""
    best = next((one for one in actions if (one["saves_usd"]["expected"] or 0) > 0), None)
    if best is None:
        return ""
    saves = best["saves_usd"]
    what = "put to work" if best["effect"] == "use" else "save"
    return (f"; the largest measure would be to {best['action']}, which would {what} {format_usd(saves['expected'])} "
            f"({format_usd(saves['lo'])} to {format_usd(saves['hi'])})")  # fmt: skip
