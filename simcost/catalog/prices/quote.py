"""Quotes and findings of a price list.

A quote is one price as the list states it, before any check. Findings are counted and located, with a reason; nothing
is left out silently.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, nan
from pathlib import Path
from re import fullmatch
from typing import Any, Literal

from simcost.catalog.catalog import Catalog
from simcost.catalog.facts import Instrument, Upfront
from simcost.errors import Fault, FaultsError, did_you_mean
from simcost.tables.records import read_records

GIB = 2.0**30
HOURS_PER_YEAR = 8760.0


class UnreadableError(ValueError):
    """A row that lacks something; the message says what."""


def inner(row: Any, *keys: str) -> Any:
    """The value under nested keys. Raises UnreadableError where one is missing."""
    for key in keys:
        if not isinstance(row, Mapping):
            raise UnreadableError(f"no object where {key!r} should stand")
        if key not in row:
            raise UnreadableError(f"{key!r} is missing")
        row = row[key]
    return row


def words(row: Any, *keys: str) -> str:
    """The text under nested keys. Raises UnreadableError where there is none."""
    value = inner(row, *keys)
    if not isinstance(value, str) or not value.strip():
        raise UnreadableError(f"{keys[-1]!r} is {value!r}, no text")
    return " ".join(value.split())


def said(row: Any, key: str) -> str:
    """The text under a key, empty where there is none."""
    value = row.get(key) if isinstance(row, Mapping) else None
    return " ".join(value.split()) if isinstance(value, str) else ""


def listed(row: Any, *keys: str) -> list[Any]:
    """The list under nested keys. Raises UnreadableError where there is none."""
    value = inner(row, *keys)
    if not isinstance(value, list):
        raise UnreadableError(f"{keys[-1]!r} is not a list")
    return value


def mapped(row: Any, *keys: str) -> dict[str, Any]:
    """The object under nested keys. Raises UnreadableError where there is none."""
    value = inner(row, *keys)
    if not isinstance(value, dict):
        raise UnreadableError(f"{keys[-1] if keys else 'the row'!r} is not an object")
    return value


def number(value: Any) -> float:
    """A number or its text; NaN where there is none. A comma is between thousands, as in 1,234.50."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return nan
    if isinstance(value, str) and "," in value:
        if not fullmatch(r"\s*[-+]?\d{1,3}(,\d{3})+(\.\d*)?\s*", value):  # 19,20 is not 1920
            return nan
        value = value.replace(",", "")
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return nan
    return found if isfinite(found) else nan


def whole(value: Any) -> int | None:
    """A positive whole number, None where there is none."""
    found = number(value)
    return int(found) if found >= 1 and found == int(found) and found < 1e6 else None


def size_bytes(value: Any, unit_bytes: float) -> float | None:
    """A positive size, None where there is none."""
    found = number(value)
    return found * unit_bytes if found > 0 else None


def csv_rows(file: Path, needed: Sequence[str], example: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a CSV with a header, each with its place; rows of another length raise.

    Raises:
        FaultsError: the file is not CSV, or lacks a column that is needed.
    """
    try:
        records = read_records(file)
    except csv.Error as error:
        raise FaultsError([Fault(file=str(file), message=f"cannot be read as UTF-8 CSV: {error}")]) from None
    header = [name.strip() for name in records.header]
    rows = [(line, cells) for line, cells in records.rows if any(cells)]
    missing = [name for name in needed if name not in header]
    if missing:
        hint = did_you_mean(missing[0], header)
        message = f"has no column {missing[0]!r}{hint}; a file of this format begins {example}"
        raise FaultsError([Fault(file=str(file), line=1, column=1, message=message)])
    repeated = [name for name in dict.fromkeys(header) if name and header.count(name) > 1]
    if repeated:
        message = f"columns that appear more than once: {', '.join(repeated)}; leave one of each"
        raise FaultsError([Fault(file=str(file), line=1, column=1, message=message)])
    faults = [Fault(file=str(file), line=line, message=message) for line, message in records.faults]
    faults += [
        Fault(file=str(file), line=line, column=1, message=f"{len(cells)} cells under {len(header)} columns")
        for line, cells in rows
        if len(cells) != len(header)
    ]
    if faults:
        raise FaultsError(sorted(faults, key=lambda fault: fault.line))
    for line, cells in rows:
        yield f"line {line}", dict(zip(header, map(str.strip, cells), strict=True))


OUT, UNASKED, CHANGED, NOTED = "kept out", "not asked for", "changed", "kept"

_KINDS = {
    "unreadable": (OUT, "rows that lack something or hold the wrong kind of value"),
    "no-price": (OUT, "no number where a price should stand (empty, NaN, infinite, text, a decimal comma)"),
    "zero-price": (OUT, "a price of 0 means a missing price"),
    "negative-price": (OUT, "a price below 0"),
    "placeholder-price": (OUT, "a price of exactly 700 means a missing price"),
    "commitment-as-on-demand": (
        OUT,
        "an on-demand price below 60 % of the median over regions: most likely that of a commitment",
    ),
    "spot-not-below-on-demand": (
        CHANGED,
        "a spot price not below the on-demand price was dropped; on-demand stays",
    ),
    "commitment-above-on-demand": (
        NOTED,
        "a committed price above the on-demand price: give it per hour, with what is paid upfront spread over the term",
    ),
    "spot-without-on-demand": (OUT, "a spot price of an instance type without an on-demand price"),
    "host-and-accelerator-apart": (CHANGED, "parts that are priced apart were added up to instances"),
    "host-without-accelerator": (OUT, "the host alone of an instance type that has accelerators"),
    "accelerator-without-host": (OUT, "accelerators alone, without the machine that they need"),
    "memory-unit": (CHANGED, "a memory size in the wrong unit was not believed"),
    "memory-differs": (NOTED, "another memory size per accelerator than in the catalog, which was kept"),
    "several-prices": (
        CHANGED,
        "different prices for one instance type and region, or one model; the highest was kept",
    ),
    "older-price": (OUT, "an older price of an instance type and region that has a newer one"),
    "replaces-newer": (
        NOTED,
        "a price of the folder, or of simcost, that is of a later day than the one that takes its place",
    ),
    "unknown-accelerator": (
        OUT,
        (
            "an accelerator that the catalog does not know: add it to accelerators.csv, or the instance type to "
            "machines.csv, in your catalog folder, and import again"
        ),
    ),
    "attached-accelerator": (OUT, "accelerators attached to a machine type that is sold without them, too"),
    "other-currency": (CHANGED, "prices in another currency were converted at a dated rate"),
    "no-currency": (NOTED, "prices without a currency were taken to be in USD: write theirs in a column `currency`"),
    "several-rules": (
        CHANGED,
        "several prices by date or hour: the one of the list's date, the dearest hour",
    ),
    "more-pages": (NOTED, "the list goes on: its other pages are not in this file"),
    "far-from-catalog": (
        NOTED,
        (
            "a price far from those of the catalog, most likely a month's, in cents, of another number of accelerators "
            "or of tokens: correct it in the list and import again"
        ),
    ),
    "provider-lacks-facts": (NOTED, "a provider of which bills need more than its offers"),
    "day-to-come": (NOTED, "a date that is still to come: the day of a price list is past, so correct its year"),
    "no-date": (
        NOTED,
        "the list has no date, so its prices have none; give `--as-of` with the day you fetched it",
    ),
    "other-system": (UNASKED, "another operating system than Linux, or software in the price"),
    "other-tenancy": (UNASKED, "dedicated hosts and dedicated instances"),
    "other-product": (UNASKED, "no virtual machine by the hour"),
    "capacity": (UNASKED, "a reserved or unused capacity, not an instance that runs"),
    "convertible": (UNASKED, "convertible reservations"),
    "dev-test": (UNASKED, "prices for development and test subscriptions"),
    "low-priority": (UNASKED, "low-priority machines, which are retired"),
    "not-asked": (UNASKED, "instance types that `--only` does not name"),
}
_PLACES = 5


class Findings:
    """Counts findings by kind and remembers the first places of each."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._places: dict[str, list[dict[str, str]]] = {}

    def add(self, kind: str, place: str, detail: str = "") -> None:
        """One finding: its place, and what is written there."""
        self._counts[kind] += 1
        places = self._places.setdefault(kind, [])
        if len(places) < _PLACES:
            places.append({"place": place, "detail": detail})

    def count(self, outcome: str) -> int:
        """Number of rows or prices with that outcome."""
        return sum(count for kind, count in self._counts.items() if _KINDS[kind][0] == outcome)

    def document(self) -> list[dict[str, Any]]:
        """Each kind with its `count`, `outcome`, `message` and first `places`; traps before what was not asked."""
        kinds = [kind for kind in _KINDS if kind in self._counts]
        return [
            {
                "kind": kind,
                "count": self._counts[kind],
                "outcome": _KINDS[kind][0],
                "message": _KINDS[kind][1],
                "places": self._places[kind],
            }
            for kind in kinds
        ]


Way = Literal["on-demand", "spot"] | Instrument
Part = Literal["", "host", "accelerator", "core", "ram", "gpu"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The price of an hour of an instance type, or of a part of one."""

    place: str
    """Location in the file: `line 12`, `$.Items[3]`."""
    provider: str
    sku: str
    region: str
    price_per_h: float
    """In `currency`; NaN where the list has none."""
    currency: str = "USD"
    way: Way = "on-demand"
    term_years: float = 0.0
    upfront: Upfront = "none"
    part: Part = ""
    """Of what the price is, where it is not of a whole instance."""
    accelerator: str = ""
    """As the list names it."""
    accelerators: int | None = None
    """None = the list does not say."""
    device_gb: float | None = None
    """Memory of one accelerator, as the list says."""
    vcpus: int | None = None
    memory_bytes: float | None = None
    as_of: str = ""
    """Of this row, where rows have dates of their own."""
    notes: str = ""

    @property
    def type_and_region(self) -> tuple[str, str, str]:
        """The instance type and region as keys: two that differ in upper and lower case alone are the same."""
        return self.provider, self.sku.lower(), self.region.lower()

    @property
    def what(self) -> str:
        """The instance type or part, in words."""
        return f"{self.provider}/{self.sku} in {self.region}"


@dataclass(slots=True, kw_only=True)
class ImportContext:
    """Options of a reader, and what it reports besides the quotes."""

    catalog: Catalog
    findings: Findings
    provider: str
    """Of lists that do not name it; empty = not given."""
    published: str = ""
    """Day of the list, as the list says; of lists without one the latest day in it."""
    rows: int = field(default=0)
    """Prices, or rows, looked at."""

    def saw(self, instant: object) -> None:
        """Take note of a day in the list."""
        day = str(instant)[:10]
        if len(day) == 10 and day[4] == day[7] == "-" and day.replace("-", "").isdecimal():
            self.published = max(self.published, day)
