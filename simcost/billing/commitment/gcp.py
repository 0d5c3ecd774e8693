"""GCP: committed-use discounts on resources and on spend, calendar reservations, sustained use.

Source: Google Cloud documentation (committed use discounts, spend-based since 2026-01-21; sustained use discounts).
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from simcost.billing.commitment.base import HourlyPrice, SpendPlan
from simcost.billing.commitment.bound import Capacity, Floats, Rates, only_region, takes_of
from simcost.billing.metered import Line, Metered
from simcost.units import HOURS_PER_MONTH

QUARTERS = {30: (1.0, 0.8, 0.6, 0.4), 20: (1.0, 0.8678, 0.733, 0.6)}
"""Price of each quarter of a month's use, by the discount of a full month in per cent."""
_SUSTAINED_GPUS = frozenset({"t4", "v100", "p100", "v100-16gb", "v100-32gb"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceCud(HourlyPrice):
    """So many units of a resource (vCPUs, GB, GPUs, or whole instances: what the SKU counts) in one region, for years."""

    kind: Literal["resource-cud"] = "resource-cud"
    instrument: ClassVar[str] = "resource-cud"
    provider: str = "gcp"

    def bind(self, account: Metered, rates: Rates) -> Capacity:
        """Units are those of the SKU."""
        region = self.region or only_region(account, self.provider, self.sku, self.name)

        def units(line: Line) -> float | None:
            return 1.0 if (line.provider, line.sku, line.region) == (self.provider, self.sku, region) else None

        return self.capacity(
            account, rates, region, units=float(self.count), takes=takes_of(account, units), order=20
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FlexibleCud(SpendPlan):
    """A commitment to spend so much an hour in any region, at a discount.

    >>> FlexibleCud(commitment=100.0, commit_basis="on-demand", discount=0.46).hourly_usd
    54.0
    """

    kind: Literal["flexible-cud"] = "flexible-cud"
    instrument: ClassVar[str] = "flexible-cud"
    provider: ClassVar[str] = "gcp"
    order: ClassVar[int] = 40
    commit_basis: Literal["discounted", "on-demand"] = "discounted"
    """What `commitment` counts: discounted USD (since 2026-01-21), or their on-demand equivalent (before)."""

    def __post_init__(self) -> None:
        SpendPlan.__post_init__(self)
        if self.commit_basis == "on-demand" and self.discount is None:
            raise ValueError("a commitment that counts on-demand USD needs its `discount`")

    @property
    def hourly_usd(self) -> float:
        """The fee of an hour."""
        share = 1 - (self.discount or 0.0) if self.commit_basis == "on-demand" else 1.0
        return round(self.commitment * share, 10)

    def eligible(self, line: Line, account: Metered) -> bool:
        """All compute of GCP."""
        return line.provider == "gcp"


def sustained_percent(line: Line) -> int | None:
    """The sustained-use table of a line: 30 or 20 % off for a full month; None = none (H100, A100, L4, TPUs)."""
    if line.provider != "gcp" or line.pricing == "spot":
        return None
    if line.accelerator:
        return 30 if line.accelerator in _SUSTAINED_GPUS else None
    family = line.sku.partition("-")[0]
    return {"n1": 30, "m1": 30, "n2": 20, "n2d": 20, "c2": 20}.get(family)


def sustained_use(hours: Floats, month: Floats, month_h: Floats, percent: int) -> Floats:
    """[hour] What the hours that no commitment covers cost, as multiples of the on-demand price.

    Usage of a month is combined into as few machines as could have run it: the k-th hour of a machine in the month
    falls into the quarter k / hours of the month. With hours sorted from the fullest down, all machines pass
    through the ranks together.

    Args:
        hours: [hour] unit-hours without other discounts.
        month: [hour] number of the month.
        month_h: [hour] hours of that month.
        percent: 30 or 20.
    """
    factor = np.ones_like(hours)
    for one in np.unique(month):
        rows = np.flatnonzero((month == one) & (hours > 0))
        ranked = rows[np.argsort(-hours[rows], kind="stable")]
        length = float(month_h[rows[0]]) if len(rows) else HOURS_PER_MONTH
        edge = np.minimum(np.arange(len(ranked) + 1) / length, 1.0)
        factor[ranked] = np.diff(_paid(edge, percent)) * length
    return hours * factor


def _paid(share: Floats, percent: int) -> Floats:
    """Integral of the quarter prices up to a share of the month."""
    knots = np.concatenate([[0.0], np.cumsum(QUARTERS[percent])]) / 4
    found: Floats = np.interp(share, np.linspace(0, 1, 5), knots)
    return found
