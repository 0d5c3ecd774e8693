"""Vocabulary and rows of a FOCUS table: names of providers, services, commitments and units; blocks of similar rows."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from simcost.billing.api.pricing import MILLION
from simcost.billing.bill import Service
from simcost.billing.commitment.bound import Bound, CommittedUnits
from simcost.billing.metering import Floats, Ints
from simcost.catalog.facts import CloudService, Offer
from simcost.trace.focus.columns import COLUMNS
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
_UNITS = {
    "h": "Hours",
    "GB-month": "GB-Months",
    "GB": "GB",
    "unit-hour": "Unit-Hours",
    "normalized h": "Normalized Hours",
}
"""Our units in the unit format of FOCUS."""


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


def named_service(words: dict[str, str], provider: str, name: str, services: Iterable[CloudService]) -> dict[str, str]:
    """Words of a charge with the service that usage names, and its category; as they are where it names none."""
    if not name:
        return words
    known = next((one for one in services if one.provider == provider and one.is_named(name)), None)
    category = (known.category, known.subcategory) if known else ("Other", "Other (Other)")
    return words | dict(zip(("ServiceCategory", "ServiceSubcategory"), category, strict=True)) | {"ServiceName": name}


def place_words(region: str, zone: str = "", account: str = "") -> dict[str, str]:
    """Columns of place and account, as far as they are known."""
    said = {} if region in ("", "any") else {"RegionId": region, "RegionName": region}
    said |= {"AvailabilityZone": zone} if zone else {}
    owner = {"SubAccountId": account, "SubAccountName": account, "SubAccountType": "Account"}
    return said | (owner if account else {})


def sku_words(sku: str, price: str, meter: str) -> dict[str, str]:
    """A SKU and its price: one SKU has several prices, by region and way of paying."""
    return {"SkuId": sku, "SkuPriceId": f"{sku}/{price}", "SkuMeter": meter}


def machines(offers: Iterable[Offer]) -> dict[str, str]:
    """Parts of instances, as SkuPriceDetails: `provider/sku` -> JSON."""
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
class FocusUnit:
    """Notation of a quantity."""

    priced: str
    consumed: str
    meter: str
    units: float = 1.0
    """Of ours in one that is priced."""
    consumed_each: float = 1.0
    """Consumed units in one that is priced."""


def unit_of(ours: str) -> FocusUnit:
    """Tokens are priced by the million, in a unit that the unit format allows, and consumed one by one."""
    if ours == MILLION:
        return FocusUnit(MILLION, "Tokens", "tokens", consumed_each=1e6)
    if ours in TOKENS:
        return FocusUnit(MILLION, "Tokens", ours.replace("_", " "), units=1e6, consumed_each=1e6)
    name = _UNITS.get(ours, ours)
    return FocusUnit(name, name, name)


def commitment_words(bound: Bound) -> dict[str, str]:
    """Columns of the commitment to which a row belongs."""
    spend = not isinstance(bound, CommittedUnits)
    return {
        "CommitmentDiscountId": bound.name,
        "CommitmentDiscountName": bound.name,
        "CommitmentDiscountCategory": "Spend" if spend else "Usage",
        "CommitmentDiscountType": bound.focus_type,
        "CommitmentDiscountUnit": commitment_unit(bound),
    }


def commitment_unit(bound: Bound) -> str:
    """Money for spend; hours of instances, or of normalized sizes where a reservation covers several."""
    return _UNITS[bound.unit] if isinstance(bound, CommittedUnits) else "USD"


OWN = ("x_SimcostRunId", "x_PriceAsOf")
"""Additional columns, behind those of FOCUS."""
_DIGITS = 10
_UTC = pa.timestamp("s", "UTC")
_SAME_CURRENCY = {
    "PricingCurrencyListUnitPrice": "ListUnitPrice",
    "PricingCurrencyEffectiveCost": "EffectiveCost",
    "PricingCurrencyContractedUnitPrice": "ContractedUnitPrice",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChargeBlock:
    """Rows that share all their words."""

    start_s: Floats
    """Of each charge period, since 1970 UTC."""
    end_s: Floats
    words: Mapping[str, str]
    """FOCUS column -> what stands in it; columns that are not there are null."""
    numbers: Mapping[str, Floats] = field(default_factory=dict)
    """FOCUS column -> amounts; columns that are not there are null."""

    def __len__(self) -> int:
        return len(self.start_s)


def priced(quantity: Floats, list_usd: Floats | float, contracted_usd: Floats | float) -> dict[str, Floats]:
    """A pricing quantity with its unit prices and costs: costs are the products."""
    listed, contracted = (np.broadcast_to(usd, quantity.shape) for usd in (list_usd, contracted_usd))
    return {
        "PricingQuantity": quantity,
        "ListUnitPrice": listed,
        "ContractedUnitPrice": contracted,
        "ListCost": quantity * listed,
        "ContractedCost": quantity * contracted,
    }


def table_of(blocks: Sequence[ChargeBlock]) -> pa.Table:
    """All rows, columns in the order of the specification, additional ones behind them."""
    lengths = np.array([len(block) for block in blocks], np.int64)
    starts = _joined([block.start_s for block in blocks])
    times = _times(starts, _joined([block.end_s for block in blocks]))
    columns: dict[str, pa.Array] = {}
    for name in (*COLUMNS, *OWN):
        if name in times:
            columns[name] = times[name]
        elif name in COLUMNS and COLUMNS[name].kind == "decimal":
            columns[name] = _amounts(blocks, _SAME_CURRENCY.get(name, name), lengths)
        else:
            columns[name] = _words([block.words.get(name) for block in blocks], lengths)
    return pa.table(columns)


def _joined(parts: Sequence[Floats]) -> Ints:
    whole = np.concatenate(parts) if parts else np.empty(0)
    return np.rint(whole).astype(np.int64)


def _times(starts: Ints, ends: Ints) -> dict[str, pa.Array]:
    """Charge periods, and the calendar months in which they begin."""
    month = starts.astype("datetime64[s]").astype("datetime64[M]")
    bounds = {"BillingPeriodStart": month, "BillingPeriodEnd": month + np.timedelta64(1, "M")}
    seconds = {name: value.astype("datetime64[s]").astype(np.int64) for name, value in bounds.items()}
    whole = {"ChargePeriodStart": starts, "ChargePeriodEnd": ends, **seconds}
    return {name: pa.array(value).cast(_UTC) for name, value in whole.items()}


def _words(values: Sequence[str | None], lengths: Ints) -> pa.Array:
    distinct = list(dict.fromkeys(value for value in values if value is not None))
    known = {value: i for i, value in enumerate(distinct)}
    codes = pa.array([None if value is None else known[value] for value in values], pa.int32())
    rows = codes.take(pa.array(np.repeat(np.arange(len(values), dtype=np.int32), lengths)))
    return pa.DictionaryArray.from_arrays(rows, pa.array(distinct, pa.string()), safe=False)


def _amounts(blocks: Sequence[ChargeBlock], name: str, lengths: Ints) -> pa.Array:
    """Amounts to ten decimals, null in the blocks without."""
    there = np.array([name in block.numbers for block in blocks], np.bool_)
    whole = np.zeros(int(lengths.sum()))
    at = 0
    for block in blocks:
        if name in block.numbers:
            whole[at : at + len(block)] = block.numbers[name]
        at += len(block)
    rounded = np.round(whole, _DIGITS) + 0.0
    return pa.array(rounded) if there.all() else pa.array(rounded, mask=~np.repeat(there, lengths))
