"""Outputs of `vllm bench serve` and `vllm bench latency`, and of their descendants (SGLang, InferenceX)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isinf
from pathlib import Path
from typing import Any

import numpy as np

from simcost.errors import TraceError
from simcost.trace.observed.json_values import count, number, numbers
from simcost.trace.observed.load import Load, quantiles_of
from simcost.trace.observed.observation import Configuration, ObservedPoint, ObservedRun
from simcost.units import format_count

Document = Mapping[str, Any]
_NAMES = {"ttft": ("ttft",), "tpot": ("tpot",), "e2e": ("e2el", "e2e_latency", "e2e")}
_STATISTICS = {"mean": "mean", "median": "p50", "p90": "p90", "p95": "p95", "p99": "p99"}
_LISTS = ("input_lens", "output_lens", "ttfts", "itls")


def is_serve(document: Any) -> bool:
    """True for an output of `bench serve`."""
    return isinstance(document, dict) and "request_throughput" in document and "duration" in document


def is_latency(document: Any) -> bool:
    """True for an output of `bench latency`."""
    return isinstance(document, dict) and "avg_latency" in document and "latencies" in document


def serve_configuration(document: Document) -> Configuration:
    """The model and the engine."""
    model = document.get("model_id")
    engine = document.get("backend")
    return Configuration(model=str(model) if model else None, engine=str(engine) if engine else None)


def serve_run(document: Document, path: Path) -> ObservedRun | None:
    """The requests, where the file has those and when they were sent (`--save-detailed`); None otherwise.

    Raises:
        TraceError: lists of different lengths.
    """
    starts = numbers(document.get("start_times"))
    lists = [document.get(name) for name in _LISTS]
    if starts is None or not all(isinstance(each, list) for each in lists):
        return None
    lengths = {name: len(each) for name, each in zip(_LISTS, lists, strict=True) if each is not None}
    if {*lengths.values()} != {len(starts)}:
        said = ", ".join(f"{name} {length:,}" for name, length in (("start_times", len(starts)), *lengths.items()))
        raise TraceError(f"{path}: its lists are of different lengths ({said}); run the benchmark again")
    prompt, output, ttft = (
        np.array([np.nan if value is None else value for value in numbers(document[name]) or []])
        for name in ("input_lens", "output_lens", "ttfts")
    )
    decode = np.array([np.sum([value or 0.0 for value in numbers(gaps) or []]) for gaps in document["itls"]])
    sent = np.array([np.nan if value is None else value for value in starts])
    served = (output >= 1) & (ttft > 0) & ~np.isnan(sent) & (prompt >= 1)
    if not served.any():
        raise TraceError(f"{path}: none of its {len(sent):,} requests was served")
    order = np.argsort(sent[served], kind="stable")
    ends = np.where(output > 1, ttft + decode, ttft)
    return ObservedRun(
        arrival_s=(sent[served] - sent[served].min())[order],
        prompt_tokens=prompt[served][order].astype(np.int64),
        output_tokens=output[served][order].astype(np.int64),
        ttft_s=ttft[served][order],
        e2e_s=ends[served][order],
        queue_s=np.full(int(served.sum()), np.nan),
    )


def serve_point(document: Document, path: Path, load: Load) -> ObservedPoint:
    """The aggregates.

    Raises:
        TraceError: the load or the lengths are not known.
    """
    completed = count(document.get("completed" if "completed" in document else "num_prompts"))
    if completed is None:
        raise TraceError(f"{path}: no request was completed; run the benchmark again")
    clients = count(document.get("max_concurrency")) or load.concurrency
    rate = number(document.get("request_rate"))
    rate = load.rate_per_s if rate is None or rate <= 0 or isinf(rate) else rate
    if clients is None and rate is None:
        clients = completed  # `--request-rate inf` without a limit: all at once
    return ObservedPoint(
        name=path.name if clients is None else f"{path.name}, concurrency {clients}",
        requests=completed,
        concurrency=clients,
        rate_per_s=rate,
        prompt_tokens=_lengths(document, "input_lens", "total_input_tokens", completed, path),
        output_tokens=_lengths(document, "output_lens", "total_output_tokens", completed, path),
        latencies=_latencies(document) or _by_throughput(document, clients),
        failed=count(document.get("failed")) or 0,
    )


def latency_point(document: Document, path: Path, load: Load) -> ObservedPoint:
    """A batch that runs alone: all of its requests come at once, and the last one ends after the latency.

    Raises:
        TraceError: its shape is not known, which the output does not state.
    """
    batch, prompt, output = load.concurrency, load.prompt_tokens, load.output_tokens
    if batch is None or prompt is None or output is None:
        raise TraceError(
            f"{path}: `vllm bench latency` does not write the shape of its batch; pass --concurrency BATCH "
            "--input-len N --output-len N"
        )
    several = numbers(document["latencies"]) or [number(document["avg_latency"])]
    latencies = [value for value in several if value]
    if not latencies:
        raise TraceError(f"{path}: no latency is above 0; run the benchmark again")
    return ObservedPoint(
        name=f"{path.name}, batch {batch} of {format_count(prompt)} + {format_count(output)} tokens",
        requests=batch,
        concurrency=batch,
        rate_per_s=None,
        prompt_tokens={0.5: float(prompt)},
        output_tokens={0.5: float(output)},
        latencies={"e2e": {"max": float(np.median(latencies))}},
    )


def _lengths(document: Document, several: str, total: str, completed: int, path: Path) -> Mapping[float, float]:
    each = [value for value in numbers(document.get(several)) or [] if value]
    if each:
        return quantiles_of(each)
    whole = number(document.get(total))
    if whole is None or whole < completed:
        raise TraceError(f"{path}: {total} is missing or too small, so that the lengths are unknown")
    return {0.5: whole / completed}


def _latencies(document: Document) -> Mapping[str, Mapping[str, float]]:
    """Statistics in seconds: `mean_ttft_ms` in milliseconds, `median_ttft` in seconds."""
    result = {}
    for metric, names in _NAMES.items():
        each = {ours: value for theirs, ours in _STATISTICS.items() if (value := _statistic(document, theirs, names))}
        if each:
            result[metric] = each
    return result


def _by_throughput(document: Document, clients: int | None) -> Mapping[str, Mapping[str, float]]:
    """Mean E2E of clients that are always busy, by Little's law; nothing without clients or throughput."""
    through = number(document.get("request_throughput"))
    return {"e2e": {"mean": clients / through}} if clients and through and through > 0 else {}


def _statistic(document: Document, statistic: str, names: Sequence[str]) -> float | None:
    for name in names:
        for suffix, scale in (("_ms", 1e-3), ("", 1.0)):
            value = number(document.get(f"{statistic}_{name}{suffix}"))
            if value is not None and value > 0:
                return value * scale
    return None
