"""Study of `simcost waste`: GPU-hours and cost of waste, from samples, a job log or a simulated ledger."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import fsum
from pathlib import Path

import numpy as np

from simcost.catalog.facts import Offer
from simcost.documents import FindingDocument, values
from simcost.errors import InputError, TraceError
from simcost.studies.waste.actions import Action, consolidate, give_back, merge_pools, shut_at_night
from simcost.studies.waste.buckets import BUCKETS, IDLE, QueueWaste, Waste, local_start_s, pieces, split, spread
from simcost.studies.waste.gpu_sharing import share_gpus
from simcost.studies.waste.price import GpuPrice, price_of
from simcost.studies.waste.ranking import Places, Row, memory_rows, outcome_rows, places, ranked, rows_of, showback
from simcost.studies.waste.result import (
    BlockedHours,
    BucketUse,
    HourUse,
    Measure,
    PlaceUse,
    SampledWaste,
    SampleSummary,
    WastePrice,
    WasteResult,
)
from simcost.studies.waste.verdict import verdict
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
from simcost.tables.row_filter import Conditions
from simcost.trace.jobs.jobs import Jobs
from simcost.trace.jobs.kubernetes import is_listing
from simcost.trace.jobs.reader import holds_jobs, read_jobs
from simcost.trace.jobs.store import is_jobs
from simcost.trace.series.resample import finding
from simcost.trace.utilization.from_jobs import about_jobs, jobs_within, left_at_import, samples_of_jobs
from simcost.trace.utilization.reader import SEVERAL_MODELS, UtilizationFile
from simcost.trace.utilization.samples import MonitoredUnits
from simcost.trace.utilization.slurm import duty_of_jobs, is_sacct


def read(
    path: Path,
    mapping: Mapping[str, str],
    gpus: Mapping[str, int] | int | None,
    timezone: str,
    where: Conditions = (),
) -> tuple[MonitoredUnits, Sequence[FindingDocument], Jobs | None]:
    """The samples, the findings, and the jobs where the file is their log.

    A stored trace of jobs, an export of sacct and a listing of kubectl are job logs, and so is a file for which the
    number of GPUs is given.

    Raises: as the readers; InputError for conditions on the rows of a job log.
    """
    listed = ".json" in path.suffixes and path.is_file() and is_listing(path)
    slurm, stored = not listed and is_sacct(path), is_jobs(path)
    if not (listed or slurm or stored or gpus is not None):
        try:
            file = UtilizationFile(path, mapping=mapping, where=where)
        except TraceError as error:
            if not holds_jobs(path, mapping):
                raise
            raise InputError(f"{path}: is a job log; how many GPUs the cluster has is missing: pass --gpus") from error
        return file, file.findings, None
    if where:
        raise InputError(f"--where is for samples of GPUs or pools; {path} is a job log")
    jobs, said = read_jobs(path, mapping=mapping, timezone=timezone, running=True)
    duty = duty_of_jobs(path) if slurm else {}
    samples, findings = samples_of_jobs(jobs, gpus=gpus, duty=duty)
    return samples, [*about_jobs(said), *(left_at_import(jobs) if stored else ()), *findings], jobs


_NONE: Mapping[str, str] = {}
MEASURED_BY_SLURM = (
    "of job logs only an export of sacct may say it: with steps (without -X) and the fields TRESUsageInTot, AllocTRES "
    "and ElapsedRaw, where Slurm records gres/gpuutil"
)
PLACES = 40
"""Places in charts, those with the most idle GPU-hours first."""


def as_written(
    samples: MonitoredUnits, findings: Sequence[FindingDocument], timezone: str
) -> tuple[str, Sequence[FindingDocument]]:
    """Zone by which samples have their hours of the day, and the findings.

    Where no time says its zone, they are of the zone asked for, and their hours are those written: UTC, as which the
    reader took them.
    """
    naive = next((one for one in findings if one["kind"] == "no_zone"), None)
    if naive is None or timezone == "UTC" or naive["count"] < len(samples):
        return timezone, findings
    text = naive["message"].replace("read as UTC", f"read as times of {timezone}")
    return "UTC", [one if one is not naive else {**naive, "message": text} for one in findings]


def waste(
    path: Path,
    *,
    price_usd_per_h: float | None = None,
    offer: Offer | None = None,
    mapping: Mapping[str, str] = _NONE,
    where: Conditions = (),
    timezone: str = "UTC",
    jobs: Jobs | None = None,
    jobs_said: Sequence[FindingDocument] = (),
    gpus: Mapping[str, int] | int | None = None,
    spot: SpotCase | None = None,
) -> SampledWaste:
    """GPU-hours of a monitored cluster by use, their cost, and remedies.

    Args:
        path: monitored utilisation, see `simcost.trace.utilization.reader`.
        price_usd_per_h: of one GPU; or
        offer: of the catalog, whose on-demand price is shared over its accelerators.
        mapping: our columns -> the file's, where it calls them otherwise.
        where: conditions on the rows of samples that are taken.
        timezone: of the hours of the day, and of times that say none.
        jobs: the job trace of the same time, for failed and cancelled work and for spot; a job log is its own.
        jobs_said: findings on `jobs`.
        gpus: of the cluster, or by pool, where the file is a job log; None = the most that jobs held at once.
        spot: replays jobs on spot.

    Raises:
        InputError: no price or two; an unknown time zone; a file that cannot be read (its faults, all at once).
    """
    price = price_of(price_usd_per_h, offer)
    find_zone(timezone)
    samples, findings, own = read(path, mapping, gpus, timezone, where)
    written, findings = (timezone, findings) if own is not None else as_written(samples, findings, timezone)
    account = split(samples)
    if not fsum(account.totals.values()) > 0:
        raise InputError(f"{path}: no GPU is there at any time; give samples with GPUs in them")
    memory, of_place = measure(account), places(account)
    start_utc_s = _start_utc_s(samples, written, timezone)
    jobs, beside = (own, []) if jobs is None else jobs_within(jobs, start_utc_s, samples.span_s)
    found = None if jobs is None else outcomes(jobs)
    actions = _measures(account, memory, found, written, offer)
    actions += [] if jobs is None else move_to_spot(jobs, price, spot)
    common = summary(
        account.totals,
        rows_of(of_place) + memory_rows(memory, of_place) + outcome_rows(found),
        actions,
        price,
        file=str(path),
        span_s=samples.span_s,
        findings=[*findings, *about_jobs(jobs_said), *beside, *_said(account, of_jobs=own is not None)],
        fragmentation=None if account.queue is None else account.queue.in_pool_share,
        queues=account.queue is not None,
        blocked=_blocked(account.queue),
        outcomes=None if found is None else {name: value / 3600.0 for name, value in found.gpu_s.items()},
        also=_of_models(findings),
    )
    return SampledWaste(
        **values(common),
        by=of_place.kind,
        places=_places(of_place),
        showback=showback(of_place, price),
        hours=_hours(account, of_place, written),
        clock=timezone if samples.start_utc_s is not None else None,
        samples=_samples(samples),
    )


def _start_utc_s(samples: MonitoredUnits, written: str, timezone: str) -> float | None:
    """The first sample in seconds since 1970; of times written without a zone, which were taken as UTC, by the zone
    asked for. None = the clock is unknown.
    """
    if samples.start_utc_s is None or written == timezone:
        return samples.start_utc_s
    return datetime.fromtimestamp(samples.start_utc_s, UTC).replace(tzinfo=find_zone(timezone)).timestamp()


def _of_models(findings: Sequence[FindingDocument]) -> str:
    """Sentence on GPUs of several models, with a space before it; else empty."""
    models = next((one["count"] for one in findings if one["kind"] == SEVERAL_MODELS), 0)
    return f" Its GPUs are of {models} models, all at one price." if models else ""


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
        *give_back(account),
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
    totals: Mapping[str, float],
    rows: list[Row],
    actions: list[Action],
    price: GpuPrice,
    *,
    file: str,
    span_s: float,
    plan: str | None = None,
    findings: Sequence[FindingDocument] = (),
    fragmentation: float | None = None,
    queues: bool = True,
    blocked: BlockedHours | None = None,
    outcomes: Mapping[str, float] | None = None,
    also: str = "",
) -> WasteResult:
    """The result that samples and ledgers have in common, from GPU-seconds by bucket; `also` ends its verdict."""
    capacity = fsum(totals.values())
    held = fsum(totals[name] for name in totals if name not in (*IDLE[1:], "down"))
    measured = capacity - totals.get("unmeasured", 0.0)
    cost_usd = capacity / 3600.0 * price.usd_per_h
    buckets = {name: _bucket(totals[name], capacity, price.of(name)) for name in BUCKETS if name in totals}
    measures = tuple(sorted((_measure(action, capacity, price) for action in actions), key=_by_usd))
    return WasteResult(
        file=file,
        plan=plan,
        span_s=span_s,
        price=WastePrice(usd_per_gpu_hour=price.usd_per_h, source=price.source),
        capacity_gpu_hours=capacity / 3600.0,
        cost_usd=cost_usd,
        allocation=held / capacity,
        utilisation=totals["useful"] / measured if totals["useful"] or totals.get("allocated_idle") else None,
        buckets=buckets,
        ranked=ranked(rows, capacity, price),
        actions=measures,
        findings=findings,
        verdict=verdict(buckets, capacity / 3600.0, cost_usd, measures, queues=queues, span_s=span_s) + also,
        fragmentation=fragmentation,
        blocked=blocked,
        outcomes=outcomes,
    )


def _bucket(seconds: float, capacity: float, usd_per_h: float) -> BucketUse:
    hours = seconds / 3600.0
    return BucketUse(gpu_hours=hours, usd=hours * usd_per_h, share=seconds / capacity)


def _measure(action: Action, capacity: float, price: GpuPrice) -> Measure:
    hours = action.saves_gpu_s.times(1 / 3600.0)
    return Measure(
        action=action.action,
        where=action.where,
        buckets=action.buckets,
        effect=action.effect,
        saves_gpu_hours=hours,
        saves_usd=action.saves_usd or hours.times(price.usd_per_h),
        rule=action.rule,
        share=None if hours.expected is None else hours.expected * 3600.0 / capacity,
    )


def _by_usd(measure: Measure) -> tuple[float, str, str]:
    return -(measure.saves_usd.expected or 0.0), measure.action, measure.where


def _blocked(queue: QueueWaste | None) -> BlockedHours | None:
    if queue is None:
        return None
    return BlockedHours(
        pending_gpu_hours=queue.pending_gpu_s / 3600.0,
        in_pool_gpu_hours=queue.in_pool_gpu_s / 3600.0,
        partition_gpu_hours=queue.partition_gpu_s / 3600.0,
        shortage_gpu_hours=queue.shortage_gpu_s / 3600.0,
        idle_gpu_hours=queue.idle_gpu_s / 3600.0,
        waiting_share=queue.waiting_share,
        avoidable_share=queue.avoidable_share,
    )


def _samples(samples: MonitoredUnits) -> SampleSummary:
    duty_sums, count, zeros = np.zeros(len(samples.units)), 0, 0
    for part in samples.parts():
        measured = ~np.isnan(part.duty)
        np.add.at(duty_sums, part.unit[measured], part.duty[measured])
        count, zeros = count + int(measured.sum()), zeros + int((part.duty == 0).sum())
    return SampleSummary(
        rows=len(samples),
        units=len(samples.units),
        pools=len(samples.pools),
        owners=len(samples.owners),
        step_s=samples.step_s,
        duty_mean=fsum(duty_sums.tolist()) / count if count else None,
        duty_zero_share=zeros / count if count else None,
    )


def _shown(places: Places) -> list[int]:
    """The places with the most idle GPU-seconds."""
    idle = np.sum([places.seconds[bucket] for bucket in IDLE], axis=0)
    return [int(i) for i in np.argsort(-idle, kind="stable")[:PLACES]]


def _places(places: Places) -> tuple[PlaceUse, ...]:
    """GPU-hours by bucket of the places shown."""
    by_bucket = {name: seconds / 3600.0 for name, seconds in places.seconds.items()}
    return tuple(
        PlaceUse(
            where=places.names[i],
            gpu_hours={name: float(hours[i]) for name, hours in by_bucket.items() if hours[i]},
        )
        for i in _shown(places)
    )


def _hours(account: Waste, places: Places, timezone: str) -> tuple[HourUse, ...]:
    """By place shown and hour of the day: share of the capacity that was allocated, and that worked (None: not
    measured).
    """
    capacity, held, useful = sums = np.zeros((3, 24 * len(places.names)))
    measured = False
    for part in account.parts():
        samples, codes = part.samples, places.codes(part.samples)
        measured |= bool((~np.isnan(samples.duty)).any())
        for piece in pieces(len(samples)):
            start_s, hold_s = local_start_s(samples, timezone, piece), samples.hold_s[piece]
            row, cell, seconds = spread(start_s, start_s + hold_s, 3600.0)
            group = codes[piece][row] * 24 + cell % 24
            rates = (samples.gpus[piece], samples.allocated[piece], part.seconds["useful"][piece] / hold_s)
            for total, rate in zip(sums, rates, strict=True):
                np.add.at(total, group, rate[row] * seconds)
    return tuple(
        HourUse(
            where=places.names[i],
            hour=hour,
            allocation=float(held[at] / capacity[at]),
            utilisation=float(useful[at] / capacity[at]) if measured else None,
        )
        for i in _shown(places)
        for hour in range(24)
        if capacity[at := 24 * i + hour] > 0
    )


def _said(account: Waste, *, of_jobs: bool) -> list[FindingDocument]:
    totals, found = account.totals, list[FindingDocument]()
    if totals["unmeasured"]:
        share = totals["unmeasured"] / fsum(totals.values())
        remedy = MEASURED_BY_SLURM if of_jobs else "export duty (DCGM_FI_DEV_GPU_UTIL) to see what of it was idle"
        text = f"{100 * share:.1f} % of the GPU-time was allocated, but how busy was not measured; {remedy}"
        found.append(finding("unmeasured", "", 1, text))
    if totals["free_idle"] and account.queue is None:
        text = (
            "the file does not say how many GPUs are waited for, so jobs may have waited for those that were free; "
            "pass --map pending_gpus=COLUMN"
        )
        found.append(finding("pending_unknown", "", 1, text))
    return found
