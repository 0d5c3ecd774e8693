"""What the parts of a node draw, linear between idle and full."""

from dataclasses import dataclass

from simcost.catalog import Catalog
from simcost.catalog.facts import Offer
from simcost.errors import CatalogError

IDLE_SHARE = 0.114
"""Idle power of an accelerator that nobody measured, of its rated power: the mean of the four that were."""
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
    said = (
        f"{name}: rated power {rated_w:g} W at full, {100 * IDLE_SHARE:.3g} % of it idle (nobody measured it)"
    )
    return Draw(IDLE_SHARE * rated_w, rated_w), said


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
    idle_w, max_w = (offer.vcpus * cpu_w + gb * memory_w for cpu_w, memory_w in
                     ((vcpu.idle_w, memory.idle_w), (vcpu.max_w, memory.max_w)))  # fmt: skip
    return Draw(idle_w, max_w), said


def average_kw(offer: Offer, utilisation: float, catalog: Catalog) -> float:
    """What a node draws on average while it is on, cooling not included.

    Raises:
        CatalogError: the power of its accelerators, or the size of its host, is not known.
    """
    accelerator, host = accelerator_draw(offer.accelerator, catalog)[0], host_draw(offer, catalog)[0]
    return (offer.accelerators * accelerator.watts(utilisation) + host.watts(utilisation)) / 1e3
