"""Rows of usage that a file has more than once, as where exports of overlapping months were put together."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simcost.tables.row_hashes import Hashes, hashes_of, mixed, repeated
from simcost.trace.usage.sums import UsageBatch
from simcost.units import how_many

_MOST_ROWS = 5_000_000
"""Rows of a file that are compared: the first ones, in eight bytes each."""


@dataclass(slots=True, kw_only=True)
class RepeatedUsage:
    """Counts rows alike in all that a bill goes by.

    Attributes:
        sought: True if rows are compared: those that name machines may not overlap anyway, and those that count nothing
            are one instance each, of which there may be several alike.
    """

    sought: bool
    _parts: list[Hashes] = field(default_factory=list)
    _rows: int = 0

    def add(self, batch: UsageBatch, rows: int) -> None:
        """Take a batch of so many rows; columns of tokens are below each other, and belong to the same rows."""
        if not self.sought or self._rows >= _MOST_ROWS or not rows:
            return
        self._rows += rows
        total = hashes_of(batch.keys)[batch.line]
        prices = [np.nan_to_num(usd) for usd in batch.prices_usd.values()]
        for column in (batch.start_s, batch.end_s, batch.quantity, *prices):
            total = mixed(total, (column + 0.0).view(np.uint64))
        whole, used = np.zeros(rows, np.uint64), np.zeros(rows, np.bool_)
        for begin in range(0, len(total), rows):
            whole = mixed(whole, total[begin : begin + rows])
            used |= batch.quantity[begin : begin + rows] > 0
        self._parts.append(whole[used])

    def findings(self) -> Iterator[dict[str, Any]]:
        """The finding on rows that another row equals, where there are any."""
        count = repeated(self._parts)
        if count:
            rows = how_many(count, "row has", "rows have")
            message = (
                f"{rows} the time, SKU and quantity of another row: each counts; where the file holds rows twice, as "
                "of exports that overlap, the bill is too high"
            )
            yield {"kind": "repeated", "count": count, "message": message}
