"""Replicas without accelerators: how many share a node, what they cost, and what contradicts itself."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scenarios import write

from simcost.catalog import Offer, load_catalog, parts_of, replicas_on
from simcost.scenario.checks.load import find_faults, load, load_with_services
from simcost.scenario.runs.run import run
from simcost.units import GIB

TEXT = """\
scenario: cpus
horizon: 10min
seeds: 1
model: llama-3.2-1b
workload: {kind: synthetic, rate: 20/s, lengths: {prompt_median: 1, prompt_sigma: 0, output_median: 1, output_sigma: 0}}
slo: {e2e: 100ms}
plans:
  - name: processors
    replica: {accelerator: cpu, vcpus: 4, memory: 6GiB, latency_table: table.csv}
    buy: {offer: aws/c7i.2xlarge}
    scaling: {kind: fixed, replicas: 3}
    batching: {max_batch: 8}
"""
SERVICES = """\
scenario: shared
horizon: 10min
seeds: 1
services:
  - {name: a, model: llama-3.2-1b, workload: WORK, slo: {e2e: 100ms}}
  - {name: b, model: llama-3.2-1b, workload: WORK, slo: {e2e: 100ms}}
defaults:
  replica: {accelerator: cpu, vcpus: 4, memory: 8GiB, latency_table: table.csv}
  scaling: {kind: fixed, replicas: 2}
plans:
  - name: together
    buy: {offer: aws/c7i.4xlarge}
    services: {a: {}, b: {replica: {vcpus: 2, memory: 4GiB}}}
""".replace("WORK", TEXT.split("workload: ")[1].split("\n", maxsplit=1)[0])
GPU = """\
  - name: accelerators
    replica: {accelerator: l4, latency_table: table.csv}
    buy: {offer: aws/g6.xlarge, price: 0.1785}
    scaling: {kind: fixed, replicas: 3}
    batching: {max_batch: 8}
"""


def scenario(folder: Path, *changes: tuple[str, str], text: str = TEXT) -> Path:
    (folder / "table.csv").write_text("batch_size,seconds\n1,0.006\n8,0.013\n", encoding="utf-8")
    return write(folder, *changes, text=text)


def money(plan: dict[str, Any]) -> float:
    """Of the nodes, for ten minutes."""
    return float(plan["cost_usd"]["by_category"]["compute"])


@given(
    vcpus=st.integers(1, 200),
    memory=st.integers(1, 2000),
    each=st.tuples(st.integers(1, 64), st.integers(1, 512)),
)
def test_as_many_replicas_share_a_node_as_its_vcpus_and_memory_hold(
    vcpus: int, memory: int, each: tuple[int, int]
) -> None:
    offer = Offer(
        provider="p",
        sku="s",
        region="r",
        on_demand_usd_per_h=1.0,
        vcpus=vcpus,
        memory_bytes=memory * GIB,
        source="test",
        as_of="2026-01-01",
        quality="A",
    )
    count = replicas_on(offer, each[0], each[1] * GIB)
    assert count * each[0] <= vcpus
    assert count * each[1] <= memory
    assert (count + 1) * each[0] > vcpus or (count + 1) * each[1] > memory


def test_offers_without_accelerators_are_listed_by_the_price_of_a_vcpu() -> None:
    offers = load_catalog().offers_for("CPU")
    prices = [offer.on_demand_usd_per_h / parts_of(offer) for offer in offers]
    assert len(offers) >= 7
    assert prices == sorted(prices)
    assert not any(offer.accelerator for offer in offers)


def test_a_replica_on_processors_differs_from_one_with_an_accelerator_by_its_nodes_alone(tmp_path: Path) -> None:
    """One a node, by the same table and price: the same outcomes and money. Two a node: two nodes in place of three."""
    file = scenario(tmp_path, ("aws/c7i.2xlarge", "aws/c7i.xlarge"), text=TEXT + GPU)
    processors, accelerators = run(load(file), tmp_path / "one")["plans"]
    for key in ("requests", "slo", "replica_hours", "utilisation"):
        assert processors[key] == accelerators[key], key
    assert money(processors) == pytest.approx(money(accelerators)) == pytest.approx(3 * 0.1785 / 6)
    [shared] = run(load(scenario(tmp_path)), tmp_path / "two")["plans"]
    assert shared["requests"] == processors["requests"]
    assert money(shared) == pytest.approx(2 * 0.357 / 6)


CHOICES = [
    (("vcpus: 4, memory: 6GiB, ", ""), "replica: a replica on CPUs needs its part of a node"),
    ((", latency_table: table.csv", ""), "replica: no step time is known on CPUs; write `latency_table`"),
    (("vcpus: 4", "tp: 2, vcpus: 4"), "replica: a replica on CPUs has no tp"),
    (("accelerator: cpu", "accelerator: l4"), "replica: vcpus and memory are of a replica without accelerator"),
    (
        ("c7i.2xlarge", "g6.xlarge"),
        "buy.offer: aws/g6.xlarge has l4, and the replica runs on CPUs; offers that hold it",
    ),
    (
        ("memory: 6GiB", "memory: 60GiB"),
        "buy.offer: aws/c7i.2xlarge has 8 vCPUs and 16 GiB, and a replica takes 4 and 60",
    ),
    (("memory: 6GiB", "memory: 1GiB"), "replica: llama-3.2-1b in bf16 does not fit in 1 GiB of memory"),
    (("{offer: aws/c7i.2xlarge}", "{kind: spot, offer: aws/c7i.2xlarge}"), "buy.offer: the catalog has no spot price"),
    (
        ("{offer: aws/c7i.2xlarge}", "{kind: serverless, provider: runpod, sku: x, usd_per_s: 0.001}"),
        "buy",
    ),
]


@pytest.mark.parametrize(("change", "fault"), CHOICES)
def test_what_contradicts_itself_is_said_at_its_place(tmp_path: Path, change: tuple[str, str], fault: str) -> None:
    found = "\n".join(f"{fault.path}: {fault.message}" for fault in find_faults(scenario(tmp_path, change)))
    assert f"plans.0.{fault}" in found


def test_services_share_nodes_by_vcpus(tmp_path: Path) -> None:
    """Two replicas of 4 vCPUs and two of 2 fit on one node of 16; more memory than vCPUs is refused."""
    file = scenario(tmp_path, text=SERVICES)
    [plan] = run(load_with_services(file), tmp_path / "out")["plans"]
    assert money(plan) == pytest.approx(0.714 / 6)
    [fault] = find_faults(scenario(tmp_path, ("memory: 4GiB", "memory: 5GiB"), text=SERVICES))
    assert fault.path == "plans.0.services.b.replica.memory"
    assert "takes more of the memory of aws/c7i.4xlarge than of its vCPUs" in fault.message
