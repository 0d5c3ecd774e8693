"""How the time to the next failure of a job is distributed; its mean comes from the failure rates of the nodes."""

from dataclasses import dataclass
from math import gamma
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge, Gt, Le, MinLen

from simcost.units import PositiveCount, PositiveSeconds, Seconds

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

Shape = Annotated[float, Ge(0.05), Le(20)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exponential:
    """Failures without memory."""

    kind: Literal["exponential"] = "exponential"

    def draw(self, rng: "np.random.Generator", count: int) -> "Floats":
        """Times to failure of mean 1."""
        return rng.standard_exponential(count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weibull:
    """Shape below 1: failures cluster, and a job that has lived long lives on."""

    kind: Literal["weibull"] = "weibull"
    shape: Shape

    def draw(self, rng: "np.random.Generator", count: int) -> "Floats":
        """Times to failure of mean 1."""
        return rng.weibull(self.shape, count) / gamma(1 + 1 / self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogNormal:
    """Logarithms of the times to failure are normal."""

    kind: Literal["lognormal"] = "lognormal"
    sigma: Annotated[float, Gt(0), Le(5)]
    """Standard deviation of the logarithm."""

    def draw(self, rng: "np.random.Generator", count: int) -> "Floats":
        """Times to failure of mean 1."""
        return rng.lognormal(-(self.sigma**2) / 2, self.sigma, count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gamma:
    """Shape 1 is exponential; below 1 failures cluster, above they are more regular."""

    kind: Literal["gamma"] = "gamma"
    shape: Shape

    def draw(self, rng: "np.random.Generator", count: int) -> "Floats":
        """Times to failure of mean 1."""
        return rng.standard_gamma(self.shape, count) / self.shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The failures of a log, over and over; each run begins at a random instant of it. Rates are not used."""

    kind: Literal["recorded"] = "recorded"
    times_s: Annotated[tuple[Seconds, ...], MinLen(1)]
    """Of failures that stopped a job of this size, since the log began."""
    span_s: PositiveSeconds
    """Time the log covers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelatedLoss:
    """Many nodes lost at once: unless there are as many spares, the job waits until they are given back."""

    nodes: PositiveCount
    per_day: Annotated[float, Ge(0)]
    """Such events, without memory."""
    outage: Seconds
    """Time without new nodes."""


FailureModel = Exponential | Weibull | LogNormal | Gamma | Recorded
