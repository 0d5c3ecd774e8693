"""Rules for rows of a cost file, and how reading handles rows that break them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simcost.tables.cells import Flags
from simcost.trace.focus.cells import FocusRows
from simcost.trace.focus.columns import COLUMNS

_RELATIVE = 1e-6


@dataclass(frozen=True, slots=True)
class RowRule:
    """One thing that rows can be: wrong, or worth knowing."""

    name: str
    says: str
    """Description of such rows, as the end of a sentence about them."""
    broken: Callable[[FocusRows], Flags]
    done: str = ""
    """Handling of such rows; empty where nothing is done."""
    needs: tuple[str, ...] = ()
    """Columns without which it is unknown."""
    source: str = ""
    """The rule of FOCUS 1.2 that they break; empty where they break none."""
    must: bool = True
    """True if the rule is a MUST, rather than a SHOULD."""


def usage_or_purchase(rows: FocusRows) -> Flags:
    """Rows of usage or purchase that correct nothing: most rules are about them."""
    return rows.is_("ChargeCategory", "Usage", "Purchase") & ~rows.has("ChargeClass")


def differs(rows: FocusRows, price: str, cost: str) -> Flags:
    """Rows whose unit price times their pricing quantity is not their cost."""
    product = rows.number(price) * rows.number("PricingQuantity")
    stated = rows.number(cost)
    with np.errstate(invalid="ignore"):
        off = np.abs(product - stated) > np.maximum(_RELATIVE * np.abs(stated), 1e-9)
    return off & usage_or_purchase(rows)


def _unmeasured(rows: FocusRows) -> Flags:
    return rows.used & ~rows.has("ChargeClass") & ~rows.has("ConsumedQuantity")


def _covered(rows: FocusRows) -> Flags:
    return rows.is_("ChargeCategory", "Usage") & rows.is_("CommitmentDiscountStatus", "Used")


def _backward(rows: FocusRows) -> Flags:
    known = rows.has("ChargePeriodStart") & rows.has("ChargePeriodEnd")
    backward: Flags = known & (rows.times_s["ChargePeriodEnd"] <= rows.times_s["ChargePeriodStart"])
    return backward


def _nonzero(rows: FocusRows, column: str) -> Flags:
    values = rows.number(column)
    nonzero: Flags = ~np.isnan(values) & (np.abs(values) > 1e-9)
    return nonzero


def _negative(rows: FocusRows) -> Flags:
    with np.errstate(invalid="ignore"):
        negative: Flags = (rows.number("BilledCost") < 0) | (rows.number("EffectiveCost") < 0)
    return negative


_STATUS, _ID = "CommitmentDiscountStatus", "CommitmentDiscountId"
_CATEGORIES = COLUMNS["ChargeCategory"].allowed
READING: tuple[RowRule, ...] = (
    RowRule(
        "no_period",
        "have no ChargePeriodStart",
        lambda rows: ~rows.has("ChargePeriodStart"),
        done="counted in the month of the billing period; left out of the usage",
    ),
    RowRule(
        "backward_period",
        "end when they start, or before",
        _backward,
        done="costs count; left out of the usage",
        source="ChargePeriodEnd-C-004-M",
    ),
    RowRule(
        "no_billed_cost",
        "have no BilledCost",
        lambda rows: ~rows.has("BilledCost"),
        done="left out of the billed total",
    ),
    RowRule(
        "no_effective_cost",
        "have no EffectiveCost",
        lambda rows: ~rows.has("EffectiveCost"),
        done="left out of the effective total",
    ),
    RowRule(
        "no_list_cost",
        "have no ListCost",
        lambda rows: ~rows.has("ListCost"),
        needs=("ListCost",),
        done="ListUnitPrice x PricingQuantity where both are there, else left out of the list total",
    ),
    RowRule(
        "no_contracted_cost",
        "have no ContractedCost",
        lambda rows: ~rows.has("ContractedCost"),
        needs=("ContractedCost",),
        done="ContractedUnitPrice x PricingQuantity where both are there, else left out of the contracted total",
    ),
    RowRule(
        "negative",
        "are negative (credits, refunds, corrections)",
        _negative,
        done="kept; they lower the totals",
    ),
    RowRule(
        "correction",
        "correct an earlier bill",
        lambda rows: rows.has("ChargeClass"),
        needs=("ChargeClass",),
        done="counted in the month that they correct",
    ),
    RowRule(
        "list_product",
        "have ListUnitPrice x PricingQuantity other than ListCost (blocks, tiers)",
        lambda rows: differs(rows, "ListUnitPrice", "ListCost"),
        done="ListCost counts",
        needs=("ListUnitPrice", "PricingQuantity", "ListCost"),
        source="ListCost-C-009-C",
    ),
    RowRule(
        "contracted_product",
        "have ContractedUnitPrice x PricingQuantity other than ContractedCost",
        lambda rows: differs(rows, "ContractedUnitPrice", "ContractedCost"),
        done="ContractedCost counts",
        needs=("ContractedUnitPrice", "PricingQuantity", "ContractedCost"),
        source="ContractedCost-C-009-C",
    ),
    RowRule(
        "no_sku",
        "are usage without SkuId",
        lambda rows: rows.used & ~rows.has("SkuId"),
        needs=("SkuId",),
        done="named by the instance type, else by meter or service",
        source="SkuId-C-005-C",
    ),
    RowRule(
        "no_consumed_quantity",
        "are usage without ConsumedQuantity, but with PricingQuantity",
        lambda rows: _unmeasured(rows) & rows.has("PricingQuantity"),
        done="PricingQuantity counts",
        needs=("ConsumedQuantity",),
        source="ConsumedQuantity-C-006-C",
    ),
    RowRule(
        "no_quantity",
        "are usage without any quantity",
        lambda rows: _unmeasured(rows) & ~rows.has("PricingQuantity"),
        done="costs count; left out of the usage",
        source="ConsumedQuantity-C-006-C",
    ),
    RowRule(
        "stray_quantity",
        "consume though they are not usage, or an unused commitment",
        lambda rows: rows.has("ConsumedQuantity") & ~rows.used & ~rows.idle,
        done="the quantity is ignored",
        needs=("ConsumedQuantity",),
        source="ConsumedQuantity-C-004-C",
    ),
    RowRule(
        "unknown_category",
        "have a ChargeCategory that FOCUS does not have, or none",
        lambda rows: ~rows.is_("ChargeCategory", *_CATEGORIES),
        done="costs count, as of no category; left out of the usage",
    ),
    RowRule(
        "no_status",
        "are usage with a commitment, but do not say whether they use it",
        lambda rows: rows.is_("ChargeCategory", "Usage") & rows.has(_ID) & ~rows.has(_STATUS),
        needs=(_ID,),
        done="in no utilisation",
        source="CommitmentDiscountStatus-C-004-C",
    ),
    RowRule(
        "no_commitment",
        "are priced as committed, or used or unused, without CommitmentDiscountId",
        lambda rows: (rows.is_("PricingCategory", "Committed") | rows.has(_STATUS)) & ~rows.has(_ID),
        done="in the coverage, in no utilisation",
        source="CommitmentDiscountId-C-005-C",
    ),
    RowRule(
        "covered_as_standard",
        "use a commitment, but PricingCategory is not Committed",
        lambda rows: _covered(rows) & rows.has("PricingCategory") & ~rows.is_("PricingCategory", "Committed"),
        done="count as committed",
        needs=("PricingCategory",),
        source="PricingCategory-C-009-C",
    ),
    RowRule(
        "covered_but_billed",
        "use a commitment and are billed all the same",
        lambda rows: _covered(rows) & _nonzero(rows, "BilledCost"),
        done="kept; the purchase may be billed twice",
        source="DiscountHandling-A-009-C",
    ),
    RowRule(
        "purchase_amortised",
        "buy a commitment with an EffectiveCost other than 0",
        lambda rows: rows.is_("ChargeCategory", "Purchase") & rows.has(_ID) & _nonzero(rows, "EffectiveCost"),
        done="kept; the effective total may hold this commitment twice",
        source="EffectiveCost-C-005-C",
    ),
)
"""Rules of reading about rows, beside how cells are written."""
