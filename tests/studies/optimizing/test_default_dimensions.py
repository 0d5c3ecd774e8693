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
    assert space.excluded == {}
    maxima = [getattr(one.plan.scaling, "max", None) for one in space.variations]
    assert [most for most in maxima if most is not None] == list(MAXIMA)
