"""Jobs by user and by pool: GPU time, waits and money of a plan shared among them."""

import csv
from math import fsum
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from support.job_scenarios import NIGHT, QUEUE, SPOT, home
from support.shown import on_terminal

from simcost.scenario.checks.load import load, load_with_services
from simcost.scenario.runs.run import run
from simcost.slo.job_groups import MOST
from simcost.studies.plans.sections import parts

pytestmark = pytest.mark.slow
FAILING = (
    "gpus: 32, scheduler: easy-backfill",
    "gpus: 32, failures: {per_node_day: 2}, checkpoints: {interval: 10min, write: 1min, restart: 3min}",
)


def result(folder: Path, *changes: tuple[str, str], text: str = QUEUE, users: int = 3) -> Any:
    """A run whose jobs are of so many users in two pools, in turn."""
    path = home(folder, *changes, text=text)
    with (folder / "jobs.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with (folder / "jobs.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [
                ["job_id", "submit_s", "duration_s", "gpus", "pool", "user"],
                *([*list(row.values())[:4], f"p{i % 2}", f"u{i % users}"] for i, row in enumerate(rows)),
            ]
        )
    return run(load_with_services(path) if "services:" in path.read_text() else load(path), folder / "out")


@pytest.mark.parametrize(("text", "changes"), [(QUEUE, (FAILING,)), (SPOT, ())], ids=["queue", "spot"])
def test_groups_add_up_to_the_plan(tmp_path: Path, text: str, changes: tuple[tuple[str, str], ...]) -> None:
    for plan in result(tmp_path, *changes, text=text)["plans"]:
        held_h = fsum(plan["gpu_hours"][name] for name in ("useful", "checkpoint", "lost", "restart"))
        for key in ("jobs_by_user", "jobs_by_pool"):
            assert fsum(one["gpu_hours"] for one in plan[key]) == pytest.approx(held_h)
            assert fsum(one["cost_share"] for one in plan[key]) == pytest.approx(1)
            assert sum(one["jobs"] for one in plan[key]) == plan["jobs"]["submitted"]
            assert sum(one["completed"] for one in plan[key]) == plan["jobs"]["completed"]
            for name in ("total", "per_month"):
                assert fsum(one["cost_usd"][name] for one in plan[key]) == pytest.approx(plan["cost_usd"][name])
        assert {one["name"] for one in plan["jobs_by_user"]} == {"u0", "u1", "u2"}


def test_a_group_by_hand(tmp_path: Path) -> None:
    """GPUs x duration of its jobs, and the waits of their rows in the stored run."""
    document = result(tmp_path)
    with (tmp_path / "jobs.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    small = document["plans"][0]
    [one] = [one for one in small["jobs_by_user"] if one["name"] == "u1"]
    own = [int(row["gpus"]) * int(row["duration_s"]) / 3600 for row in rows if row["user"] == "u1"]
    every = [int(row["gpus"]) * int(row["duration_s"]) / 3600 for row in rows]
    assert one["gpu_hours"] == pytest.approx(fsum(own))
    assert one["cost_usd"]["per_month"] == pytest.approx(small["cost_usd"]["per_month"] * fsum(own) / fsum(every))
    waits = []
    for table in (tmp_path / "out/runs").glob("*/jobs.parquet"):
        jobs = pq.read_table(table)
        wait_s = jobs["start_s"].to_numpy() - jobs["submit_s"].to_numpy()
        waits.append(float(np.quantile(wait_s[[row["user"] == "u1" for row in rows]], 0.95)))
    assert one["wait_s"]["p95"] in waits


def test_many_users_are_told_as_the_largest_and_one_of_the_rest(tmp_path: Path) -> None:
    document = result(tmp_path, users=MOST + 4)
    for plan in document["plans"]:
        assert [one["name"] for one in plan["jobs_by_user"]][MOST:] == ["4 others"]
        hours = [one["gpu_hours"] for one in plan["jobs_by_user"][:MOST]]
        assert hours == sorted(hours, reverse=True)
    shown = on_terminal(parts)(document)
    assert "Jobs by user" in shown
    assert "idle GPUs, disks and unused commitments in the same proportion" in " ".join(shown.split())


def test_beside_the_requests_of_one_model_groups_have_shares_and_no_costs(tmp_path: Path) -> None:
    document = result(tmp_path, text=NIGHT)
    for plan in document["plans"]:
        assert fsum(one["cost_share"] for one in plan["jobs_by_pool"]) == pytest.approx(1)
        assert {one["cost_usd"]["per_month"] for one in plan["jobs_by_pool"]} == {None}
    shown = " ".join(on_terminal(parts)(document).split())
    assert "Mean wait P95 wait Share" in shown
    assert "shares are of the GPU time that jobs held" in shown
    assert "in the same proportion" not in shown


def test_beside_services_groups_share_what_the_jobs_cost(tmp_path: Path) -> None:
    requests = "workload: {kind: synthetic, rate: 4/s, lengths: {prompt_median: 100, output_median: 60}}"
    changes = (
        (f"{requests}\n", f"services: [{{name: chat, {requests}, slo: {{ttft: 2s}}}}]\n"),
        ("slo: {ttft: 2s, wait: {p95: 90min}}", "slo: {wait: {p95: 90min}}"),
        ("defaults:\n", "defaults:\n  services: {chat: {}}\n"),
    )
    for plan in result(tmp_path, *changes, text=NIGHT)["plans"]:
        cost = fsum(one["cost_usd"]["per_month"] for one in plan["jobs_by_user"])
        assert cost == pytest.approx(plan["allocation_by_service_usd_per_month"]["jobs"])


def of_two(folder: Path, scheduler: str, rows: list[str]) -> dict[str, float]:
    """GPU-hours of the users of two jobs on 16 GPUs in an hour."""
    path = home(
        folder,
        ("jobs: {path: jobs.csv}", "jobs: {path: jobs.csv}\nhorizon: 1h"),
        ("gpus: 32, scheduler: easy-backfill", f"gpus: 16, scheduler: {scheduler}"),
    )
    header = "job_id,submit_s,duration_s,gpus,gpu_milli,min_gpus,max_gpus,user"
    (folder / "jobs.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    plan = run(load(path), folder / "out")["plans"][1]
    return {one["name"]: one["gpu_hours"] for one in plan["jobs_by_user"]}


def test_the_wait_of_a_stopped_job_at_the_end_is_no_time_on_gpus(tmp_path: Path) -> None:
    rows = ["long,0,90000,16,1000,16,16,slow", "short,1800,4000,16,1000,16,16,fast"]
    assert of_two(tmp_path, "srtf", rows) == pytest.approx({"slow": 8, "fast": 8})


def test_part_of_a_gpu_holds_a_whole_one_where_gpus_are_counted(tmp_path: Path) -> None:
    rows = ["half,0,1800,1,500,1,1,small", "whole,0,1800,1,1000,1,1,large"]
    assert of_two(tmp_path, "fifo-strict", rows) == pytest.approx({"small": 0.5, "large": 0.5})


def test_elastic_jobs_hold_what_they_are_dealt(tmp_path: Path) -> None:
    rows = ["wide,0,90000,2,1000,1,12,grows", "narrow,0,90000,4,1000,4,4,stays"]
    assert of_two(tmp_path, "{kind: elastic, scaling: 1, pause: 0}", rows) == pytest.approx({"grows": 12, "stays": 4})
