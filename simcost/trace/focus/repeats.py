"""Rows of a cost file that stand in it more than once, as where an export was joined to an older one of itself."""

from dataclasses import dataclass, field

import numpy as np

from simcost.tables.row_hashes import Hashes, hashes_of, mixed, repeated
from simcost.trace.focus.cells import FocusRows, Words

SAYS = "have the resource, period, SKU, charge, quantity and costs of another row"
DONE = "counted, each of them; if they are one charge, drop the copies: the costs are too high"
_COSTS = ("BilledCost", "EffectiveCost", "ListCost")
_WORDS = ("ResourceId", "SkuId", "SkuMeter", "ChargeCategory", "PricingCategory", "CommitmentDiscountId")
_TIMES = ("ChargePeriodStart", "ChargePeriodEnd")


@dataclass(slots=True)
class Repeats:
    """Counts equal rows of a resource with a cost; in memory are eight bytes for each."""

    hashes: list[Hashes] = field(default_factory=list)

    def add(self, rows: FocusRows) -> None:
        """Take the rows of a chunk; rows without a resource may be alike, as those of two machines are, and so may what
        two capacity reservations leave unused.
        """
        there = rows.has("ResourceId") & ~rows.has("ChargeClass") & ~rows.is_("CapacityReservationStatus", "Unused")
        there &= np.logical_or.reduce([np.nan_to_num(rows.number(cost)) != 0 for cost in _COSTS])
        if not there.any():
            return
        total = np.zeros(rows.count, np.uint64)
        for name in _WORDS:
            total = mixed(total, _of_words(rows.word(name)))
        for name in _TIMES:
            total = mixed(total, rows.times_s[name].view(np.uint64))
        for name in (*_COSTS, "ConsumedQuantity"):
            total = mixed(total, np.nan_to_num(rows.number(name)).view(np.uint64))
        self.hashes.append(total[there])

    def count(self) -> int:
        """Rows that another row equals, but for the first of each."""
        return repeated(self.hashes)


def _of_words(words: Words) -> Hashes:
    found: Hashes = np.append(hashes_of(words.distinct.to_pylist()), np.uint64(0))[words.codes]
    return found
