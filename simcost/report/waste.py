"""Where the GPU-hours went, in the terminal."""

from collections.abc import Mapping
from textwrap import fill
from typing import Any

from simcost.report.forecast_words import printable
from simcost.report.table import table
from simcost.units import format_count, format_share, format_usd

WIDTH = 100
_SAID = {
    "useful": "useful", "unmeasured": "allocated, duty not measured", "checkpoint": "writing checkpoints",
    "lost": "work redone", "restart": "starting, draining", "allocated_idle": "allocated, idle",
    "blocked_in_pool": "free, own pool's jobs wait", "blocked_partition": "free, other pools' jobs wait",
    "free_idle": "free, nobody waits for it", "down": "down", "failed": "failed jobs *",
    "cancelled": "cancelled jobs *", "oversized_memory": "unused memory *",
}  # fmt: skip
_EFFECT = {"release": "saves", "use": "puts to work", "price": "saves"}
_RANKED = 10
_WHERE = 18


def text(document: Mapping[str, Any]) -> str:
    """The document of `simcost waste`, laid out for people."""
    parts = [fill(document["verdict"], WIDTH), _title(document), _buckets(document), _blocked(document),
             _ranked(document), _actions(document)]  # fmt: skip
    parts += ["\n".join(fill(f"note: {said['message']}", WIDTH) for said in document["findings"])]
    return "\n\n".join(part for part in parts if part)


def _title(document: Mapping[str, Any]) -> str:
    shares = {"allocated": document["allocation"], "utilisation": document["utilisation"],
              "fragmentation": document.get("fragmentation")}  # fmt: skip
    said = [f"{name} {format_share(share)}" for name, share in shares.items() if share is not None]
    price = document["price"]
    said.append(f"{format_usd(price['usd_per_gpu_hour'])} per GPU-hour ({price['source']})")
    return fill(f"{format_count(document['capacity_gpu_hours'])} GPU-hours: {', '.join(said)}", WIDTH)


def _buckets(document: Mapping[str, Any]) -> str:
    rows = [[_SAID[name], *_amounts(one)] for name, one in document["buckets"].items() if one["gpu_hours"]]
    total = {"gpu_hours": document["capacity_gpu_hours"], "usd": document["cost_usd"], "share": 1.0}
    return table(
        ["where the GPU-hours went", "GPU-hours", "cost", "share"], [*rows, ["capacity", *_amounts(total)]]
    )


def _amounts(one: Mapping[str, Any]) -> list[str]:
    return [format_count(one["gpu_hours"]), format_usd(one["usd"]), format_share(one["share"])]


def _blocked(document: Mapping[str, Any]) -> str:
    blocked = document.get("blocked")
    if blocked is None:
        return ""
    hours = {name: format_count(blocked[f"{name}_gpu_hours"]) for name in ("pending", "in_pool", "partition",
                                                                         "shortage", "idle")}  # fmt: skip
    return fill(
        f"A job waited {format_share(blocked['waiting_share'])} of the time; "
        f"{format_share(blocked['avoidable_share'])} of the time one waited though the idle GPUs of all pools would "
        f"have done for all. {hours['pending']} GPU-hours were waited for: {hours['in_pool']} idle in the same pool, "
        f"{hours['partition']} idle in other pools, {hours['shortage']} really missing; {hours['idle']} were idle.",
        WIDTH)  # fmt: skip


def _ranked(document: Mapping[str, Any]) -> str:
    shown = document["ranked"][:_RANKED]
    if not shown:
        return ""
    rows = [[_SAID[one["bucket"]], _short(one["where"]), one["action"], *_amounts(one)[:2]] for one in shown]
    parts = [table(["costliest waste", "where", "try", "GPU-hours", "cost"], rows, left=3)]
    if len(document["ranked"]) > len(shown):
        parts.append(f"... {len(document['ranked']) - len(shown)} more in the document")
    if any(one["beside"] for one in shown):
        parts.append("* lies within the buckets above and comes beside them")
    return "\n".join(parts)


def _short(name: str) -> str:
    name = printable(name)
    return name if len(name) <= _WHERE else f"{name[: _WHERE - 1]}…"


def _actions(document: Mapping[str, Any]) -> str:
    """What each measure would have saved, and below each how that was replayed."""
    parts = []
    for one in document["actions"]:
        head = f"{one['action']}, {one['where']}: {_EFFECT[one['effect']]} {_range(one['saves_usd'])}"
        parts.append(fill(f"{head}: {one['rule']}", WIDTH, initial_indent="- ", subsequent_indent="  "))
    if not parts:
        return ""
    return "Measures, replayed over the same samples (they overlap: do not add them up)\n" + "\n".join(parts)


def _range(amount: Mapping[str, float | None]) -> str:
    lo, expected, hi = (amount[name] for name in ("lo", "expected", "hi"))
    bounds = f"{format_usd(lo or 0.0)} to {format_usd(hi or 0.0)}"
    return bounds if expected is None else f"{format_usd(expected)} ({bounds})"
