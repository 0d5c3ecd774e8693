"""Parts of a bill; names as in FOCUS, snake_case."""

from dataclasses import dataclass
from math import fsum
from typing import TYPE_CHECKING, Literal, Self

from simcost.units import HOURS_PER_MONTH, SECONDS_PER_HOUR

if TYPE_CHECKING:
    from simcost.billing.settlement import Settlement

Service = Literal["compute", "storage", "transfer", "tokens"]
SERVICES: tuple[Service, ...] = ("compute", "storage", "transfer", "tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPrice:
    """List price and contracted price of a unit."""

    list_usd: float
    paid_usd: float
    as_of: str
    """Date of the catalog's price; empty for a price of the user's own."""
    quality: str
    """A, B or C as in the catalog, or `given`."""
    source: str = ""
    """Source of the catalog's price."""

    @classmethod
    def own(cls, usd: float, *, list_usd: float) -> Self:
        """A price that the user gave."""
        return cls(list_usd=list_usd, paid_usd=usd, as_of="", quality="given")


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One line of a bill. Usage that a commitment covers is billed with its purchase: effective, but not billed."""

    charge_category: Literal["Usage", "Purchase"]
    pricing_category: Literal["Standard", "Dynamic", "Committed"]
    service: Service
    """Part of the bill; the service as its provider names it is `service_name`."""
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
    price_source: str = ""
    service_name: str = ""
    """As usage names the service, or its SKU tells; empty = not known."""
    zone: str = ""
    account: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    contract: str = ""
    """Name of the contract whose price or discount is paid; empty = none."""
    discount_usd: float = 0.0
    """Amount that it takes off the effective cost."""
    commitment: str = ""
    """Name of the commitment that covers, is unused, or is bought."""
    commitment_status: Literal["", "Used", "Unused"] = ""
    capacity_reservation_status: Literal["", "Unused"] = ""
    """Unused = capacity that was reserved, and idle."""
    charge_frequency: Literal["Usage-Based", "One-Time", "Recurring"] = "Usage-Based"


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligation:
    """An amount that is owed whether it is used or not, from the day on which it is signed for."""

    name: str
    """The commitment, the reservation, or what is bought."""
    upfront_usd: float
    """Due at the start."""
    recurring_usd_per_h: float
    """Due by the hour."""
    term_h: float | None
    """Length of its term, or life of what is bought; None = until it is given back."""

    @property
    def total_usd(self) -> float | None:
        """All that is owed over the term; None where it has no end and is due by the hour.

        >>> Obligation(name="sp", upfront_usd=0.0, recurring_usd_per_h=2.0, term_h=8760.0).total_usd
        17520.0
        """
        if self.term_h is None:
            return None if self.recurring_usd_per_h else self.upfront_usd
        return self.upfront_usd + self.recurring_usd_per_h * self.term_h


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Place and time of usage."""

    provider: str
    region: str
    start_s: float
    end_s: float


def volume_charge(place: Place, service: Service, sku: str, quantity: float, unit: str, price: UnitPrice) -> Charge:
    """A charge for a quantity; nothing of it is committed."""
    usd = quantity * price.paid_usd
    return Charge(
        charge_category="Usage",
        pricing_category="Standard",
        service=service,
        provider=place.provider,
        sku=sku,
        region=place.region,
        charge_period_start_s=place.start_s,
        charge_period_end_s=place.end_s,
        consumed_quantity=quantity,
        consumed_unit=unit,
        list_unit_price_usd=price.list_usd,
        list_cost_usd=quantity * price.list_usd,
        contracted_cost_usd=usd,
        effective_cost_usd=usd,
        billed_cost_usd=usd,
        price_as_of=price.as_of,
        price_quality=price.quality,
        price_source=price.source,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Costs:
    """The charges of one account or several, and where the compute money went."""

    charges: tuple[Charge, ...]
    compute_by_state_usd: dict[str, float]
    """computing (useful), idle, starting, draining, unallocated, rounding (minimums and granularity), and the unused
    part of commitments; they add up to the effective compute. Empty where states are not known.
    """
    horizon_s: float
    notes: tuple[str, ...] = ()
    """Sources of commitment prices, and how usage was read."""
    obligations: tuple[Obligation, ...] = ()
    """Amounts to sign for: commitments, reservations, hardware."""

    @property
    def total_usd(self) -> float:
        """Effective cost: what was used, with commitments spread over their terms."""
        return fsum(charge.effective_cost_usd for charge in self.charges)

    @property
    def billed_usd(self) -> float:
        """Amount invoiced in the time of the bill: advance payments in full."""
        return fsum(charge.billed_cost_usd for charge in self.charges)

    @property
    def list_usd(self) -> float:
        """All usage at list prices."""
        return fsum(charge.list_cost_usd for charge in self.charges if charge.charge_category == "Usage")

    @property
    def months(self) -> float:
        """Length of the run in months of 730 h."""
        return self.horizon_s / SECONDS_PER_HOUR / HOURS_PER_MONTH

    @property
    def per_month_usd(self) -> float:
        """The total scaled to a month of 730 h."""
        return self.total_usd / self.months

    def by_category_usd(self) -> dict[str, float]:
        """Effective cost by service; tokens where there are some."""
        sums = dict.fromkeys(("compute", "storage", "transfer"), 0.0)
        for charge in self.charges:
            sums[charge.service] = sums.get(charge.service, 0.0) + charge.effective_cost_usd
        return sums


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bill(Costs):
    """The charges of one account."""

    settlement: "Settlement"
    """The hourly books."""
