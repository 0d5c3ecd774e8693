"""Observed runs for tests: requests of our own engine, written as benchmark tools write them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from support.pools import step

from simcost.perf import StepTime
from simcost.plan import Batching
from simcost.sim.serving.replay import ReplayedLatencies, replay
from simcost.trace.requests.batch import RequestBatch

TRUTH = step(0.013, 4.5e-5, 4e-5, 1.3e-7, 2.5e-9)
OVERHEAD_S = 0.03
BATCHING = Batching(max_num_seqs=32, max_num_batched_tokens=1024)
KV_TOKENS = 200_000


def requests(count: int, seed: int = 1, rate_per_s: float = 3.0) -> RequestBatch:
    """Poisson arrivals with prompts and outputs of all lengths."""
    rng = np.random.default_rng(seed)
    arrival = np.cumsum(rng.exponential(1 / rate_per_s, count) * 1e9).astype(np.int64)
    prompt, output = np.exp(rng.uniform(3, 7.5, count)), np.exp(rng.uniform(2, 5.5, count))
    return RequestBatch(arrival, prompt.astype(np.int32), output.astype(np.int32))


def latencies(batch: RequestBatch, step: StepTime = TRUTH) -> ReplayedLatencies:
    """Latencies of the engine for them."""
    return replay(batch, step, batching=BATCHING, kv_capacity_tokens=KV_TOKENS, first_token_overhead_s=OVERHEAD_S)


def rows(count: int = 60, step: StepTime = TRUTH) -> list[dict[str, Any]]:
    """Lines of `requests.jsonl`: arrivals in seconds since 1970, the rest on another clock."""
    batch = requests(count)
    found = latencies(batch, step)
    arrival = batch.arrival_ns / 1e9
    return [
        {
            "request_id": f"r{i}",
            "input_toks": int(batch.prompt_tokens[i]),
            "output_toks": int(batch.output_tokens[i]),
            "arrival_time": 1.7e9 + arrival[i],
            "queued_ts": 5000 + arrival[i],
            "scheduled_ts": 5000 + arrival[i] + 1e-4,
            "first_token_ts": 5000 + arrival[i] + found.ttft_s[i],
            "last_token_ts": 5000 + arrival[i] + found.e2e_s[i],
        }
        for i in range(count)
    ]


META = {
    "model": "meta-llama/Llama-3.1-8B",
    "vllm_version": "0.19.0",
    "engine_kwargs": {
        "tensor_parallel_size": 1,
        "max_num_seqs": BATCHING.max_num_seqs,
        "max_num_batched_tokens": BATCHING.max_num_batched_tokens,
    },
    "kv_cache": {"num_gpu_blocks": KV_TOKENS // 16, "block_size": 16},
}


def write_folder(folder: Path, lines: list[dict[str, Any]], meta: dict[str, Any] | None = None) -> Path:
    """A run folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "requests.jsonl").write_text(text, encoding="utf-8")
    (folder / "meta.json").write_text(json.dumps(META if meta is None else meta), encoding="utf-8")
    return folder


def serve(concurrency: int, *, tpot_s: float = 0.02, ttft_s: float = 0.2, prompt: int = 512, output: int = 64) -> Any:
    """An output of `vllm bench serve`."""
    count = 10 * concurrency
    return {
        "backend": "vllm",
        "model_id": "meta-llama/Llama-3.1-8B-Instruct",
        "num_prompts": count,
        "request_rate": "inf",
        "burstiness": 1.0,
        "max_concurrency": concurrency,
        "duration": 60.0,
        "completed": count,
        "failed": 0,
        "total_input_tokens": prompt * count,
        "total_output_tokens": output * count,
        "request_throughput": 1.0,
        "mean_ttft_ms": ttft_s * 1e3,
        "median_ttft_ms": ttft_s * 1e3,
        "p99_ttft_ms": 2e3 * ttft_s,
        "mean_tpot_ms": tpot_s * 1e3,
        "median_tpot_ms": tpot_s * 1e3,
        "p99_tpot_ms": 1.1e3 * tpot_s,
    }
