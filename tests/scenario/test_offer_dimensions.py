"""Dimensions over offers of the catalog: the same plans as a list by hand, their filters, and what is refused."""

from pathlib import Path

import pytest
from support.commands import TINY, refused, scenario

from simcost.errors import FaultsError
from simcost.scenario.checks.load import load, load_with_services
from simcost.scenario.inputs.variations import Space, variations
from simcost.scenario.inputs.whole_variations import WholeSpace, whole_variations
from simcost.scenario.schema.loaded_scenario import LoadedScenario

ALONE = TINY.partition("  - name: scaled")[0]


def space(folder: Path, vary: str, text: str = ALONE) -> Space:
    return variations(load(scenario(folder, text=f"{text}vary:\n{vary}")))


def whole(folder: Path, vary: str, text: str) -> WholeSpace:
    return whole_variations(load_with_services(scenario(folder, text=f"{text}vary:\n{vary}")))


def written(found: Space) -> list[tuple[str, object]]:
    return [(one.plan.name, one.node.plain()) for one in found.variations]


def bought(found: Space) -> list[tuple[str, str, str]]:
    return [(one.plan.buy.offer, one.plan.buy.region, one.plan.replica.accelerator) for one in found.variations]


def test_it_is_the_list_of_its_offers_written_by_hand(tmp_path: Path) -> None:
    by_pattern = space(tmp_path, '  - {offers: "gcp/g2-standard-4", regions: "europe-*"}\n')
    by_hand = space(
        tmp_path,
        "  - - {replica: {accelerator: l4}, buy: {offer: gcp/g2-standard-4, region: europe-west1}}\n"
        "    - {replica: {accelerator: l4}, buy: {offer: gcp/g2-standard-4, region: europe-west4}}\n",
    )
    assert written(by_pattern) == written(by_hand)
    assert [one.plan.name for one in by_pattern.variations] == [
        "one, l4 gcp/g2-standard-4 europe-west1",
        "one, l4 gcp/g2-standard-4 europe-west4",
    ]
    assert by_pattern.combinations == 2


def test_all_offers_in_regions_bring_their_accelerators(tmp_path: Path) -> None:
    found = space(tmp_path, '  - {offers: "*", regions: "europe-*"}\n')
    catalog = load(tmp_path / "tiny.yaml").catalog
    there = [one for one in catalog.facts.offers if one.region.startswith("europe-") and one.accelerator]
    assert found.combinations == len(there) > 5
    assert bought(found) == [(one.name, one.region, one.accelerator) for one in there if (one.name, one.region)]
    assert len({accelerator for *_, accelerator in bought(found)}) > 1


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        ("accelerators: l40s", {"l40s"}),
        ("accelerators: [l4, L40S]", {"l4", "l40s"}),
        ('accelerators: "l4*"', {"l4", "l40s"}),
        ("accelerators: h100", {"h100-sxm"}),
    ],
)
def test_accelerators_are_filtered_by_pattern_or_by_any_of_their_names(
    tmp_path: Path, filters: str, kept: set[str]
) -> None:
    found = space(tmp_path, f'  - {{offers: "aws/*", regions: us-east-1, {filters}}}\n')
    assert {accelerator for *_, accelerator in bought(found)} == kept


def test_several_patterns_add_up_and_one_region_for_all_is_no_region(tmp_path: Path) -> None:
    offers = {offer for offer, *_ in bought(space(tmp_path, "  - {offers: [aws/g6.xlarge, AWS/G6e.xlarge]}\n"))}
    assert offers == {"aws/g6.xlarge", "aws/g6e.xlarge"}
    anywhere = bought(space(tmp_path, '  - {offers: "lambda/*"}\n'))
    assert {region for _, region, _ in anywhere} == {"any"}
    with pytest.raises(FaultsError, match="in a region that matches 'us-\\*'"):
        space(tmp_path, '  - {offers: "lambda/*", regions: "us-*"}\n')


def test_offers_without_accelerators_are_asked_for_by_name(tmp_path: Path) -> None:
    assert all(accelerator for *_, accelerator in bought(space(tmp_path, '  - {offers: "aws/*"}\n')))
    with pytest.raises(FaultsError, match="a replica on CPUs needs its part of a node"):
        space(tmp_path, '  - {offers: "aws/*", accelerators: cpu}\n')


def test_what_cannot_serve_is_left_out_with_its_reason(tmp_path: Path) -> None:
    text = ALONE.replace("{accelerator: l4}", "{accelerator: l4, tp: 8}").replace("g6.xlarge", "g6.48xlarge")
    found = space(tmp_path, '  - {offers: "aws/g6.*", regions: us-east-1}\n', text)
    assert [offer for offer, *_ in bought(found)] == ["aws/g6.48xlarge"]
    assert sum(found.excluded.values()) == found.combinations - 1
    assert any("no multiple of tp 8" in reason for reason in found.excluded)


def test_measurements_and_prices_hold_on_their_own_hardware_alone(tmp_path: Path) -> None:
    measured = "{accelerator: L4, kv_tokens: 90000, step: {a: 10ms, b: 0.02ms, c: 0s, d: 0s}}"
    text = ALONE.replace("{accelerator: l4}", measured).replace("aws/g6.xlarge", "aws/g6.xlarge, price: 0.5")
    found = space(tmp_path, "  - {offers: [aws/g6.xlarge, aws/g6.2xlarge, aws/g6e.xlarge]}\n", text)
    plans = {one.plan.buy.offer: one.plan for one in found.variations}
    assert {offer: plan.buy.price for offer, plan in plans.items()} == {
        "aws/g6.xlarge": 0.5,
        "aws/g6.2xlarge": None,
        "aws/g6e.xlarge": None,
    }
    assert {offer: plan.replica.kv_tokens for offer, plan in plans.items()} == {
        "aws/g6.xlarge": 90000,
        "aws/g6.2xlarge": 90000,
        "aws/g6e.xlarge": None,
    }
    assert plans["aws/g6.2xlarge"].replica.step is not None
    assert plans["aws/g6e.xlarge"].replica.step is None


def test_it_varies_with_other_dimensions(tmp_path: Path) -> None:
    vary = '  - {offers: "aws/g6*.xlarge"}\n  - {path: scaling.replicas, from: 1, to: 3}\n'
    found = space(tmp_path, vary)
    assert len(found.variations) == found.combinations == 3 * len({offer for offer, *_ in bought(found)})


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        ('{offers: "asw/*"}', "no offer of the catalog matches 'asw/*'; did you mean 'aws/*'"),
        ('{offers: ["aws/g6.*", aws/g6e.xlrge]}', "no offer of the catalog matches 'aws/g6e.xlrge'; did you mean"),
        ('{offers: "aws/g6.*", regions: [us-east-1, us-est-2]}', "in a region that matches 'us-est-2'; did you mean"),
        ("{offers: aws/g6.xlrge}", "matches 'aws/g6.xlrge'; did you mean 'aws/g6.xlarge'"),
        (
            '{offers: "aws/*", regions: us-est-1}',
            "a region that matches 'us-est-1'; did you mean 'us-west-1' or 'us-east-1'",
        ),
        ('{offers: "aws/*", regions: "moon-*"}', "a region that matches 'moon-*'; there are us-east-1"),
        ('{offers: "aws/*", accelerators: l4s}', "an accelerator that matches 'l4s'; did you mean"),
        ('{offers: "aws/*", region: us-east-1}', "unknown key 'region'; did you mean 'regions'?"),
        ("{offers: 3}", "3 is not a pattern"),
        ("{offers: []}", "is not a pattern"),
        ('{offers: "aws/*", regions: [us-east-1, 2]}', "2 is not a pattern"),
        ('{regions: "eu-*"}', "is not a dimension"),
        ('{path: 3, offers: "aws/*"}', "3 is not a path"),
        ('{offers: "*"}\n  - {path: scaling.replicas, from: 1, to: 100}', "combinations"),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_line(tmp_path: Path, vary: str, said: str) -> None:
    file = scenario(tmp_path, text=f"{ALONE}vary:\n  - {vary}\n")
    told = refused("check", file)
    assert said in told
    assert "combinations" in said or f"tiny.yaml:{len(ALONE.splitlines()) + 2}:" in told


def test_of_several_services_it_is_of_one_or_of_all(tmp_path: Path) -> None:
    text = (
        "scenario: two\nhorizon: 10min\nseeds: 2\nservices:\n"
        "  - name: chat\n    model: llama-3.2-1b\n    slo: {ttft: 1s}\n"
        "    workload: {kind: synthetic, rate: 1/s, lengths: {prompt_median: 100, output_median: 20}}\n"
        "  - name: search\n    model: llama-3.2-1b\n    slo: {ttft: 1s}\n"
        "    workload: {kind: synthetic, rate: 1/s, lengths: {prompt_median: 100, output_median: 20}}\n"
        "plans:\n  - name: apart\n    services:\n"
        "      chat: {replica: {accelerator: l4}, buy: {offer: aws/g6.xlarge}, scaling: {kind: fixed, replicas: 1}}\n"
        "      search: {replica: {accelerator: l4}, buy: {offer: aws/g6.xlarge}, scaling: {kind: fixed, replicas: 1}}\n"
    )
    for vary, chat, search in (
        ('{path: services.chat, offers: "aws/g6*.xlarge"}', 2, 1),
        ('{offers: "aws/g6*.xlarge"}', 2, 2),
    ):
        file = scenario(tmp_path, text=f"{text}vary:\n  - {vary}\n")
        loaded = load_with_services(file)
        assert not isinstance(loaded, LoadedScenario)
        counts = {name: len(variations(one).variations) for name, one in loaded.services.items()}
        assert counts == {"chat": chat, "search": search}
    found = whole(tmp_path, '  - {path: services.chat, offers: "aws/g6*.xlarge"}\n', text)
    assert [plan.name for plan in found.plans] == [
        "apart, chat l4 aws/g6.xlarge us-east-1",
        "apart, chat l40s aws/g6e.xlarge us-east-1",
    ]


def test_services_on_shared_nodes_all_take_the_accelerator(tmp_path: Path) -> None:
    text = (
        "scenario: shared\nhorizon: 10min\nseeds: 2\nservices:\n"
        "  - name: chat\n    model: llama-3.2-1b\n    slo: {ttft: 1s}\n"
        "    workload: {kind: synthetic, rate: 1/s, lengths: {prompt_median: 100, output_median: 20}}\n"
        "  - name: search\n    model: llama-3.2-1b\n    slo: {ttft: 1s}\n"
        "    workload: {kind: synthetic, rate: 1/s, lengths: {prompt_median: 100, output_median: 20}}\n"
        "defaults: {replica: {accelerator: l4}}\n"
        "plans:\n  - name: together\n    buy: {offer: aws/g6.12xlarge}\n    services:\n"
        "      chat: {scaling: {kind: fixed, replicas: 1}}\n      search: {scaling: {kind: fixed, replicas: 1}}\n"
    )
    found = whole(tmp_path, '  - {offers: "aws/g6*.12xlarge"}\n', text)
    assert [plan.name for plan in found.plans] == [
        "together, l4 aws/g6.12xlarge us-east-1",
        "together, l40s aws/g6e.12xlarge us-east-1",
    ]
    for plan, accelerator in zip(found.plans, ("l4", "l40s"), strict=True):
        services = plan.loaded.services.values() if not isinstance(plan.loaded, LoadedScenario) else []
        assert [one.scenario.plans[0].replica.accelerator for one in services] == [accelerator] * 2


POOLS = ALONE.partition("    replica:")[0] + (
    "    pools:\n"
    "      - {name: a, replica: {accelerator: l4}, buy: {offer: aws/g6.xlarge}, scaling: {kind: fixed, replicas: 1}}\n"
    "      - {name: b, replica: {accelerator: l4}, buy: {offer: aws/g6.xlarge}, scaling: {kind: fixed, replicas: 1}}\n"
)


def test_of_several_pools_the_path_says_which(tmp_path: Path) -> None:
    found = whole(tmp_path, '  - {path: pools.1, offers: "aws/g6*.xlarge"}\n', POOLS)
    each = [[pool.buy.offer for pool in plan.loaded.first.scenario.plans[0].pools] for plan in found.plans]
    assert each == [["aws/g6.xlarge", "aws/g6.xlarge"], ["aws/g6.xlarge", "aws/g6e.xlarge"]]
    sizes = whole(
        tmp_path, "".join(f"  - {{path: pools.{i}.scaling.replicas, values: [1, 2]}}\n" for i in (0, 1)), POOLS
    )
    assert [plan.name for plan in sizes.plans][1:3] == [
        f"one, pool 0 replicas {first}, pool 1 replicas {second}" for first, second in ((1, 2), (2, 1))
    ]
    with pytest.raises(FaultsError, match=r"several pools; say of which: \{path: pools.0"):
        whole(tmp_path, '  - {offers: "aws/*"}\n', POOLS)
