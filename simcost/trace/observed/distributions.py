"""Outputs that state distributions: inference-perf, GuideLLM, AIPerf and GenAI-Perf."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simcost.errors import TraceError
from simcost.trace.observed.json_values import count, member, number
from simcost.trace.observed.load import Load
from simcost.trace.observed.observation import Configuration, ObservedPoint

_KEPT_UP = 0.05
"""Share of the requested rate that may be missing before the clients, not the rate, are the load."""
_UNITS = {"ms": 1e-3, "s": 1.0, "sec": 1.0, "us": 1e-6, "ns": 1e-9, "tokens": 1.0, "requests": 1.0}
_STATISTICS = ("mean", "p50", "p90", "p95", "p99")
_LEVELS = {
    **dict.fromkeys(("min",), 0.0),
    **dict.fromkeys(("p1", "p01"), 0.01),
    **dict.fromkeys(("p5", "p05"), 0.05),
    "p10": 0.1,
    "p25": 0.25,
    "p50": 0.5,
    "median": 0.5,
    "p75": 0.75,
    "p90": 0.9,
    "p95": 0.95,
    "p99": 0.99,
    "max": 1.0,
}


def is_inference_perf(document: Any) -> bool:
    """True for a `..._lifecycle_metrics.json`."""
    return isinstance(member(document, "load_summary"), dict) and isinstance(
        member(document, "successes", "latency"), dict
    )


def inference_perf_point(document: Any, path: Path, load: Load) -> ObservedPoint:
    """One stage. Where it could not keep up with its rate, its clients are the load, by Little's law.

    Raises:
        TraceError: a summary of several stages, whose load is none; or no request succeeded.
    """
    successes, summary = document["successes"], document["load_summary"]
    served = count(successes.get("count"))
    wanted = number(summary.get("requested_rate")) or load.rate_per_s
    reached = number(summary.get("achieved_rate")) or wanted
    if served is None:
        raise TraceError(f"{path}: no request succeeded")
    if wanted is None or reached is None:
        raise TraceError(
            f"{path}: a summary of stages at different rates is not one load; give the "
            "stage_N_lifecycle_metrics.json, or pass --rate"
        )
    latency = successes["latency"]
    names = {"ttft": "time_to_first_token", "tpot": "time_per_output_token", "e2e": "request_latency"}
    latencies = {ours: plain(latency.get(theirs)) for ours, theirs in names.items() if latency.get(theirs)}
    through = number(member(successes, "throughput", "requests_per_sec"))
    mean_s = latencies.get("e2e", {}).get("mean")
    limited = reached < (1 - _KEPT_UP) * wanted and through is not None and mean_s is not None
    return ObservedPoint(
        name=f"{path.parent.name}/{path.name}",
        requests=served,
        concurrency=max(round(through * mean_s), 1) if limited and through and mean_s else None,
        rate_per_s=None if limited else reached,
        even=True,
        prompt_tokens=levels(successes.get("prompt_len"), path, "prompt_len"),
        output_tokens=levels(successes.get("output_len"), path, "output_len"),
        latencies=latencies,
        failed=count(member(document, "failures", "count")) or 0,
        cached_share=_cached_share(member(successes, "prompt_tokens")),
    )


def _cached_share(tokens: Any) -> float:
    cached, total = number(member(tokens, "cached")), number(member(tokens, "total"))
    return min(cached / total, 1.0) if cached and total and cached > 0 else 0.0


def is_guidellm(document: Any) -> bool:
    """True for a report of GuideLLM."""
    listed = member(document, "benchmarks")
    return isinstance(listed, list) and bool(listed) and isinstance(member(listed[0], "metrics"), dict)


def guidellm_points(document: Any, path: Path, load: Load) -> list[ObservedPoint]:
    """Each benchmark of the report.

    Raises:
        TraceError: a load that is not stated.
    """
    return [_guidellm_point(benchmark, path, load, index) for index, benchmark in enumerate(document["benchmarks"])]


def guidellm_configuration(document: Any) -> Configuration:
    """The model."""
    model = member(document["benchmarks"][0], "config", "backend", "model") or member(document, "config", "model")
    return Configuration(model=str(model) if model else None)


def _guidellm_point(each: Any, path: Path, load: Load, index: int) -> ObservedPoint:
    place = f"{path}: benchmark {index + 1}"
    strategy, metrics = member(each, "config", "strategy") or {}, each["metrics"]
    kind, rate = strategy.get("type_") or strategy.get("kind"), number(strategy.get("rate"))
    streams = count(strategy.get("streams")) or count(strategy.get("max_concurrency"))
    served = count(member(each, "scheduler_metrics", "requests_made", "successful")) or count(
        member(metrics, "request_latency", "successful", "count")
    )
    if served is None:
        raise TraceError(f"{place}: no request succeeded")
    clients = load.concurrency
    if kind in ("concurrent", "throughput"):
        clients, rate = streams or served, None
    elif kind == "synchronous":
        clients, rate = 1, None
    elif rate is None and clients is None:
        raise TraceError(f"{place}: its load ({kind}) has no rate; pass --concurrency or --rate")
    scaled = {
        "ttft": (metrics.get("time_to_first_token_ms"), 1e-3),
        "tpot": (metrics.get("inter_token_latency_ms"), 1e-3),
        "e2e": (metrics.get("request_latency"), 1.0),
    }
    latencies = {name: found for name, (metric, scale) in scaled.items() if (found := plain(_guidellm(metric), scale))}
    return ObservedPoint(
        name=f"{path.name}, benchmark {index + 1}",
        requests=served,
        concurrency=clients,
        rate_per_s=rate if clients is None else None,
        even=kind == "constant",
        prompt_tokens=levels(_guidellm(metrics.get("prompt_token_count")), place, "prompt_token_count"),
        output_tokens=levels(_guidellm(metrics.get("output_token_count")), place, "output_token_count"),
        latencies=latencies,
        failed=count(member(each, "scheduler_metrics", "requests_made", "errored")) or 0,
    )


def _guidellm(metric: Any) -> Any:
    """Statistics of the successful requests, percentiles among them."""
    found = member(metric, "successful") or {}
    return {**found, **(found.get("percentiles") or {})}


def is_aiperf(document: Any) -> bool:
    """True for a JSON export of AIPerf or GenAI-Perf."""
    return isinstance(member(document, "request_latency", "avg"), (int, float)) and isinstance(
        member(document, "request_latency", "unit"), str
    )


def aiperf_configuration(document: Any) -> Configuration:
    """The model."""
    listed = member(document, "input_config", "models", "items")
    tokenizer = member(document, "input_config", "tokenizer", "name")
    named = listed[0].get("name") if isinstance(listed, list) and listed and isinstance(listed[0], dict) else None
    model = tokenizer or named
    return Configuration(model=str(model) if model else None)


def aiperf_point(document: Any, path: Path, load: Load) -> ObservedPoint:
    """The profiled phase.

    Raises:
        TraceError: load or lengths are not stated, or a unit is not known.
    """
    served = count(member(document, "request_count", "avg")) or count(member(document, "request_latency", "count"))
    if served is None:
        raise TraceError(f"{path}: no request succeeded")
    stated, rate = _aiperf_load(document)
    clients, rate = stated or load.concurrency, rate or load.rate_per_s
    if clients is None and rate is None:
        raise TraceError(f"{path}: its load is not stated; pass --concurrency or --rate")
    names = {"ttft": "time_to_first_token", "tpot": "inter_token_latency", "e2e": "request_latency"}
    return ObservedPoint(
        name=path.name if clients is None else f"{path.name}, concurrency {clients}",
        requests=served,
        concurrency=clients,
        rate_per_s=rate if clients is None else None,
        prompt_tokens=_aiperf_lengths(document, "input_sequence_length", load.prompt_tokens, path, "--input-len"),
        output_tokens=_aiperf_lengths(document, "output_sequence_length", load.output_tokens, path, "--output-len"),
        latencies={
            ours: plain(document[theirs], _unit(document[theirs], path), mean="avg")
            for ours, theirs in names.items()
            if isinstance(document.get(theirs), dict)
        },
        failed=count(member(document, "error_request_count", "avg")) or 0,
    )


def _aiperf_load(document: Any) -> tuple[int | None, float | None]:
    """Clients and rate of the phase that counts."""
    config = document.get("input_config") or {}
    phases = [phase for phase in config.get("phases") or [] if not phase.get("exclude_from_results")]
    stimulus = member(config, "perf_analyzer", "stimulus") or {}
    given = [*phases, member(config, "loadgen") or {}, stimulus, config]
    clients = next((found for one in given if (found := count(member(one, "concurrency")))), None)
    rates = [number(member(one, "request_rate")) for one in given]
    return clients, next((rate for rate in rates if rate), None)


def _aiperf_lengths(document: Any, name: str, given: int | None, path: Path, option: str) -> Mapping[float, float]:
    if given is not None:
        return {0.5: float(given)}
    if not isinstance(document.get(name), dict):
        raise TraceError(f"{path}: has no {name}, so that the lengths are unknown; pass {option} N")
    return levels(document[name], path, name, mean="avg")


def _unit(metric: Mapping[str, Any], path: Path) -> float:
    unit = str(metric.get("unit"))
    if unit not in _UNITS:
        raise TraceError(f"{path}: {unit!r} is not a unit known here; it may be {', '.join(_UNITS)}")
    return _UNITS[unit]


def plain(metric: Any, scale: float = 1.0, mean: str = "mean") -> dict[str, float]:
    """Mean and quantiles in seconds."""
    keys = {"mean": mean} | {name: name for name in _STATISTICS[1:]}
    values = {ours: number(member(metric, theirs)) for ours, theirs in keys.items()}
    if values["p50"] is None:
        values["p50"] = number(member(metric, "median"))
    return {name: value * scale for name, value in values.items() if value is not None and value > 0}


def levels(metric: Any, place: Path | str, name: str, mean: str = "mean") -> Mapping[float, float]:
    """Quantiles of a length, at least 1 token; the mean where there are none.

    Raises:
        TraceError: neither is there.
    """
    result = {
        level: max(value, 1.0) for key, level in _LEVELS.items() if (value := number(member(metric, key))) is not None
    }
    if len(result) > 1:
        return result
    average = number(member(metric, mean))
    if average is None or average < 1:
        raise TraceError(f"{place}: has no {name}, so that the lengths are unknown")
    return {0.5: average}
