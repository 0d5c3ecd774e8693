"""AWS Price List, bulk files: AmazonEC2 and AmazonSageMaker, and savings plans (`terms.savingsPlan`)."""

from collections.abc import Iterator
from pathlib import Path
from re import fullmatch, search
from typing import Any

from simcost.catalog.facts import Instrument, Upfront
from simcost.catalog.prices.json_stream import Path_, place, values
from simcost.catalog.prices.quote import (
    GIB,
    HOURS_PER_YEAR,
    ImportContext,
    Quote,
    UnreadableError,
    inner,
    listed,
    mapped,
    number,
    said,
    size_bytes,
    whole,
    words,
)
from simcost.errors import Fault, FaultsError

_UPFRONT: dict[str, Upfront] = {"No": "none", "Partial": "partial", "All": "all"}
_INSTRUMENTS: dict[str, Instrument] = {
    "EC2 Instance": "instance-savings-plan",
    "SageMaker": "sagemaker-savings-plan",
    "Compute": "compute-savings-plan",
}
_ML = r"ml\.[a-z0-9-]+\.[a-z0-9-]+$"


def upfront(text: str) -> Upfront:
    """Upfront payment, from the terms of the list. Raises UnreadableError."""
    found = search(r"(No|Partial|All) Upfront", text)
    if found is None:
        raise UnreadableError(f"{text!r} does not state the upfront payment")
    return _UPFRONT[found[1]]


def plan_rates(place: str, term: Any, reading: ImportContext) -> Iterator[Quote]:
    """The rates of one plan for Linux on shared hardware.

    Args:
        place: of the term in the file.
        term: one of `terms.savingsPlan`.
        reading: takes the findings.

    Raises:
        UnreadableError: it is not a plan that is known.
    """
    description = words(term, "description")
    years = number(inner(term, "leaseContractLength", "duration"))
    if not years > 0:
        raise UnreadableError("'duration' is not a number of years")
    instrument, paid = _instrument(description), upfront(description)
    for index, rate in enumerate(listed(term, "rates")):
        location = f"{place}.rates[{index}]"
        try:
            usage, operation = words(rate, "discountedUsageType"), said(rate, "discountedOperation")
            kind = _unwanted_rate(said(rate, "discountedServiceCode"), usage, operation)
            if kind:
                reading.findings.add(kind, location, f"{usage} {operation}")
                continue
            region, machine = words(rate, "discountedRegionCode"), search(_ML, usage)
            sku = machine[0] if machine else usage[usage.rfind(":") + 1 :]
            yield Quote(
                place=location,
                provider="aws",
                sku=sku,
                region=region,
                way=instrument,
                term_years=years,
                upfront=paid,
                price_per_h=number(inner(rate, "discountedRate", "price")),
                currency=words(rate, "discountedRate", "currency"),
            )
        except UnreadableError as error:
            reading.findings.add("unreadable", location, str(error))


def _unwanted_rate(service: str, usage: str, operation: str) -> str:
    if service == "AmazonSageMaker":
        return "" if search(_ML, usage) else "other-product"
    if service != "AmazonEC2":
        return "other-product"
    if "Unused" in usage:
        return "capacity"
    if "BoxUsage:" not in usage or "HostBoxUsage:" in usage:
        return "other-tenancy"
    return "" if operation == "RunInstances" else "other-system"


def _instrument(description: str) -> Instrument:
    for word, instrument in _INSTRUMENTS.items():
        if word in description:
            return instrument
    raise UnreadableError(f"the plan {description!r} is none that is known")


_ACCELERATED = r"(inf|trn|dl|vt|f|g|p)\d.*"  # families whose rows may not tell their accelerators
_WANTED = {
    "operatingSystem": ("other-system", "Linux"),
    "preInstalledSw": ("other-system", "NA"),
    "licenseModel": ("other-system", "No License required"),
    "tenancy": ("other-tenancy", "Shared"),
    "locationType": ("other-product", "AWS Region"),
    "capacitystatus": ("capacity", "Used"),
    "marketoption": ("capacity", "OnDemand"),
}


def read(file: Path, reading: ImportContext) -> Iterator[Quote]:
    """On-demand, reserved (standard) and savings-plan prices of Linux on shared hardware; of SageMaker, hosting."""
    products: dict[str, dict[str, Any]] = {}
    sections = set()
    for path, value in values(file, _enter):
        sections.add(path[0] if path else "")
        if path == ("publicationDate",):
            reading.saw(value)
        elif path[:1] == ("products",) and len(path) == 2:
            if "terms" in sections:
                raise FaultsError([Fault(file=str(file), message="`terms` stand before `products`; swap them")])
            _keep_product(path, value, products, reading)
        elif path[:1] == ("terms",) and len(path) == 3:
            reading.rows += 1
            try:
                yield from _prices(path, value, products, reading)
            except UnreadableError as error:
                reading.findings.add("unreadable", place(path), str(error))
    if not {"products", "terms"} <= sections:
        message = "has no `products` or no `terms`: not an AWS price list (index.json of AmazonEC2 or a savings plan)"
        raise FaultsError([Fault(file=str(file), message=message)])


def _enter(path: Path_) -> bool:
    return path in ((), ("products",), ("terms",)) or (len(path) == 2 and path[0] == "terms")


def _keep_product(path: Path_, value: Any, products: dict[str, dict[str, Any]], reading: ImportContext) -> None:
    attributes = value.get("attributes") if isinstance(value, dict) else None
    if path[1].isdecimal():  # a savings plan: its terms say all
        return
    if not isinstance(attributes, dict):
        reading.findings.add("unreadable", place(path), "'attributes' is missing")
    elif not _machine(said(value, "productFamily"), attributes):
        reading.findings.add("other-product", place(path), said(value, "productFamily"))
    elif kind := _unwanted(attributes):
        reading.findings.add(kind, place(path), said(attributes, "usagetype"))
    else:
        products[path[1]] = attributes


def _machine(family: str, attributes: dict[str, Any]) -> bool:
    """An instance of EC2, or one that hosts a SageMaker endpoint."""
    return family.startswith("Compute Instance") or (
        family == "ML Instance" and attributes.get("platoinstancetype") == "Hosting"
    )


def _unwanted(attributes: dict[str, Any]) -> str:
    for name, (kind, value) in _WANTED.items():
        if name in attributes and attributes[name] != value:
            return kind
    return ""


def _prices(path: Path_, value: Any, products: dict[str, dict[str, Any]], reading: ImportContext) -> Iterator[Quote]:
    if path[1] == "savingsPlan":
        yield from plan_rates(place(path), value, reading)
    elif path[2] in products and path[1] in ("OnDemand", "Reserved"):
        for term in mapped(value).values():
            quote = _on_demand if path[1] == "OnDemand" else _reserved
            yield from quote(place(path), products[path[2]], term, reading)


def _on_demand(location: str, attributes: dict[str, Any], term: Any, _: ImportContext) -> Iterator[Quote]:
    for dimension in mapped(term, "priceDimensions").values():
        if words(dimension, "unit") in ("Hrs", "Hours"):
            currency, price = _money(dimension)
            yield _quote(location, attributes, price_per_h=price, currency=currency)


def _reserved(location: str, attributes: dict[str, Any], term: Any, reading: ImportContext) -> Iterator[Quote]:
    if said(mapped(term, "termAttributes"), "OfferingClass") == "convertible":
        reading.findings.add("convertible", location, said(attributes, "instanceType"))
        return
    lease = fullmatch(r"([1-9]\d?) ?yr", words(term, "termAttributes", "LeaseContractLength"))
    if lease is None:
        raise UnreadableError("'LeaseContractLength' is not a number of years")
    years, price, currency = int(lease[1]), 0.0, "USD"
    for dimension in mapped(term, "priceDimensions").values():
        currency, amount = _money(dimension)
        price += amount / (HOURS_PER_YEAR * years) if words(dimension, "unit") == "Quantity" else amount
    yield _quote(
        location,
        attributes,
        price_per_h=price,
        currency=currency,
        way="reserved-instance",
        term_years=years,
        upfront=upfront(words(term, "termAttributes", "PurchaseOption")),
    )


def _money(dimension: Any) -> tuple[str, float]:
    for currency, amount in mapped(dimension, "pricePerUnit").items():
        return currency, number(amount)
    raise UnreadableError("'pricePerUnit' is empty")


def _quote(location: str, attributes: dict[str, Any], **terms: Any) -> Quote:
    sku = words(attributes, "instanceType").split("-Host")[0]
    count = whole(attributes.get("gpu"))
    if count is None and not fullmatch(_ACCELERATED, sku.removeprefix("ml.").split(".")[0]):
        count = 0
    memory = said(attributes, "memory").removesuffix("GiB")
    return Quote(
        place=location,
        provider="aws",
        sku=sku,
        region=words(attributes, "regionCode"),
        accelerators=count,
        vcpus=whole(attributes.get("vcpu", attributes.get("vCpu"))),
        memory_bytes=size_bytes(memory, GIB),
        **terms,
    )
