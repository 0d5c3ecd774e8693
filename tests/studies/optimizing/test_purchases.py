"""Commitments as purchases of a search: the optimum is that of all plans with all amounts, by the bill of `run`."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.commands import call, refused
from support.scenarios import write

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_pictures")]

SPACE = """\
scenario: committed
model: llama-3.2-1b
horizon: 90min
seeds: 3
workload: {kind: synthetic, rate: 14/s, burst_cv: 0.3, lengths: {prompt_median: 300, output_median: 300}}
slo: {ttft: 2s, attainment: 90%}
plans:
  - name: small
    replica: {accelerator: l4}
    buy: {offer: aws/g6.xlarge}
    scaling: {kind: fixed, replicas: 2}
vary:
  - - {replica: {accelerator: l4}}
    - {replica: {accelerator: l40s}, buy: {offer: aws/g6e.xlarge}}
  - - {scaling: {kind: fixed, replicas: 1}}
    - {scaling: {kind: fixed, replicas: 2}}
    - {scaling: {kind: target-concurrency, target: 16, min: 1, max: 4, window: 2min}}
"""
OPTIONS: list[dict[str, Any]] = [
    {"kind": "reserved-instances", "sku": "g6.xlarge", "region": "us-east-1", "count": 1, "discount": "45%"},
    {
        "kind": "reserved-instances",
        "sku": "g6e.xlarge",
        "region": "us-east-1",
        "count": 1,
        "discount": "42%",
        "years": 3,
    },
    {"kind": "savings-plan", "commitment": "$2/h", "discount": "30%"},
]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("committed")
    options = folder / "options.yaml"
    options.write_text(yaml.safe_dump({"commitments": OPTIONS}), encoding="utf-8")
    return write(folder, text=SPACE, name="space.yaml"), options


@pytest.fixture(scope="module")
def answer(asked: tuple[Path, Path]) -> dict[str, Any]:
    file, options = asked
    words = ("--options", options, "--json", "--quiet", "--jobs", 1, "--out", file.parent / "out")
    said = call("optimize", file, *words)
    assert said.code == 0, said.err
    return said.document()


def enumerated(text: str) -> dict[str, Any]:
    """The scenario with each plan of the space under all amounts."""
    scenario = yaml.safe_load(text)
    [base], [hardware, scaling] = scenario["plans"], scenario.pop("vary")
    plans = []
    for i, (kind, policy) in enumerate(product(hardware, scaling)):
        plan = {**base, **kind, **policy}
        own = dict(OPTIONS[0] if plan["replica"]["accelerator"] == "l4" else OPTIONS[1])
        node_usd = (0.8048 if plan["replica"]["accelerator"] == "l4" else 1.861) * 0.7
        for count, nodes in product(range(own["count"] + 1), range(int(2 / node_usd) + 1)):
            held = [{**own, "count": count, "renewed": True}] if count else []
            if nodes:
                held.append({**OPTIONS[2], "commitment": round(node_usd * nodes, 6), "renewed": True})
            plans.append({**plan, "name": f"{i} {count} {nodes}", "buy": {**plan["buy"], "commitments": held}})
    return {**scenario, "plans": plans}


def test_the_optimum_is_that_of_all_plans_with_all_amounts(
    asked: tuple[Path, Path], answer: dict[str, Any], tmp_path: Path
) -> None:
    file, _ = asked
    every = tmp_path / "every.yaml"
    every.write_text(yaml.safe_dump(enumerated(SPACE)), encoding="utf-8")
    plans = call("run", every, "--json", "--quiet", "--jobs", 1, "--out", file.parent / "out").document()["plans"]
    least = min(plan["cost_usd"]["per_month"] for plan in plans if plan["slo"]["met"])
    found = min(one["usd_per_month"] for one in answer["frontier"] if one["met"])
    assert found == pytest.approx(least, rel=1e-9)
    assert answer["commitments"]["bought"], "on demand alone is not the optimum here"
    assert answer["bound_usd_per_month"] <= answer["best"]["cost_usd"]["per_month"]


def test_a_savings_plan_smaller_than_a_node_is_bought_where_it_saves(tmp_path: Path) -> None:
    """$1/h of $1.30 that the node would draw under the plan: it covers so much of it, each hour."""
    scenario = {**yaml.safe_load(SPACE), "horizon": "10min"}
    scenario["vary"] = [scenario["vary"][0][1:], [{"scaling": {"kind": "fixed", "replicas": 1}}]]
    file, options = tmp_path / "space.yaml", tmp_path / "options.yaml"
    file.write_text(yaml.safe_dump(scenario), encoding="utf-8")
    options.write_text(yaml.safe_dump({"commitments": [{**OPTIONS[2], "commitment": "$1/h"}]}), encoding="utf-8")
    words = ("--options", options, "--json", "--quiet", "--jobs", 1, "--out", tmp_path / "out")
    found = call("optimize", file, *words).document()
    assert [one["commitment"] for one in found["commitments"]["bought"]] == [1.0]
    saved = found["commitments"]["on_demand_usd_per_month"] - found["best"]["cost_usd"]["per_month"]
    assert saved == pytest.approx((1 / 0.7 - 1) * 730)


def test_the_plan_is_one_that_can_be_run_and_costs_what_is_said(
    asked: tuple[Path, Path], answer: dict[str, Any], tmp_path: Path
) -> None:
    scenario = yaml.safe_load(SPACE)
    del scenario["vary"]
    plan = answer["best"]["plan"]
    bare = {**plan, "name": "on demand", "buy": {**plan["buy"], "commitments": []}}
    ran = tmp_path / "both.yaml"
    ran.write_text(yaml.safe_dump({**scenario, "plans": [plan, bare]}), encoding="utf-8")
    words = ("--seed", answer["provenance"]["confirmation_seed"], "--json", "--quiet", "--out", asked[0].parent / "out")
    best, same = call("run", ran, *words).document()["plans"]
    assert best["cost_usd"]["per_month"] == pytest.approx(answer["best"]["cost_usd"]["per_month"])
    assert same["cost_usd"]["per_month"] == pytest.approx(answer["commitments"]["on_demand_usd_per_month"])


def test_mixed_fleets_are_committed_too(asked: tuple[Path, Path]) -> None:
    file, options = asked
    words = ("--options", options, "--mixes", "--quiet", "--jobs", 1, "--out", file.parent / "out")
    said = call("optimize", file, *words)
    assert said.code == 0, said.err
    assert "It commits to" in said.out.replace("\n", " ")


def test_options_that_cannot_be_are_refused(asked: tuple[Path, Path], tmp_path: Path) -> None:
    file, _ = asked
    none, priced = tmp_path / "none.yaml", tmp_path / "priced.yaml"
    none.write_text("commitments: []\n", encoding="utf-8")
    priced.write_text(yaml.safe_dump({"commitments": OPTIONS, "prices": {"g6.xlarge": "$1/h"}}), encoding="utf-8")
    assert "no `commitments` to choose from" in refused("optimize", file, "--options", none)
    assert "has prices of its own, and the bill is that of the scenario" in refused(
        "optimize", file, "--options", priced
    )
    assert "no such file" in refused("optimize", file, "--options", tmp_path / "gone.yaml").lower()


def test_what_covers_nodes_of_no_plan_is_named(asked: tuple[Path, Path], tmp_path: Path) -> None:
    file, _ = asked
    options = tmp_path / "other.yaml"
    other = {**OPTIONS[0], "name": "of GCP", "sku": "g2-standard-4", "region": "us-central1"}
    options.write_text(yaml.safe_dump({"commitments": [OPTIONS[0], other]}), encoding="utf-8")
    words = ("--options", options, "--json", "--quiet", "--jobs", 1, "--out", file.parent / "out")
    document = call("optimize", file, *words).document()
    assert document["commitments"]["of_no_plan"] == ["of GCP"]
    assert "of GCP covers nodes of no plan: check its provider, SKU and region." in document["verdict"]


def test_tokens_of_an_overflow_are_paid_with_and_without_commitments(tmp_path: Path) -> None:
    scenario = yaml.safe_load(SPACE)
    [plan], hardware = scenario["plans"], scenario["vary"][0]
    plan |= {
        "scaling": {"kind": "fixed", "replicas": 1},
        "admission": {"max_queued": 1, "max_ongoing": 16},
        "overflow": {"api": "groq/llama-3.1-8b-instant", "ttft": "400ms", "tpot": "10ms"},
    }
    scenario |= {"horizon": "10min", "seeds": 2, "vary": [hardware[:1]]}
    file, options = tmp_path / "over.yaml", tmp_path / "options.yaml"
    file.write_text(yaml.safe_dump(scenario), encoding="utf-8")
    options.write_text(yaml.safe_dump({"commitments": OPTIONS}), encoding="utf-8")
    words = ("--json", "--quiet", "--jobs", 1, "--out", tmp_path / "out")
    found = call("optimize", file, "--options", options, *words).document()
    bare = {**scenario, "plans": [plan]}
    del bare["vary"]
    file.write_text(yaml.safe_dump(bare), encoding="utf-8")
    [same] = call("run", file, "--seed", found["provenance"]["confirmation_seed"], *words).document()["plans"]
    assert same["overflow"]["per_month_usd"] > 1
    assert found["commitments"]["bought"]
    assert found["commitments"]["on_demand_usd_per_month"] == pytest.approx(same["cost_usd"]["per_month"])


def test_a_mixed_fleet_with_commitments_costs_what_is_said_when_it_is_run(tmp_path: Path) -> None:
    """What one pool commits to, or pays, is not that of another, whatever the plan says for all."""
    scenario = {
        **yaml.safe_load(SPACE),
        "horizon": "10min",
        "workload": {"kind": "synthetic", "rate": "60/s", "lengths": {"prompt_median": 400, "output_median": 60}},
        "slo": {"ttft": "1s", "tpot": "40ms", "attainment": "95%"},
    }
    kinds = [
        {"replica": {"accelerator": "l4"}},
        {"replica": {"accelerator": "l40s"}, "buy": {"offer": "aws/g6e.xlarge"}},
    ]
    scenario["vary"] = [kinds, {"path": "scaling.replicas", "values": [1, 2, 4]}]
    file, options = tmp_path / "mixed.yaml", tmp_path / "options.yaml"
    file.write_text(yaml.safe_dump(scenario), encoding="utf-8")
    reserved = {**OPTIONS[0], "count": 2, "years": 3, "upfront": "all"}
    options.write_text(yaml.safe_dump({"commitments": [reserved]}), encoding="utf-8")
    words = ("--json", "--quiet", "--jobs", 1, "--out", tmp_path / "out")
    found = call("optimize", file, "--mixes", "--options", options, *words).document()
    plan = found["best"]["plan"]
    assert len(plan["pools"]) == 2, "a mixed fleet is the cheapest here"
    assert found["commitments"]["bought"]
    del scenario["vary"]
    file.write_text(yaml.safe_dump({**scenario, "plans": [plan]}), encoding="utf-8")
    [same] = call("run", file, "--seed", found["provenance"]["confirmation_seed"], *words).document()["plans"]
    assert same["cost_usd"]["per_month"] == pytest.approx(found["best"]["cost_usd"]["per_month"], rel=1e-12)


def test_pools_of_a_mixed_fleet_buy_no_more_of_an_option_together_than_it_states(tmp_path: Path) -> None:
    scenario = {
        **yaml.safe_load(SPACE),
        "horizon": "10min",
        "workload": {"kind": "synthetic", "rate": "60/s", "lengths": {"prompt_median": 400, "output_median": 60}},
        "slo": {"ttft": "1s", "tpot": "40ms", "attainment": "95%"},
    }
    scenario["vary"] = [scenario["vary"][0], {"path": "scaling.replicas", "values": [1, 2, 4]}]
    file, options = tmp_path / "mixed.yaml", tmp_path / "options.yaml"
    file.write_text(yaml.safe_dump(scenario), encoding="utf-8")
    options.write_text(yaml.safe_dump({"commitments": [{**OPTIONS[2], "commitment": "$1.5/h"}]}), encoding="utf-8")
    words = ("--json", "--quiet", "--jobs", 1, "--out", tmp_path / "out")
    found = call("optimize", file, "--mixes", "--options", options, *words).document()
    held = [one["commitment"] for one in found["commitments"]["bought"]]
    assert len(found["best"]["plan"]["pools"]) == 2, "a mixed fleet is the cheapest here"
    assert sum(held) == pytest.approx(1.5)
    saved = found["commitments"]["on_demand_usd_per_month"] - found["best"]["cost_usd"]["per_month"]
    assert saved == pytest.approx((1.5 / 0.7 - 1.5) * 730)


APART: dict[str, Any] = {
    "scenario": "apart",
    "model": "llama-3.1-8b",
    "horizon": "5min",
    "seeds": 2,
    "workload": {"kind": "synthetic", "rate": "4/s", "lengths": {"prompt_median": 900, "output_median": 120}},
    "slo": {"ttft": "4s", "tpot": "60ms", "attainment": "80%"},
    "vary": [{"path": "scaling.replicas", "values": [2]}],
}
DECODE: dict[str, Any] = {
    "name": "apart",
    "replica": {"accelerator": "l40s", "precision": "fp8"},
    "buy": {"offer": "aws/g6e.xlarge"},
    "scaling": {"kind": "fixed", "replicas": 2},
}
PREFILL: dict[str, Any] = {"scaling": {"kind": "fixed", "replicas": 2}, "link": {"bandwidth": "25GB/s"}}
H100: dict[str, Any] = {
    "replica": {"accelerator": "h100", "precision": "fp8"},
    "scaling": {"kind": "fixed", "replicas": 1},
    "buy": {"offer": "aws/p5.4xlarge"},
}
SPOT: dict[str, Any] = {"buy": {"kind": "spot", "offer": "aws/g6e.xlarge", "price": "$1/h"}}
RESERVED: dict[str, Any] = {"kind": "reserved-instances", "region": "us-east-1", "count": 8, "discount": "40%"}


@pytest.mark.parametrize(
    ("prefill", "sku", "bought", "saved_usd_per_h"),
    [
        ({}, "g6e.xlarge", 4, 4 * 0.4 * 1.861),
        (H100, "g6e.xlarge", 2, 2 * 0.4 * 1.861),
        (H100, "p5.4xlarge", 1, 0.4 * 6.88),
        (SPOT, "g6e.xlarge", 2, 2 * 0.4 * 1.861),
    ],
)
def test_nodes_that_prefill_are_committed_with_those_that_decode(
    tmp_path: Path, prefill: dict[str, Any], sku: str, bought: int, saved_usd_per_h: float
) -> None:
    plan = {**DECODE, "disaggregation": {**PREFILL, **prefill}}
    file, options = tmp_path / "apart.yaml", tmp_path / "options.yaml"
    file.write_text(yaml.safe_dump({**APART, "plans": [plan]}), encoding="utf-8")
    options.write_text(yaml.safe_dump({"commitments": [{**RESERVED, "sku": sku}]}), encoding="utf-8")
    words = ("--json", "--quiet", "--jobs", 1, "--out", tmp_path / "out")
    found = call("optimize", file, "--options", options, *words).document()
    assert [one["count"] for one in found["commitments"]["bought"]] == [bought]
    assert found["commitments"]["of_no_plan"] == []
    usd = found["best"]["cost_usd"]["per_month"]
    saved = found["commitments"]["on_demand_usd_per_month"] - usd
    assert saved == pytest.approx(saved_usd_per_h * 730, rel=1e-3)
    ran = tmp_path / "same.yaml"
    ran.write_text(
        yaml.safe_dump({**{k: v for k, v in APART.items() if k != "vary"}, "plans": [found["best"]["plan"]]})
    )
    [same] = call("run", ran, "--seed", found["provenance"]["confirmation_seed"], *words).document()["plans"]
    assert same["cost_usd"]["per_month"] == pytest.approx(usd, rel=1e-12)


def test_services_that_commit_to_more_together_than_may_be_bought_are_told(tmp_path: Path) -> None:
    """Where fleets of several kinds are asked for, each service is searched alone; else they commit together."""
    part = {"replica": {"accelerator": "l4"}, "buy": {"offer": "aws/g6.xlarge"}}
    asked = {"kind": "synthetic", "rate": "1/s", "lengths": {"prompt_median": 100, "output_median": 20}}
    service = {"model": "llama-3.2-1b", "workload": asked, "slo": {"ttft": "1s", "attainment": "90%"}}
    scenario = {
        "scenario": "two",
        "horizon": "5min",
        "seeds": 2,
        "services": [{"name": name, **service} for name in ("a", "b")],
        "plans": [{"name": "apart", "scaling": {"kind": "fixed", "replicas": 1}, "services": {"a": part, "b": part}}],
        "vary": [{"path": "scaling.replicas", "values": [1, 2]}],
    }
    file, options = tmp_path / "two.yaml", tmp_path / "options.yaml"
    file.write_text(yaml.safe_dump(scenario), encoding="utf-8")
    words = ("optimize", file, "--options", options, "--json", "--quiet", "--jobs", 1, "--out", tmp_path / "out")
    for count, over in ((1, [{"name": "r", "bought": 2, "offered": 1}]), (2, [])):
        options.write_text(yaml.safe_dump({"commitments": [{**OPTIONS[0], "name": "r", "count": count}]}))
        alone = call(*words, "--mixes").document()
        assert alone["commitments_over"] == over
        assert ("together they have bought 2 of r, of which 1 may be" in alone["verdict"]) == bool(over)
        together = call(*words).document()
        assert [one["count"] for one in together["commitments"]["bought"]] == [count]
