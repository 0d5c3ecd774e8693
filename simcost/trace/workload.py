"""Where requests come from, as a scenario writes it; each yields the same batches for the same seed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge, Gt, MaxLen, MinLen

from simcost.units import PerS, PositiveSeconds

if TYPE_CHECKING:
    from simcost.trace.batch import RequestBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A stored trace, replayed. Seed index 0 replays it as recorded; each further seed resamples it in
    blocks of `block`, each block from within `reach` of its own place, so that burstiness within a block and
    the daily shape stay while the rest varies.
    """

    kind: Literal["trace"] = "trace"
    path: str
    """Parquet of `simcost trace import`, relative to the scenario file."""
    block: PositiveSeconds = 60.0
    reach: PositiveSeconds = 900.0
    rate_scale: Annotated[float, Gt(0)] = 1.0
    """Multiplies the request rate (thins or superposes), keeping the shape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Token pairs drawn from log-normals with a correlation; or resampled jointly from a stored trace."""

    prompt_median: Annotated[float, Gt(0)] = 600.0
    prompt_sigma: Annotated[float, Ge(0)] = 1.0
    output_median: Annotated[float, Gt(0)] = 180.0
    output_sigma: Annotated[float, Ge(0)] = 0.8
    correlation: Annotated[float, Ge(-1)] = 0.1
    max_tokens: Annotated[int, Ge(2)] = 32768
    trace: str | None = None
    """Parquet whose (prompt, output) pairs are resampled instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthetic:
    """Non-homogeneous arrivals: mean rate x daily shape x weekly shape x a Gamma level per burst window."""

    kind: Literal["synthetic"] = "synthetic"
    rate: PerS
    """Mean request rate over the run."""
    daily: Annotated[tuple[Annotated[float, Ge(0)], ...], MinLen(24), MaxLen(24)] | None = None
    """Relative rate of each hour of the day; None = a chat-like double hump."""
    weekly: Annotated[tuple[Annotated[float, Ge(0)], ...], MinLen(7), MaxLen(7)] | None = None
    """Relative rate of each day of the week, the first day of the run first; None = all equal."""
    burst_cv: Annotated[float, Ge(0)] = 0.2
    """Coefficient of variation of the level from one burst window to the next; 0 = Poisson."""
    burst_window: PositiveSeconds = 10.0
    lengths: Lengths = field(default_factory=Lengths)


def batches(
    workload: Recorded | Synthetic, *, folder: Path, seed: int, index: int, horizon_s: float | None
) -> "Iterator[RequestBatch]":
    """STUB: replaced by the trace helper."""
    raise NotImplementedError
