"""Whole published runs against the benchmarks of their training loops: how far an estimate may be off.

The ratio of a run is its published accelerator-hours over those that the benchmarks say:

    ratio = accelerator-hours x 3600 x dense peak x benchmark MFU / FLOPs

Runs of one family (a team, its stack and its way of counting hours) are not independent, so the logarithm of the ratio
is a random effect of the family and one of the run:

    ln ratio = m + family + run        family ~ N(0, b^2), run ~ N(0, w^2)

A run of a new family lies with probability p within m +- t_p(k - 1) sqrt(b^2 + w^2 + s^2 / k), for k families whose
means have the standard deviation s: Student's t for the few families, s^2 / k because m itself is an estimate.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp, fsum, log, sqrt
from statistics import fmean, variance

from simcost.catalog import Catalog
from simcost.catalog.training_runs import TrainingRun
from simcost.errors import CatalogError
from simcost.perf.training.duration import peak_flops
from simcost.perf.training.utilization import SCALE_FROM, Mfu, benchmark_mfu
from simcost.units import SECONDS_PER_HOUR

LEVEL = 0.9
"""Probability of the interval."""
LEAST_FAMILIES = 3
LARGE_BATCH = 4.0
"""Times the largest published batch, beyond which a global batch is out of published practice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeRuns:
    """Ratio of the duration of a whole run to that of its benchmark."""

    low: float
    mid: float
    """Median."""
    high: float
    level: float
    """Probability that a run of a new family lies within low and high."""
    runs: int
    families: int


def whole_runs(catalog: Catalog, *, without: str | None = None, level: float = LEVEL) -> WholeRuns:
    """The prediction for a new run.

    Args:
        catalog: whose published runs are used.
        without: a family that is left out, to see whether it would have been predicted.
        level: probability of the interval.

    Raises:
        CatalogError: fewer than three families of runs.
    """
    logs: dict[str, list[float]] = defaultdict(list)
    for run in catalog.facts.training_runs:
        if run.family != without:
            logs[run.family].append(log(run_ratio(catalog, run)))
    if len(logs) < LEAST_FAMILIES:
        raise CatalogError(
            f"{len(logs)} families of whole training runs are not enough for an interval; add runs to "
            "training_runs.csv in your catalog folder, or give `mfu` as you measured it"
        )
    centre, spread = predicted(list(logs.values()), level)
    return WholeRuns(
        low=exp(centre - spread),
        mid=exp(centre),
        high=exp(centre + spread),
        level=level,
        runs=sum(map(len, logs.values())),
        families=len(logs),
    )


def run_ratio(catalog: Catalog, run: TrainingRun) -> float:
    """Published accelerator-hours over those of the benchmarks; no loss to scale where the GPUs are not published.

    Raises:
        CatalogError: no such accelerator, or no benchmark of it.
    """
    peak = peak_flops(catalog.accelerator(run.accelerator), run.precision)
    mfu = benchmark_mfu(
        catalog, run.accelerator, run.precision, run.parameters, run.sequence_tokens, run.gpus or SCALE_FROM
    ).mid
    return run.gpu_hours * SECONDS_PER_HOUR * peak * mfu / run.flops


def predicted(families: Sequence[Sequence[float]], level: float) -> tuple[float, float]:
    """Centre, and half of the width of the interval, for one value of a new family.

    Families of one value each are a plain sample: 1, 2, 3 have the standard deviation 1 and t(2) = 2.92 at 90 %.

    >>> centre, half = predicted([[1.0], [2.0], [3.0]], 0.9)
    >>> centre, round(half, 3), round(2.92 * (1 + 1 / 3) ** 0.5, 3)
    (2.0, 3.372, 3.372)
    """
    from scipy.special import stdtrit  # for estimates only

    means = [fmean(values) for values in families]
    count = len(families)
    degrees = sum(len(values) - 1 for values in families)
    squares = fsum((value - mean) ** 2 for values, mean in zip(families, means, strict=True) for value in values)
    within = squares / degrees if degrees else 0.0
    of_means = variance(means)
    between = max(0.0, of_means - within * fmean(1 / len(values) for values in families))
    quantile = float(stdtrit(count - 1, 0.5 + level / 2))
    return fmean(means), quantile * sqrt(between + within + of_means / count)


def over_whole_runs(mfu: Mfu, found: WholeRuns) -> Mfu:
    """The utilisation over a whole run: the benchmark in the middle, the ends of the prediction around it."""
    return replace(mfu, low=mfu.mid / found.high, high=min(1.0, mfu.mid / found.low))


def largest_batch(catalog: Catalog, parameters: float) -> TrainingRun | None:
    """The published run with the largest batch among models of up to twice this size; None = none published."""
    runs = [
        run
        for run in catalog.facts.training_runs
        if run.global_batch_tokens is not None and run.parameters <= 2 * parameters
    ]
    return max(runs, key=lambda run: run.global_batch_tokens or 0.0, default=None)
