"""The performance document and its text."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.shown import on_terminal

from simcost.catalog import load_catalog
from simcost.errors import CatalogError
from simcost.perf import GivenStep, ReplicaSpec, step_time
from simcost.perf.document import perf_document
from simcost.perf.steady_state import MeasuredTpot, steady_tpot_s
from simcost.studies.catalog.perf_view import parts

text = on_terminal(parts)

CATALOG = load_catalog()
GIVEN = ReplicaSpec(accelerator="h100", step=GivenStep(a=0.01, b=2e-5, c=1e-5, d=3e-8, q=1e-9))


def document(model: str, accelerator: str, max_num_seqs: int = 256, **spec: Any) -> dict[str, Any]:
    return perf_document(CATALOG, model, ReplicaSpec(accelerator=accelerator, **spec), max_num_seqs=max_num_seqs)


def test_keys_that_others_read() -> None:
    found = document("llama-3.1-70b", "h100", tp=8, precision="fp8")
    assert {"coefficients", "provenance", "kv_capacity_tokens", "weights_bytes", "throughput"} <= found.keys()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["accelerator"] == "h100-sxm"


def test_throughput_follows_from_the_coefficients() -> None:
    found = document("llama-3.1-8b", "h100", max_num_seqs=128)
    c, largest = found["coefficients"], found["throughput"][-1]
    time_s = c["a_s"] + 128 * (c["c_s_per_sequence"] + 2048 * c["d_s_per_token"])
    assert largest["tpot_s"] == pytest.approx(time_s)
    for row in found["throughput"]:
        assert row["tokens_per_s"] == pytest.approx(row["batch"] / row["tpot_s"])


def test_a_prefill_has_no_prompt_beyond_the_context() -> None:
    """8,192 tokens are two prompts of Llama 2, whose attention is half of that of one."""
    prefill = {
        name: document(name, "b300", tp=8, precision="fp8")["prefill"] for name in ("llama-2-70b", "llama-3.1-70b")
    }
    for name, longest in (("llama-2-70b", 4096), ("llama-3.1-70b", 8192)):
        spec = ReplicaSpec(accelerator="b300", tp=8, precision="fp8")
        step = step_time(CATALOG, CATALOG.model(name), CATALOG.accelerator("b300"), spec)
        assert prefill[name]["step_s"] == pytest.approx(step.seconds(8192, 0, 0, 8192 * longest / 2))


def test_the_batch_ends_where_the_cache_or_the_limit_does() -> None:
    assert [row["batch"] for row in document("llama-3.1-8b", "h100", max_num_seqs=6)["throughput"]] == [
        1,
        2,
        4,
        6,
    ]
    small = document("llama-3.1-8b", "h100", kv_tokens=2048 * 3)
    assert [row["batch"] for row in small["throughput"]] == [1, 2, 3]
    assert document("llama-3.1-8b", "h100", kv_tokens=2000)["throughput"] == []


def test_text_shows_what_the_document_holds() -> None:
    found = document("llama-3.1-8b", "l4", precision="fp8")
    shown = " ".join(text(found).split())
    assert found["source"] in shown
    assert "analytic" in shown
    assert f"{found['kv_capacity_tokens']:,} tokens" in shown
    assert "holds no sequence" in text(document("llama-3.1-8b", "h100", kv_tokens=2000))


@pytest.mark.parametrize(
    ("accelerator", "precision", "words"),
    [
        ("a100", "fp8", "a100-80gb-sxm has no arithmetic in fp8: the weights alone are in fp8."),
        ("h100", "fp4", "h100-sxm has no arithmetic in fp4"),
        ("b300", "int8", "b300-sxm has hardly any arithmetic in int8"),
        ("a100", "int8", None),
        ("h100", "fp8", None),
        ("h100", "int4", None),
    ],
)
def test_a_format_of_the_weights_alone_is_told(accelerator: str, precision: Any, words: str | None) -> None:
    said = document("llama-3.1-8b", accelerator, precision=precision)["assumptions"]
    assert [sentence for sentence in said if "weights alone" in sentence] == [
        sentence for sentence in said if words is not None and sentence.startswith(words)
    ]
    assert bool(said and "weights alone" in said[0]) == (words is not None)


def test_notes_of_the_facts_are_shown() -> None:
    said = document("qwen3-embedding-0.6b", "l4")["assumptions"]
    assert said[0].startswith(
        "qwen3-embedding-0.6b in the catalog: parameters as counted from the shape; embedding model"
    )
    assert said[1].endswith("memory is nominal GiB, the driver reports less.")


def test_parameters_that_the_shape_does_not_have_are_told(tmp_path: Path) -> None:
    row = "7b,{},32,4096,32,8,128,14336,32000,false,8192,ours,2026,A"
    header = "name,parameters,layers,hidden,heads,kv_heads,head_dim,ffn,vocabulary,tied_embeddings,context_tokens"
    said = {}
    for stated in ("7.2e9", "72e9"):
        (tmp_path / "models.csv").write_text(f"{header},source,as_of,quality\n{row.format(stated)}\n")
        said[stated] = perf_document(load_catalog(tmp_path), "7b", ReplicaSpec(accelerator="h100", tp=4))["assumptions"]
    assert said["7.2e9"] == []
    assert said["72e9"][0].startswith("7b has 7.2e+10 parameters in models.csv, and 7.24e+09 by its layers")


def test_states_that_no_coefficient_counts_are_told() -> None:
    said = document("qwen3-next-80b-a3b", "h200", tp=2)["assumptions"]
    assert any("reads and writes the states of linear attention, 37.69 MiB of each sequence" in one for one in said)
    assert not any("states" in one for one in document("llama-3.1-8b", "h100")["assumptions"])


def test_unknown_names_are_named() -> None:
    with pytest.raises(CatalogError, match="h101"):
        document("llama-3.1-8b", "h101")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("nvidia/Llama-3.1-8B-Instruct-FP8", "llama-3.1-8b"),
        ("RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w4a16", "llama-3.1-8b"),
        ("deepseek-ai/DeepSeek-V3-0324", "deepseek-v3"),
        ("Qwen/Qwen3-30B-A3B-Instruct-2507", "qwen3-30b-a3b"),
    ],
)
def test_the_model_that_a_longer_name_begins_with_is_meant(name: str, near: str) -> None:
    with pytest.raises(CatalogError, match=f"no model '{name}'; did you mean '{near}'"):
        document(name, "h100")


@pytest.mark.parametrize("name", ["NVIDIA-H100-80GB-HBM3", "NVIDIA H100 80GB HBM3"])
def test_the_accelerator_of_a_product_name_is_meant(name: str) -> None:
    """`nvidia-smi` prints them so."""
    assert document("llama-3.1-8b", name)["accelerator"] == "h100-sxm"


def test_a_measurement_stands_beside_its_prediction() -> None:
    asked = MeasuredTpot(1024, 256, 32, 0.0175)
    found = perf_document(CATALOG, "llama-3.1-8b", ReplicaSpec(accelerator="h100"), measured=[asked])
    (row,) = found["measured"]
    assert row["ratio"] == pytest.approx(row["predicted_tpot_s"] / 0.0175)
    decode_s = next(row["tpot_s"] for row in found["throughput"] if row["batch"] == 32)
    assert row["predicted_tpot_s"] > 0.8 * decode_s
    assert "predicted / measured" in text(found)
    same = MeasuredTpot(1024, 256, 32, row["predicted_tpot_s"])
    again = perf_document(CATALOG, "llama-3.1-8b", ReplicaSpec(accelerator="h100"), measured=[same])["measured"][0]
    assert again["ratio"] == pytest.approx(1)
    assert again["in_95_interval"]


def test_a_steady_state_of_a_linear_step_is_the_step_at_the_mean() -> None:
    """Where the step time is linear, chunks or not make no difference."""
    found = step_time(CATALOG, CATALOG.model("llama-3.1-8b"), CATALOG.accelerator("h100"), GIVEN)
    prefill = 64 * 1000 / 250
    mean_s = found.seconds(prefill, 64, 64 * 1125, prefill * 500)
    assert steady_tpot_s(found, 1000, 250, 64, 8192) == pytest.approx(mean_s)
