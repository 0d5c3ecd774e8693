"""Energy and carbon of a run: power of its machines, the overhead of the site, the grid of the region.

    kWh = sum of P t x PUE      gCO2e = kWh x intensity(region)

Location-based: what the grid emits where the machines stand, whatever certificates the provider buys. The method and
most constants are those of Cloud Carbon Footprint. What is not known is None and is named, never 0. Energy has a
price of its own only where hardware is owned; cloud prices contain it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Annotated, Generic, TypeVar

from annotated_types import Ge

from simcost.catalog import Catalog
from simcost.catalog.facts import Offer
from simcost.errors import CatalogError
from simcost.ledger.requests import LedgerUsage
from simcost.units import SECONDS_PER_HOUR, Share

IDLE_SHARE = 0.114
"""Idle power of an accelerator that is assumed, of its rated power: the mean of the four that were."""
_GB = 1e9


@dataclass(frozen=True, slots=True)
class Draw:
    """Power in W."""

    idle_w: float
    max_w: float

    def watts(self, utilisation: float) -> float:
        """At a utilisation from 0 to 1.

        >>> Draw(46.0, 407.0).watts(0.5)
        226.5
        """
        return self.idle_w + utilisation * (self.max_w - self.idle_w)


def accelerator_draw(name: str, catalog: Catalog) -> tuple[Draw, str]:
    """Of one accelerator: measured, or its rated power and an idle share of it; and how it is known.

    Raises:
        CatalogError: neither is in the catalog.
    """
    measured = catalog.power_draw(catalog.accelerator(name).name)
    if measured is not None:
        said = f"{name}: {measured.idle_w:g} W idle, {measured.max_w:g} W at full ({measured.source})"
        return Draw(measured.idle_w, measured.max_w), said
    rated_w = catalog.accelerator(name).power_w
    if rated_w is None:
        raise CatalogError(
            f"the catalog has no power of {name!r}; add it to power.csv in your catalog folder, as idle and full W"
        )
    said = f"{name}: rated power {rated_w:g} W at full, {100 * IDLE_SHARE:.3g} % of it idle (assumed)"
    return Draw(IDLE_SHARE * rated_w, rated_w), said


def _accelerators(offer: Offer, catalog: Catalog) -> tuple[Draw, str]:
    return accelerator_draw(offer.accelerator, catalog) if offer.accelerator else (Draw(0.0, 0.0), "no accelerators")


def host_draw(offer: Offer, catalog: Catalog) -> tuple[Draw, str]:
    """Of the processors and the memory of a node; and how it is known.

    Raises:
        CatalogError: the catalog does not have its size.
    """
    if offer.vcpus is None or offer.memory_bytes is None:
        raise CatalogError(
            f"the catalog has no vCPUs and memory of {offer.name}; add them to offers.csv in your catalog folder"
        )
    vcpu, memory = catalog.power_draw("vcpu"), catalog.power_draw("memory-gb")
    if vcpu is None or memory is None:
        raise CatalogError("the catalog has no power of `vcpu` and `memory-gb`; add them to power.csv")
    gb = offer.memory_bytes / _GB
    said = f"host: {vcpu.idle_w:g} to {vcpu.max_w:g} W per vCPU, {memory.max_w:g} W per GB ({vcpu.source})"
    idle_w, max_w = (
        offer.vcpus * cpu_w + gb * memory_w
        for cpu_w, memory_w in ((vcpu.idle_w, memory.idle_w), (vcpu.max_w, memory.max_w))
    )
    return Draw(idle_w, max_w), said


WORKING = ("computing", "draining", "useful", "checkpoint", "lost")
"""States of a slot in which its accelerators work, and `LedgerUsage.stepping_s`; work done again took its energy
too."""
OFF = ("down",)
SERVER_LIFE_H = 35_040.0
"""4 years, over which what building a machine emitted is spread."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Your own values in place of the catalog's; None = the catalog's."""

    pue: Annotated[float, Ge(1)] | None = None
    """Energy of the site / energy of its machines."""
    g_per_kwh: Annotated[float, Ge(0)] | None = None
    """Grams of CO2e per kWh."""
    working_power: Share = 1.0
    """Power of a working accelerator, between idle (0) and full (1); 1 is an upper bound."""
    embodied_kg_per_node: Annotated[float, Ge(0)] | None = None
    """Emissions from building a node, kg CO2e; None = not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyReport:
    """Energy and carbon of a whole run; None where a fact is missing, which `unknown` names."""

    accelerators_kwh: float | None
    hosts_kwh: float | None
    """Processors and memory."""
    kwh: float | None
    """Accelerators and hosts, times the PUE."""
    gco2e: float | None
    """From energy, location-based."""
    embodied_gco2e: float | None
    """The run's part of what building its machines emitted, where that was stated."""
    pue: float | None
    g_per_kwh: float | None
    utilisation: float
    """Share of the time in which the accelerators worked."""
    unknown: tuple[str, ...]
    assumptions: tuple[str, ...]


def energy(usage: LedgerUsage, offer: Offer, catalog: Catalog, site: Site | None = None) -> EnergyReport:
    """Energy and carbon of what a run used, whether it served requests or ran jobs.

    Args:
        usage: nodes, and what their slots did.
        offer: what a node is.
        catalog: power, PUE and grid intensities.
        site: what you know better.
    """
    site = site or Site()
    share, hours = working_share(usage), powered_node_hours(usage)
    accelerator = _fact(lambda: _accelerators(offer, catalog))
    host = _fact(lambda: host_draw(offer, catalog))
    pue, grid = _fact(lambda: _pue(site, offer, catalog)), _fact(lambda: _grid(site, offer, catalog))
    accelerators_kwh = _kwh(accelerator.value, hours * offer.accelerators, share * site.working_power)
    hosts_kwh = _kwh(host.value, hours, share)
    machines_kwh = None if accelerators_kwh is None or hosts_kwh is None else accelerators_kwh + hosts_kwh
    kwh = _times(machines_kwh, pue.value)
    facts = (accelerator, host, pue, grid)
    return EnergyReport(
        accelerators_kwh=accelerators_kwh,
        hosts_kwh=hosts_kwh,
        kwh=kwh,
        gco2e=_times(kwh, grid.value),
        embodied_gco2e=_times(site.embodied_kg_per_node, 1e3 * usage.node_hours() / SERVER_LIFE_H),
        pue=pue.value,
        g_per_kwh=grid.value,
        utilisation=share,
        unknown=tuple(fact.said for fact in facts if fact.value is None),
        assumptions=(*(fact.said for fact in facts if fact.value is not None), _worked(site)),
    )


def together(reports: Sequence[EnergyReport], hours: Sequence[float]) -> EnergyReport:
    """The energy of machines of several kinds, each with the accelerator-hours that it was there."""

    def summed(field: str) -> float | None:
        values = [getattr(report, field) for report in reports]
        return None if None in values else fsum(values)

    def common(field: str) -> float | None:
        values = {getattr(report, field) for report in reports}
        return values.pop() if len(values) == 1 else None

    worked = fsum(one.utilisation * there for one, there in zip(reports, hours, strict=True))
    return EnergyReport(
        **{name: summed(name) for name in ("accelerators_kwh", "hosts_kwh", "kwh", "gco2e", "embodied_gco2e")},
        pue=common("pue"),
        g_per_kwh=common("g_per_kwh"),
        utilisation=worked / (fsum(hours) or 1.0),
        unknown=tuple(dict.fromkeys(said for report in reports for said in report.unknown)),
        assumptions=tuple(dict.fromkeys(said for report in reports for said in report.assumptions)),
    )


@dataclass(frozen=True, slots=True)
class _Fact(Generic[T]):
    """A value and how it is known; or None, and what is missing."""

    value: T | None
    said: str


def _fact(look: Callable[[], tuple[T, str]]) -> _Fact[T]:
    try:
        return _Fact(*look())
    except CatalogError as error:
        return _Fact(None, str(error))


def working_share(usage: LedgerUsage) -> float:
    """Share of the slot time in which accelerators work, of that in which they have power."""
    powered = fsum(seconds for state, seconds in usage.slot_seconds.items() if state not in OFF)
    working = fsum(seconds for state, seconds in usage.slot_seconds.items() if state in WORKING)
    return (working + usage.stepping_s) / powered if powered else 0.0


def powered_node_hours(usage: LedgerUsage) -> float:
    """Hours of nodes that have power."""
    off_s = fsum(usage.slot_seconds.get(state, 0.0) for state in OFF)
    return usage.node_hours() - off_s / usage.slots_per_node / SECONDS_PER_HOUR


def _pue(site: Site, offer: Offer, catalog: Catalog) -> tuple[float, str]:
    if site.pue is not None:
        return site.pue, f"PUE {site.pue:g} (given)"
    row = catalog.pue(offer.provider)
    return row.pue, f"PUE {row.pue:g} of {offer.provider} ({row.source}, {row.as_of})"


def _grid(site: Site, offer: Offer, catalog: Catalog) -> tuple[float, str]:
    if site.g_per_kwh is not None:
        return site.g_per_kwh, f"{site.g_per_kwh:g} gCO2e/kWh (given)"
    row = catalog.grid(offer.provider, offer.region)
    place = f"{offer.provider}/{offer.region}"
    return row.g_per_kwh, f"{row.g_per_kwh:g} gCO2e/kWh in {place} ({row.source}, {row.as_of})"


def _worked(site: Site) -> str:
    return (
        f"accelerators draw {100 * site.working_power:.3g} % of the way from idle to full power while they work; "
        "location-based; disks and network are not counted"
    )


def _kwh(draw: Draw | None, hours: float, utilisation: float) -> float | None:
    return None if draw is None else hours * draw.watts(utilisation) / 1e3


def _times(value: float | None, factor: float | None) -> float | None:
    return None if value is None or factor is None else value * factor
