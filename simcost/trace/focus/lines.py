"""Lines of a cost file: cost and usage by day, SKU, purchase option and commitment, under canonical names.

Memory grows with the distinct keys, not with the rows.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from simcost.tables.cells import Flags, Floats, Ints
from simcost.trace.focus.cells import IDLE_MARKS, FocusRows, Words

PROVIDERS = {
    "aws": "aws",
    "amazon": "aws",
    "amazon web services": "aws",
    "amazon web services, inc.": "aws",
    "microsoft": "azure",
    "azure": "azure",
    "microsoft azure": "azure",
    "microsoft corporation": "azure",
    "google": "gcp",
    "google cloud": "gcp",
    "google cloud platform": "gcp",
    "gcp": "gcp",
}
"""Names in exports -> names in the catalog."""
_HOURS = {
    "h": 1.0,
    "hour": 1.0,
    "hr": 1.0,
    "hrs": 1.0,
    "minute": 1 / 60,
    "min": 1 / 60,
    "second": 1 / 3600,
    "sec": 1 / 3600,
    "s": 1 / 3600,
    "day": 24.0,
}
_OTHERS = {
    "token": "tokens",
    "gb-month": "GB-month",
    "gb-mo": "GB-month",
    "gb": "GB",
    "request": "requests",
    "gb-hour": "GB-h",
    "gb-hr": "GB-h",
}
_MACHINES = re.compile(r"^(?:instance|vm|virtual machine|gpu instance|node|box|compute)[- ]?(?=hours?$|hrs?$)")
_BLOCK = re.compile(r"^(\d[\d,]*(?:\.\d+)?)\s*([KMB])?[ /]\s*(.+)$", re.IGNORECASE)
_SCALE = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9}
_ECHO = r"(^|-)(Reservation|DedicatedRes):"
"""Usage types of AWS for the used part of a reservation, whose hours and cost stand in the rows of the instances."""
_TYPE_KEYS = ("InstanceType", "x_InstanceType", "instanceType", "ServiceType", "VMName")
_USAGE_TYPE = re.compile(
    r"(?:BoxUsage|SpotUsage|DedicatedUsage|HostBoxUsage|UnusedBox|UnusedDed|Reservation|DedicatedRes):([\w.-]+)$"
)


def provider_of(name: str) -> str:
    """The catalog's name of a provider: `Amazon Web Services` is `aws`; others in lower case, with hyphens."""
    key = name.strip().lower()
    return PROVIDERS.get(key, re.sub(r"[^a-z0-9]+", "-", key).strip("-"))


def unit_of(text: str) -> tuple[float, str]:
    """Factor and unit of an export's unit: `1000000 Tokens` is (1e6, tokens), `Hrs` is (1, h).

    Hours of machines are `h`; unknown units stay as they are written.
    """
    block = _BLOCK.match(text.strip())
    if block:
        factor, unit = unit_of(block[3])
        return float(block[1].replace(",", "")) * _SCALE[(block[2] or "").lower()] * factor, unit
    bare = _MACHINES.sub("", text.strip().lower())
    single = bare.removesuffix("s") if len(bare) > 1 else bare
    if single in _HOURS:
        return _HOURS[single], "h"
    return 1.0, _OTHERS.get(re.sub(r"[/ ]", "-", single), text.strip())


@lru_cache(65_536)
def instance_type(text: str) -> str:
    """The instance type in SkuPriceDetails, a provider's own details or its usage type; else empty."""
    usage = _USAGE_TYPE.search(text)
    if usage:
        return usage[1]
    try:
        said = json.loads(text)
    except ValueError:
        return ""
    if not isinstance(said, dict):
        return ""
    return next((str(said[key]) for key in _TYPE_KEYS if said.get(key)), "")


_PENDING_ROWS = 500_000


class Names:
    """Numbers for names, the same in every chunk; 0 is not a name."""

    def __init__(self, rename: Callable[[str], str] = str) -> None:
        self.names = [""]
        self._rename = rename
        self._codes = {"": 0}
        self._seen: dict[str, int] = {}

    def codes(self, words: Words) -> Ints:
        """The number of the name of each row."""
        found = [self.code(word) for word in words.distinct.to_pylist()]
        codes: Ints = np.array([*found, 0], np.int64)[words.codes]
        return codes

    def code(self, word: str) -> int:
        """The number of one name."""
        if word not in self._seen:
            name = self._rename(word)
            new = self._codes.setdefault(name, len(self.names))
            if new == len(self.names):
                self.names.append(name)
            self._seen[word] = new
        return self._seen[word]


class Sums:
    """Adds up values of rows with equal keys.

    Args:
        keys: names of the key columns; their values are integers.
        values: names of the columns to add up.
    """

    def __init__(self, keys: Sequence[str], values: Sequence[str]) -> None:
        self.keys, self.values = list(keys), list(values)
        self._parts: list[pa.Table] = []
        self._pending = self._kept = 0

    def add(self, keys: Mapping[str, npt.NDArray[np.int64]], values: Mapping[str, Floats]) -> None:
        """The rows of a chunk."""
        if not len(next(iter(keys.values()))):
            return
        part = pa.table({name: pa.array(column) for name, column in {**keys, **values}.items()})
        self._parts.append(self._added(part))
        self._pending += self._parts[-1].num_rows
        if self._pending > max(_PENDING_ROWS, self._kept):
            self._parts = [self.table()]
            self._kept, self._pending = self._parts[0].num_rows, 0

    def table(self) -> pa.Table:
        """One row per key, in the order of the keys."""
        if not self._parts:
            empty = {name: pa.int64() for name in self.keys} | {name: pa.float64() for name in self.values}
            return pa.schema(list(empty.items())).empty_table()
        return self._added(pa.concat_tables(self._parts)).sort_by([(name, "ascending") for name in self.keys])

    def _added(self, table: pa.Table) -> pa.Table:
        grouped = table.group_by(self.keys, use_threads=False).aggregate([(name, "sum") for name in self.values])
        return grouped.select([*self.keys, *(f"{name}_sum" for name in self.values)]).rename_columns(
            [*self.keys, *self.values]
        )


def named(table: pa.Table, names: Mapping[str, Names]) -> pa.Table:
    """The table with the names behind the numbers, as dictionary columns."""
    for key, known in names.items():
        codes = table[key].to_numpy().astype(np.int32)
        labels = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(known.names, pa.string()))
        table = table.set_column(table.schema.get_field_index(key), key, labels)
    return table


COSTS = {
    "billed_usd": "BilledCost",
    "effective_usd": "EffectiveCost",
    "list_usd": "ListCost",
    "contracted_usd": "ContractedCost",
}
KINDS = ("usage", "unused", "unused_capacity", "purchase", "tax", "credit", "adjustment", "other")
PRICING = ("on_demand", "committed", "spot", "other")
NAMED = ("provider", "service", "region", "sku", "unit", "commitment")
_KEYS = (*NAMED, "kind", "pricing", "day")
_VALUES = (
    *COSTS,
    "quantity",
    "rows",
    "no_list",
    "no_contracted",
    "used_usd",
    "unused_usd",
    "not_on_list_usd",
    "listed_alone_usd",
    "unpriced_quantity",
    "unbilled_quantity",
    "unlisted_quantity",
)
READ = (
    "ProviderName",
    "ServiceName",
    "RegionId",
    "SkuId",
    "SkuMeter",
    "SkuPriceDetails",
    "ChargeCategory",
    "ChargeClass",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ConsumedQuantity",
    "ConsumedUnit",
    "CommitmentDiscountId",
    "CommitmentDiscountStatus",
    "CommitmentDiscountName",
    "CommitmentDiscountType",
    "CapacityReservationStatus",
    "BillingCurrency",
    "BillingPeriodStart",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ChargeFrequency",
    "ServiceCategory",
    "ListUnitPrice",
    "ContractedUnitPrice",
    "x_SkuDetails",
    *IDLE_MARKS,
    *COSTS.values(),
)
"""The columns that are read, where they are there."""
_DAY_S = 86400


@dataclass(slots=True)
class LineNames:
    """Context of the numbers of all chunks."""

    provider: Names = field(default_factory=lambda: Names(provider_of))
    service: Names = field(default_factory=Names)
    region: Names = field(default_factory=lambda: Names(str.lower))
    sku: Names = field(default_factory=Names)
    unit: Names = field(default_factory=Names)
    commitment: Names = field(default_factory=Names)

    def names(self) -> dict[str, Names]:
        """By the column that they name."""
        return {name: getattr(self, name) for name in NAMED}


@dataclass(slots=True)
class Lines:
    """Collects the lines of a file, chunk by chunk."""

    reading: LineNames = field(default_factory=LineNames)
    sums: Sums = field(default_factory=lambda: Sums(_KEYS, _VALUES))

    def add(self, rows: FocusRows, rate: Floats) -> None:
        """The rows of a chunk; `rate` is the USD that a unit of each row's currency is worth."""
        quantity, unit = measured(rows, self.reading.unit)
        keys = {
            "provider": self.reading.provider.codes(rows.word("ProviderName")),
            "service": self.reading.service.codes(rows.word("ServiceName")),
            "region": self.reading.region.codes(rows.word("RegionId")),
            "sku": sku_codes(rows, self.reading.sku),
            "unit": unit,
            "commitment": self.reading.commitment.codes(rows.word("CommitmentDiscountId")),
            "kind": kinds(rows),
            "pricing": pricing(rows),
            "day": start_s(rows) // _DAY_S,
        }
        self.sums.add(keys, self._values(rows, rate, quantity))

    def _values(self, rows: FocusRows, rate: Floats, quantity: Floats) -> dict[str, Floats]:
        costs = {name: cost(rows, column) * rate for name, column in COSTS.items()}
        for name in ("list_usd", "contracted_usd"):
            costs[name] = np.where(in_advance(rows), 0.0, costs[name])
        usage = rows.is_("ChargeCategory", "Usage")
        effective = np.nan_to_num(costs["effective_usd"])
        by_status = {
            f"{status.lower()}_usd": effective * (usage & rows.is_("CommitmentDiscountStatus", status))
            for status in ("Used", "Unused")
        }
        return {
            **{name: np.nan_to_num(values) for name, values in costs.items()},
            "quantity": np.nan_to_num(quantity),
            "rows": np.ones(rows.count),
            "no_list": np.isnan(costs["list_usd"]) * 1.0,
            "no_contracted": np.isnan(costs["contracted_usd"]) * 1.0,
            "not_on_list_usd": effective * np.isnan(costs["list_usd"]),
            "listed_alone_usd": np.nan_to_num(costs["list_usd"]) * np.isnan(costs["effective_usd"]),
            "unpriced_quantity": np.nan_to_num(quantity) * np.isnan(costs["effective_usd"]),
            "unbilled_quantity": np.nan_to_num(quantity) * np.isnan(costs["billed_usd"]),
            "unlisted_quantity": np.nan_to_num(quantity) * np.isnan(costs["list_usd"]),
            **by_status,
        }

    def table(self) -> pa.Table:
        """One row per line; columns of `_KEYS` and `_VALUES`, USD and the units of `unit`, days since 1970."""
        table = named(self.sums.table(), self.reading.names())
        for key, names in (("kind", KINDS), ("pricing", PRICING)):
            labels = pa.DictionaryArray.from_arrays(pa.array(table[key].to_numpy().astype(np.int32)), list(names))
            table = table.set_column(table.schema.get_field_index(key), key, labels)
        return table


def cost(rows: FocusRows, column: str) -> Floats:
    """A cost; where it is empty, the unit price times the quantity, if both are there; else NaN."""
    stated = rows.number(column)
    price = {"ListCost": "ListUnitPrice", "ContractedCost": "ContractedUnitPrice"}.get(column)
    if price is None:
        return stated
    return np.where(np.isnan(stated), rows.number(price) * rows.number("PricingQuantity"), stated)


def in_advance(rows: FocusRows) -> Flags:
    """Purchases that pay for usage of other rows: what these cost on the list stands there, and sums of both would
    count it twice. Found as FOCUS says (List Cost, aggregation): purchases that are billed, at an effective cost of 0.
    """
    free = rows.has("EffectiveCost") & (np.nan_to_num(rows.number("EffectiveCost")) == 0)
    paid = rows.has("BilledCost") & (np.nan_to_num(rows.number("BilledCost")) != 0)
    result: Flags = rows.is_("ChargeCategory", "Purchase") & paid & free
    return result


def kinds(rows: FocusRows) -> Ints:
    """The index in KINDS of each row."""
    usage = rows.is_("ChargeCategory", "Usage")
    conditions = [
        rows.used,
        usage & rows.is_("CommitmentDiscountStatus", "Unused"),
        rows.idle,
        *(rows.is_("ChargeCategory", name) for name in ("Purchase", "Tax", "Credit", "Adjustment")),
    ]
    return np.select(conditions, np.arange(len(conditions)), len(KINDS) - 1).astype(np.int64)


def pricing(rows: FocusRows) -> Ints:
    """The index in PRICING; what uses a commitment is committed, whatever its category says."""
    committed = rows.is_("PricingCategory", "Committed") | rows.is_("CommitmentDiscountStatus", "Used", "Unused")
    spot, plain = rows.is_("PricingCategory", "Dynamic"), rows.is_("PricingCategory", "Standard")
    return np.select([committed, plain, spot], [1, 0, 2], len(PRICING) - 1).astype(np.int64)


def start_s(rows: FocusRows) -> Ints:
    """Start of each charge; the billing period's start where it does not say; else 1970."""
    start = rows.times_s["ChargePeriodStart"]
    if "BillingPeriodStart" not in rows.times_s:
        return start
    return np.where(rows.has("ChargePeriodStart"), start, rows.times_s["BillingPeriodStart"])


def sku_codes(rows: FocusRows, names: Names) -> Ints:
    """The instance type where the row tells one, else SkuId, else the meter or the service."""
    codes = np.zeros(rows.count, np.int64)
    for column in ("ServiceName", "SkuMeter", "SkuId"):
        found = names.codes(rows.word(column))
        codes = np.where(found > 0, found, codes)
    for column in ("x_UsageType", "x_SkuDetails", "SkuPriceDetails"):
        types = rows.word(column)
        if len(types.distinct):
            found = _types(types, names)
            codes = np.where(found > 0, found, codes)
    return codes


def _types(details: Words, names: Names) -> Ints:
    found = [names.code(instance_type(text)) for text in details.distinct.to_pylist()]
    codes: Ints = np.array([*found, 0], np.int64)[details.codes]
    return codes


def measured(rows: FocusRows, names: Names) -> tuple[Floats, Ints]:
    """Usage and idle reserved capacity of each row in our units, NaN where it is neither or does not say; and the
    unit's number.
    """
    consumed = rows.has("ConsumedQuantity")
    quantity, unit = _in_ours(rows, "PricingQuantity", "PricingUnit", names)
    if consumed.any():
        ours, unit_of_it = _in_ours(rows, "ConsumedQuantity", "ConsumedUnit", names)
        quantity, unit = np.where(consumed, ours, quantity), np.where(consumed, unit_of_it, unit)
    known = (rows.used | rows.idle) & ~np.isnan(quantity) & ~rows.word("x_UsageType").matching(_ECHO)
    return np.where(known, quantity, np.nan), np.where(known, unit, 0)


def _in_ours(rows: FocusRows, quantity: str, unit: str, names: Names) -> tuple[Floats, Ints]:
    said = rows.word(unit)
    known: list[tuple[float, str]] = [unit_of(text) for text in said.distinct.to_pylist()]
    factors = np.array([*(factor for factor, _ in known), 1.0])[said.codes]
    codes = np.array([*(names.code(name) for _, name in known), 0], np.int64)[said.codes]
    return rows.number(quantity) * factors, codes
