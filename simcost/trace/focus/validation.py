"""Validation of a cost file against the rules of FOCUS 1.2 on rows and on notation of values.

Source: FinOps Open Cost and Usage Specification 1.2, requirements of columns and attributes; rules that need more than
the rows of one file (invoices, price lists, what a provider supports) are not checked.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.errors import TraceError
from simcost.tables.cells import Flags
from simcost.trace.focus.cells import FocusRows
from simcost.trace.focus.columns import COLUMNS, SUBCATEGORIES, WHAT
from simcost.trace.focus.findings import WRITTEN, Finding, Quality
from simcost.trace.focus.reader import chunks, header_of
from simcost.trace.focus.rules import READING, RowRule, usage_or_purchase
from simcost.units import plural

_SIZES = r"[KMGTPE]?b|[KMGTPE]?B|[KMGTPE]i[bB]"
_TIMES = "Years?|Months?|Days?|Hours?|Minutes?|Seconds?"
_COUNT = r"[A-Za-z][A-Za-z0-9]*(?: +[A-Za-z][A-Za-z0-9]*)*"
_UNIT = re.compile(rf"(?:\d+ )?(?:{_SIZES}|{_TIMES}|{_COUNT})(?:-(?:{_TIMES})|/(?:\d+ )?(?:{_TIMES}))?")
_PRICE_KEYS = frozenset(
    {
        "CoreCount",
        "DiskMaxIops",
        "DiskSpace",
        "DiskType",
        "GpuCount",
        "InstanceSeries",
        "InstanceType",
        "MemorySize",
        "NetworkMaxIops",
        "NetworkMaxThroughput",
        "OperatingSystem",
        "Redundancy",
        "StorageClass",
    }
)


def format_rules() -> Iterator[RowRule]:
    """Rules on how single values are written."""
    for name in ("PricingUnit", "ConsumedUnit", "CommitmentDiscountUnit"):
        yield RowRule(
            f"{name} in no unit format",
            f"have a {name} that is not in the unit format",
            _not(name, lambda text: bool(_UNIT.fullmatch(text))),
            needs=(name,),
            must=False,
            source="UnitFormat-A-001-M",
        )
    for name in ("BillingCurrency", "PricingCurrency"):
        yield RowRule(
            f"{name} is not a code",
            f"have a {name} that is not a code of three letters",
            _not(name, lambda text: bool(re.fullmatch("[A-Z]{3}", text))),
            needs=(name,),
            source="CurrencyFormat-A-001-C",
        )
    yield RowRule(
        "tags are not an object",
        "have Tags that are not a JSON object of plain values",
        _not("Tags", _flat),
        needs=("Tags",),
        source="KeyValueFormat-A-001-M",
    )
    yield RowRule(
        "price details",
        "have SkuPriceDetails that are not a JSON object of properties of FOCUS or x_",
        _not("SkuPriceDetails", _details),
        needs=("SkuPriceDetails",),
        source="SkuPriceDetails-C-017-C",
    )
    yield RowRule(
        "subcategory of another",
        "have a ServiceSubcategory of another ServiceCategory",
        _misplaced,
        needs=("ServiceCategory", "ServiceSubcategory"),
        source="ServiceSubcategory-C-004-M",
    )


def _not(name: str, good: Callable[[str], bool]) -> Callable[[FocusRows], Flags]:
    """Rows whose word is not as it should be; each distinct word is looked at once."""

    def bad(rows: FocusRows) -> Flags:
        said = rows.word(name)
        wrong = np.array([*(not good(text) for text in said.distinct.to_pylist()), False], np.bool_)
        result: Flags = wrong[said.codes]
        return result

    return bad


def _flat(text: str) -> bool:
    """True if a text is a JSON object of plain values."""
    return _keys(text) is not None


def _details(text: str) -> bool:
    keys = _keys(text)
    return keys is not None and all(key.startswith("x_") or key in _PRICE_KEYS for key in keys)


@lru_cache(65_536)
def _keys(text: str) -> tuple[str, ...] | None:
    try:
        said = json.loads(text)
    except ValueError:
        return None
    if not isinstance(said, dict) or any(isinstance(value, dict | list) for value in said.values()):
        return None
    return tuple(said)


def _misplaced(rows: FocusRows) -> Flags:
    category, subcategory = rows.word("ServiceCategory"), rows.word("ServiceSubcategory")
    parents = {name: parent for parent, names in SUBCATEGORIES.items() for name in names}
    texts = [parents.get(text, "") for text in subcategory.distinct.to_pylist()]
    parent = pa.array([*texts, None], pa.string()).take(pa.array(subcategory.codes % (len(texts) + 1)))
    other: Flags = pc.fill_null(pc.not_equal(parent, category.text()), fill_value=False).to_numpy(zero_copy_only=False)
    return other


_BOTH = {
    "CommitmentDiscountCategory": "CommitmentDiscountId",
    "CommitmentDiscountType": "CommitmentDiscountId",
    "CommitmentDiscountUnit": "CommitmentDiscountQuantity",
    "ConsumedUnit": "ConsumedQuantity",
    "PricingUnit": "PricingQuantity",
    "RegionName": "RegionId",
    "ResourceType": "ResourceId",
    "SubAccountName": "SubAccountId",
    "SubAccountType": "SubAccountId",
    "BillingAccountType": "BillingAccountId",
}
"""Columns that are there exactly where another is."""
_NEVER_WITHOUT = {
    "CommitmentDiscountName": "CommitmentDiscountId",
    "CommitmentDiscountStatus": "CommitmentDiscountId",
    "CapacityReservationStatus": "CapacityReservationId",
    "SkuMeter": "SkuId",
    "SkuPriceDetails": "SkuPriceId",
    "ResourceName": "ResourceId",
}
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


def strict_rules() -> Iterator[RowRule]:
    """All rules, those of single columns first."""
    yield from _cells()
    yield from (rule for rule in READING if rule.source)
    yield from _companions()
    yield from _charges()
    yield from format_rules()


def _cells() -> Iterator[RowRule]:
    for name, column in COLUMNS.items():
        if not column.nullable:
            yield RowRule(f"{name} is null", f"have no {name}", _absent(name), needs=(name,))
        if column.allowed:
            yield RowRule(
                f"{name} is unknown",
                f"have a {name} that is none of those there are",
                _strange(name),
                needs=(name,),
            )


def _companions() -> Iterator[RowRule]:
    for name, other in {**_BOTH, **_NEVER_WITHOUT}.items():
        yield RowRule(
            f"{name} without {other}",
            f"have a {name}, but no {other}",
            _without(name, other),
            needs=(name, other),
        )
    for name, other in _BOTH.items():
        yield RowRule(
            f"{other} without {name}",
            f"have a {other}, but no {name}",
            _without(other, name),
            needs=(name, other),
        )
    for name in _OF_PRICES:
        yield RowRule(f"{name} of a tax", f"are taxes with a {name}", _of_tax(name), needs=(name,))
        yield RowRule(f"no {name}", f"are usage or purchases without {name}", _lacks(name), needs=(name,))


def _charges() -> Iterator[RowRule]:
    quantity, commitment, resource = "CommitmentDiscountQuantity", "CommitmentDiscountId", "ResourceId"
    yield RowRule(
        "usage-based purchase",
        "are purchases whose ChargeFrequency is Usage-Based",
        needs=("ChargeFrequency",),
        broken=lambda rows: rows.is_("ChargeCategory", "Purchase") & rows.is_("ChargeFrequency", "Usage-Based"),
        source="ChargeFrequency-C-004-C",
    )
    yield RowRule(
        "negative price",
        "have a unit price below 0",
        source="ListUnitPrice-C-008-M",
        broken=lambda rows: _below(rows, "ListUnitPrice") | _below(rows, "ContractedUnitPrice"),
    )
    yield RowRule(
        "no commitment quantity",
        f"are usage or purchases of a commitment without {quantity}",
        lambda rows: usage_or_purchase(rows) & rows.has(commitment) & ~rows.has(quantity),
        needs=(quantity, commitment),
        source="CommitmentDiscountQuantity-C-005-C",
    )
    yield RowRule(
        "stray commitment quantity",
        f"have a {quantity}, but are not usage or a purchase of a commitment",
        lambda rows: rows.has(quantity) & ~(usage_or_purchase(rows) & rows.has(commitment)) & ~rows.has("ChargeClass"),
        needs=(quantity, commitment),
        source="CommitmentDiscountQuantity-C-007-C",
    )
    yield RowRule(
        "commitment is not the resource",
        "buy or lose a commitment that is not their ResourceId",
        lambda rows: _of_itself(rows) & ~rows.word(resource).same(rows.word(commitment)),
        needs=(resource, commitment),
        source="DiscountHandling-A-012-C",
    )
    yield RowRule(
        "credit not as billed",
        "are credits whose EffectiveCost is not their BilledCost",
        lambda rows: rows.is_("ChargeCategory", "Credit") & _apart(rows, "EffectiveCost", "BilledCost"),
        source="EffectiveCost-C-010-C",
    )
    yield RowRule(
        "billed by another",
        "are billed though another than the provider issues the invoice",
        lambda rows: (
            ~rows.word("InvoiceIssuerName").same(rows.word("ProviderName"))
            & (np.nan_to_num(rows.number("BilledCost")) != 0)
        ),
        needs=("InvoiceIssuerName",),
        source="BilledCost-C-005-C",
    )
    yield RowRule(
        "reservation without id",
        "are an unused reservation without CapacityReservationId",
        lambda rows: rows.is_("CapacityReservationStatus", "Unused") & ~rows.has("CapacityReservationId"),
        needs=("CapacityReservationStatus", "CapacityReservationId"),
        source="CapacityReservationId-C-005-C",
    )


def _absent(name: str) -> Callable[[FocusRows], Flags]:
    return lambda rows: ~rows.has(name)


def _strange(name: str) -> Callable[[FocusRows], Flags]:
    return lambda rows: rows.has(name) & ~rows.is_(name, *COLUMNS[name].allowed)


def _without(name: str, other: str) -> Callable[[FocusRows], Flags]:
    return lambda rows: rows.has(name) & ~rows.has(other)


def _of_tax(name: str) -> Callable[[FocusRows], Flags]:
    return lambda rows: rows.is_("ChargeCategory", "Tax") & rows.has(name)


def _lacks(name: str) -> Callable[[FocusRows], Flags]:
    return lambda rows: usage_or_purchase(rows) & ~rows.has(name)


def _below(rows: FocusRows, name: str) -> Flags:
    with np.errstate(invalid="ignore"):
        below: Flags = rows.number(name) < 0
    return below


def _apart(rows: FocusRows, name: str, other: str) -> Flags:
    with np.errstate(invalid="ignore"):
        apart: Flags = np.abs(rows.number(name) - rows.number(other)) > 1e-9
    return apart


def _of_itself(rows: FocusRows) -> Flags:
    """Rows that stand for a commitment itself: its purchase, or what was lost of it."""
    lost = rows.is_("CommitmentDiscountStatus", "Unused") & ~rows.is_("CapacityReservationStatus", "Unused")
    return rows.has("CommitmentDiscountId") & (rows.is_("ChargeCategory", "Purchase") | lost)


_TARGET = "1.2"
_MANDATORY = sum(column.presence == "mandatory" for column in COLUMNS.values())


def check_focus(path: Path) -> dict[str, Any]:
    """The rules that a file breaks.

    Returns:
        `verdict`, `rows`, `focus_version`, `rules_checked`, `rules_skipped` (their columns are not there), and
        `broken[]`: rule, source (of FOCUS 1.2), must, says, rows, share, example.

    Raises:
        TraceError: the file is not a FOCUS export, is damaged, or has no rows.
    """
    header = header_of(path)
    rules = {rule.name: rule for rule in strict_rules()}
    checked = [rule for rule in rules.values() if set(rule.needs) <= set(header.theirs)]
    quality = Quality()
    for rows, place in chunks(path, header, tuple(COLUMNS), quality):
        quality.inspect_cells(rows, place)
        for rule in checked:
            quality.note(rule.name, rule.says, "", rule.broken(rows), place)
    if not quality.rows:
        raise TraceError(f"{path}: no rows; give a {WHAT} with at least one")
    for name in header.missing:
        quality.found[f"{name} is missing"] = Finding(f"have no column {name}", "", rows=None)
    broken = [
        {
            "rule": row["rule"],
            **_standing(row["rule"], rules),
            **{key: row[key] for key in ("says", "rows", "share", "example")},
        }
        for row in quality.table()
    ]
    count = len(checked) + len(WRITTEN) + _MANDATORY
    document = {
        "rows": quality.rows,
        "focus_version": header.version,
        "rules_checked": count,
        "rules_skipped": len(rules) - len(checked),
        "broken": broken,
    }
    return {"verdict": _verdict(document), **document}


def _standing(name: str, rules: Mapping[str, RowRule]) -> dict[str, Any]:
    """Source of a rule, and True if it is a must. A literal NULL in CSV is how many write no value."""
    rule = rules.get(name)
    return {"source": rule.source if rule else "", "must": rule.must if rule else name != "literal_null"}


def _verdict(document: dict[str, Any]) -> str:
    must = sum(row["must"] for row in document["broken"])
    should = len(document["broken"]) - must
    rows = int(np.max([row["rows"] for row in document["broken"]], initial=0))
    said = f"{plural(document['rows'], 'row')}, {document['rules_checked']} rules of FOCUS {_TARGET} checked"
    if not document["broken"]:
        return f"Keeps the rules: {said}, none broken."
    recommended = f", and {should} recommendations are not followed" if should else ""
    most = f"; the most frequent breach is in {rows:,} of them"
    return f"{'Breaks' if must else 'Keeps'} the rules: {said}, {must} broken{recommended}{most}."
