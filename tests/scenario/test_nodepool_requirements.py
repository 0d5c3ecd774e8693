"""Requirements of a node pool: which instance types they leave, and which of its purchases a plan keeps."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scenarios import SMALL, write

from simcost.catalog import load_catalog
from simcost.errors import FaultsError
from simcost.plan.nodes import NodePool
from simcost.scenario.checks.load import find_faults, load
from simcost.scenario.manifests import read_manifest
from simcost.scenario.manifests.requirements import Requirement, labels_of
from simcost.scenario.runs.resolve import settle

HEAD = "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: gpu}\nspec:\n"
AWS = "karpenter.k8s.aws/instance-"
ONE = SMALL[: SMALL.index("  - name: two")].rstrip()


def pool_text(*requirements: str, more: str = "") -> str:
    lines = "".join(f"        - {{{requirement}}}\n" for requirement in requirements)
    return f"{HEAD}  template:\n    spec:\n      requirements:\n{lines}{more}"


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read(*requirements: str, more: str = "") -> NodePool:
        path = tmp_path / "nodepool.yaml"
        path.write_text(pool_text(*requirements, more=more), encoding="utf-8")
        nodes = read_manifest(path).nodes
        assert nodes is not None
        return nodes

    return read


AT_HAND = {
    "p5.48xlarge",
    "p5.4xlarge",
    "g6e.xlarge",
    "g6e.2xlarge",
    "g6e.12xlarge",
    "g6e.24xlarge",
    "g6e.48xlarge",
}
"""Types that are looked at; the catalog may have more of the two families."""
FAMILY = f"key: {AWS}family, operator: In, values: [p5, g6e]"


@pytest.mark.parametrize(
    ("requirement", "kept"),
    [
        (f'key: {AWS}gpu-count, operator: Gte, values: ["8"]', {"p5.48xlarge", "g6e.48xlarge"}),
        (f'key: {AWS}gpu-count, operator: Gt, values: ["4"]', {"p5.48xlarge", "g6e.48xlarge"}),
        (f'key: {AWS}gpu-count, operator: Lt, values: ["1"]', set()),
        (f'key: {AWS}cpu, operator: Lte, values: ["16"]', {"p5.4xlarge", "g6e.xlarge", "g6e.2xlarge"}),
        (f"key: {AWS}gpu-name, operator: NotIn, values: [l40s]", {"p5.48xlarge", "p5.4xlarge"}),
        (f"key: {AWS}category, operator: In, values: [p]", {"p5.48xlarge", "p5.4xlarge"}),
        (f'key: {AWS}generation, operator: In, values: ["5"]', {"p5.48xlarge", "p5.4xlarge"}),
        (f"key: {AWS}accelerator-name, operator: Exists", set()),
        ("key: node.kubernetes.io/instance-type, operator: In, values: [p5.4xlarge]", {"p5.4xlarge"}),
        ("key: kubernetes.io/arch, operator: In, values: [arm64]", set()),
        ("key: eks.amazonaws.com/instance-size, operator: In, values: [4xlarge]", {"p5.4xlarge"}),
        ("key: topology.kubernetes.io/region, operator: In, values: [eu-west-9]", set()),
    ],
)
def test_well_known_labels(read: Any, requirement: str, kept: set[str]) -> None:
    if kept:
        assert set(read(FAMILY, requirement).instance_types) & AT_HAND == kept
        return
    with pytest.raises(FaultsError, match="no instance type of the catalog meets them"):
        read(FAMILY, requirement)


def test_a_label_that_no_fact_answers_is_taken_as_met_and_said(tmp_path: Path) -> None:
    path = tmp_path / "nodepool.yaml"
    path.write_text(pool_text(FAMILY, "key: example.com/team, operator: Exists"), encoding="utf-8")
    assert "requirement example.com/team: taken as met" in read_manifest(path).not_simulated


def test_capacity_types_zones_and_limits(read: Any) -> None:
    nodes = read(
        FAMILY,
        "key: karpenter.sh/capacity-type, operator: NotIn, values: [spot]",
        "key: topology.kubernetes.io/zone, operator: In, values: [us-east-1a, us-east-1b]",
        "key: topology.kubernetes.io/zone, operator: NotIn, values: [us-east-1b]",
        more="  limits: {cpu: 96, memory: 1Ti, nvidia.com/gpu: 16}\n",
    )
    assert nodes.capacity_types == ("reserved", "on-demand")
    assert nodes.zones == ("us-east-1a",)
    assert (nodes.max_accelerators, nodes.max_vcpus, nodes.max_memory_bytes) == (16, 96, 2**40)


OFFERS = [one for one in load_catalog().facts.offers if one.accelerators]


@given(
    key=st.sampled_from(
        [f"{AWS}gpu-count", f"{AWS}cpu", f"{AWS}family", "kubernetes.io/arch", "karpenter.azure.com/sku-cpu"]
    ),
    values=st.lists(st.sampled_from(["0", "1", "4", "8", "96", "p5", "amd64"]), min_size=1, max_size=3),
)
def test_operators_are_complements_where_there_is_a_label(key: str, values: list[str]) -> None:
    def admits(operator: str, value: str | None, given: list[str]) -> bool:
        return Requirement(key, operator, tuple(given), None).admits(value)  # type: ignore[arg-type]

    for value in {labels_of(offer).get(key) for offer in OFFERS}:
        assert admits("In", value, values) is not admits("NotIn", value, values)
        assert admits("Exists", value, []) is not admits("DoesNotExist", value, [])
        bound = [one for one in values if one.isdecimal()][:1]
        if bound and value is not None and value.isdecimal():
            assert admits("Gt", value, bound) is not admits("Lte", value, bound)
            assert admits("Lt", value, bound) is not admits("Gte", value, bound)
            assert admits("Gte", value, bound) is (admits("Gt", value, bound) or admits("In", value, bound))


def with_nodes(folder: Path, *requirements: str, buy: str = "", more: str = "") -> Path:
    (folder / "nodepool.yaml").write_text(pool_text(*requirements, more=more), encoding="utf-8")
    return write(folder, text=f"{ONE}\n    nodes: {{from: nodepool.yaml}}\n{buy}")


@pytest.mark.parametrize(
    ("requirement", "more", "why"),
    [
        (
            f"key: {AWS}family, operator: In, values: [p5]",
            "",
            r"allows no g6.xlarge, but p5.48xlarge, p5.4xlarge",
        ),
        (
            "key: karpenter.sh/capacity-type, operator: In, values: [spot]",
            "",
            "allows spot capacity, not on-demand",
        ),
        (
            "key: topology.kubernetes.io/zone, operator: In, values: [eu-west-1a]",
            "",
            "the zones eu-west-1a, none",
        ),
        (
            f"key: {AWS}family, operator: In, values: [g6]",
            "  limits: {nvidia.com/gpu: 0}\n",
            "above its limit of 0",
        ),
        (
            f"key: {AWS}family, operator: In, values: [g6]",
            "  limits: {cpu: 2}\n",
            "4 vCPUs are above its limit of 2",
        ),
    ],
)
def test_a_pool_that_allows_nothing_of_a_plan_is_a_fault_at_check_and_in_a_run(
    tmp_path: Path, requirement: str, more: str, why: str
) -> None:
    path = with_nodes(tmp_path, requirement, more=more)
    [fault] = find_faults(path)
    assert fault.path == "plans.0.nodes"
    with pytest.raises(FaultsError, match=f"allows none of the nodes that plan 'one' buys: aws/g6.xlarge: .*{why}"):
        load(path)


def test_requirements_choose_among_what_the_plan_buys(tmp_path: Path) -> None:
    spot = "{kind: spot, offer: aws/g6.xlarge, price: $0.2/h}"
    several = f"    or_buy: [{{kind: on-demand, offer: aws/g6.2xlarge}}, {spot}]\n"
    path = with_nodes(tmp_path, f"key: {AWS}size, operator: In, values: [2xlarge]", buy=several)
    [plan] = settle(load(path), seed=None, seeds=None).plans
    assert plan.plan.buy.offer == "aws/g6.2xlarge"  # type: ignore[union-attr]
    assert len(plan.pool.kinds) == 1
    assert any("its node pool leaves 1: aws/g6.xlarge: it allows no g6.xlarge" in note for note in plan.notes)


def test_the_rules_hold_for_pools_written_in_place(tmp_path: Path) -> None:
    text = f"{ONE}\n    nodes: {{kind: karpenter, instance_types: [p5.48xlarge]}}\n"
    [fault] = find_faults(write(tmp_path, text=text))
    assert "it allows no g6.xlarge" in fault.message
