"""`simcost calibrate`: coefficients of a replica from what its engine was observed to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, log1p
from pathlib import Path
from typing import Any

import numpy as np

from simcost.catalog import Catalog
from simcost.errors import InputError
from simcost.perf import StepTime
from simcost.studies.calibration.advice import not_identified
from simcost.studies.calibration.engine import Engine, engine_of
from simcost.studies.calibration.fit import FittedParameters, fit, replicates
from simcost.studies.calibration.loads import requests_of
from simcost.studies.calibration.parameters import (
    ANCHOR,
    FAR,
    NAMES,
    NEAR,
    OVERHEAD,
    SOME,
    Candidate,
    Freedom,
    coefficients,
)
from simcost.studies.calibration.residuals import METRICS, Index, PointsProblem, RunProblem, relative_errors
from simcost.trace.observed import Configuration, ObservedEngine, ObservedRun, read_observation
from simcost.trace.observed.load import Load
from simcost.trace.observed.observation import QUANTILES, Finding, finding
from simcost.trace.observed.soundness import check_running, mean_of

Document = dict[str, Any]
Errors = dict[str, dict[str, float | None]]
_STATISTICS = ("mean", *QUANTILES)
_MOST_REQUESTS = 3000
"""Requests of a run that are fitted: more cost time and tell no more."""
_SHORT = 600
"""Requests of the replays that the starts are compared on."""
_FEWEST_TO_SPLIT = 40
_FEW, _MANY = 3, 10
"""Points from which on some coefficients are fitted beside the factor, and all."""
_POOR = 0.15
"""Error of the fit itself, beyond which it is no calibration."""
REPEAT_SIGMA = 0.03
"""Of one engine measured twice: assumed, no repeated run is at hand."""
ANCHOR_SIGMA = 0.12
"""Of a step time that only a factor was fitted of: median error 7.5 % of dense configurations predicted from one
measured row (serving measurements published in 2026), as a sigma."""
POINTS_SIGMA = 0.05
"""Of benchmark points, whose tools count differently."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Result of a fit."""

    observation: ObservedEngine
    engine: Engine
    fitted: FittedParameters
    sigma: float
    document: Document


def calibrate(
    paths: Sequence[Path],
    catalog: Catalog,
    *,
    given: Configuration | None = None,
    load: Load | None = None,
    spec: Mapping[str, Any] | None = None,
    seed: int = 1,
    progress: Callable[[float], None] = lambda _: None,
) -> Calibration:
    """Fit a replica to an observation.

    Args:
        paths: as `read_observation` takes them.
        catalog: the facts.
        given: settings of the engine, over those that the observation states.
        load: the load, where the observation does not state it.
        spec: further fields of the replica: precisions, share of memory.
        seed: of the drawn arrivals of benchmark points and of the bootstrap.
        progress: called with the share done.

    Raises:
        InputError: what cannot be used, with its place and the remedy.
    """
    observation = read_observation(paths, load)
    engine = engine_of(observation.configuration, given or Configuration(), catalog, spec or {})
    if observation.run is not None:
        return _of_run(observation, observation.run, engine, seed, progress)
    return _of_points(observation, engine, seed, progress)


def _of_run(
    observation: ObservedEngine, run: ObservedRun, engine: Engine, seed: int, progress: Callable[[float], None]
) -> Calibration:
    freedom, findings = NEAR if engine.expected else FAR, list[Finding]()
    if len(run) > _MOST_REQUESTS:
        message = f"the first {_MOST_REQUESTS:,} of {len(run):,} requests are fitted"
        findings.append(finding("first_requests", message, len(run)))
        run = _first(run, _MOST_REQUESTS)
    whole = RunProblem(engine=engine, run=run, index=np.flatnonzero(run.timed))
    _check_longest(int((run.prompt_tokens + run.output_tokens).max()), engine)
    check_running(run, str(observation.files[0]), engine.batching.max_num_seqs)
    held = _held_out(whole, freedom, lambda done: progress(0.45 * done))
    fitted = fit(engine, whole, freedom, first=_short(whole), progress=lambda done: progress(0.45 + 0.45 * done))
    drawn = replicates(engine, whole, freedom, fitted, seed)
    progress(1.0)
    holdout = held or _nothing()
    sigma = _sigma(holdout if held else _errors(whole, fitted.best, whole.index), whole, drawn)
    longest = float(run.prompt_tokens.max())
    document = {
        "requests": len(whole.index),
        "points": 0,
        **_coefficients(engine, fitted, drawn),
        "engine_factor": _factor_of_run(whole, fitted.best),
        "kv_tokens": engine.kv_tokens,
        "fit": _errors(whole, fitted.best, whole.index),
        "holdout": holdout,
        "holdout_requests": len(whole.index) - len(whole.index) // 2 if held else 0,
        "catalog": _errors(whole, _unfitted(engine), whole.index) if engine.expected else _nothing(),
        "not_identified": not_identified(engine, fitted, freedom, longest),
        "sigma": sigma,
    }
    return _calibration(observation, engine, fitted, sigma, document, findings)


def _of_points(
    observation: ObservedEngine, engine: Engine, seed: int, progress: Callable[[float], None]
) -> Calibration:
    points = observation.points
    requests = tuple(requests_of(point, seed) for point in points)
    whole = PointsProblem(engine=engine, points=points, requests=requests)
    _check_longest(max(int((batch.prompt_tokens + batch.output_tokens).max()) for batch in requests), engine)
    freedom = _freedom(len(points), engine)
    holdout = _nothing()
    if len(points) >= 2 * _FEW:
        half = _taken(whole, slice(0, None, 2))
        trained = fit(engine, half, _freedom(len(half.points), engine), progress=lambda done: progress(0.45 * done))
        holdout = _point_errors(_taken(whole, slice(1, None, 2)), trained.best)
    near = _anchored(whole) if freedom is ANCHOR else whole
    fitted = fit(engine, near, freedom, progress=lambda done: progress(0.45 + 0.45 * done))
    drawn = replicates(engine, whole, freedom, fitted, seed)
    progress(1.0)
    errors = _point_errors(whole, fitted.best)
    sigma = _points_sigma(len(points), errors, holdout)
    document = {
        "requests": sum(point.requests for point in points),
        "points": len(points),
        **_coefficients(engine, fitted, drawn),
        "engine_factor": exp(fitted.x[0]) if engine.expected and len(freedom.free) == 1 else None,
        "kv_tokens": engine.kv_tokens,
        "fit": errors,
        "holdout": holdout,
        "holdout_requests": 0,
        "catalog": _point_errors(whole, _unfitted(engine)) if engine.expected else _nothing(),
        "not_identified": not_identified(engine, fitted, freedom, max(mean_of(p.prompt_tokens) for p in points)),
        "sigma": sigma,
        "each_point": _each_point(whole, fitted.best),
    }
    return _calibration(observation, engine, fitted, sigma, document, [])


def _calibration(
    observation: ObservedEngine,
    engine: Engine,
    fitted: FittedParameters,
    sigma: float,
    document: Document,
    findings: list[Finding],
) -> Calibration:
    known = engine.configuration
    whole = {
        "verdict": verdict(document, observation),
        "kind": observation.kind,
        "model": known.model,
        "accelerator": known.accelerator,
        "tp": known.tp or 1,
        "engine": known.engine,
        "max_num_seqs": engine.batching.max_num_seqs,
        "max_num_batched_tokens": engine.batching.max_num_batched_tokens,
        **document,
        "findings": [*observation.findings, *engine.findings, *findings, *_poor(document["fit"])],
    }
    return Calibration(observation=observation, engine=engine, fitted=fitted, sigma=sigma, document=whole)


def _poor(errors: Errors) -> list[Finding]:
    """A warning where no step time makes the engine's latencies."""
    worst = max((value for name in ("tpot", "e2e") if (value := _worst(errors[name])) is not None), default=0.0)
    if worst <= _POOR:
        return []
    message = (
        f"the best replay is still {worst:.0%} off: settings of the engine are others than those taken (sequences, "
        "token budget, KV cache), or it has what a replica here has not, such as speculation or several ranks"
    )
    return [finding("poor_fit", message)]


def verdict(document: Document, observation: ObservedEngine) -> str:
    """Accuracy of the replay, in one sentence."""
    held = _known(document["holdout"])
    errors = document["holdout"] if held else document["fit"]
    said = ", ".join(f"{worst:.1%} {name.upper()}" for name in METRICS if (worst := _worst(errors[name])) is not None)
    count = document["points"]
    what = f"{document['requests']:,} requests"
    if observation.points:
        what = f"{count} benchmark {'point' if count == 1 else 'points'}"
    whose = "of the half that was left out of the fit" if held else "of what was fitted"
    before = _worst(document["catalog"]["tpot"])
    catalog = f"; the catalog alone is off by up to {before:.0%} in TPOT" if before is not None else ""
    return f"Calibrated on {what}: the replay is within {said} {whose}{catalog}."


def _known(errors: Errors) -> bool:
    return any(value is not None for error in errors.values() for value in error.values())


def _worst(errors: Mapping[str, float | None]) -> float | None:
    """Largest error at mean, p50, p90 and p95."""
    known = [abs(value) for name, value in errors.items() if value is not None and name != "p99"]
    return max(known, default=None)


def _check_longest(tokens: int, engine: Engine) -> None:
    """Raise InputError where the KV cache can never hold an observed request."""
    if tokens > engine.capacity:
        raise InputError(
            f"a request of {tokens:,} tokens was served, but the KV cache is taken as {engine.capacity:,} tokens; pass "
            "--kv-tokens N as the engine logs it"
        )


def _anchored(problem: PointsProblem) -> PointsProblem:
    """The points with TPOT alone where they state it, else E2E, else TTFT: one factor cannot please all three."""
    names = [next(name for name in ("tpot", "e2e", "ttft") if name in point.latencies) for point in problem.points]
    points = [
        replace(point, latencies={name: point.latencies[name]})
        for point, name in zip(problem.points, names, strict=True)
    ]
    return replace(problem, points=tuple(points))


def _held_out(whole: RunProblem, freedom: Freedom, progress: Callable[[float], None]) -> Errors | None:
    """Errors at the later half of the requests of a fit to the earlier half; None where there are too few."""
    half = len(whole.index) // 2
    if half < _FEWEST_TO_SPLIT // 2:
        return None
    early = replace(whole, index=whole.index[:half])
    trained = fit(whole.engine, early, freedom, first=_short(early), progress=progress)
    return _errors(whole, trained.best, whole.index[half:])


def _short(problem: RunProblem) -> RunProblem | None:
    """The first requests of a long run."""
    if len(problem.run) <= _SHORT:
        return None
    run = _first(problem.run, _SHORT)
    index = problem.index[problem.index < _SHORT]
    return replace(problem, run=run, index=index) if len(index) else None


def _first(run: ObservedRun, count: int) -> ObservedRun:
    columns = ("arrival_s", "prompt_tokens", "output_tokens", "ttft_s", "e2e_s", "queue_s")
    return replace(run, **{name: getattr(run, name)[:count] for name in columns})


def _errors(problem: RunProblem, tried: Candidate, index: Index) -> Errors:
    simulated, observed = problem.simulated(tried), problem.observed()
    return {name: relative_errors(simulated[name], observed[name], index) for name in METRICS}


def _nothing() -> Errors:
    return {name: dict.fromkeys(_STATISTICS) for name in METRICS}


def _unfitted(engine: Engine) -> Candidate:
    return Candidate(step=engine.expected or engine.start, first_token_overhead_s=0.0)


def _coefficients(engine: Engine, fitted: FittedParameters, drawn: Sequence[Candidate]) -> Document:
    best, each = (
        coefficients(fitted.best, engine.batching),
        [coefficients(one, engine.batching) for one in drawn],
    )
    ranges = {
        name: dict(zip(("lo", "hi"), map(float, np.quantile([one[name] for one in each], (0.025, 0.975))), strict=True))
        for name in NAMES
        if each
    }
    return {"coefficients": best, "coefficients_95": ranges}


def _factor_of_run(problem: RunProblem, best: Candidate) -> float | None:
    """Mean TPOT of the calibrated replica over that of the catalog, under the observed load."""
    if not problem.engine.expected:
        return None
    ours, before = (problem.simulated(one)["tpot"] for one in (best, _unfitted(problem.engine)))
    return float(np.nanmean(ours) / np.nanmean(before))


def _sigma(errors: Errors, problem: RunProblem, drawn: Sequence[Candidate]) -> float:
    """Spread left: errors at what was left out, the uncertainty of the fit, and that of measuring again."""
    left = [log1p(value) for name in ("tpot", "e2e") for value in errors[name].values() if value is not None]
    means = [float(np.nanmean(problem.simulated(one)["tpot"])) for one in drawn[:20]]
    uncertain = float(np.std(np.log(means))) if means else 0.0
    return float(np.sqrt(np.mean(np.square(left)) + uncertain**2 + REPEAT_SIGMA**2)) if left else ANCHOR_SIGMA


def _points_sigma(count: int, errors: Errors, holdout: Errors) -> float:
    known = holdout if _known(holdout) else errors
    left = [log1p(value) for name in ("tpot", "e2e") for value in known[name].values() if value is not None]
    own = float(np.sqrt(np.mean(np.square(left)) + POINTS_SIGMA**2)) if left else ANCHOR_SIGMA
    return max(own, ANCHOR_SIGMA) if count < _MANY else own


def _freedom(count: int, engine: Engine) -> Freedom:
    if count < _FEW:
        return ANCHOR
    if count < _MANY:
        return SOME
    return NEAR if engine.expected else FAR


def _taken(problem: PointsProblem, which: slice) -> PointsProblem:
    return replace(problem, points=problem.points[which], requests=problem.requests[which])


def _each_point(problem: PointsProblem, tried: Candidate) -> list[Document]:
    rows = []
    for point, simulated in zip(problem.points, problem.simulated(tried), strict=True):
        stated = {name: _relative(simulated[name], observed) for name, observed in point.latencies.items()}
        rows.append({"name": point.name, "concurrency": point.concurrency, "rate_per_s": point.rate_per_s} | stated)
    return rows


def _relative(simulated: Mapping[str, float], observed: Mapping[str, float]) -> dict[str, float]:
    return {name: simulated[name] / value - 1 for name, value in observed.items() if name in simulated}


def _point_errors(problem: PointsProblem, tried: Candidate) -> Errors:
    """Of one point its errors, of several the median of their sizes."""
    rows, errors = _each_point(problem, tried), _nothing()
    for name in METRICS:
        for statistic in _STATISTICS:
            values = [row[name][statistic] for row in rows if statistic in row.get(name, {})]
            if values:
                errors[name][statistic] = values[0] if len(values) == 1 else float(np.median(np.abs(values)))
    return errors


def step_of(result: Calibration) -> StepTime:
    """The fitted step time."""
    return result.fitted.best.step


def overhead_of(result: Calibration) -> float:
    """The fitted first-token overhead; 0 where it was not fitted."""
    return result.fitted.best.first_token_overhead_s if np.isfinite(result.fitted.spread[OVERHEAD]) else 0.0
