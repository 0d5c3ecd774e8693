"""Commitments of whole plans, whose parts are one account: the optimum is that of all plans with all amounts."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.commands import call

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_pictures")]

REQUESTS = {
    "kind": "synthetic",
    "rate": "9/s",
    "burst_cv": 0.3,
    "lengths": {"prompt_median": 300, "output_median": 150},
}
SLO = {"ttft": "2s", "attainment": "90%"}
SMALL = {"replica": {"accelerator": "l4"}, "buy": {"offer": "aws/g6.xlarge"}}
LARGE = {"replica": {"accelerator": "l40s"}, "buy": {"offer": "aws/g6e.xlarge"}}
SCALED = {"kind": "target-concurrency", "target": 16, "min": 1, "max": 3, "window": "2min"}
USD = {"aws/g6.xlarge": 0.8048, "aws/g6e.xlarge": 1.861}
RESERVED: dict[str, Any] = {
    "kind": "reserved-instances",
    "name": "reserved",
    "sku": "g6.xlarge",
    "region": "us-east-1",
    "count": 2,
    "discount": "45%",
}
SAVINGS: dict[str, Any] = {"kind": "savings-plan", "name": "savings", "commitment": "$2/h", "discount": "30%"}


def scenario(**parts: Any) -> dict[str, Any]:
    """Two services, of which the second may run on other nodes."""
    services = [
        {"name": name, "model": "llama-3.2-1b", "workload": REQUESTS, "slo": SLO} for name in ("chat", "search")
    ]
    return {"scenario": "two", "horizon": "40min", "seeds": 3, "services": services, **parts}


APART = scenario(
    plans=[{"name": "p", "services": {"chat": {**SMALL, "scaling": SCALED}, "search": {**SMALL, "scaling": SCALED}}}],
    vary=[
        [{"services": {"chat": {"scaling": one}}} for one in (SCALED, {"kind": "fixed", "replicas": 2})],
        [{"services": {"search": one}} for one in (SMALL, LARGE)],
    ],
)
SHARED = scenario(
    plans=[
        {
            "name": "p",
            "buy": {"offer": "aws/g6.12xlarge"},
            "replica": {"accelerator": "l4"},
            "services": {"chat": {"scaling": SCALED}, "search": {"scaling": {"kind": "fixed", "replicas": 2}}},
        }
    ],
    vary=[{"path": "services.search.scaling.replicas", "values": [1, 2, 3]}],
)


def optimised(
    folder: Path, asked: dict[str, Any], *commitments: dict[str, Any], budget: str = "$100000"
) -> dict[str, Any]:
    file, options = folder / "space.yaml", folder / "options.yaml"
    file.write_text(yaml.safe_dump(asked), encoding="utf-8")
    options.write_text(yaml.safe_dump({"commitments": list(commitments)}), encoding="utf-8")
    words = ("--options", options, "--budget", budget, "--json", "--quiet", "--jobs", 1, "--out", folder / "out")
    said = call("optimize", file, *words)
    assert said.code in (0, 1), said.err
    return said.document()


def ran(folder: Path, asked: dict[str, Any], plans: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    file = folder / "plans.yaml"
    file.write_text(yaml.safe_dump({**{k: v for k, v in asked.items() if k != "vary"}, "plans": plans}))
    found = call("run", file, "--seed", seed, "--json", "--quiet", "--jobs", 1, "--out", folder / "out").document()
    return list(found["plans"])


def test_the_answer_is_the_cheapest_of_all_plans_under_all_amounts(tmp_path: Path) -> None:
    """Amounts are counts of the reservation, and of the savings plan what so many nodes of each kind draw."""
    found = optimised(tmp_path, APART, RESERVED, SAVINGS)
    [base], [chat, search] = APART["plans"], APART["vary"]
    draws = {
        round(0.7 * (a * USD["aws/g6.xlarge"] + b * USD["aws/g6e.xlarge"]), 9) for a, b in product(range(7), range(4))
    }
    amounts = [0.0, *(usd for usd in sorted(draws) if 0 < usd < 2.0), 2.0]
    plans = []
    for (i, one), (j, other), count, usd in product(enumerate(chat), enumerate(search), range(3), amounts):
        held = [{**RESERVED, "count": count, "renewed": True}] * bool(count)
        held += [{**SAVINGS, "commitment": usd, "renewed": True}] * bool(usd)
        services = {
            name: {**base["services"][name], **part["services"].get(name, {})}
            for name, part in (("chat", one), ("search", other))
        }
        bought = {"kind": "on-demand", "commitments": held}
        plans.append({"name": f"{i} {j} {count} {usd:.6f}", "buy": bought, "services": services})
    seed, best = found["provenance"]["search_seed"], found["best"]
    cheapest = min(plan["cost_usd"]["per_month"] for plan in ran(tmp_path, APART, plans, seed) if plan["slo"]["met"])
    [searched] = ran(tmp_path, APART, [best["plan"]], seed)
    assert found["whole"]
    assert searched["cost_usd"]["per_month"] == pytest.approx(cheapest, rel=1e-9)
    assert found["bound_usd_per_month"] <= cheapest * (1 + 1e-9)
    [same] = ran(tmp_path, APART, [best["plan"]], found["provenance"]["confirmation_seed"])
    assert same["cost_usd"]["per_month"] == pytest.approx(best["cost_usd"]["per_month"], rel=1e-12)
    assert found["commitments"]["on_demand_usd_per_month"] > best["cost_usd"]["per_month"]


@pytest.mark.parametrize("sku", ["g6.12xlarge", "g5.12xlarge"])
def test_nodes_that_services_share_are_committed_to(tmp_path: Path, sku: str) -> None:
    """One node is there at all times: reserving it saves 45 % of what it costs; another type covers nothing."""
    found = optimised(tmp_path, SHARED, {**RESERVED, "sku": sku})
    bought = found["commitments"]["bought"]
    if sku == "g5.12xlarge":
        assert (bought, found["commitments"]["of_no_plan"]) == ([], ["reserved"])
        return
    assert [one["count"] for one in bought] in ([1], [2])
    seed, usd = found["provenance"]["confirmation_seed"], found["best"]["cost_usd"]["per_month"]
    [same] = ran(tmp_path, SHARED, [found["best"]["plan"]], seed)
    assert same["cost_usd"]["per_month"] == pytest.approx(usd, rel=1e-12)
    saved = found["commitments"]["on_demand_usd_per_month"] - usd
    assert saved >= 0.99 * 0.45 * 4.6016 * 730


@pytest.mark.parametrize("services", [("chat",), ("chat", "search")], ids=["one pool", "whole"])
def test_what_a_budget_reaches_counts_what_commitments_save(tmp_path: Path, services: tuple[str, ...]) -> None:
    """Plans that leave after one replication had their cost on demand, so that cheaper and worse ones were named."""
    slo = {"ttft": "60ms", "attainment": "99%"}
    part = {**SMALL, "scaling": {"kind": "fixed", "replicas": 1}}
    one = {"model": "llama-3.2-1b", "workload": {**REQUESTS, "rate": "30/s"}, "slo": slo}
    some = {"name": "search", "model": "llama-3.2-1b", "workload": {**REQUESTS, "rate": "1/s"}, "slo": SLO}
    if len(services) == 1:
        asked = {**one, "plans": [{"name": "p", **part}], "vary": [{"path": "scaling.replicas", "values": [1, 2]}]}
    else:
        plans = [{"name": "p", "services": dict.fromkeys(services, part)}]
        vary = [{"path": "services.chat.scaling.replicas", "values": [1, 2]}]
        asked = {"services": [{"name": "chat", **one}, some], "plans": plans, "vary": vary}
    asked |= {"scenario": "small", "horizon": "10min", "seeds": 2}
    found = optimised(tmp_path, asked, {**RESERVED, "count": 9, "discount": "60%"}, budget="$1200")
    assert found["best"] is None
    assert found["budget"]["most_attaining"]["name"].endswith("replicas 2")
    assert found["budget"]["most_attaining"]["usd_per_month"] < 1200
