"""Cells and rows of a cost file, cleaned: words, numbers and times as columns, each with its repairs."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.errors import TraceError
from simcost.tables.cells import NO_VALUE, Flags, Floats, Ints, as_text, empty, real_numbers
from simcost.tables.dates import ISO, TimeRule, TimeSource, instants, time_rule
from simcost.trace.focus.columns import COLUMNS
from simcost.units import NS_PER_S

LARGEST = 1e15
"""No cost and no quantity is beyond."""
_AMOUNT = r"\s*-?\s*(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?\s*"
_MONEY = rf"^\s*-?(?:\([$€£¥]?{_AMOUNT}\)|[$€£¥]{_AMOUNT})$"
"""An amount with a currency sign or in parentheses."""
IDLE_MARKS = {
    "x_UsageType": r"Unused(Box|Ded):",
    "ResourceId": r"(?i)/capacityreservationgroups/",
    "x_SystemLabels": r"is_unused_reservation\W+(value\W+)?true",
}
"""Marks of idle reserved capacity in exports without CapacityReservationStatus. AWS has usage types of its own, Azure
bills the unused part to the reservation, Google Cloud has a system label. Sources: AWS Data Exports guide, monitoring
On-Demand Capacity Reservations; Azure, overview of on-demand capacity reservation; Google Cloud, system labels of the
detailed billing export.
"""
_ISO_Z = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"


@dataclass(frozen=True, slots=True)
class Words:
    """A column of text: an index into its distinct words per row, -1 where there is none."""

    codes: Ints
    distinct: pa.Array
    """The words, each once; may hold some that no row has."""

    @property
    def given(self) -> Flags:
        """Rows that have a word."""
        return self.codes >= 0

    def equal(self, *words: str) -> Flags:
        """Rows that have one of the words."""
        hits = np.append(pc.is_in(self.distinct, pa.array(words)).to_numpy(zero_copy_only=False), [False])
        result: Flags = hits[self.codes]
        return result

    def matching(self, pattern: str) -> Flags:
        """Rows whose word matches a regular expression."""
        hits = pc.match_substring_regex(self.distinct, pattern).fill_null(fill_value=False)
        result: Flags = np.append(hits.to_numpy(zero_copy_only=False), [False])[self.codes]
        return result

    def same(self, other: "Words") -> Flags:
        """Rows in which both have the same word, or neither has one."""
        places = pc.index_in(self.distinct, other.distinct).fill_null(-2).to_numpy(zero_copy_only=False)
        result: Flags = np.append(places, [-1])[self.codes] == other.codes
        return result

    def text(self) -> pa.Array:
        """The words of the rows, null where there is none."""
        return self.distinct.take(pa.array(self.codes, mask=self.codes < 0))


@dataclass(frozen=True, slots=True)
class Mended:
    """Rows of one column that were not written as they should be."""

    literal_null: Flags
    """A word such as NULL where the cell should be empty."""
    unreadable: Flags
    """No number, no time: read as missing."""
    respelled: Flags
    """Another case or form of a known word."""


def words(column: pa.Array, allowed: Sequence[str] = ()) -> tuple[Words, Mended]:
    """Text, with the spelling of `allowed` where only the case differs."""
    encoded = flat_text(column).dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    raw = encoded.dictionary
    trimmed = pc.utf8_trim_whitespace(raw)
    lower = pc.utf8_lower(trimmed)
    literal = pc.is_in(lower, pa.array(NO_VALUE)).to_numpy(zero_copy_only=False)
    blank = pc.equal(trimmed, "").to_numpy(zero_copy_only=False)
    meant = trimmed
    if allowed:
        place = pc.index_in(lower, pa.array([word.lower() for word in allowed]))
        meant = pc.coalesce(pa.array(allowed, pa.string()).take(place), trimmed)
    respelled = pc.not_equal(meant, raw).to_numpy(zero_copy_only=False) & ~literal & ~blank
    kept = pc.if_else(pa.array(literal | blank), pa.scalar(None, pa.string()), meant).dictionary_encode()
    places = kept.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    found = Words(np.append(places, [-1]).astype(np.int64)[codes], kept.dictionary)
    return found, Mended(_at(literal, codes), np.zeros(len(codes), np.bool_), _at(respelled, codes))


def _at(flags: Flags, codes: Ints) -> Flags:
    result: Flags = np.append(flags, [False])[codes]
    return result


def numbers(column: pa.Array) -> tuple[Floats, Mended]:
    """Numbers, NaN where there is none."""
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    values, ok = real_numbers(column)
    ok &= ~(np.abs(values) > LARGEST)
    none = np.zeros(len(values), np.bool_)
    literal = respelled = none
    values = np.where(ok, values, np.nan)
    if pa.types.is_string(column.type):
        missing = np.isnan(values) & ok
        if missing.any():
            literal = missing & ~empty(column)
        if not ok.all():
            written = _accounting(column)
            respelled = ~ok & ~np.isnan(written)
            values = np.where(respelled, written, values)
    return values, Mended(literal, ~ok & ~respelled, respelled)


def _accounting(column: pa.Array) -> Floats:
    """Amounts as spreadsheets show money, with a currency sign or negative in parentheses; NaN of other cells.

    >>> _accounting(pa.array(["$1,861.50", "(50.00)", "-$3", "1,861"])).tolist()
    [1861.5, -50.0, -3.0, nan]
    """
    is_money = pc.match_substring_regex(column, _MONEY)
    negative = pc.match_substring_regex(column, r"[-(]").fill_null(fill_value=False).to_numpy(zero_copy_only=False)
    bare = pc.if_else(is_money, pc.replace_substring_regex(column, r"[^\d.]", ""), None).cast(pa.float64())
    values: Floats = bare.to_numpy(zero_copy_only=False)
    return np.where(negative, -values, values)


@dataclass(slots=True)
class FocusTimes:
    """Reads the columns of times of one file, each as its first rows are written.

    Attributes:
        theirs: ours -> the file's column.
        again: all parts of a column of ours once more.
        rules: how each column of the file is read.
    """

    theirs: Mapping[str, str]
    again: Callable[[str], Iterable[pa.Array]]
    rules: dict[str, TimeRule] = field(default_factory=dict)

    def rule(self, ours: str, distinct: pa.Array) -> TimeRule:
        """Rule for a column, by its first words. Raises TraceError for numbers that count from an unknown start."""
        name = self.theirs.get(ours, ours)
        if name not in self.rules:
            if not len(distinct):
                return ISO
            rule = time_rule(distinct, name, None, TimeSource(rest=lambda: self.again(ours)))
            if not rule.epoch:
                raise TraceError(f"{name}: {distinct[0].as_py()!r} is not a date; write ISO time")
            self.rules[name] = rule
        return self.rules[name]


def times(column: pa.Array, rule_of: Callable[[pa.Array], TimeRule]) -> tuple[Ints, Flags, Mended]:
    """Seconds since 1970 UTC, and which rows have a time; text without a zone is taken as UTC."""
    none = np.zeros(len(column), np.bool_)
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("s"))
    if pa.types.is_timestamp(column.type):
        nanoseconds, ok = instants(column, ISO)
        missing = column.is_null().to_numpy(zero_copy_only=False)
        return nanoseconds // NS_PER_S, ok, Mended(none, ~ok & ~missing, none)
    said, mended = words(column)
    nanoseconds, ok = instants(said.distinct, rule_of(said.distinct.drop_null()))
    plain = ~pc.match_substring_regex(said.distinct, _ISO_Z).to_numpy(zero_copy_only=False)
    seconds = np.append(nanoseconds, [0])[said.codes] // NS_PER_S
    known = _at(ok, said.codes)
    mended = Mended(mended.literal_null, said.given & ~known, _at(plain & ok, said.codes))
    return seconds, known, mended


def flat_text(column: pa.Array) -> pa.Array:
    """A column of any type as text; maps become JSON objects, as Parquet exports hold tags and details."""
    if pa.types.is_map(column.type):
        return _objects(column)
    if pa.types.is_nested(column.type):
        return pa.nulls(len(column), pa.string())
    return as_text(column)


def _objects(column: pa.Array) -> pa.Array:
    pairs = pc.binary_join_element_wise(_quoted(column.keys), _quoted(column.items), ": ")
    lists = pa.ListArray.from_arrays(column.offsets, pairs)
    inner = pc.binary_join(lists, ", ")
    text = pc.binary_join_element_wise("{", inner, "}", "")
    return pc.if_else(column.is_null(), pa.scalar(None, pa.string()), text)


def _quoted(texts: pa.Array) -> pa.Array:
    """As JSON strings; null stays the word null."""
    escaped = pc.replace_substring(pc.replace_substring(as_text(texts), "\\", "\\\\"), '"', '\\"')
    return pc.coalesce(pc.binary_join_element_wise('"', escaped, '"', ""), pa.scalar("null"))


@dataclass(frozen=True, slots=True)
class FocusRows:
    """Cleaned rows; a column that the file lacks is empty in all of them."""

    count: int
    words: Mapping[str, Words]
    numbers: Mapping[str, Floats]
    """NaN where there is none."""
    times_s: Mapping[str, Ints]
    """Since 1970 UTC."""
    timed: Mapping[str, Flags]
    """Rows that have a time."""
    mended: Mapping[str, Mended]

    def word(self, column: str) -> Words:
        """A column of text."""
        return self.words.get(column) or Words(np.full(self.count, -1, np.int64), pa.array([], pa.string()))

    def number(self, column: str) -> Floats:
        """A column of numbers."""
        return self.numbers[column] if column in self.numbers else np.full(self.count, np.nan)

    def is_(self, column: str, *words: str) -> Flags:
        """Rows with one of the words in a column."""
        return self.word(column).equal(*words)

    def has(self, column: str) -> Flags:
        """Rows with a value in a column."""
        if column in self.numbers:
            return ~np.isnan(self.numbers[column])
        if column in self.timed:
            return self.timed[column]
        return self.word(column).given

    @property
    def idle(self) -> Flags:
        """Rows of reserved capacity that nothing used, by the FOCUS status or the provider's own mark."""
        marked = self.is_("CapacityReservationStatus", "Unused")
        for column, pattern in IDLE_MARKS.items():
            marked |= self.word(column).matching(pattern)
        return marked & self.is_("ChargeCategory", "Usage") & ~self.is_("CommitmentDiscountStatus", "Unused")

    @property
    def used(self) -> Flags:
        """Rows of usage, without what stands for an unused commitment or reservation."""
        unused = self.is_("CommitmentDiscountStatus", "Unused")
        return self.is_("ChargeCategory", "Usage") & ~unused & ~self.idle


def clean(columns: Mapping[str, pa.Array], read: FocusTimes) -> FocusRows:
    """The columns of a chunk, each by its kind; columns that are not of FOCUS are text.

    Raises:
        TraceError: a column of a type that cannot be read, or of times that are no dates.
    """
    found: dict[str, Words] = {}
    floats: dict[str, Floats] = {}
    seconds: dict[str, Ints] = {}
    timed: dict[str, Flags] = {}
    mended: dict[str, Mended] = {}
    for name, column in columns.items():
        kind = COLUMNS[name].kind if name in COLUMNS else "string"
        try:
            if kind == "decimal":
                floats[name], mended[name] = numbers(column)
            elif kind == "time":
                seconds[name], timed[name], mended[name] = times(column, partial(read.rule, name))
            else:
                allowed = COLUMNS[name].allowed if name in COLUMNS else ()
                found[name], mended[name] = words(column, allowed)
        except pa.ArrowException as error:
            raise TraceError(f"column {name!r} holds {column.type}; write one value a row") from error
    count = len(next(iter(columns.values()))) if columns else 0
    return FocusRows(count, found, floats, seconds, timed, mended)


def pieces(rows: FocusRows, what: str) -> Iterator[tuple[str, Flags]]:
    """The columns with repairs of a kind, and the rows."""
    for name, one in rows.mended.items():
        flags: Flags = getattr(one, what)
        if flags.any():
            yield name, flags
