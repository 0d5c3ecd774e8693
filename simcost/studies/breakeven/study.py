"""What was simulated and priced: fleets and APIs at several demands."""

from dataclasses import dataclass

from simcost.billing.api.pricing import PerToken, TokenBill
from simcost.catalog.facts import TokenPrice
from simcost.studies.breakeven.crossing import Place, Spread, crossing, doubtful, over_replications


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One way to buy tokens."""

    name: str
    """`provider/model`, and what tells it from others of the same model."""
    purchase: PerToken
    price: TokenPrice
    cache: str
    """What is assumed of the provider's cache."""
    ttft_p95_s: float | None = None
    """As you state it; None = not known."""
    tpot_p95_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The least fleet of a plan that meets the SLO, in one replication."""

    replicas: int
    """Of an autoscaled plan, its most."""
    usd_per_month: float
    attainment: float | None
    ttft_p95_s: float | None
    tpot_p95_s: float | None
    utilisation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One demand."""

    scale: float
    """Relative to the scenario's."""
    fleets: dict[str, tuple[Fleet | None, ...]]
    """By plan, then replication; None = no size that was tried meets the SLO. In between not all plans are sized."""
    bills: tuple[tuple[TokenBill, ...], ...]
    """By API, then replication."""

    def fleet_usd(self, plan: str) -> list[float] | None:
        """A month of each replication; None where one has no fleet."""
        fleets = self.fleets.get(plan, (None,))
        known = [fleet.usd_per_month for fleet in fleets if fleet is not None]
        return known if len(known) == len(fleets) else None

    def api_usd(self, api: int) -> list[float]:
        """A month of each replication."""
        return [bill.per_month_usd for bill in self.bills[api]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEven:
    """From which demand on a plan is cheaper than an API."""

    plan: str
    api: int
    place: Place | None
    """None = the plan meets the SLO at no demand."""
    scale: Spread | None = None
    """Demand relative to the scenario's, where all replications cross."""
    sure: Spread | None = None
    crossed: int = 0
    """Replications that cross."""
    doubtful: tuple[float, float] | None = None
    """The last stretch that a further simulation would clear up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """All points, in order of demand."""

    scenario: str
    model: str
    plans: tuple[str, ...]
    apis: tuple[Api, ...]
    points: tuple[Point, ...]
    level: float
    horizon_s: float

    @property
    def whole(self) -> tuple[Point, ...]:
        """The points at which all plans were sized."""
        return tuple(point for point in self.points if len(point.fleets) == len(self.plans))

    def break_even(self, plan: str, api: int) -> BreakEven:
        """Where the plan becomes cheaper than the API, replication by replication."""
        known = [(point, usd) for point in self.points if (usd := point.fleet_usd(plan)) is not None]
        if not known:
            return BreakEven(plan=plan, api=api, place=None)
        scales = [point.scale for point, _ in known]
        curves = list(
            zip(
                zip(*(usd for _, usd in known), strict=True),
                zip(*(point.api_usd(api) for point, _ in known), strict=True),
                strict=True,
            )
        )
        least = known[0][0].fleets[plan]
        found = [
            crossing(scales, fleet, theirs, least=_smallest(least[i]))
            for i, (fleet, theirs) in enumerate(curves)
        ]
        place, scale, sure = over_replications(found)
        doubts = filter(None, (doubtful(scales, fleet, theirs) for fleet, theirs in curves))
        return BreakEven(plan=plan, api=api, place=place, scale=scale, sure=sure,
                         crossed=sum(one.scale is not None for one in found),
                         doubtful=max(doubts, default=None))  # fmt: skip


def _smallest(fleet: Fleet | None) -> bool:
    return fleet is not None and fleet.replicas == 1
