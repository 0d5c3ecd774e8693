"""`simcost train share`: jobs on the GPUs that a serving fleet leaves, against two separate fleets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simcost.documents import FindingDocument, optional_key
from simcost.errors import InputError, did_you_mean
from simcost.ledger.jobs import JobLedger
from simcost.plan.failures import Checkpoints
from simcost.plan.scheduling import FifoSkip
from simcost.scenario.storage.folders import check_result
from simcost.scenario.storage.results import refuse_services
from simcost.sim.jobs.changing_capacity import GpuCapacity
from simcost.sim.jobs.simulate import schedule
from simcost.studies.scheduling.sizing import SizedPolicy, SizingTarget, size
from simcost.trace.jobs.jobs import Jobs
from simcost.units import HOURS_PER_MONTH, SECONDS_PER_HOUR, format_seconds, format_share, format_usd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ServingUse:
    """GPUs that a plan of a finished run holds over time."""

    plan: str
    since_s: np.ndarray[Any, np.dtype[np.float64]]
    gpus: np.ndarray[Any, np.dtype[np.int64]]
    horizon_s: float
    replications: int = 1
    """Of the run; this is the first of them."""

    @property
    def peak(self) -> int:
        """The most it holds at a time: what a fleet of its own would need."""
        return int(self.gpus.max())

    @property
    def least(self) -> int:
        """The least it holds at a time."""
        return int(self.gpus.min())

    @property
    def mean(self) -> float:
        """Averaged over time."""
        return float(np.dot(self.gpus, np.diff(np.append(self.since_s, self.horizon_s))) / self.horizon_s)

    def left_of(self, gpus: int, until_s: float) -> GpuCapacity:
        """Free capacity of so many GPUs, its run repeated up to a time."""
        repeats = int(np.ceil(until_s / self.horizon_s))
        since = (np.arange(repeats)[:, None] * self.horizon_s + self.since_s).ravel()
        left = np.tile(gpus - self.gpus, repeats)
        changed = np.append(True, np.diff(left) != 0)
        return GpuCapacity(since_s=since[changed], gpus=left[changed])


def serving_use(folder: Path, plan: str | None) -> ServingUse:
    """GPUs that replicas of a plan in a results folder of `simcost run` hold, in the first replication, from each
    change on: while they start, serve or drain.

    Raises:
        InputError: no finished result, or no such plan.
    """
    try:
        check_result(folder)
        document = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        plans = {one["name"]: one for one in document["plans"]}
        horizon_s = float(document["provenance"]["horizon_s"])
        name = plan or document["best"] or document["baseline"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise _unfinished(folder, error) from error
    if name not in plans:
        raise InputError(f"{folder}: no plan {name!r}{did_you_mean(name, list(plans))}; there are {', '.join(plans)}")
    chosen = plans[name]
    refuse_services(folder, chosen)
    if not chosen["replica_hours"]:
        raise InputError(f"{folder}: {name} serves no requests; name a plan of a run that does")
    try:
        rows = pq.ParquetFile(folder / "tables" / "held.parquet").read().filter(pc.field("plan") == name)
    except (OSError, pa.ArrowException) as error:
        raise _unfinished(folder, error) from error
    since, gpus = rows["t_s"].to_numpy(), np.ceil(rows["gpus"].to_numpy()).astype(np.int64)
    kept = since < horizon_s
    return ServingUse(
        plan=name,
        since_s=since[kept],
        gpus=gpus[kept],
        horizon_s=horizon_s,
        replications=int(document["replications"]),
    )


def _unfinished(folder: Path, error: Exception) -> InputError:
    return InputError(f"{folder}: no finished result ({error}); write one with `simcost run FILE.yaml --out {folder}`")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingHeld:
    """GPUs that serving holds."""

    peak_gpus: int
    mean_gpus: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCounts:
    """Outcomes of the jobs."""

    submitted: int
    completed: int
    failed: int
    in_system: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitSummary:
    """Time of the jobs in the queue, that after preemptions by serving included."""

    mean: float | None = optional_key()
    p95: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparateFleets:
    """The two fleets in which jobs would wait no longer."""

    serving_gpus: int
    training_gpus: int
    gpus: int
    wait_s: WaitSummary
    usd_per_month: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFleet:
    """One fleet for serving and training, against two."""

    plan: str
    gpus: int
    requested_gpus: int
    node_gpus: int
    serving: ServingHeld
    jobs: JobCounts
    wait_s: WaitSummary
    offered_gpus: float
    """GPUs that the jobs keep busy on average."""
    gpu_hours: Mapping[str, float]
    """Of the whole fleet; `down` = held by serving."""
    preemptions: int
    usd_per_month: float | None
    separate: SeparateFleets
    saved_gpus: int
    saved_usd_per_month: float | None
    checkpoints: Mapping[str, Any]
    verdict: str = ""
    findings: Sequence[FindingDocument] = ()
    provenance: Mapping[str, Any] | None = optional_key()


def share(
    jobs: Jobs,
    use: ServingUse,
    *,
    gpus: int,
    checkpoints: Checkpoints,
    usd_per_gpu_h: float | None,
    step: int = 8,
) -> SharedFleet:
    """One fleet for both, and the two fleets in which jobs would wait no longer; all of them in whole nodes.

    The serving plan has the right of way: when it starts a replica, jobs give up the GPUs at once, within its cold
    start, so that its requests are not affected.

    Args:
        jobs: the training jobs.
        use: what serving holds.
        gpus: of the shared fleet; rounded up to whole nodes, as the other fleets are.
        checkpoints: how jobs save their work.
        usd_per_gpu_h: price of a GPU-hour; None = no money is shown.
        step: GPUs of a node.

    Raises:
        InputError: a fleet smaller than what serving holds, or one that never has room for the widest job.
    """
    shared = _whole(gpus, step)
    if gpus < use.peak:
        raise InputError(f"{gpus} GPUs are fewer than the {use.peak} that {use.plan} holds at its peak; give more")
    horizon_s = float(jobs.submit_s[-1]) + use.horizon_s

    def replay(capacity: GpuCapacity) -> JobLedger:
        return schedule(jobs, capacity, FifoSkip(), checkpoints=checkpoints, horizon_s=horizon_s)

    left = _left(use, jobs, shared, horizon_s)
    together, offered = replay(left), jobs.gpu_seconds / horizon_s
    sized = size(
        lambda count, _: replay(GpuCapacity.constant(count)),
        ["fifo-skip"],
        SizingTarget(wait_s=_percentile(together), percentile=0.95, step=step, usd_per_gpu_h=usd_per_gpu_h),
        offered=offered,
        widest=int(jobs.gpus.max()),
    )
    separate = _separate(_whole(use.peak, step), sized.policies[0], usd_per_gpu_h)
    result = SharedFleet(
        plan=use.plan,
        gpus=shared,
        requested_gpus=gpus,
        node_gpus=step,
        serving=ServingHeld(peak_gpus=use.peak, mean_gpus=use.mean),
        jobs=_jobs(together),
        wait_s=WaitSummary(mean=_mean(together), p95=_percentile(together)),
        offered_gpus=offered,
        gpu_hours=_gpu_hours(together, (shared - left.most) * horizon_s),
        preemptions=int(together.outcomes.preemptions.sum()),
        usd_per_month=_monthly(shared, usd_per_gpu_h),
        separate=separate,
        saved_gpus=separate.gpus - shared,
        saved_usd_per_month=_monthly(separate.gpus - shared, usd_per_gpu_h),
        checkpoints={f"{name}_s": value for name, value in asdict(checkpoints).items()},
        findings=_first_of(use),
    )
    return replace(result, verdict=share_verdict(result))


def _first_of(use: ServingUse) -> tuple[FindingDocument, ...]:
    """The replication that serving is of, where there are others."""
    if use.replications == 1:
        return ()
    said = f"what {use.plan} holds is that of the first of {use.replications:,} replications; that of the others varies"
    return ({"kind": "first_replication", "count": use.replications, "message": said},)


def _gpu_hours(together: JobLedger, always_s: float) -> dict[str, float]:
    """GPU-hours of the whole fleet by use. The ledger of the jobs knows the most that is ever left to them: what
    serving holds without a break, `always_s` GPU-seconds, comes on top.
    """
    spent_s = together.gpu_seconds | {"down": together.gpu_seconds["down"] + always_s}
    return {name: seconds / SECONDS_PER_HOUR for name, seconds in spent_s.items()}


def _separate(serving_gpus: int, training: SizedPolicy, usd_per_gpu_h: float | None) -> SeparateFleets:
    """A fleet for serving, and one for training."""
    gpus = serving_gpus + training.gpus
    return SeparateFleets(
        serving_gpus=serving_gpus,
        training_gpus=training.gpus,
        gpus=gpus,
        wait_s=WaitSummary(p95=training.wait_s.target),
        usd_per_month=_monthly(gpus, usd_per_gpu_h),
    )


def _left(use: ServingUse, jobs: Jobs, shared: int, horizon_s: float) -> GpuCapacity:
    """GPUs that serving leaves for the jobs. Raises InputError where the widest job never has room."""
    left = use.left_of(shared, horizon_s)
    widest = int(jobs.gpus.max())
    if widest > left.most:
        raise InputError(
            f"the widest job needs {widest:,} GPUs, but {use.plan} never leaves more than {left.most:,} of {shared:,}; "
            f"give {use.least + widest:,} GPUs or more, or keep such jobs out of the log"
        )
    return left


def share_verdict(result: SharedFleet) -> str:
    """Saving of sharing, from the figures of the table alone."""
    apart, waits = result.separate, _waits(result)
    one, two, saved = result.gpus, apart.gpus, result.saved_gpus
    if saved <= 0:
        more = "as many GPUs" if saved == 0 else f"{-saved:,} GPUs fewer"
        return f"Sharing saves nothing here: two fleets need {more} ({two:,} against {one:,}), {waits}."
    usd = result.saved_usd_per_month
    worth = "" if usd is None else f", {format_usd(usd)} a month"
    return (
        f"One fleet of {one:,} {_gpus(one)} takes the place of two of {two:,}: {saved:,} {_gpus(saved)} fewer{worth}, "
        f"{waits}; {_because(result)}."
    )


def _waits(result: SharedFleet) -> str:
    """P95 of the wait on both sides, as the table shows it."""
    shared, apart = (format_seconds(wait.p95) for wait in (result.wait_s, result.separate.wait_s))
    if shared == apart:
        return f"with the same P95 wait of {shared}"
    return f"with a P95 wait of {shared} on the shared fleet and {apart} on two"


def _because(result: SharedFleet) -> str:
    """The GPUs that serving gave back, and what taking them again cost the jobs."""
    serving = result.serving
    if serving.mean_gpus >= serving.peak_gpus * (1 - 1e-9):
        node = result.node_gpus
        return f"serving gives no GPU back, so this is only the rounding to nodes of {node:,}"
    hours = result.gpu_hours
    lost = hours["lost"] + hours["restart"]
    busy = lost + hours["useful"] + hours["checkpoint"]
    redone = format_share(lost / busy if busy else 0.0)
    return f"{redone} of the jobs' GPU time is lost when serving takes its GPUs back"


def _gpus(count: int) -> str:
    return "GPU" if count == 1 else "GPUs"


def _whole(gpus: int, step: int) -> int:
    """Rounded up to nodes of so many GPUs."""
    return -(-gpus // step) * step


def _jobs(ledger: JobLedger) -> JobCounts:
    outcomes = ledger.outcomes
    ended, rejected = int((outcomes.end_s >= 0).sum()), int(outcomes.rejected.sum())
    return JobCounts(
        submitted=len(outcomes.submit_s),
        completed=ended,
        failed=rejected,
        in_system=len(outcomes.submit_s) - ended - rejected,
    )


def _percentile(ledger: JobLedger) -> float:
    wait = ledger.queue_s()
    return float(np.quantile(wait, 0.95)) if len(wait) else 0.0


def _mean(ledger: JobLedger) -> float:
    wait = ledger.queue_s()
    return float(wait.mean()) if len(wait) else 0.0


def _monthly(gpus: int, usd_per_gpu_h: float | None) -> float | None:
    return None if usd_per_gpu_h is None else gpus * usd_per_gpu_h * HOURS_PER_MONTH
