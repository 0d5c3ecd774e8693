"""Kinds of actions on purchases: what is tried of plans with commitments, and of parts of a plan."""

from pathlib import Path

from simcost.scenario.checks.load import load
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.studies.advising.hardware_kinds import hardware_kinds
from simcost.studies.advising.purchase_kinds import commitment_kinds

SCENARIO = """\
scenario: one
model: llama-3.2-1b
horizon: 10min
workload: {{kind: synthetic, rate: 1/s}}
slo: {{ttft: 1s}}
plans:
  - name: today
    replica: {{accelerator: l4}}
    buy: {{offer: gcp/g2-standard-8, region: us-central1{more}}}
    scaling: {{kind: target-concurrency, target: 8, min: 1, max: 4}}
"""
HELD = ", commitments: [{kind: resource-cud, sku: g2-standard-8, region: us-central1, count: 1}]"


def loaded(folder: Path, more: str = "") -> LoadedScenario:
    path = folder / "one.yaml"
    path.write_text(SCENARIO.format(more=more))
    return load(path)


def test_a_plan_with_commitments_is_told_why_no_more_are_tried(tmp_path: Path) -> None:
    """The table of what was tried left commitments out without a word."""
    one = loaded(tmp_path, HELD)
    [kind] = commitment_kinds(one.scenario.plans[0], one.catalog, 4)
    assert (kind.name, kind.reversible) == ("commitment", False)
    assert kind.why.startswith("something is committed to already")


def test_an_offer_alone_is_tried_where_sizes_are_few(tmp_path: Path) -> None:
    """It came with sizes, so that it was listed only where it saved more than a size alone."""
    one = loaded(tmp_path)
    kinds = {kind.name: kind for kind in hardware_kinds(one, one.scenario.plans[0], bounded=False)}
    assert (kinds["offer"].sizes, kinds["accelerator"].sizes) == ("none", "own")
    assert [set(choice) for choice in kinds["offer"].dimensions[0]] == [{"replica", "buy"}]
