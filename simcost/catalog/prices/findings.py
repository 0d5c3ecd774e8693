"""What was found in a price list: counted, located, with a reason; nothing is left out silently."""

from collections import Counter
from typing import Any

OUT, UNASKED, CHANGED, NOTED = "kept out", "not asked for", "changed", "kept"

_KINDS = {
    "unreadable": (OUT, "rows that lack something or hold the wrong kind of value"),
    "no-price": (OUT, "no number where a price should stand (empty, NaN, infinite, text)"),
    "zero-price": (OUT, "a price of 0 stands for a missing one"),
    "negative-price": (OUT, "a price below 0"),
    "placeholder-price": (OUT, "a price of exactly 700 stands for a missing one"),
    "commitment-as-on-demand": (
        OUT,
        "an on-demand price below 60 % of the median over regions: most likely that of a commitment",
    ),
    "spot-not-below-on-demand": (CHANGED, "a spot price not below the on-demand price was dropped; on-demand stays"),
    "spot-without-on-demand": (OUT, "a spot price of an instance type without an on-demand price"),
    "host-and-accelerator-apart": (CHANGED, "parts that are priced apart were added up to instances"),
    "host-without-accelerator": (OUT, "the host alone of an instance type that has accelerators"),
    "accelerator-without-host": (OUT, "accelerators alone, without the machine that they need"),
    "memory-unit": (CHANGED, "a memory size in the wrong unit was not believed"),
    "memory-differs": (NOTED, "another memory size per accelerator than in the catalog, which was kept"),
    "several-prices": (CHANGED, "different prices for one instance type and region; the highest was kept"),
    "unknown-accelerator": (
        OUT, ("an accelerator that the catalog does not know: add it to accelerators.csv, or the instance type to "
              "machines.csv, in your catalog folder, and import again"),
    ),
    "attached-accelerator": (OUT, "accelerators attached to a machine type that is sold without them, too"),
    "other-currency": (CHANGED, "prices in another currency were converted at a dated rate"),
    "several-rules": (CHANGED, "several prices by date or hour: the one of the list's date, the dearest hour"),
    "more-pages": (NOTED, "the list goes on: its other pages are not in this file"),
    "no-date": (NOTED, "the list has no date, so its prices have none; give `--as-of` with the day you fetched it"),
    "other-system": (UNASKED, "another operating system than Linux, or software in the price"),
    "other-tenancy": (UNASKED, "dedicated hosts and dedicated instances"),
    "other-product": (UNASKED, "no virtual machine by the hour"),
    "capacity": (UNASKED, "a reserved or unused capacity, not an instance that runs"),
    "convertible": (UNASKED, "convertible reservations"),
    "dev-test": (UNASKED, "prices for development and test subscriptions"),
    "low-priority": (UNASKED, "low-priority machines, which are retired"),
    "not-asked": (UNASKED, "instance types that `--only` does not name"),
}  # fmt: skip
_PLACES = 5


class Findings:
    """Counts findings by kind and remembers the first places of each."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._places: dict[str, list[dict[str, str]]] = {}

    def add(self, kind: str, place: str, detail: str = "") -> None:
        """One finding: where, and what stands there."""
        self._counts[kind] += 1
        places = self._places.setdefault(kind, [])
        if len(places) < _PLACES:
            places.append({"place": place, "detail": detail})

    def count(self, outcome: str) -> int:
        """How many rows or prices had that outcome."""
        return sum(count for kind, count in self._counts.items() if _KINDS[kind][0] == outcome)

    def document(self) -> list[dict[str, Any]]:
        """Each kind with its `count`, `outcome`, `message` and first `places`; traps before what was not asked."""
        kinds = [kind for kind in _KINDS if kind in self._counts]
        return [
            {"kind": kind, "count": self._counts[kind], "outcome": _KINDS[kind][0],
             "message": _KINDS[kind][1], "places": self._places[kind]}
            for kind in kinds
        ]  # fmt: skip
