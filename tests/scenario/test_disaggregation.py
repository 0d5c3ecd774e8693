"""Scenarios with prefill and decode apart: what they lack or cannot be combined with, and results of both sides."""

from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from support.scenarios import SMALL, write

from simcost.plan.autoscaling import DynamoPlanner
from simcost.scenario.checks.load import find_faults, load
from simcost.scenario.runs.provenance import assumptions
from simcost.scenario.runs.resolve import settle
from simcost.scenario.runs.run import run
from simcost.scenario.storage.ledgers import load_ledger
from simcost.sim.serving import simulate

pytestmark = pytest.mark.slow

ONE = "scaling: {kind: fixed, replicas: 1}"
APART = """scaling: {kind: fixed, replicas: 1}
    disaggregation:
      scaling: {kind: fixed, replicas: 2}
      link: {bandwidth: 5GB/s}"""
OWNED = "buy: {kind: owned, accelerators: 1, capex: $9000, life_years: 3, power: 0.2kW, pue: 1, electricity: 0}"
DRAFTS = "speculation: {drafter: ngram, tokens: 2, acceptance: 0.2}"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (
            [("      link: {bandwidth: 5GB/s}", "      local_below: 100")],
            "16:7: plans.0.disaggregation.link: is missing: KV caches go from prefill to decode replicas",
        ),
        (
            [("5GB/s}", "5GB/s}\n    admission: {timeout: 5s}")],
            "18:26: plans.0.admission.timeout: cannot be combined with disaggregation; remove admission.timeout",
        ),
        (
            [("5GB/s}", "5GB/s}\n    admission: {in_flight: lose}")],
            "18:28: plans.0.admission.in_flight: cannot be combined with disaggregation; remove admission.in_flight",
        ),
        (
            [("scaling: {kind: fixed, replicas: 1}", "scaling: {kind: kpa, container_concurrency: 4}")],
            "14:49: plans.0.scaling.container_concurrency: cannot be combined with disaggregation; remove",
        ),
        (
            [("5GB/s}", "5GB/s}\n    retries: {attempts: 2}")],
            "18:14: plans.0.retries: cannot be combined with disaggregation",
        ),
        (
            [("5GB/s}", "5GB/s}\n    router: {kind: session}")],
            "18:13: plans.0.router: cannot be combined with disaggregation; write least-outstanding",
        ),
        (
            [("5GB/s}", "5GB/s}\n      replica: {accelerator: l4, kv_precision: fp8}")],
            "18:16: plans.0.disaggregation.replica: kv_precision is fp8 here and bf16 on the decode side",
        ),
        (
            [("5GB/s}", "5GB/s}\n      replica: {accelerator: l4, pruning: {kind: depth, layers: 16}}")],
            "18:16: plans.0.disaggregation.replica: pruning leaves depth layers=16 here and all layers on the",
        ),
        (
            [("5GB/s}", "5GB/s}\n      replica: {accelerator: h100}")],
            "18:16: plans.0.disaggregation.replica: is on h100-sxm, and `buy` of the plan has nodes with l4",
        ),
        (
            [("5GB/s}", "5GB/s}\n      buy: {offer: gcp/g2-standard-4, region: us-central1}")],
            "18:12: plans.0.disaggregation.buy: is in gcp us-central1, and the decode replicas are in aws us-east-1",
        ),
        (
            [("5GB/s}", f"5GB/s}}\n      {OWNED}")],
            "18:12: plans.0.disaggregation.buy: is on nodes of kind owned, and the decode replicas are in aws",
        ),
        (
            [("kind: synthetic\n  rate: 0.5/s\n", "kind: closed\n  clients: 3\n")],
            "16:7: plans.0.disaggregation: cannot be combined with a closed workload",
        ),
        (
            [("name: one\n    replica: {accelerator: l4}", f"name: one\n    replica: {{accelerator: l4, {DRAFTS}}}")],
            "12:45: plans.0.replica.speculation: cannot be combined with disaggregation; remove replica.speculation",
        ),
        (
            [("5GB/s}", f"5GB/s}}\n      replica: {{accelerator: l4, {DRAFTS}}}")],
            "18:47: plans.0.disaggregation.replica.speculation: cannot be combined with disaggregation",
        ),
        ([("5GB/s", "0GB/s")], "17:25: plans.0.disaggregation.link.bandwidth: '0GB/s' must be above 0"),
    ],
)
def test_what_cannot_be_is_said_at_its_place(tmp_path: Path, changes: list[tuple[str, str]], fault: str) -> None:
    file = write(tmp_path, *changes, text=SMALL.replace(ONE, APART))
    [found] = [str(fault).partition("small.yaml:")[2] for fault in find_faults(file)]
    assert found.startswith(fault)


def test_layers_with_a_window_hand_over_as_much_as_the_replica_holds(tmp_path: Path) -> None:
    """A token of a short prompt is in all of them, and takes the room that the KV cache gives it."""
    other = ("model: llama-3.2-1b", "model: gemma-3-1b")
    question = settle(load(write(tmp_path, other, text=SMALL.replace(ONE, APART))), seed=None, seeds=None)
    plan = question.plans[0]
    side = plan.pool.prefill
    assert side is not None
    assert side.transfer_s_per_token == pytest.approx(plan.memory.kv_bytes_per_token / 5e9)


@pytest.mark.parametrize(("precision", "told"), [("", False), (", precision: fp8", True)])
def test_weights_that_prefill_in_another_precision_are_told(tmp_path: Path, precision: str, told: bool) -> None:
    """A replica of the prefill side takes nothing of the plan's: without `precision` it is bf16."""
    own = ("5GB/s}", f"5GB/s}}\n      replica: {{accelerator: l4{precision}}}")
    question = settle(load(write(tmp_path, own, text=SMALL.replace(ONE, APART))), seed=None, seeds=None)
    said = "weights in fp8, those of decode in bf16"
    assert any(said in line for line in assumptions(question)) == told


def test_the_levers_of_prefill_replicas_are_told(tmp_path: Path) -> None:
    own = ("5GB/s}", '5GB/s}\n      replica: {accelerator: l4, pruning: {kind: "2:4"}}')
    question = settle(load(write(tmp_path, own, text=SMALL.replace(ONE, APART))), seed=None, seeds=None)
    assert any("Prefill replicas: 2:4 sparsity: weights take half" in line for line in assumptions(question))


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("apart")
    file = write(folder, text=SMALL.replace(ONE, APART))
    return folder, run(load(file), folder / "out")


def test_both_sides_are_counted_and_paid(result: tuple[Path, dict[str, Any]]) -> None:
    apart, together = result[1]["plans"]
    sides = apart["disaggregation"]
    prefill, decode = (sum(sides[f"{side}_replica_hours"].values()) for side in ("prefill", "decode"))
    assert (prefill, decode) == pytest.approx((2 / 6, 1 / 6))
    assert sum(apart["replica_hours"].values()) == pytest.approx(prefill + decode)
    assert apart["node_hours"] == pytest.approx(prefill + decode)
    prices = [plan["cost_usd"]["by_category"]["compute"] / plan["node_hours"] for plan in (apart, together)]
    assert prices[0] == pytest.approx(prices[1])
    requests = apart["requests"]
    assert requests["arrived"] == together["requests"]["arrived"]
    assert requests["completed"] + requests["in_system"] == requests["arrived"]
    transfers = sides["transfers"]
    assert 0 <= transfers["transfers"] - requests["completed"] <= requests["in_system"]
    metrics = [plan["slo"]["metrics"] for plan in (apart, together)]
    assert metrics[0]["ttft_s"]["mean"] > metrics[1]["ttft_s"]["mean"] + transfers["mean_transfer_s"]


def test_the_timeline_is_of_both_sides(result: tuple[Path, dict[str, Any]]) -> None:
    table = pq.read_table(result[0] / "out" / "tables" / "timeline.parquet")
    apart = table.filter(pc.equal(table["plan"], result[1]["plans"][0]["name"]))
    assert set(apart["ready"].to_pylist()) == set(apart["desired"].to_pylist()) == {3}
    [first] = [
        stored
        for path in (result[0] / "out" / "runs").iterdir()
        if (stored := load_ledger(path)).prefill
        and pc.add(stored.timeline["running"], stored.prefill.timeline["running"]).equals(apart["running"])
    ]
    assert first.prefill is not None
    assert pc.add(first.timeline["waiting"], first.prefill.timeline["waiting"]).equals(apart["waiting"])


def test_gpus_that_replicas_hold_are_of_both_sides(result: tuple[Path, dict[str, Any]]) -> None:
    held = pq.read_table(result[0] / "out" / "tables" / "held.parquet")
    apart = held.filter(pc.equal(held["plan"], result[1]["plans"][0]["name"]))
    assert apart["gpus"].to_pylist() == [3.0, 0.0]  # and none after the end
    assert apart["t_s"].to_pylist() == [0.0, result[1]["provenance"]["horizon_s"]]


def test_spot_nodes_that_prefill_are_told_to_be_kept(tmp_path: Path) -> None:
    spot = ("5GB/s}", "5GB/s}\n      buy: {kind: spot, offer: aws/g6.xlarge, price: $0.3/h}")
    file = write(tmp_path, (ONE, APART), spot)
    kept = [line for line in assumptions(settle(load(file), seed=None, seeds=1)) if "never taken back" in line]
    assert kept
    assert "not simulated where prefill and decode are apart" in kept[0]


@pytest.mark.parametrize("sharing", ["", ", sharing: fifo"])
def test_a_decode_replica_computes_nothing_while_it_waits_for_a_transfer(tmp_path: Path, sharing: str) -> None:
    """However slow the link, the same tokens take the same engine time."""
    computing, waited = [], []
    for speed in ("5GB/s", "50MB/s"):
        text = SMALL.replace(ONE, APART).replace("bandwidth: 5GB/s", f"bandwidth: {speed}{sharing}")
        folder = tmp_path / speed.partition("/")[0]
        folder.mkdir()
        [apart, _] = run(load(write(folder, text=text)), folder / "out")["plans"]
        computing.append(apart["disaggregation"]["decode_replica_hours"]["computing"])
        waited.append(apart["disaggregation"]["transfers"]["mean_transfer_s"])
    assert waited[1] > 50 * waited[0]
    assert computing[1] == pytest.approx(computing[0], rel=0.15)  # steps hold fewer sequences where they come apart


def test_a_stored_run_of_both_sides_comes_back(
    result: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, first = result
    stored = [ledger for path in (folder / "out" / "runs").iterdir() if (ledger := load_ledger(path)).prefill]
    assert len(stored) == 2
    for ledger in stored:
        assert ledger.prefill is not None
        assert ledger.prefill.outcomes.steps != ledger.outcomes.steps
    monkeypatch.setattr(simulate, "simulate_apart", None)  # it is not simulated again
    assert run(load(folder / "small.yaml"), folder / "out")["plans"] == first["plans"]


@pytest.mark.parametrize(
    ("scaling", "message"),
    [
        (
            "{kind: hpa, max: 3, metrics: [{type: Pods, name: foo, target_type: AverageValue, target: 3}]}",
            "the hpa reads 'foo', which is none of the simulator's signals",
        ),
        (
            "{kind: hpa, max: 3, metrics: [{type: Pods, name: ttft_p95_s, target_type: AverageValue, target: 3}]}",
            "'ttft_p95_s' is read of each replica, and ttft_p95_s is one number for all of them",
        ),
        (
            "{kind: keda, triggers: [{kind: cron, start: 0 8 * * *, end: 0 9 * * *, timezone: UTC, replicas: 2}]}",
            "follows a calendar, and time 0 has no date",
        ),
    ],
)
def test_the_scaling_of_the_prefill_side_is_checked_as_that_of_a_plan(
    tmp_path: Path, scaling: str, message: str
) -> None:
    side = APART.replace("scaling: {kind: fixed, replicas: 2}", f"scaling: {scaling}")
    assert side != APART
    [found] = find_faults(write(tmp_path, text=SMALL.replace(ONE, side)))
    assert found.path.endswith("disaggregation.scaling")
    assert message in found.message
    [same] = find_faults(write(tmp_path, text=SMALL.replace(ONE, f"scaling: {scaling}")))
    assert same.message == found.message


RULES = "target: sla, throughput_interval: 30s, engine_rps: 0.5, max_gpu_budget: 4"
PLANNERS = f"""scaling: {{kind: dynamo, {RULES}}}
    disaggregation:
      scaling: {{kind: dynamo, {RULES}}}
      link: {{bandwidth: 5GB/s}}"""


def test_one_planner_scales_both_sides_within_one_budget(tmp_path: Path) -> None:
    """Of 6 requests per second each side wants 9 replicas at first: both get 4 GPUs, or each its own budget."""
    busy = ("rate: 0.5/s", "rate: 6/s")
    most = {}
    for budget in (4, 5):
        side = f"{RULES.replace('4', str(budget))}}}\n      link".join(PLANNERS.split(f"{RULES}}}\n      link"))
        question = settle(load(write(tmp_path, busy, text=SMALL.replace(ONE, side))), seed=None, seeds=1)
        [said] = [line for line in assumptions(question) if "Dynamo planner" in line]
        assert ("one budget of both: 4 GPUs" if budget == 4 else "5 GPUs for prefill, 4 GPUs for decode") in said
        assert question.source is not None
        ledger = simulate.simulate(question.plans[0].pool, question.source.batches(0), horizon_s=120.0)
        assert ledger.prefill is not None
        most[budget] = pc.max(pc.add(ledger.timeline["desired"], ledger.prefill.timeline["desired"])).as_py()
    assert most == {4: 4, 5: 9}


@pytest.mark.slow
def test_a_planner_adds_prefill_replicas_by_their_latency(tmp_path: Path) -> None:
    """Prompts that are read here are answered there: their mean length is known all the same."""
    rules = "target: sla, throughput_scaling: false, load_scaling: true, ttft: 1ms, max_gpu_budget: -1"
    side = PLANNERS.replace(RULES, rules)
    busy = ("rate: 0.5/s", "rate: 20/s")
    question = settle(load(write(tmp_path, busy, text=SMALL.replace(ONE, side))), seed=None, seeds=1)
    assert question.source is not None
    ledger = simulate.simulate(question.plans[0].pool, question.source.batches(0), horizon_s=120.0)
    assert ledger.prefill is not None
    assert pc.max(ledger.prefill.timeline["desired"]).as_py() > 1


def test_a_planner_counts_what_the_replicas_have(tmp_path: Path) -> None:
    """Two GPUs a replica on one side and one on the other, and contexts of the model; what is stated stands."""
    side = PLANNERS.replace("dynamo,", "dynamo, context_tokens: 4096,", 1)
    side = side.replace(
        "      link:", "      replica: {accelerator: l4, tp: 2}\n      buy: {offer: aws/g6.12xlarge}\n      link:"
    )
    loaded = load(write(tmp_path, text=SMALL.replace(ONE, side)))
    pool = settle(loaded, seed=None, seeds=1).plans[0].pool
    prefill = pool.prefill.pool.scaling if pool.prefill is not None else None
    assert isinstance(prefill, DynamoPlanner)
    assert isinstance(pool.scaling, DynamoPlanner)
    context = loaded.catalog.model("llama-3.2-1b").context_tokens
    assert (prefill.role, prefill.gpus, prefill.context_tokens) == ("prefill", 2, context)
    assert (pool.scaling.role, pool.scaling.gpus, pool.scaling.context_tokens) == ("decode", 1, 4096)


def test_a_planner_that_counts_other_gpus_is_noted(tmp_path: Path) -> None:
    scaling = "scaling: {kind: dynamo, gpus: 2}"
    question = settle(load(write(tmp_path, text=SMALL.replace(ONE, scaling))), seed=None, seeds=1)
    assert any("is configured for 2 GPUs a replica, and a replica has 1" in said for said in assumptions(question))


def test_a_budget_below_one_replica_of_each_side_is_refused(tmp_path: Path) -> None:
    side = PLANNERS.replace("max_gpu_budget: 4", "max_gpu_budget: 1")
    [fault] = find_faults(write(tmp_path, text=SMALL.replace(ONE, side)))
    assert fault.path == "plans.0.scaling"
    assert "max_gpu_budget (1) is of prefill and decode together, and below min_endpoint x (1 + 1)" in fault.message


@pytest.mark.parametrize(
    ("signal", "instead"), [("completions_per_s", "requests_per_s"), ("output_tokens_per_s", "prompt_tokens_per_s")]
)
def test_signals_that_are_0_on_the_prefill_side_are_refused_there(tmp_path: Path, signal: str, instead: str) -> None:
    metric = "{type: External, name: NAME, target_type: AverageValue, target: 3}"
    for name, refused in ((signal, True), (instead, False)):
        scaling = f"scaling: {{kind: hpa, max: 3, metrics: [{metric.replace('NAME', name)}]}}"
        side = APART.replace("scaling: {kind: fixed, replicas: 2}", scaling)
        faults = find_faults(write(tmp_path, text=SMALL.replace(ONE, side)))
        assert [f"write {instead}" in fault.message for fault in faults] == [True] * refused
        assert not find_faults(write(tmp_path, text=SMALL.replace(ONE, scaling)))
