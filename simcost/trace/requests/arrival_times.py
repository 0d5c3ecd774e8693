"""Arrivals of one log: which unit, pattern and zone its times have, decided at its first rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.errors import TraceError
from simcost.tables.calendar import DAY_S, find_zone
from simcost.tables.cells import Flags, Ints, TimeRule, TimeUnit, instants, time_rule, without_zone
from simcost.trace.requests.dates import TimePattern, dated
from simcost.trace.requests.number_marks import NumberMarks
from simcost.trace.series.local_time import newest_first, offsets
from simcost.units import NS_PER_S, how_many, plural

_LATEST_NS = 2**62  # so that differences stay within 64 bits
_UNIX_NS = "UnixNano"
_SET_BACK_S = 600
"""An arrival that is earlier than one before it by more than this comes after the clock was set back."""
_PARTS = 8
"""Rows a part of a block apart say how a log is ordered: neighbours may be in the order of the ends of requests."""


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
        timezone: of dates that do not say theirs; None = not stated, UTC.
        utc: the software that wrote the log writes UTC where it writes no zone.
        start_ns: what `start` adds to arrivals.
    """

    name: str
    unit: TimeUnit | None = None
    start: str | None = None
    pattern: TimePattern | None = None
    month_first: bool = False
    marks: NumberMarks = field(default_factory=NumberMarks)
    timezone: str | None = None
    utc: bool = False
    start_ns: int = 0
    _rule: TimeRule | None = None
    _column: str = ""
    _found: TimePattern | None = None
    _zoned: bool | None = None
    _mixed: bool = False
    _skipped: bool = False
    _without_zone: int = 0
    _twice: int = 0
    _of_day: dict[int, tuple[int, bool]] = field(default_factory=dict)
    _newest_first: bool | None = None

    def __post_init__(self) -> None:
        if self.timezone is not None:
            find_zone(self.timezone)

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
        if self._skipped:
            return f"a time that the clocks of {self.timezone} showed: they skip an hour in spring"
        pattern = self.pattern or self._found
        if pattern:
            return f"the pattern {pattern.text}"
        if self._rule is not None and self._rule.dates_in is not None:
            unit = self._rule.dates_in
            return f"numbers of {self._rule.unit}, the unit stated; these are dates in {unit}: pass --time-unit {unit}"
        if self._rule is not None and self._rule.unit is not None and self._rule.epoch:
            return f"numbers of {self._rule.unit} since 1970, as most of the first rows of this log are"
        if self._mixed:
            return f"ISO time {'with' if self._zoned else 'without'} a zone, as other rows of this log have it"
        return "ISO time or a number that is not negative"

    def read(self, column: pa.Array, name: str, after: Ints | None = None) -> tuple[Ints, Flags]:
        """Nanoseconds since the log's zero, and which are possible.

        Args:
            column: of times.
            name: of the column.
            after: of times that end something, when it began: what clocks showed twice is the first one after that.
        """
        if pa.types.is_string(column.type) and self.pattern is None:
            column = self.marks.times(column)
        if self._rule is None:
            self._decide(column, name)
        pattern = self.pattern or self._found
        values, ok = pattern.instants(column) if pattern else instants(column, self._rule)  # type: ignore[arg-type]
        ok = ok & (np.abs(values) < _LATEST_NS) & (self.epoch | (values >= 0))
        if self._rule is not None and self._rule.unit is None:
            return self._in_utc(values, ok, self._local(column), after)
        return values, ok

    def findings(self) -> list[dict[str, object]]:
        """Assumptions about the times."""
        return [*self._of_notation(), *self._of_zone()]

    def _of_notation(self) -> Iterator[dict[str, object]]:
        """The pattern or the unit, where it was found out or is in doubt."""
        rule = self._rule
        if self._found is not None and "%b" not in self._found.text:
            first = "day" if self._found.text.startswith("%d") else "month"
            said = f"{self._column} was read as {self._found.text}, the {first} first"
            yield _finding("time_format", 1, f"{said}; if that is wrong, pass --time-format")
        elif rule is not None and rule.guessed:
            unknown = "an unknown start" if self.start is None else self.start
            zero = "1970-01-01 UTC" if rule.epoch else unknown
            said = f"{self._column} was read as {rule.unit} since {zero}"
            wrong = f", but {rule.sheet}" if rule.sheet else "; if that is wrong, pass --time-unit"
            yield _finding("time_unit", 1, f"{said}{wrong}")
        elif rule is not None and rule.dates_in is not None:
            said = f"{self._column} was read as {rule.unit} since an unknown start, but its numbers are dates in "
            yield _finding(
                "time_unit", 1, f"{said}{rule.dates_in}; if they are meant so, pass --time-unit {rule.dates_in}"
            )

    def _of_zone(self) -> Iterator[dict[str, object]]:
        """Dates without a zone: of software that writes UTC those in a notation of people, who exported them."""
        count, column = self._without_zone, self._column
        in_utc = self.utc and (self.pattern or self._found) is None
        if count and self.timezone is None and not in_utc:
            say = how_many(count, f"time of {column} says", f"times of {column} say")
            said = f"{say} no time zone; read as UTC"
            yield _finding("no_zone", count, f"{said}; if they are of another one, pass --timezone")
        if self._twice:
            said = (
                f"{plural(self._twice, 'time')} of {column} in an hour that the clocks of {self.timezone} showed twice"
            )
            yield _finding("clock_twice", self._twice, f"{said}; the order of the rows says which one is meant")

    def _local(self, column: pa.Array) -> Flags:
        """Dates that do not say their zone."""
        pattern = self.pattern or self._found
        if pattern is not None:
            return np.full(len(column), "%z" not in pattern.text)
        return without_zone(column)

    def _in_utc(self, values: Ints, ok: Flags, local: Flags, after: Ints | None) -> tuple[Ints, Flags]:
        """Dates in UTC; rows that say their zone where the first rows do not, or the other way round, are at fault."""
        if self._zoned is None and ok.any():
            self._zoned = bool((ok & ~local).any())
        self._mixed |= bool((ok & (local == self._zoned)).any())
        ok = ok & (local != bool(self._zoned))
        rows = np.flatnonzero(ok & local)
        self._without_zone += len(rows)
        if len(rows) == 0 or self.timezone in (None, "UTC"):
            return values, ok
        values, ok = values.copy(), ok.copy()
        values[rows], ok[rows] = self._of_clock(values[rows], None if after is None else after[rows])
        return values, ok

    def _of_clock(self, local_ns: Ints, after: Ints | None = None) -> tuple[Ints, Flags]:
        """UTC of times by the clocks of the zone, and whether these showed them; what they showed twice is the first
        one after `after`, else taken in the order of the rows, which may begin with the newest.
        """
        local_s, rest = np.divmod(local_ns, NS_PER_S)
        if self._newest_first is None and len(local_s) > 1:
            self._newest_first = newest_first(local_s, max(1, len(local_s) // _PARTS))
        earlier, later, shown = offsets(self.timezone or "UTC", local_s).utc(local_s)
        twice = earlier != later
        self._twice += int(twice.sum())
        self._skipped |= not shown.all()
        if after is not None:
            return np.where(earlier * NS_PER_S + rest < after, later, earlier) * NS_PER_S + rest, shown
        for day in np.unique(local_s[twice] // DAY_S).tolist():
            rows = np.flatnonzero(twice & (local_s // DAY_S == day))
            if self._newest_first:  # the second showing comes first, and time runs backwards
                again = rows[~self._set_back(day, -local_s[rows])]
            else:
                again = rows[self._set_back(day, local_s[rows])]
            earlier[again] = later[again]
        return earlier * NS_PER_S + rest, shown

    def _set_back(self, day: int, local_s: Ints) -> Flags:
        """True from the first row that is earlier by the clock than one before it: it had been set back. Of rows that
        begin with the newest, times are negative, and it is true from the first one before that.
        """
        latest, done = self._of_day.get(day, (-_LATEST_NS, False))
        before = np.maximum.accumulate(np.append(latest, local_s))
        back: Flags = done | np.logical_or.accumulate(local_s < before[:-1] - _SET_BACK_S)
        self._of_day[day] = int(before[-1]), bool(back[-1])
        return back

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
        if self.timezone is not None and without_zone(pa.array([start]))[0]:
            values, ok = self._of_clock(values)
            if not ok[0]:
                raise TraceError(f"--start {start}: the clocks of {self.timezone} skipped this time in spring")
        return int(values[0])


def _finding(kind: str, count: int, message: str) -> dict[str, object]:
    return {"kind": kind, "count": count, "message": message}
