"""`simcost optimize`: the plan that enumeration finds, whatever the number of workers; spaces, bounds, bad input."""

from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest
import yaml
from support.commands import TINY, call, contents, refused, scenario

from simcost.compare.entrants import Entrant
from simcost.compare.racing import Race
from simcost.compare.scores import RunScore, holds
from simcost.scenario.checks.load import load
from simcost.scenario.inputs.variations import variations
from simcost.scenario.runs import search_time
from simcost.scenario.runs.candidates import Candidates
from simcost.scenario.runs.execution import workers_of
from simcost.scenario.runs.resolve import settle
from simcost.scenario.runs.simulations import Simulations
from simcost.slo import Check
from simcost.studies.optimizing import search
from simcost.studies.optimizing.charts import service_level
from simcost.studies.optimizing.confirmed import ConfirmedRace

pytestmark = pytest.mark.slow

SPACE = (
    TINY.replace("attainment: 95%", "tpot: 40ms, attainment: 95%")
    .replace("seeds: 2", "seeds: 3")
    .replace("rate: 1/s", "rate: 6/s")
)
SPACE = SPACE.partition("  - name: scaled")[0] + (
    "vary:\n"
    "  - - {replica: {precision: bf16}}\n"
    "    - {name: quantised, replica: {precision: fp8}}\n"
    "    - {replica: {accelerator: h100}}\n"
    "    - {replica: {accelerator: l40s}, buy: {offer: aws/g6e.xlarge}}\n"
    "  - - {scaling: {kind: fixed, replicas: 1}}\n"
    "    - {scaling: {kind: fixed, replicas: 2}}\n"
    "    - {scaling: {kind: fixed, replicas: 3}}\n"
    "    - {scaling: {kind: target-concurrency, target: 4, min: 1, max: 3, scale_down_delay: 1min}}\n"
)
SHARED = """\
scenario: joint
horizon: 5min
seeds: 2
services:
  - name: a
    model: llama-3.2-1b
    workload: {kind: synthetic, rate: 14/s, lengths: {prompt_median: 300, output_median: 200}}
    slo: {e2e: 20s, attainment: 100%}
  - name: b
    model: llama-3.2-1b
    workload: {kind: synthetic, rate: 1/s, lengths: {prompt_median: 300, output_median: 200}}
    slo: {e2e: 20s, attainment: 100%}
defaults: {replica: {accelerator: l4}, scaling: {kind: fixed, replicas: 1}}
plans:
  - name: p
    buy: {offer: aws/g6.12xlarge}
    services: {a: {}, b: {}}
vary: [{path: services.b.scaling.replicas, values: [1, 2]}]
"""


def optimized(file: Path, *more: object) -> dict[str, Any]:
    said = call("optimize", file, "--json", "--quiet", *more)
    assert said.code == 0, said.err
    return said.document()


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("space")
    file = scenario(folder, text=SPACE)
    return file, optimized(file, "--out", folder / "out", "--jobs", 1)


def test_the_document_and_what_is_shown(answer: tuple[Path, dict[str, Any]]) -> None:
    file, document = answer
    assert document["candidates"] == 16
    assert {"frontier", "gap", "confidence", "simulated", "runner_up"} <= document.keys()
    assert document["best"]["lower_bounds"]["attainment"] >= 0.95
    assert document["bound_usd_per_month"] <= document["best"]["cost_usd"]["per_month"]
    wrong = [one for one in document["excluded"] if "h100" in one["reason"]]
    assert [one["count"] for one in wrong] == [4], "the offer has other accelerators"
    named = [one for one in (document["best"], document["runner_up"]) if one]
    assert len(named) + sum(one["count"] for one in document["excluded"]) == document["candidates"]
    said = call("optimize", file, "--quiet", "--out", file.parent / "out", "--svg", file.parent / "a.svg")
    assert said.out.replace("\n", " ").startswith(document["verdict"])
    assert max(map(len, said.out.splitlines())) <= 100


def test_the_front_has_the_figures_of_a_run_and_the_verdict_those_of_fresh_seeds(
    answer: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """One plan with two costs: the note says which is of which seeds."""
    file, document = answer
    best = document["best"]
    written = yaml.safe_load(file.read_text(encoding="utf-8")) | {"plans": [best["plan"]]}
    del written["vary"]
    again = scenario(tmp_path, text=yaml.safe_dump(written))
    [plan] = call("run", again, "--out", tmp_path / "out", "--json", "--quiet").document()["plans"]
    [point] = [one for one in document["frontier"] if one["name"] == best["name"]]
    of_run = [plan["cost_usd"]["per_month"], plan["slo"]["attainment"]]
    assert of_run == pytest.approx([point["usd_per_month"], point["attainment"]], rel=1e-9)
    assert of_run != pytest.approx([best["cost_usd"]["per_month"], best["slo"]["attainment"]], rel=1e-9)
    said = call("optimize", file, "--quiet", "--out", file.parent / "out").out.replace("\n  ", " ")
    assert "the front has those of the search, on the seeds of `simcost run`" in said


def test_the_answer_does_not_depend_on_workers_or_on_what_is_stored(answer: tuple[Path, dict[str, Any]]) -> None:
    file, document = answer
    stored = contents(file.parent / "out")
    rmtree(file.parent / "out" / "answers")
    assert optimized(file, "--out", file.parent / "out", "--jobs", 3) == document
    assert contents(file.parent / "out") == stored, "nothing was simulated again, and the answer has the same bytes"


def test_a_repeated_question_is_answered_without_a_search(
    answer: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, document = answer
    monkeypatch.setattr(search, "search", lambda *_: 1 / 0)
    assert optimized(file, "--out", file.parent / "out") == document
    for changed in (("--seeds", 4), ("--seed", 3)):
        with pytest.raises(ZeroDivisionError):
            optimized(file, "--out", file.parent / "out", *changed)


def test_a_search_that_takes_long_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    optimized(scenario(tmp_path, text=SPACE), "--out", tmp_path / "quick", "--jobs", 1)
    assert not caplog.text, "it is short"
    monkeypatch.setattr(search_time, "LONG_S", 1e-3)
    monkeypatch.setattr(search_time, "FEW_SEEDS", 1)
    optimized(scenario(tmp_path, text=SPACE), "--out", tmp_path / "out", "--jobs", 1)
    [said] = [record.getMessage() for record in caplog.records]
    assert "the search takes about" in said
    assert "--seeds 1 would take about" in said


def test_time_is_told_by_the_requests_before_and_by_simulations_after(caplog: pytest.LogCaptureFixture) -> None:
    time = search_time.SearchTime(Path("days.yaml"), seeds=20, horizon_s=864e3, requests=69e6, jobs=1)
    time.begin(1080)
    time.begin(1080)
    [record] = caplog.records
    assert record.getMessage().startswith("days.yaml: the search takes about 2.68 h: --seeds 5 and a horizon of 1d ")
    assert "would take about 4.03 min; coarser values" in record.getMessage()
    assert time.progress(1) == (1 / 350, "1 simulation")
    assert time.progress(2) == (2 / 350, "2 simulations"), "the line of progress says how long it takes"


def test_the_plan_is_one_that_can_be_run(answer: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    import yaml

    file, document = answer
    text = yaml.safe_load(file.read_text())
    text["plans"] = [document["best"]["plan"]]
    del text["vary"]
    ran = tmp_path / "best.yaml"
    ran.write_text(yaml.safe_dump(text), encoding="utf-8")
    seed = document["provenance"]["confirmation_seed"]
    said = call("run", ran, "--seed", seed, "--out", tmp_path / "out", "--quiet", "--json").document()
    assert said["plans"][0]["cost_usd"] == document["best"]["cost_usd"], "a space of one plan is a run"


def test_bounds_hold_and_the_winner_is_the_enumerated_one(answer: tuple[Path, dict[str, Any]]) -> None:
    file, document = answer
    loaded = load(file)
    question = settle(loaded, seed=None, seeds=None)
    assert question.source is not None
    folder = file.parent / "out" / "runs"
    runs = Simulations(question, question.source, folder, workers_of(folder, jobs=1), lambda _: None)
    found = Candidates(question, variations(loaded), runs.arrivals)
    costs = {}
    for one in [*found.found, *found.too_small]:
        runs.add(one.variation.plan)
        scores = runs.all_of(one.name)
        summary = runs.summary(one.name)
        assert one.entrant.bound_usd <= summary.per_month_usd.mean * (1 + 1e-9), one.name
        assert summary.attainment is not None
        assert one.attainment >= summary.attainment.mean - 1e-9, one.name
        if holds(scores, loaded.scenario.level):
            costs[one.name] = summary.per_month_usd.mean
    assert min(costs, key=lambda name: costs[name]) == document["best"]["name"]


def test_winners_that_fail_on_fresh_seeds_are_dropped_until_one_holds() -> None:
    good = RunScore(usd=1.0, checks=(Check.of("attainment", 1.0, 0.9),))
    for found, held in (("8", "8"), (None, "none")):
        race = Race([Entrant(name=str(n), bound_usd=float(n), order=(0, 1)) for n in range(9)], 0.95)
        confirmed = ConfirmedRace(race, lambda asked: dict.fromkeys(asked, good), held.__eq__)
        assert confirmed.first_two() == (found, None)


def test_without_vary_the_catalog_is_searched(tmp_path: Path) -> None:
    text = TINY.replace("rate: 1/s", "rate: 0.2/s")
    document = optimized(scenario(tmp_path, text=text), "--out", tmp_path / "out", "--seeds", 2)
    assert document["candidates"] > 500
    assert document["best"]["cost_usd"]["per_month"] > 0
    assert document["simulated"] < 60


def test_nothing_feasible_names_the_nearest_miss(tmp_path: Path) -> None:
    file = scenario(tmp_path, ("ttft: 1s", "ttft: 1ms"), text=SPACE)
    document = optimized(file, "--out", tmp_path / "out")
    assert document["best"] is None
    assert document["nearest"]["attainment_at_most"] == 0.0
    assert "miss the limit of ttft even alone" in document["verdict"]
    file = scenario(tmp_path, ("tpot: 40ms", "e2e: 300ms"), text=SPACE)
    document = optimized(file, "--out", tmp_path / "out")
    assert document["best"] is None
    assert sum(one["count"] for one in document["excluded"]) == document["candidates"]


def test_a_target_that_allows_no_miss_has_a_nearest_plan(tmp_path: Path) -> None:
    """Its misses over those allowed were infinite, and ended in a traceback."""
    text = SPACE.partition("vary:")[0].replace("attainment: 95%", "attainment: 100%") + "vary: [[{name: one}]]\n"
    document = optimized(scenario(tmp_path, ("rate: 6/s", "rate: 20/s"), text=text), "--out", tmp_path / "out")
    assert (document["best"], document["nearest"]["missed"]) == (None, None)
    assert 0 < document["nearest"]["attainment"] < 1
    assert document["verdict"].endswith("at the confidence bound.")


def test_of_services_on_shared_nodes_too(tmp_path: Path) -> None:
    document = optimized(scenario(tmp_path, text=SHARED), "--out", tmp_path / "out")
    assert (document["best"], document["nearest"]["missed"]) == (None, None)
    assert "b: attainment" in document["verdict"]


def test_a_model_that_is_not_good_enough_is_left_out(tmp_path: Path) -> None:
    text = SPACE.replace("vary:", "quality: {metric: mmlu, at_least: 99}\nvary:")
    document = optimized(scenario(tmp_path, text=text), "--out", tmp_path / "out")
    assert document["best"] is None
    missing = "the catalog has no mmlu of llama-3.2-1b; state `quality` of the plan"
    assert document["excluded"][0] == {"count": 12, "reason": missing}


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        ("[{path: scaling.replicas, from: 3, to: 1}]", "vary.0.from: `from` 3 is above `to` 1; write the lower first"),
        ("[{path: scaling.replicas, from: 1.5, to: 3}]", "vary.0.from: 1.5 is not a whole number"),
        ("[{path: scaling.replicas, from: 0, to: 0}]", "vary.0.scaling.replicas: 0 must be at least 1"),
        ("[{path: scaling.replicas, values: [0]}]", "vary.0.scaling.replicas: 0 must be at least 1"),
        ("[{path: scaling.replicas}]", "is not a dimension"),
        ("[{path: scaling.replicas, values: []}]", "has no values"),
        (
            "[{path: scaling.replicas, values: [1]}, {path: scaling.replicas, from: 2, to: 3}]",
            "vary.1.path: scaling.replicas varies already; write all its values in one dimension",
        ),
        ("[[]]", "no alternatives"),
        ("[[1]]", "expected a mapping (key: value), not 1"),
        ("[{path: scaling.replica, values: [1]}]", "unknown key 'replica'; did you mean 'replicas'?"),
        ("[[{scalling: {replicas: 2}}, {}]]", "did you mean 'scaling'?"),
        ("[{path: scaling.replicas, from: 1, to: 300}, {path: replica.tp, from: 1, to: 300}]", "combinations"),
    ],
)
def test_a_space_that_cannot_be_read_is_refused_with_its_place(tmp_path: Path, vary: str, said: str) -> None:
    text = TINY.partition("  - name: scaled")[0] + f"vary: {vary}\n"
    told = refused("optimize", scenario(tmp_path, text=text), "--out", tmp_path / "out")
    assert said in told
    assert "tiny.yaml" in told
    assert said in refused("check", tmp_path / "tiny.yaml")


@pytest.mark.parametrize(
    ("point", "told"),
    [
        ({"met": True}, "met"),
        ({"met": False}, "missed"),
        ({"met": True, "confirmed": False}, "met, but not on fresh seeds"),
    ],
)
def test_the_front_says_where_a_plan_held_in_the_search_alone(point: dict[str, bool], told: str) -> None:
    assert service_level(point) == told
