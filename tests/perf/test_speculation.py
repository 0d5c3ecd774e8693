"""Speculative decoding: acceptance, tokens per step, verify steps, the memory and the time of drafters."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.catalog import load_catalog
from simcost.errors import CatalogError, InputError
from simcost.perf import ReplicaSpec, StepTime, fit_memory, step_time
from simcost.perf.acceptance import (
    alpha_of_length,
    constant_rates,
    expected_steps,
    rates_of_length,
    tokens_per_step,
    tokens_pmf,
)
from simcost.perf.adapters import AdapterSlots
from simcost.perf.drafting import Drafting
from simcost.perf.pruning import FewerLayers, Sparse24
from simcost.perf.replica import GivenStep
from simcost.perf.speculation import Speculation
from simcost.perf.steady_state import steady_tpot_s

CATALOG = load_catalog()
LLAMA, H100 = CATALOG.model("llama-3.1-8b"), CATALOG.accelerator("h100-sxm")
EAGLE = Speculation(drafter="eagle3", tokens=3, acceptance=0.7)


def vectors(shared: Path, group: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((shared / "vectors/serving_features.json").read_text())["groups"][group]
    return found


def speculating(**fields: object) -> ReplicaSpec:
    return ReplicaSpec(accelerator="h100-sxm", speculation=replace(EAGLE, **fields))  # type: ignore[arg-type]


def test_tokens_and_steps_equal_the_reference(shared: Path) -> None:
    for case in vectors(shared, "speculative"):
        if "alpha" in case:
            rates = constant_rates(case["alpha"], case["k"])
        elif "acceptance_length" in case:
            rates = rates_of_length(case["acceptance_length"], case["k"])
        else:
            rates = tuple(case["rates"])
        expected = case["expected"]
        assert rates == pytest.approx(expected["rates"], rel=1e-9, abs=1e-12)
        assert tokens_pmf(rates) == pytest.approx(expected["pmf"], rel=1e-9, abs=1e-12)
        assert tokens_per_step(rates) == pytest.approx(expected["tokens_per_step"], rel=1e-9)
        assert (tokens_per_step(rates) - 1) / len(rates) == pytest.approx(expected["acceptance_rate"], rel=1e-9)
        assert expected_steps(rates, case["output"]) == pytest.approx(expected["steps"], rel=1e-9)


def test_verify_steps_equal_the_reference(shared: Path) -> None:
    for case in vectors(shared, "spec_step"):
        hinge = case["w"] / case["b"]
        plain = StepTime(
            a_s=case["a"],
            b_s_per_token=0,
            c_s_per_sequence=0,
            d_s_per_token=case["d"],
            q_s_per_pair=0,
            provenance="given",
            source="",
            sigma=0,
            base=((0, case["w"]), (int(hinge), case["w"]), (int(hinge) + 1000, case["w"] + 1000 * case["b"])),
        )
        rates = constant_rates(case["alpha"], case["k"])
        step = replace(plain, draft=Drafting(rates=rates, slots=0, base=((0, 0.0), (1, case["draft"]))))
        batch, expected = case["batch"], case["expected"]
        time = step.seconds(0, batch, batch * case["context"], 0)
        assert time == pytest.approx(expected["step"], rel=1e-9)
        assert time / step.tokens_per_step == pytest.approx(expected["tpot"], rel=1e-9)
        speedup = plain.seconds(0, batch, batch * case["context"], 0) / time * step.tokens_per_step
        assert speedup == pytest.approx(expected["speedup"], rel=1e-9)


@given(alpha=st.floats(0, 1), drafts=st.integers(1, 16))
def test_a_mean_length_gives_back_the_acceptance_it_came_from(alpha: float, drafts: int) -> None:
    length = tokens_per_step(constant_rates(alpha, drafts))
    assert tokens_per_step(constant_rates(alpha_of_length(length, drafts), drafts)) == pytest.approx(length)
    assert tokens_per_step(rates_of_length(length, drafts)) == pytest.approx(length)


@given(rates=st.lists(st.floats(0, 1), min_size=1, max_size=8), output=st.integers(1, 60))
def test_steps_lie_between_those_of_full_and_of_no_acceptance(rates: list[float], output: int) -> None:
    rates.sort(reverse=True)
    steps = expected_steps(rates, output)
    most = max(-(-(output - 1) // (len(rates) + 1)), (output - 1) / tokens_per_step(rates))
    assert most - 1e-9 <= steps <= output - 1 + 1e-9


def test_drafts_that_nobody_accepts_only_cost() -> None:
    plain, useless = (
        step_time(CATALOG, LLAMA, H100, spec)
        for spec in (ReplicaSpec(accelerator="h100-sxm"), speculating(acceptance=0.0))
    )
    for batch in (1, 32, 256):
        assert steady_tpot_s(useless, 1000, 200, batch, 8192) > steady_tpot_s(plain, 1000, 200, batch, 8192)


def test_the_speedup_falls_with_the_batch_and_can_be_a_loss() -> None:
    plain = step_time(CATALOG, LLAMA, H100, ReplicaSpec(accelerator="h100-sxm"))
    words = step_time(CATALOG, LLAMA, H100, speculating(drafter="ngram", acceptance=0.3))
    gains = [
        plain.seconds(0, batch, batch * 1024, 0) / words.seconds(0, batch, batch * 1024, 0) * words.tokens_per_step
        for batch in (1, 32, 64, 128, 256)
    ]
    assert gains == sorted(gains, reverse=True)
    assert gains[0] > 1.3
    assert gains[-1] < 1


def test_rows_of_drafts_cost_as_prefill_tokens_where_the_step_was_measured() -> None:
    step = GivenStep(a=5e-3, b=3e-5, c=4e-5, d=1e-8)
    spec = replace(speculating(drafter="ngram"), step=step)
    time = step_time(CATALOG, LLAMA, H100, spec).seconds(0, 8, 8000, 0)
    assert time == pytest.approx(5e-3 + 8 * (4e-5 + 3 * 3e-5) + 8000 * 1e-8)
    drafted = replace(speculating(draft_time=1e-3), step=step)
    assert step_time(CATALOG, LLAMA, H100, drafted).seconds(0, 8, 8000, 0) == pytest.approx(time + 1e-3)


def test_a_drafter_takes_its_weights_and_its_cache_from_the_cache() -> None:
    plain = fit_memory(LLAMA, H100, ReplicaSpec(accelerator="h100-sxm"), 8192)
    eagle = fit_memory(LLAMA, H100, speculating(), 8192)
    small = CATALOG.model("llama-3.2-1b")
    draft = fit_memory(LLAMA, H100, speculating(drafter=small.name), 8192)
    words = fit_memory(LLAMA, H100, speculating(drafter="ngram"), 8192)
    assert words == plain
    assert eagle.kv_bytes_per_token == plain.kv_bytes_per_token * 33 / 32  # one layer more
    assert draft.drafter_bytes_per_device == 2 * small.parameters
    assert draft.kv_bytes_per_token == plain.kv_bytes_per_token + 2 * 16 * 8 * 64 * 2
    assert plain.kv_capacity_tokens > eagle.kv_capacity_tokens > draft.kv_capacity_tokens


def test_published_acceptance_is_not_that_of_a_pruned_model() -> None:
    """It was taken for that of a model with half of the layers."""
    published = Speculation(drafter="eagle3", tokens=3, task="mt-bench")
    for pruning in (Sparse24(), FewerLayers(layers=16)):
        with pytest.raises(ValueError, match="this one is pruned; state `acceptance` or `length`"):
            ReplicaSpec(accelerator="h100-sxm", speculation=published, pruning=pruning)
        stated = ReplicaSpec(accelerator="h100-sxm", speculation=EAGLE, pruning=pruning)
        assert step_time(CATALOG, LLAMA, H100, stated).tokens_per_step == pytest.approx(2.533)
    adapted = ReplicaSpec(accelerator="h100-sxm", speculation=published, lora=AdapterSlots())
    assert adapted.assumptions[-1].endswith("It was published of the model without adapters.")


def test_published_acceptance_is_that_of_its_positions() -> None:
    maverick = CATALOG.model("llama-4-maverick")
    assert Speculation(drafter="eagle3", tokens=2, task="gsm8k").rates(CATALOG, maverick) == (0.86, 0.70)
    rates = Speculation(drafter="eagle3", tokens=7, task="mt-bench").rates(CATALOG, LLAMA)
    assert tokens_per_step(rates) == pytest.approx(2.77)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"task": "mt bench"}, CatalogError, "did you mean 'mt-bench'"),
        (
            {"task": "gsm8k", "drafter": "mtp"},
            CatalogError,
            r"none of this pair \(of mtp with deepseek-v3\); state `acceptance`",
        ),
        ({"task": "gsm8k", "drafter": "egle3"}, CatalogError, "none of this pair; state `acceptance` or `length`"),
        ({"acceptance": 0.7, "drafter": "egle3"}, CatalogError, "other drafters are eagle3, mtp, ngram"),
        ({"acceptance": 0.7, "drafter": "qwen3-0.6b"}, InputError, "151,936 tokens, llama-3.1-8b 128,256"),
        ({"acceptance": 0.7, "drafter": "llama-3.1-70b"}, InputError, "is not smaller than llama-3.1-8b"),
    ],
)
def test_what_is_not_known_is_an_error_that_says_what_to_do(
    fields: dict[str, object], error: type[Exception], message: str
) -> None:
    spec = speculating(**{"acceptance": None, **fields})
    with pytest.raises(error, match=message):
        step_time(CATALOG, LLAMA, H100, spec)


def test_a_precision_of_a_drafter_without_weights_is_refused() -> None:
    with pytest.raises(ValueError, match="precision int4 has no effect: ngram has no weights; leave it out"):
        Speculation(drafter="ngram", acceptance=0.3, precision="int4")


def test_published_rates_agree_with_their_mean_and_never_rise() -> None:
    rows = [row for row in CATALOG.facts.acceptance if row.rates]
    assert len(rows) >= 5
    for row in rows:
        assert list(row.by_position) == sorted(row.by_position, reverse=True)
        assert tokens_per_step(row.by_position) == pytest.approx(row.tokens_per_step, abs=0.011), row
