"""What a bill is made of; names as in FOCUS, snake_case."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One line of a bill."""

    charge_category: Literal["Usage", "Purchase"]
    pricing_category: Literal["Standard", "Dynamic", "Committed"]
    service: Literal["compute", "storage", "transfer"]
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
    def per_month_usd(self) -> float:
        """The total scaled to a month of 730 h."""
        return self.total_usd * 730.0 * 3600.0 / self.horizon_s

    def by_category_usd(self) -> dict[str, float]:
        """Billed cost by service."""
        sums = dict.fromkeys(("compute", "storage", "transfer"), 0.0)
        for charge in self.charges:
            sums[charge.service] += charge.billed_cost_usd
        return sums
