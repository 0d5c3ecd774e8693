"""Sentences on jobs: how they save their work, and one share of work redone in table and drivers."""

from math import fsum
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support.commands import call
from support.job_scenarios import NIGHT, QUEUE, SPOT, home

from simcost.errors import InputError
from simcost.present.format import share
from simcost.scenario.checks.load import find_faults, load
from simcost.scenario.inputs.clusters import assumptions_of, find_clusters, unmet_requirements
from simcost.scenario.runs.provenance import assumptions
from simcost.scenario.runs.resolve import settle
from simcost.scenario.runs.run import run
from simcost.scenario.schema.jobs import OnNodes
from simcost.studies.plans import job_tables
from simcost.trace.jobs.reader import read_jobs
from simcost.units import format_count, format_usd


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ("checkpoints: {interval: 10min}", "Jobs save their work every 10 min in 60 s"),
        ("checkpoints: {interval: 10min}, failures: {}", "Jobs save their work every 10 min in 60 s"),
        (
            "checkpoints: {interval: 10min}, failures: {intervals: young}",
            "Jobs save their work at Young's interval for each job's own failures in 60 s",
        ),
        (
            "scheduler: {kind: priority-preemptive, checkpoint_interval: 10min, restart: 30s}",
            "Jobs that are preempted have saved their work every 10 min, in no time, and restart in 30 s.",
        ),
        ("scheduler: {kind: las}", "A wait ends with the first start"),
        ("checkpoints: {}, failures: {}", "A wait ends with the first start"),
        (
            "checkpoints: {}, scheduler: {kind: quotas, queues: {team: {nominal: 12}}}",
            "The quotas add up to 12 of the 16 GPUs: the others are never used.",
        ),
        (
            "checkpoints: {}, scheduler: {kind: quotas, queues: {team: {nominal: 12}, b: {nominal: 12}}}",
            "The quotas add up to 24 GPUs and the cluster has 16: no queue is sure of its own.",
        ),
    ],
)
def test_checkpoints_are_named_as_they_are_taken(tmp_path: Path, training: str, said: str) -> None:
    scenario = load(home(tmp_path, ("gpus: 16}", f"gpus: 16, {training}}}"), text=QUEUE))
    small, large = find_clusters(scenario.scenario.plans, scenario.catalog, tmp_path)
    assert [line for line in assumptions_of(small) if line.startswith(said)]
    assert assumptions_of(large) == []


@pytest.mark.parametrize(("text", "place"), [(SPOT, 1), (NIGHT, 1)], ids=["spot", "shared"])
def test_the_order_of_the_queue_is_said_where_no_scheduler_can_be_chosen(tmp_path: Path, text: str, place: int) -> None:
    scenario = load(home(tmp_path, text=text))
    clusters = find_clusters(scenario.scenario.plans, scenario.catalog, tmp_path)
    assert [line for line in assumptions_of(clusters[place]) if "first in, first out" in line]
    assert not [line for line in assumptions_of(clusters[0]) if "first in, first out" in line]


@pytest.mark.parametrize(
    ("saved", "said"),
    [
        ("write: 0.4s", ["write 400 ms as 0 s"]),
        ("interval: 0.4s, write: 1.6s", ["interval 400 ms as 1 s, write 1.6 s as 2 s"]),
        ("interval: 90.4s, write: 40.4s", []),
    ],
)
def test_times_of_checkpoints_that_are_rounded_are_told(tmp_path: Path, saved: str, said: list[str]) -> None:
    """Clusters of a fixed size count whole seconds."""
    scenario = load(home(tmp_path, ("gpus: 16}", f"gpus: 16, checkpoints: {{{saved}}}}}"), text=QUEUE))
    small = find_clusters(scenario.scenario.plans, scenario.catalog, tmp_path)[0]
    jobs, _ = read_jobs(tmp_path / "jobs.csv")
    told = [line.partition("whole seconds: ")[2] for line in unmet_requirements(small, jobs) if "whole sec" in line]
    assert told == [f"{one}." for one in said]


@pytest.mark.slow
def test_work_redone_is_one_share_in_table_and_drivers(tmp_path: Path) -> None:
    path = home(tmp_path, ("spot: {nodes: 3,", "checkpoints: {interval: 1h}\n      spot: {nodes: 3,"), text=SPOT)
    document = run(load(path), tmp_path / "out")
    mixed = document["plans"][1]
    of = mixed["gpu_share"]
    assert min(of["lost"], of["restart"]) > 0.001
    assert fsum(of.values()) == pytest.approx(1)
    assert job_tables.times(document)[1]["Work redone"] == share(of["lost"])
    assert job_tables.gpu_time(document)[1]["lost time"] == share(of["lost"] + of["restart"])
    [driver] = [line for line in document["drivers"] if line.startswith("Preemptions")]
    assert f"work redone took {100 * of['lost']:.3g} % of the GPU time" in driver
    stops = [row["jobs_preemptions"] for row in pq.read_table(tmp_path / "out/tables/runs.parquet").to_pylist()]
    assert len(set(stops[3:])) > 1
    assert driver.startswith(f"Preemptions: {format_count(fsum(stops[3:]) / 3)} against 0; ")


@pytest.mark.slow
def test_plans_that_need_unlike_times_tell_what_all_jobs_cost(tmp_path: Path) -> None:
    document = run(load(home(tmp_path)), tmp_path / "out")
    [line] = [line for line in document["assumptions"] if line.startswith("Each plan runs until")]
    for plan in document["plans"]:
        assert f"{plan['name']} {format_usd(plan['cost_usd']['total'])} in" in line
    document = run(load(home(tmp_path, ("slo:", "horizon: 8h\nslo:"))), tmp_path / "out")
    assert not [line for line in document["assumptions"] if line.startswith("Each plan runs until")]


@pytest.mark.slow
def test_a_verdict_tells_where_all_jobs_cost_less_under_another_plan(tmp_path: Path) -> None:
    """One node takes 3 days for jobs that four do in half of one, at a quarter of their price a month."""
    changes = [("{p95: 2h}", "{p95: 30d}"), ("gpus: 16}", "gpus: 8}"), ("scheduler: easy", "disk: 0, scheduler: easy")]
    cheap = ("scheduler: easy-backfill}", "scheduler: easy-backfill}\n    buy: {offer: aws/p4d.24xlarge, price: $6/h}")
    document = run(load(home(tmp_path, *changes, cheap)), tmp_path / "out")
    small, large = document["plans"]
    assert document["best"] == "small"
    assert small["cost_usd"]["total"] > large["cost_usd"]["total"]
    usd = [format_usd(plan["cost_usd"]["total"]) for plan in (small, large)]
    assert f"All jobs cost more with it: {usd[0]} in" in document["verdict"]
    assert f"against {usd[1]} in" in document["verdict"]
    document = run(load(home(tmp_path, *changes, cheap, ("slo:", "horizon: 8h\nslo:"))), tmp_path / "out")
    assert "All jobs" not in document["verdict"]


@pytest.mark.parametrize("part", ["checkpoints: {}", "failures: {}, checkpoints: {}"])
def test_an_elastic_cluster_that_loses_work_is_a_fault_of_the_file(tmp_path: Path, part: str) -> None:
    faults = find_faults(home(tmp_path, ("gpus: 16}", f"gpus: 16, scheduler: elastic, {part}}}")))
    assert {fault.path for fault in faults} == {f"plans.0.training.{name.split(':')[0]}" for name in part.split(", ")}


def test_failures_of_a_count_go_by_the_nodes_of_the_list(tmp_path: Path) -> None:
    counted = "kind: nodes, nodes: fours.csv, placement: count, checkpoints: {}, failures: {}"
    changes = ("kind: gpus, gpus: 16", counted), ("p4d.24xlarge", "g6e.12xlarge")
    (tmp_path / "fours.csv").write_text("node,gpus\n" + "".join(f"n{i},4\n" for i in range(4)), encoding="utf-8")
    path = home(tmp_path, *changes)
    scenario = load(path)
    training = find_clusters(scenario.scenario.plans, scenario.catalog, tmp_path)[0].training
    assert isinstance(training, OnNodes)
    assert training.failures is not None
    assert training.failures.gpus_per_node == 4
    for part, message in (("repair: 2h", "of a count of GPUs"), ("gpus_per_node: 8", "the list says it")):
        [fault] = find_faults(home(tmp_path, *changes, ("failures: {}", f"failures: {{{part}}}")))
        assert fault.path == f"plans.0.training.failures.{part.split(':')[0]}"
        assert message in fault.message


@pytest.mark.parametrize(
    ("text", "kept"),
    [(QUEUE, ["All", "All"]), (SPOT, ["All", "Steady"]), (SPOT.replace("gpus: 16", "gpus: 0"), ["All"])],
)
def test_nodes_of_jobs_that_spot_never_takes_back_are_told(tmp_path: Path, text: str, kept: list[str]) -> None:
    on_spot = text.replace("buy: {offer: aws/p4d.24xlarge", "buy: {kind: spot, price: $6/h, offer: aws/p4d.24xlarge")
    scenario = load(home(tmp_path, text=on_spot))
    lines = [
        line
        for one in find_clusters(scenario.scenario.plans, scenario.catalog, tmp_path)
        for line in assumptions_of(one)
    ]
    assert [line.split()[0] for line in lines if "never taken back" in line] == kept


def test_spot_of_a_shared_fleet_names_no_remedy_that_is_refused(tmp_path: Path) -> None:
    bought = ("buy: {offer: aws/g6.xlarge}", "buy: {kind: spot, offer: aws/g6.xlarge, price: $0.3/h}")
    lines = assumptions(settle(load(home(tmp_path, bought, text=NIGHT)), seed=None, seeds=1))
    [shared] = [line for line in lines if line.startswith("one fleet: Spot nodes")]
    assert shared.endswith("those of a fleet that jobs share are there from start to end.")


@pytest.mark.slow
def test_jobs_that_a_scheduler_cannot_run_name_the_plan(tmp_path: Path) -> None:
    quotas = "gpus: 16, scheduler: {kind: quotas, queues: {teams: {nominal: 16}}}}"
    with pytest.raises(InputError, match="jobs of plan 'small': pool 'team' of the jobs has no quota; did you mean"):
        run(load(home(tmp_path, ("gpus: 16}", quotas))), tmp_path / "out")


def test_unknown_keys_of_a_quota_are_faults(tmp_path: Path) -> None:
    """A limit with a slip in its name was dropped without a word: the queue borrowed what others left."""
    quotas = "gpus: 16, scheduler: {kind: quotas, queues: {teams: {nominal: 16, borowing_limit: 2}}}}"
    [fault] = find_faults(home(tmp_path, ("gpus: 16}", quotas)))
    assert fault.path == "plans.0.training.scheduler.queues.teams.borowing_limit"
    assert "did you mean 'borrowing_limit'" in fault.message


def test_parts_and_types_of_gpus_that_a_count_does_not_have_are_said(tmp_path: Path) -> None:
    nodes = "kind: nodes, nodes: nodes.csv"
    scenario = load(home(tmp_path, ("kind: gpus, gpus: 16", nodes)))
    placed, counted = find_clusters(scenario.scenario.plans, scenario.catalog, tmp_path)
    (tmp_path / "parts.csv").write_text("job_id,submit_s,duration_s,gpus,gpu_milli,gpu_type\na,0,60,1,250,A100\n")
    jobs, _ = read_jobs(tmp_path / "parts.csv")
    assert unmet_requirements(placed, jobs) == []
    assert [line.partition(";")[0] for line in unmet_requirements(counted, jobs)] == [
        "1 job asks for a part of a GPU",
        "1 job asks for a type of GPU",
    ]


def test_marks_of_jobs_that_a_cluster_does_not_go_by_are_said(tmp_path: Path) -> None:
    """`preemptible` holds for priorities and quotas; elsewhere jobs marked so were stopped without a word, and jobs not
    fit for spot lay on spot nodes."""
    rows = ["a,0,60,1,no,no,1", "b,0,60,1,yes,yes,2", "c,0,60,1,no,,2"]
    header = "job_id,submit_s,duration_s,gpus,preemptible,spot_ok,priority"
    (tmp_path / "marks.csv").write_text("\n".join([header, *rows]) + "\n")
    jobs, _ = read_jobs(tmp_path / "marks.csv")
    fixed = "2 jobs are marked as not preemptible; {} stop any job all the same."

    def said(text: str, *changes: tuple[str, str]) -> list[str]:
        scenario = load(home(tmp_path, *changes, text=text))
        return unmet_requirements(find_clusters(scenario.scenario.plans, scenario.catalog, tmp_path)[-1], jobs)

    on_spot = "2 jobs are not marked spot_ok; any job may lie on spot nodes all the same."
    assert said(SPOT) == [fixed.format("spot nodes that go"), on_spot]
    assert said(NIGHT) == [fixed.format("requests")]
    assert said(QUEUE) == [
        "the jobs have priorities, which easy-backfill does not go by: priority-preemptive and priority-backfill do."
    ]
    for policy in ("priority-preemptive", "priority-backfill", "{kind: fair-share, weight_priority: 1000}"):
        assert "priorities" not in str(said(QUEUE, ("easy-backfill", policy)))
    assert said(QUEUE, ("easy-backfill", "srtf"))[2:] == [fixed.format("others under srtf")]
    replayed = call("train", "replay", tmp_path / "marks.csv", "--gpus", 1, "--policy", "srtf", "--json", "--quiet")
    assert fixed.format("others under srtf")[:-1] in [each["message"] for each in replayed.document()["findings"]]


def test_types_of_gpus_that_no_node_has_are_said(tmp_path: Path) -> None:
    """Such jobs never run; they were told as wider than the cluster."""
    (tmp_path / "typed.csv").write_text("node,gpus,gpu_type\nn0,8,A100\nn1,8,A100\n")
    scenario = load(home(tmp_path, ("kind: gpus, gpus: 16", "kind: nodes, nodes: typed.csv")))
    (tmp_path / "types.csv").write_text("job_id,submit_s,duration_s,gpus,gpu_type\na,0,60,1,A100|H100\nb,0,60,1,H100\n")
    jobs, _ = read_jobs(tmp_path / "types.csv")
    placed = find_clusters(scenario.scenario.plans, scenario.catalog, tmp_path)[0]
    assert unmet_requirements(placed, jobs) == [
        "1 job asks for a type of GPU that no node has, and never run; first: 'H100' (of the nodes: A100)."
    ]


@pytest.mark.slow
def test_policies_that_go_by_what_jobs_do_not_say_are_told(tmp_path: Path) -> None:
    """A replay by deadlines of jobs without one printed the figures of fifo-skip without a word."""
    (tmp_path / "plain.csv").write_text("job_id,submit_s,duration_s,gpus\na,0,60,1\nb,0,60,2\n")
    for policy, said in (
        ("deadline", "no job has a deadline (deadline_s): deadline orders them as fifo-skip"),
        ("priority-preemptive", "all jobs have one priority: priority-preemptive orders them as fifo-strict"),
        ("priority-backfill", "all jobs have one priority: priority-backfill orders them as easy-backfill"),
        ("elastic", "no job may run on fewer or more GPUs"),
        ("fair-share", "all jobs are of one user: fair-share orders them as fifo-skip"),
        ("sjf-skip", "goes by the true durations of jobs, which no scheduler knows: by user, pool or limit"),
        ("ssf-skip:by=limit", "goes by the true durations of jobs, which no scheduler knows: the limits are these"),
        ("srtf", "srtf goes by the true durations of jobs"),
    ):
        words = ("train", "replay", tmp_path / "plain.csv", "--gpus", 2, "--policy", policy, "--json", "--quiet")
        assert said in str(call(*words).document()["findings"])
    guessed = ("train", "replay", tmp_path / "plain.csv", "--gpus", 2, "--policy", "sjf-skip:sigma=1", "--json")
    assert "true durations" not in call(*guessed).out
    scenario = load(home(tmp_path, ("easy-backfill", "deadline")))
    jobs, _ = read_jobs(tmp_path / "plain.csv")
    [line] = unmet_requirements(find_clusters(scenario.scenario.plans, scenario.catalog, tmp_path)[-1], jobs)
    assert line == "no job has a deadline (deadline_s): deadline orders them as fifo-skip."


def test_spot_nodes_beyond_those_of_the_trace_are_told(tmp_path: Path) -> None:
    def said(count: int) -> list[str]:
        scenario = load(home(tmp_path, ("spot: {nodes: 3,", f"spot: {{nodes: {count},"), text=SPOT))
        return assumptions_of(find_clusters(scenario.scenario.plans, scenario.catalog, tmp_path)[-1])

    more = "more come and go in proportion"
    assert not any(more in line for line in said(1))
    assert any(more in line for line in said(300))


def test_jobs_that_all_come_after_a_run_beside_requests_are_refused(tmp_path: Path) -> None:
    rows = "a,2024-02-29T05:00:00Z,60,1\nb,2024-02-29T06:00:00Z,60,2\n"
    path = home(tmp_path, ("path: jobs.csv, window: 100min", "path: late.csv, since: 2024-02-29"), text=NIGHT)
    (tmp_path / "late.csv").write_text(f"job_id,submit_time,duration_s,gpus\n{rows}")
    with pytest.raises(InputError, match=r"the first job comes 5 h after the hour of `since` \(2024-02-29\), and the"):
        run(load(path), tmp_path / "out")
