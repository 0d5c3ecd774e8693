"""The least fleet that is enough, found by asking about one size after the other."""

from dataclasses import dataclass
from math import ceil

CLOSE = 0.02
"""Large fleets are found to within this share of their size."""
_FURTHEST = 8


@dataclass(slots=True)
class Search:
    """Asks `size`, is told with `tell`; assumes that what is enough stays enough when it grows."""

    guess: int
    """Where to begin; the nearer, the fewer questions."""
    too_few: int = 0
    """The largest size that was not enough."""
    enough: int | None = None
    """The smallest size that was; None = none was."""

    def size(self) -> int | None:
        """The size to ask about; None = done."""
        if self.enough is None:
            furthest = _FURTHEST * (self.guess + 1)
            size = self.guess if self.too_few == 0 else min(ceil(1.5 * self.too_few), furthest)
            return size if size > self.too_few else None
        if self.enough - self.too_few <= max(1, int(CLOSE * self.enough)):
            return None
        if self.too_few == 0:
            return max(1, min(self.enough - 1, int(0.75 * self.enough)))
        return (self.too_few + self.enough) // 2

    def tell(self, size: int, *, enough: bool) -> None:
        """Whether that size was enough."""
        if enough:
            self.enough = size if self.enough is None else min(size, self.enough)
        else:
            self.too_few = max(size, self.too_few)
