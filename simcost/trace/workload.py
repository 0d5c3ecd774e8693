"""Where requests come from, as a scenario writes it; `trace.arrivals` makes them."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, MaxLen, MinLen

from simcost.units import PerS, PositiveSeconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A stored trace, replayed. Seed index 0 replays it as recorded; each further index resamples it in
    blocks of `block`, each block from within `reach` of its own place, so that burstiness within a block and
    the daily shape stay while the rest varies. Nothing arrives after the end of the trace.
    """

    kind: Literal["trace"] = "trace"
    path: str
    """Parquet of `simcost trace import`, relative to the scenario file and inside its folder."""
    block: PositiveSeconds = 60.0
    """Length of the stretches that are resampled."""
    reach: PositiveSeconds = 900.0
    """How far from its own place a stretch may be taken."""
    rate_scale: Annotated[float, Gt(0), Le(1000)] = 1.0
    """Multiplies the request rate, keeping the shape: below 1 each request is kept with this probability;
    above 1 resampled copies of the trace are added to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Token pairs drawn from log-normals with a correlation; or resampled jointly from a stored trace."""

    prompt_median: Annotated[float, Gt(0)] = 600.0
    """Median tokens of a prompt."""
    prompt_sigma: Annotated[float, Ge(0)] = 1.0
    """Standard deviation of the natural logarithm."""
    output_median: Annotated[float, Gt(0)] = 180.0
    """Median tokens of an output."""
    output_sigma: Annotated[float, Ge(0)] = 0.8
    """As `prompt_sigma`."""
    correlation: Annotated[float, Ge(-1), Le(1)] = 0.1
    """Of the two logarithms."""
    max_tokens: Annotated[int, Ge(2)] = 32768
    """Largest prompt + output; a longer output, then a longer prompt, is cut."""
    trace: str | None = None
    """Parquet whose (prompt, output) pairs are resampled instead; the fields above are then not used."""

    def __post_init__(self) -> None:
        if max(self.prompt_median, self.output_median) > self.max_tokens:
            raise ValueError(f"a median is above max_tokens {self.max_tokens}; raise max_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthetic:
    """Non-homogeneous arrivals: mean rate x daily shape x weekly shape x a Gamma level per burst window.

    The run starts at midnight. Given the levels, arrivals are a Poisson process.
    """

    kind: Literal["synthetic"] = "synthetic"
    rate: PerS
    """Mean request rate over the run."""
    daily: Annotated[tuple[Annotated[float, Ge(0)], ...], MinLen(24), MaxLen(24)] | None = None
    """Relative rate in the middle of each of the 24 hours of the day, linear in between; None = that of a public
    chat service (Azure, May 2024)."""
    weekly: Annotated[tuple[Annotated[float, Ge(0)], ...], MinLen(7), MaxLen(7)] | None = None
    """Relative rate of each day of the week, the first day of the run first; None = all equal."""
    burst_cv: Annotated[float, Ge(0), Le(10)] = 0.2
    """Coefficient of variation of the level from one burst window to the next; 0 = Poisson."""
    burst_window: PositiveSeconds = 10.0
    """How long a level lasts."""
    lengths: Lengths = field(default_factory=Lengths)
    """Tokens of prompts and outputs."""

    def __post_init__(self) -> None:
        for name, shape in (("daily", self.daily), ("weekly", self.weekly)):
            if shape is not None and not sum(shape) > 0:
                raise ValueError(f"{name} is zero throughout; give at least one positive number")


Workload = Recorded | Synthetic
