"""Disks of the nodes that jobs run on, paid as those of nodes that serve: on own clusters and shared fleets."""

from pathlib import Path
from typing import Any

import pytest
from support.job_scenarios import NIGHT, QUEUE, SPOT, home

from simcost.scenario.checks.load import find_faults, load
from simcost.scenario.runs.run import run

AWS_USD = 0.08
"""Per GB-month."""


def plans(folder: Path, *changes: tuple[str, str], text: str = QUEUE) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = run(load(home(folder, *changes, text=text)), folder / "out")["plans"]
    return found


def stored(plan: dict[str, Any]) -> float:
    usd: float = plan["cost_usd"]["by_category"]["storage"]
    return usd


@pytest.mark.slow
def test_nodes_of_jobs_pay_their_disks(tmp_path: Path) -> None:
    small, large = plans(tmp_path, ("gpus: 32,", "gpus: 32, disk: 50,"))
    for plan, disk_gb in ((small, 200), (large, 50)):
        assert stored(plan) == pytest.approx(plan["node_hours"] * disk_gb / 730 * AWS_USD)
    without, _ = plans(tmp_path, ("gpus: 16}", "gpus: 16, disk: 0}"))
    assert stored(without) == 0
    assert without["wait_s"] == small["wait_s"]


@pytest.mark.slow
def test_spot_nodes_pay_theirs_while_they_are_there(tmp_path: Path) -> None:
    steady, mixed = plans(tmp_path, ("gpus: 16\n", "gpus: 16\n      disk: 100\n"), text=SPOT)
    assert stored(steady) == pytest.approx(steady["node_hours"] * 200 / 730 * AWS_USD)
    assert stored(mixed) == pytest.approx(mixed["node_hours"] * 100 / 730 * AWS_USD)


@pytest.mark.slow
def test_one_fleet_and_two_pay_the_same_for_a_node(tmp_path: Path) -> None:
    two, one = plans(tmp_path, ("gpus: 10,", "gpus: 10, disk: 50,"), text=NIGHT)
    assert stored(two) / two["node_hours"] == pytest.approx(stored(one) / one["node_hours"])


def test_a_disk_without_a_price_is_a_fault(tmp_path: Path) -> None:
    [fault] = find_faults(home(tmp_path, ("aws/p4d.24xlarge", "verda/1H100.80S.32V")))
    assert "storage" in fault.message
    assert "verda" in fault.message
    priced = "verda/1H100.80S.32V, storage: $0.1/GB"
    assert find_faults(home(tmp_path, ("aws/p4d.24xlarge", priced))) == []
    unkept = [("aws/p4d.24xlarge", "verda/1H100.80S.32V"), ("gpus: 16}", "gpus: 16, disk: 0}")]
    assert len(find_faults(home(tmp_path, *unkept))) == 1
