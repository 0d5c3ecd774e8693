"""The savings-plan files of the AWS Price List: what an hour costs under a plan."""

from collections.abc import Iterator
from re import search
from typing import Any

from simcost.catalog.facts import Instrument, Upfront
from simcost.catalog.prices.cells import UnreadableError, inner, listed, number, said, words
from simcost.catalog.prices.quote import Quote, Reading

_UPFRONT: dict[str, Upfront] = {"No": "none", "Partial": "partial", "All": "all"}
_INSTRUMENTS: dict[str, Instrument] = {
    "EC2 Instance": "instance-savings-plan",
    "SageMaker": "sagemaker-savings-plan",
    "Compute": "compute-savings-plan",
}
_ML = r"ml\.[a-z0-9-]+\.[a-z0-9-]+$"


def upfront(text: str) -> Upfront:
    """What is paid at once, in the words of the list. Raises UnreadableError."""
    found = search(r"(No|Partial|All) Upfront", text)
    if found is None:
        raise UnreadableError(f"{text!r} says nothing of what is paid upfront")
    return _UPFRONT[found[1]]


def plan_rates(place: str, term: Any, reading: Reading) -> Iterator[Quote]:
    """The rates of one plan for Linux on shared hardware.

    Args:
        place: of the term in the file.
        term: one of `terms.savingsPlan`.
        reading: takes the findings.

    Raises:
        UnreadableError: it is no plan that is known.
    """
    description = words(term, "description")
    years = number(inner(term, "leaseContractLength", "duration"))
    if not years > 0:
        raise UnreadableError("'duration' is no number of years")
    instrument, paid = _instrument(description), upfront(description)
    for index, rate in enumerate(listed(term, "rates")):
        at = f"{place}.rates[{index}]"
        try:
            usage, operation = words(rate, "discountedUsageType"), said(rate, "discountedOperation")
            kind = _unwanted_rate(said(rate, "discountedServiceCode"), usage, operation)
            if kind:
                reading.findings.add(kind, at, f"{usage} {operation}")
                continue
            region, machine = words(rate, "discountedRegionCode"), search(_ML, usage)
            sku = machine[0] if machine else usage[usage.rfind(":") + 1 :]
            yield Quote(
                place=at, provider="aws", sku=sku, region=region, way=instrument, term_years=years, upfront=paid,
                price_per_h=number(inner(rate, "discountedRate", "price")),
                currency=words(rate, "discountedRate", "currency"),
            )  # fmt: skip
        except UnreadableError as error:
            reading.findings.add("unreadable", at, str(error))


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
