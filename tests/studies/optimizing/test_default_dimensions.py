"""A search without `vary`: other bounds suit the autoscaler of the plan."""

from pathlib import Path

import pytest
from support.scenarios import SMALL

from simcost.scenario.checks.load import load_text
from simcost.scenario.inputs.variations import of_one_plan, variations
from simcost.studies.optimizing.dimensions import MAXIMA, default_dimensions

POLICIES = (
    "{kind: kpa, target: 20, min: 1, max: 6}",
    "{kind: predictive, min: 1, max: 6, demand: [1, 2], step_length: 1min, per_replica: 2, lead: 1min}",
    "{kind: target-concurrency, target: 4, start: 5, min: 1, max: 6}",
)


@pytest.mark.parametrize("policy", POLICIES, ids=["kpa", "predictive", "target-concurrency"])
def test_autoscalers_with_and_without_a_start_have_other_bounds(tmp_path: Path, policy: str) -> None:
    text = SMALL.replace("{kind: fixed, replicas: 2}", policy)
    loaded = load_text(text, tmp_path / "s.yaml")
    plan = loaded.scenario.plans[1]
    hardware, sizes = default_dimensions(loaded, plan)
    space = variations(of_one_plan(loaded, plan), [hardware[:1], sizes])
    scaled = [one.plan.scaling for one in space.plans if one.plan.scaling.kind != "fixed"]
    assert [one.max for one in scaled] == list(MAXIMA)
