"""GPU-hours by use."""

from collections.abc import Sequence
from math import fsum

from simcost.present.format import count, share, shortened, usd, usd_between, usd_range
from simcost.present.parts import Part, Table, notes
from simcost.studies.waste import charts
from simcost.studies.waste.actions import Range
from simcost.studies.waste.result import BucketUse, SampledWaste, WasteByModel, WasteResult
from simcost.studies.waste.verdict import wasted_usd

_SAID = {
    "useful": "useful",
    "unmeasured": "allocated, duty not measured",
    "checkpoint": "writing checkpoints",
    "lost": "work redone",
    "restart": "starting, draining",
    "allocated_idle": "allocated, idle",
    "blocked_in_pool": "free, own pool's jobs wait",
    "blocked_partition": "free, other pools' jobs wait",
    "free_idle": "free, no job waits",
    "down": "down",
    "failed": "failed jobs †",
    "cancelled": "cancelled jobs †",
    "oversized_memory": "unused memory †",
}
_EFFECT = {"release": "saves", "use": "puts to work", "price": "saves"}
_RANKED = 10
_WHERE = 18


def parts(result: WasteResult | WasteByModel) -> list[Part]:
    """Parts below the verdict, on every screen."""
    if isinstance(result, WasteByModel):
        of_each = [part for model, one in result.models.items() for part in _parts(one, f"{model}: ")]
        return [Part(title="GPUs by model", rows=models(result)), *of_each, notes(result)]
    return [*_parts(result), notes(result)]


def models(result: WasteByModel) -> Table:
    """One row per model of GPU, and the whole."""
    rows = [
        {
            "model": model,
            "GPU-hours": count(one.capacity_gpu_hours),
            "USD/GPU-h": usd(one.price.usd_per_gpu_hour),
            "allocated": share(one.allocation),
            "utilisation": "-" if one.utilisation is None else share(one.utilisation),
            "cost": usd(one.cost_usd),
            "did no work": usd(wasted_usd(one.buckets)),
        }
        for model, one in result.models.items()
    ]
    total = {
        "model": "all",
        "GPU-hours": count(result.capacity_gpu_hours),
        "cost": usd(result.cost_usd),
        "did no work": usd(fsum(wasted_usd(one.buckets) for one in result.models.values())),
    }
    return [*rows, {**dict.fromkeys(rows[0], ""), **total}]


def _parts(result: WasteResult, of: str = "") -> list[Part]:
    """Parts of a result but for the findings; `of` begins their titles."""
    drawn = []
    if isinstance(result, SampledWaste) and result.places:
        drawn = [
            Part(title=f"{of}Where the GPU-hours went", chart=lambda: charts.waste_bars(result, of)),
            Part(title=f"{of}How busy by hour", chart=lambda: charts.duty_heat(result, of)),
        ]
    said = [line for line in (capacity(result), blocked(result)) if line]
    owed = [Part(title=f"{of}Cost by {result.by}", rows=showback(result))] if isinstance(result, SampledWaste) else []
    return [
        Part(title=f"{of}GPU-hours", rows=buckets(result), said=said),
        *owed,
        *drawn,
        Part(title=f"{of}The costliest waste", rows=ranked(result), said=_below(result), left=3),
        Part(title=f"{of}Measures", said=[MEASURES, *actions(result)] if result.actions else []),
    ]


def capacity(result: WasteResult) -> str:
    """Size, shares and price of the monitored hardware."""
    shares = {
        "allocated": result.allocation,
        "utilisation": result.utilisation,
        "idle time in which the own pool's jobs wait": result.fragmentation,
    }
    said = [f"{name} {share(known)}" for name, known in shares.items() if known is not None]
    price = result.price
    said.append(f"{usd(price.usd_per_gpu_hour)} per GPU-hour ({price.source})")
    return f"{count(result.capacity_gpu_hours)} GPU-hours: {', '.join(said)}"


def buckets(result: WasteResult) -> Table:
    """One row per bucket that holds something, and the whole."""
    total = BucketUse(gpu_hours=result.capacity_gpu_hours, usd=result.cost_usd, share=1.0)
    held = {_said(name, result): bucket for name, bucket in result.buckets.items() if bucket.gpu_hours}
    return [
        {
            "where the GPU-hours went": name,
            "GPU-hours": count(one.gpu_hours),
            "cost": usd(one.usd),
            "share": share(one.share),
        }
        for name, one in (held | {"capacity": total}).items()
    ]


def _said(bucket: str, result: WasteResult) -> str:
    """Name of a bucket; free GPUs are not said to be free of waiting jobs where who waits is not known."""
    if bucket == "free_idle" and isinstance(result, SampledWaste) and result.blocked is None:
        return "free"
    return _SAID[bucket]


def blocked(result: WasteResult) -> str:
    """Waiting while GPUs are idle, where the file tells."""
    blocked = result.blocked
    if blocked is None:
        return ""
    return (
        f"A job waited {share(blocked.waiting_share)} of the time; "
        f"{share(blocked.avoidable_share)} of the time one waited though the idle GPUs of all pools would "
        f"have done for all. {count(blocked.pending_gpu_hours)} GPU-hours were waited for: "
        f"{count(blocked.in_pool_gpu_hours)} idle in the same pool, "
        f"{count(blocked.partition_gpu_hours)} idle in other pools, "
        f"{count(blocked.shortage_gpu_hours)} really missing; {count(blocked.idle_gpu_hours)} were idle."
    )


def showback(result: SampledWaste) -> Table:
    """One row per owner or pool; they add up to the cost."""
    return [
        {
            result.by: shortened(one.where, _WHERE),
            "GPU-hours": count(one.gpu_hours),
            "allocated": share(one.allocation),
            "utilisation": "-" if one.utilisation is None else share(one.utilisation),
            "cost": usd(one.usd),
            "did no work": usd(one.wasted_usd),
        }
        for one in result.showback
    ]


def ranked(result: WasteResult) -> Table:
    """The most expensive waste, and what to try."""
    return [
        {
            "costliest waste": _said(one.bucket, result),
            "where": shortened(one.where, _WHERE),
            "try": one.action,
            "GPU-hours": count(one.gpu_hours),
            "cost": usd(one.usd),
        }
        for one in result.ranked[:_RANKED]
    ]


def _below(result: WasteResult) -> list[str]:
    lines, shown = [], result.ranked[:_RANKED]
    if len(result.ranked) > len(shown):
        lines.append(f"... {len(result.ranked) - len(shown)} more in the document")
    if any(one.beside for one in shown):
        lines.append("† lies within the buckets above and comes beside them")
    return lines


MEASURES = "Measures, replayed over the same samples (they overlap: do not add them up)"


def actions(result: WasteResult) -> Sequence[str]:
    """Saving of each measure, and how it was replayed."""
    return [
        f"{action.action}, {action.where}: {_EFFECT[action.effect]} {_range(action.saves_usd)}: {action.rule}"
        for action in result.actions
    ]


def _range(saves: Range) -> str:
    if saves.expected is None:
        return usd_range(saves.lo, saves.hi)
    return usd_between(saves.expected, saves.lo, saves.hi)
