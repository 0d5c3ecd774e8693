"""Outcomes of a tenant -> its service level against its own targets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simcost.slo.levels import metrics_of, ratio, values_to_check
from simcost.slo.targets import Check, Slo

if TYPE_CHECKING:
    from simcost.ledger.percentiles import Floats
    from simcost.ledger.requests import Buckets
    from simcost.ledger.tenants import TenantOutcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantReport:
    """The service level of one tenant; None = no request has a value."""

    name: str
    requests: dict[str, int]
    """arrived, completed, rejected, timed_out, lost, in_system."""
    rate_limited: int
    """Sendings that its rate limits turned away, retries included."""
    prompt_tokens: int
    """Of completed requests, as the next."""
    output_tokens: int
    judged: int
    """Requests of which the attainment is a share."""
    attainment: float | None
    """Share of its requests that were good, of those that left or are late."""
    error_share: float | None
    """Rejected, timed out or lost, of those that left."""
    goodput_per_s: float
    metrics: dict[str, dict[str, float | None]]
    """`ttft_s`, `tpot_s`, `e2e_s`, each with mean, p50, p90, p95, p99, read from histograms."""
    target: float
    """The attainment asked for."""
    limits: dict[str, float | None]
    checks: tuple[Check, ...]
    """Its targets; names begin with that of the tenant."""


def assess_tenants(
    outcomes: "Sequence[TenantOutcomes]", slos: Mapping[str, Slo], horizon_s: float, buckets: "Buckets"
) -> tuple[TenantReport, ...]:
    """Service level of each tenant against its targets, by its name."""
    if not outcomes:
        return ()
    from simcost.ledger.percentiles import of_tenants

    means, percentiles = of_tenants(outcomes, buckets)
    return tuple(
        _assess(one, slos[one.tenant], horizon_s, mean, levels)
        for one, mean, levels in zip(outcomes, means, percentiles, strict=True)
    )


def _assess(
    outcomes: "TenantOutcomes", slo: Slo, horizon_s: float, mean: "Floats", percentiles: "Floats"
) -> TenantReport:
    """Service level of one, with the latencies [metric] and [metric, percentile]."""
    errors = outcomes.rejected + outcomes.timed_out + outcomes.lost
    judged = outcomes.completed + errors + outcomes.late
    attainment, error_share = ratio(outcomes.good, judged), ratio(errors, outcomes.completed + errors)
    checks = slo.checks(values_to_check(attainment, error_share, percentiles))
    return TenantReport(
        name=outcomes.tenant,
        requests={
            name: getattr(outcomes, name)
            for name in ("arrived", "completed", "rejected", "timed_out", "lost", "in_system")
        },
        rate_limited=outcomes.rate_limited,
        prompt_tokens=outcomes.prompt_tokens,
        output_tokens=outcomes.output_tokens,
        judged=judged,
        attainment=attainment,
        error_share=error_share,
        goodput_per_s=outcomes.good / horizon_s,
        metrics=metrics_of(mean, percentiles),
        target=slo.attainment,
        limits={"ttft_s": slo.ttft, "tpot_s": slo.tpot, "e2e_s": slo.e2e},
        checks=tuple(replace(check, name=f"{outcomes.tenant}: {check.name}") for check in checks),
    )
