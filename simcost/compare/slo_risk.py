"""Risk to miss an SLO: the probability that one more run misses a target, from the runs that were made."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import expm1, fsum, inf, sqrt
from statistics import fmean, stdev

from simcost.compare.confidence import least_share
from simcost.compare.results import RunResult
from simcost.compare.scores import RunScore
from simcost.slo import FUTURES, Check, is_to_reach

CLASSES = ((0.01, "very low"), (0.05, "low"), (0.20, "medium"))
"""Upper ends of the classes of risk; above the last it is high."""


def miss_probability(scores: Sequence[RunScore]) -> float:
    """Probability that one more run misses a target, of the target most at risk: by Student's t for a further value,
    t = (mean - target) / (s sqrt(1 + 1/n)), and no less than the share of the runs that missed it. A future meets the
    SLO or misses it, which has no spread: after m misses in n futures the next one misses with (m + 1) / (n + 2), by
    Laplace's rule of succession.
    """
    return max((_misses(same) for same in zip(*(score.checks for score in scores), strict=True)), default=0.0)


def risk_class(probability: float) -> str:
    """`very low` below 1 %, `low` below 5 %, `medium` below 20 %, else `high`.

    >>> risk_class(0.0), risk_class(0.05), risk_class(0.5)
    ('very low', 'medium', 'high')
    """
    return next((name for end, name in CLASSES if probability < end), "high")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnseenInterruptions:
    """Interruptions of spot nodes that may come, where no simulated run had one."""

    runs: int
    node_hours: float
    """On spot in these runs."""
    expected: float | None
    """Interruptions in these hours, by the rate that the plan states; 0 = it states none, or a rate of 0. None = it
    follows a recorded availability.
    """
    runs_with_one: float
    """Share of all runs that have one: by the rate, else its upper confidence bound."""

    def risk(self, miss: float) -> float:
        """Risk to miss the SLO, at most, by that of runs without an interruption: one may miss it every time.

        >>> UnseenInterruptions(runs=6, node_hours=1.0, expected=0.05, runs_with_one=0.25).risk(0.2)  # 1 - 0.75 * 0.8
        0.4
        """
        return miss + (1 - miss) * self.runs_with_one


def unseen_interruptions(
    results: Sequence[RunResult], per_node_h: float | None, level: float
) -> UnseenInterruptions | None:
    """Interruptions that no run of a plan on spot had; None where one had some.

    Interruptions of nodes at a rate r come without memory: of h node-hours the share 1 - exp(-r h) has one. Without a
    rate, n runs of which none had one show with confidence `level` that no more than 1 - (1 - level)^(1/n) of all do.

    Args:
        results: of the plan.
        per_node_h: interruptions of a spot node an hour; None = not stated, as of a recorded availability.
        level: one-sided confidence.
    """
    if not keeps_spot(results):
        return None
    hours = [spot_hours(run) for run in results]
    if per_node_h is None:
        share = 1 - least_share(1.0, len(results), level)
    else:
        share = fmean(-expm1(-per_node_h * run_h) for run_h in hours)
    return UnseenInterruptions(
        runs=len(results),
        node_hours=fsum(hours),
        expected=None if per_node_h is None else per_node_h * fsum(hours),
        runs_with_one=share,
    )


def keeps_spot(results: Sequence[RunResult]) -> bool:
    """True if runs have spot nodes, and requests that never lose one."""
    served = [one.served for run in results for one in (run, *run.services) if one.served is not None]
    lost = any(one.following.interruptions for one in served if one.following is not None)
    return bool(served) and not lost and any(map(spot_hours, results))


def spot_hours(run: RunResult) -> float:
    """Node-hours of a run on spot."""
    charges = (charge for charge in run.bill.charges if charge.pricing_category == "Dynamic")
    return fsum(charge.consumed_quantity for charge in charges)


def futures_met(scores: Sequence[RunScore]) -> int | None:
    """Number of the simulated futures that meet the SLO; None where it is not of futures."""
    checks = [check for score in scores for check in score.checks]
    if not checks or checks[0].name != FUTURES:
        return None
    return sum(check.measured == 1.0 for check in checks)  # with a risk of 100 % each one keeps the target


def least_of_futures(scores: Sequence[RunScore], level: float) -> float | None:
    """Share of all futures that meet the SLO at least, at a one-sided confidence, by those that were simulated.

    None where the SLO is not of futures. Three of three show no more than 37 %, 29 of 29 show 90 %.
    """
    met = futures_met(scores)
    return None if met is None else least_share(met / len(scores), len(scores), level)


def _misses(checks: Sequence[Check]) -> float:
    missed = fmean(0.0 if check.met else 1.0 for check in checks)
    values = [inf if check.measured is None else check.measured for check in checks]
    if checks[0].name == FUTURES:
        return (sum(check.measured != 1.0 for check in checks) + 1) / (len(checks) + 2)
    if inf in values or len(values) == 1 or min(values) == max(values):
        return missed
    from scipy.special import stdtr

    n, room = len(values), fmean(values) - checks[0].target
    side = 1.0 if is_to_reach(checks[0].name) else -1.0
    return max(float(stdtr(n - 1, -side * room / (stdev(values) * sqrt(1 + 1 / n)))), missed)
