"""Accelerators and instances that plans take at most: of pools, of services on the same nodes, of jobs."""

from pathlib import Path

import pyarrow as pa
import pytest
from support.commands import TINY
from support.job_scenarios import NIGHT, QUEUE, SPOT, home
from support.scenarios import SERVICES, write

from simcost.billing.instances import most_at_a_time
from simcost.billing.owned import Owned
from simcost.catalog import load_catalog
from simcost.errors import CatalogError, InputError
from simcost.ledger.request_tables import NODES
from simcost.ledger.requests import LedgerUsage
from simcost.scenario.checks.load import load, load_with_services
from simcost.scenario.inputs.variations import variations
from simcost.scenario.runs.bills import PurchasedNodes, costs_of, priced_plan
from simcost.scenario.runs.candidates import Candidates
from simcost.scenario.runs.execution import workers_of
from simcost.scenario.runs.resolve import settle
from simcost.scenario.runs.resolve_services import settle_services
from simcost.scenario.runs.simulations import Simulations
from simcost.scenario.runs.supply_limits import SupplyLimits
from simcost.scenario.schema.loaded_scenario import LoadedServices


def taken(file: Path, *names: str) -> list[float]:
    """Most that the plans of a scenario take together, of accelerators or of offers."""
    loaded = load_with_services(file)
    limits = SupplyLimits(
        {name: 1 for name in names if "/" not in name},
        {name: 1 for name in names if "/" in name},
        loaded.first.catalog,
    )
    services = isinstance(loaded, LoadedServices)
    question = settle_services(loaded, seed=1, seeds=1) if services else settle(loaded, seed=1, seeds=1)
    return list(limits.of_question(question))


ONE = TINY.partition("  - name: scaled")[0]


@pytest.mark.parametrize(
    ("scaling", "gpus", "nodes"),
    [
        ("{kind: fixed, replicas: 3}", 3, 3),
        ("{kind: target-concurrency, target: 2, min: 1, max: 5, start: 2}", 5, 5),
    ],
)
def test_a_pool_counts_with_the_most_of_its_policy(tmp_path: Path, scaling: str, gpus: int, nodes: int) -> None:
    file = write(tmp_path, ("{kind: fixed, replicas: 1}", scaling), text=ONE)
    assert taken(file, "L4", "h100", "aws/g6.xlarge", "aws/g6.xlarge@us-east-1", "aws/g6.2xlarge") == [
        gpus,
        0,
        nodes,
        nodes,
        0,
    ]


@pytest.mark.parametrize(
    ("rules", "nodes"),
    [
        ("{kind: at-once, spare: 2}", 4),
        ("{kind: at-once, spare: 2, max: 3}", 3),
        ("{kind: fixed, nodes: 7}", 7),
        ("{kind: cluster-autoscaler, min: 3, max: 9}", 3),
        ("{kind: cluster-autoscaler, min: 1, max: 9, spare: 1}", 3),
    ],
)
def test_nodes_are_whole_and_follow_the_rules_of_their_provisioning(tmp_path: Path, rules: str, nodes: int) -> None:
    """Five replicas of one GPU are on two nodes of four."""
    file = write(
        tmp_path,
        ("{kind: fixed, replicas: 1}", "{kind: fixed, replicas: 5}\n    nodes: " + rules),
        ("aws/g6.xlarge", "aws/g6.12xlarge"),
        text=ONE,
    )
    assert taken(file, "l4", "aws/g6.12xlarge") == [5, nodes]


def test_each_kind_of_nodes_counts_as_if_all_were_of_it(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        ("{kind: fixed, replicas: 1}", "{kind: fixed, replicas: 5}\n    or_buy: [{offer: aws/g6.12xlarge}]"),
        text=ONE,
    )
    assert taken(file, "l4", "aws/g6.xlarge", "aws/g6.12xlarge") == [5, 5, 2]


def test_replicas_without_accelerators_take_instances(tmp_path: Path) -> None:
    """Of 16 GiB, two replicas of 6 GiB are on a node, whose 8 vCPUs would hold four of these."""
    (tmp_path / "table.csv").write_text("batch_size,seconds\n1,0.006\n8,0.013\n", encoding="utf-8")
    replica = "{accelerator: cpu, vcpus: 2, memory: 6GiB, latency_table: table.csv}"
    changes = ("{accelerator: l4}", replica), ("aws/g6.xlarge", "aws/c7i.2xlarge"), ("replicas: 1", "replicas: 3")
    assert taken(write(tmp_path, *changes, text=ONE), "l4", "cpu", "aws/c7i.2xlarge") == [0, 6, 2]


def test_services_on_their_own_nodes_add_up_and_those_on_the_same_share_them(tmp_path: Path) -> None:
    apart = SERVICES.partition("  - name: two")[0]
    assert taken(write(tmp_path, text=apart), "l4", "aws/g6.xlarge", "aws/g6.2xlarge") == [2, 1, 1]
    own = "  services:\n    chat: {buy: {offer: aws/g6.xlarge}}\n    search: {buy: {offer: aws/g6.2xlarge}}\n"
    together = apart.replace(own, "  buy: {offer: aws/g6.12xlarge}\n")
    assert taken(write(tmp_path, text=together), "l4", "aws/g6.12xlarge") == [2, 1]
    wide = "chat: {replica: {tp: 2}, scaling: {kind: fixed, replicas: 3}}"
    file = write(tmp_path, ("chat: {scaling: {kind: fixed, replicas: 1}}", wide), text=together)
    assert taken(file, "l4", "aws/g6.12xlarge") == [7, 2]


def test_clusters_of_jobs_count_whole(tmp_path: Path) -> None:
    queue = QUEUE.partition("  - name: large")[0]
    assert taken(home(tmp_path, text=queue), "a100-40gb", "h100", "aws/p4d.24xlarge") == [16, 0, 2]
    listed = queue.replace("{kind: gpus, gpus: 16}", "{kind: nodes, nodes: nodes.csv}")
    assert taken(home(tmp_path, text=listed), "a100-40gb", "aws/p4d.24xlarge") == [32, 4]
    spot = SPOT.replace(SPOT[SPOT.index("  - name: steady") : SPOT.index("  - name: mixed")], "")
    assert taken(home(tmp_path, text=spot), "a100-40gb", "aws/p4d.24xlarge") == [16 + 24, 2 + 3]


def test_jobs_beside_requests_add_up_and_on_one_fleet_they_share_it(tmp_path: Path) -> None:
    first, one = NIGHT.partition("  - name: one fleet")[::2]
    assert taken(home(tmp_path, text=first), "l4", "aws/g6.xlarge") == [10 + 4, 14]
    shared = first.partition("  - name: two fleets")[0] + "  - name: one fleet" + one
    assert taken(home(tmp_path, text=shared), "l4", "aws/g6.xlarge") == [11, 11]


PEAK = """\
scenario: peak
model: llama-3.1-8b
horizon: 3h
seeds: 2
workload: {kind: synthetic, rate: 8/s, burst_cv: 0.6, lengths: {prompt_median: 600, output_median: 180}}
slo: {ttft: 1s, tpot: 60ms, attainment: 90%}
plans:
  - name: chat
    replica: {accelerator: l4, precision: fp8}
    buy: {offer: aws/g6.12xlarge}
    scaling: {kind: fixed, replicas: 6}
vary:
  - - {scaling: {kind: fixed, replicas: 6}}
    - scaling: {kind: target-concurrency, target: 12, min: 1, max: 11, window: 1min}
      nodes: {kind: at-once, max: 3}
    - scaling: {kind: target-concurrency, target: 12, min: 1, max: 4, window: 1min}
      nodes: {kind: at-once, spare: 1, max: 2}
    - {scaling: {kind: fixed, replicas: 6}, interruptions: {nodes: {per_node_day: 24}}}
    - {scaling: {kind: fixed, replicas: 6}, or_buy: [{offer: aws/g6.xlarge}]}
"""


@pytest.mark.slow
def test_a_simulation_has_no_more_nodes_than_are_counted(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, text=PEAK))
    question = settle(loaded, seed=None, seeds=2)
    assert question.source is not None
    limits = SupplyLimits({}, {"aws/g6.12xlarge": 99, "aws/g6.xlarge": 99}, loaded.catalog)
    with workers_of(tmp_path / "runs", jobs=1, engine=None) as workers:
        made = Simulations(question, question.source, tmp_path / "runs", workers, lambda _: None)
        found = Candidates(question, variations(loaded), made.arrivals, limits=limits)
        for one in (*found.found, *found.too_small):
            made.add(one.variation.plan)
            made.all_of(one.name)
            most = max(sum(most_at_a_time(node.usage) for node in nodes) for nodes in made.nodes(one.name))
            assert 0 < most <= sum(one.taken), one.name


def test_a_run_with_more_nodes_than_are_owned_names_the_plan() -> None:
    nodes = pa.table([["p"] * 3, [0] * 3, [0, 1, 2], [0.0] * 3, [3600.0] * 3], schema=NODES)
    usage = LedgerUsage(horizon_s=3600.0, slots_per_node=1, nodes=nodes, slot_seconds={"idle": 3 * 3600.0})
    mine = Owned(capex=9000.0, accelerators=1, life_years=4, power=0.1, pue=1.4, electricity=0.1, nodes=2)
    with (
        pytest.raises(InputError, match=r"^plan 'mine': the run has 3 nodes at a time, but only 2 are owned"),
        priced_plan("mine"),
    ):
        costs_of([PurchasedNodes(usage=usage, buy=mine)], load_catalog())


def test_what_the_catalog_does_not_know_is_an_error_with_what_was_meant(tmp_path: Path) -> None:
    file = write(tmp_path, text=ONE)
    for name, meant in (
        ("l44", "l4"),
        ("aws/g6.xlarg", "did you mean 'aws/g6.xlarge'"),
        ("aws/g6.xlarge@us-east1", "us-east-1"),
    ):
        with pytest.raises(CatalogError, match=meant):
            taken(file, name)
