"""Cells of a log to integers: whole columns at once, with a flag for each cell that could not be read.

Text is parsed by Arrow's vectorised casts; only where a cast refuses a column are its bad cells searched for.
"""

from contextlib import suppress

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_WHOLE = r"^-?\d{1,18}$"
NUMBER = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"
NO_VALUE = ("na", "n/a", "<na>", "nan", "null", "none", "\\n")
"""Words for no value in a column of numbers or times, in lower case."""
_NO_NUMBER = ["", *NO_VALUE]
_TEXT: dict[pa.DataType, tuple[pa.DataType, pa.DataType]] = {
    **dict.fromkeys((pa.string(), pa.binary()), (pa.binary(), pa.string())),
    **dict.fromkeys((pa.large_string(), pa.large_binary()), (pa.large_binary(), pa.large_string())),
}
"""Types of text: the same as bytes, and as UTF-8."""
LARGEST = 1e100
"""No number of a file is larger; squares and sums of what is below stay finite."""


def whole_numbers(column: pa.Array) -> tuple[Ints, Flags]:
    """The integers of a column of any type, and which cells hold one; 374.0 is one, 1e3 and True are not."""
    if pa.types.is_floating(column.type):
        values = column.to_numpy(zero_copy_only=False).astype(np.float64)
        ok = (np.abs(values) < 2.0**53) & (np.floor(values) == values)
        return np.where(ok, values, 0).astype(np.int64), ok
    if pa.types.is_signed_integer(column.type):
        return int64s(column.cast(pa.int64()), valid(column))
    text = as_text(column)
    if not _has_letters(text):  # Arrow reads 0x10 as 16
        with suppress(pa.ArrowInvalid):
            return int64s(text.cast(pa.int64()), valid(text))
    bare = pc.replace_substring_regex(pc.utf8_trim_whitespace(text), r"^\+|\.0*$", "")
    return int64s(*cast_where(matching(bare, _WHOLE), pa.int64()))


def real_numbers(column: pa.Array) -> tuple[Floats, Flags]:
    """The numbers of a column of any type, NaN where there is none, and which cells hold one or are empty.

    A word for no value counts as empty. Infinity is not a number here, nor is what is so large that a product of it
    would be; what is so near 0 that a quotient would be is 0.
    """
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return _ordinary(values, np.isnan(values))
    text = pc.utf8_trim_whitespace(as_text(column))
    text = pc.if_else(pc.is_in(pc.utf8_lower(text), pa.array(_NO_NUMBER)), pa.scalar(None, pa.string()), text)
    try:
        numbers = text.cast(pa.float64())
    except pa.ArrowInvalid:
        numbers = matching(text, NUMBER).cast(pa.float64())
    values = numbers.to_numpy(zero_copy_only=False)
    return _ordinary(values, ~valid(text))


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
        blank = pc.is_in(pc.utf8_lower(text), pa.array(_NO_NUMBER)) if words else pc.equal(text, "")
        missing = pc.or_(column.is_null(), pc.fill_null(blank, fill_value=True))
    flags: Flags = missing.to_numpy(zero_copy_only=False)
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
    bad: list[int] = np.flatnonzero(~ok & valid(column)).tolist()
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
    return cast, valid(cast)


def _halving(column: pa.Array, target: pa.DataType) -> pa.Array:
    """Cast the whole, else its halves, down to the single cells that refuse."""
    try:
        return column.cast(target)
    except pa.ArrowInvalid:
        if len(column) == 1:
            return pa.nulls(1, target)
    half = len(column) // 2
    return pa.concat_arrays([_halving(column[:half], target), _halving(column[half:], target)])


def matching(text: pa.Array, pattern: str) -> pa.Array:
    """Nulls where the text does not match."""
    return pc.if_else(pc.match_substring_regex(text, pattern), text, pa.scalar(None, text.type))


def _has_letters(text: pa.Array) -> bool:
    """True if any byte behind the strings comes after the digits; looks at the whole buffer."""
    letters = text.buffers()[2]
    return letters is not None and letters.size > 0 and bool(np.frombuffer(letters, np.uint8).max() > ord("9"))


def valid(column: pa.Array) -> Flags:
    """Cells that are not null."""
    flags: Flags = column.is_valid().to_numpy(zero_copy_only=False)
    return flags


def int64s(column: pa.Array, ok: Flags) -> tuple[Ints, Flags]:
    """The cells as int64, 0 where not valid."""
    values = column.cast(pa.int64())
    return (values if ok.all() else values.fill_null(0)).to_numpy(), ok
