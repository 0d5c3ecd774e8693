"""Ledger -> service levels of requests: percentiles, attainment, goodput, error budget."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from simcost.slo.levels import metrics_of, ratio, values_to_check
from simcost.slo.targets import Check, Slo
from simcost.slo.tenants import TenantReport, assess_tenants
from simcost.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from simcost.ledger.percentiles import Floats, LatencyPercentiles
    from simcost.ledger.requests import Ledger

_HOURS = {
    "start_s": "float64",
    "arrived": "int64",
    "completed": "int64",
    "attainment": "float64",
    "error_share": "float64",
    "ttft_p95_s": "float64",
    "tpot_p95_s": "float64",
    "e2e_p95_s": "float64",
    "goodput_per_s": "float64",
    "met": "bool",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SloReport:
    """The service levels of one run. Latency in seconds, of completed requests; None = no request has a value."""

    met: bool
    """Every check is met, and at least one request completed."""
    judged: int
    """Requests that are good or not, of which attainment is a share."""
    attainment: float | None
    metrics: dict[str, dict[str, float | None]]
    """`ttft_s`, `tpot_s`, `e2e_s`, each with mean, p50, p90, p95, p99."""
    metrics_error: float
    """Largest relative error of the metrics; 0 = exact. It holds from the smallest bucket (61 µs) up."""
    error_share: float | None
    """Rejected or timed out, of the requests that left."""
    goodput_per_s: float
    """Good requests per second of the run."""
    error_budget_used: float | None
    """Misses / misses allowed; above 1 the budget is burnt. None = misses where none are allowed."""
    output_tokens_per_s: float
    checks: tuple[Check, ...]
    target: float
    """The attainment asked for; of several services the highest."""
    limits: dict[str, float | None]
    """Per-request limits by metric, seconds; None = no limit."""
    hours: Any
    """Table, one row per ledger window (by arrival): start_s, arrived, completed, attainment, error_share, ttft_p95_s,
    tpot_p95_s, e2e_p95_s, goodput_per_s, met; null where no request has a value.
    """
    hours_missed: float
    """Length of the windows that missed the SLO, in hours; of several services, in which any missed its own."""
    missed_s: tuple[tuple[float, float], ...] = ()
    """Beginning and end of these windows."""
    short_s: tuple[tuple[float, float], ...] = ()
    """Of these, the ones that missed it for more than requests that no further replica would have answered: longer than
    the KV cache of any, or over the rate limits of tenants. How many of a window's other rejections these limits made
    is taken to be as in the whole run."""
    tenants: tuple[TenantReport, ...] = ()
    """Service level of each tenant, where requests have one; each must then meet its own targets."""


def assess(ledger: "Ledger", slo: Slo, of_tenants: Mapping[str, Slo] = MappingProxyType({})) -> SloReport:
    """Service levels of a run against its targets; of requests with tenants, against those of each tenant.

    Raises:
        RunError: the rows of the run's requests cannot be read.
    """
    from simcost.ledger.percentiles import latency

    outcomes = ledger.outcomes
    latencies = latency(outcomes)
    errors = outcomes.rejected + outcomes.timed_out + outcomes.lost
    good, late = (int(outcomes.windows[name].to_numpy().sum()) for name in ("good", "late"))
    judged = outcomes.completed + errors + late
    attainment, error_share = ratio(good, judged), ratio(errors, outcomes.completed + errors)
    tenants = assess_tenants(outcomes.by_tenant, of_tenants, ledger.horizon_s, outcomes.buckets)
    checks = tuple(check for tenant in tenants for check in tenant.checks)
    if not tenants:
        checks = slo.checks(values_to_check(attainment, error_share, latencies.overall))
    hours, missed_s, short_s = _hours(ledger, slo, latencies)
    return SloReport(
        met=outcomes.completed > 0 and all(check.met for check in checks),
        judged=judged,
        attainment=attainment,
        error_share=error_share,
        checks=checks,
        metrics=metrics_of(latencies.mean, latencies.overall),
        metrics_error=latencies.error,
        goodput_per_s=good / ledger.horizon_s,
        error_budget_used=ratio(judged - good, (1 - slo.attainment) * judged) if good < judged else 0.0,
        output_tokens_per_s=outcomes.output_tokens / ledger.horizon_s,
        target=slo.attainment,
        limits={"ttft_s": slo.ttft, "tpot_s": slo.tpot, "e2e_s": slo.e2e},
        hours=hours,
        hours_missed=hours_in(missed_s),
        missed_s=missed_s,
        short_s=short_s,
        tenants=tenants,
    )


def hours_in(windows_s: Iterable[tuple[float, float]]) -> float:
    """Hours in any of some windows.

    >>> hours_in([(3600, 7200), (0, 3600), (5400, 9000)])
    2.5
    """
    total_s = until_s = 0.0
    for start_s, end_s in sorted(windows_s):
        total_s += max(end_s - max(start_s, until_s), 0.0)
        until_s = max(until_s, end_s)
    return total_s / SECONDS_PER_HOUR


def _hours(
    ledger: "Ledger", slo: Slo, latencies: "LatencyPercentiles"
) -> tuple[Any, tuple[tuple[float, float], ...], tuple[tuple[float, float], ...]]:
    """The table by window, the windows that missed, and those that did for more than what no replica answers."""
    import pyarrow as pa

    answerable = 1 - _limited_share(ledger)
    rows, missed_s, short_s = [], [], []
    for window, percentiles in zip(ledger.outcomes.windows.to_pylist(), latencies.by_window, strict=True):
        length_s = min(ledger.outcomes.window_s, ledger.horizon_s - window["start_s"])
        rows.append(_hour(window, percentiles, slo, length_s))
        if rows[-1]["met"] is False:
            missed_s.append((window["start_s"], window["start_s"] + length_s))
            rejected = max(window["rejected"] - window["too_long"], 0) * answerable
            if _hour({**window, "rejected": rejected}, percentiles, slo, length_s)["met"] is False:
                short_s.append(missed_s[-1])
    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in _HOURS.items()])
    return pa.Table.from_pylist(rows, schema=schema), tuple(missed_s), tuple(short_s)


def _limited_share(ledger: "Ledger") -> float:
    """Share of the rejections of requests that fit that rate limits of tenants are the reason of."""
    sent = ledger.outcomes.sendings or ledger.outcomes
    limited = sum(tenant.rate_limited for tenant in ledger.outcomes.by_tenant)
    others = sent.rejected - ledger.outcomes.too_long
    return min(limited / others, 1.0) if others > 0 else 0.0


def _hour(window: Mapping[str, Any], percentiles: "Floats", slo: Slo, length_s: float) -> dict[str, Any]:
    """One window; without a request to judge it is neither met nor missed."""
    left = window["completed"] + window["rejected"] + window["timed_out"] + window["lost"]
    judged = left + window["late"]
    attainment, error_share = ratio(window["good"], judged), ratio(left - window["completed"], left)
    measured = values_to_check(attainment, error_share, percentiles)
    return {
        "start_s": window["start_s"],
        "arrived": window["arrived"],
        "completed": window["completed"],
        "attainment": attainment,
        "error_share": error_share,
        **{f"{metric}_p95_s": measured[f"{metric}_s p95"] for metric in ("ttft", "tpot", "e2e")},
        "goodput_per_s": ratio(window["good"], length_s),
        "met": all(check.met for check in slo.checks(measured)) if judged else None,
    }
