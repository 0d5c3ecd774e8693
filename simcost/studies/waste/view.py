"""GPU-hours by use."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

from simcost.present.format import printable
from simcost.present.parts import Part, Table
from simcost.present.text_table import table_of
from simcost.studies.waste import charts
from simcost.units import format_count, format_share, format_usd

WIDTH = 100
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


def text(document: Mapping[str, Any]) -> str:
    """Layout of the document of `simcost waste`."""
    costliest = "\n".join([table_of(ranked(document), left=3), *_below(document)]) if document["ranked"] else ""
    measures = [fill(line, WIDTH, initial_indent="- ", subsequent_indent="  ") for line in actions(document)]
    blocks = [
        fill(document["verdict"], WIDTH),
        fill(title(document), WIDTH),
        table_of(buckets(document)),
        fill(blocked(document), WIDTH),
        costliest,
        "\n".join([MEASURES, *measures]) if measures else "",
        "\n".join(fill(f"note: {said['message']}", WIDTH) for said in document["findings"]),
    ]
    return "\n\n".join(block for block in blocks if block)


def parts(document: Mapping[str, Any]) -> list[Part]:
    """Parts of the page and the explorer below the verdict."""
    drawn = []
    if document.get("places"):
        drawn = [
            Part(title="Where the GPU-hours went", chart=lambda: charts.waste_bars(dict(document))),
            Part(title="How busy by hour", chart=lambda: charts.duty_heat(dict(document))),
        ]
    said = [line for line in (title(document), blocked(document)) if line]
    return [
        Part(title="GPU-hours", rows=buckets(document), said=said),
        *drawn,
        Part(title="The most expensive waste", rows=ranked(document), said=_below(document)),
        Part(title="Measures", said=[MEASURES, *actions(document)] if document["actions"] else []),
        Part(title="Notes", said=[printable(said["message"]) for said in document["findings"]]),
    ]


def title(document: Mapping[str, Any]) -> str:
    """Size, shares and price of the monitored hardware."""
    shares = {
        "allocated": document["allocation"],
        "utilisation": document["utilisation"],
        "fragmentation": document.get("fragmentation"),
    }
    said = [f"{name} {format_share(share)}" for name, share in shares.items() if share is not None]
    price = document["price"]
    said.append(f"{format_usd(price['usd_per_gpu_hour'])} per GPU-hour ({price['source']})")
    return f"{gpu_hours(document['capacity_gpu_hours'])} GPU-hours: {', '.join(said)}"


def buckets(document: Mapping[str, Any]) -> Table:
    """One row per bucket that holds something, and the whole."""
    total = {"gpu_hours": document["capacity_gpu_hours"], "usd": document["cost_usd"], "share": 1.0}
    held = {_SAID[name]: one for name, one in document["buckets"].items() if one["gpu_hours"]}
    return [
        {
            "where the GPU-hours went": name,
            "GPU-hours": gpu_hours(one["gpu_hours"]),
            "cost": format_usd(one["usd"]),
            "share": format_share(one["share"]),
        }
        for name, one in (held | {"capacity": total}).items()
    ]


def gpu_hours(value: float) -> str:
    """`12,345`, and `0.417` of a few."""
    return format_count(value) if value >= 10 or value == 0 else f"{value:.3g}"  # two digits


def blocked(document: Mapping[str, Any]) -> str:
    """Waiting while GPUs are idle, where the file tells."""
    blocked = document.get("blocked")
    if blocked is None:
        return ""
    hours = {
        name: gpu_hours(blocked[f"{name}_gpu_hours"])
        for name in ("pending", "in_pool", "partition", "shortage", "idle")
    }
    return (
        f"A job waited {format_share(blocked['waiting_share'])} of the time; "
        f"{format_share(blocked['avoidable_share'])} of the time one waited though the idle GPUs of all pools would "
        f"have done for all. {hours['pending']} GPU-hours were waited for: {hours['in_pool']} idle in the same pool, "
        f"{hours['partition']} idle in other pools, {hours['shortage']} really missing; {hours['idle']} were idle."
    )


def ranked(document: Mapping[str, Any]) -> Table:
    """The most expensive waste, and what to try."""
    return [
        {
            "most expensive waste": _SAID[one["bucket"]],
            "where": _short(one["where"]),
            "try": one["action"],
            "GPU-hours": gpu_hours(one["gpu_hours"]),
            "cost": format_usd(one["usd"]),
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


def _short(name: str) -> str:
    name = printable(name)
    return name if len(name) <= _WHERE else f"{name[: _WHERE - 1]}…"


MEASURES = "Measures, replayed over the same samples (they overlap: do not add them up)"


def actions(document: Mapping[str, Any]) -> Sequence[str]:
    """Saving of each measure, and how it was replayed."""
    return [
        f"{one['action']}, {one['where']}: {_EFFECT[one['effect']]} {_range(one['saves_usd'])}: {one['rule']}"
        for one in document["actions"]
    ]


def _range(amount: Mapping[str, float | None]) -> str:
    lo, expected, hi = (amount[name] for name in ("lo", "expected", "hi"))
    bounds = f"{format_usd(lo or 0.0)} to {format_usd(hi or 0.0)}"
    return bounds if expected is None else f"{format_usd(expected)} ({bounds})"
