"""Machines added up from components priced apart (hosts, accelerators, cores, memory), and their accelerators.

Accelerators of an instance type: by the catalog's machines, else by the names and sizes of the list.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import fsum

from simcost.catalog.aliases import canonical
from simcost.catalog.catalog import Catalog
from simcost.catalog.facts import Accelerator, Machine, Offer
from simcost.catalog.prices.gcp import Family, family, machines
from simcost.catalog.prices.quote import GIB, ImportContext, Quote

_NO_SSD = "without local SSD"
_Terms = tuple[str, str, float, str]
"""Region, way, years, upfront."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of a list by what they are, and which of them were used."""

    by_name: dict[tuple[str, _Terms], Quote]
    used: set[int]

    def take(self, name: str, terms: _Terms) -> Quote | None:
        """The price of a part under the same terms."""
        return self.by_name.get((name.lower(), terms))


def joined(quotes: list[Quote], reading: ImportContext) -> Iterator[Quote]:
    """Whole instances: those listed so, and those that their parts make. Parts that make none are reported."""
    apart = [quote for quote in quotes if quote.part]
    parts = _Parts({(quote.sku.lower(), _terms(quote)): quote for quote in apart}, set())
    yield from (quote for quote in quotes if not quote.part)
    for host in (quote for quote in apart if quote.part == "host"):
        yield from _host_with_accelerators(host, parts, reading)
    terms = dict.fromkeys(_terms(quote) for quote in apart if quote.part == "gpu")
    for machine, its in machines(reading.catalog.facts.machines):
        for term in terms:
            yield from _machine(machine, its, term, parts, reading)
    for quote in apart:
        if quote.part in ("accelerator", "gpu") and id(quote) not in parts.used:
            reading.findings.add("accelerator-without-host", quote.place, f"{quote.what}, {quote.way}")
        elif quote.part in ("core", "ram") and id(quote) not in parts.used:
            reading.findings.add("other-product", quote.place, quote.what)


def _host_with_accelerators(host: Quote, parts: _Parts, reading: ImportContext) -> Iterator[Quote]:
    its, machine = family(host.sku), _machine_named(host.sku, reading)
    if its is None or machine is None:
        reading.findings.add("host-without-accelerator", host.place, f"{host.what}: not in machines.csv")
        return
    found = parts.take(f"{machine.accelerators} x {its.accelerator}", _terms(host))
    if found is None:
        detail = f"{host.what}, {host.way}: no {machine.accelerators} x {its.accelerator} there"
        reading.findings.add("host-without-accelerator", host.place, detail)
        return
    yield _sum(machine, [(1.0, host), (1.0, found)], parts, reading)


def _machine(machine: Machine, its: Family, terms: _Terms, parts: _Parts, reading: ImportContext) -> Iterator[Quote]:
    gpu = next(filter(None, (parts.take(f"{name} gpu", terms) for name in its.gpus)), None)
    core, ram = (parts.take(f"{its.instance} {part}", terms) for part in ("core", "ram"))
    if gpu and core and ram:
        weighed = [(machine.vcpus, core), (machine.memory_bytes / GIB, ram), (machine.accelerators, gpu)]
        yield _sum(machine, weighed, parts, reading)


def _sum(machine: Machine, weighed: list[tuple[float, Quote]], parts: _Parts, reading: ImportContext) -> Quote:
    """One quote of the machine; its place is that of all parts."""
    parts.used.update(id(quote) for _, quote in weighed)
    quotes = [quote for _, quote in weighed]
    price = fsum(count * quote.price_per_h for count, quote in weighed)
    places = " + ".join(quote.place for quote in quotes)
    total = replace(
        quotes[0],
        part="",
        sku=machine.sku,
        price_per_h=price,
        place=places,
        accelerator=machine.accelerator,
        accelerators=machine.accelerators,
        vcpus=machine.vcpus,
        memory_bytes=machine.memory_bytes,
        notes="; ".join(filter(None, (f"sum of {', '.join(q.sku for q in quotes)}", _ssd(machine)))),
    )
    reading.findings.add("host-and-accelerator-apart", places, f"{total.what}, {total.way}: {price:.6g}")
    return total


def _ssd(machine: Machine) -> str:
    return _NO_SSD if "local SSD" in machine.notes else ""


def _machine_named(sku: str, reading: ImportContext) -> Machine | None:
    for machine in reading.catalog.facts.machines:
        if machine.provider == "gcp" and machine.sku.lower() == sku.lower():
            return machine
    return None


def _terms(quote: Quote) -> _Terms:
    return quote.region, quote.way, quote.term_years, quote.upfront


_NEAR = 0.1  # nominal GB, GiB and what a driver reports lie closer; the next size of a device does not
_GB = 1e9


@dataclass(frozen=True, slots=True)
class Shape:
    """Parts of an instance type, as far as known."""

    accelerator: str
    accelerators: int
    vcpus: int | None
    memory_bytes: float | None


class Devices:
    """The catalog's instance types and accelerators."""

    def __init__(self, catalog: Catalog) -> None:
        known: tuple[Offer | Machine, ...] = (*catalog.facts.offers, *catalog.facts.machines)
        self._shapes = {
            (row.provider, row.sku.lower()): Shape(row.accelerator, row.accelerators, row.vcpus, row.memory_bytes)
            for row in known
        }
        self._accelerators = {row.name: row for row in catalog.facts.accelerators}

    def shape(self, quote: Quote, reading: ImportContext) -> Shape | None:
        """Parts of the instance type of a quote; None (and a finding) where its accelerators are unknown."""
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

    def _named(self, quote: Quote, reading: ImportContext) -> Accelerator | None:
        """The accelerator of a name; of several memory sizes that of the list."""
        plain = canonical(quote.accelerator)
        accelerator = self._accelerators.get(quote.accelerator) or self._accelerators.get(plain)
        if accelerator is None or quote.device_gb is None or _near(accelerator, quote.device_gb):
            return accelerator
        same = [row for name, row in self._accelerators.items() if name.split("-")[0] == plain.split("-")[0]]
        sized = [row for row in same if _near(row, quote.device_gb)]
        if sized:
            return max(sized, key=lambda row: row.name)  # sxm before pcie, as the catalog's other names have it
        detail = f"{quote.what}: {quote.device_gb:.4g} GB, catalog {accelerator.memory_bytes / _GB:.4g} GB"
        reading.findings.add("memory-differs", quote.place, detail)
        return accelerator


def _near(accelerator: Accelerator, listed_gb: float) -> bool:
    return abs(accelerator.memory_bytes / _GB / listed_gb - 1.0) <= _NEAR
