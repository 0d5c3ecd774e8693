"""`simcost train share`: jobs on the GPUs that a serving fleet leaves, against two separate fleets."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simcost.compare.sizing import Question, size
from simcost.errors import InputError, did_you_mean
from simcost.job_ledger import JobLedger
from simcost.plan.checkpoints import Checkpoints
from simcost.sim.jobs.beside import Capacity, schedule_beside
from simcost.trace.jobs import Jobs
from simcost.units import HOURS_PER_MONTH, format_share, format_usd

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ServingUse:
    """GPUs that a plan of a finished run holds over time."""

    plan: str
    since_s: np.ndarray[Any, np.dtype[np.float64]]
    gpus: np.ndarray[Any, np.dtype[np.int64]]
    horizon_s: float

    @property
    def peak(self) -> int:
        """The most it holds at a time: what a fleet of its own would need."""
        return int(self.gpus.max())

    @property
    def mean(self) -> float:
        """Averaged over time."""
        return float(np.dot(self.gpus, np.diff(np.append(self.since_s, self.horizon_s))) / self.horizon_s)

    def left_of(self, gpus: int, until_s: float) -> Capacity:
        """What it leaves of so many GPUs, its run repeated up to a time."""
        repeats = int(np.ceil(until_s / self.horizon_s))
        since = (np.arange(repeats)[:, None] * self.horizon_s + self.since_s).ravel()
        left = np.tile(gpus - self.gpus, repeats)
        changed = np.append(True, np.diff(left) != 0)
        return Capacity(since_s=since[changed], gpus=left[changed])


def serving_use(folder: Path, plan: str | None) -> ServingUse:
    """What a plan of a results folder of `simcost run` holds: replicas that start, serve or drain.

    Raises:
        InputError: no finished result, or no such plan.
    """
    try:
        document = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        timeline = pq.ParquetFile(folder / "tables" / "timeline.parquet").read()
        plans = {one["name"]: one for one in document["plans"]}
        horizon_s = float(document["provenance"]["horizon_s"])
    except (OSError, ValueError, LookupError, TypeError, pa.ArrowException) as error:
        raise InputError(
            f"{folder}: no finished result ({error}); write one with `simcost run FILE.yaml --out {folder}`"
        ) from error
    name = plan or document["best"] or document["baseline"]
    if name not in plans:
        raise InputError(
            f"{folder}: no plan {name!r}{did_you_mean(name, list(plans))}; there are {', '.join(plans)}"
        )
    chosen = plans[name]
    if not chosen["replica_hours"]:
        raise InputError(f"{folder}: {name} serves no requests; name a plan of a run that does")
    held = chosen["gpu_hours"]["requests"] if "jobs" in chosen else chosen["accelerator_hours"]
    per_replica = held / sum(chosen["replica_hours"].values())
    rows = [row for row in timeline.to_pylist() if row["plan"] == name]
    since = np.array([row["t_s"] for row in rows], np.float64)
    held = np.array([row["ready"] + row["starting"] + row["draining"] for row in rows], np.int64)
    gpus = np.rint(held * per_replica).astype(np.int64)
    kept = np.append(np.diff(since) > 0, True) & (since < horizon_s)
    since, gpus = since[kept], gpus[kept]
    since[0] = 0.0
    return ServingUse(plan=name, since_s=since, gpus=gpus, horizon_s=horizon_s)


def share(
    jobs: Jobs,
    use: ServingUse,
    *,
    gpus: int,
    checkpoints: Checkpoints,
    usd_per_gpu_h: float | None,
    step: int = 8,
) -> Document:
    """One fleet for both, and what two fleets would need for the same wait.

    The serving plan has the right of way: when it starts a replica, jobs give up the GPUs at once, within its
    cold start, so that its requests feel nothing of them.

    Args:
        jobs: the training jobs.
        use: what serving holds.
        gpus: of the shared fleet.
        checkpoints: how jobs save their work.
        usd_per_gpu_h: price of a GPU-hour; None = no money is shown.
        step: GPUs of a node.

    Raises:
        InputError: a fleet smaller than what serving holds, or than the widest job.
    """
    if gpus < use.peak:
        raise InputError(
            f"{gpus} GPUs are fewer than the {use.peak} that {use.plan} holds at its peak; give more"
        )
    horizon_s = float(jobs.submit_s[-1]) + use.horizon_s
    together = schedule_beside(jobs, use.left_of(gpus, horizon_s), checkpoints, horizon_s=horizon_s)
    waited = _percentile(together)

    def alone(count: int, _policy: str) -> JobLedger:
        constant = Capacity(since_s=np.zeros(1), gpus=np.array([count], np.int64))
        return schedule_beside(jobs, constant, checkpoints, horizon_s=horizon_s)

    asked = Question(wait_s=waited, percentile=0.95, step=step, usd_per_gpu_h=usd_per_gpu_h)
    offered = jobs.gpu_seconds / horizon_s
    [own] = size(alone, ["fifo-skip"], asked, offered=offered, widest=int(jobs.gpus.max()))["policies"]
    fleets = -(-use.peak // step) * step + own["gpus"]
    return {
        "plan": use.plan,
        "gpus": gpus,
        "serving": {"peak_gpus": use.peak, "mean_gpus": use.mean},
        "jobs": _jobs(together),
        "wait_s": {"mean": _mean(together), "p95": waited},
        "offered_gpus": offered,
        "gpu_hours": {name: seconds / 3600.0 for name, seconds in together.gpu_seconds.items()},
        "preemptions": int(together.outcomes.preemptions.sum()),
        "usd_per_month": _monthly(gpus, usd_per_gpu_h),
        "separate": {
            "serving_gpus": fleets - own["gpus"],
            "training_gpus": own["gpus"],
            "gpus": fleets,
            "wait_s": {"p95": own["wait_s"]["target"]},
            "usd_per_month": _monthly(fleets, usd_per_gpu_h),
        },
        "checkpoints": {f"{name}_s": value for name, value in asdict(checkpoints).items()},
        "verdict": _verdict(use, gpus, fleets, together, usd_per_gpu_h),
    }


def _verdict(use: ServingUse, gpus: int, fleets: int, together: JobLedger, usd: float | None) -> str:
    lost = together.gpu_seconds["lost"] + together.gpu_seconds["restart"]
    busy = lost + together.gpu_seconds["useful"] + together.gpu_seconds["checkpoint"]
    price = f", {format_usd(abs(fleets - gpus) * usd * HOURS_PER_MONTH)} a month" if usd else ""
    redone = format_share(lost / busy if busy else 0.0)
    if fleets > gpus:
        return (
            f"One fleet of {gpus:,} GPUs does what two of {fleets:,} would, with the same P95 wait: "
            f"{fleets - gpus:,} GPUs fewer{price}; {redone} of the jobs' GPU time is redone after {use.plan} took "
            "its GPUs back."
        )
    return f"Two fleets of {fleets:,} GPUs would keep the same P95 wait as one of {gpus:,}: sharing saves nothing here."


def _jobs(ledger: JobLedger) -> Document:
    felt = ledger.outcomes
    ended, rejected = int((felt.end_s >= 0).sum()), int(felt.rejected.sum())
    return {
        "submitted": len(felt.submit_s),
        "completed": ended,
        "failed": rejected,
        "in_system": len(felt.submit_s) - ended - rejected,
    }


def _percentile(ledger: JobLedger) -> float:
    wait = ledger.waits_s()
    return float(np.quantile(wait, 0.95)) if len(wait) else 0.0


def _mean(ledger: JobLedger) -> float:
    wait = ledger.waits_s()
    return float(wait.mean()) if len(wait) else 0.0


def _monthly(gpus: int, usd_per_gpu_h: float | None) -> float | None:
    return None if usd_per_gpu_h is None else gpus * usd_per_gpu_h * HOURS_PER_MONTH
