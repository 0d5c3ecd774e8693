"""Numbers and text as they are shown: one way to write each kind; a missing value is a dash."""

import re
from collections.abc import Callable, Sequence
from typing import Self

from simcost.units import (
    LARGEST_SHARE,
    SMALLEST_SHARE,
    Formatted,
    format_amount,
    format_bytes,
    format_count,
    format_seconds,
    format_share,
    format_usd,
    format_usd_between,
    format_usd_range,
)

NONE = "\N{EN DASH}"
"""A value that is not known, or of nothing."""
Show = Callable[[float | None], str]


def _known(write: Callable[[float], str]) -> Show:
    def show(value: float | None) -> str:
        return NONE if value is None else Formatted(write(value), value)

    return show


def _signed(write: Callable[[float], str]) -> Show:
    return _known(lambda value: f"{'+' if value > 0 else ''}{write(value)}")


usd = _known(format_usd)
"""Money: whole dollars from $1,000 up, cents from $1 up, else three digits."""
usd_change = _signed(format_usd)
"""Money with its sign."""
usd_range, usd_between = format_usd_range, format_usd_between
"""Two amounts, and an amount with its bounds; one amount where both ends are written alike."""
share = _known(format_share)
"""A share in per cent, one decimal; never rounds up to 100 % or down to 0 %."""


def attained(value: float | None, target: float | None) -> str:
    """A share beside its target: in as many digits as show a narrow miss.

    >>> str(attained(0.9899, 0.99)), str(attained(0.98999, 0.99)), str(attained(0.9901, 0.99))
    ('98.99 %', '98.999 %', '99.0 %')
    """
    shown = share(value)
    if value is None or target is None or value >= target or shown != share(target):
        return shown
    return Formatted(f"{100 * value:.6g} %", value)


def _changed(value: float) -> str:
    if abs(value) > LARGEST_SHARE:
        return format_share(value)
    if shown := round(100 * value, 1):
        return f"{shown:+,.1f} %"
    return "0.0 %" if abs(value) <= SMALLEST_SHARE else f"{'+' if value > 0 else ''}{format_share(value)}"


share_change = _known(_changed)
"""A change as a share, with its sign; in one digit where one decimal would show nothing."""
seconds = _known(format_seconds)
"""A duration: three digits and the unit that suits it."""
size = _known(format_bytes)
"""Bytes in binary units, four digits."""
count = _known(format_count)
"""A count: all digits below ten million, then three."""
amount = _known(format_amount)
"""Any other number in three digits."""
signed = _signed(format_amount)
"""An amount with its sign."""
exact = _known(lambda value: f"{value:,}" if isinstance(value, int) else f"{value:,.6g}")
"""A number that somebody stated: whole numbers in full, others in six digits."""


def percentile(level: float) -> str:
    """A percentile by its level.

    >>> percentile(0.95)
    'P95'
    """
    return f"P{exact(100 * level)}"


def usd_margin(mean: float, margin: float | None) -> str:
    """Money and half the width of its interval, to the same digits.

    >>> usd_margin(27400.0, 12.3), usd_margin(12.5, 0.04), usd_margin(0.0351, 0.0042), usd_margin(12.5, None)
    ('$27,400 ± $12', '$12.50 ± $0.04', '$0.0351 ± $0.0042', '$12.50')
    """
    decimals = 0 if mean >= 1000 else max(len(usd(mean).partition(".")[2]), 2)
    near = f"{margin or 0.0:,.{decimals}f}"
    return Formatted(usd(mean) + (f" \N{PLUS-MINUS SIGN} ${near}" if near.strip("0.") else ""), mean)


def between(low: str, middle: str, high: str) -> str:
    """A value and its range; the value alone where all are written alike.

    >>> str(between("4 h", "5 h", "6 h")), str(between("50 min", "5 h", "6 h")), str(between("$1", "$1", "$1"))
    ('5 h (4 to 6 h)', '5 h (50 min to 6 h)', '$1')
    """
    unit = high.partition(" ")[1:]
    least = low.removesuffix("".join(unit)) if low.partition(" ")[1:] == unit else low
    text = middle if low == high else f"{middle} ({least} to {high})"
    return Formatted(text, middle.value) if isinstance(middle, Formatted) else text


def printable(text: str) -> str:
    """Text without control characters, which could move a terminal's cursor."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def moment(text: str) -> str:
    """A UTC time without zeros at the end of its second.

    >>> moment("2026-01-05T09:00:00.120000000Z"), moment("2026-01-05T09:00:00.000000000Z")
    ('2026-01-05T09:00:00.12Z', '2026-01-05T09:00:00Z')
    """
    return re.sub(r"(\.\d*?)0+Z$", r"\1Z", text).replace(".Z", "Z")


def sentence_case(heading: str) -> str:
    """The title of a column with a capital, but for units, symbols and names of fields.

    >>> sentence_case("vs baseline"), sentence_case("break-even"), sentence_case("kWh/month"), sentence_case("p95 wait")
    ('Vs baseline', 'Break-even', 'kWh/month', 'p95 wait')
    """
    first = heading.partition(" ")[0].rstrip(",")
    is_word = first.replace("-", "").isalpha() and first.islower() and first not in _UNITS
    return heading[0].upper() + heading[1:] if is_word else heading


_UNITS = frozenset(("kg", "t", "h", "s", "ms", "min"))


class Shortened(str):
    """A text that was cut for the terminal, and all of it, for screens that have room."""

    __slots__ = ("full",)
    full: str

    def __new__(cls, text: str, full: str) -> Self:
        """The cut text of a full one."""
        made = super().__new__(cls, text)
        made.full = full
        return made

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]  # str has one argument
        """For copies."""
        return str(self), self.full


def in_full(text: str) -> str:
    """All of a text, also where it was cut for the terminal.

    >>> in_full(shortened("a long name", 6)), in_full("short")
    ('a long name', 'short')
    """
    return text.full if isinstance(text, Shortened) else text


def told_apart(column: Sequence[str]) -> list[str]:
    """A column of words; in full, where texts that were cut for the terminal look the same and are not.

    >>> told_apart([shortened("plan, 7 replicas", 6), shortened("plan, 8 replicas", 6)])
    ['plan, 7 replicas', 'plan, 8 replicas']
    """
    full = [in_full(cell) for cell in column]
    return list(column) if len(set(column)) == len(set(full)) else full


def shortened(text: str, width: int, *, keep_end: bool = False) -> str:
    """Printable text that fits, its beginning or its end kept."""
    text = printable(text)
    if len(text) <= width:
        return text
    return Shortened(f"…{text[len(text) - width + 1 :]}" if keep_end else f"{text[: width - 1]}…", text)
