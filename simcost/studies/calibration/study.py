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
from simcost.studies.calibration.advice import far_from_catalog, not_identified
from simcost.studies.calibration.engine import Engine, engine_of
from simcost.studies.calibration.errors import (
    Document,
    Errors,
    each_point,
    largest,
    median_errors,
    no_errors,
    sizes,
    worst,
)
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
from simcost.trace.observed.observation import Finding, finding
from simcost.trace.observed.soundness import check_running, mean_of
from simcost.units import plural

_MOST_REQUESTS = 3000
"""Requests of a run that are fitted: more cost time and tell no more."""
_SHORT = 600
"""Requests of the replays that the starts are compared on."""
_FEWEST_TO_SPLIT = 40
_FEW, _MANY = 3, 10
"""Points from which on some coefficients are fitted beside the factor, and all."""
_POOR = 0.15
"""Error of the fit itself, beyond which it is no calibration."""
_POOR_TTFT = 0.5
"""The same of the time to the first token, which queues and warm-up scatter."""
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
    engines = engine.configuration.engines or 1
    if engines > 1:
        findings.append(_of_pool(engines, run))
    whole = RunProblem(engine=engine, run=run, index=np.flatnonzero(run.timed))
    _check_longest(int((run.prompt_tokens + run.output_tokens).max()), engine)
    check_running(run, str(observation.files[0]), engine.batching.max_num_seqs * engines)
    held = _held_out(whole, freedom, lambda done: progress(0.45 * done))
    fitted = fit(engine, whole, freedom, first=_short(whole), progress=lambda done: progress(0.45 + 0.45 * done))
    drawn = replicates(engine, whole, freedom, fitted, seed)
    progress(1.0)
    holdout = held or no_errors()
    sigma = _sigma(holdout if held else _errors(whole, fitted.best, whole.index), whole, drawn)
    missing = not_identified(engine, fitted, freedom, float(run.prompt_tokens.max()))
    document = {
        "requests": len(whole.index),
        "points": 0,
        **_coefficients(engine, fitted, drawn, missing),
        "engine_factor": _factor_of_run(whole, fitted.best),
        "kv_tokens": engine.kv_tokens,
        "fit": _errors(whole, fitted.best, whole.index),
        "holdout": holdout,
        "holdout_requests": len(whole.index) - len(whole.index) // 2 if held else 0,
        "catalog": _errors(whole, _unfitted(engine), whole.index) if engine.expected else no_errors(),
        "not_identified": missing,
        "sigma": sigma,
    }
    return _calibration(observation, engine, fitted, sigma, document, findings)


def _of_points(
    observation: ObservedEngine, engine: Engine, seed: int, progress: Callable[[float], None]
) -> Calibration:
    points = observation.points
    if (engine.configuration.engines or 1) > 1:
        raise InputError("--engines is for a log of requests; of benchmark points state the load of one engine")
    requests = tuple(requests_of(point, seed) for point in points)
    whole = PointsProblem(engine=engine, points=points, requests=requests)
    _check_longest(max(int((batch.prompt_tokens + batch.output_tokens).max()) for batch in requests), engine)
    freedom = _freedom(len(points), engine)
    holdout, left_out = no_errors(), list[Document]()
    if len(points) >= 2 * _FEW:
        half = _taken(whole, slice(0, None, 2))
        trained = fit(engine, half, _freedom(len(half.points), engine), progress=lambda done: progress(0.45 * done))
        left_out = each_point(_taken(whole, slice(1, None, 2)), trained.best)
        holdout = median_errors(left_out)
    near = _anchored(whole) if freedom is ANCHOR else whole
    fitted = fit(engine, near, freedom, progress=lambda done: progress(0.45 + 0.45 * done))
    drawn = replicates(engine, whole, freedom, fitted, seed)
    progress(1.0)
    each = each_point(whole, fitted.best)
    missing = not_identified(engine, fitted, freedom, max(mean_of(p.prompt_tokens) for p in points))
    sigma = _points_sigma(len(points), left_out or each)
    document = {
        "requests": sum(point.requests for point in points),
        "points": len(points),
        **_coefficients(engine, fitted, drawn, missing),
        "engine_factor": exp(fitted.x[0]) if engine.expected and len(freedom.free) == 1 else None,
        "kv_tokens": engine.kv_tokens,
        "fit": median_errors(each),
        "holdout": holdout,
        "holdout_requests": 0,
        "catalog": median_errors(each_point(whole, _unfitted(engine))) if engine.expected else no_errors(),
        "not_identified": missing,
        "sigma": sigma,
        "each_point": each,
        "worst_point": largest(left_out or each),
    }
    return _calibration(observation, engine, fitted, sigma, document, _poor_points(each))


def _of_pool(engines: int, run: ObservedRun) -> Finding:
    """Finding on what a fit of several engines to one log assumes.

    Raises:
        InputError: the clients are those of a closed loop, which one queue of several engines does not replay.
    """
    if run.clients is not None:
        raise InputError(f"the log is of {run.clients} clients in a closed loop: calibrate on the log of one engine")
    message = (
        f"the log does not say which of the {engines} engines served a request: {engines} equal ones are fitted behind "
        "one queue, each request to the least loaded; ranks that wait for each other in every step, as those of an "
        "expert-parallel model do, differ; pass --engines 1 if the log is of one of them"
    )
    return finding("pool", message, engines)


def _calibration(
    observation: ObservedEngine,
    engine: Engine,
    fitted: FittedParameters,
    sigma: float,
    document: Document,
    findings: list[Finding],
) -> Calibration:
    known = engine.configuration
    far = far_from_catalog(document["engine_factor"], known)
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
        "findings": [*observation.findings, *engine.findings, *findings, *far, *_poor(document["fit"])],
    }
    return Calibration(observation=observation, engine=engine, fitted=fitted, sigma=sigma, document=whole)


def _poor(errors: Errors) -> list[Finding]:
    """Warnings where no step time makes the engine's latencies."""
    late = worst(errors["ttft"]) or 0.0
    if late > _POOR_TTFT:
        message = (
            f"the TTFT of the best replay is still {late:.0%} off: judge no limit on TTFT by this replica; measure "
            "it below saturation, after warm-up, at several prompt lengths"
        )
        return [finding("poor_ttft", message), *_poor_steps(errors)]
    return _poor_steps(errors)


def _poor_steps(errors: Errors) -> list[Finding]:
    off = max((value for name in ("tpot", "e2e") if (value := worst(errors[name])) is not None), default=0.0)
    if off <= _POOR:
        return []
    message = (
        f"the best replay is still {off:.0%} off: settings of the engine are others than those taken (sequences, "
        "token budget, KV cache), it has what a replica here has not, such as speculation, or several engines served "
        "it (--engines), or columns of the log are exchanged, such as those of prompt and output tokens"
    )
    return [finding("poor_fit", message)]


def _poor_points(each: Sequence[Document]) -> list[Finding]:
    """A warning where the median hides points that no replay comes near."""
    off = [row for row in each if (size := largest([row])) and max(size["tpot"] or 0, size["e2e"] or 0) > _POOR]
    if not off or len(each) == 1:
        return []
    names = ", ".join(row["name"] for row in off[:3]) + (" ..." if len(off) > 3 else "")
    message = (
        f"{len(off)} of {len(each)} points are more than {_POOR:.0%} off in TPOT or E2E ({names}): do not trust the "
        "replica at such loads; look for another setting of the engine there, or for a load beyond saturation"
    )
    return [finding("poor_points", message, len(off))]


def verdict(document: Document, observation: ObservedEngine) -> str:
    """Accuracy of the replay, in one sentence."""
    held = _known(document["holdout"])
    errors = document["holdout"] if held else document["fit"]
    said = sizes({name: worst(errors[name]) for name in METRICS})
    count = document["points"]
    what = plural(document["requests"], "request")
    if observation.points:
        what = f"{count} benchmark {'point' if count == 1 else 'points'}"
    whose = "of the half that was left out of the fit" if held else "of what was fitted"
    before = worst(document["catalog"]["tpot"])
    catalog = f"; the catalog alone is off by up to {before:.0%} in TPOT" if before is not None else ""
    if count > 1:
        worst_point = sizes(document["worst_point"])
        said = f"off by {said} in the median point {whose}, by {worst_point} in the worst"
        return f"Calibrated on {what}: the replay is {said}{catalog}."
    near = all(size is None or size <= _POOR for size in map(worst, errors.values()))
    return f"Calibrated on {what}: the replay is {'within' if near else 'off by up to'} {said} {whose}{catalog}."


def _known(errors: Errors) -> bool:
    return any(value is not None for error in errors.values() for value in error.values())


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


def _unfitted(engine: Engine) -> Candidate:
    return Candidate(step=engine.expected or engine.start, first_token_overhead_s=0.0)


def _coefficients(
    engine: Engine, fitted: FittedParameters, drawn: Sequence[Candidate], missing: Sequence[Document]
) -> Document:
    """The coefficients, and the range of those that the observation identifies: of the refits to resampled data, which
    stay in the valley of the best, and of the other valleys that are about as deep.
    """
    unknown = {row["coefficient"] for row in missing}
    best = coefficients(fitted.best, engine.batching)
    alike = [coefficients(one, engine.batching) for one in fitted.alike]
    each = [coefficients(one, engine.batching) for one in drawn]
    ranges = {
        name: _range([one[name] for one in each], [one[name] for one in alike])
        for name in NAMES
        if each and name not in unknown
    }
    return {"coefficients": best, "coefficients_95": ranges}


def _range(drawn: Sequence[float], alike: Sequence[float]) -> dict[str, float]:
    lo, hi = np.quantile(drawn, (0.025, 0.975))
    return {"lo": float(min(lo, *alike)), "hi": float(max(hi, *alike))}


def _points_sigma(count: int, rows: Sequence[Document]) -> float:
    """Spread left: the errors of every point, not their median."""
    left = [log1p(value) for row in rows for name in ("tpot", "e2e") for value in row.get(name, {}).values()]
    own = float(np.sqrt(np.mean(np.square(left)) + POINTS_SIGMA**2)) if left else ANCHOR_SIGMA
    return max(own, ANCHOR_SIGMA) if count < _MANY else own


def _factor_of_run(problem: RunProblem, best: Candidate) -> float | None:
    """Mean TPOT of the calibrated replica over that of the catalog, under the observed load; None without a TPOT, as of
    requests of one output token each.
    """
    if not problem.engine.expected or not _has_tpot(problem):
        return None
    ours, before = (problem.simulated(one)["tpot"] for one in (best, _unfitted(problem.engine)))
    return float(np.nanmean(ours) / np.nanmean(before))


def _has_tpot(problem: RunProblem) -> bool:
    """True if some request of the run has more than one output token."""
    return bool((problem.run.output_tokens > 1).any())


def _sigma(errors: Errors, problem: RunProblem, drawn: Sequence[Candidate]) -> float:
    """Spread left: errors at what was left out, the uncertainty of the fit, and that of measuring again."""
    left = [log1p(value) for name in ("tpot", "e2e") for value in errors[name].values() if value is not None]
    latency = "tpot" if _has_tpot(problem) else "e2e"
    means = [float(np.nanmean(problem.simulated(one)[latency])) for one in drawn[:20]]
    uncertain = float(np.std(np.log(means))) if means else 0.0
    return float(np.sqrt(np.mean(np.square(left)) + uncertain**2 + REPEAT_SIGMA**2)) if left else ANCHOR_SIGMA


def _freedom(count: int, engine: Engine) -> Freedom:
    if count < _FEW:
        return ANCHOR
    if count < _MANY:
        return SOME
    return NEAR if engine.expected else FAR


def _taken(problem: PointsProblem, which: slice) -> PointsProblem:
    return replace(problem, points=problem.points[which], requests=problem.requests[which])


def step_of(result: Calibration) -> StepTime:
    """The fitted step time."""
    return result.fitted.best.step


def overhead_of(result: Calibration) -> float:
    """The fitted first-token overhead; 0 where it was not fitted."""
    return result.fitted.best.first_token_overhead_s if np.isfinite(result.fitted.spread[OVERHEAD]) else 0.0
