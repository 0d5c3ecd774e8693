"""Result of `simcost commit`: the mix to buy, its saving and risk, and what falling demand would change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simcost.documents import FindingDocument, optional_key


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendedAmount:
    """An option and how much of it to buy."""

    name: str
    kind: str
    amount: float
    unit: str
    committed_usd_per_h: float
    """With what is paid in advance, spread over the term."""
    upfront_usd: float
    """Due when it is bought, and at each renewal."""
    break_even_utilisation: float | None
    utilisation: float | None
    coverage: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FutureSpread:
    """USD a month over the futures."""

    mean: float
    p5: float
    p50: float
    p95: float
    least: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AimUsed:
    """The aim of the mix."""

    tail: float
    weight: float
    budget_usd_per_h: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """Cost under so much of one option alone; between the bounds lie nine of ten futures."""

    amount: float
    committed_usd_per_h: float
    usd_per_month: float
    p5_usd_per_month: float
    p95_usd_per_month: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FallenDemand:
    """The mix, if demand were only so much of the expected."""

    demand: float
    usd_per_month: float
    best_usd_per_month: float
    regret_usd_per_month: float
    on_demand_usd_per_month: float
    loss_usd_per_month: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentEvidence:
    """Evidence behind the terms: how well demand is known, and how long the commitment lasts."""

    kind: str
    pieces: str
    futures: int
    distinct_futures: int
    days: float
    longest_term_years: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentDemand:
    """The end of a history, by itself: commitments are paid in the future, which begins there."""

    days: int
    demand: float
    """Its demand at prices on demand, of that of the whole history."""
    saving_usd_per_month: float
    """Of the mix against on demand."""
    best: Mapping[str, float]
    """The amounts that are best for it, by option."""
    best_saving_usd_per_month: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UsualAdvice:
    """Best amount of an option over the last days, priced over our futures."""

    name: str
    days: int
    amount: float
    committed_usd_per_h: float
    usd_per_month: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentAdvice:
    """The commitments to buy."""

    verdict: str = ""
    futures: int
    source: str
    recommended: tuple[RecommendedAmount, ...]
    commitments: tuple[Mapping[str, Any], ...]
    """As a purchasing plan writes them."""
    on_demand_usd_per_month: FutureSpread
    cost_usd_per_month: FutureSpread
    saving_usd_per_month: FutureSpread
    saving_share: float | None
    chance_of_loss: float
    cvar_usd_per_month: float
    aim: AimUsed
    curves: Mapping[str, tuple[CurvePoint, ...]]
    falls: tuple[FallenDemand, ...]
    break_even_demand: float | None
    evidence: CommitmentEvidence
    recent: RecentDemand | None
    """None where demand is a forecast, or the history is too short to tell its end from it."""
    usual: tuple[UsualAdvice, ...]
    assumptions: tuple[str, ...]
    not_covered: Mapping[str, Sequence[Mapping[str, Any]]]
    """By option: items that its provider does not let it cover, or of which no source says so, in USD a month."""
    prices: Sequence[Mapping[str, Any]] = ()
    catalog_date: str | None = optional_key()
    findings: Sequence[FindingDocument] = ()
    provenance: Mapping[str, Any] | None = optional_key()
