"""Owned nodes are a limit: fleets of requests get no more, and what can never be within it is refused before a run."""

from pathlib import Path
from typing import get_args

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.job_scenarios import NIGHT, QUEUE, home
from support.scenarios import SERVICES, SMALL, write

from simcost.errors import FaultsError
from simcost.plan.interruptions import SpotCapacity
from simcost.plan.nodes import AtOnce, ClusterAutoscaler, FixedNodes, NodePool, Nodes
from simcost.scenario.checks.load import find_faults, load
from simcost.scenario.inputs.changes import with_value
from simcost.scenario.inputs.variations import variations
from simcost.scenario.runs.resolve import settle
from simcost.scenario.runs.run import run
from simcost.studies.breakeven.fleets import owning_enough

ONE = SMALL.partition("  - name: two")[0]
SCALED = "{kind: target-concurrency, target: 1, min: 1, max: 4, window: 1min}"


def owned(nodes: int, accelerators: int = 1) -> str:
    return (
        f"{{kind: owned, capex: 9000, accelerators: {accelerators}, life_years: 4, power: 0.1, pue: 1.4, "
        f"electricity: 0.1, nodes: {nodes}}}"
    )


def owned_plan(folder: Path, scaling: str, nodes: int = 2, accelerators: int = 1, more: str = "") -> Path:
    changes = [("{offer: aws/g6.xlarge}", owned(nodes, accelerators)), ("{kind: fixed, replicas: 1}", scaling)]
    return write(folder, *changes, text=ONE + more)


@pytest.mark.parametrize(
    ("scaling", "accelerators", "more", "path", "message"),
    [
        ("{kind: fixed, replicas: 2}", 1, "", "", ""),
        ("{kind: fixed, replicas: 4}", 2, "", "", ""),
        (SCALED, 1, "", "", ""),
        ("{kind: fixed, replicas: 3}", 1, "", "scaling.replicas", "3 replicas need 3 nodes, and only 2 are owned"),
        ("{kind: fixed, replicas: 5}", 2, "", "scaling.replicas", "5 replicas need 3 nodes, and only 2 are owned"),
        (SCALED.replace("min: 1", "min: 3"), 1, "", "scaling.min", "3 replicas need 3 nodes"),
        (SCALED, 1, "    nodes: {kind: fixed, nodes: 3}\n", "nodes", "3 nodes are asked for, and only 2 are owned"),
        (SCALED, 1, "    nodes: {kind: cluster-autoscaler, min: 3, max: 4}\n", "nodes", "3 nodes are asked for"),
    ],
)
def test_what_always_needs_more_nodes_than_are_owned_is_refused(
    tmp_path: Path, scaling: str, accelerators: int, more: str, path: str, message: str
) -> None:
    faults = find_faults(owned_plan(tmp_path, scaling, accelerators=accelerators, more=more))
    assert [(fault.path, message in fault.message) for fault in faults] == ([(f"plans.0.{path}", True)] if path else [])


@given(
    nodes=st.integers(1, 6),
    rules=st.sampled_from(
        (
            AtOnce(),
            AtOnce(max=3, spare=1),
            FixedNodes(nodes=4),
            ClusterAutoscaler(min=1, max=5),
            NodePool(instance_types=("x",)),
            NodePool(instance_types=("x",), max_accelerators=8),
        )
    ),
    needed=st.integers(0, 9),
)
def test_rules_within_a_number_of_nodes_take_no_more(nodes: int, rules: Nodes, needed: int) -> None:
    within = rules.at_most(nodes, 2)
    assert type(within) is type(rules)
    assert within.at_most(nodes, 2) == within
    if isinstance(within, NodePool):
        assert within.exceeds(2 * nodes + 2, None, None)
    else:
        assert within.least <= within.most(needed) <= nodes
        assert rules.at_most(99, 2).most(needed) == rules.most(needed)


def test_the_law_is_of_all_rules() -> None:
    assert set(get_args(Nodes)) == {AtOnce, FixedNodes, ClusterAutoscaler, NodePool}


def test_an_autoscaler_is_kept_to_the_owned_nodes_with_a_note(tmp_path: Path) -> None:
    [plan] = settle(load(owned_plan(tmp_path, SCALED)), seed=None, seeds=None).plans
    assert plan.pool.nodes == AtOnce(max=2)
    note = "The 2 owned nodes are all that there are: replicas that the autoscaler orders beyond them wait."
    assert note in plan.notes
    [plan] = settle(load(owned_plan(tmp_path, SCALED, nodes=4)), seed=None, seeds=None).plans
    assert plan.pool.nodes == AtOnce(max=4)
    assert not [note for note in plan.notes if "owned" in note]


def test_a_fleet_of_any_size_owns_what_it_needs_in_a_break_even(tmp_path: Path) -> None:
    loaded = owning_enough(load(owned_plan(tmp_path, SCALED)))
    assert settle(loaded, seed=None, seeds=None).plans[0].pool.nodes == AtOnce()


@pytest.mark.slow
def test_a_run_on_owned_nodes_is_one_with_as_many_nodes_at_most(tmp_path: Path) -> None:
    found = []
    for name, more in (("owned", ""), ("same", "    nodes: {kind: at-once, max: 2}\n")):
        (tmp_path / name).mkdir()
        text = owned_plan(tmp_path / name, SCALED, more=more).read_text(encoding="utf-8")
        file = write(tmp_path / name, ("rate: 0.5/s", "rate: 12/s"), text=text)
        [plan] = run(load(file), tmp_path / name / "out", seeds=1)["plans"]
        found.append({key: plan[key] for key in ("cost_usd", "slo", "requests", "replica_hours", "utilisation")})
    assert found[0] == found[1]
    assert sum(found[0]["replica_hours"].values()) > 1 / 6, "the second node is used"


OUTAGE = "    interruptions: {zones: 2, nodes: {per_node_day: 0}, outages: [{at: 2min, lasting: 4min}]}\n"


def test_owned_nodes_are_an_even_part_in_each_zone(tmp_path: Path) -> None:
    [plan] = settle(load(owned_plan(tmp_path, SCALED, nodes=3, more=OUTAGE)), seed=None, seeds=None).plans
    assert plan.pool.interruptions is not None
    assert isinstance(plan.pool.interruptions.spot, SpotCapacity)
    assert [zone.nodes for zone in plan.pool.interruptions.spot.zones] == [(2,), (1,)]
    assert "An owned node that breaks is back after a cold start" in " ".join(plan.notes)


@pytest.mark.slow
def test_a_zone_that_fails_is_not_made_up_for_by_nodes_that_nobody_owns(tmp_path: Path) -> None:
    """Its node was replaced at once in the other zone, where all that is owned was in use."""
    file = owned_plan(tmp_path, "{kind: fixed, replicas: 2}", more=OUTAGE)
    run(load(file), tmp_path / "out", seeds=1)
    nodes = pq.read_table(tmp_path / "out/tables/nodes.parquet", columns=["start_s", "end_s"]).to_pylist()
    assert [tuple(node.values()) for node in nodes] == [(0.0, 120.0), (0.0, 600.0), (360.0, 600.0)]


def test_optimize_and_sweep_leave_out_what_needs_more_than_is_owned(tmp_path: Path) -> None:
    more = "vary:\n  - {path: scaling.replicas, from: 1, to: 4}\n"
    space = variations(load(owned_plan(tmp_path, "{kind: fixed, replicas: 1}", more=more)))
    assert [variation.plan.scaling.largest() for variation in space.variations if variation.plan.scaling] == [1, 2]
    assert dict(space.excluded) == {"needs or may take more nodes than are owned": 2}


def test_a_value_of_a_sensitivity_is_within_what_is_owned(tmp_path: Path) -> None:
    loaded = load(owned_plan(tmp_path, "{kind: fixed, replicas: 1}"))
    assert with_value(loaded, "plans.0.scaling.replicas", 2).loaded
    with pytest.raises(FaultsError, match="3 replicas need 3 nodes, and only 2 are owned"):
        with_value(loaded, "plans.0.scaling.replicas", 3)


POOLS = """\
    pools:
      - {name: a, scaling: {kind: fixed, replicas: 2}}
      - {name: b, scaling: {kind: target-concurrency, target: 1, max: 3}, nodes: {kind: at-once, max: 1}}
"""


@pytest.mark.parametrize(("nodes", "refused"), [(3, False), (2, True)])
def test_pools_on_one_account_have_its_nodes_together(tmp_path: Path, nodes: int, refused: bool) -> None:
    text = ONE.replace("    scaling: {kind: fixed, replicas: 1}\n", POOLS)
    faults = find_faults(write(tmp_path, ("{offer: aws/g6.xlarge}", owned(nodes)), text=text))
    assert [fault.message.partition(":")[0] for fault in faults] == refused * [
        "may take more than the 2 owned nodes together (pool a 2, pool b 1)"
    ]


@pytest.mark.parametrize(("nodes", "refused"), [(2, False), (1, True)])
def test_services_that_buy_alike_have_the_owned_nodes_together(tmp_path: Path, nodes: int, refused: bool) -> None:
    text = SERVICES.partition("  - name: two")[0]
    changes = [(f"{{offer: aws/g6.{size}}}", owned(nodes)) for size in ("xlarge", "2xlarge")]
    faults = find_faults(write(tmp_path, *changes, text=text))
    assert [fault.message.partition(":")[0] for fault in faults] == refused * [
        "may take more than the 1 owned node together (chat requests 1, search requests 1)"
    ]


def test_services_on_shared_owned_nodes_get_no_more_than_there_are(tmp_path: Path) -> None:
    own = "  services:\n    chat: {buy: {offer: aws/g6.xlarge}}\n    search: {buy: {offer: aws/g6.2xlarge}}\n"
    text = SERVICES.partition("  - name: two")[0].replace(own, f"  buy: {owned(1, 2)}\n")
    assert not find_faults(write(tmp_path, text=text))
    many = ("chat: {scaling: {kind: fixed, replicas: 1}}", "chat: {scaling: {kind: fixed, replicas: 3}}")
    [fault] = find_faults(write(tmp_path, many, text=text))
    assert fault.message.startswith("3 replicas need 2 nodes, and only 1 is owned")
    two = ("chat: {scaling: {kind: fixed, replicas: 1}}", "chat: {scaling: {kind: fixed, replicas: 2}}")
    [fault] = find_faults(write(tmp_path, two, text=text))
    assert fault.message.startswith("the fewest replicas of the services on the same nodes need 2 nodes, and only 1 is")


@pytest.mark.parametrize(
    ("training", "nodes", "path"),
    [
        ("{kind: gpus, gpus: 16}", 2, ""),
        ("{kind: gpus, gpus: 16}", 1, "training.gpus"),
        ("{kind: nodes, nodes: nodes.csv}", 4, ""),
        ("{kind: nodes, nodes: nodes.csv}", 3, "training.nodes"),
    ],
)
def test_a_cluster_of_jobs_is_no_larger_than_what_is_owned(
    tmp_path: Path, training: str, nodes: int, path: str
) -> None:
    text = QUEUE.partition("  - name: large")[0].replace("{kind: gpus, gpus: 16}", training)
    faults = find_faults(home(tmp_path, ("{offer: aws/p4d.24xlarge}", owned(nodes, 8)), text=text))
    assert [fault.path for fault in faults] == ([f"plans.0.{path}"] if path else [])


@pytest.mark.parametrize(("nodes", "refused"), [(14, False), (13, True)])
def test_jobs_beside_requests_leave_them_what_they_do_not_have(tmp_path: Path, nodes: int, refused: bool) -> None:
    faults = find_faults(home(tmp_path, ("{offer: aws/g6.xlarge}", owned(nodes)), text=NIGHT))
    assert [fault.path for fault in faults] == refused * ["defaults.buy.nodes"]
