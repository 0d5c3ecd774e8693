"""Plans that cost the same: a run and its sensitivity name the same one, and no value is worth to be known."""

from pathlib import Path

import pytest
from support.commands import call
from support.job_scenarios import home

pytestmark = pytest.mark.slow


def test_a_run_and_its_sensitivity_name_the_same_of_plans_that_cost_the_same(tmp_path: Path) -> None:
    path = home(tmp_path, ("gpus: 16}", "gpus: 32, checkpoints: {}}"), ("scheduler: easy-backfill}", "scheduler: las}"))
    ran = call("run", path, "--out", tmp_path / "run", "--json").document()
    vary = "plans.small.training.checkpoints.interval=600..2400"
    found = call("sensitivity", path, "--vary", vary, "--out", tmp_path / "sensitivity", "--json").document()
    waits = {plan["name"]: plan["wait_s"]["p95"] for plan in ran["plans"]}
    assert ran["best"] == min(waits, key=lambda name: waits[name])
    assert found["verdict"].startswith(f"{ran['best']} is the cheapest plan that meets the SLO")
    assert set(found["value_of_information"].values()) == {0.0}
