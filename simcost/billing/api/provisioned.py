"""Capacity of an API that is paid by the hour: units, and which requests they serve."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt

from simcost.billing.api.tokens import Column
from simcost.trace.requests.batch import Ints, RequestBatch
from simcost.units import NS_PER_S, Count, PositiveCount, UsdPerH

_MINUTE_NS = 60 * NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioned:
    """Units of capacity, paid by the hour whether used or not; what does not fit into a minute spills over to
    per-token prices. Requests are served by the units in order of arrival as long as the tokens of the minute, their
    own included, stay within the capacity.
    """

    units: PositiveCount
    """Deployed."""
    price: UsdPerH
    """Of a unit and hour."""
    input_tokens_per_min: Annotated[float, Gt(0)]
    """Capacity of a unit."""
    output_weight: Annotated[float, Gt(0)] = 1.0
    """An output token takes as much capacity as this many input tokens."""
    cached_weight: Annotated[float, Ge(0)] = 0.0
    """A token read from the cache takes as much as this many."""
    reserved_units: Count = 0
    """Of a reservation, paid in each hour whether deployed or not."""
    reserved_price: UsdPerH | None = None
    """Of a reserved unit and hour."""

    def __post_init__(self) -> None:
        if self.reserved_units and self.reserved_price is None:
            raise ValueError("reserved_units need their price: give `reserved_price`, such as $0.70/h")

    @property
    def capacity(self) -> float:
        """Input tokens per minute of all units."""
        return self.units * self.input_tokens_per_min

    @property
    def paid_units(self) -> int:
        """Deployed or reserved."""
        return max(self.units, self.reserved_units)

    def usd(self, hours: float) -> float:
        """What the units cost over so many hours."""
        reserved_usd = self.reserved_units * (self.reserved_price or 0.0)
        return hours * (reserved_usd + max(0, self.units - self.reserved_units) * self.price)

    def load(self, batch: RequestBatch, read: Column) -> npt.NDArray[np.float64]:
        """What each request takes of the capacity, in input tokens."""
        taken: npt.NDArray[np.float64] = (
            batch.prompt_tokens - read + self.cached_weight * np.asarray(read)
            + self.output_weight * batch.output_tokens
        )  # fmt: skip
        return taken


class Meter:
    """Which requests a capacity per minute serves, over a stream of sorted arrivals."""

    def __init__(self, capacity: float) -> None:
        self._capacity = capacity
        self._minute, self._taken = -1, 0.0

    def fits(self, arrival_ns: Ints, load: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Whether the load of the minute so far, each request's own included, is within the capacity."""
        if len(load) == 0:
            return np.empty(0, bool)
        minute = arrival_ns // _MINUTE_NS
        first = np.flatnonzero(np.diff(minute, prepend=-1))
        until = np.cumsum(load)
        before = until[first] - load[first]
        if minute[0] == self._minute:
            before[0] -= self._taken
        taken = until - np.repeat(before, np.diff(first, append=len(load)))
        self._minute, self._taken = int(minute[-1]), float(taken[-1])
        within: npt.NDArray[np.bool_] = taken <= self._capacity * (1 + 1e-12)
        return within
