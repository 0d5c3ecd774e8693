"""What stands in the words of a row: names of providers, services, commitments and units."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from simcost.billing.api.pricing import MILLION
from simcost.billing.bill import Service
from simcost.billing.commitment.bound import Bound, Capacity
from simcost.catalog.facts import Offer
from simcost.trace.usage.usage import TOKENS
from simcost.units import GIB

PROVIDERS = {"aws": "AWS", "azure": "Microsoft", "gcp": "Google Cloud"}
"""As their own exports call them; others by our name."""
_SERVICES: dict[Service, tuple[str, str, str, str]] = {
    "compute": ("Compute", "Virtual Machines", "Virtual Machines", "Virtual Machine"),
    "storage": ("Storage", "Block Storage", "Block Storage", "Disk"),
    "transfer": ("Networking", "Network Connectivity", "Data Transfer", "Network"),
    "tokens": ("AI and Machine Learning", "Generative AI", "Model API", "Model"),
}
"""ServiceCategory, ServiceSubcategory, ServiceName, ResourceType."""
_UNITS = {"h": "Hours", "GB-month": "GB-Months", "GB": "GB", "unit-hour": "Unit-Hours",
          "normalized h": "Normalized Hours"}  # fmt: skip
"""Our units in the unit format of FOCUS."""
_KINDS = {
    "reserved-instances": "Reserved Instance", "savings-plan": "Savings Plan", "capacity-block": "Capacity Block",
    "azure-reservation": "Reservation", "azure-savings-plan": "Savings Plan", "resource-cud": "Committed Use Discount",
    "flexible-cud": "Flexible Committed Use Discount", "take-or-pay": "Take-or-Pay Contract",
}  # fmt: skip


def provider_words(provider: str) -> dict[str, str]:
    """A provider sells, publishes and bills by itself."""
    name = PROVIDERS.get(provider, provider) or "unknown"
    return {"ProviderName": name, "PublisherName": name, "InvoiceIssuerName": name}


def service_words(service: Service) -> dict[str, str]:
    """The service of a charge."""
    category, subcategory, name, kind = _SERVICES[service]
    return {
        "ServiceCategory": category,
        "ServiceSubcategory": subcategory,
        "ServiceName": name,
        "ResourceType": kind,
    }


def place_words(region: str, zone: str = "", account: str = "") -> dict[str, str]:
    """Where something ran and for which account, as far as it is known."""
    said = {} if region in ("", "any") else {"RegionId": region, "RegionName": region}
    said |= {"AvailabilityZone": zone} if zone else {}
    owner = {"SubAccountId": account, "SubAccountName": account, "SubAccountType": "Account"}
    return said | (owner if account else {})


def sku_words(sku: str, price: str, meter: str) -> dict[str, str]:
    """A SKU and its price: one SKU has several prices, by region and way of paying."""
    return {"SkuId": sku, "SkuPriceId": f"{sku}/{price}", "SkuMeter": meter}


def machines(offers: Iterable[Offer]) -> dict[str, str]:
    """What instances are made of, as SkuPriceDetails: `provider/sku` -> JSON."""
    return {offer.name: json.dumps(_details(offer)) for offer in offers}


def _details(offer: Offer) -> dict[str, str | float]:
    said: dict[str, str | float] = {"InstanceType": offer.sku}
    if offer.accelerators:
        said["GpuCount"] = offer.accelerators
    if offer.vcpus:
        said["CoreCount"] = offer.vcpus
    if offer.memory_bytes:
        said["MemorySize"] = round(offer.memory_bytes / GIB, 3)
    return said


def tags_text(own: Sequence[tuple[str, str]], common: Mapping[str, str]) -> str:
    """Tags as a JSON object; a row's own go over the common ones."""
    return json.dumps({**common, **dict(own)}, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Unit:
    """How a quantity of ours is written."""

    priced: str
    consumed: str
    meter: str
    units: float = 1.0
    """Of ours in one that is priced."""
    consumed_each: float = 1.0
    """Consumed units in one that is priced."""


def unit_of(ours: str) -> Unit:
    """Tokens are priced by the million, in a unit that the unit format allows, and consumed one by one."""
    if ours == MILLION:
        return Unit(MILLION, "Tokens", "tokens", consumed_each=1e6)
    if ours in TOKENS:
        return Unit(MILLION, "Tokens", ours.replace("_", " "), units=1e6, consumed_each=1e6)
    name = _UNITS.get(ours, ours)
    return Unit(name, name, name)


def commitment_words(bound: Bound) -> dict[str, str]:
    """Which commitment a row belongs to."""
    spend = not isinstance(bound, Capacity)
    return {
        "CommitmentDiscountId": bound.name, "CommitmentDiscountName": bound.name,
        "CommitmentDiscountCategory": "Spend" if spend else "Usage",
        "CommitmentDiscountType": _KINDS.get(bound.kind, bound.kind), "CommitmentDiscountUnit": commitment_unit(bound),
    }  # fmt: skip


def commitment_unit(bound: Bound) -> str:
    """Money for spend; hours of instances, or of normalized sizes where a reservation covers several."""
    return _UNITS[bound.unit] if isinstance(bound, Capacity) else "USD"
