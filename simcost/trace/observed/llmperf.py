"""Summaries of LLMPerf: one load each, of clients that always have a request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simcost.errors import TraceError
from simcost.trace.observed.distributions import levels, plain
from simcost.trace.observed.json_values import count, member, number
from simcost.trace.observed.load import Load
from simcost.trace.observed.observation import Configuration, ObservedPoint

_NAMES = {"ttft": "results_ttft_s", "e2e": "results_end_to_end_latency_s"}
"""Not its inter-token latency, which is E2E over output tokens, the first one included."""
_QUANTILES = ("p25", "p50", "p75", "p90", "p95", "p99")


def is_llmperf(document: Any) -> bool:
    """True for a `..._summary.json`."""
    return member(document, "results_ttft_s_mean") is not None and "num_concurrent_requests" in document


def llmperf_configuration(document: Any) -> Configuration:
    """The model."""
    model = document.get("model")
    return Configuration(model=str(model) if model else None)


def llmperf_point(document: Any, path: Path, load: Load) -> ObservedPoint:
    """The summary.

    Raises:
        TraceError: no request was completed, or the load or the lengths are not known.
    """
    served = count(document.get("results_num_completed_requests"))
    if served is None:
        raise TraceError(f"{path}: no request was completed; run the benchmark again")
    clients = count(document.get("num_concurrent_requests")) or load.concurrency
    if clients is None:
        raise TraceError(f"{path}: its load is not stated; pass --concurrency")
    return ObservedPoint(
        name=f"{path.name}, concurrency {clients}",
        requests=served,
        concurrency=clients,
        rate_per_s=None,
        prompt_tokens=levels(_distribution(document, "results_number_input_tokens"), path, "number_input_tokens"),
        output_tokens=levels(_distribution(document, "results_number_output_tokens"), path, "number_output_tokens"),
        latencies={ours: found for ours, theirs in _NAMES.items() if (found := plain(_distribution(document, theirs)))},
        failed=round(number(document.get("results_number_errors")) or 0),
    )


def _distribution(document: Any, name: str) -> dict[str, Any]:
    """Mean, quantiles and ends of a metric, whose keys are joined in the file."""
    quantiles = {level: document.get(f"{name}_quantiles_{level}") for level in _QUANTILES}
    return quantiles | {end: document.get(f"{name}_{end}") for end in ("mean", "min", "max")}
