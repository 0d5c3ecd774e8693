"""Times of a column, by one rule for all files: ISO text, Arrow timestamps, dates as people write them, numbers since
1970 in s, ms, us or ns, days of a spreadsheet, or numbers since an unknown start.

A date such as 3/2/2026 is read only where some date of the column says whether the day or the month comes first.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from simcost.errors import TraceError
from simcost.tables.cells import (
    NUMBER,
    Flags,
    Floats,
    Ints,
    as_text,
    cast_where,
    int64s,
    matching,
    valid,
    whole_numbers,
)
from simcost.units import NS_PER_S

TimeUnit = Literal["s", "ms", "us", "ns"]

_DIGITS = {"s": 9, "ms": 6, "us": 3, "ns": 0}
_UNIT_OF_NAME = re.compile(r"[_ (\[-](ns|us|ms|s)\W*$")
_DECIMAL = r"^[-+]?(\d{1,19}(\.\d{0,9})?|\.\d{1,9})$"
_ISO = r"^\d{4}-\d\d-\d\d([ T]\d\d(:\d\d(:\d\d(\.\d{1,9})?)?)?)?$"
_ZONED = r"^\d{4}-\d\d-\d\d[ T]\d\d(:\d\d(:\d\d(\.\d{1,9})?)?)?(Z|[-+]\d\d(:?\d\d)?)$"
_SAYS_ZONE = r"[ T].*([Zz]|UTC|GMT|[-+]\d\d(:?\d\d)?( [A-Z]{3,4})?)\s*$"
_AS_ISO = (
    (r"^(\d{4})/(\d\d)/(\d\d)", r"\1-\2-\3"),
    (r"(:\d\d),(\d{1,9})", r"\1.\2"),
    (r"\s?([-+]\d\d:?\d\d) [A-Z]{3,4}$", r"\1"),
    (r"(:\d\d(?:\.\d+)?)\s?(?:UTC|GMT|z)$", r"\1Z"),
    (r"(:\d\d(?:\.\d+)?)\s([-+]\d\d(?::?\d\d)?)$", r"\1\2"),
)
"""Times as nvidia-smi, Python's logging, databases and Go write them: pattern, and how ISO writes it."""
EPOCH_S = (1e9, 1e10)  # 2001 to 2286
_HEAD = 1000
_MOST = 2**63 - 1
_DAY_ZERO = datetime(1899, 12, 30, tzinfo=UTC)
"""Day 0 of a spreadsheet that counts from 1900."""
_DAY_ZERO_S = int(_DAY_ZERO.timestamp())
_SERIAL = (36_526.0, 73_051.0)
"""Days of a spreadsheet from 2000 to 2099."""
_MOST_CELLS = 0.9
"""Share of the first numbers of a column that are days of a spreadsheet; the others are bad cells."""
_COMPACT = re.compile(r"\s*(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])\s*")
_SPACE = r"[\s\x{00A0}\x{202F}]"
_PARTS = {
    "Y": r"\d{4}",
    "y": r"\d\d",
    "m": r"\d{1,2}",
    "d": r"\d{1,2}",
    "b": r"\pL{3,}",
    "B": r"\pL{3,}",
    "a": r"\pL+",
    "A": r"\pL+",
    "H": r"\d{1,2}",
    "I": r"\d{1,2}",
    "M": r"\d{1,2}",
    "S": r"\d{1,2}",
    "f": r"\d{1,9}",
    "p": r"[AaPp]\.?[Mm]\.?",
    "z": r"Z|[-+]\d\d:?\d\d",
}
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_SHORT = {"F": "%Y-%m-%d", "T": "%H:%M:%S", "R": "%H:%M", "D": "%m/%d/%y"}
_CLOCK = (
    r"(?P<clock>\d{1,2}:\d\d(?P<seconds>:\d\d(?P<fraction>[.,]\d{1,9})?)?)?"
    r"(?P<space>[\s\u00a0\u202f]*)(?P<half>[AaPp]\.?[Mm]\.?)?"
)
_DAY_MONTH = re.compile(
    r"\s*(?P<first>\d{1,2})(?P<mark>[./-])(?P<second>\d{1,2})[./-](?P<year>\d{4}|\d\d)"
    rf"(?P<between>,?[\s\u00a0\u202f]+|T)?{_CLOCK}\s*"
)
_NAMED_MONTH = re.compile(
    r"\s*(?:\d{1,2}(?P<mark>[ /-])[A-Za-z]{3,9}(?P=mark)|[A-Za-z]{3,9} \d{1,2}(?P<comma>,?) )(?P<year>\d{4})"
    rf"(?P<between>:|,? (?:@ )?|){_CLOCK}(?P<zone> ?(?:Z|[-+]\d\d:?\d\d))?\s*"
)
"""As access logs of nginx and Apache (14/Sep/2026:08:00:00 +0000) and exports of Kibana (Sep 14, 2026 @ 08:00:00.123)
write times: nothing in them is ambiguous.
"""


@dataclass(frozen=True, slots=True)
class TimePattern:
    """A pattern of strptime; without %z times are UTC.

    Raises:
        TraceError: an unknown directive, or a pattern that leaves the date or half of the day open.
    """

    text: str

    def __post_init__(self) -> None:
        directives = re.findall(r"%(.)", self._long())
        unknown = [f"%{directive}" for directive in directives if directive not in _PARTS and directive != "%"]
        if unknown or self._long().count("%") != len(directives) + directives.count("%"):
            raise TraceError(
                f"--time-format {self.text!r}: {', '.join(unknown) or 'a lone %'} is unknown; known are "
                f"{' '.join('%' + each for each in (*_PARTS, *_SHORT))}"
            )
        twice = sorted({directive for directive in directives if directives.count(directive) > 1 and directive != "%"})
        if twice:
            raise TraceError(f"--time-format {self.text!r}: %{twice[0]} appears twice")
        for wanted, name in (("Yy", "a year (%Y)"), ("mbB", "a month (%m)"), ("d", "a day (%d)")):
            if not set(wanted) & set(directives):
                raise TraceError(f"--time-format {self.text!r}: it lacks {name}")
        if ("I" in directives) != ("p" in directives) or {"H", "I"} <= set(directives):
            raise TraceError(f"--time-format {self.text!r}: write hours as %H, or as %I with %p (AM or PM)")

    def instants(self, column: pa.Array) -> tuple[Ints, Flags]:
        """Nanoseconds since 1970 UTC, and which cells are valid."""
        return instants(self.iso(column), ISO)

    def iso(self, column: pa.Array) -> pa.Array:
        """The times as ISO text; null where they are not written so."""
        found = pc.extract_regex(as_text(column), self._regex())
        part = dict(zip((each.name for each in found.type), found.flatten(), strict=True))
        month = self._month(part)
        iso = pc.binary_join_element_wise(
            self._year(part),
            "-",
            month,
            "-",
            _two(part["d"]),
            "T",
            self._hour(part),
            ":",
            _two(part["M"]) if "M" in part else "00",
            ":",
            _two(part["S"]) if "S" in part else "00",
            *([".", part["f"]] if "f" in part else []),
            *([part["z"]] if "z" in part else []),
            "",
        )
        wrong = pc.fill_null(pc.is_null(iso), fill_value=True)
        return pc.if_else(wrong, pa.scalar(None, pa.string()), iso)

    def _long(self) -> str:
        return re.sub(r"%([FTRD])", lambda match: _SHORT[match[1]], self.text)

    def _regex(self) -> str:
        parts = re.findall(r"%.|\s+|[^%\s]+", self._long())
        return rf"^{_SPACE}*{''.join(map(_matching, parts))}{_SPACE}*$"

    def _year(self, part: dict[str, pa.Array]) -> pa.Array:
        if "Y" in part:
            return part["Y"]
        return pc.binary_join_element_wise("20", part["y"], "")

    def _month(self, part: dict[str, pa.Array]) -> pa.Array:
        if "m" in part:
            return _two(part["m"])
        name = pc.utf8_lower(pc.utf8_slice_codeunits(part.get("b", part.get("B")), 0, 3))
        number = pc.add(pc.index_in(name, pa.array(_MONTHS)), 1)
        return _two(number.cast(pa.string()))

    def _hour(self, part: dict[str, pa.Array]) -> pa.Array | str:
        if "H" in part:
            return _two(part["H"])
        if "I" not in part:
            return "00"
        hour = part["I"].cast(pa.int64())
        possible = pc.and_(pc.greater_equal(hour, 1), pc.less_equal(hour, 12))
        late = pc.match_substring_regex(part["p"], "^[Pp]")
        of_day = pc.add(pc.if_else(pc.equal(hour, 12), 0, hour), pc.if_else(late, 12, 0))
        return _two(pc.if_else(possible, of_day, pa.scalar(None, pa.int64())).cast(pa.string()))


@dataclass(frozen=True, slots=True)
class TimeRule:
    """Rule for reading a column of times."""

    unit: TimeUnit | None
    """Of numbers; None: dates, as text, as Arrow timestamps or as days of a spreadsheet."""
    epoch: bool
    """Counts from 1970-01-01 UTC, rather than from an unknown instant."""
    guessed: bool = False
    dates_in: TimeUnit | None = None
    """Another unit than the stated one, in which the numbers would be dates of our time."""
    pattern: TimePattern | None = None
    """Notation of dates that are not ISO."""
    serial: str = ""
    """First number of days of a spreadsheet and its date, for messages; empty = they are no days of a spreadsheet."""
    serial_step_ns: int = 1
    """Days of a spreadsheet are rounded to it, as their decimals are cut."""

    def finding(self) -> tuple[str, str, str]:
        """Kind, assumption and remedy where the notation was found out or is in doubt; empty where it is certain."""
        if self.pattern is not None and "%b" not in self.pattern.text:
            first = {"%d": "the day first", "%Y": "the year first"}.get(self.pattern.text[:2], "the month first")
            return "time_format", f"{self.pattern.text}, {first}", "write ISO dates"
        if self.serial:
            return (
                "serial_dates",
                f"days since 1899-12-30, as spreadsheets store dates: {self.serial}",
                "let the name of the column end with its unit, as _s",
            )
        zero = "1970-01-01 UTC" if self.epoch else "an unknown start"
        if self.dates_in is not None:
            return (
                "time_unit",
                f"{self.unit} since {zero}, as stated, but its numbers are dates in {self.dates_in}",
                f"let the name of the column end with _{self.dates_in}",
            )
        if self.guessed:
            return "time_unit", f"{self.unit} since {zero}", "let the name of the column end with its unit, as _ms"
        return "", "", ""


ISO = TimeRule(None, epoch=True)
"""Rule for ISO text and Arrow timestamps."""


def time_findings(rules: Mapping[str, TimeRule]) -> list[tuple[str, int, str]]:
    """Kind, count and message on the notations of columns that were found out, by the names of the columns."""
    columns: dict[tuple[str, str, str], list[str]] = {}
    for name, rule in rules.items():
        if rule.finding()[0]:
            columns.setdefault(rule.finding(), []).append(name)
    return [
        (
            kind,
            len(names),
            f"{' and '.join(names)} {'was' if len(names) == 1 else 'were'} read as {said}; if that is wrong, {remedy}",
        )
        for (kind, said, remedy), names in columns.items()
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSource:
    """Origin of a column of times, to decide and to say how it is read.

    Attributes:
        place: the file, for messages.
        option: the command takes `--time-format`.
        month_first: the software that wrote the file writes US English dates with AM or PM.
        rest: all parts of the column again, where the given one is only its beginning.
    """

    place: str = ""
    option: bool = False
    month_first: bool = False
    rest: Callable[[], Iterable[pa.Array]] | None = None


_ANYWHERE = TimeSource()


def time_rule(column: pa.Array, name: str, unit: TimeUnit | None, source: TimeSource = _ANYWHERE) -> TimeRule:
    """Rule for reading a column of times, from its cells that are not empty.

    Arrow timestamps are dates. Without a given `unit`, text that is mostly no number is dates in the notation of
    `dated`, else ISO. Numbers are in the given unit, else in the one that the column's name ends with (`_s`, `_ms`,
    `_us`, `_ns`, `(ms)`), else in s, ms, us or ns if they fall between 2001 and 2286 in it, counted from 1970, else
    dates as 20260105, else days of a spreadsheet if they fall between 2000 and 2099, else in seconds. Numbers that fall
    in those years count from 1970.

    Raises:
        TraceError: the order of day and month is unknown.
    """
    if pa.types.is_timestamp(column.type):
        return ISO
    text = as_text(column.drop_null()[:_HEAD])
    numeric = text.filter(pc.match_substring_regex(text, NUMBER))
    if unit is None and (2 * len(numeric) < len(text) or len(numeric) == 0):
        return TimeRule(None, epoch=True, pattern=dated(column, name, source))
    numbers = pc.utf8_trim_whitespace(numeric).cast(pa.float64()).to_numpy()
    middle = float(np.median(numbers)) if len(numbers) else 0.0
    suffix = _UNIT_OF_NAME.search(name.lower())
    stated = unit or (suffix[1] if suffix else None)
    in_years = [u for u in _DIGITS if EPOCH_S[0] <= middle * 10.0 ** (_DIGITS[u] - 9) < EPOCH_S[1]]
    if stated is None and not in_years:
        if all(_COMPACT.fullmatch(cell) for cell in numeric.to_pylist()):
            return TimeRule(None, epoch=True, pattern=TimePattern("%Y%m%d"))
        if ((numbers >= _SERIAL[0]) & (numbers < _SERIAL[1])).mean() >= _MOST_CELLS:
            return _serial_rule(numbers)
    chosen: Any = stated or (in_years[0] if in_years else "s")
    other: Any = in_years[0] if in_years and chosen not in in_years and numbers.min() > 0.9 * middle else None
    return TimeRule(chosen, epoch=chosen in in_years, guessed=stated is None, dates_in=other)


def _serial_rule(numbers: Floats) -> TimeRule:
    """Rule for days of a spreadsheet: those of at most six decimals were cut, and are of whole seconds."""
    first = float(numbers[(numbers >= _SERIAL[0]) & (numbers < _SERIAL[1])][0])
    date = (_DAY_ZERO + timedelta(days=first, milliseconds=0.5)).isoformat(" ", "seconds")[:19].removesuffix(":00")
    cut = np.abs(numbers * 1e6 - np.rint(numbers * 1e6)).max() < 1e-3
    return TimeRule(
        None, epoch=True, serial=f"{first:.10g} is {date}", serial_step_ns=NS_PER_S if cut else NS_PER_S // 1000
    )


def instants(column: pa.Array, rule: TimeRule) -> tuple[Ints, Flags]:
    """Nanoseconds since the rule's zero, exact for text of up to 9 decimals of a second; and which are valid."""
    if pa.types.is_timestamp(column.type):
        return int64s(*cast_where(column.cast(pa.timestamp(column.type.unit)), pa.timestamp("ns")))
    if rule.pattern is not None:
        return rule.pattern.instants(column)
    if rule.serial:
        return _of_serials(column, rule.serial_step_ns)
    if rule.unit is None:
        return _iso(as_text(column))
    if pa.types.is_floating(column.type):
        return _float_ns(column.to_numpy(zero_copy_only=False), rule.unit)
    if pa.types.is_signed_integer(column.type):
        values, ok = whole_numbers(column)
        scale = 10 ** _DIGITS[rule.unit]
        return values * scale, ok & (np.abs(values) <= _MOST // scale)
    return _decimal_ns(as_text(column), rule.unit)


def without_zone(column: pa.Array, rule: TimeRule = ISO) -> Flags:
    """Dates that do not say their zone."""
    if pa.types.is_timestamp(column.type):
        return np.full(len(column), column.type.tz is None)
    if rule.unit is not None or rule.serial or rule.pattern is not None:
        return np.full(len(column), rule.unit is None and not (rule.pattern and "%z" in rule.pattern.text))
    zoned = pc.fill_null(pc.match_substring_regex(as_text(column), _SAYS_ZONE), fill_value=True)
    flags: Flags = ~zoned.to_numpy(zero_copy_only=False)
    return flags


def dated(column: pa.Array, name: str, source: TimeSource = _ANYWHERE) -> TimePattern | None:
    """The pattern of times such as 25.03.2026 09:00, 3/25/2026, 9:00 AM or 25/Mar/2026:09:00:00 +0000; None = they are
    not written so. All dates of the column decide whether the day or the month comes first.

    Raises:
        TraceError: day and month cannot be told apart, or some dates have the day first and others the month.
    """
    if pa.types.is_timestamp(column.type):
        return None
    texts = [text for text in as_text(column[:_HEAD]).to_pylist() if text and text.strip()]
    named = [match for text in texts if (match := _NAMED_MONTH.fullmatch(text))]
    if 2 * len(named) > len(texts):
        return TimePattern(_pattern_of_name(named[0]))
    found = [match for text in texts if (match := _DAY_MONTH.fullmatch(text))]
    if 2 * len(found) <= len(texts):
        return None
    day_first, us = (_pattern(found[0], order) for order in ("%d{0}%m{0}", "%m{0}%d{0}"))
    days, months = _above_12(column)
    for part in source.rest() if source.rest is not None and not days and not months else ():
        days, months = (known or more for known, more in zip((days, months), _above_12(part), strict=True))
    if days and months:
        raise TraceError(
            f"{source.place}: {name}: {days!r} has the day first and {months!r} the month; write all as yyyy-mm-dd"
        )
    if days:
        return TimePattern(day_first)
    if months or (source.month_first and found[0]["half"]):
        return TimePattern(us)
    remedy = f"'{day_first}' if the day comes first, '{us}' if the month does"
    raise TraceError(
        f"{source.place}: {name}: {found[0].string!r}: the order of day and month is ambiguous; "
        + (f"pass --time-format {remedy}" if source.option else f"write all as yyyy-mm-dd, here {_both(found[0])}")
    )


def _above_12(column: pa.Array) -> tuple[str, str]:
    """A date whose first number is above 12, and one whose second is; empty = there is none."""
    text = as_text(column)
    parts = pc.extract_regex(text, r"^\s*(?P<first>\d{1,2})[./-](?P<second>\d{1,2})[./-]\d{2}")
    first, second = (pc.if_else(pc.equal(part, ""), None, part).cast(pa.int64()) for part in parts.flatten())
    found = []
    for number, other in ((first, second), (second, first)):
        is_day = pc.and_(pc.and_(pc.greater(number, 12), pc.less_equal(number, 31)), pc.less_equal(other, 12))
        at = pc.index(is_day, pa.scalar(value=True)).as_py()
        found.append(text[at].as_py() if at >= 0 else "")
    return found[0], found[1]


def _both(match: re.Match[str]) -> str:
    """The two days that a date may be."""
    year = match["year"] if len(match["year"]) == 4 else f"20{match['year']}"
    first, second = match["first"].zfill(2), match["second"].zfill(2)
    return f"{year}-{second}-{first} or {year}-{first}-{second}"


def _pattern(match: re.Match[str], order: str) -> str:
    """The pattern of a date as this one, with the order of day and month given."""
    year = "%Y" if len(match["year"]) == 4 else "%y"
    if not match["clock"]:
        return order.format(match["mark"]) + year
    between = re.sub(r"\s|\u00a0|\u202f", " ", match["between"] or "")
    return order.format(match["mark"]) + year + between + _clock(match)


def _pattern_of_name(match: re.Match[str]) -> str:
    """The pattern of a date with the name of its month."""
    mark = match["mark"]
    date = f"%d{mark}%b{mark}%Y" if mark else f"%b %d{match['comma']} %Y"
    if not match["clock"]:
        return date
    zone = "" if not match["zone"] else " %z" if match["zone"].startswith(" ") or match["space"] else "%z"
    return f"{date}{match['between']}{_clock(match)}{zone}"


def _clock(match: re.Match[str]) -> str:
    """The pattern of the time of day."""
    clock = f"{'%I' if match['half'] else '%H'}:%M" + (":%S" if match["seconds"] else "")
    clock += f"{match['fraction'][0]}%f" if match["fraction"] else ""
    return clock + ((" " if match["space"] else "") + "%p" if match["half"] else "")


def _two(column: pa.Array) -> pa.Array:
    return pc.utf8_lpad(column, 2, "0")


def _matching(part: str) -> str:
    """The regular expression of a directive, of space or of literal text."""
    if part.isspace():
        return _SPACE + "+"
    if part.startswith("%") and part != "%%":
        return f"(?P<{part[1]}>{_PARTS[part[1]]})"
    return re.escape(part.replace("%%", "%"))


def _iso(text: pa.Array) -> tuple[Ints, Flags]:
    """ISO text; without a zone it is taken as UTC."""
    zoned = len(text) > 0 and re.match(_ZONED, text[0].as_py() or "")
    with suppress(pa.ArrowInvalid):
        return int64s(text.cast(pa.timestamp("ns", "UTC" if zoned else None)), valid(text))
    bare = pc.utf8_trim_whitespace(text)
    for pattern, iso in _AS_ISO:
        bare = pc.replace_substring_regex(bare, pattern, iso)
    naive, naive_ok = int64s(*cast_where(matching(bare, _ISO), pa.timestamp("ns")))
    offset, offset_ok = int64s(*cast_where(matching(bare, _ZONED), pa.timestamp("ns", "UTC")))
    return np.where(naive_ok, naive, offset), naive_ok | offset_ok


def _decimal_ns(text: pa.Array, unit: TimeUnit) -> tuple[Ints, Flags]:
    """Numbers as text, exactly through 128-bit decimals; digits below 1 ns are cut."""
    target = pa.decimal128(38, _DIGITS[unit])
    try:
        return _unscaled(text.cast(target), valid(text))
    except pa.ArrowInvalid:
        digits = _DIGITS[unit]
        bare = pc.replace_substring_regex(pc.utf8_trim_whitespace(text), rf"(\.\d{{{digits}}})\d+$", r"\1")
        exact, exact_ok = _unscaled(*cast_where(matching(bare, _DECIMAL), target))
        floats, float_ok = cast_where(matching(bare, NUMBER), pa.float64())
        near, near_ok = _float_ns(floats.to_numpy(zero_copy_only=False), unit)
        return np.where(exact_ok, exact, near), exact_ok | (float_ok & near_ok)


def _unscaled(column: pa.Array, ok: Flags) -> tuple[Ints, Flags]:
    """The integers behind 128-bit decimals (value x 10^scale); not valid where beyond 64 bits."""
    words = np.frombuffer(column.buffers()[1], np.int64).reshape(-1, 2)[column.offset :][: len(column)]
    ok = ok & (words[:, 1] == words[:, 0] >> 63)
    return np.where(ok, words[:, 0], 0), ok


def _float_ns(values: npt.NDArray[np.floating[Any]], unit: TimeUnit) -> tuple[Ints, Flags]:
    """Floating-point times to the nearest ns; whole units are exact."""
    scale = 10 ** _DIGITS[unit]
    doubles = values.astype(np.float64)  # a half has no number as large as the limit
    ok = np.abs(doubles) < 2.0**63 / scale
    safe = np.where(ok, doubles, 0.0)
    whole = np.floor(safe)
    return whole.astype(np.int64) * scale + np.rint((safe - whole) * scale).astype(np.int64), ok


def _of_serials(column: pa.Array, step_ns: int) -> tuple[Ints, Flags]:
    """Days of a spreadsheet as nanoseconds since 1970; valid from 2000 to 2099."""
    text = pc.utf8_trim_whitespace(as_text(column))
    days = matching(text, NUMBER).cast(pa.float64()).to_numpy(zero_copy_only=False)
    ok = (days >= _SERIAL[0]) & (days < _SERIAL[1])
    steps_a_second = NS_PER_S // step_ns
    steps = np.rint(np.where(ok, days, 0.0) * (86_400 * steps_a_second)).astype(np.int64)
    return np.where(ok, steps * step_ns + _DAY_ZERO_S * NS_PER_S, 0), ok
