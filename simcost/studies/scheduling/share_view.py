"""One fleet for serving and training against two, as parts."""

from collections.abc import Mapping
from math import fsum

from simcost.present.format import amount, count, seconds, share, usd
from simcost.present.parts import Part, Table, notes
from simcost.studies.scheduling.sharing import SeparateFleets, SharedFleet
from simcost.units import plural

_NAMES = {"down": "serving", "idle_blocked": "idle, a job waits", "idle_free": "idle, no job waits"}


def parts(result: SharedFleet) -> list[Part]:
    """Parts below the verdict, on every screen: one fleet and two, where the GPU time went."""
    return [
        Part(title="One fleet and two", titled=False, rows=fleets(result), said=[*_rounded(result), *_use(result)]),
        Part(title="GPU time of the shared fleet", titled=False, rows=hours(result.gpu_hours)),
        notes(result),
    ]


def fleets(result: SharedFleet) -> Table:
    """Cost of each, and how long jobs wait."""
    sides: list[tuple[str, SharedFleet | SeparateFleets]] = [("one fleet", result), ("two fleets", result.separate)]
    return [
        {
            "": name,
            "GPUs": count(side.gpus),
            "$/month": usd(side.usd_per_month),
            "P95 wait": seconds(side.wait_s.p95),
        }
        for name, side in sides
    ]


def _rounded(result: SharedFleet) -> list[str]:
    """Notes where the requested fleet is not a whole number of nodes."""
    if result.requested_gpus == result.gpus:
        return []
    asked, held, node = (count(number) for number in (result.requested_gpus, result.gpus, result.node_gpus))
    return [f"{asked} GPUs are rounded up to {held}, as the other two fleets are: nodes of {node} GPUs (--node)"]


def _use(result: SharedFleet) -> list[str]:
    """GPUs that serving holds, and outcomes of the jobs."""
    serving, apart, jobs = result.serving, result.separate, result.jobs
    held = (
        f"serving ({result.plan}) holds {amount(serving.mean_gpus)} GPUs on average, {serving.peak_gpus} at "
        f"its peak; of two fleets, serving has {count(apart.serving_gpus)} GPUs and training "
        f"{count(apart.training_gpus)}"
    )
    done = (
        f"jobs: {count(jobs.submitted)} submitted, {count(jobs.completed)} completed, {count(jobs.in_system)} "
        f"not finished, {count(jobs.failed)} too wide; {plural(result.preemptions, 'preemption')} by serving, "
        "after which the time in the queue counts as waiting too"
    )
    return [held, done]


def hours(spent: Mapping[str, float]) -> Table:
    """GPU time of the shared fleet by use."""
    total = fsum(spent.values())
    return [
        {"GPU time": _NAMES.get(name, name), "GPU-hours": count(value), "share": share(value / total)}
        for name, value in spent.items()
        if value > 0
    ]
