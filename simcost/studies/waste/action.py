"""What could be done about a bucket of waste, and what it would have saved over the samples."""

from dataclasses import dataclass
from typing import Literal

Effect = Literal["release", "use", "price"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """An amount with bounds; expected is None where only the bounds are known."""

    lo: float
    expected: float | None
    hi: float

    def __post_init__(self) -> None:
        if not self.lo <= (self.lo if self.expected is None else self.expected) <= self.hi:
            raise ValueError(f"{self} is not in order")

    def times(self, factor: float) -> "Range":
        """Each bound times a factor."""
        expected = None if self.expected is None else self.expected * factor
        return Range(lo=self.lo * factor, expected=expected, hi=self.hi * factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One measure; measures overlap, so that their savings do not add up."""

    action: str
    where: str
    buckets: tuple[str, ...]
    """The buckets it addresses."""
    saves_gpu_s: Range
    effect: Effect
    """release: GPUs that need not be paid for; use: GPUs that would work instead of waiting; price: the same
    hours for less."""
    rule: str
    """How the samples were replayed, and what that assumes."""
    saves_usd: Range | None = None
    """Where the saving is not hours times price."""


def ordered(lo: float, expected: float, hi: float) -> Range:
    """A range of three estimates; bounds that cross the expected one, as packings may, are widened to it."""
    return Range(lo=min(lo, expected), expected=expected, hi=max(hi, expected))
