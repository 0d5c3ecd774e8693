"""Prefix cache of a plan: faults at their places, and its keys in the result of a run."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.commands import call

from simcost.scenario.checks.load import find_faults, load
from simcost.scenario.checks.prefix_cache_checks import prefix_cache_of, system_tokens

ALONE = "{kind: synthetic, rate: 2/s}"
TALKS = "{kind: synthetic, rate: 2/s, clients: [{sessions: {mean_turns: 3, system_tokens: 512}}]}"
CLOSED = "{kind: closed, clients: 5}"
CPU = "{kind: cpu, size: 5GB, bandwidth: 25GB/s}"
DISK = "{kind: disk, size: 1TB, bandwidth: 7GB/s, latency: 80us}"
SCENARIO = """scenario: cached
model: llama-3.1-8b
horizon: 2min
seeds: 1
workload: {workload}
slo: {{ttft: 2s, attainment: 95%}}
plans:
  - name: one
    replica: {{accelerator: l40s}}
    buy: {{offer: aws/g6e.xlarge}}
    scaling: {{kind: fixed, replicas: 2}}
    {plan}
"""


def scenario(folder: Path, plan: str, workload: str) -> Path:
    path = folder / "scenario.yaml"
    path.write_text(SCENARIO.format(plan=plan, workload=workload), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("plan", "workload", "path", "words"),
    [
        ("prefix_cache: true", ALONE, "plans.0.prefix_cache", "say what they share"),
        ("prefix_cache: {}", CLOSED, "plans.0.prefix_cache", "hit_share"),
        ("prefix_cache: {hit_share: 140%}", ALONE, "plans.0.prefix_cache.hit_share", "at most 1"),
        ("prefix_cache: {block_token: 16}", TALKS, "plans.0.prefix_cache.block_token", "did you mean 'block_tokens'"),
        ("prefix_cache: 5", TALKS, "plans.0.prefix_cache", "expected a mapping (key: value), not 5"),
        ("prefix_cache: true\n    batching: {prefill: whole}", TALKS, "plans.0.prefix_cache", "chunked prefill"),
        (
            "prefix_cache: {block_tokens: 32}\n    batching: {kv_block_tokens: 16}",
            TALKS,
            "plans.0.prefix_cache",
            "batching.kv_block_tokens is 16",
        ),
        ("batching: {kv_block_tokens: 16, prefill: whole}", ALONE, "plans.0.batching", "chunked prefill"),
        ("prefix_cache: {tiers: [{kind: cpu, size: 5GB}]}", TALKS, "plans.0.prefix_cache.tiers.0.bandwidth", "missing"),
        (
            "prefix_cache: {tiers: [{kind: cpu, bandwidth: 25GB/s}]}",
            TALKS,
            "plans.0.prefix_cache.tiers.0.size",
            "missing",
        ),
        (f"prefix_cache: {{tiers: [{CPU}, {DISK.replace('1TB', '1GB')}]}}", TALKS, "plans.0.prefix_cache", "must grow"),
        (f"prefix_cache: {{tiers: [{DISK}, {CPU}]}}", TALKS, "plans.0.prefix_cache", "`cpu` and then `disk`"),
        (
            f"prefix_cache: {{hit_share: 40%, tiers: [{CPU}]}}",
            TALKS,
            "plans.0.prefix_cache",
            "leave out one of the two",
        ),
        (
            f"prefix_cache: {{chunk_tokens: 100, tiers: [{CPU}]}}",
            TALKS,
            "plans.0.prefix_cache",
            "multiple of block_tokens",
        ),
    ],
)
def test_faults_are_told_once_at_their_places(tmp_path: Path, plan: str, workload: str, path: str, words: str) -> None:
    (fault,) = find_faults(scenario(tmp_path, plan, workload))
    assert fault.path == path
    assert fault.line == 12
    assert words in fault.message


@pytest.mark.parametrize("plan", ["prefix_cache: {hit_share: 40%}", "batching: {kv_block_tokens: 16}"])
def test_engines_with_kv_blocks_do_not_speculate(tmp_path: Path, plan: str) -> None:
    path, drafts = scenario(tmp_path, plan, ALONE), "speculation: {drafter: ngram, tokens: 2, acceptance: 0.2}"
    path.write_text(path.read_text().replace("accelerator: l40s", f"accelerator: l40s, {drafts}"))
    (fault,) = find_faults(path)
    assert (fault.path, fault.line) == ("plans.0.replica.speculation", 9)
    assert "cannot be combined with prefix_cache" in fault.message


def test_true_is_the_cache_of_vllm_with_the_blocks_of_the_plan(tmp_path: Path) -> None:
    loaded = load(scenario(tmp_path, "prefix_cache: true\n    batching: {kv_block_tokens: 64}", TALKS))
    cache = prefix_cache_of(loaded.scenario.plans[0])
    assert cache is not None
    assert (cache.block_tokens, cache.hit_share) == (64, None)
    assert system_tokens(loaded.scenario) == 512


def test_false_is_no_cache(tmp_path: Path) -> None:
    loaded = load(scenario(tmp_path, "prefix_cache: false", ALONE))
    assert prefix_cache_of(loaded.scenario.plans[0]) is None


@pytest.mark.slow
def test_hits_are_in_the_result_and_in_the_stored_ledger(tmp_path: Path) -> None:
    path, out = scenario(tmp_path, "prefix_cache: {hit_share: 40%}", ALONE), tmp_path / "out"
    first = result(path, out)
    cache = first["prefix_cache"]
    assert cache["hit_rate"] == cache["hit_tokens"] / cache["query_tokens"] == pytest.approx(0.4, abs=0.03)
    assert 0 < cache["saved_prefill_s"] < 1.0 * first["requests"]["arrived"]
    assert cache["saved_usd"] == pytest.approx(
        cache["saved_prefill_s"] / 3600 * first["cost_usd"]["total"] / 2 / (120 / 3600), rel=0.1
    )  # two replicas for two minutes, and a little storage
    assert result(path, out)["prefix_cache"] == cache  # read again


@pytest.mark.slow
def test_hits_of_tiers_and_the_time_to_load_them_are_in_the_result(tmp_path: Path) -> None:
    path, out = scenario(tmp_path, f"prefix_cache: {{tiers: [{CPU}, {DISK}]}}", TALKS), tmp_path / "out"
    path.write_text(path.read_text().replace("accelerator: l40s", "accelerator: l40s, kv_tokens: 9000"))
    cache = result(path, out)["prefix_cache"]
    memory, disk = cache["tiers"]
    assert 0 < memory["hit_tokens"] <= cache["hit_tokens"]
    assert memory["hit_rate"] == memory["hit_tokens"] / cache["query_tokens"]
    assert disk["hit_tokens"] == 0  # memory holds all
    assert cache["load_s"] >= memory["hit_tokens"] * 131_072 / 25e9  # KV cache of a token: 128 KiB
    assert result(path, out)["prefix_cache"] == cache  # read again


def result(path: Path, out: Path) -> dict[str, Any]:
    said = call("run", str(path), "--out", str(out), "--json", "--quiet")
    assert said.code == 0, said.err
    found: dict[str, Any] = json.loads(said.out)["plans"][0]
    return found


@pytest.mark.parametrize(
    ("prompts", "plan", "told"),
    [
        ((100, 200, 300), "prefix_cache: true", None),
        ((100, 300, 200), "prefix_cache: true", "2 of 4 turns of its sessions (50.0 %)"),
        ((100, 149, 200), "prefix_cache: true", "2 of 4 turns of its sessions (50.0 %)"),
        ((100, 150, 200), "prefix_cache: true", None),
        ((100, 300, 200), "prefix_cache: {hit_share: 20%}", None),
        ((100, 300, 200), "", None),
    ],
)
def test_turns_that_cannot_begin_with_the_turn_before_are_told(
    prompts: tuple[int, ...], plan: str, told: str | None, tmp_path: Path
) -> None:
    rows = [f"{10 * i + k},{tokens},50,talk{k}" for i, tokens in enumerate(prompts) for k in range(2)]
    log = tmp_path / "log.csv"
    log.write_text("\n".join(["arrival,prompt_tokens,output_tokens,session", *rows]), encoding="utf-8")
    call("trace", "import", str(log), "--format", "csv", "-o", str(tmp_path / "log.parquet"))
    path = scenario(tmp_path, plan, "{kind: trace, path: log.parquet}")
    found = [note for note in call("check", str(path), "--json").document()["notes"] if "so cannot begin" in note]
    assert [note.partition(" have a shorter")[0] for note in found] == ([f"log.parquet: {told}"] if told else [])
