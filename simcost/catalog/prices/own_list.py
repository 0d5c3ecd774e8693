"""A user's own list of prices, a row a price: a quote, a contract, a page copied by hand."""

from collections.abc import Iterator, Mapping, Sequence
from math import isnan, nan
from pathlib import Path
from re import fullmatch
from typing import Any, cast, get_args

from simcost.catalog.aliases import ANY_REGION
from simcost.catalog.facts import Instrument, Upfront
from simcost.catalog.prices.quote import GIB, ImportContext, Quote, Way, csv_rows, number, size_bytes, whole
from simcost.errors import Fault, FaultsError, did_you_mean
from simcost.units import USD_PER_H

_NEEDED = ("provider", "sku", "price_per_h")
_COLUMNS = (
    *_NEEDED,
    "region",
    "way",
    "currency",
    "term_years",
    "upfront",
    "accelerator",
    "accelerators",
    "vcpus",
    "memory_gib",
    "as_of",
    "notes",
)
_WAYS = ("on-demand", "spot", *get_args(Instrument))


def read(file: Path, reading: ImportContext) -> Iterator[Quote]:
    """The prices of the file; one that names no currency is in USD, and noted.

    Raises:
        FaultsError: unknown columns, ways of buying and currencies, all of them, each with its line.
    """
    rows = list(csv_rows(file, _NEEDED, ",".join(_COLUMNS)))
    if faults := [Fault(file=str(file), **where) for where in _faults(rows)]:
        raise FaultsError(faults)
    for at, row in rows:
        reading.rows += 1
        currency = (row.get("currency") or "USD").upper()
        name, count = row.get("accelerator", ""), row.get("accelerators", "")
        quote = Quote(
            place=at,
            provider=row["provider"].lower(),
            sku=row["sku"],
            region=row.get("region") or ANY_REGION,
            way=cast("Way", row.get("way") or "on-demand"),
            price_per_h=_usd_or_number(row["price_per_h"], currency),
            currency=currency,
            term_years=number(row.get("term_years") or "0"),
            upfront=cast("Upfront", row.get("upfront") or "none"),
            accelerator=name,
            accelerators=whole(count) if name or number(count or "0") != 0 else 0,
            vcpus=whole(row.get("vcpus")),
            memory_bytes=size_bytes(row.get("memory_gib"), GIB),
            as_of=row.get("as_of", ""),
            notes=row.get("notes", ""),
        )
        if not row.get("currency") and not isnan(number(row["price_per_h"])):
            reading.findings.add("no-currency", at, f"{quote.what}, {quote.way}: {row['price_per_h']}")
        yield quote


def _usd_or_number(price: str, currency: str) -> float:
    """The price of an hour: a number, or in USD as a plan writes it (`$14,016/month`); NaN where it is neither."""
    plain = number(price)
    if currency != "USD" or not isnan(plain):
        return plain
    try:
        found = USD_PER_H.parse(price)
    except ValueError:
        return nan
    return found if isinstance(found, float) else nan


def _faults(rows: Sequence[tuple[str, Mapping[str, str]]]) -> Iterator[dict[str, Any]]:
    """Line, path and message of each cell with an unknown word, and of unknown columns."""
    for name in rows[0][1] if rows else ():
        if name not in _COLUMNS:
            message = f"unknown column{did_you_mean(name, _COLUMNS)}; known: {', '.join(_COLUMNS)}"
            yield {"line": 1, "path": name, "message": message}
    for at, row in rows:
        line = int(at.removeprefix("line "))
        for name, known in (("way", _WAYS), ("upfront", get_args(Upfront))):
            value = row.get(name)
            if value and value not in known:
                message = f"{value!r} is none of {', '.join(known)}{did_you_mean(value, known)}"
                yield {"line": line, "path": name, "message": message}
        currency = row.get("currency", "")
        if currency and not fullmatch("[A-Za-z]{3}", currency):
            message = f"{currency!r} is not a currency; write its code, such as EUR"
            yield {"line": line, "path": "currency", "message": message}
        for name in ("provider", "sku"):
            if not row[name]:
                yield {"line": line, "path": name, "message": "is empty"}
