"""Prompts that an observed engine had in its prefix cache are told: a replay computes them whole."""

import json
from pathlib import Path

import pytest
from support.commands import call
from support.observed_runs import latencies, requests

from simcost.trace.observed import read_observation
from simcost.trace.observed.load import Load
from simcost.trace.observed.observation import ObservedEngine

SCRAPE = """vllm:time_to_first_token_seconds_sum{engine="0"} 60
vllm:time_to_first_token_seconds_count{engine="0"} 600
vllm:e2e_request_latency_seconds_sum{engine="0"} 600
vllm:e2e_request_latency_seconds_count{engine="0"} 600
vllm:prompt_tokens_total{engine="0"} 60000
vllm:generation_tokens_total{engine="0"} 60000
vllm:prefix_cache_queries_total{engine="0"} 60000
vllm:prefix_cache_hits_total{engine="0"} %d
"""


def cached(found: ObservedEngine) -> list[str]:
    told = [one["message"] for one in found.findings if one["kind"] == "cached_prompts"]
    return [message.partition(", and the replay")[0] for message in told]


@pytest.mark.parametrize(
    ("column", "cells", "told"),
    [
        ("cached_tokens", ["0", "0"], []),
        ("cached_tokens", ["4%", "4%"], []),
        ("cached_tokens", ["40%", "40%"], ["40% of the prompt tokens were found in the prefix cache"]),
        ("session", ["a", "b"], ["may have been found in a prefix cache"]),
        ("session", [""], []),
    ],
)
def test_cached_prompts_of_a_trace_are_told(column: str, cells: list[str], told: list[str], tmp_path: Path) -> None:
    batch = requests(40)
    found = latencies(batch)
    lines = [f"arrival,prompt_tokens,output_tokens,ttft_s,e2e_s,{column}"]
    for i, prompt in enumerate(batch.prompt_tokens.tolist()):
        cell = cells[i % len(cells)]
        cell = str(round(prompt * int(cell[:-1]) / 100)) if cell.endswith("%") else cell
        times = f"{found.ttft_s[i]:.6f},{found.e2e_s[i]:.6f}"
        lines.append(f"{batch.arrival_ns[i] / 1e9:.6f},{prompt},{batch.output_tokens[i]},{times},{cell}")
    log = tmp_path / "log.csv"
    log.write_text("\n".join(lines))
    call("trace", "import", str(log), "--format", "csv", "-o", str(tmp_path / "log.parquet"))
    messages = cached(read_observation([tmp_path / "log.parquet"]))
    assert len(messages) == len(told)
    assert all(words in message for words, message in zip(told, messages, strict=True))


@pytest.mark.parametrize(("hits", "told"), [(0, False), (2_900, False), (30_000, True)])
def test_hits_of_a_scrape_are_told(hits: int, *, told: bool, tmp_path: Path) -> None:
    path = tmp_path / "metrics.prom"
    path.write_text(SCRAPE % hits)
    expected = [f"{path}: 50% of the prompt tokens were found in the prefix cache"] if told else []
    assert cached(read_observation([path], Load(span_s=300.0))) == expected


def test_cached_tokens_of_a_stage_are_told(tmp_path: Path) -> None:
    latency = {name: {"mean": mean} for name, mean in (("request_latency", 1.0), ("time_to_first_token", 0.1))}
    lengths = {"prompt_len": {"mean": 100}, "output_len": {"mean": 50}}
    successes = {"count": 60, "latency": latency, **lengths, "prompt_tokens": {"cached": 1500.0, "total": 6000.0}}
    path = tmp_path / "stage_0_lifecycle_metrics.json"
    path.write_text(json.dumps({"load_summary": {"requested_rate": 1.0, "achieved_rate": 1.0}, "successes": successes}))
    assert cached(read_observation([path])) == [f"{path}: 25% of the prompt tokens were found in the prefix cache"]
