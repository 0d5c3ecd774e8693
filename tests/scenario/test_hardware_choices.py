"""Hardware in place of that of a plan: its own accelerator is called as the plan calls it."""

import re
from pathlib import Path

import pytest
from support.scenarios import SMALL, write

from simcost.errors import FaultsError
from simcost.scenario.checks.load import load, load_with_services
from simcost.scenario.inputs.hardware_choices import hardware_choices
from simcost.scenario.inputs.offer_dimensions import proposed
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.studies.advising.hardware_kinds import hardware_kinds
from simcost.studies.advising.kinds import ActionKind
from simcost.studies.advising.request_kinds import request_kinds
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


def request_kinds_of(loaded: LoadedScenario) -> list[ActionKind]:
    return list(request_kinds(loaded, loaded.scenario.plans[0], None))


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


CHOICES = 'choices: {offers: ["aws/*", "gcp/*"], regions: "us-*", accelerators: [l40s, L4]}\n'


def test_choices_of_the_scenario_leave_other_offers_out(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, text=SMALL + CHOICES))
    plan = loaded.scenario.plans[0]
    found = list(hardware_choices(loaded, plan))
    assert {one["replica"]["accelerator"] for one in found} == {"l4", "l40s"}
    assert {one["buy"]["offer"].partition("/")[0] for one in found} <= {"aws", "gcp"}
    assert all(one["buy"]["region"].startswith("us-") for one in found)
    of_all = list(hardware_choices(load(write(tmp_path, text=SMALL)), plan))
    assert len(of_all) > 3 * len(found) > 0


def test_a_small_fleet_may_have_small_nodes_and_a_large_one_those_that_cost_less_per_accelerator(
    tmp_path: Path,
) -> None:
    """On AWS an H100 costs the same alone as one of eight; at Lambda one of eight costs less."""
    for offers, expected in (
        ("aws/*", ["aws/p5.48xlarge", "aws/p5.4xlarge"]),
        ("lambda/*", [f"lambda/gpu_{size}x_h100_sxm5" for size in (8, 4, 2, 1)]),
    ):
        loaded = load(write(tmp_path, text=SMALL + f'choices: {{offers: "{offers}", accelerators: h100-sxm}}\n'))
        found = [
            one["buy"]["offer"]
            for one in hardware_choices(loaded, loaded.scenario.plans[0])
            if (one["replica"]["tp"], one["replica"]["precision"]) == (1, "bf16")
        ]
        assert found == expected


def test_offers_that_cannot_be_billed_take_the_place_of_none_that_can(tmp_path: Path) -> None:
    """The catalog has no price of traffic of Modal, whose single A100 costs the least."""
    text = SMALL + 'choices: {offers: ["gcp/*", "modal/*"], accelerators: a100-40gb-sxm}\n'
    loaded = load(write(tmp_path, text=text))
    found = {one["buy"]["offer"] for one in hardware_choices(loaded, loaded.scenario.plans[0])}
    assert {"gcp/a2-highgpu-1g", "modal/serverless-a100-40gb-sxm"} <= found


def test_the_disk_of_a_node_counts_in_the_choice_of_its_region(tmp_path: Path) -> None:
    """An L4 costs 0.3 % less an hour in us-east4, and a GB there 10 % more than in us-central1."""
    for disk, region in ((0, "us-east4"), (2000, "us-central1")):
        text = SMALL + 'choices: {offers: "gcp/g2-standard-4", regions: "us-*"}\n'
        loaded = load(write(tmp_path, text=text.replace("buy:", f"startup: {{disk: {disk}}}\n    buy:")))
        assert {one["buy"]["region"] for one in hardware_choices(loaded, loaded.scenario.plans[0])} == {region}


def test_advice_proposes_what_choices_leave(tmp_path: Path) -> None:
    text = SMALL.replace("{offer: aws/g6.xlarge}", "{offer: gcp/g2-standard-4, region: us-central1}") + CHOICES
    kinds = {kind.name: kind for kind in request_kinds_of(load(write(tmp_path, text=text)))}
    others = {partial["buy"]["offer"].partition("/")[0] for partial in kinds["provider"].dimensions[0]}
    assert others == {"aws"}
    regions = [partial["buy"]["region"] for partial in kinds["region"].dimensions[0]]
    assert regions
    assert all(region.startswith("us-") for region in regions)
    shared = load_with_services(write(tmp_path, text=SHARED + 'choices: {offers: "aws/*"}\n'))
    assert "provider" not in {kind.name for kind in whole_kinds(shared, None)}


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ('{offers: "awz/*"}', "no offer of the catalog matches 'awz/*'; did you mean 'aws/*'"),
        ("{regions: mars}", "none of these offers has a price in a region that matches 'mars'"),
        ('{offers: ["aws/*", "xx/*"]}', "no offer of the catalog matches 'xx/*'"),
        ("{offers: []}", "no offer of the catalog matches '[]'"),
    ],
)
def test_choices_that_nothing_matches_are_refused(tmp_path: Path, choices: str, said: str) -> None:
    with pytest.raises(FaultsError, match=re.escape(said)):
        load(write(tmp_path, text=f"{SMALL}choices: {choices}\n"))


@pytest.mark.parametrize("choices", ['{offers: "aws/c7i*"}', '{accelerators: cpu, regions: "us-*"}'])
def test_choices_may_name_processors_alone(tmp_path: Path, choices: str) -> None:
    loaded = load(write(tmp_path, text=SMALL + f"choices: {choices}\n"))
    assert {offer.accelerator for offer in proposed(loaded, loaded.catalog.facts.offers)} == {""}


def test_shared_nodes_with_an_accelerator_by_its_short_name_have_other_hardware(tmp_path: Path) -> None:
    loaded = load_with_services(write(tmp_path, text=SHARED))
    assert not isinstance(loaded, LoadedScenario)
    kinds = {kind.name: kind for kind in whole_kinds(loaded, None)}
    assert {"accelerator", "provider"} <= set(kinds)
