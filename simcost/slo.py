"""Ledger -> service levels: percentiles, attainment, goodput, error budget. It reads nothing of the simulator."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import MinLen

from simcost.ledger import Ledger, Limits
from simcost.units import PositiveSeconds, Share

Percentile = Literal["p50", "p90", "p95", "p99"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """Per-request limits and the share of requests that must keep them; further targets on percentiles.

    A request is good when it completes within every limit given. Rejected and timed-out requests are misses.
    attainment = good / (arrived - still in the system and not yet late).
    """

    ttft: PositiveSeconds | None = None
    tpot: PositiveSeconds | None = None
    e2e: PositiveSeconds | None = None
    attainment: Share = 0.99
    errors: Share | None = None
    """Largest share of requests rejected or timed out; None = counted in attainment only."""
    percentiles: Annotated[
        Mapping[Literal["ttft", "tpot", "e2e"], Mapping[Percentile, PositiveSeconds]], MinLen(0)
    ] = field(default_factory=dict)

    def limits(self) -> Limits:
        """The per-request limits, as the simulation counts against them."""
        inf = float("inf")
        return Limits(ttft_s=self.ttft or inf, tpot_s=self.tpot or inf, e2e_s=self.e2e or inf)


def assess(ledger: Ledger, slo: Slo) -> object:
    """STUB: replaced by the billing/slo helper."""
    raise NotImplementedError
