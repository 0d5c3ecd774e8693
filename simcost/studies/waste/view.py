"""GPU-hours by use."""

from collections.abc import Mapping, Sequence
from typing import Any

from simcost.present.format import count, share, shortened, usd
from simcost.present.parts import Part, Table, notes
from simcost.studies.waste import charts

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
    "failed": "failed jobs *",
    "cancelled": "cancelled jobs *",
    "oversized_memory": "unused memory *",
}
_EFFECT = {"release": "saves", "use": "puts to work", "price": "saves"}
_RANKED = 10
_WHERE = 18


def parts(document: Mapping[str, Any]) -> list[Part]:
    """Parts below the verdict, on every screen."""
    drawn = []
    if document.get("places"):
        drawn = [
            Part(title="Where the GPU-hours went", chart=lambda: charts.waste_bars(dict(document))),
            Part(title="How busy by hour", chart=lambda: charts.duty_heat(dict(document))),
        ]
    said = [line for line in (capacity(document), blocked(document)) if line]
    return [
        Part(title="GPU-hours", rows=buckets(document), said=said),
        *drawn,
        Part(title="The costliest waste", rows=ranked(document), said=_below(document), left=3),
        Part(title="Measures", said=[MEASURES, *actions(document)] if document["actions"] else []),
        notes(document),
    ]


def capacity(document: Mapping[str, Any]) -> str:
    """Size, shares and price of the monitored hardware."""
    shares = {
        "allocated": document["allocation"],
        "utilisation": document["utilisation"],
        "fragmentation": document.get("fragmentation"),
    }
    said = [f"{name} {share(known)}" for name, known in shares.items() if known is not None]
    price = document["price"]
    said.append(f"{usd(price['usd_per_gpu_hour'])} per GPU-hour ({price['source']})")
    return f"{count(document['capacity_gpu_hours'])} GPU-hours: {', '.join(said)}"


def buckets(document: Mapping[str, Any]) -> Table:
    """One row per bucket that holds something, and the whole."""
    total = {"gpu_hours": document["capacity_gpu_hours"], "usd": document["cost_usd"], "share": 1.0}
    held = {_SAID[name]: one for name, one in document["buckets"].items() if one["gpu_hours"]}
    return [
        {
            "where the GPU-hours went": name,
            "GPU-hours": count(one["gpu_hours"]),
            "cost": usd(one["usd"]),
            "share": share(one["share"]),
        }
        for name, one in (held | {"capacity": total}).items()
    ]


def blocked(document: Mapping[str, Any]) -> str:
    """Waiting while GPUs are idle, where the file tells."""
    blocked = document.get("blocked")
    if blocked is None:
        return ""
    hours = {
        name: count(blocked[f"{name}_gpu_hours"]) for name in ("pending", "in_pool", "partition", "shortage", "idle")
    }
    return (
        f"A job waited {share(blocked['waiting_share'])} of the time; "
        f"{share(blocked['avoidable_share'])} of the time one waited though the idle GPUs of all pools would "
        f"have done for all. {hours['pending']} GPU-hours were waited for: {hours['in_pool']} idle in the same pool, "
        f"{hours['partition']} idle in other pools, {hours['shortage']} really missing; {hours['idle']} were idle."
    )


def ranked(document: Mapping[str, Any]) -> Table:
    """The most expensive waste, and what to try."""
    return [
        {
            "costliest waste": _SAID[one["bucket"]],
            "where": shortened(one["where"], _WHERE),
            "try": one["action"],
            "GPU-hours": count(one["gpu_hours"]),
            "cost": usd(one["usd"]),
        }
        for one in document["ranked"][:_RANKED]
    ]


def _below(document: Mapping[str, Any]) -> list[str]:
    lines, shown = [], document["ranked"][:_RANKED]
    if len(document["ranked"]) > len(shown):
        lines.append(f"... {len(document['ranked']) - len(shown)} more in the document")
    if any(one["beside"] for one in shown):
        lines.append("* lies within the buckets above and comes beside them")
    return lines


MEASURES = "Measures, replayed over the same samples (they overlap: do not add them up)"


def actions(document: Mapping[str, Any]) -> Sequence[str]:
    """Saving of each measure, and how it was replayed."""
    return [
        f"{one['action']}, {one['where']}: {_EFFECT[one['effect']]} {_range(one['saves_usd'])}: {one['rule']}"
        for one in document["actions"]
    ]


def _range(found: Mapping[str, float | None]) -> str:
    lo, expected, hi = (found[name] for name in ("lo", "expected", "hi"))
    bounds = f"{usd(lo or 0.0)} to {usd(hi or 0.0)}"
    return bounds if expected is None else f"{usd(expected)} ({bounds})"
