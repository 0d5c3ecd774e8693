"""Failures of jobs (distributions of the time to the next one, by the failure rates of the nodes) and checkpoints."""

from dataclasses import field
from math import gamma
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge, Gt, Le, MinLen

from simcost.record import record
from simcost.units import PositiveCount, PositiveSeconds, Seconds

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
from math import ceil

Shape = Annotated[float, Ge(0.05), Le(20)]


@record
class Exponential:
    """Failures without memory."""

    kind: Literal["exponential"] = "exponential"

    def draw(self, rng: "np.random.Generator", count: int) -> "Floats":
        """Times to failure of mean 1."""
        return rng.standard_exponential(count)


@record
class Weibull:
    """Shape below 1: failures cluster, and a job that has lived long lives on."""

    kind: Literal["weibull"] = "weibull"
    shape: Shape
    """Below 1 failures cluster; 1 is exponential."""

    def draw(self, rng: "np.random.Generator", count: int) -> "Floats":
        """Times to failure of mean 1."""
        return rng.weibull(self.shape, count) / gamma(1 + 1 / self.shape)


@record
class LogNormal:
    """Logarithms of the times to failure are normal."""

    kind: Literal["lognormal"] = "lognormal"
    sigma: Annotated[float, Gt(0), Le(5)]
    """Standard deviation of the logarithm."""

    def draw(self, rng: "np.random.Generator", count: int) -> "Floats":
        """Times to failure of mean 1."""
        return rng.lognormal(-(self.sigma**2) / 2, self.sigma, count)


@record
class Gamma:
    """Shape 1 is exponential; below 1 failures cluster, above they are more regular."""

    kind: Literal["gamma"] = "gamma"
    shape: Shape
    """Below 1 failures cluster; 1 is exponential."""

    def draw(self, rng: "np.random.Generator", count: int) -> "Floats":
        """Times to failure of mean 1."""
        return rng.standard_gamma(self.shape, count) / self.shape


@record
class RecordedFailures:
    """The failures of a log, over and over, in place of those of rates; each run begins at a random instant of it."""

    kind: Literal["recorded"] = "recorded"
    times_s: Annotated[tuple[Seconds, ...], MinLen(1)]
    """Of failures that stopped a job of this size, since the log began."""
    span_s: PositiveSeconds
    """Time the log covers."""


@record
class CorrelatedLoss:
    """Many nodes lost at once: unless there are as many spares, the job waits until they are given back."""

    nodes: PositiveCount
    per_day: Annotated[float, Ge(0)]
    """Such events, without memory."""
    outage: Seconds
    """Time without new nodes."""


FailureModel = Exponential | Weibull | LogNormal | Gamma | RecordedFailures


@record
class ClusterFailures:
    """Failures of the nodes and jobs of a cluster while a queue runs on it."""

    per_node_day: Annotated[float, Ge(0), Le(1000)] = 6.5e-3
    """Failures of a node per day; each stops all gangs that lie on it. Source: Meta RSC-1, HPCA 2025."""
    size_independent_per_day: Annotated[float, Ge(0), Le(1000)] = 0.0
    """Failures per day of any running job, however small."""
    repair: Seconds = 0.0
    """Time until the node is back; on GPU counts, others always stand in."""
    intervals: Literal["given", "young", "daly"] = "given"
    """Of checkpoints: as they are given, or the best for each job's own failures (Young 1974, Daly 2006)."""
    gpus_per_node: PositiveCount | None = None
    """Of a node that fails, on GPU counts, where no nodes say it; None = of those that are bought, of a replay 8."""
    model: Exponential | Weibull | LogNormal | Gamma = field(default_factory=Exponential)
    """Of the time to the next failure."""


@record
class Checkpoints:
    """Work is saved at regular intervals; a job that is stopped loses what it did since the last one."""

    interval: PositiveSeconds = 1800.0
    """Work between two checkpoints."""
    write: Seconds = 60.0
    """Time to write one; the gang stands still."""
    restart: Seconds = 180.0
    """Time from getting GPUs again to the first step."""

    def wall_s(self, work_s: float, *, again: bool) -> float:
        """Time on the GPUs for so much work, the last checkpoint left out.

        >>> Checkpoints(interval=10, write=1, restart=5).wall_s(25, again=True)  # 5 + 25 + 2 writes
        32
        """
        return (self.restart if again else 0) + work_s + self._writes(work_s) * self.write

    def stopped(self, work_s: float, ran_s: float, *, again: bool) -> tuple[float, float, float, float]:
        """Parts of the `ran_s` of a run of `work_s`: work kept, work lost, checkpoints, restart; they add up to it."""
        restart = min(ran_s, self.restart) if again else 0.0
        cycle = self.interval + self.write
        whole = min(int((ran_s - restart) // cycle), self._writes(work_s))
        rest = ran_s - restart - whole * cycle
        lost = min(rest, self.interval) if whole < self._writes(work_s) else rest
        return whole * self.interval, lost, whole * self.write + rest - lost, restart

    def _writes(self, work_s: float) -> int:
        return max(ceil(work_s / self.interval) - 1, 0)
