"""Tables of the outcomes of jobs, shared by the terminal, the HTML page and the explorer."""

from collections.abc import Mapping
from typing import Any

from simcost.compare.verdict import GPU_TIME
from simcost.present.chart_style import Document
from simcost.present.format import count, share
from simcost.present.parts import Table
from simcost.studies.plans.contents import trains
from simcost.studies.plans.tables import counts, percentiles

_COLUMNS = GPU_TIME | dict.fromkeys(("lost", "restart"), "lost time")
"""Columns of the buckets of GPU time."""


def times(document: Document) -> Table:
    """One row per plan: waiting, completion and outcomes of the jobs, failures where there were any; empty without
    jobs.
    """
    if not trains(document):
        return []
    fail = any(plan["jobs"].get("failures") for plan in document["plans"])
    return [_times(plan, fail=fail) for plan in document["plans"]]


def gpu_time(document: Document) -> Table:
    """One row per plan: shares of its GPU time, work redone and restarts in one column; no columns that no plan has;
    empty without jobs.
    """
    if not trains(document):
        return []
    found = {plan["name"]: _columns(plan["gpu_share"]) for plan in document["plans"]}
    shown = [name for name in _COLUMNS.values() if any(columns[name] for columns in found.values())]
    return [{"Plan": plan} | {name: share(columns[name] or None) for name in shown} for plan, columns in found.items()]


def _columns(gpu_share: Mapping[str, float]) -> dict[str, float]:
    columns = dict.fromkeys(_COLUMNS.values(), 0.0)
    for bucket, part in gpu_share.items():
        columns[_COLUMNS[bucket]] += part
    return columns


def _times(plan: Mapping[str, Any], *, fail: bool) -> dict[str, str]:
    jobs = plan["jobs"]
    return {
        "Plan": plan["name"],
        "GPUs": count(plan["gpus"]),
        "Wait p50/p95/p99": percentiles(plan["wait_s"]),
        "Completion p50/p95/p99": percentiles(plan["jct_s"]),
        "Done/open/too wide": counts(jobs, "completed", "in_system", "failed"),
        "Preemptions": count(jobs["preemptions"]),
        **({"Failures": count(jobs["failures"])} if fail else {}),
        "Work redone": share(plan["gpu_share"]["lost"]),
    }
