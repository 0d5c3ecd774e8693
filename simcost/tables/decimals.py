"""Numbers with a decimal comma, or with marks between thousands, as spreadsheets write them between semicolons or tabs.

A number such as 1,5 or 1.234,56 can be read in one way only. One such as 1,234 is either 1.234 or 1234: it is read
with the decimal mark that the certain numbers at the beginning of the file have, and is a fault where they do not
decide it. Commas between the cells of a file leave its numbers as they are, but for marks between thousands that can be
nothing else.
"""

import re
from collections.abc import Iterable
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.tables.cells import Flags

DecimalMark = Literal[".", ","]

_SPACE = "[ \u00a0\u202f'\u2019]"
"""Marks between thousands that are never decimal marks."""
_BEGIN, _END = r"^\s*[-+]?", r"(?:[eE][-+]?\d+)?\s*%?\s*$"


def _certain(mark: str, other: str) -> str:
    """Numbers whose decimal mark is certainly `mark`."""
    shapes = (
        rf"\d{{1,3}}(?:{other}\d{{3}})+{mark}\d*",
        rf"\d{{1,3}}(?:{_SPACE}\d{{3}})+{mark}\d*",
        rf"\d{{1,3}}(?:{other}\d{{3}}){{2,}}",
        rf"\d*{mark}(?:\d{{1,2}}|\d{{4,}})",
        rf"\d+{mark}",
        rf"(?:|0\d*|\d{{4,}}){mark}\d{{3}}",
        rf"\d+{mark}\d+[eE][-+]?\d+",
    )
    return rf"{_BEGIN}(?:{'|'.join(shapes)}){_END}"


def _doubtful(mark: str) -> str:
    """Numbers whose only mark, before three digits, is decimal or between thousands."""
    return rf"{_BEGIN}[1-9]\d{{0,2}}{mark}\d{{3}}\s*%?\s*$"


_CERTAIN = {",": _certain(",", r"\."), ".": _certain(r"\.", ",")}
_DOUBTFUL = {",": _doubtful(","), ".": _doubtful(r"\.")}
_GROUPED = rf"{_BEGIN}\d{{1,3}}(?:{_SPACE}\d{{3}})+{_END}"


def decimal_mark(cells: Iterable[str]) -> DecimalMark | None:
    """The decimal mark of the numbers that can be read in one way only; None without any, or where they differ.

    >>> decimal_mark(["1,5", "1,234", "7"]), decimal_mark(["1,234", "7"]), decimal_mark(["1,5", "0.5"])
    (',', None, None)
    """
    found = {mark for cell in cells for mark, pattern in _CERTAIN.items() if re.match(pattern, cell)}
    if len(found) != 1:
        return None
    return "," if "," in found else "."


def plain_numbers(text: pa.Array, mark: DecimalMark | None) -> tuple[pa.Array, Flags]:
    """Numbers with a decimal point and no other mark, and the cells that can be read in two ways.

    Other cells stay as they are.

    Args:
        text: cells of a column of numbers.
        mark: decimal mark of the doubtful ones; None = unknown.

    >>> plain_numbers(pa.array(["1.234,5", "1,234", "x"]), ",")[0].to_pylist()
    ['1234.5', '1.234', 'x']
    """
    doubtful = np.zeros(len(text), np.bool_)
    marked = pc.match_substring_regex(text, rf"[.,]|{_SPACE}")
    if not pc.any(marked).as_py():
        return text, doubtful
    for each, pattern in _DOUBTFUL.items():
        if each != mark:
            doubtful |= _matches(text, pattern)
    if mark == "." and not pc.any(pc.match_substring_regex(text, f",|{_SPACE}")).as_py():
        return text, doubtful
    comma = _matches(text, _CERTAIN[","])
    if mark == ",":
        comma |= _matches(text, _DOUBTFUL[","])
    point = _matches(text, _CERTAIN["."]) | _matches(text, _GROUPED)
    pointed = pc.replace_substring(pc.replace_substring_regex(text, rf"\.|{_SPACE}", ""), ",", ".")
    result = pc.if_else(pa.array(comma), pointed, text)
    return pc.if_else(pa.array(point), pc.replace_substring_regex(text, f",|{_SPACE}", ""), result), doubtful


def without_thousands(text: pa.Array) -> pa.Array:
    """Numbers with a decimal point, or two marks and more, without the commas between their thousands; other cells as
    they are. For files whose cells commas are between, where the decimal mark is a point.

    >>> without_thousands(pa.array(["1,234.5", "-1,234,567", "1,234", "1,5"])).to_pylist()
    ['1234.5', '-1234567', '1,234', '1,5']
    """
    if not pc.any(pc.match_substring(text, ",")).as_py():
        return text
    return pc.if_else(pa.array(_matches(text, _CERTAIN["."])), pc.replace_substring(text, ",", ""), text)


def doubt(cell: str) -> str:
    """Message for a number that can be read in two ways."""
    bare = cell.strip()
    whole, part = re.sub("[.,]", "", bare), bare.replace(",", ".")
    return (
        f"{bare!r} may be {part} or {whole}; write a decimal point, and no mark between thousands: one number with "
        f"another count of decimals, such as {bare}0, tells how all others are meant"
    )


def _matches(text: pa.Array, pattern: str) -> Flags:
    flags: Flags = pc.fill_null(pc.match_substring_regex(text, pattern), fill_value=False).to_numpy(
        zero_copy_only=False
    )
    return flags
