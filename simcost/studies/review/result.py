"""Review of a result: its facts in the words of those who decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTerms:
    """Hardware and terms of a plan, or of a group of its replicas."""

    plan: str
    hardware: str
    offer: str
    region: str
    usd_per_h: float | None
    """Price of its instance; None where the result has no single one."""
    terms: str
    scaling: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeOfMonth:
    """A charge of a plan, a month."""

    plan: str
    charge: str
    quantity: float
    unit: str
    list_unit_price_usd: float | None
    """None of nothing."""
    is_mean_price: bool
    """True where charges of several prices are one, as of tiers."""
    usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentOfMonth:
    """A commitment of a plan, a month."""

    plan: str
    commitment: str
    used_usd: float
    unused_usd: float

    @property
    def utilisation(self) -> float | None:
        """Part of it that was used."""
        paid = self.used_usd + self.unused_usd
        return self.used_usd / paid if paid else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceFlip:
    """A price on demand at which another plan becomes the cheapest that meets the SLO, all else as it is."""

    offer: str
    unit: str
    now_usd: float
    at_usd: float
    plan: str
    """The cheapest beyond it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandFacts:
    """Demand that the plans met, in the first replication."""

    requests: int
    per_s: float
    busiest_per_s: float | None
    """In the busiest window; None where it is not known."""
    window_s: float
    """Length of a window."""
    output_tokens_per_request: float | None
    """Of those that were completed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A result as a review."""

    document: Document
    """Of `simcost run`."""
    title: str
    author: str
    date: str
    command: str
    """That writes the same result."""
    chosen: str
    """The plan that is recommended, or the one that comes closest."""
    recommendation: str
    badge: str
    decision: str
    """Request to those who decide."""
    terms: Sequence[PlanTerms]
    peak_replicas: int | None
    """Of the chosen plan."""
    demand: DemandFacts | None
    charges: Sequence[ChargeOfMonth]
    commitments: Sequence[CommitmentOfMonth]
    flips: Sequence[PriceFlip]
    flips_known: bool
    """False where no plan meets the SLO."""
    factors: Sequence[str]
    """Of `simcost sensitivity --vary`, that scale what this scenario has: `demand`, `engine`."""
    rejected: Sequence[str]
    risks: Sequence[str]
    assumptions: Mapping[str, Sequence[str]]
    """By subject."""
    scenario: str
    """YAML of the scenario as it was run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenReview:
    """Result of `simcost report`."""

    verdict: str
    """Of the result."""
    recommendation: str
    slo: str
    decision: str
    rejected: Sequence[str]
    obligations: Sequence[Mapping[str, Any]]
    """Amounts to sign for the chosen plan, as in the result."""
    flips: Sequence[PriceFlip]
    risks: Sequence[str]
    files: Sequence[str]


def written(review: Review, file: str) -> WrittenReview:
    """The review in short, and its file."""
    return WrittenReview(
        verdict=review.document["verdict"],
        recommendation=review.recommendation,
        slo=review.badge,
        decision=review.decision,
        rejected=review.rejected,
        obligations=next(
            plan.get("obligations", ()) for plan in review.document["plans"] if plan["name"] == review.chosen
        ),
        flips=review.flips,
        risks=review.risks,
        files=(file,),
    )
