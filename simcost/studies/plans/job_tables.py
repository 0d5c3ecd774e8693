"""Tables of the outcomes of jobs, shared by the terminal, the HTML page and the explorer."""

from collections.abc import Mapping
from typing import Any

from simcost.compare.verdict import GPU_TIME
from simcost.present.chart_style import Document
from simcost.studies.plans.contents import trains
from simcost.units import format_count, format_seconds, format_share

Table = list[dict[str, str]]
_DOT = " \N{MIDDLE DOT} "


def times(document: Document) -> Table:
    """One row per plan: waiting, completion and outcomes of the jobs; empty without jobs."""
    return [_times(plan) for plan in document["plans"]] if trains(document) else []


def gpu_time(document: Document) -> Table:
    """One row per plan: shares of its GPU time, restarts with the work redone; no columns that no plan has; empty
    without jobs.
    """
    if not trains(document):
        return []
    plans = document["plans"]
    shown = [name for name in GPU_TIME if any(plan["gpu_share"].get(name, 0) > 0 for plan in plans)]
    return [
        {"Plan": plan["name"]} | {GPU_TIME[name]: _share(plan["gpu_share"].get(name)) for name in shown}
        for plan in plans
    ]


def _times(plan: Mapping[str, Any]) -> dict[str, str]:
    jobs = plan["jobs"]
    return {
        "Plan": plan["name"],
        "GPUs": format_count(plan["gpus"]),
        "Wait p50/p95/p99": _percentiles(plan["wait_s"]),
        "Completion p50/p95/p99": _percentiles(plan["jct_s"]),
        "Done/open/too wide": _DOT.join(format_count(jobs[key]) for key in ("completed", "in_system", "failed")),
        "Preemptions": format_count(jobs["preemptions"]),
        "Redone": format_share(plan["redone_share"]),
    }


def _percentiles(levels: Mapping[str, float | None]) -> str:
    return _DOT.join(seconds(levels[name]) for name in ("p50", "p95", "p99"))


def seconds(value_s: float | None) -> str:
    """A time as text; an en dash where no job has one."""
    return "\N{EN DASH}" if value_s is None else format_seconds(value_s)


def _share(share: float | None) -> str:
    return format_share(share) if share else "\N{EN DASH}"
