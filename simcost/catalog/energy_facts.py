"""Facts of energy and emissions: power of devices, of sites, of the grid."""

from typing import Annotated

from annotated_types import Ge

from simcost.catalog.cell_types import Amount, Positive, ProviderName
from simcost.catalog.facts import Provenance
from simcost.record import record


@record
class PowerDraw(Provenance):
    """Power of a device, linear in its utilisation; per vCPU and per GB (1e9 bytes) of memory for hosts."""

    name: str
    """An accelerator, `vcpu` or `memory-gb`."""
    idle_w: Amount
    max_w: Positive

    def __post_init__(self) -> None:
        if self.idle_w > self.max_w:
            raise ValueError(f"idle_w ({self.idle_w:g}) must not exceed max_w ({self.max_w:g})")


@record
class Pue(Provenance):
    """Power usage effectiveness of a provider: energy of the site / energy of its machines."""

    provider: ProviderName
    """Or `on-premises`."""
    pue: Annotated[float, Ge(1)]


LEAST_G_PER_KWH = 1.0
"""Below it a grid is most likely in kilograms: the cleanest emit some grams."""


@record
class GridIntensity(Provenance):
    """Emissions of a kilowatt-hour in a region: location-based, yearly mean."""

    provider: ProviderName
    region: str
    g_per_kwh: Amount

    def __post_init__(self) -> None:
        if 0 < self.g_per_kwh < LEAST_G_PER_KWH:
            grams = self.g_per_kwh
            raise ValueError(f"g_per_kwh {grams:g} is in grams; {grams:g} kg are written {1e3 * grams:g}")
