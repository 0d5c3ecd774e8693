"""The rules of FOCUS 1.2 that rows of a file must keep, beside those that reading minds.

Source: FinOps Open Cost and Usage Specification 1.2, requirements of columns and attributes; what depends on more than
the rows of one file (invoices, price lists, what a provider supports) is not checked.
"""

from collections.abc import Callable, Iterator

import numpy as np

from simcost.tables.cells import Flags
from simcost.trace.focus.columns import COLUMNS
from simcost.trace.focus.formats import format_rules
from simcost.trace.focus.rows import Rows
from simcost.trace.focus.rules import READING, Rule, usage_or_purchase

_BOTH = {
    "CommitmentDiscountCategory": "CommitmentDiscountId", "CommitmentDiscountType": "CommitmentDiscountId",
    "CommitmentDiscountUnit": "CommitmentDiscountQuantity", "ConsumedUnit": "ConsumedQuantity",
    "PricingUnit": "PricingQuantity", "RegionName": "RegionId", "ResourceType": "ResourceId",
    "SubAccountName": "SubAccountId", "SubAccountType": "SubAccountId", "BillingAccountType": "BillingAccountId",
}  # fmt: skip
"""Columns that are there exactly where another is."""
_NEVER_WITHOUT = {
    "CommitmentDiscountName": "CommitmentDiscountId", "CommitmentDiscountStatus": "CommitmentDiscountId",
    "CapacityReservationStatus": "CapacityReservationId", "SkuMeter": "SkuId", "SkuPriceDetails": "SkuPriceId",
    "ResourceName": "ResourceId",
}  # fmt: skip
"""Columns that are null where another is."""
_OF_PRICES = (
    "PricingQuantity",
    "ListUnitPrice",
    "ContractedUnitPrice",
    "SkuId",
    "SkuPriceId",
    "PricingCategory",
)
"""Null for taxes, and there for usage and purchases."""


def strict_rules() -> Iterator[Rule]:
    """All rules, those of single columns first."""
    yield from _cells()
    yield from (rule for rule in READING if rule.source)
    yield from _companions()
    yield from _charges()
    yield from format_rules()


def _cells() -> Iterator[Rule]:
    for name, column in COLUMNS.items():
        if not column.nullable:
            yield Rule(f"{name} is null", f"have no {name}", _absent(name), needs=(name,))
        if column.allowed:
            yield Rule(f"{name} is unknown", f"have a {name} that is none of those there are", _strange(name),
                       needs=(name,))  # fmt: skip


def _companions() -> Iterator[Rule]:
    for name, other in {**_BOTH, **_NEVER_WITHOUT}.items():
        yield Rule(f"{name} without {other}", f"have a {name}, but no {other}", _without(name, other),
                   needs=(name, other))  # fmt: skip
    for name, other in _BOTH.items():
        yield Rule(f"{other} without {name}", f"have a {other}, but no {name}", _without(other, name),
                   needs=(name, other))  # fmt: skip
    for name in _OF_PRICES:
        yield Rule(f"{name} of a tax", f"are taxes with a {name}", _of_tax(name), needs=(name,))
        yield Rule(f"no {name}", f"are usage or purchases without {name}", _lacks(name), needs=(name,))


def _charges() -> Iterator[Rule]:
    quantity, commitment, resource = "CommitmentDiscountQuantity", "CommitmentDiscountId", "ResourceId"
    yield Rule("usage-based purchase", "are purchases whose ChargeFrequency is Usage-Based", needs=("ChargeFrequency",),
               broken=lambda rows: rows.is_("ChargeCategory", "Purchase") & rows.is_("ChargeFrequency", "Usage-Based"),
               source="ChargeFrequency-C-004-C")  # fmt: skip
    yield Rule("negative price", "have a unit price below 0", source="ListUnitPrice-C-008-M",
               broken=lambda rows: _below(rows, "ListUnitPrice") | _below(rows, "ContractedUnitPrice"))  # fmt: skip
    yield Rule("no commitment quantity", f"are usage or purchases of a commitment without {quantity}",
               lambda rows: usage_or_purchase(rows) & rows.has(commitment) & ~rows.has(quantity),
               needs=(quantity, commitment), source="CommitmentDiscountQuantity-C-005-C")  # fmt: skip
    yield Rule("stray commitment quantity", f"have a {quantity}, but are no usage or purchase of a commitment",
               lambda rows: rows.has(quantity) & ~(usage_or_purchase(rows) & rows.has(commitment))
               & ~rows.has("ChargeClass"),
               needs=(quantity, commitment), source="CommitmentDiscountQuantity-C-007-C")  # fmt: skip
    yield Rule("commitment is not the resource", "buy or lose a commitment that is not their ResourceId",
               lambda rows: _of_itself(rows) & ~rows.word(resource).same(rows.word(commitment)),
               needs=(resource, commitment), source="DiscountHandling-A-012-C")  # fmt: skip
    yield Rule("credit not as billed", "are credits whose EffectiveCost is not their BilledCost",
               lambda rows: rows.is_("ChargeCategory", "Credit") & _apart(rows, "EffectiveCost", "BilledCost"),
               source="EffectiveCost-C-010-C")  # fmt: skip
    yield Rule("billed by another", "are billed though another than the provider issues the invoice",
               lambda rows: ~rows.word("InvoiceIssuerName").same(rows.word("ProviderName"))
               & (np.nan_to_num(rows.number("BilledCost")) != 0), needs=("InvoiceIssuerName",),
               source="BilledCost-C-005-C")  # fmt: skip
    yield Rule("reservation without id", "are an unused reservation without CapacityReservationId",
               lambda rows: rows.is_("CapacityReservationStatus", "Unused") & ~rows.has("CapacityReservationId"),
               needs=("CapacityReservationStatus", "CapacityReservationId"),
               source="CapacityReservationId-C-005-C")  # fmt: skip


def _absent(name: str) -> Callable[[Rows], Flags]:
    return lambda rows: ~rows.has(name)


def _strange(name: str) -> Callable[[Rows], Flags]:
    return lambda rows: rows.has(name) & ~rows.is_(name, *COLUMNS[name].allowed)


def _without(name: str, other: str) -> Callable[[Rows], Flags]:
    return lambda rows: rows.has(name) & ~rows.has(other)


def _of_tax(name: str) -> Callable[[Rows], Flags]:
    return lambda rows: rows.is_("ChargeCategory", "Tax") & rows.has(name)


def _lacks(name: str) -> Callable[[Rows], Flags]:
    return lambda rows: usage_or_purchase(rows) & ~rows.has(name)


def _below(rows: Rows, name: str) -> Flags:
    with np.errstate(invalid="ignore"):
        below: Flags = rows.number(name) < 0
    return below


def _apart(rows: Rows, name: str, other: str) -> Flags:
    with np.errstate(invalid="ignore"):
        apart: Flags = np.abs(rows.number(name) - rows.number(other)) > 1e-9
    return apart


def _of_itself(rows: Rows) -> Flags:
    """Rows that stand for a commitment itself: its purchase, or what was lost of it."""
    lost = rows.is_("CommitmentDiscountStatus", "Unused") & ~rows.is_("CapacityReservationStatus", "Unused")
    return rows.has("CommitmentDiscountId") & (rows.is_("ChargeCategory", "Purchase") | lost)
