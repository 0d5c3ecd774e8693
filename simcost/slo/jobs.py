"""Job ledger -> service levels of jobs: waiting, completion, deadlines."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simcost.slo.targets import Check, Slo

if TYPE_CHECKING:
    from simcost.ledger.jobs import Floats, Ints, JobLedger

LEVELS = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
Levels = Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """The service levels of the jobs of one run, seconds; None = no job has a value.

    A job that has not started by the end of the run has waited until then, and one that has not ended counts as
    if it ended then. Jobs that were kept out count in no time, but as waiting for ever against a target.
    """

    checks: tuple[Check, ...]
    jobs: dict[str, int]
    """submitted, completed, failed (kept out: wider than the cluster, or of a type of GPU that it lacks), in_system,
    preemptions, failures (times that a failure of a node or of the job stopped one, which then goes on).
    """
    wait_s: Levels
    """From submission, or the end of those a job waits for, to the first start: mean, p50, p90, p95, p99, max;
    quantiles are linear.
    """
    jct_s: Levels
    """From submission to the end."""
    deadlines_met: float | None
    """Share of the deadlines that were kept, of jobs that ended, were kept out, or whose deadline is past."""
    undecided: tuple[str, ...] = ()
    """Names of checks that are met up to the end of the run, and that jobs which have not started or ended by then may
    still miss.
    """
    after_stops: tuple[Check, ...] = ()
    """Targets on waits that are met, and that waits with the time in the queue after preemptions and failures miss."""


def assess_jobs(ledger: "JobLedger", slo: Slo, due_s: "Ints | None" = None) -> JobReport:
    """Service levels of jobs against their targets.

    Args:
        ledger: of the run.
        slo: its targets on `wait`, `jct` and `deadlines`.
        due_s: deadline of each job, below 0 = none; None = no job has one.
    """
    out = ledger.outcomes
    ended, kept_out = out.end_s >= 0, int(out.rejected.sum())
    completed, submitted = int(ended.sum()), len(out.submit_s)
    waits = ledger.waits_s()
    jct = (_ends(ledger) - out.submit_s)[~out.rejected]
    deadlines = None if due_s is None else _deadlines(ledger, due_s)
    checks = slo.job_checks(_measured(waits, jct, deadlines, never=(kept_out, kept_out)))
    again = slo.job_checks(_measured(ledger.queue_s(), jct, deadlines, never=(kept_out, kept_out)))
    waiting = submitted - kept_out - len(out.wait_s)
    missed = None if due_s is None else _deadlines(ledger, due_s, open_ones_miss=True)
    last = slo.job_checks(_measured(out.wait_s, out.jct_s, missed, never=(kept_out + waiting, submitted - completed)))
    return JobReport(
        checks=checks,
        jobs={
            "submitted": submitted,
            "completed": completed,
            "failed": kept_out,
            "in_system": submitted - completed - kept_out,
            "preemptions": int(out.preemptions.sum()),
            "failures": 0 if out.failures is None else int(out.failures.sum()),
        },
        wait_s=levels(waits),
        jct_s=levels(jct),
        deadlines_met=deadlines,
        undecided=tuple(seen.name for seen, at_last in zip(checks, last, strict=True) if seen.met and not at_last.met),
        after_stops=tuple(later for first, later in zip(checks, again, strict=True) if first.met and not later.met),
    )


def _measured(
    waits: "Floats", jct: "Floats", deadlines: float | None, *, never: tuple[int, int]
) -> dict[str, float | None]:
    """Values of the checks, by name; `never`: jobs beside them that never start, and that never end."""
    return {
        **{f"wait_s {name}": value for name, value in levels(waits, never[0]).items()},
        **{f"jct_s {name}": value for name, value in levels(jct, never[1]).items()},
        "deadlines": deadlines,
    }


def _ends(ledger: "JobLedger") -> "Floats":
    """End of each job, the end of the run where it has not ended."""
    import numpy as np

    result: Floats = np.where(ledger.outcomes.end_s < 0, ledger.horizon_s, ledger.outcomes.end_s)
    return result


def levels(values: "Floats", never: int = 0) -> dict[str, float | None]:
    """Mean, quantiles and largest of the values and of some that never come; None for what those make infinite."""
    import numpy as np

    if not len(values):
        return dict.fromkeys(("mean", *LEVELS, "max"))
    every = np.append(values, np.full(never, values.max()))
    reach = {name: np.ceil(share * (len(every) - 1)) for name, share in LEVELS.items()}
    points = zip(reach.items(), np.quantile(every, list(LEVELS.values())).tolist(), strict=True)
    known = {name: value if last < len(values) else None for (name, last), value in points}
    mean, most = (None, None) if never else (float(values.mean()), float(values.max()))
    return {"mean": mean, **known, "max": most}


def _deadlines(ledger: "JobLedger", due_s: "Ints", *, open_ones_miss: bool = False) -> float | None:
    """Share that was kept; of jobs without an end, whose deadline is not past, nothing unless all of them miss it."""
    out = ledger.outcomes
    decided = (out.end_s >= 0) | out.rejected | (due_s <= ledger.horizon_s)
    has = (due_s >= 0) & (decided | open_ones_miss)
    met = (out.end_s >= 0) & (out.end_s <= due_s)
    return float(met[has].mean()) if has.any() else None
