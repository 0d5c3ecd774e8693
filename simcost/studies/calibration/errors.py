"""Errors of a replay: of a run its own, of benchmark points those of each, their median and the largest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from simcost.studies.calibration.parameters import Candidate
from simcost.studies.calibration.residuals import METRICS, PointsProblem
from simcost.trace.observed.observation import QUANTILES

Document = dict[str, Any]
Errors = dict[str, dict[str, float | None]]
_STATISTICS = ("mean", *QUANTILES)


def no_errors() -> Errors:
    """Errors where nothing is known."""
    return {name: dict.fromkeys(_STATISTICS) for name in METRICS}


def each_point(problem: PointsProblem, tried: Candidate) -> list[Document]:
    """Of each point its load, and simulated over observed less 1 of each statistic that it states."""
    rows = []
    for point, simulated in zip(problem.points, problem.simulated(tried), strict=True):
        stated = {name: _relative(simulated[name], observed) for name, observed in point.latencies.items()}
        rows.append({"name": point.name, "concurrency": point.concurrency, "rate_per_s": point.rate_per_s} | stated)
    return rows


def _relative(simulated: Mapping[str, float], observed: Mapping[str, float]) -> dict[str, float]:
    return {name: simulated[name] / value - 1 for name, value in observed.items() if name in simulated}


def median_errors(rows: Sequence[Document]) -> Errors:
    """Of one point its errors, of several the median of their sizes."""
    errors = no_errors()
    for name in METRICS:
        for statistic in _STATISTICS:
            values = [row[name][statistic] for row in rows if statistic in row.get(name, {})]
            if values:
                errors[name][statistic] = values[0] if len(values) == 1 else float(np.median(np.abs(values)))
    return errors


def worst(errors: Mapping[str, float | None]) -> float | None:
    """Largest error at mean, p50, p90 and p95."""
    known = [abs(value) for name, value in errors.items() if value is not None and name != "p99"]
    return max(known, default=None)


def largest(rows: Sequence[Document]) -> dict[str, float | None]:
    """Largest size of an error of each latency, over points and statistics."""
    return {
        name: max((size for row in rows if (size := worst(row.get(name, {}))) is not None), default=None)
        for name in METRICS
    }


def sizes(errors: Mapping[str, float | None]) -> str:
    """Sizes of errors in words, such as `3.9% TTFT, 5.8% TPOT`."""
    return ", ".join(f"{value:.1%} {name.upper()}" for name, value in errors.items() if value is not None)
