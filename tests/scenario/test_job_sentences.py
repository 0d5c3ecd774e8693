"""Sentences on jobs: how they save their work, and one share of work redone in table and drivers."""

from math import fsum
from pathlib import Path

import pytest
from support.job_scenarios import QUEUE, SPOT, home

from simcost.errors import InputError
from simcost.present.format import share
from simcost.scenario.checks.load import find_faults, load
from simcost.scenario.inputs.clusters import assumptions_of, assumptions_of_counts, find_clusters
from simcost.scenario.runs.run import run
from simcost.studies.plans import job_tables
from simcost.trace.jobs.reader import read_jobs
from simcost.units import format_usd


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


@pytest.mark.slow
def test_plans_that_need_unlike_times_tell_what_all_jobs_cost(tmp_path: Path) -> None:
    document = run(load(home(tmp_path)), tmp_path / "out")
    [line] = [line for line in document["assumptions"] if line.startswith("Each plan runs until")]
    for plan in document["plans"]:
        assert f"{plan['name']} {format_usd(plan['cost_usd']['total'])} in" in line
    document = run(load(home(tmp_path, ("slo:", "horizon: 8h\nslo:"))), tmp_path / "out")
    assert not [line for line in document["assumptions"] if line.startswith("Each plan runs until")]


@pytest.mark.parametrize("part", ["checkpoints: {}", "failures: {}, checkpoints: {}"])
def test_an_elastic_cluster_that_loses_work_is_a_fault_of_the_file(tmp_path: Path, part: str) -> None:
    faults = find_faults(home(tmp_path, ("gpus: 16}", f"gpus: 16, scheduler: elastic, {part}}}")))
    assert {fault.path for fault in faults} == {f"plans.0.training.{name.split(':')[0]}" for name in part.split(", ")}


@pytest.mark.slow
def test_jobs_that_a_scheduler_cannot_run_name_the_plan(tmp_path: Path) -> None:
    quotas = "gpus: 16, scheduler: {kind: quotas, queues: {teams: {nominal: 16}}}}"
    with pytest.raises(InputError, match="jobs of plan 'small': pool 'team' of the jobs has no quota; did you mean"):
        run(load(home(tmp_path, ("gpus: 16}", quotas))), tmp_path / "out")


def test_parts_and_types_of_gpus_that_a_count_does_not_have_are_said(tmp_path: Path) -> None:
    nodes = "kind: nodes, nodes: nodes.csv"
    scenario = load(home(tmp_path, ("kind: gpus, gpus: 16", nodes)))
    placed, counted = find_clusters(scenario.scenario.plans, scenario.catalog, tmp_path)
    (tmp_path / "parts.csv").write_text("job_id,submit_s,duration_s,gpus,gpu_milli,gpu_type\na,0,60,1,250,A100\n")
    jobs, _ = read_jobs(tmp_path / "parts.csv")
    assert assumptions_of_counts(placed, jobs) == []
    assert [line.partition(";")[0] for line in assumptions_of_counts(counted, jobs)] == [
        "1 job asks for a part of a GPU",
        "1 job asks for a type of GPU",
    ]
