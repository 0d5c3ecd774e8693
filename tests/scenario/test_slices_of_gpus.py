"""Replicas on parts of an accelerator: what they cost, where they lie, and what is refused."""

from dataclasses import replace
from math import fsum
from pathlib import Path
from typing import Any

import pytest
from support.scenarios import write

from simcost.perf import fit_memory, step_time
from simcost.scenario.checks.load import find_faults, load_with_services
from simcost.scenario.runs.provenance import assumptions
from simcost.scenario.runs.resolve import settle
from simcost.scenario.runs.run import run
from simcost.scenario.schema.loaded_scenario import LoadedScenario

Document = dict[str, Any]
ONE = """\
scenario: slices
horizon: 20min
seeds: 1
model: llama-3.2-1b
workload: {kind: synthetic, rate: 1/s, lengths: {prompt_median: 100, output_median: 8}}
slo: {ttft: 1s}
plans:
  - name: a
    replica: {accelerator: h100, precision: fp8, slice: 1g.20gb}
    buy: {offer: aws/p5.4xlarge}
    scaling: {kind: fixed, replicas: 9}
"""
REQUESTS = "workload: {kind: synthetic, rate: 0.2/s, lengths: {prompt_median: 100, output_median: 8}}, slo: {ttft: 1s}"
MIXED = f"""\
scenario: mixed
horizon: 20min
seeds: 1
model: llama-3.2-1b
services:
  - {{name: small, {REQUESTS}}}
  - {{name: large, {REQUESTS}}}
plans:
  - name: a
    replica: {{accelerator: h100, precision: fp8}}
    buy: {{offer: aws/p5.4xlarge}}
    scaling: {{kind: fixed, replicas: 3}}
    services:
      small: {{replica: {{slice: 1g.10gb}}}}
      large: {{scaling: {{replicas: 1}}, replica: {{slice: 3g.40gb}}}}
"""


def result(folder: Path, text: str, *changes: tuple[str, str]) -> Document:
    [plan] = run(load_with_services(write(folder, *changes, text=text)), folder / "out")["plans"]
    return plan


@pytest.mark.parametrize(
    ("name", "nodes"), [("1g.20gb", 3), ("1g.10gb", 2), ("3g.40gb", 5), ("7g.80gb", 9), ("1/4", 3)]
)
def test_as_many_replicas_share_a_gpu_as_fit(tmp_path: Path, name: str, nodes: int) -> None:
    plan = result(tmp_path, ONE, ("1g.20gb", name))
    assert plan["node_hours"] == pytest.approx(nodes / 3)
    assert plan["accelerator_hours"] == pytest.approx(nodes / 3)
    assert fsum(plan["cost_usd"]["by_state"].values()) == pytest.approx(plan["cost_usd"]["by_category"]["compute"])


@pytest.mark.parametrize(("small", "nodes", "idle"), [(3, 1, 1), (4, 2, 7), (7, 2, 4)])
def test_instances_of_services_lie_where_the_device_lets_them(
    tmp_path: Path, small: int, nodes: int, idle: int
) -> None:
    plan = result(tmp_path, MIXED, ("replicas: 3", f"replicas: {small}"))
    parts, usd = plan["allocation_by_service_usd_per_month"], plan["cost_usd"]["by_category"]["compute"] * 2190
    assert plan["node_hours"] == pytest.approx(nodes / 3)
    assert parts["services"]["small"] == pytest.approx(usd * small / (7 * nodes), rel=0.01)
    assert parts["services"]["large"] == pytest.approx(usd * 3 / (7 * nodes), rel=0.01)
    assert parts["idle"] == pytest.approx(usd * idle / (7 * nodes), rel=0.01)


@pytest.mark.parametrize(
    ("step", "said"),
    [("", "19.7 % of the processors"), (", step: {a: 9ms, b: 0, c: 0, d: 0}", "measured on a slice 1g.20gb")],
)
def test_the_assumptions_say_where_the_times_of_a_slice_are_from(tmp_path: Path, step: str, said: str) -> None:
    loaded = load_with_services(write(tmp_path, ("1g.20gb}", f"1g.20gb{step}}}"), text=ONE))
    assert isinstance(loaded, LoadedScenario)
    found = " ".join(assumptions(settle(loaded, seed=None, seeds=1)))
    assert said in found
    assert ("of the processors" in found) == (not step)


def test_a_slice_is_slower_and_less_sure_than_the_whole_device(tmp_path: Path) -> None:
    loaded = load_with_services(write(tmp_path, text=ONE)).first

    catalog, [plan] = loaded.catalog, loaded.scenario.plans
    assert plan.replica is not None
    model, device = catalog.model("llama-3.2-1b"), catalog.accelerator("h100")

    whole = replace(plan.replica, slice=None)
    slower = step_time(catalog, model, device, plan.replica)
    faster = step_time(catalog, model, device, whole)
    assert slower.seconds(512, 16, 4096, 1e5) > faster.seconds(512, 16, 4096, 1e5)
    assert slower.d_s_per_token == pytest.approx(4 * faster.d_s_per_token)
    assert slower.sigma > faster.sigma
    kv = [fit_memory(model, device, one, 8192, catalog).kv_capacity_tokens for one in (plan.replica, whole)]
    assert 4 * kv[0] < kv[1]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("1g.20gb", "1g.5gb"), "plans.0.replica.slice: h100-sxm has no slice '1g.5gb'; did you mean"),
        (("h100, precision: fp8, slice: 1g.20gb", "l4, slice: 1g.6gb"), "plans.0.replica.slice: l4 has no slice"),
        (("slice: 1g.20gb", "slice: 3/4"), "plans.0.replica.slice: h100-sxm has no slice '3/4'"),
        (("slice: 1g.20gb", "slice: 1/4, tp: 2"), "plans.0.replica: slice 1/4 is a part of one accelerator"),
        (
            ("{offer: aws/p5.4xlarge}", "{kind: serverless, price: $4/h}"),
            "plans.0.replica.slice: cannot be bought as serverless",
        ),
        (("llama-3.2-1b", "llama-3.1-70b"), "plans.0.replica: llama-3.1-70b in fp8 does not fit"),
    ],
)
def test_a_slice_that_cannot_be_is_located(tmp_path: Path, change: tuple[str, str], fault: str) -> None:
    found = [f"{fault.path}: {fault.message}" for fault in find_faults(write(tmp_path, change, text=ONE))]
    assert any(one.startswith(fault) for one in found), found
