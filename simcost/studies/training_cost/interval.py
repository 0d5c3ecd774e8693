"""Low, likely and high: the intervals of an estimate."""

from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """Three values of one quantity, in order."""

    low: float
    mid: float
    high: float

    def times(self, factor: float) -> "Interval":
        """Each times a factor that is not negative."""
        return self.map(lambda value: value * factor)

    def map(self, function: Callable[[float], float]) -> "Interval":
        """Each through a function that does not decrease."""
        return Interval(function(self.low), function(self.mid), function(self.high))

    def plus(self, other: "Interval") -> "Interval":
        """Ends add up: both come from the same speed."""
        return Interval(self.low + other.low, self.mid + other.mid, self.high + other.high)

    def document(self) -> dict[str, float]:
        """As JSON."""
        return asdict(self)
