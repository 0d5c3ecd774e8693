"""Results of `simcost api`: fleets against APIs as demand grows, or the requests of a trace at APIs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from simcost.documents import optional_key
from simcost.studies.breakeven.crossing import DemandSpread, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyCost:
    """USD a month: mean over replications with its confidence interval, and for fleets the range."""

    mean: float
    lo: float | None
    hi: float | None
    level: float
    margin: float | None
    least: float | None = optional_key()
    most: float | None = optional_key()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaRange:
    """Replicas of the least fleets over the replications."""

    lo: int
    mean: float
    hi: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MetFleet:
    """The least fleet of a plan that meets the SLO at a demand."""

    name: str
    met: Literal[True] = True
    replicas: ReplicaRange
    usd_per_month: MonthlyCost
    usd_per_million_tokens: float
    attainment: float | None
    ttft_p95_s: float | None
    tpot_p95_s: float | None
    utilisation: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedFleet:
    """A plan of which no size that was tried meets the SLO."""

    name: str
    met: Literal[False] = False
    replicas: None = None
    usd_per_month: None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiMonth:
    """Cost of an API at a demand."""

    name: str
    usd_per_month: MonthlyCost


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandCosts:
    """Cost of each option at a demand."""

    scale: float
    """Relative to the scenario's."""
    requests_per_s: float
    tokens_per_month: float
    plans: tuple[MetFleet | MissedFleet, ...]
    apis: tuple[ApiMonth, ...]

    @property
    def met(self) -> list[MetFleet]:
        """The fleets that meet the SLO."""
        return [plan for plan in self.plans if isinstance(plan, MetFleet)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCosts:
    """Prices of an API, cache hits, and unit costs; means over replications."""

    name: str
    usd_per_month: float
    usd_per_request: float
    usd_per_million_tokens: float
    usd_by_item: Mapping[str, float]
    """Of the run or trace, whatever its length."""
    usd_per_month_by_item: Mapping[str, float]
    read_share: float
    cache: str
    hits_at_input_price: bool
    """Something is read from its cache, at no lower price: none is known, or a batch has none."""
    too_long_requests: float
    refused_share: float
    """Of the requests, those that are longer than its window; they are priced as if it answered them."""
    spilled_requests: float | None
    """Those that its units do not serve, paid per token; None = it has none."""
    units_load: float | None
    """Share of the capacity of its units that is used."""
    peak_requests_per_min: float
    peak_tokens_per_min: float
    batch: bool
    slo_misses: tuple[str, ...]
    """Targets that it surely misses by what is stated of it."""
    ended: str
    """Day on which the provider ended the model, on or before the newest fact of the catalog; empty = it did not."""
    ttft_p95_s: float | None
    tpot_p95_s: float | None
    price: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairBreakEven:
    """From which demand on a plan costs less than an API; None where nothing crosses."""

    plan: str
    api: str
    place: Place | None
    crossed_in: int
    """Replications that cross."""
    scale: DemandSpread | None
    requests_per_s: DemandSpread | None
    tokens_per_month: DemandSpread | None
    sure_from_requests_per_s: DemandSpread | None
    usd_per_month: float | None
    cost_ratio_at_largest: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEvenResult:
    """Costs at several demands, and the break-evens."""

    verdict: str = ""
    scenario: str
    model: str
    replications: int
    demands: tuple[DemandCosts, ...]
    between: tuple[DemandCosts, ...]
    """Demands at which not all plans were sized."""
    apis: tuple[ApiCosts, ...]
    break_even: tuple[PairBreakEven, ...]
    below_quality: Mapping[str, str]
    """Plans of which the quality is less than the scenario asks for, or not known, each with what is."""
    kept_spot: tuple[str, ...]
    """Plans with spot nodes that are never taken back."""
    assumptions: tuple[str, ...]
    provenance: Mapping[str, Any]

    @property
    def here(self) -> DemandCosts:
        """The demand of the scenario, or the nearest."""
        return min(self.demands, key=lambda demand: max(demand.scale, 1 / demand.scale))


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceCosts:
    """Cost of the requests of a stored trace at APIs."""

    verdict: str
    trace: str
    requests_per_s: float
    tokens_per_month: float
    apis: tuple[ApiCosts, ...]
    assumptions: tuple[str, ...]
    provenance: Mapping[str, Any]
