"""Capacity for a stated time at a stated price, used or not: calendar reservations and take-or-pay contracts."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import MinLen

from simcost.billing.commitment.base import Termed, list_usd, rate_note
from simcost.billing.commitment.terms import HOURS_PER_YEAR, Terms
from simcost.catalog.facts import Upfront
from simcost.errors import CatalogError
from simcost.record import record
from simcost.units import SECONDS_PER_HOUR, PositiveCount, PositiveSeconds, UsdPerH

if TYPE_CHECKING:
    from simcost.billing.commitment.bound import CommitmentRates, CommittedUnits
    from simcost.billing.metering import Metered


@record
class TakeOrPay(Termed):
    """A contract for so many instances for a time: unused ones are paid all the same (neoclouds; GCP calendar
    reservations and future reservations, charged for their whole period).
    """

    kind: Literal["take-or-pay"] = "take-or-pay"
    focus_type: ClassVar[str] = "Take-or-Pay Contract"
    provider: Annotated[str, MinLen(1)]
    """Provider of the commitment."""
    sku: Annotated[str, MinLen(1)]
    """Instance type."""
    region: str | None = None
    """None = the only region of the usage."""
    count: PositiveCount
    """Instances."""
    price: UsdPerH | None = None
    """Per instance and hour, as quoted; None = the rate of the catalog for this length, where it has one."""
    length: PositiveSeconds
    """Of the contract."""
    prepaid: bool = False
    """All of it is paid at its start."""
    min_term: PositiveSeconds | None = None
    """The shortest contract that the provider sells."""
    min_count: PositiveCount = 1
    """The smallest one."""

    def __post_init__(self) -> None:
        if self.min_term is not None and self.length < self.min_term:
            raise ValueError(f"length ({self.length:g} s) is below min_term ({self.min_term:g} s)")
        if self.count < self.min_count:
            raise ValueError(f"count ({self.count}) is below min_count ({self.min_count})")

    @property
    def term_h(self) -> float:
        """Length of its term."""
        return self.length / SECONDS_PER_HOUR

    def _usd_per_h(self, account: "Metered", rates: "CommitmentRates", region: str) -> tuple[float, tuple[str, ...]]:
        """Price of an instance and hour, and the source of one of the catalog. Raises CatalogError."""
        if self.price is not None:
            return self.price, ()
        upfront: Upfront = "all" if self.prepaid else "none"
        try:
            rate = rates.commitment_rate(
                self.provider, "take-or-pay", self.sku, region, self.term_h / HOURS_PER_YEAR, upfront
            )
            listed = 0.0 if rate.discount is None else list_usd(account, rates, self.provider, self.sku, region)
        except CatalogError as error:
            raise CatalogError(f"{self.name}: {error}") from error
        return rate.paid_usd_per_h(listed), (rate_note(self.name, rate),)

    def bind(self, account: "Metered", rates: "CommitmentRates") -> "CommittedUnits":
        """So many instances at a time, of this type alone. Raises CatalogError where no price is stated or known."""
        from simcost.billing.commitment.bound import CommittedUnits, Payments, only_region, takes_of

        region = self.region or only_region(account, self.provider, self.sku, self.name)
        hours = self.term_h
        usd_per_h, notes = self._usd_per_h(account, rates, region)
        usd = usd_per_h * self.count
        terms = Terms(
            upfront_usd=usd * hours if self.prepaid else 0.0,
            recurring_usd_per_h=0.0 if self.prepaid else usd,
            term_h=hours,
        )
        wanted = (self.provider, self.sku, region)
        takes, left_out = takes_of(
            account, rates, "take-or-pay", lambda ln: 1.0 if (ln.provider, ln.sku, ln.region) == wanted else None
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
            provider=self.provider,
            region=region,
            sku=self.sku,
            notes=(*notes, *self.end_note(account)),
        )
