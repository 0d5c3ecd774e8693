"""Cells of a log to integers: whole columns at once, with a flag for each cell that could not be read.

Text is parsed by Arrow's vectorised casts; only where a cast refuses a column are its bad cells searched for.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from simcost.tables.sheet_dates import sheet_dates

TimeUnit = Literal["s", "ms", "us", "ns"]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_DIGITS = {"s": 9, "ms": 6, "us": 3, "ns": 0}
_UNIT_OF_NAME = re.compile(r"[_ (\[-](ns|us|ms|s)\W*$")
_WHOLE = r"^-?\d{1,18}$"
_DECIMAL = r"^[-+]?(\d{1,19}(\.\d{0,9})?|\.\d{1,9})$"
_NUMBER = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"
_ISO = r"^\d{4}-\d\d-\d\d([ T]\d\d(:\d\d(:\d\d(\.\d{1,9})?)?)?)?$"
_ZONED = r"^\d{4}-\d\d-\d\d[ T]\d\d(:\d\d(:\d\d(\.\d{1,9})?)?)?(Z|[-+]\d\d(:?\d\d)?)$"
_SAYS_ZONE = r"[ T].*([Zz]|UTC|GMT|[-+]\d\d(:?\d\d)?( [A-Z]{3,4})?)\s*$"
_AS_ISO = (
    (r"(:\d\d),(\d{1,9})", r"\1.\2"),
    (r"\s?([-+]\d\d:?\d\d) [A-Z]{3,4}$", r"\1"),
    (r"(:\d\d(?:\.\d+)?)\s?(?:UTC|GMT|z)$", r"\1Z"),
    (r"(:\d\d(?:\.\d+)?)\s([-+]\d\d(?::?\d\d)?)$", r"\1\2"),
)
"""Times as Python's logging, databases and Go write them: pattern, and how ISO writes it."""
NO_VALUE = ("na", "n/a", "<na>", "nan", "null", "none", "\\n")
"""Words for no value in a column of numbers or times, in lower case."""
_NO_NUMBER = pa.array(["", *NO_VALUE])
_TEXT: dict[pa.DataType, tuple[pa.DataType, pa.DataType]] = {
    **dict.fromkeys((pa.string(), pa.binary()), (pa.binary(), pa.string())),
    **dict.fromkeys((pa.large_string(), pa.large_binary()), (pa.large_binary(), pa.large_string())),
}
"""Types of text: the same as bytes, and as UTF-8."""
EPOCH_S = (1e9, 1e10)  # 2001 to 2286
LARGEST = 1e100
"""No number of a file is larger; squares and sums of what is below stay finite."""
_HEAD = 1000
_MOST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class TimeRule:
    """Rule for reading an arrival column."""

    unit: TimeUnit | None
    """None: ISO text or Arrow timestamps."""
    epoch: bool
    """Counts from 1970-01-01 UTC, rather than from an unknown instant."""
    guessed: bool = False
    dates_in: TimeUnit | None = None
    """Another unit than the stated one, in which the numbers would be dates of our time."""
    sheet: str = ""
    """Sentence on numbers that would be dates of a spreadsheet; empty = they are not, or their unit is stated."""


def time_rule(column: pa.Array, name: str, unit: TimeUnit | None) -> TimeRule:
    """Rule for reading the arrivals, from the first cells of the column.

    Arrow timestamps are dates. Without a given `unit`, text that is mostly no number is ISO times. Numbers
    are in the given unit, else in the one that the column's name ends with (`_s`, `_ms`, `_us`, `_ns`, `(ms)`),
    else in s, ms, us or ns if they fall between 2001 and 2286 in it, counted from 1970, else in seconds.
    Numbers that fall in those years count from 1970.
    """
    if pa.types.is_timestamp(column.type):
        return TimeRule(None, epoch=True)
    text = as_text(column.drop_null()[:_HEAD])
    numeric = text.filter(pc.match_substring_regex(text, _NUMBER))
    if unit is None and (2 * len(numeric) < len(text) or len(numeric) == 0):
        return TimeRule(None, epoch=True)
    numbers = pc.utf8_trim_whitespace(numeric).cast(pa.float64()).to_numpy()
    middle = float(np.median(numbers)) if len(numbers) else 0.0
    suffix = _UNIT_OF_NAME.search(name.lower())
    stated = unit or (suffix[1] if suffix else None)
    in_years = [u for u in _DIGITS if EPOCH_S[0] <= middle * 10.0 ** (_DIGITS[u] - 9) < EPOCH_S[1]]
    chosen: Any = stated or (in_years[0] if in_years else "s")
    other: Any = in_years[0] if in_years and chosen not in in_years and numbers.min() > 0.9 * middle else None
    return TimeRule(
        chosen,
        epoch=chosen in in_years,
        guessed=stated is None,
        dates_in=other,
        sheet=sheet_dates(numbers) if stated is None and (numbers % 1 > 0).any() else "",
    )


def instants(column: pa.Array, rule: TimeRule) -> tuple[Ints, Flags]:
    """Nanoseconds since the rule's zero, exact for text of up to 9 decimals of a second; and which are valid."""
    if pa.types.is_timestamp(column.type):
        return _ints(*cast_where(column.cast(pa.timestamp(column.type.unit)), pa.timestamp("ns")))
    if rule.unit is None:
        return _iso(as_text(column))
    if pa.types.is_floating(column.type):
        return _float_ns(column.to_numpy(zero_copy_only=False), rule.unit)
    if pa.types.is_signed_integer(column.type):
        values, ok = whole_numbers(column)
        scale = 10 ** _DIGITS[rule.unit]
        return values * scale, ok & (np.abs(values) <= _MOST // scale)
    return _decimal_ns(as_text(column), rule.unit)


def whole_numbers(column: pa.Array) -> tuple[Ints, Flags]:
    """The integers of a column of any type, and which cells hold one; 374.0 is one, 1e3 and True are not."""
    if pa.types.is_floating(column.type):
        values = column.to_numpy(zero_copy_only=False).astype(np.float64)
        ok = (np.abs(values) < 2.0**53) & (np.floor(values) == values)
        return np.where(ok, values, 0).astype(np.int64), ok
    if pa.types.is_signed_integer(column.type):
        return _ints(column.cast(pa.int64()), _valid(column))
    text = as_text(column)
    if not _has_letters(text):  # Arrow reads 0x10 as 16
        with suppress(pa.ArrowInvalid):
            return _ints(text.cast(pa.int64()), _valid(text))
    bare = pc.replace_substring_regex(pc.utf8_trim_whitespace(text), r"^\+|\.0*$", "")
    return _ints(*cast_where(_only(bare, _WHOLE), pa.int64()))


def real_numbers(column: pa.Array) -> tuple[Floats, Flags]:
    """The numbers of a column of any type, NaN where there is none, and which cells hold one or are empty.

    A word for no value counts as empty. Infinity is not a number here, nor is what is so large that a product of it
    would be; what is so near 0 that a quotient would be is 0.
    """
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return _ordinary(values, np.isnan(values))
    text = pc.utf8_trim_whitespace(as_text(column))
    text = pc.if_else(pc.is_in(pc.utf8_lower(text), _NO_NUMBER), pa.scalar(None, pa.string()), text)
    try:
        numbers = text.cast(pa.float64())
    except pa.ArrowInvalid:
        numbers = _only(text, _NUMBER).cast(pa.float64())
    values = numbers.to_numpy(zero_copy_only=False)
    return _ordinary(values, ~_valid(text))


def _ordinary(values: Floats, empty: Flags) -> tuple[Floats, Flags]:
    """The numbers whose squares and quotients are finite, and which cells hold one or are empty."""
    size = np.abs(values)
    known: Flags = size <= LARGEST
    if not (known | empty).all():
        values = np.where(known, values, np.nan)
    if (tiny := (size < 1 / LARGEST) & (size > 0)).any():
        values = np.where(tiny, 0.0, values)
    return values, known | empty


def empty(column: pa.Array, *, words: bool = False) -> Flags:
    """Cells that hold nothing: null, NaN, blank text; with `words`, also a word for no value, as of numbers."""
    if pa.types.is_null(column.type) or pa.types.is_primitive(column.type) or pa.types.is_nested(column.type):
        missing = pc.is_null(column, nan_is_null=pa.types.is_floating(column.type))
    else:
        text = pc.utf8_trim_whitespace(as_text(column))
        blank = pc.is_in(pc.utf8_lower(text), _NO_NUMBER) if words else pc.equal(text, "")
        missing = pc.or_(column.is_null(), pc.fill_null(blank, fill_value=True))
    flags: Flags = missing.to_numpy(zero_copy_only=False)
    return flags


def without_zone(column: pa.Array) -> Flags:
    """Dates that do not say their zone."""
    if pa.types.is_timestamp(column.type):
        return np.full(len(column), column.type.tz is None)
    zoned = pc.fill_null(pc.match_substring_regex(as_text(column), _SAYS_ZONE), fill_value=True)
    flags: Flags = ~zoned.to_numpy(zero_copy_only=False)
    return flags


def as_text(column: pa.Array) -> pa.Array:
    """Any column as strings; bytes that are no UTF-8 become U+FFFD. Raises ArrowException for nested types."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type):
        return column
    if not (pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)):
        return column.cast(pa.string())
    text, ok = cast_where(column, pa.string())
    return text if ok.all() else pc.if_else(pc.or_(pa.array(ok), column.is_null()), text, "\ufffd")


def decoded(column: pa.Array) -> pa.Array:
    """Text of any type (large, as a view, of a dictionary, bytes) as strings; other columns as they are."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return as_text(column) if column.type in _TEXT or pa.types.is_string_view(column.type) else column


def undecodable(column: pa.Array) -> list[int]:
    """Rows whose text is not UTF-8; a Parquet file may hold such text."""
    if pa.types.is_dictionary(column.type):
        if not undecodable(column.dictionary):
            return []
        column = column.dictionary_decode()
    raw, text = _TEXT.get(column.type, (None, None))
    if raw is None:
        return []
    with suppress(pa.ArrowInvalid):
        column.cast(raw).cast(text)
        return []
    _, ok = cast_where(column.cast(raw), text)
    bad: list[int] = np.flatnonzero(~ok & _valid(column)).tolist()
    return bad


def bytes_of(column: pa.Array, i: int) -> bytes:
    """The bytes of a cell of text."""
    one = column[i : i + 1]
    one = one.dictionary_decode() if pa.types.is_dictionary(one.type) else one
    data: bytes = one.cast(_TEXT[one.type][0])[0].as_py()
    return data


def cast_where(column: pa.Array, target: pa.DataType) -> tuple[pa.Array, Flags]:
    """The column cast, with nulls where a cell does not cast, and which cells are valid."""
    cast = _halving(column, target)
    return cast, _valid(cast)


def _halving(column: pa.Array, target: pa.DataType) -> pa.Array:
    """Cast the whole, else its halves, down to the single cells that refuse."""
    try:
        return column.cast(target)
    except pa.ArrowInvalid:
        if len(column) == 1:
            return pa.nulls(1, target)
    half = len(column) // 2
    return pa.concat_arrays([_halving(column[:half], target), _halving(column[half:], target)])


def _only(text: pa.Array, pattern: str) -> pa.Array:
    """Nulls where the text does not match."""
    return pc.if_else(pc.match_substring_regex(text, pattern), text, pa.scalar(None, text.type))


def _has_letters(text: pa.Array) -> bool:
    """True if any byte behind the strings comes after the digits; looks at the whole buffer."""
    letters = text.buffers()[2]
    return letters is not None and letters.size > 0 and bool(np.frombuffer(letters, np.uint8).max() > ord("9"))


def _valid(column: pa.Array) -> Flags:
    flags: Flags = column.is_valid().to_numpy(zero_copy_only=False)
    return flags


def _ints(column: pa.Array, ok: Flags) -> tuple[Ints, Flags]:
    """The cells as int64, 0 where not valid."""
    values = column.cast(pa.int64())
    return (values if ok.all() else values.fill_null(0)).to_numpy(), ok


def _iso(text: pa.Array) -> tuple[Ints, Flags]:
    """ISO text; without a zone it is taken as UTC."""
    zoned = len(text) > 0 and re.match(_ZONED, text[0].as_py() or "")
    with suppress(pa.ArrowInvalid):
        return _ints(text.cast(pa.timestamp("ns", "UTC" if zoned else None)), _valid(text))
    bare = pc.utf8_trim_whitespace(text)
    for pattern, iso in _AS_ISO:
        bare = pc.replace_substring_regex(bare, pattern, iso)
    naive, naive_ok = _ints(*cast_where(_only(bare, _ISO), pa.timestamp("ns")))
    offset, offset_ok = _ints(*cast_where(_only(bare, _ZONED), pa.timestamp("ns", "UTC")))
    return np.where(naive_ok, naive, offset), naive_ok | offset_ok


def _decimal_ns(text: pa.Array, unit: TimeUnit) -> tuple[Ints, Flags]:
    """Numbers as text, exactly through 128-bit decimals; digits below 1 ns are cut."""
    target = pa.decimal128(38, _DIGITS[unit])
    try:
        return _unscaled(text.cast(target), _valid(text))
    except pa.ArrowInvalid:
        digits = _DIGITS[unit]
        bare = pc.replace_substring_regex(pc.utf8_trim_whitespace(text), rf"(\.\d{{{digits}}})\d+$", r"\1")
        exact, exact_ok = _unscaled(*cast_where(_only(bare, _DECIMAL), target))
        floats, float_ok = cast_where(_only(bare, _NUMBER), pa.float64())
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
