"""Quantities at the edges: parse `30s`, `80GiB`, `$2.10/h`, `99%`; inside everything is SI and plain floats.

A field annotated with one of the aliases below (`Seconds`, `Bytes`, `Usd`, ...) takes a plain number in
the unit of its name, or a text with a unit. The scenario edge reads the hooks of `Unit`; this module
itself knows nothing of YAML.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any, Literal, Self

from annotated_types import Ge, Gt, Le, Lt

SECONDS_PER_HOUR = 3600.0
SECONDS_PER_DAY = 86400.0
HOURS_PER_YEAR = 8760.0
HOURS_PER_MONTH = 730.0  # the month for display, as cloud price pages use it
MEAN_MONTH_S = 730.5 * 3600
"""A twelfth of 365.25 days: what a span of months counts as where no calendar is known."""
NS_PER_S = 1_000_000_000
GB = 1e9
GIB = float(2**30)

_TIME = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
    "mo": MEAN_MONTH_S,
    "y": 12 * MEAN_MONTH_S,
}
BYTE_SIZES = {
    "B": 1.0,
    "kB": 1e3,
    "KB": 1e3,
    "MB": 1e6,
    "GB": 1e9,
    "TB": 1e12,
    "KiB": 2.0**10,
    "MiB": 2.0**20,
    "GiB": GIB,
    "TiB": 2.0**40,
}
_THOUSANDS = re.compile(r"(?<=\d),(\d{3})(?!\d)")
_DECIMAL_COMMA = re.compile(r"\s*[-+]?(?:0|\d+(?!,\d{3}(?!\d))),\d")
"""A comma that separates no thousands: `3,10`, `0,805`."""
_NUMBER = re.compile(r"^\s*([-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*?)\s*$")
_DATE = re.compile(r"\s*\d{4}-\d{1,2}(?:-|\s*$)|\s*\d{1,2}[./]\d{1,2}[./]\d{2,4}")
_OTHER_CURRENCY = re.compile(r"[€£¥₹]|(?<![A-Za-z])(?:AUD|CAD|CHF|CNY|DKK|EUR|GBP|INR|JPY|NOK|PLN|SEK)(?![A-Za-z])")


@dataclass(frozen=True, slots=True)
class Unit:
    """Notation of one kind of quantity; the hooks are read by the scenario edge."""

    name: str
    factors: Mapping[str, float] = field(hash=False)
    example: str

    def parse(self, value: object) -> object:
        """The value in the base unit; numbers pass unchanged, wrong text raises ValueError."""
        if isinstance(value, bool) or not isinstance(value, str):
            return value
        text = value.replace("$", "", 1) if self.name.startswith("USD") else value
        if _DECIMAL_COMMA.match(text):
            raise ValueError(f"{value!r} has a decimal comma; write a point: {value.replace(',', '.', 1)}")
        match = _NUMBER.match(_THOUSANDS.sub(r"\1", text))
        if self.name.startswith("USD") and _OTHER_CURRENCY.search(text):
            raise ValueError(
                f"{value!r} is not a quantity in USD, in which all amounts are: convert it, e.g. {self.example}; or "
                "write it in contracts.csv with its `currency`, and the dated rate in currencies.csv of your catalog "
                "folder; quotes in other currencies are read by `simcost prices import --format own`"
            )
        if match is None:
            raise ValueError(f"{value!r} is not a quantity; write a number of {self.name}, such as {self.example}")
        number, unit = float(match[1].replace("_", "")), match[2]
        if unit and unit not in self.factors:
            known = ", ".join(filter(None, self.factors))
            raise ValueError(f"{value!r} has the unknown unit {unit!r}; known here: {known}; e.g. {self.example}")
        if not isfinite(number):
            raise ValueError(f"{value!r} is too large for a number")
        return float(f"{number * self.factors.get(unit, 1.0):.15g}")  # 95 % is 0.95, not 0.9500000000000001

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> dict[str, Any]:
        function = {"type": "no-info", "function": self.parse}
        return {"type": "function-before", "function": function, "schema": handler(source)}

    def __get_pydantic_json_schema__(self, schema: Any, handler: Callable[[Any], Any]) -> dict[str, Any]:
        number = dict(handler(schema))
        text = {"type": "string", "description": f"{self.name}, e.g. {self.example}"}
        return {"anyOf": [number, text], "examples": [self.example]}


@dataclass(frozen=True, slots=True)
class ClockTime(Unit):
    """A time of day: `08:30`, or a duration since midnight."""

    def parse(self, value: object) -> object:
        """Seconds since midnight."""
        match = re.fullmatch(r"\s*(\d{1,2}):([0-5]\d)\s*", value) if isinstance(value, str) else None
        return int(match[1]) * 3600.0 + int(match[2]) * 60.0 if match else Unit.parse(self, value)


@dataclass(frozen=True, slots=True)
class TimeFromStart(Unit):
    """A time before or after the start of something; a date is refused."""

    def parse(self, value: object) -> object:
        """Seconds; below 0 = before."""
        if isinstance(value, str) and _DATE.match(value):
            raise ValueError(
                f"{value!r} is a date; write the time from the start of the usage, or of a run: 90d after "
                "it, or -90d before it"
            )
        return Unit.parse(self, value)


@dataclass(frozen=True, slots=True)
class OnlyUsd:
    """The currency of all amounts; others are refused, with the way to convert them at a dated rate."""

    def parse(self, value: object) -> object:
        """`USD`; another currency raises ValueError."""
        if isinstance(value, str) and value.strip().upper() == "USD":
            return "USD"
        raise ValueError(
            f"{value!r}: all amounts and results are in USD, and none is converted without a dated rate: write "
            "`currency: USD`, prices in contracts.csv with their `currency`, and `currency,usd_per_unit,source,as_of` "
            "in currencies.csv of the folder that `catalog` names"
        )

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> dict[str, Any]:
        function = {"type": "no-info", "function": self.parse}
        return {"type": "function-before", "function": function, "schema": handler(source)}


@dataclass(frozen=True, slots=True)
class ByKind:
    """Marks a union of classes that `kind` tells apart, with or without None.

    A mark alone: `simcost.scenario.files.by_kind` reads it.
    """

    otherwise: str | None = None
    """The kind of a mapping that says none; None = it must."""


SECONDS = Unit("seconds", _TIME, "30s or 1.5h")
LENGTH = Unit("seconds, or calendar months", _TIME, "28d or 3mo")
FROM_START = TimeFromStart("seconds", _TIME, "30s or 1.5h")
CLOCK = ClockTime("a time of day", _TIME, "08:30")
BYTES = Unit("bytes", BYTE_SIZES, "80GiB")
BYTES_PER_S = Unit("bytes per second", {f"{k}/s": v for k, v in BYTE_SIZES.items()}, "2GB/s")
SHARE = Unit("a share from 0 to 1", {"%": 0.01}, "99.5%")
PREMIUM = Unit("a share of the price", {"%": 0.01}, "25%")
USD = Unit("USD", {"": 1.0, "USD": 1.0}, "$100")
USD_EACH = Unit("USD each", {"": 1.0, "USD": 1.0, "/1k": 1e-3, "/1M": 1e-6}, "$0.002, or $0.60/1M")
USD_PER_H = Unit("USD per hour", {"/h": 1.0, "USD/h": 1.0, "/month": 1 / HOURS_PER_MONTH}, "$2.10/h")
_PER_SIZE = {"/GB": 1.0, "USD/GB": 1.0, "/TB": 1e-3, "/GiB": GB / GIB, "/TiB": GB / 2.0**40}
_PER_SIZE_AND_MONTH = {"/GB-month": 1.0, "/GB/month": 1.0} | {
    f"/{size}-month": _PER_SIZE[f"/{size}"] for size in ("TB", "GiB", "TiB")
}
USD_PER_GB = Unit("USD per GB", _PER_SIZE, "$0.09/GB")
USD_PER_GB_MONTH = Unit("USD per GB and month", _PER_SIZE | _PER_SIZE_AND_MONTH, "$0.08/GB-month")
USD_PER_YEAR = Unit("USD per year", {"/year": 1.0, "/month": 12.0}, "$20,000/year")
USD_PER_KWH = Unit("USD per kWh", {"/kWh": 1.0, "/MWh": 1e-3}, "$0.08/kWh")
USD_PER_KW_MONTH = Unit("USD per kW and month", {"/kW": 1.0, "/kW/month": 1.0, "/kW-month": 1.0}, "$200/kW")
KILOWATTS = Unit("kilowatts", {"kW": 1.0, "W": 1e-3, "MW": 1e3}, "6.5kW")
PER_S = Unit("requests per second", {"/s": 1.0, "rps": 1.0, "/min": 1 / 60, "/h": 1 / 3600, "/d": 1 / 86400}, "20/s")

Seconds = Annotated[float, SECONDS, Ge(0), Le(1e9)]  # 32 years
PositiveSeconds = Annotated[float, SECONDS, Gt(0), Le(1e9)]
Horizon = Annotated[float, LENGTH, Gt(0), Le(1e9)]
TimeOfDay = Annotated[float, CLOCK, Ge(0), Lt(SECONDS_PER_DAY)]
Bytes = Annotated[float, BYTES, Ge(0)]
BytesPerS = Annotated[float, BYTES_PER_S, Gt(0)]
Share = Annotated[float, SHARE, Ge(0), Le(1)]
Usd = Annotated[float, USD, Ge(0)]
Currency = Annotated[Literal["USD"], OnlyUsd()]
UsdPerH = Annotated[float, USD_PER_H, Ge(0)]
UsdPerGb = Annotated[float, USD_PER_GB, Ge(0)]
UsdPerGbMonth = Annotated[float, USD_PER_GB_MONTH, Ge(0)]
UsdPerYear = Annotated[float, USD_PER_YEAR, Ge(0)]
UsdPerKwh = Annotated[float, USD_PER_KWH, Ge(0)]
UsdPerKwMonth = Annotated[float, USD_PER_KW_MONTH, Ge(0)]
Kilowatts = Annotated[float, KILOWATTS, Ge(0)]
PerS = Annotated[float, PER_S, Gt(0), Le(1e6)]
Count = Annotated[int, Ge(0), Le(1_000_000)]
PositiveCount = Annotated[int, Ge(1), Le(1_000_000)]


def parse_seconds(text: str) -> float:
    """Seconds in `30s`, `1.5h`, `2d` or a plain number. Raises ValueError with the remedy."""
    value = SECONDS.parse(text)
    if not isinstance(value, float) or not isfinite(value) or value < 0:
        raise ValueError(f"{text!r} is not a duration; write e.g. {SECONDS.example}")
    return value


def plural(count: int, word: str) -> str:
    """A number of things.

    >>> plural(1, "step"), plural(1680, "step")
    ('1 step', '1,680 steps')
    """
    return how_many(count, word, f"{word}s")


def how_many(count: int, one: str, more: str) -> str:
    """A number of things and what they do: `1 job was`, `2 jobs were`."""
    return f"{count:,} {one if count == 1 else more}"


class Formatted(str):
    """A number as text that keeps its value, so that tables can sort by it."""

    __slots__ = ("value",)
    value: float

    def __new__(cls, text: str, value: float) -> Self:
        """The text of a value."""
        result = super().__new__(cls, text)
        result.value = float(value)
        return result

    def __getnewargs__(self) -> tuple[str, float]:  # type: ignore[override]  # str has one argument
        return str(self), self.value


def format_seconds(value_s: float) -> Formatted:
    """A duration as text: three significant digits and the unit that suits it."""
    return Formatted(_duration(value_s), value_s)


def _duration(value_s: float) -> str:
    for unit, factor in (
        ("d", 86400.0),
        ("h", 3600.0),
        ("min", 60.0),
        ("s", 1.0),
        ("ms", 1e-3),
        ("µs", 1e-6),
    ):
        if abs(value_s) >= factor * (2 if unit in ("d", "h", "min") else 1):
            count = value_s / factor
            return f"{count:,.0f} {unit}" if abs(count) >= 999.5 else f"{count:.3g} {unit}"  # 3 digits
    return f"{value_s / 1e-9:.3g} ns" if value_s else "0 s"


def difference_usd(usd: float, less: float) -> float:
    """Difference of one amount above another; 0 where they differ by the rounding of their sums alone.

    >>> difference_usd(746604.0 + 2.0**-33, 746604.0), difference_usd(3.0, 2.5)
    (0.0, 0.5)
    """
    change = usd - less
    return 0.0 if abs(change) <= 1e-11 * max(abs(usd), abs(less)) else change


def format_usd(value_usd: float) -> Formatted:
    """Money as text: `$1,234`, `$12.30`, `$0.80`, `$0.0000812`, `-$5.00`."""
    return Formatted(_money(value_usd), value_usd)


def format_usd_range(lo_usd: float, hi_usd: float) -> str:
    """Two ends as text, or one where both are written alike.

    >>> format_usd_range(900.0, 1234.0), format_usd_range(1234.1, 1234.2)
    ('$900.00 to $1,234', '$1,234')
    """
    return " to ".join(dict.fromkeys((format_usd(lo_usd), format_usd(hi_usd))))


def format_usd_between(mean_usd: float, lo_usd: float, hi_usd: float) -> str:
    """An amount and its bounds; the amount alone where these are written alike.

    >>> format_usd_between(1000.0, 900.0, 1234.0), format_usd_between(1234.15, 1234.1, 1234.2)
    ('$1,000 ($900.00 to $1,234)', '$1,234')
    """
    bounds = format_usd_range(lo_usd, hi_usd)
    return f"{format_usd(mean_usd)} ({bounds})" if " to " in bounds else str(format_usd(mean_usd))


def _money(value_usd: float) -> str:
    size, sign = abs(value_usd), "-" if value_usd < 0 else ""
    if size >= 999.995:
        return f"{sign}${size:,.0f}"
    if size >= 0.9995 or size == 0:
        return f"{sign}${size:.2f}"
    digits, cents = f"{size:.3g}", f"{size:.2f}"
    if float(digits) == float(cents):
        return f"{sign}${cents}"
    return f"{sign}${Decimal(digits):f}" if size > 1e-6 else f"{sign}${digits}"


def format_bytes(value_bytes: float) -> Formatted:
    """Bytes as text, binary units: `141 GiB`."""
    return Formatted(_binary(value_bytes), value_bytes)


def _binary(value_bytes: float) -> str:
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if abs(value_bytes) >= BYTE_SIZES[unit]:
            return f"{value_bytes / BYTE_SIZES[unit]:.4g} {unit}"
    return f"{value_bytes:.0f} B"


def format_count(value: float) -> Formatted:
    """A count as text: `12,345`, `44M`; a mean below 100 in three digits."""
    return Formatted(f"{value:,.0f}", value) if 100 <= abs(value) < 1e7 else format_amount(value)


def format_amount(value: float) -> Formatted:
    """A number as text in three digits.

    >>> [str(format_amount(value)) for value in (5_123_456, 14_234, 99.96, 0.0351, 0, 2e9)]
    ['5.12M', '14,200', '100', '0.0351', '0', '2B']
    """
    units = ((1e12, "T"), (1e9, "B"), (1e6, "M"))
    factor, unit = next((known for known in units if abs(value) >= 0.9995 * known[0]), (1.0, ""))
    short = float(f"{value / factor:.3g}")
    return Formatted((f"{short:,.0f}" if abs(short) >= 100 else f"{short:g}") + unit, value)


LARGEST_SHARE = 9999.99
SMALLEST_SHARE = 1e-4
NO_SHARE = 1e-9
"""Share that is the rounding of sums alone."""


def format_share(value: float) -> Formatted:
    """A share as text: `99.5 %`; never rounds up to 100 % or down to 0 %. Beside next to nothing it is `> 999,999 %`.

    >>> [str(format_share(value)) for value in (0.9999, 0.0004, 0.000031, -0.000031, 0.0)]
    ['99.9+ %', '0.04 %', '< 0.01 %', '> -0.01 %', '0.0 %']
    """
    if abs(value) > LARGEST_SHARE:
        return Formatted("> 999,999 %" if value > 0 else "< -999,999 %", value)
    shown = f"{round(100 * value, 1) + 0.0:,.1f}"  # no -0.0
    if shown == "0.0" and abs(value) > NO_SHARE:
        if abs(value) < SMALLEST_SHARE:
            return Formatted("< 0.01 %" if value > 0 else "> -0.01 %", value)
        shown = f"{100 * value:.1g}"
    return Formatted("99.9+ %" if shown == "100.0" and value < 1 else f"{shown} %", value)
