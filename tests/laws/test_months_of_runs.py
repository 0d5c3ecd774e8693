"""A month of a plan costs the same in the result, `diff`, `focus compare` and the review, whatever its runs last."""

import json
from math import fsum
from pathlib import Path
from typing import Any

import pytest

from simcost.catalog import load_catalog
from simcost.scenario.checks.load import load
from simcost.scenario.inputs.purchasing import price_usage
from simcost.scenario.runs.run import run
from simcost.scenario.storage.results import plan_charges
from simcost.studies.actuals.simulated import simulated_side
from simcost.studies.differences.sides import cost_side
from simcost.studies.differences.study import difference
from simcost.studies.plans.cost_charts import cost_stack
from simcost.studies.review.money import charge_rows, charges_of
from simcost.units import HOURS_PER_MONTH

JOBS = """\
scenario: until-the-last-job
seeds: 2
jobs: {path: jobs.csv}
slo: {wait: {p95: 45min}}
plans:
  - name: few
    buy: {offer: aws/g6e.xlarge}
    training: {kind: gpus, gpus: 1, checkpoints: {interval: 30min}, failures: {size_independent_per_day: 12}}
  - name: many
    buy: {offer: aws/g6e.xlarge}
    training: {kind: gpus, gpus: 4, checkpoints: {interval: 30min}, failures: {size_independent_per_day: 12}}
"""
REQUESTS = """\
scenario: no-request
model: llama-3.1-8b
horizon: 10min
seeds: 3
workload: {kind: synthetic, rate: 0.002/s, lengths: {prompt_median: 600, output_median: 180}}
slo: {ttft: 1h, attainment: 50%}
plans:
  - name: to zero
    replica: {accelerator: l40s}
    buy: {kind: serverless, price: $2/h}
    scaling: {kind: kpa, target: 10, max: 2, initial_scale: 0}
    startup: {node: 10s, image: 10s}
  - name: fixed
    replica: {accelerator: l40s}
    buy: {offer: aws/g6e.xlarge}
    scaling: {kind: fixed, replicas: 1}
"""
MONTHS = """\
scenario: two-months
model: llama-3.1-8b
horizon: 60d
seeds: 2
workload: {kind: synthetic, rate: 0.002/s, lengths: {prompt_median: 600, output_median: 180}}
slo: {ttft: 1h, attainment: 50%}
plans:
  - name: fixed
    replica: {accelerator: l40s}
    buy: {offer: aws/g6e.xlarge}
    response_bytes_per_token: 200000
    scaling: {kind: fixed, replicas: 1}
  - name: two
    replica: {accelerator: l40s}
    buy: {offer: aws/g6e.xlarge}
    scaling: {kind: fixed, replicas: 2}
"""
LOG = "job_id,submit_s,duration_s,gpus\n1,0,4000,1\n2,60,9000,1\n3,90,3000,1\n4,100,5000,1\n"


@pytest.mark.parametrize(
    "text",
    [JOBS, REQUESTS, pytest.param(MONTHS, marks=pytest.mark.slow)],
    ids=["jobs", "requests", "months"],
)
def test_a_month_costs_the_same_in_every_view(tmp_path: Path, text: str) -> None:
    (tmp_path / "jobs.csv").write_text(LOG, encoding="utf-8")
    (tmp_path / "of.yaml").write_text(text, encoding="utf-8")
    out = tmp_path / "out"
    run(load(tmp_path / "of.yaml"), out)
    document = json.loads((out / "result.json").read_text(encoding="utf-8"))
    plans: list[dict[str, Any]] = document["plans"]
    drawn = drawn_parts(document)
    costs = [plan["cost_usd"]["per_month"] for plan in plans]
    sides = [cost_side(out, plan["name"], load_catalog(), {}) for plan in plans]
    found = difference(*sides, per_month=True)
    assert [found["before"]["usd"], found["after"]["usd"]] == pytest.approx(costs, rel=1e-9)
    for plan, usd in zip(plans, costs, strict=True):
        side = simulated_side(out, "effective", plan=plan["name"], usd_per={})
        spent = fsum([*(amount.usd for amount in side.amounts.values()), *side.others.values()])
        assert spent * HOURS_PER_MONTH / side.span_h == pytest.approx(usd, rel=1e-9)
        charges = charges_of(plan, charge_rows(plan_charges(out, plan["name"])[0]))
        listed = [charge.quantity * (charge.list_unit_price_usd or 0.0) for charge in charges]
        assert listed == pytest.approx([charge.usd for charge in charges], rel=1e-9, abs=1e-9)
        parts = drawn[plan["name"]]
        worked = fsum(parts.pop(name, 0.0) for name in ("computing", "jobs", "checkpoints"))
        allocated = [usd for usd in plan["allocation_usd_per_month"].values() if usd]
        assert sorted([worked, *parts.values()]) == pytest.approx(sorted(allocated), rel=1e-9)


@pytest.mark.slow
def test_a_run_of_months_costs_the_same_when_it_is_billed_again(tmp_path: Path) -> None:
    for name, text in (("of.yaml", MONTHS), ("plan.yaml", "purchasing: as it was\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    out = tmp_path / "out"
    run(load(tmp_path / "of.yaml"), out)
    document = json.loads((out / "result.json").read_text(encoding="utf-8"))
    [(again, bill)] = price_usage(out, [tmp_path / "plan.yaml"], {})
    assert again["effective_usd"] == pytest.approx(document["plans"][0]["cost_usd"]["total"], rel=1e-9)
    sent = [charge for charge in bill.charges if charge.sku == "egress"]
    assert [charge.charge_period_start_s for charge in sent] == [0.0, 30 * 86400.0]
    assert min(charge.consumed_quantity for charge in sent) > 100, "more than what is free"


def drawn_parts(document: dict[str, Any]) -> dict[str, dict[str, float]]:
    """By plan, the parts of its bar in the chart of where the money went."""
    parts: dict[str, dict[str, float]] = {}
    for rows in cost_stack(document).to_dict()["datasets"].values():
        for row in json.loads(rows) if isinstance(rows, str) else rows:
            if "part" in row:
                parts.setdefault(row["group"], {})[row["part"]] = row["value"]
    return parts
