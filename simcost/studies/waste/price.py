"""Price of a GPU-hour: stated by the user, or the catalog's offer shared over its accelerators."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from simcost.catalog.facts import Offer
from simcost.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuPrice:
    """USD per GPU-hour and where the figure is from."""

    usd_per_h: float
    spot_usd_per_h: float | None
    source: str
    usd_per_h_of: Mapping[str, float] = field(default_factory=dict)
    """By bucket, where hours of unlike hardware have unlike prices; `usd_per_h` is their mean."""

    def of(self, bucket: str) -> float:
        """Price of a GPU-hour in a bucket."""
        return self.usd_per_h_of.get(bucket, self.usd_per_h)


def price_of(price_usd_per_h: float | None, offer: Offer | None) -> GpuPrice:
    """The price of a GPU-hour. Raises InputError unless exactly one of the two is given, and is positive."""
    if (price_usd_per_h is None) == (offer is None):
        raise InputError(
            "waste is priced by the GPU-hour: give either a price in USD per GPU-hour, or an offer of "
            "the catalog such as aws/p5.48xlarge"
        )
    if offer is not None:
        if not offer.accelerators:
            raise InputError(f"{offer.name} has no accelerator; choose an offer with one")
        spot = None if offer.spot_usd_per_h is None else offer.spot_usd_per_h / offer.accelerators
        return GpuPrice(
            usd_per_h=offer.on_demand_usd_per_h / offer.accelerators,
            spot_usd_per_h=spot,
            source=f"{offer.name} on demand, {offer.accelerators} x {offer.accelerator}, "
            f"{f'price of {offer.as_of}' if offer.as_of else 'by contract'}, quality {offer.quality} ({offer.source})",
        )
    usd = float(price_usd_per_h or 0.0)
    if not 0 < usd < 1e6:
        raise InputError(f"a price of {usd:g} USD per GPU-hour is out of range; write what one GPU costs in an hour")
    return GpuPrice(usd_per_h=usd, spot_usd_per_h=None, source="given")
