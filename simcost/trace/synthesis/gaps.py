"""The gaps between requests, one class for each law: schema, documentation and behaviour in one place.

A law says how requests follow each other once the rate is taken out: in operational time, in which one request
is expected per unit. `trace.streams` maps that time to the clock through the expected requests, so that bursts
get shorter as the rate grows. Laws with `trace` are fitted to that trace's own rescaled gaps.

`starts_at_any_instant` of a law is true if its first gap begins at a random instant of the process; false of
exponential gaps, of which each instant is like any other.

No law was tested on a trace that is on and off by turns (empty minutes between bursts): the smoothed rate then
takes the pauses for the shape of the demand. Cut such a trace to an on-period before fitting.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Le, MaxLen, MinLen

from simcost.record import record
from simcost.units import ByKind, PositiveCount

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from simcost.trace.requests.batch import Draw, Floats, Pairs


@record
class Poisson:
    """Independent exponential gaps: enough for traffic of many independent users."""

    starts_at_any_instant: ClassVar[bool] = False
    kind: Literal["poisson"] = "poisson"

    def drawing(self, folder: Path, rng: "np.random.Generator") -> "Draw":  # noqa: ARG002  # one interface
        """Sampler of gaps."""
        return lambda count: (rng.standard_exponential(count), None)


@record
class GammaGaps:
    """Independent Gamma gaps. Fitted by maximum likelihood: the shape 1 / CV^2 would make a heavy-tailed trace
    mostly gaps of nearly 0.
    """

    starts_at_any_instant: ClassVar[bool] = True
    kind: Literal["gamma"] = "gamma"
    shape: Annotated[float, Ge(0.01), Le(1000)] | None = None
    """Below 1 bursty, 1 = Poisson, above 1 regular."""
    trace: str | None = None
    """Parquet whose gaps the shape is fitted to, where it is not given."""

    def __post_init__(self) -> None:
        _one_of("shape", self.shape, self.trace)

    def drawing(self, folder: Path, rng: "np.random.Generator") -> "Draw":
        """Sampler of gaps."""
        from simcost.trace.synthesis.fits import fitted_gamma
        from simcost.trace.synthesis.time_rescaling import fitted

        shape = self.shape or fitted(fitted_gamma, folder, str(self.trace))
        return _from_any_instant(
            lambda: rng.standard_gamma(shape + 1) / shape, lambda count: rng.standard_gamma(shape, count) / shape, rng
        )


@record
class WeibullGaps:
    """Independent Weibull gaps, fitted by maximum likelihood."""

    starts_at_any_instant: ClassVar[bool] = True
    kind: Literal["weibull"] = "weibull"
    shape: Annotated[float, Ge(0.1), Le(100)] | None = None
    """Below 1 bursty, 1 = Poisson, above 1 regular."""
    trace: str | None = None
    """Parquet whose gaps the shape is fitted to, where it is not given."""

    def __post_init__(self) -> None:
        _one_of("shape", self.shape, self.trace)

    def drawing(self, folder: Path, rng: "np.random.Generator") -> "Draw":
        """Sampler of gaps."""
        from math import gamma

        from simcost.trace.synthesis.fits import fitted_weibull
        from simcost.trace.synthesis.time_rescaling import fitted

        shape = self.shape or fitted(fitted_weibull, folder, str(self.trace))
        mean = gamma(1 + 1 / shape)
        return _from_any_instant(
            lambda: rng.standard_gamma(1 + 1 / shape) ** (1 / shape) / mean,
            lambda count: rng.weibull(shape, count) / mean,
            rng,
        )


@record
class Mmpp:
    """Markov-modulated Poisson: the rate jumps between three levels, Poisson within each."""

    starts_at_any_instant: ClassVar[bool] = True
    kind: Literal["mmpp"] = "mmpp"
    levels: Annotated[tuple[Annotated[float, Ge(0)], ...], MinLen(3), MaxLen(3)] | None = None
    """Relative rate in each state; only their ratios matter."""
    dwell: Annotated[tuple[Annotated[float, Gt(0)], ...], MinLen(3), MaxLen(3)] | None = None
    """Mean length of each state, in requests expected at the mean rate. Either other state may follow."""
    trace: str | None = None
    """Parquet that levels, lengths and jumps are fitted to, where they are not given: to counts per second, or
    per 5 expected requests where that is longer."""

    def __post_init__(self) -> None:
        _one_of("levels", self.levels, self.trace)
        if (self.levels is None) != (self.dwell is None):
            raise ValueError("levels and dwell go together; give both or neither")
        if self.levels is not None and not any(self.levels):
            raise ValueError("levels are all zero; give at least one positive number")

    def drawing(self, folder: Path, rng: "np.random.Generator") -> "Draw":
        """Sampler of gaps."""
        from simcost.trace.synthesis.mmpp import States, fitted_states, modulated
        from simcost.trace.synthesis.time_rescaling import fitted

        if self.levels is not None and self.dwell is not None:
            return modulated(States.of(self.levels, self.dwell), rng)
        return modulated(fitted(fitted_states, folder, str(self.trace)), rng)


@record
class Bootstrap:
    """Blocks of consecutive requests of a trace, resampled: the gap, prompt and output of each stay together, and
    so does what follows what within a block. The closest to the trace, bursts of any form included.
    """

    starts_at_any_instant: ClassVar[bool] = True
    kind: Literal["bootstrap"] = "bootstrap"
    trace: str
    """Parquet of `simcost trace import`, relative to the file that names it and inside its folder."""
    block: PositiveCount = 50
    """Requests in a block. 1 keeps the distribution of gaps and nothing of their order."""

    def drawing(self, folder: Path, rng: "np.random.Generator") -> "Draw":
        """Sampler of gaps, and of the tokens that came with them."""
        from simcost.tables.paths import inside
        from simcost.trace.synthesis.bootstrap import gaps_in_blocks
        from simcost.trace.synthesis.time_rescaling import tuples

        known = tuples(inside(folder, self.trace))
        blocks = gaps_in_blocks(known.gap, known.until, self.block, rng)

        def draw(count: int) -> "tuple[Floats, Pairs | None]":
            gap, rows = blocks(count)
            return gap, (known.prompt_tokens[rows], known.output_tokens[rows])

        return draw


Gaps = Annotated[Bootstrap | Poisson | GammaGaps | WeibullGaps | Mmpp, ByKind()]


def _one_of(name: str, given: object, trace: str | None) -> None:
    if (given is None) == (trace is None):
        raise ValueError(f"give either {name}, or trace to fit to")


def _from_any_instant(
    around: "Callable[[], float]", gaps: "Callable[[int], Floats]", rng: "np.random.Generator"
) -> "Draw":
    """Sampler of gaps of which the first is what is left of one, drawn by `around`, in which a uniform instant lies:
    one that is the likelier the longer it is.
    """
    begun = False

    def draw(count: int) -> "tuple[Floats, Pairs | None]":
        nonlocal begun
        found = gaps(count)
        if not begun:
            found[0], begun = around() * rng.random(), True
        return found, None

    return draw
