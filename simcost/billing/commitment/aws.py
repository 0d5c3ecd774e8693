"""Commitments of AWS: Reserved Instances, Savings Plans, Capacity Blocks, capacity reservations.

Sources: EC2 user guide (Reserved Instances: how they are applied; Capacity Reservations; Capacity Blocks) and the
Savings Plans user guide (how plans apply to usage). A year of both is 31,536,000 seconds: 365 days.
"""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import MinLen

from simcost.billing.commitment.base import HourlyPrice, SpendPlan, Termed, rate_note
from simcost.billing.commitment.terms import Terms
from simcost.catalog.facts import Instrument
from simcost.record import record
from simcost.units import PositiveCount, Seconds, UsdPerH

if TYPE_CHECKING:
    from simcost.billing.commitment.bound import CommitmentRates, CommittedUnits
    from simcost.billing.metering import Line, Metered

_SIZES = {"nano": 0.25, "micro": 0.5, "small": 1.0, "medium": 2.0, "large": 4.0, "xlarge": 8.0}
_METAL = {"i3": 128.0, "c5": 192.0}
"""Units of `metal` where it is not the largest virtual size by name."""
RIGID_FAMILIES = frozenset({"g4ad", "g4dn", "g5", "g5g", "inf1", "ra3", "dc2", "ds2"})
"""Families whose Reserved Instances have no size flexibility; the last three are of Redshift."""


def normalized_units(sku: str) -> float | None:
    """Normalization factor of an instance size; None where it has none that we know.

    >>> normalized_units("m4.2xlarge"), normalized_units("i3.metal")
    (16.0, 128.0)
    """
    family, _, size = sku.rpartition(".")
    if size == "metal":
        return _METAL.get(family)
    count = size.removesuffix("xlarge")
    return 8.0 * int(count) if size.endswith("xlarge") and count.isdecimal() else _SIZES.get(size)


def family_of(sku: str) -> str:
    """`m4` of `m4.2xlarge`."""
    return sku.rpartition(".")[0]


@record
class ReservedInstances(HourlyPrice):
    """Instances of one type reserved for years. A regional one of Linux and shared tenancy covers all sizes of its
    family, the smallest first; a zonal one, or one of a rigid family (G4dn, G5, Inf1), its own type alone.
    """

    kind: Literal["reserved-instances"] = "reserved-instances"
    focus_type: ClassVar[str] = "Reserved Instance"
    discounted: ClassVar[bool] = True
    instrument: ClassVar[Instrument] = "reserved-instance"
    year_of_365_days: ClassVar[bool] = True
    zone: str | None = None
    """Availability zone of a zonal reservation; None = regional."""
    flexible: bool = True
    """False for Windows, RHEL, SUSE and dedicated tenancy: the exact type alone."""

    def bind(self, account: "Metered", rates: "CommitmentRates") -> "CommittedUnits":
        """Units are normalized sizes where sizes are flexible, else instances."""
        from simcost.billing.commitment.bound import only_region

        region = self.region or only_region(account, self.provider, None, self.name)
        size = normalized_units(self.sku)
        rigid = self.zone is not None or not self.flexible or family_of(self.sku) in RIGID_FAMILIES
        each = 1.0 if rigid or size is None else size
        unit = "h" if rigid or size is None else "normalized h"

        def units_of(line: "Line") -> float | None:
            if (line.provider, line.region) != (self.provider, region):
                return None
            if each == 1.0 and (rigid or size is None):
                at = self.zone in (None, line.zone) and not (self.zone and line.reserved_idle)
                return 1.0 if line.sku == self.sku and at else None
            return normalized_units(line.sku) if family_of(line.sku) == family_of(self.sku) else None

        return self.capacity(
            account,
            rates,
            region,
            units=each * self.count,
            each=units_of,
            order=20 if self.zone else 21,
            unit=unit,
        )


@record
class SavingsPlan(SpendPlan):
    """A commitment to spend so much an hour at Savings Plan rates: the usage with the highest savings first, ties by
    the lowest rate; the last item may be covered in part; what is left of an hour is lost.
    """

    kind: Literal["savings-plan"] = "savings-plan"
    focus_type: ClassVar[str] = "Savings Plan"
    year_of_365_days: ClassVar[bool] = True
    discounted: ClassVar[bool] = True
    provider: ClassVar[str] = "aws"
    covers: Literal["compute", "instance", "sagemaker"] = "compute"
    """compute: EC2, Fargate, Lambda. instance: an EC2 family in a region; before compute. sagemaker: `ml.*`."""
    family: str | None = None
    """Of an instance plan, e.g. `p5`."""
    region: str | None = None
    """Of an instance plan; None = the only region of the usage."""

    def __post_init__(self) -> None:
        SpendPlan.__post_init__(self)
        if (self.family is not None) != (self.covers == "instance"):
            raise ValueError("`family` belongs to a plan that covers `instance`, and to no other")

    @property
    def listed_as(self) -> Instrument:
        """As the catalog lists its rates."""
        names: dict[str, Instrument] = {
            "compute": "compute-savings-plan",
            "instance": "instance-savings-plan",
            "sagemaker": "sagemaker-savings-plan",
        }
        return names[self.covers]

    @property
    def order(self) -> int:
        """Place in the settlement of an hour."""
        return 40 if self.covers == "compute" else 30

    def reaches(self, line: "Line", account: "Metered") -> bool:
        """True if a line is of AWS, and of the family and region of an instance plan."""
        from simcost.billing.commitment.bound import only_region

        if line.provider != "aws" or self.covers != "instance":
            return line.provider == "aws"
        region = self.region or only_region(account, "aws", None, self.name)
        return (family_of(line.sku), line.region) == (self.family, region)


@record
class CapacityReservation:
    """Capacity held on demand (ODCR): its unused part is paid like an instance. Reserved Instances and Savings Plans
    reach the unused part after all usage.
    """

    kind: Literal["capacity-reservation"] = "capacity-reservation"
    sku: Annotated[str, MinLen(1)]
    """Instance type."""
    region: str | None = None
    """None = the only region of the usage."""
    zone: str = ""
    """Availability zone; empty = any."""
    account: str = ""
    """Account that holds it; empty = the payer of all accounts."""
    count: PositiveCount
    """Instances held."""
    since: Seconds = 0.0
    """From the start of the usage."""
    until: Seconds | None = None
    """None = to the end."""


@record
class CapacityBlock(Termed):
    """Capacity for a number of days, all paid in advance and not cancellable; instances are ended 30 minutes before its
    end, so a block of D days has 24 D - 0.5 hours.

    >>> block = CapacityBlock(sku="p5.48xlarge", count=1, days=2, price=39.33)
    >>> block.fee_usd(39.33), block.usable_hours
    (1887.84, 47.5)
    """

    kind: Literal["capacity-block"] = "capacity-block"
    focus_type: ClassVar[str] = "Capacity Block"
    provider: ClassVar[str] = "aws"
    sku: Annotated[str, MinLen(1)]
    """Instance type."""
    region: str | None = None
    """None = the only region of the usage."""
    count: PositiveCount
    """Instances."""
    days: PositiveCount
    """Length: 1 to 14 days, or whole weeks up to 26."""
    price: UsdPerH | None = None
    """Per instance and hour, at the time of purchase; None = the catalog's of the region."""

    def __post_init__(self) -> None:
        if not (self.days <= 14 or (self.days <= 182 and self.days % 7 == 0)):
            raise ValueError(f"blocks are sold for 1 to 14 days, or whole weeks up to 182 days, not {self.days}")

    def fee_usd(self, usd_per_h: float) -> float:
        """Paid at the start, at a price per instance and hour."""
        return round(usd_per_h * 24.0 * self.days * self.count, 10)

    @property
    def term_h(self) -> float:
        """Length of its term."""
        return 24.0 * self.days

    @property
    def usable_hours(self) -> float:
        """Of an instance."""
        return 24.0 * self.days - 0.5

    def bind(self, account: "Metered", rates: "CommitmentRates") -> "CommittedUnits":
        """So many instances at a time, of this type alone. Raises CatalogError where no price is stated."""
        from simcost.billing.commitment.bound import CommittedUnits, Payments, only_region, takes_of

        region = self.region or only_region(account, "aws", self.sku, self.name)
        wanted = ("aws", self.sku, region)
        usd_per_h, notes = self.price, tuple[str, ...]()
        if usd_per_h is None:
            rate = rates.commitment_rate("aws", "capacity-block", self.sku, region, 0, "all")
            usd_per_h, notes = rate.paid_usd_per_h(0.0), (rate_note(self.name, rate),)
        terms = Terms(upfront_usd=self.fee_usd(usd_per_h), recurring_usd_per_h=0.0, term_h=self.term_h)
        takes, left_out = takes_of(
            account, rates, "capacity-block", lambda ln: 1.0 if (ln.provider, ln.sku, ln.region) == wanted else None
        )
        return CommittedUnits(
            name=self.name,
            kind=self.kind,
            focus_type=self.focus_type,
            order=10,
            account=self.account,
            shared=self.shared,
            payments=Payments(each=(terms,), from_h=self.start_h, to_h=self.end_h),
            units=float(self.count),
            takes=takes,
            left_out=left_out,
            by_second=True,
            usable_h=self.start_h + self.usable_hours,
            provider="aws",
            region=region,
            sku=self.sku,
            notes=(*notes, *self.end_note(account)),
        )
