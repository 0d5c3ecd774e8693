"""Azure: reservations, which partial hours of several machines fill together, and savings plans.

Source: Microsoft Learn, how reservation discounts and savings plans apply. Order: reservations, then savings plans,
those of three years before those of one, and of these the narrower scope first. A negotiated price below the rate of a
savings plan is used, and drawn from its commitment.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Gt

from simcost.billing.commitment.base import HourlyPrice, SpendPlan
from simcost.catalog.facts import Instrument
from simcost.record import record

if TYPE_CHECKING:
    from simcost.billing.commitment.bound import CommitmentRates, CommittedUnits
    from simcost.billing.metering import Line, Metered


@record
class AzureReservation(HourlyPrice):
    """So many machines of a size, hourly, use it or lose it; other sizes of the group in `ratios` are covered too."""

    kind: Literal["azure-reservation"] = "azure-reservation"
    focus_type: ClassVar[str] = "Reservation"
    instrument: ClassVar[Instrument] = "azure-reservation"
    provider: str = "azure"
    """Provider of the commitment."""
    ratios: Mapping[str, Annotated[float, Gt(0)]] = field(default_factory=dict)
    """Instance-size flexibility: ratio of each SKU of the group, the reserved one among them; empty = it alone."""

    def hourly_over(self, usd_per_h: float, term_h: float) -> float:
        """Its price is that of the whole term, at once or in months, whatever its days; an hour is quoted as 1 / 8,760
        of a year.
        """
        return usd_per_h * self.term_h / term_h

    def bind(self, account: "Metered", rates: "CommitmentRates") -> "CommittedUnits":
        """Units are ratios."""
        from simcost.billing.commitment.bound import only_region

        region = self.region or only_region(account, self.provider, None, self.name)
        ratios = {self.sku: 1.0, **self.ratios}

        def units_of(line: "Line") -> float | None:
            return ratios.get(line.sku) if (line.provider, line.region) == (self.provider, region) else None

        return self.capacity(
            account,
            rates,
            region,
            units=ratios[self.sku] * self.count,
            each=units_of,
            order=20,
        )


@record
class AzureSavingsPlan(SpendPlan):
    """A commitment to spend so much an hour; the greatest discount first."""

    kind: Literal["azure-savings-plan"] = "azure-savings-plan"
    focus_type: ClassVar[str] = "Savings Plan"
    provider: ClassVar[str] = "azure"

    @property
    def listed_as(self) -> Instrument:
        """As the catalog lists its rates."""
        return "azure-savings-plan"

    @property
    def order(self) -> int:
        """Three years before one; of these one for its account alone before one for all."""
        scoped = bool(self.account) and not self.shared
        return 30 + 2 * (self.years != 3) + (not scoped)

    def cheaper_on_demand(self, line: "Line") -> float:
        """The negotiated price, which the commitment pays."""
        return line.contracted_usd
