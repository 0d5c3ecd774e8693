"""Tables of the outcomes of jobs, shared by the terminal, the HTML page and the explorer."""

from collections.abc import Mapping
from typing import Any

from simcost.compare.verdict import GPU_TIME
from simcost.present.chart_style import Document
from simcost.present.format import count, share
from simcost.present.parts import Table
from simcost.studies.plans.contents import trains
from simcost.studies.plans.tables import counts, percentiles


def times(document: Document) -> Table:
    """One row per plan: waiting, completion and outcomes of the jobs, failures where there were any; empty without
    jobs.
    """
    if not trains(document):
        return []
    fail = any(plan["jobs"].get("failures") for plan in document["plans"])
    return [_times(plan, fail=fail) for plan in document["plans"]]


def gpu_time(document: Document) -> Table:
    """One row per plan: shares of its GPU time, restarts with the work redone; no columns that no plan has; empty
    without jobs.
    """
    if not trains(document):
        return []
    plans = document["plans"]
    shown = [name for name in GPU_TIME if any(plan["gpu_share"].get(name, 0) > 0 for plan in plans)]
    return [
        {"Plan": plan["name"]} | {GPU_TIME[name]: share(plan["gpu_share"].get(name) or None) for name in shown}
        for plan in plans
    ]


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
