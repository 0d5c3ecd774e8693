"""What was simulated and priced: fleets and APIs at several demands."""

from collections.abc import Sequence
from dataclasses import dataclass

from simcost.billing.per_token import PerToken, TokenBill
from simcost.catalog.facts import TokenPrice
from simcost.compare.breakeven.crossing import Place, crossing, over_replications
from simcost.compare.interval import Interval, interval


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
    """By plan, then replication; None = no size that was tried meets the SLO."""
    bills: tuple[tuple[TokenBill, ...], ...]
    """By API, then replication."""

    def fleet_usd(self, plan: str) -> list[float] | None:
        """A month of each replication; None where one has no fleet."""
        fleets = [fleet for fleet in self.fleets[plan] if fleet is not None]
        return [fleet.usd_per_month for fleet in fleets] if len(fleets) == len(self.fleets[plan]) else None

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
    scale: Interval | None
    """Demand relative to the scenario's, where all replications cross."""
    crossed: int
    """Replications that cross."""
    around: tuple[float, float] | None
    """The simulated demands on both sides of it, in the means."""


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

    def break_even(self, plan: str, api: int) -> BreakEven:
        """Where the plan becomes cheaper than the API, replication by replication."""
        known = [(point, usd) for point in self.points if (usd := point.fleet_usd(plan)) is not None]
        if not known:
            return BreakEven(plan=plan, api=api, place=None, scale=None, crossed=0, around=None)
        scales = [point.scale for point, _ in known]
        fleet, other = [usd for _, usd in known], [point.api_usd(api) for point, _ in known]
        least = known[0][0].fleets[plan]
        found = [
            crossing(scales, mine, theirs, least=_smallest(least[replication]))
            for replication, (mine, theirs) in enumerate(
                zip(zip(*fleet, strict=True), zip(*other, strict=True), strict=True)
            )
        ]
        place, scale = over_replications(found, self.level)
        return BreakEven(plan=plan, api=api, place=place, scale=scale,
                         crossed=sum(one.scale is not None for one in found),
                         around=_around(scales, fleet, other))  # fmt: skip


def mean(values: Sequence[float], level: float) -> Interval:
    """Over replications."""
    return interval(list(values), level)


def _smallest(fleet: Fleet | None) -> bool:
    return fleet is not None and fleet.replicas == 1


def _around(
    scales: Sequence[float], fleet: Sequence[Sequence[float]], api: Sequence[Sequence[float]]
) -> tuple[float, float] | None:
    """The two demands between which the mean costs cross for the last time."""
    dearer = [sum(mine) > sum(theirs) for mine, theirs in zip(fleet, api, strict=True)]
    last = max((i for i, is_dearer in enumerate(dearer) if is_dearer), default=-1)
    return (scales[last], scales[last + 1]) if 0 <= last < len(scales) - 1 else None
