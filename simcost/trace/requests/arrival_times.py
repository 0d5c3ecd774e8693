"""Arrivals of one log: which unit, pattern and zone its times have, decided at its first rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from simcost.errors import TraceError
from simcost.tables.calendar import DAY_S, find_zone
from simcost.tables.cells import Flags, Ints, empty
from simcost.tables.dates import ISO, TimePattern, TimeRule, TimeSource, TimeUnit, instants, time_rule, without_zone
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
        month_first: as of a `TimeSource`.
        rest: reads all arrivals of the log again; None = it cannot.
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
    rest: Callable[[], Iterator[pa.Array]] | None = None
    marks: NumberMarks = field(default_factory=NumberMarks)
    timezone: str | None = None
    utc: bool = False
    start_ns: int = 0
    _rule: TimeRule | None = None
    _column: str = ""
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
        if self._rule is not None and self._rule.pattern is not None:
            return f"the pattern {self._rule.pattern.text}"
        if self._rule is not None and self._rule.serial:
            return "a day of a spreadsheet from 2000 to 2099, as most of the first rows of this log are"
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
        rule = self._rule or self._decide(column, name)
        values, ok = instants(column, rule)
        ok = ok & (np.abs(values) < _LATEST_NS) & (self.epoch | (values >= 0))
        if rule.unit is None:
            return self._in_utc(values, ok, without_zone(column, rule), after)
        return values, ok

    def findings(self) -> list[dict[str, object]]:
        """Assumptions about the times."""
        return [*self._of_notation(), *self._of_zone()]

    def _of_notation(self) -> Iterator[dict[str, object]]:
        """The pattern or the unit, where it was found out or is in doubt."""
        if self._rule is None or self.pattern is not None:
            return
        kind, said, _ = self._rule.finding()
        if kind:
            said = said.replace("an unknown start", self.start or "an unknown start")
            unit = f" {self._rule.dates_in}" if self._rule.dates_in else " s" if self._rule.serial else ""
            remedy = "pass --time-format" if kind == "time_format" else f"pass --time-unit{unit}"
            yield _finding(kind, 1, f"{self._column} was read as {said}; if that is wrong, {remedy}")

    def _of_zone(self) -> Iterator[dict[str, object]]:
        """Dates without a zone: of software that writes UTC those in a notation of people, who exported them."""
        count, column = self._without_zone, self._column
        in_utc = self.utc and self._rule is not None and self._rule.pattern is None and not self._rule.serial
        if count and self.timezone is None and not in_utc:
            say = how_many(count, f"time of {column} says", f"times of {column} say")
            said = f"{say} no time zone; read as UTC"
            yield _finding("no_zone", count, f"{said}; if they are of another one, pass --timezone")
        if self._twice:
            said = (
                f"{plural(self._twice, 'time')} of {column} in an hour that the clocks of {self.timezone} showed twice"
            )
            yield _finding("clock_twice", self._twice, f"{said}; the order of the rows says which one is meant")

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

    def _decide(self, column: pa.Array, name: str) -> TimeRule:
        """Settle how arrivals are read, by the first rows that have one."""
        filled = column.filter(pa.array(~empty(column, words=True)))
        if not len(filled):
            return ISO
        rule = TimeRule(None, epoch=True, pattern=self.pattern)
        if self.pattern is None:
            unit = self.unit or ("ns" if name.endswith(_UNIX_NS) else None)
            source = TimeSource(place=self.name, option=True, month_first=self.month_first, rest=self.rest)
            rule = time_rule(filled, name, unit, source)
        self._column, self._rule = name, rule
        if self.start is not None:
            self.start_ns = self._parse_start(self.start, rule)
        return rule

    def _parse_start(self, start: str, rule: TimeRule) -> int:
        values, ok = instants(pa.array([start]), ISO)
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
