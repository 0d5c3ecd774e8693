"""Risk to miss an SLO: the probability that one more run misses a target, from the runs that were made."""

from collections.abc import Sequence
from math import inf, sqrt
from statistics import fmean, stdev

from simcost.compare.confidence import least_share
from simcost.compare.racing import RunScore
from simcost.slo import Check, is_to_reach

_FUTURES = "futures"

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


def least_of_futures(scores: Sequence[RunScore], level: float) -> float | None:
    """Share of all futures that meet the SLO at least, at a one-sided confidence, by those that were simulated.

    None where the SLO is not of futures. Three of three show no more than 37 %, 29 of 29 show 90 %.
    """
    checks = [check for score in scores for check in score.checks]
    if not checks or checks[0].name != _FUTURES:
        return None
    return least_share(fmean(check.met for check in checks), len(checks), level)


def _misses(checks: Sequence[Check]) -> float:
    missed = fmean(0.0 if check.met else 1.0 for check in checks)
    values = [inf if check.measured is None else check.measured for check in checks]
    if checks[0].name == _FUTURES:
        return (sum(not check.met for check in checks) + 1) / (len(checks) + 2)
    if inf in values or len(values) == 1 or min(values) == max(values):
        return missed
    from scipy.special import stdtr

    n, room = len(values), fmean(values) - checks[0].target
    side = 1.0 if is_to_reach(checks[0].name) else -1.0
    return max(float(stdtr(n - 1, -side * room / (stdev(values) * sqrt(1 + 1 / n)))), missed)
