"""Checkpoints under failures: how often to write them, and how long work then takes. Closed forms, seconds.

C is the time to write a checkpoint, R to restart, M the mean time between failures of the job, tau the useful work
between two checkpoints, Ts the useful work in all.
"""

from math import exp, expm1, inf, log1p, sqrt

from simcost.errors import InputError
from simcost.units import SECONDS_PER_DAY

_LARGEST_EXPONENT = 700.0
_HALVINGS = 100


def young(write_s: float, mtbf_s: float) -> float:
    """The interval that is best to first order: tau = sqrt(2 C M) (Young, CACM 1974).

    >>> round(young(write_s=120, mtbf_s=28.85 * 3600) / 60, 1)
    83.2

    Raises:
        InputError: a time that is not positive.
    """
    _check(write=(write_s, True), mtbf=(mtbf_s, True))
    return sqrt(2 * write_s * mtbf_s)


def daly_time(work_s: float, interval_s: float, write_s: float, restart_s: float, mtbf_s: float) -> float:
    """Expected time of the run: T = M e^(R/M) (e^((tau + C)/M) - 1) Ts / tau (Daly, FGCS 2006).

    Exact for exponential failures, which may also strike while a checkpoint is written or the job restarts; each
    interval ends with a checkpoint, the last one included. `inf` where no run would live to see its end.

    >>> mtbf_s = 3.09 * 3600
    >>> round(daly_time(1.0, young(120, mtbf_s), write_s=120, restart_s=300, mtbf_s=mtbf_s), 5)
    1.19448

    Raises:
        InputError: a negative time, or an interval or mean time between failures of 0.
    """
    _check(
        work=(work_s, False),
        interval=(interval_s, True),
        write=(write_s, False),
        restart=(restart_s, False),
        mtbf=(mtbf_s, True),
    )
    if mtbf_s == inf:
        return work_s * (1 + write_s / interval_s)
    if (interval_s + write_s + restart_s) / mtbf_s > _LARGEST_EXPONENT:
        return inf if work_s else 0.0
    segment_s = mtbf_s * exp(restart_s / mtbf_s) * expm1((interval_s + write_s) / mtbf_s)
    return segment_s * work_s / interval_s


def daly_optimum(write_s: float, restart_s: float, mtbf_s: float) -> float:
    """The interval with the least `daly_time`: the root of (1 - tau/M) e^((tau + C)/M) = 1, by bisection;
    `inf` where nothing fails.

    The restart time stretches the run by e^(R/M) whatever the interval, so it does not move the optimum.

    >>> round(daly_optimum(write_s=120, restart_s=300, mtbf_s=3.09 * 3600) / 60, 2)
    25.92

    Raises:
        InputError: a write or mean time between failures that is not positive, or a negative restart.
    """
    _check(write=(write_s, True), restart=(restart_s, False), mtbf=(mtbf_s, True))
    if mtbf_s == inf:
        return inf
    lo, hi, write = 0.0, 1.0, write_s / mtbf_s
    for _ in range(_HALVINGS):
        middle = (lo + hi) / 2
        if middle < 1 and log1p(-middle) + middle + write > 0:
            lo = middle
        else:
            hi = middle
    return (lo + hi) / 2 * mtbf_s


def ettr(nodes: int, rate_per_node_day: float, restart_s: float, interval_s: float, write_s: float) -> float:
    """Expected effective training time ratio: max(0, 1 - N r_f (u0 + tau/2)) / (1 + C/tau).

    Each failure costs a restart u0 and on average half an interval, each interval a write. Source: Kokolis et al.,
    HPCA 2025 (arXiv 2410.21680), as quoted in public notes. First order: `daly_time` is exact.

    >>> interval_s = young(120, job_mtbf_s(128, 6.5e-3))
    >>> round(ettr(128, 6.5e-3, restart_s=300, interval_s=interval_s, write_s=120), 4)
    0.9502

    Raises:
        InputError: a negative figure, or an interval of 0.
    """
    _check(
        nodes=(nodes, True),
        rate_per_node_day=(rate_per_node_day, False),
        restart=(restart_s, False),
        interval=(interval_s, True),
        write=(write_s, False),
    )
    rate = nodes * rate_per_node_day / SECONDS_PER_DAY
    lost = rate * (restart_s + interval_s / 2) if rate else 0.0
    return max(0.0, 1 - lost) / (1 + write_s / interval_s)


def job_mtbf_s(nodes: int, rate_per_node_day: float, size_independent_per_day: float = 0.0) -> float:
    """Mean time between failures of a job: M = 1 day / (N r_f + lambda0); `inf` where nothing fails.

    Any node that fails stops the job. lambda0 does not grow with the job: jobs of 1,024 GPUs were measured to live
    7.9 h where N r_f alone gives 28.8 h.

    >>> round(job_mtbf_s(128, 6.5e-3) / 3600, 2), round(job_mtbf_s(128, 6.5e-3, 2.206) / 3600, 1)
    (28.85, 7.9)

    Raises:
        InputError: a negative rate, or no nodes.
    """
    _check(
        nodes=(nodes, True),
        rate_per_node_day=(rate_per_node_day, False),
        size_independent_per_day=(size_independent_per_day, False),
    )
    per_day = nodes * rate_per_node_day + size_independent_per_day
    return SECONDS_PER_DAY / per_day if per_day else inf


def state_bytes(params: float, per_param: float = 14.0) -> float:
    """Size of a checkpoint of mixed-precision Adam: 12 to 16 bytes a parameter, 14 unless said.

    >>> state_bytes(70e9) / 1e9
    980.0

    Raises:
        InputError: a negative figure.
    """
    _check(params=(params, False), per_param=(per_param, False))
    return params * per_param


def _check(**figures: tuple[float, bool]) -> None:
    """Each figure with whether it must be more than 0."""
    for name, (value, positive) in figures.items():
        if not (value > 0 if positive else value >= 0):
            least = "more than 0" if positive else "0 or more"
            raise InputError(f"{name.replace('_', ' ')} is {value!r}; it must be {least}")
