"""`simcost optimize` of plans whose parts depend on each other: shared nodes, forwarding, forecasts, jobs."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.commands import call, refused
from support.job_scenarios import home
from support.scenarios import SERVICES, write

from simcost.compare.scores import holds
from simcost.compare.verdict import missed as missed_words
from simcost.execution.workers import Workers
from simcost.present.format import share
from simcost.scenario.checks.load import load_with_services
from simcost.scenario.inputs.whole_variations import whole_variations
from simcost.scenario.runs.execution import workers_of
from simcost.scenario.runs.whole_plans import WholePlans
from simcost.slo import Check
from simcost.studies.optimizing.view import whole_plans

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_pictures")]

SHARED = """\
scenario: shared
horizon: 10min
seeds: 3
services:
  - name: chat
    model: llama-3.2-1b
    workload: {kind: synthetic, rate: 4/s, lengths: {prompt_median: 300, output_median: 150}}
    slo: {ttft: 1s, tpot: 40ms, attainment: 95%}
  - name: search
    model: llama-3.1-8b
    workload: {kind: synthetic, rate: 2/s, lengths: {prompt_median: 600, output_median: 60}}
    slo: {ttft: 1s, attainment: 90%}
defaults: {replica: {accelerator: l4}}
plans:
  - name: together
    buy: {offer: aws/g6.12xlarge}
    services:
      chat: {scaling: {kind: fixed, replicas: 1}}
      search: {scaling: {kind: fixed, replicas: 1}}
vary:
  - {path: services.chat.scaling.replicas, values: [1, 2]}
  - {path: services.search.scaling.replicas, values: [1, 2, 3, 4]}
  - [{router: round-robin}, {router: least-outstanding}]
"""


def asked(file: Path, *words: object) -> dict[str, Any]:
    said = call("optimize", file, "--json", "--quiet", "--out", file.parent / "out", *words)
    assert said.code == 0, said.err
    return said.document()


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    file = write(tmp_path_factory.mktemp("shared"), text=SHARED)
    return file, asked(file, "--jobs", 1)


def enumerated(file: Path, document: dict[str, Any], workers: Workers) -> tuple[str, float]:
    """The cheapest plan that holds on both seeds, all simulated, and its cost on the fresh one."""
    loaded = load_with_services(file)
    runs = [
        WholePlans(loaded, seed=seed, seeds=None, runs=file.parent / "all", workers=workers, note=lambda _: None)
        for seed in (None, document["provenance"]["confirmation_seed"])
    ]
    for made, one in product(runs, whole_variations(loaded).plans):
        made.add(one.name, one.loaded)
    names = [plan.name for plan in whole_variations(loaded).plans]
    good = [name for name in names if all(holds(made.all_of(name), made.level) for made in runs)]
    best = min(good, key=lambda name: runs[0].summary(name).per_month_usd.mean)
    return best, runs[1].summary(best).per_month_usd.mean


def test_the_search_finds_what_enumeration_finds(answer: tuple[Path, dict[str, Any]]) -> None:
    file, document = answer
    with workers_of(file.parent / "all", jobs=1) as workers:
        _, usd = enumerated(file, document, workers)
    assert document["candidates"] == 16
    assert document["simulated"] < 2 * 3 * 16
    assert document["best"]["cost_usd"]["per_month"] == pytest.approx(usd, rel=1e-4), "of equal ones, the better"
    assert document["bound_usd_per_month"] <= usd


def test_the_plan_is_one_that_run_takes_with_the_same_figures(
    answer: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    _, document = answer
    best = document["best"]
    text = yaml.safe_load(SHARED) | {"plans": [best["plan"]]}
    del text["vary"]
    words = ("--seed", document["provenance"]["confirmation_seed"], "--json", "--quiet", "--out", tmp_path / "out")
    [plan] = call("run", write(tmp_path, text=yaml.safe_dump(text)), *words).document()["plans"]
    assert plan["cost_usd"] == best["cost_usd"]
    assert [service["slo"] for service in plan["services"]] == [service["slo"] for service in best["services"]]
    assert all(service["slo"]["met"] for service in best["services"])


def test_attainments_are_those_of_the_service_that_has_the_least(
    answer: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    _, document = answer
    best = document["best"]
    least = min(service["slo"]["attainment"] for service in best["services"])
    assert least < best["slo"]["attainment"]
    assert whole_plans(document)[0]["attainment"] == share(least)
    text = yaml.safe_load(SHARED) | {"plans": [best["plan"]]}
    del text["vary"]
    words = ("--seed", document["provenance"]["search_seed"], "--json", "--quiet", "--out", tmp_path / "out")
    [plan] = call("run", write(tmp_path, text=yaml.safe_dump(text)), *words).document()["plans"]
    [point] = [one for one in document["frontier"] if one["name"] == best["name"]]
    assert point["attainment"] == pytest.approx(min(service["slo"]["attainment"] for service in plan["services"]))


def test_where_none_holds_the_verdict_names_the_target_and_the_service_that_miss(tmp_path: Path) -> None:
    """It said "attainment 95.4 %" of the plan that came nearest, without the service and the target that it misses."""
    file = write(
        tmp_path,
        ("600, output_median: 60}}\n    slo: {ttft: 1s", "600, output_median: 60}}\n    slo: {ttft: 150ms"),
        text=SHARED,
    )
    document = asked(file, "--seeds", 2)
    assert document["best"] is None
    near, [missed] = document["nearest"], document["nearest"]["failed"]
    assert (missed["name"], missed["target"], missed["met"]) == ("search: attainment", 0.9, False)
    told = missed_words([Check(**missed)])
    seeds = " on fresh seeds" if near.get("confirmed") is False else ""
    assert f"; {told} at the confidence bound{seeds}" in document["verdict"]


def test_a_key_without_a_service_is_that_of_each_service(answer: tuple[Path, dict[str, Any]]) -> None:
    parts = answer[1]["best"]["plan"]["services"]
    assert parts["chat"]["router"] == parts["search"]["router"]


def test_workers_change_nothing_and_the_page_names_the_services(answer: tuple[Path, dict[str, Any]]) -> None:
    file, document = answer
    assert asked(file, "--out", file.parent / "other", "--jobs", 2) == document
    shown = call("optimize", file, "--quiet", "--out", file.parent / "out").out
    assert "Services of the best plan" in shown
    assert "chat" in shown


def test_a_service_that_sends_requests_on(tmp_path: Path) -> None:
    """Its target serves more than its own requests, and the plan is judged by the final answers."""
    text = yaml.safe_load(SHARED)
    parts = text["plans"][0]["services"]
    parts["chat"] |= {"cascade": {"to": "search", "escalate": "10%"}, "buy": {"offer": "aws/g6.xlarge"}}
    parts["search"] |= {"buy": {"offer": "aws/g6e.xlarge"}, "replica": {"accelerator": "l40s"}}
    del text["plans"][0]["buy"]
    text["services"][0]["slo"] = {"ttft": "3s", "attainment": "90%"}
    text["vary"] = text["vary"][:1]
    document = asked(write(tmp_path, text=yaml.safe_dump(text)))
    assert document["candidates"] == 2
    chat, search = document["best"]["services"]
    assert chat["slo"]["met"]
    assert search["requests"]["arrived"] > 1000 + 0.05 * chat["requests"]["arrived"]
    assert document["provenance"]["service_seeds"].keys() == {"chat", "search"}


def test_whether_a_service_sends_requests_on_may_vary(tmp_path: Path) -> None:
    """Its plans stand alone or not by what `vary` makes of them; `check` takes what `optimize` takes."""
    cascade = "{services: {chat: {cascade: {to: search, escalate: 30%}}}}"
    vary = f"vary:\n  - [{{name: alone}}, {cascade}]\n  - {{path: services.search.scaling.replicas, values: [1, 2]}}\n"
    patient = SERVICES.replace("ttft: 1s", "ttft: 30s").replace("ttft: 2s", "ttft: 30s")
    file = write(tmp_path, text=patient.partition("  - name: two")[0] + vary)
    assert call("check", file).code == 0
    document = asked(file)
    assert (document["candidates"], document["best"]["plan"]["name"]) == (4, "alone, search replicas 1")
    sent_on = write(tmp_path, ("[{name: alone}, ", "["), text=file.read_text(), name="on.yaml")
    chat, search = asked(sent_on)["best"]["services"]
    assert search["received"] == chat["escalated"] > 0


def test_rights_on_shared_nodes_may_vary(tmp_path: Path) -> None:
    """Keys of what services have to do with each other are none of one service alone."""
    text = SHARED.partition("vary:")[0] + "vary:\n  - {path: services.chat.sharing.quota, values: [1, 2]}\n"
    file = write(tmp_path, text=text + "  - {path: sharing.preempt, values: [true, false]}\n")
    assert call("check", file).code == 0
    assert asked(file)["candidates"] == 4


def test_a_forecast_of_one_service_beside_another(tmp_path: Path) -> None:
    history = "timestamp,requests\n" + "".join(
        f"2026-01-{1 + hour // 24:02d}T{hour % 24:02d}:00:00Z,{1800 + 600 * (hour % 24 > 8)}\n"
        for hour in range(24 * 15)
    )
    (tmp_path / "history.csv").write_text(history)
    text = yaml.safe_load(SHARED)
    del text["horizon"], text["seeds"], text["services"][0]["workload"]
    requests = {"lengths": {"prompt_median": 300, "output_median": 150}}
    text["services"][0]["demand"] = {
        "history": "history.csv",
        "forecast": {"horizon": "3h", "paths": 8},
        "risk": 0.5,
        "requests": requests,
    }
    text["vary"] = text["vary"][1:2]
    document = asked(write(tmp_path, text=yaml.safe_dump(text)), "--seeds", 3)
    assert document["best"]["slo"]["checks"][0]["name"] == "futures"
    assert document["replications"] == 3
    assert document["best"]["lower_bounds"] == {"futures": pytest.approx(0.05 ** (1 / 3))}
    assert "on 3 fresh futures, which show with 95 % confidence that it holds in at least 36.8 %" in document["verdict"]


def test_the_fewest_accelerators_that_jobs_need(tmp_path: Path) -> None:
    vary = "vary:\n  - {path: training.gpus, values: [8, 16, 24, 32]}\n"
    file = home(tmp_path)
    file.write_text(file.read_text() + vary)
    document = asked(file)
    costs = {}
    for gpus in (8, 16, 24, 32):
        text = yaml.safe_load(file.read_text())
        text["plans"] = [{"name": "p", "training": {"kind": "gpus", "gpus": gpus, "scheduler": "easy-backfill"}}]
        del text["vary"]
        one = tmp_path / f"{gpus}.yaml"
        one.write_text(yaml.safe_dump(text))
        [plan] = call("run", one, "--json", "--quiet", "--out", tmp_path / str(gpus)).document()["plans"]
        if plan["slo"]["met"]:
            costs[gpus] = plan["cost_usd"]["per_month"]
    assert document["best"]["plan"]["training"]["gpus"] == min(costs)
    assert document["best"]["cost_usd"]["per_month"] == pytest.approx(costs[min(costs)])
    assert "with nothing random in it" in document["verdict"]
    assert document["bound_usd_per_month"] == pytest.approx(costs[min(costs)]), (
        "a cluster costs its nodes, all the time"
    )
    assert any("lower bound" in one["reason"] for one in document["excluded"])


def test_jobs_alone_have_a_front_of_cost_against_their_targets(tmp_path: Path) -> None:
    file = home(tmp_path)
    vary = "vary:\n  - {path: training.gpus, values: [8, 16, 24, 32]}\n"
    text = file.read_text().replace("{p95: 2h}", "{p95: 2h, mean: 1h}, jct: {p95: 24h}") + vary
    file.write_text(text.partition("  - name: large")[0] + vary)
    document = asked(file, "--front", 9, "--svg", tmp_path / "a.svg")
    assert document["objectives"] == ["cost", "jobs", "carbon", "risk"]
    assert (document["measure"], document["objectives_unknown"]) == ("wait_s p95", [])
    points = [(one["usd_per_month"], one["jobs"]["wait_s p95"], one["met"]) for one in document["frontier"]]
    assert len(points) == 4, "fewer GPUs cost less and wait longer"
    assert points == sorted(points, key=lambda point: (point[0], -point[1]))
    assert {one["attainment"] for one in document["frontier"]} == {None}
    shown = call("optimize", file, "--quiet", "--out", file.parent / "out", "--front", 9).out
    assert "P95 wait" in shown
    assert "Objectives: cost, jobs, carbon and risk." in shown
    assert (tmp_path / "a.svg").exists()
    fewer = asked(file, "--front", 9, "--objective", "carbon", "--objective", "attainment")
    assert fewer["objectives"] == ["cost", "carbon"]
    assert fewer["objectives_unknown"][0]["reason"] == "there are no requests"
    assert (fewer["measure"], fewer["knee"]) == (None, None)


def test_fleets_of_several_kinds_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path, text=SHARED)
    assert "--mixes is for plans of requests alone" in refused("optimize", file, "--mixes", "--out", tmp_path / "out")
