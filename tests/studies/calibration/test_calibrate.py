"""A calibration finds the engine that made a run, and says what it cannot know."""

import json
import re
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.observed_runs import (
    BATCHING,
    KV_TOKENS,
    META,
    OVERHEAD_S,
    TRUTH,
    latencies,
    requests,
    rows,
    serve,
    write_folder,
)

from simcost.catalog import load_catalog
from simcost.cli import main
from simcost.errors import InputError, TraceError
from simcost.sim.serving.replay import replay
from simcost.studies.calibration.advice import far_from_catalog, not_identified
from simcost.studies.calibration.engine import engine_of
from simcost.studies.calibration.fit import FittedParameters, fit
from simcost.studies.calibration.parameters import FAR, NEAR, candidate
from simcost.studies.calibration.residuals import METRICS, RunProblem, relative_errors
from simcost.studies.calibration.study import calibrate, overhead_of, step_of, verdict
from simcost.trace.observed import Configuration, read_observation

pytestmark = pytest.mark.slow

SCENARIO = """\
scenario: calibrated
model: llama-3.1-8b
horizon: 5min
workload: {kind: synthetic, rate: 1/s}
slo: {ttft: 1s}
plans:
  - name: ours
    replica: {from: coefficients.yaml}
    buy: {offer: runpod/pod-h100-sxm}
    scaling: {kind: fixed, replicas: 1}
"""


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three benchmark points, and what the command made of them."""
    folder = tmp_path_factory.mktemp("calibrated")
    for clients, tpot_s in ((1, 0.012), (8, 0.014), (32, 0.018)):
        (folder / f"c{clients}.json").write_text(json.dumps(serve(clients, tpot_s=tpot_s, ttft_s=0.05 * clients**0.5)))
    files = [str(path) for path in sorted(folder.glob("c*.json"))]
    words = ["calibrate", *files, "--on", "h100", "-o", str(folder / "coefficients.yaml"), "--quiet", "--json"]
    with redirect_stdout(StringIO()) as printed:
        assert main([*words, "--html", str(folder / "page.html")]) == 0
    (folder / "document.json").write_text(printed.getvalue())
    return folder


def test_the_document_has_what_others_read(calibrated: Path) -> None:
    document = json.loads((calibrated / "document.json").read_text())
    assert {"coefficients", "kv_tokens", "fit", "holdout", "not_identified", "provenance"} <= set(document)
    assert document["points"] == 3
    assert abs(document["fit"]["tpot"]["mean"]) < 0.1
    assert all(row["measure"] for row in document["not_identified"])
    assert "Replay against observation" in (calibrated / "page.html").read_text()


def test_the_engine_that_made_a_run_is_found(tmp_path: Path) -> None:
    observation = read_observation([write_folder(tmp_path, rows(60))])
    assert observation.run is not None
    engine = engine_of(observation.configuration, Configuration(accelerator="h100"), load_catalog(), {})
    problem = RunProblem(engine=engine, run=observation.run, index=np.arange(40))
    found = fit(engine, problem, NEAR).best
    assert found.step.a_s == pytest.approx(TRUTH.a_s, rel=0.03)
    prefill = (1024, 0, 0, 1024 * 512)
    assert found.step.seconds(*prefill) == pytest.approx(TRUTH.seconds(*prefill), rel=0.15)
    assert found.first_token_overhead_s == pytest.approx(OVERHEAD_S, abs=0.01)
    simulated, observed = problem.simulated(found), problem.observed()
    for name in METRICS:
        errors = relative_errors(simulated[name], observed[name], np.arange(40, 60))
        worst = max(abs(errors[key] or 0) for key in ("mean", "p50", "p90", "p95"))
        assert worst < (0.1 if name == "ttft" else 0.04), name  # a request that makes or misses a step moves TTFT


def test_the_range_of_a_coefficient_holds_that_of_the_engine_that_made_the_run(tmp_path: Path) -> None:
    """Or none is stated: valleys that are as deep as the best count, not only the one that the best lies in."""
    truth = replace(TRUTH, q_s_per_pair=0.0)
    found = calibrate([write_folder(tmp_path, rows(160, truth))], load_catalog()).document
    unknown = {row["coefficient"] for row in found["not_identified"]}
    assert found["coefficients_95"]
    assert not unknown & set(found["coefficients_95"])
    for name, each in found["coefficients_95"].items():
        true = OVERHEAD_S if name == "first_token_overhead_s" else getattr(truth, name)
        assert 0.98 * each["lo"] <= true <= 1.02 * each["hi"], name
        assert each["lo"] <= found["coefficients"][name] <= each["hi"], name


def test_requests_of_one_output_token_are_calibrated_without_a_tpot(tmp_path: Path) -> None:
    """As of a classifier: neither a factor on the TPOT nor a spread is taken of a mean of nothing."""
    lines = [line | {"output_toks": 1, "last_token_ts": line["first_token_ts"]} for line in rows(30)]
    command = ["calibrate", str(write_folder(tmp_path / "run", lines)), "--on", "h100", "--quiet", "--json"]
    with redirect_stdout(StringIO()) as printed:
        assert main([*command, "-o", str(tmp_path / "coefficients.yaml")]) == 0
    document = json.loads(printed.getvalue())
    assert document["engine_factor"] is None
    assert 0.03 <= document["sigma"] < 1
    assert document["fit"]["tpot"]["mean"] is None
    assert document["fit"]["e2e"]["mean"] is not None


def test_points_that_no_replay_comes_near_are_not_hidden_by_the_median(tmp_path: Path) -> None:
    for clients, tpot_s in ((1, 0.012), (4, 0.012), (8, 0.013), (16, 0.05)):
        (tmp_path / f"c{clients}.json").write_text(json.dumps(serve(clients, tpot_s=tpot_s)))
    found = calibrate(
        sorted(tmp_path.glob("c*.json")), load_catalog(), given=Configuration(accelerator="h100")
    ).document
    sizes = [abs(row["tpot"]["mean"]) for row in found["each_point"]]
    assert found["worst_point"]["tpot"] >= max(sizes) > found["fit"]["tpot"]["mean"]
    assert f"{found['worst_point']['tpot']:.1%} TPOT" in found["verdict"]
    assert "poor_points" in [one["kind"] for one in found["findings"]]


@pytest.mark.parametrize(("accelerator", "told"), [(None, True), ("h100", False)])
def test_a_coefficient_that_stays_0_is_told_where_prompts_are_long(accelerator: str | None, told: bool) -> None:
    known = Configuration(model="llama-3.1-8b", accelerator=accelerator, kv_tokens=200_000)
    engine = engine_of(known, Configuration(), load_catalog(), {})
    best = candidate(engine.start, np.zeros(5), FAR.reach)
    fitted = FittedParameters(x=np.zeros(5), best=best, loss=0.0, spread=np.zeros(5), alike=(best,))
    said = [row["reason"] for row in not_identified(engine, fitted, FAR, 20_000)]
    assert ["taken as 0" in one for one in said] == [True] * told
    [short] = [row["reason"] for row in not_identified(engine, fitted, FAR, 6_000)]
    assert short.startswith("no prompt is longer than 6,000 tokens")
    assert short.endswith("taken as 0, so that b holds its part") == told


def test_a_scenario_takes_the_file(calibrated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = calibrated / "scenario.yaml"
    path.write_text(SCENARIO)
    assert main(["run", str(path), "--seeds", "2", "--json", "--quiet", "--out", str(calibrated / "out")]) == 0
    document = json.loads(capsys.readouterr().out)
    assert any("coefficients.yaml" in name for name in document["provenance"]["inputs"])
    said = " ".join(document["assumptions"])
    assert re.search(r"calibrated .*; observed: prompts up to [\d,]+ tokens, 32 requests at a time", said)
    assert "outside of its engine before its first token" in said


@pytest.mark.parametrize(
    ("replica", "said"),
    [
        ("{from: nothing.yaml}", "nothing.yaml: cannot be read"),
        ("{from: scenario2.yaml}", "holds no `replica:`"),
        ("{from: ../up.yaml}", "lies outside"),
        ("{from: 3}", "is not the name of a file"),
        ("{from: coefficients.yaml, tp: 2}", "was measured with tp 1, which says nothing of 2"),
        ("{from: coefficients.yaml, precision: fp8}", "was measured in bf16, which says nothing of fp8"),
        ("{from: coefficients.yaml, accelerator: l4}", "was measured on h100"),
    ],
)
def test_a_reference_that_leads_nowhere_is_said_at_its_place(
    replica: str, said: str, calibrated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = calibrated / "scenario2.yaml"
    path.write_text(SCENARIO.replace("{from: coefficients.yaml}", replica))
    assert main(["check", str(path)]) == 2
    assert said in capsys.readouterr().err


def test_one_point_is_a_factor_on_the_whole_step(tmp_path: Path) -> None:
    point = tmp_path / "c8.json"
    point.write_text(json.dumps(serve(8, tpot_s=0.03)))
    catalog, given = load_catalog(), Configuration(accelerator="h100", max_num_seqs=64, max_num_batched_tokens=2048)
    result = calibrate([point], catalog, given=given)
    before = engine_of(result.observation.configuration, given, catalog, {}).start
    factor = step_of(result).a_s / before.a_s
    assert factor > 2
    assert step_of(result).d_s_per_token == pytest.approx(factor * before.d_s_per_token)
    assert overhead_of(result) == 0
    assert result.document["fit"]["tpot"]["mean"] == pytest.approx(0, abs=0.02)
    assert result.sigma >= 0.12
    missing = [row["coefficient"] for row in result.document["not_identified"]]
    assert {"a_s", "b_s_per_token", "c_s_per_sequence", "d_s_per_token"} <= set(missing)


@pytest.mark.parametrize(("factor", "told"), [(None, False), (0.45, True), (0.55, False), (1.9, False), (2.1, True)])
def test_an_engine_far_from_the_catalog_may_be_another(factor: float | None, told: bool) -> None:
    found = far_from_catalog(factor, Configuration(model="llama-3.1-70b", accelerator="h100-sxm", tp=4))
    assert bool(found) == told
    assert not told or f"{factor:g} times as long as the catalog expects of llama-3.1-70b on 4 x" in found[0]["message"]


def test_an_aggregate_without_its_load_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "l.json").write_text(json.dumps({"avg_latency": 1.0, "latencies": [1.0]}))
    assert main(["calibrate", str(tmp_path / "l.json"), "-o", str(tmp_path / "c.yaml"), "--quiet"]) == 2
    assert "does not write the shape of its batch" in capsys.readouterr().err


def test_nothing_but_the_data_counts_where_the_accelerator_is_not_known(tmp_path: Path) -> None:
    observation = read_observation([write_folder(tmp_path, rows(20))])
    engine = engine_of(observation.configuration, Configuration(), load_catalog(), {})
    assert (engine.spec, engine.expected, engine.kv_tokens) == (None, None, 200_000)


def test_the_true_engine_has_no_residual() -> None:
    batch = requests(25)
    truth = latencies(batch)
    assert np.isfinite(truth.e2e_s).all()
    assert relative_errors(truth.e2e_s, truth.e2e_s, np.arange(25))["p95"] == 0
    x = np.array([0.3, -0.2, 0.1, 0.0, 2.0])
    tried = candidate(TRUTH, x, NEAR.reach)
    assert tried.step.a_s == pytest.approx(TRUTH.a_s * np.exp(0.3))
    assert tried.step.b_s_per_token == pytest.approx(TRUTH.b_s_per_token * np.exp(0.1))
    assert tried.first_token_overhead_s == pytest.approx(0.02)


def test_a_real_run_predicts_its_later_half(shared: Path) -> None:
    """The developers' goal: TPOT and E2E within 4 %, TTFT within 8 %."""
    observation = read_observation([shared / "data/observed/RTXPRO6000_Qwen3-32B"])
    engine = engine_of(observation.configuration, Configuration(accelerator="rtx-pro-6000"), load_catalog(), {})
    assert observation.run is not None
    problem = RunProblem(engine=engine, run=observation.run, index=np.arange(150))
    best = fit(engine, problem, NEAR).best
    simulated, observed = problem.simulated(best), problem.observed()
    for name in METRICS:
        errors = relative_errors(simulated[name], observed[name], np.arange(150, 300))
        limit = 0.08 if name == "ttft" else 0.04
        assert all(abs(errors[key] or 0) < limit for key in ("mean", "p50", "p90", "p95")), (name, errors)


@pytest.mark.parametrize(
    ("stated", "given", "told"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-70b", True),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b", False),
        (None, "llama-3.1-8b", False),
        ("llama-3.1-8b", None, False),
    ],
)
def test_times_of_another_model_are_told(stated: str | None, given: str | None, told: bool) -> None:
    asked = Configuration(model=given, accelerator="h100", tp=8)
    found = engine_of(Configuration(model=stated), asked, load_catalog(), {})
    assert ["other_model" in str(said) for said in found.findings if "is of" in str(said)] == ([True] if told else [])


@pytest.mark.parametrize(
    ("stated", "precision", "named"),
    [
        ("neuralmagic/Meta-Llama-3.1-8B-Instruct-FP8", "bf16", "fp8"),
        ("neuralmagic/Meta-Llama-3.1-8B-Instruct-FP8", "fp8", None),
        ("hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4", "bf16", "int4"),
        ("meta-llama/Llama-3.1-8B-Instruct", "fp8", None),
    ],
)
def test_a_precision_that_the_name_of_the_model_says_is_told(stated: str, precision: str, named: str | None) -> None:
    """Times of a checkpoint in fp8 were fitted as those of bf16 weights, with their memory, without a word."""
    asked = Configuration(model="llama-3.1-8b", accelerator="h100")
    found = engine_of(Configuration(model=stated), asked, load_catalog(), {"precision": precision})
    told = [said["message"] for said in found.findings if said["kind"] == "other_precision"]
    assert [f"pass --precision {named}" in message for message in told] == [True] * (named is not None)


@pytest.mark.parametrize(("device", "ttft_s", "off"), [("h100", 0.06, False), (None, 20.0, True)])
def test_a_ttft_that_no_step_time_makes_is_told(tmp_path: Path, device: str | None, ttft_s: float, off: bool) -> None:
    """Two clients and 20 ms a token: without an accelerator only the factor of the whole step is fitted to one point,
    and no such factor makes a prompt of 512 tokens take 20 s.
    """
    file = tmp_path / "c2.json"
    file.write_text(json.dumps(serve(2, tpot_s=0.02, ttft_s=ttft_s)))
    found = calibrate([file], load_catalog(), given=Configuration(accelerator=device))
    said = verdict(found.document, found.observation)
    assert ("replay is off by up to" in said) is off
    assert ("judge no limit on TTFT" in str(found.document["findings"])) is off


def of_two_engines(folder: Path, meta: dict[str, Any]) -> Path:
    batch = requests(160, rate_per_s=40.0)  # 52 decode at once: more than one engine takes
    found = replay(
        batch, TRUTH, batching=BATCHING, kv_capacity_tokens=KV_TOKENS, first_token_overhead_s=OVERHEAD_S, engines=2
    )
    lines = rows(160)
    for line, at, ttft, e2e, prompt, output in zip(
        lines, batch.arrival_ns / 1e9, found.ttft_s, found.e2e_s, batch.prompt_tokens, batch.output_tokens, strict=True
    ):
        line |= {"arrival_time": 1.7e9 + at, "queued_ts": 5000 + at, "scheduled_ts": 5000 + at}
        line |= {"input_toks": int(prompt), "output_toks": int(output)}
        line |= {"first_token_ts": 5000 + at + ttft, "last_token_ts": 5000 + at + e2e}
    return write_folder(folder, lines, meta)


def test_a_log_of_two_ranks_is_that_of_two_engines_behind_one_queue(tmp_path: Path) -> None:
    """The step time is that of one; taken for the log of one engine, it is refused or another."""
    ranks = META | {"engine_kwargs": META["engine_kwargs"] | {"data_parallel_size": 2}}
    stated = calibrate([of_two_engines(tmp_path / "stated", ranks)], load_catalog())
    assert stated.document["fit"]["tpot"]["mean"] == pytest.approx(0, abs=0.03)
    assert stated.fitted.best.step.a_s == pytest.approx(TRUTH.a_s, rel=0.2)
    assert [one["count"] for one in stated.document["findings"] if one["kind"] == "pool"] == [2]
    silent = of_two_engines(tmp_path / "silent", META)
    with pytest.raises(TraceError, match=r"sequences decode at once, but the engine takes 32.*--engines N"):
        calibrate([silent], load_catalog())
    asked = calibrate([silent], load_catalog(), given=Configuration(engines=2))
    assert asked.document["coefficients"] == stated.document["coefficients"]


def test_engines_are_of_a_log_whose_requests_come_by_themselves(tmp_path: Path) -> None:
    point = tmp_path / "c4.json"
    point.write_text(json.dumps(serve(4)))
    with pytest.raises(InputError, match="--engines is for a log of requests"):
        calibrate([point], load_catalog(), given=Configuration(engines=2))
