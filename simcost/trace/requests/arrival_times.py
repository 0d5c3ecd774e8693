"""Arrivals of one log: which unit or pattern its times have, decided at its first rows."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.errors import TraceError
from simcost.tables.cells import Flags, Ints, TimeRule, TimeUnit, instants, time_rule
from simcost.trace.requests.dates import TimePattern, dated
from simcost.trace.requests.number_marks import NumberMarks

_LATEST_NS = 2**62  # so that differences stay within 64 bits
_UNIX_NS = "UnixNano"


@dataclass(slots=True, kw_only=True)
class ArrivalReader:
    """Reads the arrival column chunk by chunk.

    Attributes:
        name: of the log, for messages.
        unit: of numbers; None = found out.
        start: ISO time at which relative arrivals are 0; None = unknown.
        pattern: of dates; None = ISO, numbers, or dates whose order is certain.
        month_first: see `dates.dated`.
        marks: of the numbers.
        start_ns: what `start` adds to arrivals.
    """

    name: str
    unit: TimeUnit | None = None
    start: str | None = None
    pattern: TimePattern | None = None
    month_first: bool = False
    marks: NumberMarks = field(default_factory=NumberMarks)
    start_ns: int = 0
    _rule: TimeRule | None = None
    _column: str = ""
    _found: TimePattern | None = None

    @property
    def epoch(self) -> bool:
        """True if arrivals count from 1970."""
        return self.start is not None or (self._rule is not None and self._rule.epoch)

    @property
    def decided(self) -> bool:
        """True if rows have been read."""
        return self._rule is not None

    @property
    def expected(self) -> str:
        """Notation of times, for messages."""
        pattern = self.pattern or self._found
        return f"the pattern {pattern.text}" if pattern else "ISO time or a number that is not negative"

    def read(self, column: pa.Array, name: str) -> tuple[Ints, Flags]:
        """Nanoseconds since the log's zero, and which are possible."""
        if pa.types.is_string(column.type) and self.pattern is None:
            column = self.marks.times(column)
        if self._rule is None:
            self._decide(column, name)
        pattern = self.pattern or self._found
        values, ok = pattern.instants(column) if pattern else instants(column, self._rule)  # type: ignore[arg-type]
        return values, ok & (np.abs(values) < _LATEST_NS) & (self.epoch | (values >= 0))

    def findings(self) -> list[dict[str, object]]:
        """Assumptions about the times."""
        if self._found is not None:
            first = "day" if self._found.text.startswith("%d") else "month"
            return [
                {
                    "kind": "time_format",
                    "count": 1,
                    "message": f"{self._column} was read as {self._found.text}, the {first} first; "
                    "if that is wrong, pass --time-format",
                }
            ]
        if self._rule is not None and self._rule.guessed:
            zero = "1970-01-01 UTC" if self._rule.epoch else "an unknown start"
            return [
                {
                    "kind": "time_unit",
                    "count": 1,
                    "message": f"{self._column} was read as {self._rule.unit} since {zero}; "
                    "if that is wrong, pass --time-unit",
                }
            ]
        return []

    def _decide(self, column: pa.Array, name: str) -> None:
        """Settle how arrivals are read."""
        self._column = name
        if self.pattern is None:
            self._found = dated(column, self.name, name, month_first=self.month_first)
        if self.pattern or self._found:
            self._rule = TimeRule(None, epoch=True)
        else:
            unit = self.unit or ("ns" if name.endswith(_UNIX_NS) else None)
            filled = column.filter(pc.not_equal(column, "")) if pa.types.is_string(column.type) else column
            self._rule = time_rule(filled, name, unit)
        if self.start is not None:
            self.start_ns = self._parse_start(self.start, self._rule)

    def _parse_start(self, start: str, rule: TimeRule) -> int:
        values, ok = instants(pa.array([start]), TimeRule(None, epoch=True))
        if not ok[0]:
            raise TraceError(f"{start!r} is not an ISO time; write e.g. 2024-05-12T00:00:00Z")
        if rule.epoch:
            raise TraceError(f"{self.name}: {self._column} has dates of its own; leave out --start")
        return int(values[0])
