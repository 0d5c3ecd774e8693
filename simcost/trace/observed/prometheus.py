"""Histograms of vLLM and SGLang as Prometheus writes them: sums and counts are exact means, buckets are quantiles."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from simcost.errors import TraceError
from simcost.trace.observed.load import Load
from simcost.trace.observed.observation import Configuration, ObservedPoint

_LINE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+\d+)?\s*$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_NAMES = {
    "ttft": ("time_to_first_token_seconds",),
    "tpot": ("request_time_per_output_token_seconds", "time_per_output_token_seconds", "inter_token_latency_seconds"),
    "e2e": ("e2e_request_latency_seconds",),
    "prompt": ("request_prompt_tokens",),
    "output": ("request_generation_tokens",),
}
_LEVELS = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
_CACHED = (
    ("prefix_cache_hits_total", "prefix_cache_queries_total"),
    ("gpu_prefix_cache_hits_total", "gpu_prefix_cache_queries_total"),
    ("cached_tokens_total", "prompt_tokens_total"),
)
"""Counters of tokens of prompts: found in the cache, and looked up."""
_COUNTERS = {"prompt": "prompt_tokens_total", "output": "generation_tokens_total"}


@dataclass(slots=True)
class _Scrape:
    """Samples of one engine."""

    engine: str
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, float] = field(default_factory=dict)
    buckets: dict[str, dict[float, float]] = field(default_factory=dict)
    counters: dict[str, float] = field(default_factory=dict)
    labels: dict[str, set[str]] = field(default_factory=dict)
    cache: dict[str, str] = field(default_factory=dict)


def is_prometheus(text: str) -> bool:
    """True for an exposition with histograms of vLLM or SGLang."""
    return bool(re.search(r"^(vllm|sglang):\w+", text, re.MULTILINE))


def prometheus_point(text: str, path: Path, load: Load) -> tuple[ObservedPoint, Configuration]:
    """A point from the counters since the engine started.

    Raises:
        TraceError: several engines, histograms that are missing, or a load that is not known.
    """
    scrape = _parsed(text, path)
    for label in ("model_name", "engine", "instance", "pod"):
        if len(scrape.labels.get(label, ())) > 1:
            names = ", ".join(sorted(scrape.labels[label])[:3])
            raise TraceError(f"{path}: {label} has several values ({names}): engines are mixed; keep those of one")
    served = scrape.counts.get("e2e_request_latency_seconds", 0.0)
    missing = [names[0] for key, names in _NAMES.items() if key in ("ttft", "e2e") and not _found(scrape, names)]
    if missing or served < 1:
        raise TraceError(f"{path}: no {' and no '.join(missing or ['request'])} of {scrape.engine}; scrape it later")
    rate = load.rate_per_s or (served / load.span_s if load.span_s else None)
    if rate is None and load.concurrency is None:
        raise TraceError(
            f"{path}: counters do not say over which time they were counted; pass --span TIME, e.g. --span 1h, or "
            "--concurrency of a closed loop"
        )
    point = ObservedPoint(
        name=path.name,
        requests=int(served),
        concurrency=load.concurrency,
        rate_per_s=None if load.concurrency else rate,
        prompt_tokens=_lengths(scrape, "prompt", served, load.prompt_tokens, path),
        output_tokens=_lengths(scrape, "output", served, load.output_tokens, path),
        latencies={
            key: {"mean": scrape.sums[name] / scrape.counts[name]}
            for key in ("ttft", "tpot", "e2e")
            if (name := _found(scrape, _NAMES[key]))
        },
        cached_share=_cached_share(scrape),
    )
    return point, _configuration(scrape)


def _parsed(text: str, path: Path) -> _Scrape:
    scrape = _Scrape("vLLM" if "vllm:" in text else "SGLang")
    for line, content in enumerate(text.splitlines(), start=1):
        if not content.startswith(("vllm:", "sglang:")):
            continue
        match = _LINE.match(content)
        if match is None:
            raise TraceError(f"{path}:{line}: is not a sample of Prometheus; export the metrics again")
        name, labels = match[1].partition(":")[2], dict(_LABEL.findall(match[2] or ""))
        try:
            value = float(match[3])
        except ValueError:
            raise TraceError(f"{path}:{line}: {match[3]!r} is not a number; export the metrics again") from None
        if name == "cache_config_info":
            scrape.cache = labels
            continue
        for label, said in labels.items():
            scrape.labels.setdefault(label, set()).add(said)
        _add(scrape, name, labels, value)
    return scrape


def _add(scrape: _Scrape, name: str, labels: Mapping[str, str], value: float) -> None:
    if name.endswith("_bucket"):
        bound = inf if labels.get("le") == "+Inf" else float(labels.get("le", "inf"))
        own = scrape.buckets.setdefault(name.removesuffix("_bucket"), {})
        own[bound] = own.get(bound, 0.0) + value
    elif name.endswith("_sum"):
        scrape.sums[name.removesuffix("_sum")] = scrape.sums.get(name.removesuffix("_sum"), 0.0) + value
    elif name.endswith("_count"):
        scrape.counts[name.removesuffix("_count")] = scrape.counts.get(name.removesuffix("_count"), 0.0) + value
    else:
        scrape.counters[name] = scrape.counters.get(name, 0.0) + value


def _found(scrape: _Scrape, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if scrape.counts.get(name, 0) > 0 and name in scrape.sums), None)


def _cached_share(scrape: _Scrape) -> float:
    """Tokens found in the prefix cache over those looked up by vLLM, or over those of all prompts by SGLang."""
    for found, asked in _CACHED:
        if scrape.counters.get(asked):
            return min(scrape.counters.get(found, 0.0) / scrape.counters[asked], 1.0)
    return 0.0


def _lengths(scrape: _Scrape, key: str, served: float, given: int | None, path: Path) -> Mapping[float, float]:
    """Quantiles from the buckets, where there is a histogram; else the mean of a counter."""
    if given is not None:
        return {0.5: float(given)}
    name = _found(scrape, _NAMES[key])
    if name and name in scrape.buckets:
        return _quantiles(scrape.buckets[name])
    total = scrape.counters.get(_COUNTERS[key], 0.0)
    if total < served:
        raise TraceError(f"{path}: no {_NAMES[key][0]} and no {_COUNTERS[key]}, so that the lengths are unknown")
    return {0.5: total / served}


def _quantiles(buckets: Mapping[float, float]) -> Mapping[float, float]:
    """By linear interpolation within the buckets; the last one, which has no end, counts as its beginning."""
    bounds = sorted(buckets)
    total, result = buckets[bounds[-1]], {}
    for level in _LEVELS:
        below, before = 0.0, 0.0
        for bound in bounds:
            if buckets[bound] >= level * total:
                inside = (level * total - before) / max(buckets[bound] - before, 1e-9)
                result[level] = max(below if bound == inf else below + inside * (bound - below), 1.0)
                break
            below, before = bound, buckets[bound]
    return result


def _configuration(scrape: _Scrape) -> Configuration:
    names = scrape.labels.get("model_name", set())
    try:
        tokens = int(scrape.cache.get("num_gpu_blocks", "0")) * int(scrape.cache.get("block_size", "0"))
    except ValueError:
        tokens = 0
    return Configuration(model=next(iter(names), None), engine=scrape.engine, kv_tokens=tokens or None)
