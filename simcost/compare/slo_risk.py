"""Risk to miss an SLO: the probability that one more run misses a target, from the runs that were made."""

from collections.abc import Sequence
from math import inf, sqrt
from statistics import fmean, stdev

from simcost.compare.racing import RunScore
from simcost.slo import Check, is_to_reach

CLASSES = ((0.01, "very low"), (0.05, "low"), (0.20, "medium"))
"""Upper ends of the classes of risk; above the last it is high."""


def miss_probability(scores: Sequence[RunScore]) -> float:
    """Probability that one more run misses a target, of the target most at risk: by Student's t for a further value,
    t = (mean - target) / (s sqrt(1 + 1/n)), and no less than the share of the runs that missed it.
    """
    return max((_misses(same) for same in zip(*(score.checks for score in scores), strict=True)), default=0.0)


def risk_class(probability: float) -> str:
    """`very low` below 1 %, `low` below 5 %, `medium` below 20 %, else `high`.

    >>> risk_class(0.0), risk_class(0.05), risk_class(0.5)
    ('very low', 'medium', 'high')
    """
    return next((name for end, name in CLASSES if probability < end), "high")


def _misses(checks: Sequence[Check]) -> float:
    missed = fmean(0.0 if check.met else 1.0 for check in checks)
    values = [inf if check.measured is None else check.measured for check in checks]
    if checks[0].name == "futures" or inf in values or len(values) == 1 or min(values) == max(values):
        return missed
    from scipy.special import stdtr

    n, room = len(values), fmean(values) - checks[0].target
    side = 1.0 if is_to_reach(checks[0].name) else -1.0
    return max(float(stdtr(n - 1, -side * room / (stdev(values) * sqrt(1 + 1 / n)))), missed)
