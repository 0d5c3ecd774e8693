"""`simcost advise`: each action is a plan that can be run and does what is said of it; nothing to do; refusals."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.commands import TINY, call, refused, scenario

pytestmark = pytest.mark.slow

LARGE = TINY.partition("  - name: scaled")[0].replace("replicas: 1", "replicas: 3").replace("name: one", "name: three")


def advised(file: Path, *more: object) -> dict[str, Any]:
    said = call("advise", file, "--json", "--quiet", "--jobs", 1, *more)
    assert said.code == 0, said.err
    return said.document()


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("advise")
    file = scenario(folder, text=LARGE)
    return file, advised(file, "--out", folder / "out")


def test_every_action_keeps_the_slo_and_is_ranked_by_what_it_still_saves(answer: tuple[Path, dict[str, Any]]) -> None:
    _, document = answer
    kinds = [action["kind"] for action in document["actions"]]
    assert "number of replicas" in kinds
    assert document["slo_met"] is True
    then = [action["then_usd_per_month"] for action in document["actions"] if action["then_usd_per_month"] is not None]
    assert sum(then) == pytest.approx(document["total_saving_usd_per_month"])
    for action in document["actions"]:
        saving = action["saving_usd_per_month"]
        assert action["after"]["attainment_at_least"] >= 0.95
        assert 0 < saving["lo"] <= saving["mean"] <= saving["hi"]
        assert saving["mean"] == pytest.approx(action["before"]["usd_per_month"] - action["after"]["usd_per_month"])
        assert saving["mean"] >= document["least_saving_usd_per_month"]


def test_the_plan_of_an_action_can_be_run_and_costs_what_is_said(
    answer: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    file, document = answer
    [action] = [one for one in document["actions"] if one["kind"] == "number of replicas"]
    assert action["changes"] == [{"path": "scaling.replicas", "before": 3, "after": 1}]
    text = yaml.safe_load(file.read_text())
    text["plans"].append(action["after"]["plan"] | {"name": "advised"})
    ran = tmp_path / "both.yaml"
    ran.write_text(yaml.safe_dump(text), encoding="utf-8")
    seed = document["provenance"]["confirmation_seed"]
    plans = call("run", ran, "--seed", seed, "--out", tmp_path / "out", "--quiet", "--json").document()["plans"]
    costs = [plan["cost_usd"]["per_month"] for plan in plans]
    assert costs == [action["before"]["usd_per_month"], action["after"]["usd_per_month"]]
    said = call("advise", file, "--quiet", "--jobs", 1, "--out", file.parent / "out").out.replace("\n  ", " ")
    assert "what the plan costs is of them too, not of the seeds of `simcost run`" in said


def test_a_results_folder_gives_the_advice_of_its_scenario(answer: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    file, document = answer[0], deepcopy(answer[1])
    call("run", file, "--out", tmp_path / "out", "--quiet")
    found = advised(tmp_path / "out", "--out", file.parent / "out")
    for each in (found, document):
        each["provenance"] = None
        for action in each["actions"]:
            del action["before"]["plan"], action["after"]["plan"]  # one of them has all defaults written out
    assert found == document
    said = call("advise", file, "--quiet", "--out", file.parent / "out", "--html", tmp_path / "a.html")
    assert said.out.replace("\n", " ").startswith(document["verdict"])
    assert max(map(len, said.out.splitlines())) <= 100
    assert "number of replicas" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_a_plan_that_misses_its_slo_is_told_what_makes_it_meet_it(tmp_path: Path) -> None:
    file = scenario(
        tmp_path,
        ("rate: 1/s", "rate: 60/s"),
        ("output_median: 20", "output_median: 120"),
        ("replicas: 3", "replicas: 1"),
        text=LARGE,
    )
    document = advised(file, "--out", tmp_path / "out", "--spot-interruptions", 0.05)
    assert document["slo_met"] is False
    assert "does not meet the SLO" in document["verdict"]
    [size] = [action for action in document["actions"] if action["kind"] == "number of replicas"]
    assert size["saving_usd_per_month"]["mean"] < 0
    assert size["before"]["attainment"] < 0.95 <= size["after"]["attainment_at_least"]
    assert document["actions"][0]["then_usd_per_month"] is not None


def test_a_plan_that_is_far_too_small_is_told_the_size_that_it_needs(tmp_path: Path) -> None:
    """One replica was tried with up to four, and other hardware at a higher price was the only advice."""
    file = scenario(
        tmp_path,
        ("horizon: 10min", "horizon: 2min"),
        ("rate: 1/s", "rate: 100/s"),
        ("output_median: 20", "output_median: 200"),
        ("replicas: 3", "replicas: 1"),
        ("plans:", "choices: {offers: aws/g6.xlarge}\nplans:"),
        text=LARGE,
    )
    document = advised(file, "--out", tmp_path / "out")
    by_kind = {action["kind"]: action["changes"] for action in document["actions"]}
    [size] = by_kind["number of replicas"]
    assert size["path"] == "scaling.replicas"
    assert size["after"] > 4
    assert "fresh seeds" in document["verdict"]


def test_owned_nodes_are_set_against_rent_and_what_they_cannot_have_is_listed(tmp_path: Path) -> None:
    owned = "buy: {kind: owned, capex: 60000, accelerators: 8, life_years: 4, power: 4, pue: 1.4, electricity: 0.12}"
    [rented] = [line.strip() for line in LARGE.splitlines() if line.strip().startswith("buy:")]
    file = scenario(tmp_path, (rented, owned), text=LARGE)
    document = advised(file, "--out", tmp_path / "out")
    tried = {one["kind"]: one for one in document["tried"]}
    for kind in ("rent", "accelerator by rent", "precision"):
        assert tried[kind]["plans"] > 0
    for kind in ("region", "commitment", "spot"):
        assert "its nodes are owned" in tried[kind]["outcome"]
    [rent] = [one for one in document["actions"] if one["kind"] == "rent"]
    assert {"path": "buy.kind", "before": "owned", "after": "on-demand"} in rent["changes"]
    assert sum("as before they are bought" in line for line in document["assumptions"]) == 1


def test_refusals_say_what_to_do(tmp_path: Path) -> None:
    file = scenario(tmp_path, text=LARGE)
    assert "no plan 'thre'; did you mean 'three'" in refused("advise", file, "--plan", "thre")
    assert "no finished result" in refused("advise", tmp_path)
    assert "below 0" in refused("advise", file, "--spot-interruptions", "-1")


def test_a_fixed_fleet_is_a_size_and_what_was_too_expensive_to_try_is_not_said_to_miss_the_slo(tmp_path: Path) -> None:
    """A router changes nothing of one replica, so that it saves no more than the fixed fleet that it came with."""
    text = LARGE.replace("rate: 1/s", "rate: 20/s").replace(
        "{kind: fixed, replicas: 3}", "{kind: target-concurrency, target: 0.5, min: 2, max: 5, window: 1min}"
    )
    document = advised(scenario(tmp_path, text=text), "--out", tmp_path / "out")
    saved = {one["kind"]: one["saving_usd_per_month"]["mean"] for one in document["actions"]}
    assert saved["fixed fleet"] > 0
    assert "router" not in saved
    outcomes = {one["kind"]: one["outcome"] for one in document["tried"]}
    assert outcomes["router"] == "none that keeps the SLO costs less than another size alone"
    assert "none keeps the SLO" not in outcomes.values(), "more replicas of the same keep it, for more money"
