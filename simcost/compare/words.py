"""Parts of sentences: differences of money and targets missed."""

from collections.abc import Sequence

from simcost.compare.comparison import Difference
from simcost.compare.confidence import Interval
from simcost.slo import Check
from simcost.units import format_seconds, format_usd

GPU_TIME = {
    "requests": "requests",
    "useful": "jobs",
    "checkpoint": "checkpoints",
    "lost": "work redone",
    "restart": "restarts",
    "idle_blocked": "idle (a job waits)",
    "idle_free": "idle (none waits)",
    "down": "not there",
}
"""Buckets of the GPU time of a cluster of jobs, in the order in which they are shown."""
JOBS = {"wait": "wait", "jct": "completion time", "mean": "mean", "max": "longest"}
"""Words for times of jobs and for levels that are no percentile."""


def monthly(cost: Interval) -> str:
    """`$1,234 a month (95 % interval $1,200 to $1,268)`."""
    return f"{format_usd(cost.mean)} a month ({bounds(cost)})"


def bounds(cost: Interval) -> str:
    """The bounds of an amount of money, or why there are none."""
    if cost.lo is None or cost.hi is None:
        return "one replication, so no interval"
    if cost.replications == 1:
        return "deterministic replay"
    if cost.lo == cost.hi:
        return f"the same in all {cost.replications} replications"
    return f"{100 * cost.level:g} % interval {format_usd(cost.lo)} to {format_usd(cost.hi)}"


def against(change: Difference) -> str:
    """`$120 a month (26 %) less than b (95 % interval $100 to $140)`, or that noise would explain it."""
    cost = change.per_month_usd
    if _negligible(change):
        return f"at the same cost as {change.against}"
    if cost.holds_zero:
        return f"no difference to {change.against} that the noise would not explain ({bounds(cost)})"
    less = cost.mean < 0
    share = f" ({percent(abs(change.share))})" if change.share is not None else ""
    size = bounds(cost.scaled(-1.0 if less else 1.0))
    usd = format_usd(abs(cost.mean))
    return f"{usd} a month{share} {'less' if less else 'more'} than {change.against} ({size})"


def _negligible(change: Difference) -> bool:
    """Whether the costs differ by less than a cent a month or 0.01 % throughout; unknown bounds are as the mean."""
    cost = change.per_month_usd
    largest = max(abs(bound) for bound in (cost.mean, cost.lo, cost.hi) if bound is not None)
    against_usd = cost.mean / change.share if change.share else 0.0
    return largest < max(0.01, 1e-4 * against_usd)


def percent(share: float) -> str:
    """`0.52 %`, `26 %`, `1,250 %`."""
    return f"{100 * share:,.0f} %" if share >= 10 else f"{100 * share:.3g} %"


def missed(checks: Sequence[Check]) -> str:
    """`attainment 98.96 % (target 99 %) and TTFT p95 4.2 s (target 2 s)`."""
    return " and ".join(map(_miss, checks))


def name_of(check: Check) -> str:
    """`ttft_s p95` as `TTFT p95`, `wait_s p95` as `P95 wait`; shares keep their name."""
    metric, _, level = check.name.partition("_s ")
    if metric in JOBS:
        return f"{JOBS.get(level, level.upper())} {JOBS[metric]}"
    return f"{metric.upper()} {level}" if level else metric


def _miss(check: Check) -> str:
    """With as many digits as it takes to see the miss."""
    if check.measured is None:
        return f"{name_of(check)} ({_unmeasured(check)})"
    if check.name == "futures":
        allowed = percent(1 - check.target)
        return f"the SLO in {percent(1 - check.measured)} of the futures ({allowed} allowed)"
    if check.name.partition("_s ")[0] in JOBS:
        return (
            f"{name_of(check)} {_long(check.measured, check.target)} (target {format_seconds(check.target)})"
        )
    scale, unit = (1, "s") if "_s " in check.name else (100, "%")
    target = f"{scale * check.target:.6g}"
    shown = (f"{scale * check.measured:.{digits}g}" for digits in (3, 4, 6, 12))
    value = next((text for text in shown if text != target), target)
    return f"{name_of(check)} {value} {unit} (target {target} {unit})"


def _unmeasured(check: Check) -> str:
    if check.name.partition("_s ")[0] in JOBS:
        return "too many jobs are wider than the cluster"
    return "no job has one" if check.name == "deadlines" else "no request to measure"


def _long(value_s: float, target_s: float) -> str:
    """A time of hours for people; in seconds where its rounding hides the miss."""
    shown = format_seconds(value_s)
    return shown if shown != format_seconds(target_s) else f"{value_s:,.0f} s"
