"""Hardware in place of that of a plan: its own accelerator is called as the plan calls it."""

from pathlib import Path

import pytest
from support.scenarios import SMALL, write

from simcost.scenario.checks.load import load, load_with_services
from simcost.scenario.inputs.hardware_choices import hardware_choices
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.studies.advising.hardware_kinds import hardware_kinds
from simcost.studies.advising.whole_kinds import whole_kinds

ON_H100 = SMALL.replace("accelerator: l4", "accelerator: h100").replace("aws/g6.xlarge", "aws/p5.48xlarge")
SHARED = """\
scenario: shared
horizon: 10min
seeds: 2
services:
  - name: chat
    model: llama-3.2-1b
    workload: {kind: synthetic, rate: 4/s, lengths: {prompt_median: 300, output_median: 150}}
    slo: {ttft: 1s, attainment: 95%}
  - name: search
    model: llama-3.1-8b
    workload: {kind: synthetic, rate: 1/s, lengths: {prompt_median: 600, output_median: 60}}
    slo: {ttft: 2s, attainment: 90%}
defaults: {replica: {accelerator: h100}, buy: {offer: aws/p5.48xlarge}}
plans:
  - name: large
    services:
      chat: {scaling: {kind: fixed, replicas: 4}}
      search: {scaling: {kind: fixed, replicas: 2}}
"""


@pytest.mark.parametrize("text", [SMALL, ON_H100], ids=["catalog name", "short name"])
def test_own_accelerator_keeps_its_name(tmp_path: Path, text: str) -> None:
    loaded = load(write(tmp_path, text=text))
    plan = loaded.scenario.plans[0]
    assert plan.replica is not None
    catalog = loaded.catalog
    own = catalog.accelerator(plan.replica.accelerator).name
    names = {choice["replica"]["accelerator"] for choice in hardware_choices(loaded, plan)}
    assert {name for name in names if catalog.accelerator(name).name == own} == {plan.replica.accelerator}


def test_precision_and_parallelism_are_kinds_of_their_own_whatever_the_accelerator_is_called(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, text=ON_H100))
    kinds = {kind.name: kind for kind in hardware_kinds(loaded, loaded.scenario.plans[0])}
    assert {"precision", "tensor parallelism", "accelerator", "provider"} <= set(kinds)
    others = str(kinds["accelerator"].dimensions[0])
    assert "'l40s'" in others
    assert "'h100'" not in others
    assert "'h100-sxm'" not in others


def test_shared_nodes_with_an_accelerator_by_its_short_name_have_other_hardware(tmp_path: Path) -> None:
    loaded = load_with_services(write(tmp_path, text=SHARED))
    assert not isinstance(loaded, LoadedScenario)
    kinds = {kind.name: kind for kind in whole_kinds(loaded, None)}
    assert {"accelerator", "provider"} <= set(kinds)
