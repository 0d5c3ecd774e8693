"""`simcost trace check`: latencies of a simulation beside those that the log of its requests has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simcost.documents import FindingDocument
from simcost.errors import InputError, TraceError
from simcost.scenario.storage.results import finished_plan, first_run, inputs_of, refuse_services
from simcost.tables.digests import sha256_of
from simcost.trace.observed import ObservedRun
from simcost.trace.observed.observation import QUANTILES, statistics
from simcost.trace.observed.stored_trace import read_stored

_METRICS = ("ttft", "tpot", "e2e")
_ALIKE = 0.02
"""Largest share by which the requests of both may differ in number, and that may be unfinished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyError:
    """One statistic of a latency: simulated beside observed."""

    metric: str
    statistic: str
    observed_s: float
    simulated_s: float
    error: float
    """Simulated over observed, less 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyCheck:
    """Simulated latencies of a plan beside those of the trace that it replayed."""

    verdict: str
    plan: str
    trace: str
    requests: int
    """With latencies, that arrived and ended within the run."""
    rows: tuple[LatencyError, ...]
    findings: Sequence[FindingDocument]


def latency_check(folder: Path, trace: Path, plan: str | None = None) -> LatencyCheck:
    """Percentile by percentile, simulated beside observed, both of the requests that ended within the run.

    Simulated is the first replication, which replays the log, where its engine is as modelled; where it is drawn to
    differ, the mean over all replications, with a finding.

    Args:
        folder: a result of `simcost run`.
        trace: the stored trace that the scenario replayed, with `ttft_s` or `e2e_s`.
        plan: which of its plans; None = the best one.

    Raises:
        InputError: no such result or plan.
        TraceError: a trace without latencies, or of requests that all ended after the run.
    """
    chosen, horizon_s = finished_plan(folder, plan)
    refuse_services(folder, chosen)
    observation = read_stored(trace)
    run = observation.run
    if run is None or not (run.arrival_s < horizon_s).any():
        raise TraceError(f"{trace}: no request arrives within the run of {horizon_s:,.0f} s")
    within = run.arrival_s < horizon_s
    mean = chosen.get("slo", {}).get("metrics")
    if not mean:
        raise InputError(f"{folder}: plan {chosen['name']!r} served no requests")
    [first] = first_run(folder, str(chosen["name"]))
    as_modelled = first["engine_factor"] in (None, 1.0)
    ended = within & ~(run.arrival_s + run.e2e_s > horizon_s)  # as the simulated ones; of unknown ends all
    rows = _rows(run, ended, _of_run(first) if as_modelled else mean)
    if not rows:
        raise TraceError(f"{trace}: no request ended within the run of {horizon_s:,.0f} s; run with a longer horizon")
    return LatencyCheck(
        verdict=_verdict(chosen["name"], rows),
        plan=chosen["name"],
        trace=str(trace),
        requests=int((ended & run.timed).sum()),
        rows=rows,
        findings=[
            *observation.findings,
            *(_other_load(chosen, int(within.sum()), trace) or _other_trace(folder, trace)),
            *_unfinished(chosen),
            *([] if as_modelled else [_drawn_engines(chosen)]),
        ],
    )


def _of_run(row: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Latencies of a run, as a plan has them."""
    return {
        f"{name}_s": {statistic: row.get(f"{name}_{statistic}_s") for statistic in ("mean", *QUANTILES)}
        for name in _METRICS
    }


def _drawn_engines(plan: Mapping[str, Any]) -> FindingDocument:
    """Finding that the replications have engines that differ from the modelled one."""
    factors = [float(factor) for factor in plan["engine_factors"]]
    message = (
        f"simulated are means over {len(factors)} replications, whose engines differ from the modelled one by factors "
        f"of {min(factors):.2f} to {max(factors):.2f}; `simcost run --seeds 1` replays the log on the modelled engine"
    )
    return {"kind": "drawn_engines", "count": len(factors), "message": message}


def _unfinished(plan: Mapping[str, Any]) -> list[FindingDocument]:
    """Finding that many requests had not ended when the run did, so that neither side has their latencies."""
    arrived, unfinished = int(plan["requests"]["arrived"]), int(plan["requests"]["in_system"])
    if unfinished <= _ALIKE * arrived:
        return []
    message = (
        f"{unfinished:,} of {arrived:,} simulated requests had not ended when the run did; compared are those that "
        "ended within it, in the log too; a longer `horizon` in the scenario lets all of them end"
    )
    return [{"kind": "unfinished", "count": unfinished, "message": message}]


def _rows(run: ObservedRun, within: Any, simulated: Mapping[str, Any]) -> tuple[LatencyError, ...]:
    rows: list[LatencyError] = []
    for name in _METRICS:
        observed = statistics(getattr(run, f"{name}_s")[within])
        ours = simulated.get(f"{name}_s", {})
        rows += [
            LatencyError(
                metric=name,
                statistic=statistic,
                observed_s=observed[statistic],
                simulated_s=float(ours[statistic]),
                error=float(ours[statistic]) / observed[statistic] - 1,
            )
            for statistic in ("mean", *QUANTILES)
            if statistic in observed and ours.get(statistic) is not None
        ]
    return tuple(rows)


def _verdict(plan: str, rows: Sequence[LatencyError]) -> str:
    """Largest error of each metric at mean, p50, p90 and p95."""
    worst = {
        name: max((abs(row.error) for row in rows if row.metric == name and row.statistic != "p99"), default=None)
        for name in _METRICS
    }
    said = ", ".join(f"{value:.0%} {name.upper()}" for name, value in worst.items() if value is not None)
    return f"{plan}: simulated latencies are within {said} of the observed ones."


def _other_load(plan: Mapping[str, Any], recorded: int, trace: Path) -> list[FindingDocument]:
    """Finding that the run had other requests than the trace."""
    arrived = int(plan["requests"]["arrived"])
    if np.isclose(arrived, recorded, rtol=_ALIKE, atol=1):
        return []
    message = (
        f"the run had {arrived:,} requests, {trace} has {recorded:,} in that time: another trace, or one that was "
        "scaled, so that the latencies are of different loads"
    )
    return [{"kind": "other_load", "count": abs(arrived - recorded), "message": message}]


def _other_trace(folder: Path, trace: Path) -> list[FindingDocument]:
    """Finding that the trace is none of the files that the result was made of."""
    inputs = inputs_of(folder)
    if sha256_of(trace) in inputs.values():
        return []
    message = (
        f"the result was made of {', '.join(inputs)}, and {trace} has other contents than each of these: unless it "
        "holds the same requests, the latencies are of different ones"
    )
    return [{"kind": "other_trace", "count": 1, "message": message}]
