"""One plan over its replications: means, intervals, and whether it meets the SLO."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import fsum, inf

from simcost.compare.confidence import Interval, interval
from simcost.compare.result import RunResult, Served, Trained
from simcost.slo import SHARES_TO_REACH, Check


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSummary:
    """Means over replications; money and hours are of the whole run."""

    name: str
    results: tuple[RunResult, ...]
    """In the order of their replications."""
    total_usd: Interval
    per_month_usd: Interval
    attainment: Interval | None
    """None where a replication had no request to judge."""
    wait_p95_s: Interval | None
    """Of jobs; None without any."""
    checks: tuple[Check, ...]
    """Every target of the SLO against the mean over replications; of futures, the share that meets them all."""
    met: bool
    """Every check is met, and some request and some job completed."""
    met_share: float
    """Share of the replications that met the SLO by themselves."""
    by_category_usd: dict[str, float]
    by_state_usd: dict[str, float]
    accelerator_hours: float
    months: float
    """Length of a run in months of 730 h."""

    @property
    def served(self) -> tuple[Served, ...]:
        """What became of the requests, by replication; empty where there are none."""
        return tuple(run.served for run in self.results if run.served is not None)

    @property
    def trained(self) -> tuple[Trained, ...]:
        """What became of the jobs, by replication; empty where there are none."""
        return tuple(run.trained for run in self.results if run.trained is not None)

    @property
    def broken(self) -> tuple[Check, ...]:
        """The targets that were missed."""
        return tuple(check for check in self.checks if not check.met)

    @property
    def excess(self) -> float:
        """How many times over its target the worst broken check is; for attainment: misses / misses allowed."""
        return max(map(_times_over, self.broken), default=1.0)

    def mean(self, value: Callable[[RunResult], float | None]) -> float | None:
        """Mean over replications; None where one of them has no value."""
        return mean_of(map(value, self.results))


def summarise(
    name: str, results: Sequence[RunResult], level: float, risk: float | None = None, *, exact: bool = False
) -> PlanSummary:
    """The replications of a plan, at least one, as one summary.

    Without a `risk` the means over replications are held against the targets. With one, replications are
    futures that differ in their demand, and all but this share of them must meet the SLO by themselves. Where
    nothing is random, a result is exact.
    """
    runs = tuple(sorted(results, key=lambda run: run.replication))
    met_share = sum(run.met for run in runs) / len(runs)
    checks = _means(runs) if risk is None else (Check.of("futures", met_share, round(1 - risk, 12)),)
    return PlanSummary(
        name=name, results=runs,
        total_usd=interval([run.bill.total_usd for run in runs], level, exact=exact),
        per_month_usd=interval([run.bill.per_month_usd for run in runs], level, exact=exact),
        attainment=_interval([run.attainment for run in runs], level, exact),
        wait_p95_s=_interval([run.wait_p95_s for run in runs], level, exact),
        checks=checks,
        met=all(check.met for check in checks) and any(run.completed for run in runs),
        met_share=met_share,
        by_category_usd=mean_by_key([run.bill.by_category_usd() for run in runs]),
        by_state_usd=mean_by_key([run.bill.compute_by_state_usd for run in runs]),
        accelerator_hours=fsum(run.accelerator_hours for run in runs) / len(runs),
        months=fsum(run.bill.months for run in runs) / len(runs),
    )  # fmt: skip


def _interval(values: Sequence[float | None], level: float, exact: bool) -> Interval | None:
    """None where a value is missing."""
    known = [value for value in values if value is not None]
    return interval(known, level, exact=exact) if len(known) == len(values) else None


def _means(runs: Sequence[RunResult]) -> tuple[Check, ...]:
    """Every target against the mean over replications."""
    return tuple(
        Check.of(same[0].name, mean_of(check.measured for check in same), same[0].target)
        for same in zip(*(run.checks for run in runs), strict=True)
    )


def mean_of(values: Iterable[float | None]) -> float | None:
    """Mean; None where a value is missing."""
    known, missing = [], False
    for value in values:
        missing |= value is None
        known.append(value or 0.0)
    return None if missing else fsum(known) / len(known)


def mean_by_key(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Mean of each key; all rows have the same keys."""
    return {key: fsum(row[key] for row in rows) / len(rows) for key in rows[0]}


def _times_over(check: Check) -> float:
    if check.measured is None:
        return inf
    if check.name in SHARES_TO_REACH:
        return (1 - check.measured) / (1 - check.target) if check.target < 1 else inf
    return check.measured / check.target if check.target > 0 else inf
