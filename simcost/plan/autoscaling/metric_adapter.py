"""Signals of well-known metrics of monitoring systems."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from typing import Literal, NamedTuple

from simcost.plan.autoscaling.policy import Over, Signal, SignalName


class Known(NamedTuple):
    """Meaning of a metric of a monitoring system."""

    signal: SignalName
    over: Over = "sum"
    scale: float = 1.0
    """Factor from our unit to its own."""
    counter: bool = False
    """True if its rate is the signal."""


METRICS = {
    "vllm:num_requests_running": Known("running"),
    "vllm:num_requests_waiting": Known("waiting"),
    "vllm:kv_cache_usage_perc": Known("kv_utilisation", "mean"),
    "vllm:gpu_cache_usage_perc": Known("kv_utilisation", "mean"),
    "vllm:prompt_tokens_total": Known("prompt_tokens_per_s", counter=True),
    "vllm:generation_tokens_total": Known("output_tokens_per_s", counter=True),
    "vllm:request_success_total": Known("completions_per_s", counter=True),
    "sglang:num_running_reqs": Known("running"),
    "sglang:num_queue_reqs": Known("waiting"),
    "sglang:token_usage": Known("kv_utilisation", "mean"),
    "tgi_batch_current_size": Known("running"),
    "tgi_queue_size": Known("waiting"),
    "inference_pool_average_queue_size": Known("waiting", "mean"),
    "inference_pool_average_kv_cache_utilization": Known("kv_utilisation", "mean"),
    "inference_pool_average_running_requests": Known("running", "mean"),
    "igw_queue_depth": Known("gateway_waiting"),
    "inference_extension_flow_control_queue_size": Known("gateway_waiting"),
    "llm_d_epp_flow_control_queue_size": Known("gateway_waiting"),
    "igw_running_requests": Known("dispatched"),
    "inference_objective_running_requests": Known("dispatched"),
    "llm_d_epp_request_running": Known("dispatched"),
    "queue_average_concurrent_requests": Known("in_flight"),
    "queue_requests_per_second": Known("requests_per_s"),
    "serve_replica_processing_queries": Known("running"),
    "serve_deployment_queued_queries": Known("waiting"),
    "jetstream_prefill_backlog_size": Known("waiting"),
    "DCGM_FI_DEV_GPU_UTIL": Known("busy_fraction", "mean", 100.0),
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE": Known("busy_fraction", "mean"),
    "kubernetes.io|container|accelerator|duty_cycle": Known("busy_fraction", "mean", 100.0),
    "InvocationsPerInstance": Known("requests_per_s", "mean", 60.0),
    "InvocationsPerCopy": Known("requests_per_s", "mean", 60.0),
    "RequestCountPerTarget": Known("requests_per_s", "mean", 60.0),
    "ConcurrentRequestsPerModel": Known("in_flight", "mean"),
    "ConcurrentRequestsPerCopy": Known("in_flight", "mean"),
}
LATENCIES = {
    "vllm:time_to_first_token_seconds_bucket": "ttft",
    "vllm:inter_token_latency_seconds_bucket": "tpot",
    "vllm:time_per_output_token_seconds_bucket": "tpot",
    "vllm:request_time_per_output_token_seconds_bucket": "tpot",
    "vllm:e2e_request_latency_seconds_bucket": "e2e",
    "sglang:time_to_first_token_seconds_bucket": "ttft",
    "sglang:inter_token_latency_seconds_bucket": "tpot",
    "sglang:time_per_output_token_seconds_bucket": "tpot",
    "sglang:e2e_request_latency_seconds_bucket": "e2e",
    "tgi_request_mean_time_per_token_duration_bucket": "tpot",
    "tgi_request_duration_bucket": "e2e",
}
"""Histograms, and the latency that each counts."""
_CLOUD = re.compile(
    r"(?:prometheus|external|custom)\.googleapis\.com[|/](.+?)(?:[|/](?:gauge|counter|unknown|histogram))?"
)
"""A metric as Google's adapter names it."""
_PREFIXES = {"vllm_": "vllm:", "sglang_": "sglang:"}
_CANONICAL = {name.lower(): name for name in (*METRICS, *LATENCIES)}
_NEAREST: tuple[tuple[str, SignalName], ...] = (
    ("ttft|first_token|time_queue|queue_time|wait_time|queue_duration", "ttft_p95_s"),
    ("tpot|itl|inter_token|per_output_token|per_token", "tpot_p95_s"),
    ("e2e|latency|duration|response_time", "e2e_p95_s"),
    (r"(in_?flight|queued?|pending|waiting|backlog)_(prompt_)?tokens", "queued_prompt_tokens"),
    ("queue|wait|pending|backlog|lag", "waiting"),
    ("in_flight|inflight|concurren|ongoing", "in_flight"),
    ("running|active|batch|slot", "running"),
    ("cache|kv", "kv_utilisation"),
    ("prompt_token|input_token", "prompt_tokens_per_s"),
    ("token", "output_tokens_per_s"),
    ("request|rps|qps|query|queries|invocation", "requests_per_s"),
    ("gpu|util|duty|busy|cpu|memory", "busy_fraction"),
)
OF_EACH: dict[SignalName, SignalName] = {"ttft_p95_s": "next_ttft_s", "tpot_p95_s": "next_itl_s"}
"""Signals of one replica in place of a percentile of the pool."""
_UNITS = {r"_ms\b|milli": "1000", r"_us\b|micro": "1e6"}
"""Units in the names of latencies, and how many of them are a second."""
OF_A_REPLICA = frozenset[SignalName](
    ("kv_utilisation", "busy_fraction", "kv_demand", "next_ttft_s", "own_ttft_s", "next_itl_s", "own_itl_s")
)
"""Shares and times, of which a pool has means; counts and rates add up over its replicas."""
RATE_WINDOW_S = 60.0
"""Of the rate of a recorded counter, where nothing says one."""
_SUMS: dict[SignalName, tuple[SignalName, ...]] = {
    "in_flight": ("running", "waiting"),
    "tokens_per_s": ("prompt_tokens_per_s", "output_tokens_per_s"),
}


class RecordedMetric(NamedTuple):
    """A recorded metric that makes up a signal."""

    metric: str
    factor: float = 1.0
    window_s: float = 0.0
    """Over which samples are taken; 0 = the newest counts."""
    over: Over = "sum"
    over_time: Literal["rate", "mean", "max"] = "mean"
    """Value that the samples in the window give; the rate where the metric is a counter."""
    adds_up: bool = False
    """True if what is recorded of the whole pool is a sum over its replicas, as a count of requests is."""
    averages: bool = False
    """True if what is recorded of the whole pool is a mean over its replicas of what adds up."""


def is_average(name: str) -> bool:
    """True if a metric is one number that averages over the pool already."""
    return canonical(name).startswith("inference_pool_average_")


def is_of_engines(name: str) -> bool:
    """True if engines or devices report a metric of a monitoring system themselves, so that it ends with the last."""
    return canonical(name).startswith(("vllm:", "sglang:", "tgi_", "jetstream_", "DCGM_"))


def canonical(name: str) -> str:
    """The name that an engine gives a metric, where Ray, an adapter or a cloud has changed it; else the name itself.

    >>> canonical("ray_vllm_num_requests_waiting"), canonical("dcgm_fi_dev_gpu_util")
    ('vllm:num_requests_waiting', 'DCGM_FI_DEV_GPU_UTIL')
    >>> canonical("prometheus.googleapis.com|tgi_queue_size|gauge"), canonical("gpu_cache_usage_perc")
    ('tgi_queue_size', 'vllm:gpu_cache_usage_perc')
    """
    bare = name.replace("/", "|") if name.startswith("kubernetes.io/") else name
    if (match := _CLOUD.fullmatch(bare)) is not None:
        bare = match[1]
    bare = bare.lower().removeprefix("ray_")
    for prefix, engine in _PREFIXES.items():
        bare = engine + bare.removeprefix(prefix) if bare.startswith(prefix) else bare
    return _CANONICAL.get(bare) or _CANONICAL.get(f"vllm:{bare}") or name


def known(name: str) -> Known | None:
    """Meaning of a metric.

    >>> known("vllm_num_requests_waiting") == known("ray_vllm_num_requests_waiting") == Known("waiting")
    True
    """
    return METRICS.get(canonical(name))


def nearest(name: str, *, each: bool = False, mean: bool = False) -> str:
    """The signal that a metric of another name is most likely made of, as a scenario writes it; empty if none is near.

    `each` asks for one that each replica has, `mean` for its mean over them, a share in percent.

    >>> nearest("avg_ttft_ms"), nearest("my_queue_depth"), nearest("foo")
    ('{from: ttft_p95_s, window: 60s, scale: 1000}', '{from: waiting}', '')
    >>> nearest("avg_ttft_ms", each=True)
    '{from: next_ttft_s, scale: 1000}'
    >>> nearest("GPUUtilization", mean=True)
    '{from: busy_fraction, over: mean, scale: 100}'
    """
    word = name.lower()
    signal = next((one for pattern, one in _NEAREST if re.search(pattern, word)), None)
    if each and signal is not None:
        signal = OF_EACH.get(signal, None if signal.endswith("_p95_s") else signal)
    if signal is None:
        return ""
    window = f", window: {RATE_WINDOW_S:g}s" if signal.endswith(("_p95_s", "_per_s")) else ""
    factor = next((size for unit, size in _UNITS.items() if re.search(unit, word)), "")
    scale = f", scale: {factor}" if factor and "_s" in signal[-3:] and "per_s" not in signal else ""
    if mean and not signal.endswith("_p95_s"):
        window = f", over: mean{window}"
        scale = ", scale: 100" if signal in ("busy_fraction", "kv_utilisation") else scale
    return f"{{from: {signal}{window}{scale}}}"


def recorded_as(signal: Signal, names: Collection[str]) -> list[RecordedMetric]:
    """The recorded metrics whose sum is a signal: its own metric, our name for it, or others that measure the same.

    >>> found = recorded_as(Signal(name="in_flight"), ["vllm:num_requests_running", "vllm:num_requests_waiting"])
    >>> [one.metric for one in found]
    ['vllm:num_requests_running', 'vllm:num_requests_waiting']
    """
    if signal.metric in names and (measured := known(signal.metric)):
        return [_measured(signal, signal.metric, measured)]
    if signal.name in names:
        adds_up = signal.name not in OF_A_REPLICA and not signal.of_the_pool_alone
        return [RecordedMetric(signal.name, signal.scale, _window_s(signal), signal.over, signal.over_time, adds_up)]
    for name in names:
        if (measured := known(name)) and measured.signal == signal.name:
            return [_measured(signal, name, measured)]
    parts = [recorded_as(replace(signal, name=name, metric=""), names) for name in _SUMS.get(signal.name, ())]
    return [one for part in parts for one in part] if all(parts) else []


def _measured(signal: Signal, metric: str, measured: Known) -> RecordedMetric:
    factor = signal.scale / measured.scale
    adds_up = measured.over == "sum" and not signal.of_the_pool_alone
    averages = measured.over == "mean" and signal.name not in OF_A_REPLICA and not signal.of_the_pool_alone
    if measured.counter:
        return RecordedMetric(metric, factor, signal.window or RATE_WINDOW_S, signal.over, "rate", adds_up)
    return RecordedMetric(metric, factor, _window_s(signal), signal.over, signal.over_time, adds_up, averages)


def _window_s(signal: Signal) -> float:
    """The window of a signal whose samples may be taken together; percentiles may not."""
    return 0.0 if signal.is_latency else signal.window


def same_as(signal: Signal) -> list[str]:
    """Names under which a signal may be recorded, the commonest of them.

    >>> same_as(Signal(name="in_flight")), same_as(Signal(name="waiting", metric="tgi_queue_size"))
    ... # doctest: +NORMALIZE_WHITESPACE
    (['in_flight', 'running + waiting', 'queue_average_concurrent_requests'],
     ['tgi_queue_size', 'waiting', 'vllm:num_requests_waiting'])
    """
    others = [name for name, one in METRICS.items() if one.signal == signal.name and name != signal.metric]
    parts = [" + ".join(_SUMS[signal.name])] if signal.name in _SUMS else []
    return [*filter(None, [signal.metric]), signal.name, *parts, *others[:1]]
