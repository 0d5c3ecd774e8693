"""Rows of a cost file that stand in it more than once, as where an export was joined to an older one of itself."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from simcost.trace.focus.cells import FocusRows, Words

SAYS = "have the resource, period, SKU, charge, quantity and costs of another row"
DONE = "counted, each of them; if they are one charge, drop the copies: the costs are too high"
_Hashes = npt.NDArray[np.uint64]
_FACTOR, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)
_COSTS = ("BilledCost", "EffectiveCost", "ListCost")
_WORDS = ("ResourceId", "SkuId", "SkuMeter", "ChargeCategory", "PricingCategory", "CommitmentDiscountId")
_TIMES = ("ChargePeriodStart", "ChargePeriodEnd")


@dataclass(slots=True)
class Repeats:
    """Counts equal rows of a resource with a cost; in memory are eight bytes for each."""

    hashes: list[_Hashes] = field(default_factory=list)

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
            total = _mixed(total, _of_words(rows.word(name)))
        for name in _TIMES:
            total = _mixed(total, rows.times_s[name].view(np.uint64))
        for name in (*_COSTS, "ConsumedQuantity"):
            total = _mixed(total, np.nan_to_num(rows.number(name)).view(np.uint64))
        self.hashes.append(total[there])

    def count(self) -> int:
        """Rows that another row equals, but for the first of each."""
        if not self.hashes:
            return 0
        found = np.sort(np.concatenate(self.hashes))
        return int((found[1:] == found[:-1]).sum())


def _mixed(total: _Hashes, column: _Hashes) -> _Hashes:
    found: _Hashes = (total ^ column) * _FACTOR
    return found ^ (found >> _SHIFT)


def _of_words(words: Words) -> _Hashes:
    known = [hash(word) & 0xFFFFFFFFFFFFFFFF for word in words.distinct.to_pylist()]
    found: _Hashes = np.array([*known, 0], np.uint64)[words.codes]
    return found
