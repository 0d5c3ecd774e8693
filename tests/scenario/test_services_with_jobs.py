"""Services beside training jobs, and services whose demand is forecast: laws, and what is wrong with them."""

from math import fsum
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from support.job_scenarios import NIGHT, home
from support.scenarios import write

from simcost.scenario.checks.load import find_faults, load_with_services
from simcost.scenario.runs.resolve_services import settle_services
from simcost.scenario.runs.run import run
from simcost.scenario.runs.service_jobs import list_jobs_of_services
from simcost.scenario.runs.service_provenance import assumptions_of_services
from simcost.scenario.runs.service_stages import list_stages

Document = dict[str, Any]
REQUESTS = "workload: {kind: synthetic, rate: 4/s, lengths: {prompt_median: 100, output_median: 60}}\n"
AS_SERVICE = (
    (REQUESTS, "services: [{name: chat, " + REQUESTS.strip() + ", slo: {ttft: 2s}}]\n"),
    ("slo: {ttft: 2s, wait: {p95: 90min}}", "slo: {wait: {p95: 90min}}"),
    ("defaults:\n", "defaults:\n  services: {chat: {}}\n"),
)
"""The only requests as a service."""
SECOND = (
    ("slo: {ttft: 2s}}]", "slo: {ttft: 2s}}, {name: search, workload: {kind: synthetic, rate: 1/s}, slo: {ttft: 2s}}]"),
    ("services: {chat: {}}", "services: {chat: {}, search: {scaling: {max: 2}}}"),
)


def result(folder: Path, *changes: tuple[str, str]) -> Document:
    folder.mkdir(exist_ok=True)
    return run(load_with_services(home(folder, *changes, text=NIGHT)), folder / "out")


def test_one_service_beside_jobs_is_the_scenario_of_one_pool(tmp_path: Path) -> None:
    single, service = result(tmp_path / "single"), result(tmp_path / "service", *AS_SERVICE)
    for one, plan in zip(service["plans"], single["plans"], strict=True):
        for key in ("jobs", "gpu_hours", "wait_s", "jct_s", "replica_hours", "requests", "accelerator_hours"):
            assert one[key] == plan[key], key
        assert one["cost_usd"]["total"] == pytest.approx(plan["cost_usd"]["total"])
        assert one["slo"]["met"] == plan["slo"]["met"]
        for key in ("ttft_s", "e2e_s"):
            assert one["services"][0]["slo"]["metrics"][key] == plan["slo"]["metrics"][key]
    assert sorted(path.name for path in (tmp_path / "single/out/runs").iterdir()) == sorted(
        path.name for path in (tmp_path / "service/out/runs").iterdir()
    )


@pytest.mark.slow
def test_two_services_and_jobs_on_one_fleet_hold_no_more_than_there_is_and_pay_one_bill(tmp_path: Path) -> None:
    document = result(tmp_path, *AS_SERVICE, *SECOND)
    apart, fleet = document["plans"]
    for plan in (apart, fleet):
        parts = plan["allocation_by_service_usd_per_month"]
        total = fsum([*parts["services"].values(), parts["jobs"], parts["idle"], parts["unused_commitments"]])
        assert total == pytest.approx(plan["cost_usd"]["per_month"])
        held = fsum(fsum(service["replica_hours"].values()) for service in plan["services"])
        assert plan["gpu_hours"]["requests"] == pytest.approx(held)
    hours = {key: value for key, value in fleet["gpu_hours"].items() if key != "down"}
    assert fsum(hours.values()) == pytest.approx(11 * 2) == pytest.approx(fleet["accelerator_hours"])
    busy = fsum(hours[key] for key in ("useful", "checkpoint", "lost", "restart"))
    assert fleet["allocation_by_service_usd_per_month"]["jobs"] == pytest.approx(
        busy / 22 * fleet["cost_usd"]["per_month"], rel=0.01
    )
    assert apart["allocation_by_service_usd_per_month"]["idle"] == pytest.approx(0.0, abs=0.01)
    gpus = pq.read_table(tmp_path / "out/tables/gpus.parquet").to_pandas()
    on_fleet = gpus[gpus["plan"] == "one fleet"]
    assert (on_fleet["jobs"] + on_fleet["requests"]).max() <= 11 + 1e-9


@pytest.mark.slow
def test_gpus_over_time_add_up_to_the_gpu_hours(tmp_path: Path) -> None:
    """Beside a cluster of the jobs' own, services that shared nodes held all of these for a part of the time: 24 GPUs
    at the beginning and none in the afternoon."""
    nodes = ("offer: aws/g6.xlarge", "offer: aws/g6.12xlarge")
    gpus = (("gpus: 10", "gpus: 12"), ("gpus: 11", "gpus: 16"))
    document = result(tmp_path, *AS_SERVICE, *SECOND, nodes, *gpus, ("seeds: 2", "seeds: 1"))
    rows = pq.read_table(tmp_path / "out/tables/gpus.parquet").to_pylist()
    for plan in document["plans"]:
        own, hours = [row for row in rows if row["plan"] == plan["name"]], plan["horizon_s"] / 3600
        assert min(row["requests"] for row in own[1:]) >= 1, "each service has a replica"
        requests = fsum(row["requests"] for row in own) / len(own) * hours
        assert requests == pytest.approx(plan["gpu_hours"]["requests"])


def cascaded(share: str) -> tuple[tuple[str, str], ...]:
    """Two services, of which one escalates a share: on nodes of their own, and on the fleet that jobs share."""
    chat = f"cascade: {{to: search, escalate: {share}}}"
    own = "buy: {offer: aws/g6.xlarge}"
    apart = f"    services: {{chat: {{{own}, {chat}}}, search: {{{own}}}}}\n"
    return (
        *AS_SERVICE,
        *SECOND,
        ("{kind: target-concurrency, target: 4, min: 1, max: 4, scale_down_delay: 1min}", "{kind: fixed, replicas: 2}"),
        ("search: {scaling: {max: 2}}", "search: {}"),
        ("    training: {kind: gpus", f"{apart}    training: {{kind: gpus"),
        ("    training: {kind: shared", f"    services: {{chat: {{{chat}}}}}\n    training: {{kind: shared"),
    )


@pytest.mark.slow
def test_a_cascade_beside_jobs_gives_what_it_gives_on_nodes_of_its_own(tmp_path: Path) -> None:
    document = result(tmp_path, *cascaded("30%"))
    apart, fleet = document["plans"]
    kept = ("requests", "slo", "replica_hours", "escalated", "received", "own_attainment", "final_attainment")
    for own, beside in zip(apart["services"], fleet["services"], strict=True):
        assert {key: own.get(key) for key in kept} == {key: beside.get(key) for key in kept}
    chat, search = fleet["services"]
    assert chat["escalated"] == search["received"] > 1000
    held = fsum(fsum(service["replica_hours"].values()) for service in fleet["services"])
    assert fleet["gpu_hours"]["requests"] == pytest.approx(held)
    hours = {key: value for key, value in fleet["gpu_hours"].items() if key != "down"}
    assert fsum(hours.values()) == pytest.approx(11 * 2)
    for jobs in (apart["jobs"], fleet["jobs"]):
        assert jobs["submitted"] == fsum(jobs[key] for key in ("completed", "failed", "in_system"))


def test_jobs_run_again_where_another_share_is_escalated_beside_them(tmp_path: Path) -> None:
    few, many = (keys_of_jobs(home(tmp_path, *cascaded(share), text=NIGHT), tmp_path) for share in ("30%", "60%"))
    assert len(few & many) == 1  # of the jobs that have a fleet of their own, alike in both replications
    assert len(few) == len(many) == 3


def keys_of_jobs(file: Path, folder: Path) -> set[str]:
    """Names of the runs of jobs of a scenario."""
    services = settle_services(load_with_services(file), seed=None, seeds=None)
    return {run.folder.name for run in list_jobs_of_services(services, folder, list_stages(services, folder))}


def demand(folder: Path, *changes: tuple[str, str], text: str) -> Path:
    """A scenario and a week of hourly counts."""
    times = np.datetime64("2026-01-05T00", "h") + np.arange(7 * 24)
    counts = np.random.default_rng(5).poisson(200, len(times))
    rows = [f"{time}:00:00Z,{count}" for time, count in zip(times, counts, strict=True)]
    (folder / "hourly.csv").write_text("\n".join(["timestamp,requests", *rows]) + "\n", encoding="utf-8")
    return write(folder, *changes, text=text)


FORECAST = "demand: {history: hourly.csv, forecast: {horizon: 2h, paths: 8, model: seasonal-naive-week}, requests: {}}"
AHEAD = f"""\
scenario: ahead
model: llama-3.2-1b
seeds: 3
services:
  - {{name: chat, {FORECAST}, slo: {{ttft: 2s}}}}
  - {{name: search, {FORECAST}, slo: {{ttft: 2s}}}}
  - {{name: batch, workload: {{kind: synthetic, rate: 0.1/s}}, slo: {{e2e: 1h}}}}
plans:
  - name: one
    replica: {{accelerator: l4}}
    buy: {{offer: aws/g6.xlarge}}
    scaling: {{kind: fixed, replicas: 1}}
    services: {{chat: {{}}, search: {{}}, batch: {{}}}}
"""


def test_services_meet_independent_futures_of_their_demands_and_all_run_as_long(tmp_path: Path) -> None:
    services = settle_services(load_with_services(demand(tmp_path, text=AHEAD)), seed=2, seeds=None)
    assert {name: question.horizon_s for name, question in services.questions.items()} == dict.fromkeys(
        services.questions, 7200
    )
    assert {question.seeds for question in services.questions.values()} == {3}
    chat, search = services.demands.values()
    totals = [chat.futures[path].sum() for path in chat.screening.chosen]
    assert totals[1:] == sorted(totals[1:])  # the middle one comes first
    others = [search.futures[path].sum() for path in search.screening.chosen]
    assert others[1:] != sorted(others[1:])


def test_histories_that_end_at_different_times_are_told(tmp_path: Path) -> None:
    """Both forecasts begin at 0: the night of one service met the day of the other without a word."""
    file = demand(tmp_path, (f"search, {FORECAST}", f"search, {FORECAST.replace('hourly', 'short')}"), text=AHEAD)
    rows = (tmp_path / "hourly.csv").read_text().splitlines()

    def told(hours: int) -> list[str]:
        (tmp_path / "short.csv").write_text("\n".join(rows[: len(rows) - hours]) + "\n")
        services = settle_services(load_with_services(file), seed=2, seeds=None)
        return [line for line in assumptions_of_services(services) if line.startswith("The history of")]

    assert told(0) == []
    [line] = told(9)
    assert line.startswith("The history of search ends 9 h before that of chat, and its forecast begins there")


def test_a_demand_alone_is_the_scenario_of_one_pool(tmp_path: Path) -> None:
    text = "".join(line for line in AHEAD.splitlines(keepends=True) if "name: search" not in line)
    text = "".join(line for line in text.splitlines(keepends=True) if "name: batch" not in line)
    text = text.replace(", search: {}, batch: {}", "")
    single = text.replace(
        f"services:\n  - {{name: chat, {FORECAST}, slo: {{ttft: 2s}}}}", f"{FORECAST}\nslo: {{ttft: 2s}}"
    )
    single = single.replace("    services: {chat: {}}\n", "")
    folders = tmp_path / "service", tmp_path / "single"
    found = []
    for folder, written in zip(folders, (text, single), strict=True):
        folder.mkdir()
        found.append(run(load_with_services(demand(folder, text=written)), folder / "out"))
    service, pool = found
    assert service["plans"][0]["services"][0] | {"name": "one"} == pool["plans"][0]
    assert service["futures"] == pool["futures"]
    assert service["demands"]["chat"] == pool["demand"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            (f"search, {FORECAST}", f"search, {FORECAST.replace('2h', '3h')}"),
            "services.1.demand.forecast.horizon: diff",
        ),
        ((f"search, {FORECAST}", f"search, {FORECAST[:-1]}, risk: 0.2}}"), "services.1.demand.risk: differs from that"),
        ((f"search, {FORECAST}", f"search, {FORECAST[:-1]}, budget: $9}}"), "services.1.demand.budget: is for a scen"),
        (("seeds: 3", "seeds: 3\nhorizon: 2h"), "horizon: cannot be combined with a demand"),
        (("search, demand", "search, workload: {kind: synthetic, rate: 1/s}, demand"), "services.1.demand: cannot be"),
    ],
)
def test_demands_that_cannot_be_of_one_run_are_located(tmp_path: Path, change: tuple[str, str], fault: str) -> None:
    found = [f"{fault.path}: {fault.message}" for fault in find_faults(demand(tmp_path, change, text=AHEAD))]
    assert any(one.startswith(fault) for one in found), found
    assert find_faults(demand(tmp_path, text=AHEAD)) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("gpus: 11", "gpus: 5"), "plans.1.training.gpus: services may hold 6 GPUs together (4 + 2); give as many"),
        (("jobs: {path: jobs.csv, window: 100min}\n", ""), "plans.0.training: runs jobs, and there are none"),
        (("slo: {wait: {p95: 90min}}", ""), "slo: is required, and missing"),
        (("slo: {wait: {p95: 90min}}", "slo: {ttft: 1s}"), "slo.ttft: is a target of requests"),
        (("search: {", "search: {sharing: {quota: 2}, "), "defaults.services.search.sharing: has no effect"),
        (("kind: shared, gpus: 11", "kind: shared, gpus: 11, handover: soon"), "plans.1.training.handover: 'soon'"),
        (("    training: {kind: gpus", "    trainin: {kind: gpus"), "plans.0.trainin: unknown key 'trainin'"),
    ],
)
def test_what_jobs_and_services_cannot_share_is_located(tmp_path: Path, change: tuple[str, str], fault: str) -> None:
    found = [
        f"{fault.path}: {fault.message}"
        for fault in find_faults(home(tmp_path, *AS_SERVICE, *SECOND, change, text=NIGHT))
    ]
    assert any(one.startswith(fault) for one in found), found
