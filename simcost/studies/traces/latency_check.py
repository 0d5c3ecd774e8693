"""`simcost trace check`: latencies of a simulation beside those that the log of its requests has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from simcost.errors import InputError, TraceError
from simcost.scenario.storage.results import finished_plan
from simcost.trace.observed import ObservedRun
from simcost.trace.observed.observation import QUANTILES, statistics
from simcost.trace.observed.stored_trace import read_stored

Document = dict[str, Any]
_METRICS = ("ttft", "tpot", "e2e")
_ALIKE = 0.02
"""Largest share by which the requests of both may differ in number."""


def latency_check(folder: Path, trace: Path, plan: str | None = None) -> Document:
    """Percentile by percentile, simulated beside observed.

    Args:
        folder: a result of `simcost run`.
        trace: the stored trace that the scenario replayed, with `ttft_s` or `e2e_s`.
        plan: which of its plans; None = the best one.

    Returns:
        `verdict`, `plan`, `requests`, `rows[]` with `metric`, `statistic`, `observed_s`, `simulated_s`, `error`, and
        `findings[]`.

    Raises:
        InputError: no such result or plan.
        TraceError: a trace without latencies.
    """
    chosen, horizon_s = finished_plan(folder, plan)
    observation = read_stored(trace)
    run = observation.run
    if run is None or not (run.arrival_s < horizon_s).any():
        raise TraceError(f"{trace}: no request arrives within the run of {horizon_s:,.0f} s")
    within = run.arrival_s < horizon_s
    simulated = chosen.get("slo", {}).get("metrics")
    if not simulated:
        raise InputError(f"{folder}: plan {chosen['name']!r} served no requests")
    rows = _rows(run, within, simulated)
    return {
        "verdict": _verdict(chosen["name"], rows),
        "plan": chosen["name"],
        "trace": str(trace),
        "requests": int((within & run.timed).sum()),
        "rows": rows,
        "findings": [*observation.findings, *_other_load(chosen, int(within.sum()), trace)],
    }


def _rows(run: ObservedRun, within: Any, simulated: Document) -> list[Document]:
    rows = []
    for name in _METRICS:
        observed = statistics(getattr(run, f"{name}_s")[within])
        ours = simulated.get(f"{name}_s", {})
        rows += [
            {
                "metric": name,
                "statistic": statistic,
                "observed_s": observed[statistic],
                "simulated_s": float(ours[statistic]),
                "error": float(ours[statistic]) / observed[statistic] - 1,
            }
            for statistic in ("mean", *QUANTILES)
            if statistic in observed and ours.get(statistic) is not None
        ]
    return rows


def _verdict(plan: str, rows: list[Document]) -> str:
    """Largest error of each metric at mean, p50, p90 and p95."""
    worst = {
        name: max(
            (abs(row["error"]) for row in rows if row["metric"] == name and row["statistic"] != "p99"), default=None
        )
        for name in _METRICS
    }
    said = ", ".join(f"{value:.0%} {name.upper()}" for name, value in worst.items() if value is not None)
    return f"{plan}: simulated latencies are within {said} of the observed ones."


def _other_load(plan: Document, recorded: int, trace: Path) -> list[Document]:
    """Finding that the run had other requests than the trace."""
    arrived = int(plan["requests"]["arrived"])
    if np.isclose(arrived, recorded, rtol=_ALIKE, atol=1):
        return []
    message = (
        f"the run had {arrived:,} requests, {trace} has {recorded:,} in that time: another trace, or one that was "
        "scaled, so that the latencies are of different loads"
    )
    return [{"kind": "other_load", "count": abs(arrived - recorded), "message": message}]
