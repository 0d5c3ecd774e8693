"""Times written as the user says (`--time-format`), or as 3/2/2026 9:00 where the order of day and month is certain."""

import re
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from simcost.errors import TraceError
from simcost.tables.cells import Flags, Ints, TimeRule, as_text, instants

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
_HEAD = 1000


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
        return instants(self.iso(column), TimeRule(None, epoch=True))

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


def dated(column: pa.Array, place: str, name: str, *, month_first: bool) -> TimePattern | None:
    """The pattern of times such as 25.03.2026 09:00, 3/25/2026, 9:00 AM or 25/Mar/2026:09:00:00 +0000; None = they are
    not written so.

    Args:
        column: the first arrivals.
        place: the log, for messages.
        name: of the column.
        month_first: take dates with AM or PM as US English, where nothing in them says otherwise.

    Raises:
        TraceError: day and month cannot be told apart.
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
    first, second = (max(int(match[part]) for match in found) for part in ("first", "second"))
    day_first, us = (_pattern(found[0], order) for order in ("%d{0}%m{0}", "%m{0}%d{0}"))
    if first > 12 and second <= 12:
        return TimePattern(day_first)
    if (second > 12 and first <= 12) or (month_first and found[0]["half"] and first <= 12):
        return TimePattern(us)
    raise TraceError(
        f"{place}: {name}: {texts[0]!r}: the order of day and month is ambiguous; pass --time-format "
        f"'{day_first}' if the day comes first, '{us}' if the month does"
    )


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
