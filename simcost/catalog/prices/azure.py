"""Azure Retail Prices API: pages of `Items`, as one document, a list of them or one a line."""

from collections.abc import Iterator
from pathlib import Path
from re import fullmatch
from typing import Any

from simcost.catalog.facts import Upfront
from simcost.catalog.prices.json_stream import Path_, place, values
from simcost.catalog.prices.quote import (
    HOURS_PER_YEAR,
    ImportContext,
    Quote,
    UnreadableError,
    Way,
    number,
    said,
    words,
)
from simcost.errors import Fault, FaultsError

_BOTH: tuple[Upfront, ...] = ("none", "all")  # by month or at once costs the same


def read(file: Path, reading: ImportContext) -> Iterator[Quote]:
    """On-demand, spot, reserved and savings-plan prices of Linux virtual machines."""
    found = False
    for path, value in values(file, _enter):
        if path[-1:] == ("NextPageLink",) and value:
            reading.findings.add("more-pages", place(path), str(value))
        elif path[-2:-1] == ("Items",):
            found = True
            reading.rows += 1
            try:
                yield from _prices(place(path), value, reading)
            except UnreadableError as error:
                reading.findings.add("unreadable", place(path), str(error))
    if not found:
        message = "has no `Items`: not an answer of the Azure Retail Prices API"
        raise FaultsError([Fault(file=str(file), message=message)])


def _enter(path: Path_) -> bool:
    return not path or path[-1] == "Items" or (len(path) == 1 and path[0].isdecimal())


def _prices(location: str, item: Any, reading: ImportContext) -> Iterator[Quote]:
    if kind := _unwanted(item):
        reading.findings.add(kind, location, f"{said(item, 'productName')}, {said(item, 'meterName')}")
        return
    reading.saw(said(item, "effectiveStartDate"))
    price = number(item.get("retailPrice", item.get("unitPrice")))
    if words(item, "type") == "Reservation":
        years = _years(said(item, "reservationTerm"))
        yield from _committed(location, item, "azure-reservation", price / (HOURS_PER_YEAR * years), years)
        return
    if words(item, "unitOfMeasure") not in ("1 Hour", "1/Hour"):
        reading.findings.add("other-product", location, said(item, "unitOfMeasure"))
        return
    spot = "Spot" in said(item, "skuName") or "Spot" in said(item, "meterName")
    yield _quote(location, item, price_per_h=price, way="spot" if spot else "on-demand")
    plans = item.get("savingsPlan")
    for plan in plans if isinstance(plans, list) and not spot else ():
        years = _years(said(plan, "term"))
        price = number(plan.get("retailPrice", plan.get("unitPrice")))
        yield from _committed(location, item, "azure-savings-plan", price, years)


def _unwanted(item: Any) -> str:
    name, meter = said(item, "productName"), said(item, "meterName")
    if words(item, "serviceName") != "Virtual Machines" or "Cloud Services" in name or "CloudServices" in name:
        return "other-product"
    if words(item, "type") == "DevTestConsumption":
        return "dev-test"
    if "Windows" in name:
        return "other-system"
    if "Dedicated Host" in name:
        return "other-tenancy"
    return "low-priority" if "Low Priority" in meter or "Low Priority" in said(item, "skuName") else ""


def _committed(location: str, item: Any, way: Way, price: float, years: int) -> Iterator[Quote]:
    for upfront in _BOTH:
        yield _quote(location, item, price_per_h=price, way=way, term_years=years, upfront=upfront)


def _years(term: str) -> int:
    count, _, unit = term.partition(" ")
    if not (fullmatch(r"[1-9]\d?", count) and unit.startswith("Year")):
        raise UnreadableError(f"the term {term!r} is not a number of years")
    return int(count)


def _quote(location: str, item: Any, **terms: Any) -> Quote:
    sku = words(item, "armSkuName")
    accelerated = sku.lower().startswith(("standard_n", "basic_n"))
    return Quote(
        place=location,
        provider="azure",
        sku=sku,
        region=words(item, "armRegionName"),
        currency=words(item, "currencyCode"),
        accelerators=None if accelerated else 0,
        **terms,
    )
