"""A search under a budget: no answer costs more, and the nearest misses are named."""

from pathlib import Path
from typing import Any

import pytest
from support.commands import TINY, call, refused, scenario

import simcost as sc
from simcost.studies.optimizing.budget import within_budget
from simcost.studies.optimizing.verdict import verdict

BEST = {"name": "best", "cost_usd": {"per_month": 100.0}, "slo": {"attainment": 0.99}}
POINTS = [
    {"name": "little", "usd_per_month": 40.0, "attainment": 0.5},
    {"name": "more", "usd_per_month": 60.0, "attainment": 0.9},
    {"name": "as good for more", "usd_per_month": 70.0, "attainment": 0.9},
    {"name": "best", "usd_per_month": 99.0, "attainment": 0.99},
    {"name": "not judged", "usd_per_month": 1.0, "attainment": None},
]


def document(best: Any = BEST) -> dict[str, Any]:
    return {"best": best, "runner_up": None, "nearest": None, "gap": 0.0, "confidence": 0.99, "candidates": 5}


def test_without_a_budget_nothing_changes() -> None:
    assert within_budget(document(), None, POINTS) == document()


def test_within_the_budget_the_answer_stays() -> None:
    found = within_budget(document(), 100.0, POINTS)
    assert found["best"] == BEST
    assert found["budget"] == {"usd_per_month": 100.0, "most_attaining": POINTS[3]}


def test_above_it_there_is_none_and_both_misses_are_named() -> None:
    found = within_budget(document(), 80.0, POINTS)
    assert (found["best"], found["gap"], found["confidence"]) == (None, None, None)
    assert found["nearest"]["name"] == "best"
    assert found["nearest"]["over_budget_usd"] == 20.0
    assert found["budget"]["most_attaining"] == POINTS[1], "the cheapest of those that reach the most"
    assert verdict(found) == (
        "No plan of 5 meets the SLO within $80.00 a month. The cheapest that meets it costs $100.00, $20.00 more: best."
        " Within the budget more reaches the highest attainment, 90 % at $60.00, of the plans that were simulated."
    )
    assert within_budget(document(), 10.0, POINTS[:4])["budget"]["most_attaining"] is None


def test_attainment_is_that_of_the_service_or_tenant_which_has_the_least() -> None:
    tenants = [{"attainment": 0.9}, {"attainment": 1.0}]
    parts = [{"slo": {"attainment": 0.95}}, {"slo": {"attainment": 0.99}, "by_tenant": tenants}]
    assert within_budget(document(BEST | {"services": parts}), 80.0, POINTS)["nearest"]["attainment"] == 0.9


def test_an_slo_that_no_plan_meets_is_no_matter_of_money() -> None:
    found = within_budget(document(None), 80.0, POINTS)
    assert found["nearest"] is None
    assert found["budget"]["most_attaining"] == POINTS[1]


def test_without_a_plan_that_meets_the_slo_the_verdict_says_what_the_budget_reaches() -> None:
    found = within_budget(document(None), 65.0, POINTS) | {"excluded": [], "level": 0.95}
    assert verdict(found) == (
        "No plan of 5 meets the SLO with 95 % confidence. Within the budget more reaches the highest attainment, 90 % "
        "at $60.00, of the plans that were simulated."
    )


@pytest.mark.slow
def test_a_near_miss_has_the_cost_and_attainment_of_all_replications(tmp_path: Path) -> None:
    """Its slowest replication alone is enough to know that it misses the SLO, and tells little of the others."""
    base, _, plan = TINY.partition("  - name: scaled")[0].partition("plans:")
    base = base.replace("rate: 1/s", "rate: 80/s").replace("seeds: 2", "seeds: 3").replace("ttft: 1s", "tpot: 20ms")
    file = scenario(tmp_path, text=f"{base}plans:{plan}vary:\n  - {{path: scaling.replicas, from: 1, to: 4}}\n")
    out = ("--quiet", "--json", "--out", tmp_path / "out", "--jobs", 1)
    least = call("optimize", file, *out, "--budget", 1000).document()["budget"]["most_attaining"]
    nearest = call("optimize", file, *out, "--quota", "l4=1").document()["nearest"]
    [one] = call("run", scenario(tmp_path, text=f"{base}plans:{plan}"), *out).document()["plans"]
    for found in (least, nearest):
        assert found["usd_per_month"] == one["cost_usd"]["per_month"]
        assert found["attainment"] == one["slo"]["attainment"]
    assert nearest["replications"] == 3


@pytest.mark.slow
def test_plans_that_differ_in_prices_from_one_that_was_simulated_count(tmp_path: Path) -> None:
    """The same fleet for less needs no simulation: it reaches more within the budget than a smaller one."""
    base, _, plan = TINY.partition("  - name: scaled")[0].partition("plans:")
    base = base.replace("rate: 1/s", "rate: 200/s").replace("ttft: 1s", "tpot: 20ms")
    cheaper = "{buy: {offer: aws/g6.xlarge, price: $0.5/h}}"
    vary = f"vary:\n  - {{path: scaling.replicas, values: [1, 2, 6]}}\n  - [{{}}, {cheaper}]\n"
    file = scenario(tmp_path, text=f"{base}plans:{plan}{vary}")
    out = ("--quiet", "--json", "--out", tmp_path / "out", "--jobs", 1)
    found = call("optimize", file, *out, "--budget", 1200).document()
    assert "replicas 2" in found["budget"]["most_attaining"]["name"]
    assert "$0.5/h" in found["budget"]["most_attaining"]["name"]


@pytest.mark.slow
def test_the_command_and_python_know_it(tmp_path: Path) -> None:
    text = TINY.partition("  - name: scaled")[0] + "vary:\n  - {path: scaling.replicas, from: 1, to: 2}\n"
    file = scenario(tmp_path, text=text)
    out = ("--quiet", "--out", tmp_path / "out")
    usd = call("optimize", file, "--json", *out).document()["best"]["cost_usd"]["per_month"]
    enough = call("optimize", file, "--json", *out, "--budget", f"${usd + 10:.2f}").document()
    assert "It leaves $10.0" in enough["verdict"]
    less = call("optimize", file, "--json", *out, "--budget", usd - 10).document()
    assert less["nearest"]["over_budget_usd"] == pytest.approx(10)
    assert sc.load(text).optimize(tmp_path / "out", budget=usd - 10).document["verdict"] == less["verdict"]
    gated = call("optimize", file, *out, "--budget", usd - 10, "--fail-on", "infeasible")
    assert gated.code == 1
    assert gated.err.startswith(f"simcost: no plan meets the SLO within ${usd - 10:.2f} a month: the cheapest that")
    assert "is below 0" in refused("optimize", file, "--budget=-1")


@pytest.mark.slow
def test_of_several_services_it_is_of_all_together(tmp_path: Path) -> None:
    one = TINY.partition("plans:")[0].partition("model:")[2]
    services = "".join(
        f"  - name: {name}\n    model: {one.splitlines()[0].strip()}\n    slo: {{ttft: 1s}}\n"
        "    workload: {kind: synthetic, rate: 1/s, lengths: {prompt_median: 100, output_median: 20}}\n"
        for name in ("a", "b")
    )
    part = "{replica: {accelerator: l4}, buy: {offer: aws/g6.xlarge}, scaling: {kind: fixed, replicas: 1}}"
    text = (
        f"scenario: two\nhorizon: 10min\nseeds: 2\nservices:\n{services}plans:\n  - name: apart\n    services:\n"
        f"      a: {part}\n      b: {part}\nvary:\n  - {{path: scaling.replicas, from: 1, to: 2}}\n"
    )
    file = scenario(tmp_path, text=text)
    out = ("--quiet", "--json", "--out", tmp_path / "out")
    usd = call("optimize", file, *out).document()["best"]["cost_usd"]["per_month"]
    assert call("optimize", file, *out, "--budget", usd).document()["best"] is not None, "each alone costs half"
    less = call("optimize", file, *out, "--budget", usd - 10).document()
    assert less["best"] is None
    assert "No plan of 4 meets the SLO within" in less["verdict"]
