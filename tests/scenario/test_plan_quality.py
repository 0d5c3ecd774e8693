"""Plans with a model, number formats and pruning of their own: what follows of them, and their quality."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.commands import call, refused
from support.scenarios import write

from simcost.catalog import load_catalog
from simcost.perf import ReplicaSpec, step_time
from simcost.perf.adapters import AdapterSlots
from simcost.perf.pruning import FewerLayers, NarrowerLayers, Sparse24
from simcost.perf.quality import published_quality
from simcost.present.terminal import text
from simcost.scenario.checks.load import find_faults, load, load_with_services
from simcost.scenario.inputs.model_quality import model_qualities, service_qualities
from simcost.scenario.runs.check import check
from simcost.scenario.runs.provenance import assumptions
from simcost.scenario.runs.resolve import settle
from simcost.scenario.runs.run import run
from simcost.scenario.schema.loaded_scenario import LoadedScenario, LoadedServices
from simcost.studies.plans.sections import parts

CATALOG = load_catalog()
LLAMA = CATALOG.model("llama-3.1-8b")
FOUR = """\
scenario: levers
model: llama-3.1-8b
horizon: 10min
seeds: 1
quality: {metric: mmlu, at_least: 63}
workload:
  kind: synthetic
  rate: 0.5/s
  lengths: {prompt_median: 100, output_median: 20}
slo: {ttft: 1s, attainment: 95%}
defaults:
  buy: {offer: aws/g7e.2xlarge}
plans:
  - name: whole
    replica: {accelerator: rtx-pro-6000}
    scaling: {kind: fixed, replicas: 3}
  - name: eight
    replica: {accelerator: rtx-pro-6000, precision: fp8}
    scaling: {kind: fixed, replicas: 2}
  - name: small
    model: llama-3.1-minitron-4b-width
    replica: {accelerator: rtx-pro-6000}
    scaling: {kind: fixed, replicas: 1}
"""
ADAPTED = ("precision: fp8}", "lora: {slots: 4}}")


def result(folder: Path, *changes: tuple[str, str]) -> dict[str, Any]:
    return run(load(write(folder, *changes, text=FOUR)), folder / "out")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("at_least: 63", "at_least: 0.63"), "`quality.at_least` (0.63) looks like a share, beside 60.5 to 65.32 in"),
        (
            ("  - name: small\n", "  - name: small\n    quality: {metric: mmlu, value: 0.66}\n"),
            "the score of small (0.66) looks like a share, beside 63 to 65.32 in per cent",
        ),
    ],
)
def test_a_share_beside_scores_in_per_cent_is_told(change: tuple[str, str], said: str, tmp_path: Path) -> None:
    """A gate of 0.63 would be passed by every model that scores 60 of 100, and a model of 0.66 fail one of 63."""
    file = write(tmp_path, change, text=FOUR)
    notes = check(file)["notes"]
    assert [note for note in notes if note.startswith(said)]
    question = settle(load(file), seed=None, seeds=None)
    assert set(notes) <= set(assumptions(question))


def test_scores_alike_are_not_told(tmp_path: Path) -> None:
    names = ("whole", "eight", "small")
    stated = [(f"name: {name}\n", f"name: {name}\n    quality: {{metric: own, value: 0.8}}\n") for name in names]
    for changes in ([], [("metric: mmlu, at_least: 63", "metric: own, at_least: 0.7"), *stated]):
        assert check(write(tmp_path, *changes, text=FOUR))["notes"] == []


def test_a_plan_of_another_model_takes_its_steps_and_its_memory(tmp_path: Path) -> None:
    question = settle(load(write(tmp_path, text=FOUR)), seed=None, seeds=None)
    whole, eight, small = question.plans
    assert small.pool.name.startswith("llama-3.1-minitron-4b-width")
    assert small.memory.weights_bytes == 2 * CATALOG.model("llama-3.1-minitron-4b-width").parameters
    assert eight.memory.weights_bytes < whole.memory.weights_bytes
    assert whole.pool.step.seconds(4096, 0, 0, 0) > small.pool.step.seconds(4096, 0, 0, 0)
    assert "same configuration" not in small.pool.step.source


@pytest.mark.parametrize(
    ("name", "shape"), [("deepseek-ai/DeepSeek-R1", "deepseek-v3"), ("llama-3.3-70b", "llama-3.1-70b")]
)
def test_other_weights_of_a_shape_take_its_steps_but_not_its_quality(name: str, shape: str) -> None:
    model, same, h200 = CATALOG.model(name), CATALOG.model(shape), CATALOG.accelerator("h200")
    spec = ReplicaSpec(accelerator="h200", tp=8, precision="fp8")
    assert (model.name, model.shape) == (name.rpartition("/")[2].lower(), shape)
    assert step_time(CATALOG, model, h200, spec) == step_time(CATALOG, same, h200, spec)
    assert published_quality(CATALOG, model, spec, "mmlu").value is None
    assert f"no mmlu of {model.name}" in published_quality(CATALOG, model, spec, "mmlu").source


def test_scores_of_own_files_are_of_the_weights_that_they_name(tmp_path: Path) -> None:
    (tmp_path / "quality.csv").write_text(
        "model,metric,precision,value,source,as_of,quality\nllama-3.3-70b,mmlu,bf16,86,card,2024-12,A\n"
    )
    catalog, spec = load_catalog(tmp_path), ReplicaSpec(accelerator="h100")
    found = [published_quality(catalog, catalog.model(f"llama-3.{i}-70b"), spec, "mmlu").value for i in (1, 3)]
    assert found == [79.3, 86]


def test_the_cheapest_plan_that_is_not_good_enough_does_not_win(tmp_path: Path) -> None:
    document = result(tmp_path)
    assert [plan["model"] for plan in document["plans"]] == [
        "llama-3.1-8b",
        "llama-3.1-8b",
        "llama-3.1-minitron-4b-width",
    ]
    assert [plan["quality"]["value"] for plan in document["plans"]] == [65.3, 65.32, 60.5]
    assert [plan["quality"]["met"] for plan in document["plans"]] == [True, True, False]
    assert all(plan["slo"]["met"] for plan in document["plans"])
    assert document["best"] == "eight"
    assert "with mmlu of at least 63" in document["verdict"]
    assert "cheaper, but not good enough: small (mmlu 60.5)" in document["verdict"]
    assert any("tokens of the workload" in line and line.startswith("small:") for line in document["assumptions"])
    shown = text(document, parts(document))
    assert "60.5, too low" in shown
    assert "arXiv 2408.11796" in shown


def test_without_a_gate_quality_is_shown_and_decides_nothing(tmp_path: Path) -> None:
    document = result(tmp_path, ("quality: {metric: mmlu, at_least: 63}\n", ""))
    assert document["best"] == "small"
    assert [plan["quality"]["met"] for plan in document["plans"]] == [None] * 3
    assert {plan["quality"]["metric"] for plan in document["plans"]} == {"mmlu"}
    assert "mmlu" in text(document, parts(document))


def test_an_unknown_quality_is_a_named_gap_and_passes_no_gate(tmp_path: Path) -> None:
    document = result(tmp_path, ADAPTED)
    quality = document["plans"][1]["quality"]
    assert (quality["value"], quality["met"]) == (None, False)
    assert "no score of a model with its adapters is published" in quality["source"]
    assert document["best"] == "whole"
    assert "eight (mmlu not known)" in document["verdict"]
    assert any("LoRA: 4 adapters of rank 16" in line for line in document["assumptions"])


OTHER = "replica: {accelerator: rtx-pro-6000, precision: int4}"
ONE_POOL = f"router: weighted-random\n    pools: [{{name: a}}, {{name: b, {OTHER}}}]"
APART = f"disaggregation: {{scaling: {{kind: fixed, replicas: 1}}, link: {{bandwidth: 25GB/s}}, {OTHER}}}"
API = "admission: {max_ongoing: 1, max_queued: 0}\n    overflow: {api: groq/llama-3.1-8b-instant, ttft: 1s, tpot: 9ms}"


@pytest.mark.parametrize(
    ("part", "value", "source"),
    [
        (ONE_POOL, 63.9, "pool b: 65.3 in bf16"),
        (APART, 63.9, "prefill replicas: 65.3 in bf16"),
        (API, 65.32, "answers of groq/llama-3.1-8b-instant are not in it"),
    ],
)
def test_a_plan_is_as_good_as_its_replicas_that_answer_worst(
    tmp_path: Path, part: str, value: float, source: str
) -> None:
    eight = "scaling: {kind: fixed, replicas: 2}"
    loaded = load_with_services(write(tmp_path, (eight, f"{eight}\n    {part}"), text=FOUR))
    assert isinstance(loaded, LoadedScenario)
    found = model_qualities(loaded)["eight"]
    assert found.value == pytest.approx(value)
    assert source in found.source
    assert found.without_api == ("groq/llama-3.1-8b-instant" if part == API else None)


def test_a_stated_quality_takes_the_place_of_a_published_one(tmp_path: Path) -> None:
    own = ("  - name: small\n", "  - name: small\n    quality: {metric: mmlu, value: 64, source: our own run}\n")
    document = result(tmp_path, own)
    stated = {"metric": "mmlu", "value": 64.0, "source": "our own run", "without_api": None}
    assert document["plans"][2]["quality"] == stated | {"met": True}
    assert document["best"] == "small"
    assert json.loads((tmp_path / "out" / "result.json").read_text())["quality"] == {"metric": "mmlu", "at_least": 63.0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("metric: mmlu", "metric: mmul"), "no score of 'mmul'; did you mean 'mmlu'"),
        (("model: llama-3.1-minitron-4b-width", "model: minitron"), "no model 'minitron'"),
        (
            ("  - name: small\n", "  - name: small\n    quality: {metric: gsm8k, value: 1}\n"),
            "is of gsm8k, the plans are compared by mmlu",
        ),
        (("precision: fp8}", "pruning: {kind: 2:5}}"), "2:5"),
        (("precision: fp8}", "precision: fp4, pruning: {kind: 2:4}}"), "fp4 weights is not modelled"),
        (("model: llama-3.1-8b\n", ""), "is required, and missing"),
    ],
)
def test_faults_name_their_place(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    faults = find_faults(write(tmp_path, change, text=FOUR))
    assert any(message in fault.message and fault.line for fault in faults), faults


def test_a_scenario_needs_no_model_where_all_plans_name_one(tmp_path: Path) -> None:
    named = FOUR.replace("model: llama-3.1-8b\n", "", 1).replace("defaults:\n", "defaults:\n  model: llama-3.1-8b\n")
    assert find_faults(write(tmp_path, text=named)) == []


@pytest.mark.usefixtures("no_pictures")
def test_the_gate_of_quality_fails_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = call("run", write(tmp_path, text=FOUR), "--fail-on", "quality", "--quiet")
    assert said.code == 1
    assert "quality missed by small" in said.err
    ungated = write(tmp_path, (", at_least: 63", ""), text=FOUR)
    assert "needs `quality: {metric: ..., at_least: ...}`" in refused("run", ungated, "--fail-on", "quality")


def quality(metric: str = "mmlu", **spec: Any) -> Any:
    return published_quality(CATALOG, LLAMA, ReplicaSpec(accelerator="h100", **spec), metric)


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        ({}, 65.3),
        ({"precision": "fp4"}, 65.3 - 3.9),
        ({"pruning": Sparse24(), "precision": "int4"}, 65.3 - 4.8 - 1.4),
        ({"pruning": NarrowerLayers(hidden=3072, ffn=9216)}, 60.5),
        ({"pruning": FewerLayers(layers=16), "precision": "fp8"}, 58.7 + 0.02),
    ],
)
def test_published_changes_add_up(spec: dict[str, Any], value: float) -> None:
    found = quality(**spec)
    assert found.value == pytest.approx(value)
    assert found.source.count("20") >= len(spec) + 1


@pytest.mark.parametrize(
    "spec",
    [{"kv_precision": "fp8"}, {"precision": "int8"}, {"pruning": FewerLayers(layers=20)}, {"lora": AdapterSlots()}],
)
def test_what_nobody_published_is_not_known(spec: dict[str, Any]) -> None:
    found = quality(**spec)
    assert found.value is None
    assert "state `quality` of the plan" in found.source


def test_a_loss_of_products_in_few_bits_is_told_where_the_weights_alone_have_them() -> None:
    words = "; h100-sxm has the weights alone in fp4, which may lose less than published"
    assert quality(precision="fp4").source.endswith(words)
    blackwell = published_quality(CATALOG, LLAMA, ReplicaSpec(accelerator="b200", precision="fp4"), "mmlu")
    assert quality(precision="fp4").source == blackwell.source + words
    assert "weights alone" not in quality(precision="fp8").source


def test_pruning_and_distillation_of_one_shape_have_one_quality() -> None:
    distilled = CATALOG.model("llama-3.1-minitron-4b-width")
    found = published_quality(CATALOG, distilled, ReplicaSpec(accelerator="h100"), "gsm8k")
    assert found.value == quality("gsm8k", pruning=NarrowerLayers(hidden=3072, ffn=9216)).value == 41.2


ANSWERS = """
scenario: answers
horizon: 5min
quality: {metric: openllm-v1, at_least: 80}
services:
  - name: chat
    workload: {kind: synthetic, rate: 1/s}
    slo: {ttft: 8s}
  - name: expert
    model: llama-3.1-70b
    workload: {kind: synthetic, rate: 1/s}
    slo: {ttft: 8s}
defaults:
  scaling: {kind: fixed, replicas: 1}
plans:
  - name: one
    services:
      chat:
        model: llama-3.1-8b
        replica: {accelerator: l40s}
        buy: {offer: aws/g6e.xlarge}
      expert:
        replica: {accelerator: h100, tp: 4}
        buy: {offer: aws/p5.48xlarge}
"""
LARGE, SMALL = 84.4, 73.79
"""Published scores of the two models."""
TO_EXPERT = "buy: {offer: aws/g6e.xlarge}\n        cascade: {to: expert, escalate: SHARE}"
TO_CHAT = "buy: {offer: aws/p5.48xlarge}\n        fallback: {to: chat}"
OWN = TO_EXPERT.replace("SHARE", "30%") + "\n        quality: {metric: openllm-v1, value: 81, source: our judge}"


@pytest.mark.parametrize(
    ("change", "chat", "expert"),
    [
        (("", ""), SMALL, LARGE),
        (("buy: {offer: aws/g6e.xlarge}", TO_EXPERT.replace("SHARE", "0%")), SMALL, LARGE),
        (("buy: {offer: aws/g6e.xlarge}", TO_EXPERT.replace("SHARE", "30%")), SMALL, LARGE),
        (("buy: {offer: aws/g6e.xlarge}", TO_EXPERT.replace("SHARE", "100%")), LARGE, LARGE),
        (("buy: {offer: aws/p5.48xlarge}", TO_CHAT), SMALL, SMALL),
        (("buy: {offer: aws/g6e.xlarge}", OWN), 81.0, LARGE),
    ],
)
def test_a_service_is_as_good_as_the_worst_that_answers_its_clients(
    tmp_path: Path, change: tuple[str, str], chat: float, expert: float
) -> None:
    """One that sends all on is as good as the other, one that sends nothing on as good as alone."""
    loaded = load_with_services(write(tmp_path, *[change] if change[0] else [], text=ANSWERS))
    assert isinstance(loaded, LoadedServices)
    found = service_qualities(loaded)["one"]
    assert {name: quality.value for name, quality in found.items()} == {"chat": chat, "expert": expert}
    assert found["chat"].model == "llama-3.1-8b"


def test_a_service_that_others_answer_too_says_which_answers_its_quality_is_of(tmp_path: Path) -> None:
    change = ("buy: {offer: aws/g6e.xlarge}", TO_EXPERT.replace("SHARE", "30%"))
    loaded = load_with_services(write(tmp_path, change, text=ANSWERS))
    assert isinstance(loaded, LoadedServices)
    assert service_qualities(loaded)["one"]["chat"].source.startswith("answers of chat, the worst of chat and expert: ")


def test_an_answer_of_unknown_quality_makes_that_of_the_service_unknown(tmp_path: Path) -> None:
    unknown = ("replica: {accelerator: h100, tp: 4}", "replica: {accelerator: h100, tp: 4, kv_precision: fp8}")
    change = ("buy: {offer: aws/g6e.xlarge}", TO_EXPERT.replace("SHARE", "100%"))
    loaded = load_with_services(write(tmp_path, unknown, change, text=ANSWERS))
    assert isinstance(loaded, LoadedServices)
    chat = service_qualities(loaded)["one"]["chat"]
    assert (chat.value, chat.reaches(80)) == (None, False)
    assert "answers of expert" in chat.source
    assert "kv_precision fp8" in chat.source
