"""Means over replications and their confidence intervals (Student's t)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import fsum, sqrt


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceInterval:
    """A mean and where the true mean lies with probability `level`; no bounds from a single replication."""

    mean: float
    lo: float | None
    hi: float | None
    level: float
    replications: int

    @property
    def margin(self) -> float | None:
        """Half the width."""
        return None if self.lo is None or self.hi is None else (self.hi - self.lo) / 2

    @property
    def share_lo(self) -> float | None:
        """Lower bound of a share, which is not below 0."""
        return None if self.lo is None else max(self.lo, 0.0)

    @property
    def holds_zero(self) -> bool | None:
        """True if zero is within the bounds: the difference is not significant. None = unknown."""
        return None if self.lo is None or self.hi is None else self.lo <= 0 <= self.hi

    def scaled(self, factor: float) -> "ConfidenceInterval":
        """The interval in another unit."""
        bounds = sorted(bound * factor for bound in (self.lo, self.hi) if bound is not None)
        lo, hi = bounds or (None, None)
        return ConfidenceInterval(
            mean=self.mean * factor, lo=lo, hi=hi, level=self.level, replications=self.replications
        )

    def document(self) -> dict[str, float | None]:
        """`mean`, `lo`, `hi`, `level`, `margin`, as in result documents."""
        return {"mean": self.mean, "lo": self.lo, "hi": self.hi, "level": self.level, "margin": self.margin}


def interval(values: Sequence[float], level: float, *, exact: bool = False) -> ConfidenceInterval:
    """Mean -+ t(n-1, (1 + level) / 2) * s / sqrt(n); equal values give their value exactly, and so does a single
    one that is `exact`, since nothing in it is random.

    >>> round(interval([1.0, 2.0, 3.0], 0.95).margin, 4)  # 4.3027 * 1 / sqrt(3)
    2.4841
    """
    n = len(values)
    if min(values) == max(values):
        bound = None if n == 1 and not exact else values[0]
        return ConfidenceInterval(mean=values[0], lo=bound, hi=bound, level=level, replications=n)
    mean = fsum(values) / n
    spread = sqrt(fsum((value - mean) ** 2 for value in values) / (n - 1))
    margin = student_t(n - 1, level) * spread / sqrt(n)
    return ConfidenceInterval(mean=mean, lo=mean - margin, hi=mean + margin, level=level, replications=n)


def paired(
    values: Sequence[float], against: Sequence[float], level: float, *, exact: bool = False
) -> ConfidenceInterval:
    """Interval of the differences replication by replication: common variation cancels out."""
    return interval([value - other for value, other in zip(values, against, strict=True)], level, exact=exact)


def apart(values: Sequence[float], others: Sequence[float], level: float) -> ConfidenceInterval:
    """Interval of the difference of two means from samples of their own, of two values or more each (Welch 1947).

    With v = s^2 / n of each: mean - other -+ t(f) sqrt(v1 + v2), f = (v1 + v2)^2 / (v1^2 / (n1 - 1) + v2^2 / (n2 - 1)).
    """
    means = [fsum(sample) / len(sample) for sample in (values, others)]
    parts = [
        fsum((value - mean) ** 2 for value in sample) / (len(sample) - 1) / len(sample)
        for sample, mean in zip((values, others), means, strict=True)
    ]
    total, mean = fsum(parts), means[0] - means[1]
    count = min(len(values), len(others))
    if not total:
        return ConfidenceInterval(mean=mean, lo=mean, hi=mean, level=level, replications=count)
    freedom = total**2 / fsum(part**2 / (len(s) - 1) for part, s in zip(parts, (values, others), strict=True))
    margin = student_t(freedom, level) * sqrt(total)
    return ConfidenceInterval(mean=mean, lo=mean - margin, hi=mean + margin, level=level, replications=count)


def least_share(share: float, count: int, level: float) -> float:
    """One-sided confidence bound of a share that was seen in so many independent cases (Clopper and Pearson 1934).

    >>> round(least_share(1.0, 34, 0.95), 3)  # 0.05 ** (1 / 34)
    0.916
    """
    from scipy.special import betaincinv

    good = round(share * count)
    return float(betaincinv(good, count - good + 1, 1 - level)) if good else 0.0


@lru_cache(4096)
def student_t(freedom: float, level: float) -> float:
    """Half the width of an interval, in standard errors."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + level) / 2))
