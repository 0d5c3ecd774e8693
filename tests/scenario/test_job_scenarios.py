"""Scenarios with jobs: nothing is lost or made up, money is what the parts add up to, runs are kept and reused."""

import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow.parquet as pq
import pytest
from support.job_scenarios import NIGHT, QUEUE, SPOT, home
from support.shown import on_terminal

import simcost.scenario.runs.job_runs
from simcost.cli.main import main
from simcost.errors import InputError
from simcost.gates import parse_gate
from simcost.plan.scheduling import Elastic, Scheduler
from simcost.scenario.checks.load import find_faults, load
from simcost.scenario.inputs.clusters import run_jobs
from simcost.scenario.runs.check import check
from simcost.scenario.runs.run import run
from simcost.sim.jobs.simulate_on_nodes import Ordered
from simcost.studies.plans import job_tables
from simcost.studies.plans.command import GATES, broken
from simcost.studies.plans.sections import parts, write_html

pytestmark = pytest.mark.slow


class Counted:
    """The engines of jobs, with a count of their runs."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, *args: Any, **options: Any) -> Any:
        self.calls += 1
        return run_jobs(*args, **options)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Counted:
    found = Counted()
    monkeypatch.setattr(simcost.scenario.runs.job_runs, "run_jobs", found)
    return found


def result(folder: Path, *changes: tuple[str, str], text: str = QUEUE, **options: Any) -> dict[str, Any]:
    return run(load(home(folder, *changes, text=text)), folder / "out", **options)


def plan(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in document["plans"] if one["name"] == name)


def test_a_queue_is_a_deterministic_replay(tmp_path: Path) -> None:
    document = result(tmp_path)
    assert document["deterministic"]
    assert document["replications"] == 1
    [change] = document["differences"]
    assert change["cost_usd"]["lo"] == change["cost_usd"]["mean"] == change["cost_usd"]["hi"]
    assert "Deterministic replay" in " ".join(document["assumptions"])
    small, large = document["plans"]
    assert small["wait_s"]["p95"] > 7200 > large["wait_s"]["p95"]
    assert document["best"] == "large"
    assert document["verdict"].startswith("large is the cheapest plan that meets the SLO")
    assert "deterministic replay" in document["verdict"]
    assert small["slo"]["missed"].startswith("P95 wait ")
    assert small["requests"]["arrived"] == 0
    assert small["slo"]["metrics"]["ttft_s"]["p95"] is None


def cost_of_fleets(plan: dict[str, Any]) -> float:
    """What the states of replicas cost, of a whole run."""
    return sum(plan["cost_usd"]["by_state"][state] for state in plan["replica_hours"]) + 1e-9


@pytest.mark.parametrize("text", [QUEUE, NIGHT, SPOT], ids=["queue", "night", "spot"])
def test_jobs_gpu_time_and_money_are_conserved(tmp_path: Path, text: str) -> None:
    document = result(tmp_path, text=text)
    for one in document["plans"]:
        jobs, hours = one["jobs"], one["gpu_hours"]
        assert one["wait_s"].keys() >= {"mean", "p50", "p95", "p99"}
        assert one["jct_s"].keys() >= {"mean", "p50", "p95", "p99"}
        assert one.keys() >= {"slo", "requests", "replica_hours", "utilisation", "over_provisioned"}
        if one["replica_hours"]:
            assert 0 <= one["over_provisioned"]["replica_hours"] <= sum(one["replica_hours"].values())
            assert one["over_provisioned"]["usd"] <= cost_of_fleets(one)
        else:
            assert set(one["over_provisioned"].values()) == {None}
        assert jobs["submitted"] == jobs["completed"] + jobs["failed"] + jobs["in_system"]
        assert sum(hours.values()) - hours["down"] == pytest.approx(one["accelerator_hours"])
        assert min(hours.values()) >= 0
        cost = one["cost_usd"]
        assert sum(cost["by_category"].values()) == pytest.approx(cost["total"])
        assert sum(cost["by_state"].values()) == pytest.approx(cost["by_category"]["compute"])
        assert cost["per_month"] == pytest.approx(cost["total"] * 730 * 3600 / one["horizon_s"], rel=0.01)
    charges = pq.read_table(tmp_path / "out/tables/charges.parquet").to_pylist()
    for one in document["plans"]:
        mine = sum(row["effective_cost_usd"] for row in charges if row["plan"] == one["name"])
        assert mine / document["replications"] == pytest.approx(one["cost_usd"]["total"])


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    found = []
    for name, jobs in (("a", 1), ("b", 3)):
        (tmp_path / name).mkdir()
        document = result(tmp_path / name, text=SPOT, jobs=jobs)
        tables = {path.name: path.read_bytes() for path in (tmp_path / name / "out/tables").iterdir()}
        found.append((document["plans"], tables))
    assert found[0] == found[1]
    (tmp_path / "c").mkdir()
    other = result(tmp_path / "c", text=SPOT, seed=2)
    assert plan(other, "mixed")["wait_s"] != found[0][0][1]["wait_s"]
    assert plan(other, "steady")["wait_s"] == found[0][0][0]["wait_s"]


def test_money_is_changed_without_simulating(tmp_path: Path, engine: Counted) -> None:
    first = result(tmp_path, text=SPOT)
    assert engine.calls == 1 + 3  # steady nodes are the same in each replication
    twice = result(tmp_path, ("price: $5/h", "price: $10/h"), text=SPOT)
    assert engine.calls == 4
    for one in ("steady", "mixed"):
        assert plan(twice, one)["wait_s"] == plan(first, one)["wait_s"]
    charges = pq.read_table(tmp_path / "out/tables/charges.parquet").to_pylist()
    spot_h = sum(row["consumed_quantity"] for row in charges if row["pricing_category"] == "Dynamic") / 3
    more = plan(twice, "mixed")["cost_usd"]["total"] - plan(first, "mixed")["cost_usd"]["total"]
    assert more == pytest.approx(5 * spot_h)
    result(tmp_path, ("price: $5/h", "prices: prices.csv"), text=SPOT)
    assert engine.calls == 4
    result(tmp_path, text=SPOT, fresh=True)
    assert engine.calls == 8


@pytest.mark.parametrize(
    "change",
    [
        ("gpus: 16}", "gpus: 24}"),
        ("gpus: 16}", "gpus: 16, scheduler: fifo-strict}"),
        ("path: jobs.csv", "path: jobs.csv, window: 5h"),
        ("slo:", "horizon: 5h\nslo:"),
        ("path: jobs.csv", "path: jobs.csv, limits: {sigma: 0.5}"),
    ],
)
def test_what_a_run_depends_on_is_simulated_anew(tmp_path: Path, engine: Counted, change: tuple[str, str]) -> None:
    result(tmp_path, seeds=1)
    before = engine.calls
    result(tmp_path, change, seeds=1)
    assert engine.calls > before


def test_a_damaged_run_is_done_again(tmp_path: Path, engine: Counted) -> None:
    first = result(tmp_path)
    for folder in (tmp_path / "out/runs").iterdir():
        (folder / "jobs.parquet").write_bytes(b"PAR1")
    assert result(tmp_path) == first
    assert engine.calls == 4


def test_the_resolved_scenario_reads_back(tmp_path: Path, engine: Counted) -> None:
    for text in (QUEUE, NIGHT, SPOT):
        first = result(tmp_path, text=text, fresh=True)
        before = engine.calls
        again = load(tmp_path / "out/scenario.yaml", tmp_path)
        assert run(again, tmp_path / "out")["plans"] == first["plans"]
        assert engine.calls == before


def test_a_shared_fleet_serves_first_and_trains_with_the_rest(tmp_path: Path) -> None:
    document = result(tmp_path, text=NIGHT)
    shared = plan(document, "one fleet")
    assert sum(shared["gpu_hours"].values()) == pytest.approx(11 * 2)
    assert shared["gpu_hours"]["requests"] == pytest.approx(sum(shared["replica_hours"].values()), rel=0.2)
    assert shared["jobs"]["preemptions"] > 0
    assert shared["gpu_hours"]["lost"] > 0
    assert shared["slo"]["attainment"] >= plan(document, "two fleets")["slo"]["attainment"] - 0.01
    rows = [
        row for row in pq.read_table(tmp_path / "out/tables/gpus.parquet").to_pylist() if row["plan"] == "one fleet"
    ]
    held = np.array([row["jobs"] + row["requests"] for row in rows])
    assert held.max() <= 11 + 1e-9
    worked = sum(shared["gpu_hours"][name] for name in ("useful", "checkpoint", "lost", "restart"))
    assert np.mean([row["jobs"] for row in rows]) * 2 == pytest.approx(worked, rel=0.1)  # of one replication


def test_a_fleet_that_requests_outgrow_is_refused(tmp_path: Path) -> None:
    found = [str(fault) for fault in find_faults(home(tmp_path, ("gpus: 11", "gpus: 3"), text=NIGHT))]
    assert len(found) == 1
    assert "jobs.yaml:17:36: plans.1.training.gpus: requests may hold 4 GPUs (4 replicas of 1)" in found[0]


def test_two_fleets_bought_alike_are_one_account(tmp_path: Path) -> None:
    """What is committed covers both, and is bought once."""
    reserved = "{kind: reserved-instances, sku: g6.xlarge, count: 12, price: $0.5/h}"
    committed = f"{{offer: aws/g6.xlarge, commitments: [{reserved}]}}"
    together = result(tmp_path, ("{offer: aws/g6.xlarge}", committed), text=NIGHT)
    compute = plan(together, "two fleets")["cost_usd"]["by_category"]["compute"]
    used = plan(together, "two fleets")["accelerator_hours"]
    assert used < 2 * 14
    assert 2 * 12 * 0.5 <= compute < 2 * 12 * 0.5 + 2 * 3  # a second purchase would cost 12 more


def test_capacity_reserved_at_no_discount_costs_the_list_price(tmp_path: Path) -> None:
    reserved = "{kind: reserved-instances, sku: g6.xlarge, count: 20, discount: 0%}"
    committed = f"{{offer: aws/g6.xlarge, commitments: [{reserved}]}}"
    found = plan(result(tmp_path, ("{offer: aws/g6.xlarge}", committed), text=NIGHT), "two fleets")
    quoted = committed.replace("discount: 0%", "price: $0.8048/h")
    assert found == plan(result(tmp_path, ("{offer: aws/g6.xlarge}", quoted), text=NIGHT), "two fleets")
    assert found["cost_usd"]["by_category"]["compute"] == pytest.approx(2 * 20 * 0.8048)


def test_spot_nodes_are_paid_while_they_are_there(tmp_path: Path) -> None:
    """By hand, from the file: 3 nodes where the trace has 2, 1 where it has 1, over the 24 h of the file."""
    document = result(
        tmp_path, ("seeds: 3", "seeds: 1\nhorizon: 24h"), ("price: $5/h", "prices: prices.csv"), text=SPOT
    )
    lines = (tmp_path / "there.csv").read_text().split()[1:]
    nodes = np.array([{0: 0, 1: 1, 2: 3}[int(line.split(",")[1])] for line in lines])
    price = np.where(np.arange(96) * 900 < 43200, 5.0, 7.0)
    charges = pq.read_table(tmp_path / "out/tables/charges.parquet").to_pylist()
    [spot] = [row for row in charges if row["pricing_category"] == "Dynamic"]
    assert spot["consumed_quantity"] == pytest.approx(nodes.sum() / 4)
    assert spot["billed_cost_usd"] == pytest.approx((nodes * price).sum() / 4)
    assert plan(document, "mixed")["gpu_hours"]["down"] == pytest.approx(8 * (3 * 24 - nodes.sum() / 4))


def test_nodes_and_counts_of_one_list(tmp_path: Path) -> None:
    on_nodes = "training: {kind: nodes, nodes: nodes.csv}"
    counted = "training: {kind: nodes, nodes: nodes.csv, placement: count, scheduler: easy-backfill}"
    document = result(
        tmp_path,
        ("training: {kind: gpus, gpus: 16}", on_nodes),
        ("training: {kind: gpus, gpus: 32, scheduler: easy-backfill}", counted),
    )
    placed, free = document["plans"]
    assert placed["gpus"] == free["gpus"] == 32
    assert placed["fragmentation"] is not None
    assert free["fragmentation"] is None
    assert placed["node_hours"] == pytest.approx(placed["accelerator_hours"] / 8)


def test_failures_are_drawn_anew_and_cost_work(tmp_path: Path) -> None:
    failing = "gpus: 16, checkpoints: {interval: 10min}, failures: {per_node_day: 5}}"
    document = result(tmp_path, ("gpus: 16}", failing), seeds=3)
    small = plan(document, "small")
    assert small["gpu_hours"]["lost"] > 0
    assert small["gpu_hours"]["restart"] > 0
    assert small["redone_share"] > 0
    assert small["intervals"]["wait_p95_s"]["lo"] < small["intervals"]["wait_p95_s"]["hi"]
    assert any("Nodes of 8 GPUs fail 5 times a day" in line for line in document["assumptions"])


def test_nodes_and_requests_side_by_side(tmp_path: Path) -> None:
    """A horizon cuts jobs on nodes too."""
    (tmp_path / "ones.csv").write_text("node,gpus\n" + "".join(f"n{i},1\n" for i in range(10)), encoding="utf-8")
    document = result(
        tmp_path,
        ("kind: gpus, gpus: 10", "kind: nodes, nodes: ones.csv, scheduler: easy-backfill"),
        text=NIGHT,
    )
    apart = plan(document, "two fleets")
    assert sum(apart["gpu_hours"].values()) == pytest.approx(10 * 2 + apart["gpu_hours"]["requests"])
    assert apart["jobs"]["in_system"] > 0


def test_nodes_must_be_those_that_are_bought(tmp_path: Path) -> None:
    file = home(
        tmp_path,
        ("{kind: gpus, gpus: 16}", "{kind: nodes, nodes: nodes.csv}"),
        ("p4d.24xlarge", "p5.4xlarge"),
    )
    with pytest.raises(InputError, match=r"nodes.csv: node n0 has 8 GPUs, aws/p5.4xlarge has 1"):
        run(load(file), tmp_path / "out")


def test_jobs_too_wide_are_counted_and_miss_the_target(tmp_path: Path) -> None:
    document = result(tmp_path, ("aws/p4d.24xlarge", "aws/p5.4xlarge"), ("gpus: 16", "gpus: 4"))
    small = plan(document, "small")
    assert small["jobs"]["failed"] > 3
    assert (
        small["slo"]["missed"]
        == "P95 wait (too many jobs are wider than the cluster, or of a type of GPU that it lacks)"
    )
    assert "of 60 wider than the cluster" in on_terminal(parts)(document)


def test_a_horizon_cuts_the_run(tmp_path: Path) -> None:
    document = result(tmp_path, ("slo:", "horizon: 5h\nslo:"))
    small = plan(document, "small")
    assert small["jobs"]["in_system"] > 0
    assert small["horizon_s"] == 5 * 3600
    assert small["accelerator_hours"] == pytest.approx(16 * 5)
    assert small["jobs"]["submitted"] < 60
    assert any("submitted after the end of the run" in line for line in document["assumptions"])


def test_gates(tmp_path: Path) -> None:
    document = result(tmp_path)
    assert broken(document, parse_gate("slo", GATES)) == "SLO missed by small"
    dear = broken(document, parse_gate("budget=40000", GATES))
    assert dear.startswith("budget of $40,000 a month exceeded by small ($32,") is False
    assert "large" in dear


@pytest.mark.parametrize("text", [QUEUE, NIGHT, SPOT], ids=["queue", "night", "spot"])
def test_texts_and_pages_show_both_sides(tmp_path: Path, text: str) -> None:
    document = result(tmp_path, text=text, seeds=1)
    told = on_terminal(parts)(document)
    head = next(line for line in told.splitlines() if "$/month" in line)
    assert len(head.split("  ")) >= 7
    assert "P95 wait" in head
    assert ("Attainment" in head) == (text is NIGHT)
    assert "Where the GPU time went" in told
    assert all(len(row) <= 7 for row in [*job_tables.gpu_time(document), *job_tables.times(document)])
    assert max(map(len, told.splitlines())) <= 160
    page = write_html(tmp_path / "out").read_text(encoding="utf-8")
    assert "Cost (USD per month) against the wait of 95 % of the jobs" in page
    assert "GPU time by what became of it" in page
    assert ("Latency (seconds" in page) == (text is NIGHT)
    assert json.loads((tmp_path / "out/result.json").read_text()) == document


def test_guesses_at_durations_are_drawn_anew_in_each_replication(tmp_path: Path, engine: Counted) -> None:
    document = result(tmp_path, ("gpus: 16}", "gpus: 16, scheduler: {kind: sjf-skip, sigma: 2}}"), seeds=3)
    assert not document["deterministic"]
    assert engine.calls == 3 + 1
    rows = pq.read_table(tmp_path / "out/tables/runs.parquet").to_pylist()
    assert len({row["wait_mean_s"] for row in rows if row["plan"] == "small"}) == 3
    assert len({row["wait_mean_s"] for row in rows if row["plan"] == "large"}) == 1


def test_only_elastic_jobs_lie_on_no_nodes() -> None:
    """As `simcost check` says without loading the engine."""
    assert set(get_args(Scheduler)) - set(get_args(Ordered)) == {Elastic}


@pytest.mark.parametrize(
    ("gates", "code"),
    [([], 0), (["--fail-on", "slo"], 1), (["--fail-on", "budget=1"], 1), (["--fail-on", "x"], 2)],
)
def test_the_command_line_runs_and_gates(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    gates: list[str],
    code: int,
) -> None:
    file = home(tmp_path)
    if gates:
        monkeypatch.setattr("simcost.studies.plans.sections.write_html", lambda folder: folder / "report.html")
    assert main(["check", str(file)]) == 0
    assert main(["run", str(file), "--out", str(tmp_path / "out"), "--quiet", *gates]) == code
    assert ("large is the cheapest plan" in capsys.readouterr().out) == (code < 2)


QUEUE_FAULTS = [
    (("gpus: 16}", "gpus: 8.5}"), "8:34: plans.0.training.gpus: 8.5 is not a whole number"),
    (("path: jobs.csv", "path: none.csv"), "3:14: jobs.path: no file 'none.csv' in"),
    (
        ("path: jobs.csv", "path: jobs.csv, format: slurm"),
        "3:32: jobs.format: 'slurm' is not a format; known: auto",
    ),
    (("path: jobs.csv", "path: jobs.csv, timezone: Mars"), "3:34: jobs.timezone: unknown time zone 'Mars'"),
    (
        ("path: jobs.csv", "path: jobs.csv, windw: 1h"),
        "3:24: jobs.windw: unknown key 'windw'; did you mean 'window'?",
    ),
    (("{path: jobs.csv}", "{}"), "1:1: workload: is missing; write the requests to replay or to draw"),
    (("p95: 2h", "p96: 2h"), "4:6: slo: has no target"),
    (("{wait: {p95: 2h}}", "{}"), "4:6: slo: has no target; give at least one of wait, jct, deadlines"),
    (("wait: {p95: 2h}", "ttft: 1s"), "4:13: slo.ttft: is a target of requests, and there are none"),
    (("slo:", "model: llama-3.1-8b\nslo:"), "4:8: model: serves requests, and there are none"),
    (
        ("gpus: 16}", "gpus: 12}"),
        "8:34: plans.0.training.gpus: 12 GPUs are not a multiple of the 8 of aws/p4d",
    ),
    (
        ("gpus: 16}", "gpus: 16, shared: true}"),
        "8:38: plans.0.training.shared: unknown key 'shared'; known here: kind",
    ),
    (
        ("kind: gpus, gpus: 16", "gpus: 16"),
        "8:15: plans.0.training: has no kind; write kind: with one of gpus, nodes",
    ),
    (
        ("gpus: 16}", "gpus: 16, scheduler: fifo}"),
        "8:49: plans.0.training.scheduler: 'fifo' is not a kind known here",
    ),
    (
        ("gpus: 16}", "gpus: 16, failures: {}}"),
        "8:48: plans.0.training.failures: need `checkpoints`",
    ),
    (
        ("kind: gpus, gpus: 16", "kind: shared, gpus: 16"),
        "8:22: plans.0.training.kind: shares a fleet with requests",
    ),
    (
        ("training: {kind: gpus, gpus: 16}", "scaling: {kind: fixed, replicas: 1}"),
        "7:5: plans.0.training: is required",
    ),
    (("kind: gpus, gpus: 16", "kind: nodes, nodes: n.csv"), "8:36: plans.0.training.nodes: no file 'n.csv'"),
    (
        ("kind: gpus, gpus: 16", "kind: nodes, nodes: nodes.csv, scheduler: elastic"),
        "8:58: plans.0.training.scheduler",
    ),
    (("slo:", "horizon: 3h\nslo:"), ""),
    (
        ("kind: gpus, gpus: 16", "kind: gpus, gpus: 16, checkpoints: {}, failures: {repair: 2h}"),
        "8:74: plans.0.training.failures.repair: is of gangs on nodes",
    ),
    (("slo:", "horizon: 2h\nslo:"), ""),
    (
        ("buy: {offer: aws/p4d.24xlarge}", "buy: {offer: aws/p4d}"),
        "5:25: defaults.buy.offer: the catalog has no offer",
    ),
    (
        ("buy: {offer: aws/p4d.24xlarge}", "training_buy: {offer: aws/p5.48xlarge}"),
        "7:5: plans.0.buy: is required",
    ),
]


@pytest.mark.parametrize(("horizon", "told"), [("3h", False), ("2h", True), ("1h", True)])
def test_a_target_as_long_as_the_run_is_told(tmp_path: Path, horizon: str, told: bool) -> None:
    found = check(home(tmp_path, ("slo:", f"horizon: {horizon}\nslo:")))
    assert found["faults"] == []
    assert ["No job misses slo.wait.p95 of 2 h" in note for note in found["notes"]] == ([True] if told else [])


@pytest.mark.parametrize(("change", "fault"), QUEUE_FAULTS)
def test_a_fault_of_a_queue_is_located(tmp_path: Path, change: tuple[str, str], fault: str) -> None:
    found = [str(fault).replace(f"{tmp_path}/", "") for fault in find_faults(home(tmp_path, change))]
    if not fault:
        assert found == []
        return
    assert found, change
    assert found[0].startswith(f"jobs.yaml:{fault}"), found


@pytest.mark.parametrize(
    ("text", "change", "fault"),
    [
        (NIGHT, ("model: llama-3.2-1b\n", ""), "1:1: model: is required, and missing"),
        (
            NIGHT,
            ("jobs: {path: jobs.csv, window: 100min}\n", ""),
            "6:23: slo.wait: is a target of jobs, and there",
        ),
        (NIGHT, ("  replica: {accelerator: l4}\n", ""), "13:5: plans.0.replica: is required, and missing"),
        (
            NIGHT,
            ("kind: shared", "kind: shared, handover: soon"),
            "17:40: plans.1.training.handover: 'soon' is no",
        ),
        (
            NIGHT,
            ("name: one fleet", "name: one fleet\n    interruptions: {replicas_per_day: 1}"),
            "17:20: plans.1",
        ),
        (
            NIGHT,
            ("name: one fleet", "name: one fleet\n    nodes: {kind: karpenter}"),
            "17:12: plans.1.nodes: makes",
        ),
        (SPOT, ("there.csv", "gone.csv"), "14:76: plans.1.training.spot.availability: no file 'gone.csv'"),
        (
            SPOT,
            ("price: $5/h", "price: $5/h, prices: prices.csv"),
            "14:70: plans.1.training.spot.prices: cannot be combined",
        ),
        (
            SPOT,
            ("price: $5/h, ", ""),
            "14:31: plans.1.training.spot.offer: the catalog has no spot price of aws/p4d",
        ),
        (
            SPOT,
            ("offer: aws/p4d.24xlarge, price", "offer: aws/m7i.large, price"),
            "14:31: plans.1.training.spot.offer",
        ),
    ],
)
def test_a_fault_of_shared_and_spot_is_located(tmp_path: Path, text: str, change: tuple[str, str], fault: str) -> None:
    found = [str(fault).replace(f"{tmp_path}/", "") for fault in find_faults(home(tmp_path, change, text=text))]
    assert any(one.startswith(f"jobs.yaml:{fault}") for one in found), found
