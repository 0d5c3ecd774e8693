"""What a bill is made of; names as in FOCUS, snake_case."""

from dataclasses import dataclass
from typing import Literal, Self

from simcost.catalog.facts import Offer
from simcost.units import HOURS_PER_MONTH, SECONDS_PER_HOUR

Service = Literal["compute", "storage", "transfer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPrice:
    """What a unit costs on the list and what is paid for it."""

    list_usd: float
    paid_usd: float
    as_of: str
    """Date of the catalog's price; empty for a price of the user's own."""
    quality: str
    """A, B or C as in the catalog, or `given`."""

    @classmethod
    def own(cls, usd: float, *, list_usd: float) -> Self:
        """A price that the user gave."""
        return cls(list_usd=list_usd, paid_usd=usd, as_of="", quality="given")


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One line of a bill."""

    charge_category: Literal["Usage", "Purchase"]
    pricing_category: Literal["Standard", "Dynamic", "Committed"]
    service: Service
    provider: str
    sku: str
    region: str
    charge_period_start_s: float
    charge_period_end_s: float
    consumed_quantity: float
    consumed_unit: str
    list_unit_price_usd: float
    list_cost_usd: float
    contracted_cost_usd: float
    effective_cost_usd: float
    billed_cost_usd: float
    price_as_of: str
    price_quality: str


def usage_charge(
    offer: Offer,
    service: Service,
    sku: str,
    quantity: float,
    unit: str,
    price: UnitPrice,
    horizon_s: float,
) -> Charge:
    """A charge over the whole run; without commitments, what is contracted is what is billed."""
    usd = quantity * price.paid_usd
    return Charge(
        charge_category="Usage", pricing_category="Standard", service=service,
        provider=offer.provider, sku=sku, region=offer.region,
        charge_period_start_s=0.0, charge_period_end_s=horizon_s,
        consumed_quantity=quantity, consumed_unit=unit,
        list_unit_price_usd=price.list_usd, list_cost_usd=quantity * price.list_usd,
        contracted_cost_usd=usd, effective_cost_usd=usd, billed_cost_usd=usd,
        price_as_of=price.as_of, price_quality=price.quality,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """The charges of one run, and where the compute money went."""

    charges: tuple[Charge, ...]
    compute_by_state_usd: dict[str, float]
    """serving (useful), idle, starting, draining, unallocated, rounding (minimums and granularity);
    they add up to the billed compute."""
    horizon_s: float

    @property
    def total_usd(self) -> float:
        """Billed cost of all charges."""
        return sum(charge.billed_cost_usd for charge in self.charges)

    @property
    def months(self) -> float:
        """Length of the run in months of 730 h."""
        return self.horizon_s / SECONDS_PER_HOUR / HOURS_PER_MONTH

    @property
    def per_month_usd(self) -> float:
        """The total scaled to a month of 730 h."""
        return self.total_usd / self.months

    def by_category_usd(self) -> dict[str, float]:
        """Billed cost by service."""
        sums = dict.fromkeys(("compute", "storage", "transfer"), 0.0)
        for charge in self.charges:
            sums[charge.service] += charge.billed_cost_usd
        return sums
