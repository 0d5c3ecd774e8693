"""Purchase options of rows of usage: on demand, or spot at the price in effect."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.tables.typed import TypedTable
from simcost.trace.usage.usage import RESERVED_IDLE
from simcost.units import plural

SPOT = frozenset({"spot", "dynamic", "preemptible"})
IDLE = frozenset({RESERVED_IDLE, "reserved and idle", "unused reservation"})
_ON_DEMAND = frozenset(
    {
        "",
        "standard",
        "on-demand",
        "on_demand",
        "on demand",
        "ondemand",
        "committed",
        "reserved",
        "savings plan",
        "other",
    }
)
"""Words of rows that are paid on demand where no commitment of the plan covers them."""
PRICE = "price"


def is_spot(pricing: pa.Array) -> pa.Array:
    """True of the texts that say spot."""
    return pc.is_in(pc.utf8_lower(pricing), pa.array(sorted(SPOT)))


def purchase_option(pricing: pa.Array) -> pa.Array:
    """The texts as spot, reserved and idle, or standard."""
    idle = pc.is_in(pc.utf8_lower(pricing), pa.array(sorted(IDLE)))
    return pc.if_else(is_spot(pricing), "spot", pc.if_else(idle, RESERVED_IDLE, "standard"))


def not_read(table: TypedTable) -> dict[str, int]:
    """Rows by the word of their purchase option that is not known; by `PRICE` those whose price is not read."""
    found: dict[str, int] = {}
    if PRICE in table:
        found[PRICE] = int((~np.isnan(table.numbers[PRICE]) & ~table.where("pricing", is_spot)).sum())
    if "pricing" in table:
        words = table.texts("pricing")
        rows = np.bincount(table.codes["pricing"], minlength=len(words)).tolist()
        known = SPOT | IDLE | _ON_DEMAND
        found |= {word: count for word, count in zip(words, rows, strict=True) if word.lower() not in known}
    return found


def told(rows: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    """Findings on what `not_read` counted."""
    for word, count in rows.items():
        many = plural(count, "row")
        if count and word == PRICE:
            yield {"kind": "price_not_read", "count": count, "message": f"{many} on demand with a price: {_SPOT_ALONE}"}
        elif count:
            message = f"pricing {word!r} of {many} is not known: {_AS_ON_DEMAND}"
            yield {"kind": "pricing_not_known", "count": count, "message": message}


_SPOT_ALONE = (
    "it is read of spot alone, and the price of the plan or the catalog is paid; give yours as `prices` of the "
    "purchasing plan"
)
_AS_ON_DEMAND = "taken as on demand; spot is called spot, dynamic or preemptible"
