"""From the rows of a cost file to its lines: cost and usage by day, SKU, way of buying and commitment."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from simcost.tables.cells import Flags, Floats, Ints
from simcost.trace.focus.cells import Words
from simcost.trace.focus.rows import Rows
from simcost.trace.focus.sums import Names, Sums, named
from simcost.trace.focus.units import instance_type, provider_of, unit_of

COSTS = {"billed_usd": "BilledCost", "effective_usd": "EffectiveCost", "list_usd": "ListCost",
         "contracted_usd": "ContractedCost"}  # fmt: skip
KINDS = ("usage", "unused", "unused_capacity", "purchase", "tax", "credit", "adjustment", "other")
PRICING = ("on_demand", "committed", "spot", "other")
NAMED = ("provider", "service", "region", "sku", "unit", "commitment")
_KEYS = (*NAMED, "kind", "pricing", "day")
_VALUES = (*COSTS, "quantity", "rows", "no_list", "no_contracted", "used_usd", "unused_usd")
READ = ("ProviderName", "ServiceName", "RegionId", "SkuId", "SkuMeter", "SkuPriceDetails", "ChargeCategory",
        "ChargeClass", "PricingCategory", "PricingQuantity", "PricingUnit", "ConsumedQuantity", "ConsumedUnit",
        "CommitmentDiscountId", "CommitmentDiscountStatus", "CommitmentDiscountName", "CommitmentDiscountType",
        "CapacityReservationStatus", "BillingCurrency", "BillingPeriodStart", "ChargePeriodStart",
        "ChargePeriodEnd", "ChargeFrequency", "ServiceCategory", "ListUnitPrice", "ContractedUnitPrice",
        "x_SkuDetails", "x_UsageType",
        *COSTS.values())  # fmt: skip
"""The columns that are read, where they are there."""
_DAY_S = 86400


@dataclass(slots=True)
class Reading:
    """What stands behind the numbers of all chunks."""

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

    reading: Reading = field(default_factory=Reading)
    sums: Sums = field(default_factory=lambda: Sums(_KEYS, _VALUES))

    def add(self, rows: Rows, rate: Floats) -> None:
        """The rows of a chunk; `rate` is the USD that a unit of each row's currency is worth."""
        quantity, unit = measured(rows, self.reading.unit)
        keys = {
            "provider": self.reading.provider.codes(rows.word("ProviderName")),
            "service": self.reading.service.codes(rows.word("ServiceName")),
            "region": self.reading.region.codes(rows.word("RegionId")),
            "sku": sku_codes(rows, self.reading.sku), "unit": unit,
            "commitment": self.reading.commitment.codes(rows.word("CommitmentDiscountId")),
            "kind": kinds(rows), "pricing": pricing(rows), "day": start_s(rows) // _DAY_S,
        }  # fmt: skip
        self.sums.add(keys, self._values(rows, rate, quantity))

    def _values(self, rows: Rows, rate: Floats, quantity: Floats) -> dict[str, Floats]:
        costs = {name: cost(rows, column) * rate for name, column in COSTS.items()}
        for name in ("list_usd", "contracted_usd"):
            costs[name] = np.where(in_advance(rows), 0.0, costs[name])
        usage = rows.is_("ChargeCategory", "Usage")
        effective = np.nan_to_num(costs["effective_usd"])
        by_status = {f"{status.lower()}_usd": effective * (usage & rows.is_("CommitmentDiscountStatus", status))
                     for status in ("Used", "Unused")}  # fmt: skip
        return {
            **{name: np.nan_to_num(values) for name, values in costs.items()},
            "quantity": np.nan_to_num(quantity), "rows": np.ones(rows.count),
            "no_list": np.isnan(costs["list_usd"]) * 1.0,
            "no_contracted": np.isnan(costs["contracted_usd"]) * 1.0, **by_status,
        }  # fmt: skip

    def table(self) -> pa.Table:
        """One row per line; columns of `_KEYS` and `_VALUES`, USD and the units of `unit`, days since 1970."""
        table = named(self.sums.table(), self.reading.names())
        for key, names in (("kind", KINDS), ("pricing", PRICING)):
            labels = pa.DictionaryArray.from_arrays(
                pa.array(table[key].to_numpy().astype(np.int32)), list(names)
            )
            table = table.set_column(table.schema.get_field_index(key), key, labels)
        return table


def cost(rows: Rows, column: str) -> Floats:
    """A cost; where it is empty, the unit price times the quantity, if both are there; else NaN."""
    stated = rows.number(column)
    price = {"ListCost": "ListUnitPrice", "ContractedCost": "ContractedUnitPrice"}.get(column)
    if price is None:
        return stated
    return np.where(np.isnan(stated), rows.number(price) * rows.number("PricingQuantity"), stated)


def in_advance(rows: Rows) -> Flags:
    """Purchases that pay for usage of other rows: what these cost on the list stands there, and sums of both would
    count it twice. Found as FOCUS says (List Cost, aggregation): purchases that are billed, at an effective cost of 0.
    """
    free = rows.has("EffectiveCost") & (np.nan_to_num(rows.number("EffectiveCost")) == 0)
    paid = rows.has("BilledCost") & (np.nan_to_num(rows.number("BilledCost")) != 0)
    found: Flags = rows.is_("ChargeCategory", "Purchase") & paid & free
    return found


def kinds(rows: Rows) -> Ints:
    """The index in KINDS of what each row is."""
    usage = rows.is_("ChargeCategory", "Usage")
    conditions = [
        rows.used, usage & rows.is_("CommitmentDiscountStatus", "Unused"), usage,
        *(rows.is_("ChargeCategory", name) for name in ("Purchase", "Tax", "Credit", "Adjustment")),
    ]  # fmt: skip
    return np.select(conditions, np.arange(len(conditions)), len(KINDS) - 1).astype(np.int64)


def pricing(rows: Rows) -> Ints:
    """The index in PRICING; what uses a commitment is committed, whatever its category says."""
    committed = rows.is_("PricingCategory", "Committed") | rows.is_(
        "CommitmentDiscountStatus", "Used", "Unused"
    )
    spot, plain = rows.is_("PricingCategory", "Dynamic"), rows.is_("PricingCategory", "Standard")
    return np.select([committed, plain, spot], [1, 0, 2], len(PRICING) - 1).astype(np.int64)


def start_s(rows: Rows) -> Ints:
    """When each charge begins; the billing period's start where it does not say; else 1970."""
    start = rows.times_s["ChargePeriodStart"]
    if "BillingPeriodStart" not in rows.times_s:
        return start
    return np.where(rows.has("ChargePeriodStart"), start, rows.times_s["BillingPeriodStart"])


def sku_codes(rows: Rows, names: Names) -> Ints:
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


def measured(rows: Rows, names: Names) -> tuple[Floats, Ints]:
    """How much each row used in our units, NaN where it is no usage or does not say; and the unit's number."""
    consumed = rows.has("ConsumedQuantity")
    quantity, unit = _in_ours(rows, "PricingQuantity", "PricingUnit", names)
    if consumed.any():
        ours, unit_of_it = _in_ours(rows, "ConsumedQuantity", "ConsumedUnit", names)
        quantity, unit = np.where(consumed, ours, quantity), np.where(consumed, unit_of_it, unit)
    known = rows.used & ~np.isnan(quantity)
    return np.where(known, quantity, np.nan), np.where(known, unit, 0)


def _in_ours(rows: Rows, quantity: str, unit: str, names: Names) -> tuple[Floats, Ints]:
    said = rows.word(unit)
    known: list[tuple[float, str]] = [unit_of(text) for text in said.distinct.to_pylist()]
    factors = np.array([*(factor for factor, _ in known), 1.0])[said.codes]
    codes = np.array([*(names.code(name) for _, name in known), 0], np.int64)[said.codes]
    return rows.number(quantity) * factors, codes
