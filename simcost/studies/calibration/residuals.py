"""Distance between replayed and observed latencies, as residuals for a fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from simcost.errors import InputError
from simcost.sim.serving.replay import ReplayedLatencies, replay
from simcost.studies.calibration.engine import Engine
from simcost.studies.calibration.parameters import Candidate, Vector
from simcost.trace.observed import ObservedPoint, ObservedRun
from simcost.trace.observed.observation import QUANTILES, Floats, statistics
from simcost.trace.observed.soundness import QUEUED_S
from simcost.trace.requests.batch import RequestBatch
from simcost.units import NS_PER_S

Index = npt.NDArray[np.int64]
METRICS = ("ttft", "tpot", "e2e")
_FITTED = ("mean", "p50", "p90", "p95")
_WEIGHTS = {"ttft": 0.5, "tpot": 1.0, "e2e": 1.0}
"""Of the statistics: TTFT counts less, since near saturation a small error of the step makes or empties a queue."""
_OF_REQUESTS = {"tpot": 1.0, "e2e": 0.5}
_OF_TTFT = (0.3, 0.7)
"""Of requests that did not wait: where all waited, and what is added where none did."""
_FAR = 1.0
"""Largest residual, in logarithms, that counts in full."""
_IMPOSSIBLE = 10.0
ALONE = 10.0
"""Requests of a run that share steps count as one: an error of a request is that of its neighbours."""
_BLOCKS = 20.0
"""Independent parts of a long run at most, as the bootstrap cuts it."""


class Problem(Protocol):
    """Residuals that a fit brings near 0."""

    tried: ClassVar[int]
    """Starts that descend: more where replays jump."""
    drawn: ClassVar[int]
    """Refits to the resampled observation."""

    @property
    def independent(self) -> float:
        """Parts of the observation that are independent: what limits how well a valley is told from another."""

    def residuals(self, tried: Candidate) -> Vector:
        """One number for each thing observed; always as many."""

    def resampled(self, rng: np.random.Generator) -> Problem | None:
        """The same with blocks of the observation resampled; None where there are too few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProblem:
    """Requests of a run, replayed as they arrived."""

    tried: ClassVar[int] = 8
    drawn: ClassVar[int] = 50
    engine: Engine
    run: ObservedRun
    index: Index
    """The requests that are fitted; all are replayed. One drawn twice counts twice."""

    @property
    def independent(self) -> float:
        """Requests that do not share steps."""
        return min(max(len(self.index) / ALONE, 1.0), _BLOCKS)

    def simulated(self, tried: Candidate) -> Mapping[str, Floats]:
        """ReplayedLatencies of each request of the run."""
        return _by_metric(
            _replayed(self.engine, tried, batch_of(self.run), clients=self.run.clients), self.run.output_tokens
        )

    def observed(self) -> Mapping[str, Floats]:
        """Observed latencies of each request of the run."""
        return {"ttft": self.run.ttft_s, "tpot": self.run.tpot_s, "e2e": self.run.e2e_s}

    def residuals(self, tried: Candidate) -> Vector:
        """Logarithms of simulated over observed: statistics, weighted as all requests together, then requests."""
        simulated, observed, parts = self.simulated(tried), self.observed(), []
        waited = self.run.queue_s > QUEUED_S
        at_once = float((self.run.queue_s[self.index] <= QUEUED_S).mean())  # an unknown queue is none of those
        weights = _OF_REQUESTS | {"ttft": _OF_TTFT[0] + _OF_TTFT[1] * at_once}
        for name in METRICS:
            known = self.index[np.isfinite(observed[name][self.index])]
            if not len(known):
                continue
            parts.append(_WEIGHTS[name] * np.sqrt(len(known)) * _of_statistics(simulated[name], observed[name], known))
            single = known[~waited[known]] if name == "ttft" else known
            parts.append(weights[name] * _ratios(simulated[name][single], observed[name][single]))
        return np.concatenate(parts)

    def resampled(self, rng: np.random.Generator) -> Problem | None:
        """Blocks of 10 s of arrivals, or a twentieth of the run: requests of one step are not independent."""
        arrival = self.run.arrival_s[self.index]
        length = max(min(10.0, float(np.ptp(arrival)) / 20), 1e-9)
        block = ((arrival - arrival.min()) // length).astype(np.int64)
        names = np.unique(block)
        if len(names) < 4:
            return None
        members = [self.index[block == name] for name in names]
        drawn = np.concatenate([members[k] for k in rng.integers(len(members), size=len(members))])
        return replace(self, index=drawn)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsProblem:
    """Benchmark points, each with requests of its lengths at its load."""

    tried: ClassVar[int] = 3
    drawn: ClassVar[int] = 20
    engine: Engine
    points: tuple[ObservedPoint, ...]
    requests: tuple[RequestBatch, ...]

    @property
    def independent(self) -> float:
        """The points."""
        return float(len(self.points))

    def simulated(self, tried: Candidate) -> list[Mapping[str, Mapping[str, float]]]:
        """Statistics of each point."""
        result: list[Mapping[str, Mapping[str, float]]] = []
        for point, batch in zip(self.points, self.requests, strict=True):
            latencies = _replayed(self.engine, tried, batch, clients=point.concurrency)
            by_metric = _by_metric(latencies, batch.output_tokens.astype(np.int64))
            result.append({name: _statistics(values) for name, values in by_metric.items()})
        return result

    def residuals(self, tried: Candidate) -> Vector:
        """Logarithms of simulated over observed for each statistic that a point states."""
        rows = []
        for point, simulated in zip(self.points, self.simulated(tried), strict=True):
            for name, observed in point.latencies.items():
                stated = [one for one in (*_FITTED, "max") if one in observed]
                ratios = [simulated[name].get(one, np.nan) / observed[one] for one in stated]
                weight = _WEIGHTS[name] / np.sqrt(max(len(stated), 1))
                rows.append(weight * _clipped(np.log(np.maximum(np.nan_to_num(ratios, nan=1e9), 1e-9))))
        return np.concatenate(rows)

    def resampled(self, rng: np.random.Generator) -> Problem | None:
        """Resampled points."""
        if len(self.points) < 5:
            return None
        drawn = rng.integers(len(self.points), size=len(self.points))
        return replace(
            self, points=tuple(self.points[k] for k in drawn), requests=tuple(self.requests[k] for k in drawn)
        )


def batch_of(run: ObservedRun) -> RequestBatch:
    """The requests of a run for a replay."""
    return RequestBatch(
        np.round(run.arrival_s * NS_PER_S).astype(np.int64),
        run.prompt_tokens.astype(np.int32),
        run.output_tokens.astype(np.int32),
    )


def relative_errors(simulated: Floats, observed: Floats, index: Index) -> dict[str, float | None]:
    """Simulated over observed less 1, at the mean and the quantiles; None where nothing is known."""
    known = index[np.isfinite(observed[index]) & np.isfinite(simulated[index])]
    ours, theirs = statistics(simulated[known]), statistics(observed[known])
    return {name: ours[name] / theirs[name] - 1 if name in theirs else None for name in ("mean", *QUANTILES)}


def _replayed(
    engine: Engine, tried: Candidate, requests: RequestBatch, *, clients: int | None
) -> ReplayedLatencies | None:
    """None where no clock can hold the step time."""
    try:
        return replay(
            requests,
            tried.step,
            batching=engine.batching,
            kv_capacity_tokens=engine.capacity,
            first_token_overhead_s=tried.first_token_overhead_s,
            clients=clients,
            engines=engine.configuration.engines or 1,
        )
    except InputError:
        return None


def _by_metric(latencies: ReplayedLatencies | None, output_tokens: Index) -> Mapping[str, Floats]:
    if latencies is None:
        return dict.fromkeys(METRICS, np.full(len(output_tokens), np.nan))
    gaps = np.where(output_tokens > 1, output_tokens - 1, np.nan)
    tpot = (latencies.e2e_s - latencies.ttft_s) / gaps
    return {"ttft": latencies.ttft_s, "tpot": tpot, "e2e": latencies.e2e_s}


def _of_statistics(simulated: Floats, observed: Floats, index: Index) -> Vector:
    ours, theirs = statistics(simulated[index]), statistics(observed[index])
    if len(ours) < len(theirs):
        return np.full(len(_FITTED), _IMPOSSIBLE)
    return _clipped(np.log([ours[name] / theirs[name] for name in _FITTED]))


def _ratios(simulated: Floats, observed: Floats) -> Vector:
    with np.errstate(invalid="ignore"):
        return _clipped(np.nan_to_num(np.log(simulated / observed), nan=_IMPOSSIBLE))


def _clipped(values: Vector) -> Vector:
    """Huber: beyond `_FAR` the square grows as a line."""
    size = np.abs(values)
    grown = np.sqrt(2 * _FAR * np.maximum(size, _FAR) - _FAR**2)
    return np.where(size > _FAR, np.sign(values) * grown, values)


def _statistics(values: Floats) -> dict[str, float]:
    found = statistics(values)
    return found | ({"max": float(np.nanmax(values))} if found else {})
