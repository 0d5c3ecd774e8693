"""Plans that cost the same: a run and its sensitivity name the same one, and no value is worth to be known."""

from pathlib import Path

import pytest
from support.commands import call
from support.job_scenarios import home
from support.scenarios import SMALL, write

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


def test_plans_that_differ_by_less_than_a_bill_tells_cost_the_same(tmp_path: Path) -> None:
    """A price that differs in its sixth digit does not outweigh that one plan serves better."""
    plan = "    buy: {{offer: aws/g6.xlarge, price: $1.{}/h}}\n    scaling: {{kind: fixed, replicas: 2}}\n"
    one = SMALL[: SMALL.index("plans:")] + "plans:\n  - name: small batches\n    replica: {accelerator: l4}\n"
    one += "    batching: {max_num_seqs: 1}\n" + plan.format("00000")
    path = write(tmp_path, text=one + "  - name: usual\n    replica: {accelerator: l4}\n" + plan.format("00001"))
    ran = call("run", path, "--out", tmp_path / "run", "--json").document()
    vary = "discount.aws/g6.xlarge=0..0.2"
    found = call("sensitivity", path, "--vary", vary, "--out", tmp_path / "sensitivity", "--json").document()
    assert ran["best"] == "usual"
    assert found["verdict"].startswith("usual is the cheapest plan that meets the SLO")
    assert not found["flips"]
