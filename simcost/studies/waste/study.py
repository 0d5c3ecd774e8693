"""Document of `simcost waste`: GPU-hours and cost of waste, from samples, a job log or a simulated ledger."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from simcost.catalog.facts import Offer
from simcost.compare.verdict import percent
from simcost.errors import InputError
from simcost.studies.waste.actions import Action, Range, consolidate, merge_pools, share_gpus, shut_at_night
from simcost.studies.waste.buckets import BUCKETS, IDLE, Ints, QueueWaste, Waste, local_start_s, split, spread
from simcost.studies.waste.price import GpuPrice, price_of
from simcost.studies.waste.ranking import Row, memory_rows, outcome_rows, places, ranked, rows_of
from simcost.studies.waste.workload_actions import (
    GpuTimeByOutcome,
    Memory,
    SpotCase,
    fix_failing,
    measure,
    move_to_spot,
    outcomes,
    right_size,
)
from simcost.tables.calendar import find_zone
from simcost.trace.jobs.jobs import Jobs
from simcost.trace.jobs.reader import read_jobs
from simcost.trace.jobs.store import is_jobs
from simcost.trace.series.resample import finding
from simcost.trace.utilization.from_jobs import samples_of_jobs
from simcost.trace.utilization.reader import read_utilisation
from simcost.trace.utilization.samples import UtilizationSamples
from simcost.trace.utilization.slurm import duty_of_jobs, is_sacct
from simcost.units import format_count, format_usd

Findings = list[dict[str, Any]]
UNUSED = ("limit_assumed", "limit_raised")
"""Findings about what schedulers need, which waste does not."""


def read(
    path: Path, mapping: Mapping[str, str], gpus: Mapping[str, int] | int | None, timezone: str
) -> tuple[UtilizationSamples, Findings, Jobs | None]:
    """The samples, the findings, and the jobs where the file is their log.

    A stored trace of jobs and an export of sacct are job logs, and so is a file for which the number of GPUs is given.

    Raises: as the readers.
    """
    slurm = is_sacct(path)
    if not (slurm or is_jobs(path) or gpus is not None):
        return (*read_utilisation(path, mapping=mapping), None)
    jobs, said = read_jobs(path, mapping=mapping, timezone=timezone)
    duty = duty_of_jobs(path) if slurm else {}
    samples, findings = samples_of_jobs(jobs, gpus=gpus, duty=duty)
    return samples, [one for one in said if one["kind"] not in UNUSED] + findings, jobs


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


def verdict(document: dict[str, Any]) -> str:
    """Verdict: total waste, its largest part, and the measure that would change most of it."""
    buckets = {name: document["buckets"][name] for name in _WASTED if name in document["buckets"]}
    usd = sum(bucket["usd"] for bucket in buckets.values())
    share = sum(bucket["share"] for bucket in buckets.values())
    least = "At least " if "unmeasured" in document["buckets"] and document["buckets"]["unmeasured"]["usd"] else ""
    first = (
        f"{least}{percent(share)} of {_hours_text(document['capacity_gpu_hours'])} GPU-hours did no work: "
        f"{format_usd(usd)} of {format_usd(document['cost_usd'])}"
    )
    if not usd > 0:
        return f"{first}."
    most = max(buckets, key=lambda name: float(buckets[name]["usd"]))
    return f"{first}, most of it {_SAID[most]} ({format_usd(buckets[most]['usd'])}){_best(document['actions'])}."


def _hours_text(value: float) -> str:
    return format_count(value) if value >= 10 or value == 0 else f"{value:.3g}"  # two digits


def _best(actions: list[dict[str, Any]]) -> str:
    """The measure that frees the most money, as far as the samples tell."""
    best = next((one for one in actions if (one["saves_usd"]["expected"] or 0) > 0), None)
    if best is None:
        return ""
    saves = best["saves_usd"]
    what = "put to work" if best["effect"] == "use" else "save"
    return (
        f"; the largest measure would be to {best['action']}, which would {what} {format_usd(saves['expected'])} "
        f"({format_usd(saves['lo'])} to {format_usd(saves['hi'])})"
    )


_NONE: Mapping[str, str] = {}
PLACES = 40
"""Places in charts, those with the most idle GPU-hours first."""


def waste(
    path: Path,
    *,
    price_usd_per_h: float | None = None,
    offer: Offer | None = None,
    mapping: Mapping[str, str] = _NONE,
    timezone: str = "UTC",
    jobs: Jobs | None = None,
    gpus: Mapping[str, int] | int | None = None,
    spot: SpotCase | None = None,
) -> dict[str, Any]:
    """GPU-hours of a monitored cluster by use, their cost, and remedies.

    Args:
        path: monitored utilisation, see `simcost.trace.utilization.reader`.
        price_usd_per_h: of one GPU; or
        offer: of the catalog, whose on-demand price is shared over its accelerators.
        mapping: our columns -> the file's, where it calls them otherwise.
        timezone: of the hours of the day.
        jobs: the job trace of the same time, for failed and cancelled work and for spot; a job log is its own.
        gpus: of the cluster, or by pool, where the file is a job log; None = the most that jobs held at once.
        spot: replays jobs on spot.

    Returns:
        `capacity_gpu_hours`, `cost_usd`, `allocation` (allocated / capacity), `utilisation` (useful / capacity
        measured, None if duty was not), `fragmentation` (idle that jobs of the same pool wait for / idle, None
        without queues), `buckets`, `blocked`, `ranked`, `actions`, `findings`, `verdict`, and what charts show.
        Actions overlap: their savings do not add up.

    Raises:
        InputError: no price or two; an unknown time zone; a file that cannot be read (its faults, all at once).
    """
    price = price_of(price_usd_per_h, offer)
    find_zone(timezone)
    samples, findings, own = read(path, mapping, gpus, timezone)
    account = split(samples)
    if not sum(account.totals.values()) > 0:
        raise InputError(f"{path}: no GPU is there at any time; give samples with GPUs in them")
    memory = measure(account)
    jobs = own if jobs is None else jobs
    found = None if jobs is None else outcomes(jobs)
    kind, codes, names = places(account)
    rows = rows_of(account, codes, names) + memory_rows(account, memory, codes, names) + outcome_rows(found)
    actions = _measures(account, memory, found, timezone, offer)
    actions += [] if jobs is None else move_to_spot(jobs, price, spot)
    queue = account.queue
    shares = {
        "fragmentation": None if queue is None or not queue.idle_gpu_s else queue.in_pool_gpu_s / queue.idle_gpu_s,
        "blocked": _blocked(queue),
        "outcomes": None if found is None else {name: value / 3600.0 for name, value in found.gpu_s.items()},
        "by": kind,
        "places": _places(account, codes, names),
        "hours": _hours(account, codes, names, timezone),
        "clock": timezone if samples.start_utc_s is not None else None,
        "samples": _samples(account),
    }
    head = {"file": str(path), "span_s": samples.span_s}
    return head | summary(account.totals, rows, actions, price, findings + _said(account)) | shares


def _measures(
    account: Waste,
    memory: Memory | None,
    found: GpuTimeByOutcome | None,
    timezone: str,
    offer: Offer | None,
) -> list[Action]:
    """All measures that would have saved something."""
    accelerator = None if offer is None else offer.accelerator
    actions = [
        *shut_at_night(account, timezone),
        *share_gpus(account),
        *right_size(memory, accelerator),
        *consolidate(account),
        *merge_pools(account),
    ]
    if found is None:
        return actions
    return actions + fix_failing(found)


def summary(
    totals: Mapping[str, float], rows: list[Row], actions: list[Action], price: GpuPrice, findings: Findings
) -> dict[str, Any]:
    """The part of the document that samples and ledgers have in common, from GPU-seconds by bucket."""
    capacity = sum(totals.values())
    held = sum(totals[name] for name in totals if name not in (*IDLE[1:], "down"))
    measured = capacity - totals.get("unmeasured", 0.0)
    document = {
        "price": {"usd_per_gpu_hour": price.usd_per_h, "source": price.source},
        "capacity_gpu_hours": capacity / 3600.0,
        "cost_usd": capacity / 3600.0 * price.usd_per_h,
        "allocation": held / capacity,
        "utilisation": totals["useful"] / measured if totals["useful"] or totals.get("allocated_idle") else None,
        "buckets": {name: _bucket(totals[name], capacity, price) for name in BUCKETS if name in totals},
        "ranked": ranked(rows, capacity, price.usd_per_h),
        "actions": sorted((_action(action, capacity, price) for action in actions), key=_by_usd),
        "findings": findings,
    }
    return document | {"verdict": verdict(document)}


def _bucket(seconds: float, capacity: float, price: GpuPrice) -> dict[str, float]:
    hours = seconds / 3600.0
    return {"gpu_hours": hours, "usd": hours * price.usd_per_h, "share": seconds / capacity}


def _action(action: Action, capacity: float, price: GpuPrice) -> dict[str, Any]:
    hours = action.saves_gpu_s.times(1 / 3600.0)
    usd = action.saves_usd or hours.times(price.usd_per_h)
    return {
        "action": action.action,
        "where": action.where,
        "buckets": list(action.buckets),
        "effect": action.effect,
        "saves_gpu_hours": _range(hours),
        "saves_usd": _range(usd),
        "rule": action.rule,
        "share": None if hours.expected is None else hours.expected * 3600.0 / capacity,
    }


def _range(amount: Range) -> dict[str, float | None]:
    return {"lo": amount.lo, "expected": amount.expected, "hi": amount.hi}


def _by_usd(action: dict[str, Any]) -> tuple[float, str, str]:
    return -(action["saves_usd"]["expected"] or 0.0), action["action"], action["where"]


def _blocked(queue: QueueWaste | None) -> dict[str, float] | None:
    if queue is None:
        return None
    parts = {
        "pending": queue.pending_gpu_s,
        "in_pool": queue.in_pool_gpu_s,
        "partition": queue.partition_gpu_s,
        "shortage": queue.shortage_gpu_s,
        "idle": queue.idle_gpu_s,
    }
    hours = {f"{name}_gpu_hours": seconds / 3600.0 for name, seconds in parts.items()}
    return hours | {"waiting_share": queue.waiting_share, "avoidable_share": queue.avoidable_share}


def _samples(account: Waste) -> dict[str, Any]:
    """Measured values, sample by sample, whatever time each stands for."""
    samples = account.samples
    duty = samples.duty[~np.isnan(samples.duty)]
    return {
        "rows": len(samples),
        "units": len(samples.units),
        "pools": len(samples.pools),
        "owners": len(samples.owners),
        "step_s": samples.step_s,
        "duty_mean": float(duty.mean()) if len(duty) else None,
        "duty_zero_share": float((duty == 0).mean()) if len(duty) else None,
    }


def _shown(account: Waste, codes: Ints, names: tuple[str, ...]) -> list[int]:
    """The places with the most idle GPU-seconds."""
    idle = sum(np.bincount(codes, account.seconds[bucket], len(names)) for bucket in IDLE)
    return [int(i) for i in np.argsort(-np.asarray(idle), kind="stable")[:PLACES]]


def _places(account: Waste, codes: Ints, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """GPU-hours by bucket of the places shown."""
    by_bucket = {name: np.bincount(codes, seconds, len(names)) / 3600.0 for name, seconds in account.seconds.items()}
    return [
        {
            "where": names[i],
            "gpu_hours": {name: float(hours[i]) for name, hours in by_bucket.items() if hours[i]},
        }
        for i in _shown(account, codes, names)
    ]


def _hours(account: Waste, codes: Ints, names: tuple[str, ...], timezone: str) -> list[dict[str, Any]]:
    """By place shown and hour of the day: share of the capacity that was allocated, and that worked (None: not
    measured).
    """
    samples = account.samples
    start_s = local_start_s(samples, timezone)
    row, cell, seconds = spread(start_s, start_s + samples.hold_s, 3600.0)
    part = seconds / samples.hold_s[row]
    group = codes[row] * 24 + cell % 24
    capacity, held, useful = (
        np.bincount(group, weight[row] * part, 24 * len(names))
        for weight in (
            samples.gpus * samples.hold_s,
            samples.allocated * samples.hold_s,
            account.seconds["useful"],
        )
    )
    measured = bool((~np.isnan(samples.duty)).any())
    return [
        {
            "where": names[i],
            "hour": hour,
            "allocation": float(held[at] / capacity[at]),
            "utilisation": float(useful[at] / capacity[at]) if measured else None,
        }
        for i in _shown(account, codes, names)
        for hour in range(24)
        if capacity[at := 24 * i + hour] > 0
    ]


def _said(account: Waste) -> Findings:
    totals = account.totals
    if not totals["unmeasured"]:
        return []
    share = totals["unmeasured"] / sum(totals.values())
    text = (
        f"{100 * share:.1f} % of the GPU-time was allocated, but how busy was not measured; export duty "
        "(DCGM_FI_DEV_GPU_UTIL) to see what of it was idle"
    )
    return [finding("unmeasured", "", 1, text)]
