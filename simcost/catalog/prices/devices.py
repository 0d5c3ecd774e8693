"""Which accelerators an instance type has: by the catalog's machines, else by the names and sizes of the list."""

from dataclasses import dataclass

from simcost.catalog.aliases import canonical
from simcost.catalog.catalog import Catalog
from simcost.catalog.facts import Accelerator, Machine, Offer
from simcost.catalog.prices.quote import Quote, Reading

_NEAR = 0.1  # nominal GB, GiB and what a driver reports lie closer; the next size of a device does not
_GB = 1e9


@dataclass(frozen=True, slots=True)
class Shape:
    """What an instance type is made of, as far as known."""

    accelerator: str
    accelerators: int
    vcpus: int | None
    memory_bytes: float | None


class Devices:
    """The catalog's instance types and accelerators."""

    def __init__(self, catalog: Catalog) -> None:
        known: tuple[Offer | Machine, ...] = (*catalog.facts.offers, *catalog.facts.machines)
        self._shapes = {
            (row.provider, row.sku.lower()): Shape(
                row.accelerator, row.accelerators, row.vcpus, row.memory_bytes
            )
            for row in known
        }
        self._accelerators = {row.name: row for row in catalog.facts.accelerators}

    def shape(self, quote: Quote, reading: Reading) -> Shape | None:
        """What the instance type of a quote is made of; None (and a finding) where its accelerators are unknown."""
        known = self._shapes.get((quote.provider, quote.sku.lower().removeprefix("ml.")))
        if known is not None:
            vcpus, memory = quote.vcpus or known.vcpus, quote.memory_bytes or known.memory_bytes
            return Shape(known.accelerator, known.accelerators, vcpus, memory)
        if quote.accelerators == 0:
            return Shape("", 0, quote.vcpus, quote.memory_bytes)
        found = self._named(quote, reading) if quote.accelerator else None
        if found is None or not quote.accelerators:
            said = f"{quote.accelerators or '?'} x {quote.accelerator or '?'}"
            reading.findings.add("unknown-accelerator", quote.place, f"{quote.what}: {said}")
            return None
        return Shape(found.name, quote.accelerators, quote.vcpus, quote.memory_bytes)

    def _named(self, quote: Quote, reading: Reading) -> Accelerator | None:
        """The accelerator of a name; of several memory sizes that of the list."""
        plain = canonical(quote.accelerator.replace(" ", "-"))
        found = self._accelerators.get(quote.accelerator) or self._accelerators.get(plain)
        if found is None or quote.device_gb is None or _near(found, quote.device_gb):
            return found
        same = [row for name, row in self._accelerators.items() if name.split("-")[0] == plain.split("-")[0]]
        sized = [row for row in same if _near(row, quote.device_gb)]
        if sized:
            return max(
                sized, key=lambda row: row.name
            )  # sxm before pcie, as the catalog's other names have it
        detail = f"{quote.what}: {quote.device_gb:.4g} GB, catalog {found.memory_bytes / _GB:.4g} GB"
        reading.findings.add("memory-differs", quote.place, detail)
        return found


def _near(accelerator: Accelerator, listed_gb: float) -> bool:
    return abs(accelerator.memory_bytes / _GB / listed_gb - 1.0) <= _NEAR
