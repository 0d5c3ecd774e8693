"""How FOCUS 1.2 wants values to be written: units, currencies, JSON objects, names of services."""

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.tables.cells import Flags
from simcost.trace.focus.columns import SUBCATEGORIES
from simcost.trace.focus.rows import Rows
from simcost.trace.focus.rules import Rule

_SIZES = r"[KMGTPE]?b|[KMGTPE]?B|[KMGTPE]i[bB]"
_TIMES = "Years?|Months?|Days?|Hours?|Minutes?|Seconds?"
_COUNT = r"[A-Za-z][A-Za-z0-9]*(?: +[A-Za-z][A-Za-z0-9]*)*"
_UNIT = re.compile(rf"(?:\d+ )?(?:{_SIZES}|{_TIMES}|{_COUNT})(?:-(?:{_TIMES})|/(?:\d+ )?(?:{_TIMES}))?")
_PRICE_KEYS = frozenset({"CoreCount", "DiskMaxIops", "DiskSpace", "DiskType", "GpuCount", "InstanceSeries",
                         "InstanceType", "MemorySize", "NetworkMaxIops", "NetworkMaxThroughput",
                         "OperatingSystem", "Redundancy", "StorageClass"})  # fmt: skip


def format_rules() -> Iterator[Rule]:
    """Rules on how single values are written."""
    for name in ("PricingUnit", "ConsumedUnit", "CommitmentDiscountUnit"):
        yield Rule(f"{name} in no unit format", f"have a {name} that is not in the unit format",
                   _not(name, lambda text: bool(_UNIT.fullmatch(text))), needs=(name,), must=False,
                   source="UnitFormat-A-001-M")  # fmt: skip
    for name in ("BillingCurrency", "PricingCurrency"):
        yield Rule(f"{name} is no code", f"have a {name} that is no code of three letters",
                   _not(name, lambda text: bool(re.fullmatch("[A-Z]{3}", text))), needs=(name,),
                   source="CurrencyFormat-A-001-C")  # fmt: skip
    yield Rule("tags are no object", "have Tags that are no JSON object of plain values", _not("Tags", _flat),
               needs=("Tags",), source="KeyValueFormat-A-001-M")  # fmt: skip
    yield Rule("price details", "have SkuPriceDetails that are no JSON object of properties of FOCUS or x_",
               _not("SkuPriceDetails", _details), needs=("SkuPriceDetails",),
               source="SkuPriceDetails-C-017-C")  # fmt: skip
    yield Rule("subcategory of another", "have a ServiceSubcategory of another ServiceCategory", _misplaced,
               needs=("ServiceCategory", "ServiceSubcategory"), source="ServiceSubcategory-C-004-M")  # fmt: skip


def _not(name: str, good: Callable[[str], bool]) -> Callable[[Rows], Flags]:
    """Rows whose word is not as it should be; each distinct word is looked at once."""

    def bad(rows: Rows) -> Flags:
        said = rows.word(name)
        wrong = np.array([*(not good(text) for text in said.distinct.to_pylist()), False], np.bool_)
        found: Flags = wrong[said.codes]
        return found

    return bad


def _flat(text: str) -> bool:
    """Whether a text is a JSON object of plain values."""
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


def _misplaced(rows: Rows) -> Flags:
    category, subcategory = rows.word("ServiceCategory"), rows.word("ServiceSubcategory")
    parents = {name: parent for parent, names in SUBCATEGORIES.items() for name in names}
    texts = [parents.get(text, "") for text in subcategory.distinct.to_pylist()]
    parent = pa.array([*texts, None], pa.string()).take(pa.array(subcategory.codes % (len(texts) + 1)))
    other: Flags = pc.fill_null(pc.not_equal(parent, category.text()), fill_value=False).to_numpy(
        zero_copy_only=False
    )
    return other
