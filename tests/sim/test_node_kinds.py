"""Pools whose nodes may be of several kinds: which is ordered, what takes its place, and what spot concerns."""

from dataclasses import replace
from typing import Any

import pytest
from support.conserved import conserve
from support.pools import CHAT, poisson

from simcost.billing.metering import usages_of
from simcost.ledger.requests import LatencyLimits, Ledger
from simcost.plan import Fixed, Schedule, Startup
from simcost.plan.autoscaling import Step
from simcost.plan.interruptions import Interruptions, SpotCapacity, SpotHazard, ZoneCapacity
from simcost.plan.nodes import AtOnce, ClusterAutoscaler, DisruptionBudget, NodeKind, NodePool
from simcost.sim import simulate
from simcost.sim.fleet.karpenter import best_move, move_of
from simcost.sim.fleet.node_pool import as_karpenter, by_price, by_waste
from simcost.sim.fleet.node_slots import NodeSlots
from simcost.sim.fleet.records import Node

HOUR = 3600.0
QUICK = Startup(node=60, image=30, weights=1e9, engine=20)
LARGE, SMALL = NodeKind(slots=4, usd_per_h=8), NodeKind(slots=1, usd_per_h=3)
SPOT = NodeKind(slots=4, usd_per_h=3, spot=True)
KARPENTER = NodePool(instance_types=("n",), budgets=(DisruptionBudget(nodes=9),))


def run(*kinds: NodeKind, steps: dict[float, int] | None = None, seed: int = 1, **changes: Any) -> Ledger:
    """Replicas along time on nodes of these kinds; those of time 0 are of the first."""
    scaling = Schedule(steps=tuple(Step(at=at, replicas=n) for at, n in (steps or {0: 1}).items()), interval=1)
    pool = replace(CHAT, **({"startup": QUICK, "kinds": kinds, "scaling": scaling} | changes))
    ledger = simulate(pool, poisson(2, HOUR), horizon_s=HOUR, limits=LatencyLimits(), seed=seed)
    conserve(ledger)
    return ledger


def ordered(ledger: Ledger) -> list[int]:
    """Kinds of the nodes that came later than time 0, in their order."""
    rows = sorted(ledger.nodes.to_pylist(), key=lambda row: (row["start_s"], row["node"]))
    return [row["kind"] for row in rows if row["start_s"] > 0]


def test_the_cheapest_for_all_that_wait() -> None:
    assert by_price((LARGE, SMALL), 1) == [1, 0]
    assert by_price((LARGE, SMALL), 3) == [0, 1]  # 8 USD against 9
    assert by_price((LARGE, SMALL), 5) == [1, 0]  # 15 USD against 16


def test_the_least_room_left() -> None:
    assert by_waste((LARGE, SMALL), 1) == [1, 0]
    assert by_waste((LARGE, SMALL), 4) == [0, 1]  # equal: the first
    assert by_waste((LARGE, NodeKind(slots=3)), 3)[0] == 1


def test_karpenter_packs_on_few_nodes_and_takes_spot_first() -> None:
    assert as_karpenter((LARGE, SMALL), 3) == [0, 1]  # though three small ones cost less
    assert as_karpenter((LARGE, SMALL), 1) == [1, 0]
    assert as_karpenter((LARGE, SMALL, SPOT), 1) == [2, 1, 0]
    assert as_karpenter((LARGE, SPOT), 9) == [1, 0]


@pytest.mark.parametrize(("expander", "kinds"), [("least-waste", [1, 0]), ("price", [1, 0]), ("priority", [0, 0])])
def test_the_expander_of_the_cluster_autoscaler(expander: Any, kinds: list[int]) -> None:
    """A fifth replica, then four more at once."""
    rules = ClusterAutoscaler(max=9, expander=expander)
    steps = {0: 4, 600: 5, 1200: 9}
    assert ordered(run(LARGE, SMALL, steps=steps, nodes=rules)) == kinds


def test_a_kind_without_capacity_is_backed_off_from_by_itself() -> None:
    """No spot is to be had: the next scan takes the other kind."""
    none = SpotCapacity(zones=(ZoneCapacity(since=(0.0,), nodes=(0,)),), span=HOUR)
    rules = ClusterAutoscaler(max=9, expander="price", backoff=300)
    ledger = run(LARGE, SPOT, steps={0: 4, 600: 5}, nodes=rules, interruptions=Interruptions(spot=none))
    assert ordered(ledger) == [0]
    refused = [row["t_s"] for row in ledger.events.to_pylist() if row["what"] == "refused"]
    assert refused == [610]


@pytest.mark.parametrize("nodes", [AtOnce(), KARPENTER])
@pytest.mark.parametrize("seed", range(4))
def test_on_demand_takes_the_place_of_spot_that_is_taken_back(nodes: Any, seed: int) -> None:
    """The zone has spot every other hour; without it on demand comes, at time 0 too, and nothing befalls that."""
    zone = ZoneCapacity(since=(0.0, HOUR), nodes=(9, 0))
    troubles = Interruptions(spot=SpotCapacity(zones=(zone,), span=2 * HOUR), notice=0.0)
    spot = replace(SPOT, slots=1)
    ledger = run(spot, LARGE, nodes=nodes, interruptions=troubles, seed=seed, scaling=Fixed(replicas=2))
    lost = [row["t_s"] for row in ledger.events.to_pylist() if row["what"] == "interrupted"]
    came = [row for row in ledger.nodes.to_pylist() if row["kind"] == 1]
    assert len(lost) == len(ledger.nodes) - len(came)
    assert len(lost) in (0, 2)
    assert came
    assert all(row["start_s"] >= min(lost, default=0) for row in came)
    assert all(row["end_s"] == HOUR for row in came)


def test_hazards_of_spot_do_not_concern_the_others() -> None:
    troubles = Interruptions(spot=SpotHazard(per_node_h=30.0, whole_zone=0.5), notice=0.0)
    ledger = run(NodeKind(slots=1), SPOT, scaling=Fixed(replicas=3), interruptions=troubles)
    assert not [row for row in ledger.events.to_pylist() if row["what"] == "interrupted"]
    every = run(NodeKind(slots=1), scaling=Fixed(replicas=3), interruptions=troubles)
    assert [row for row in every.events.to_pylist() if row["what"] == "interrupted"]


def test_a_large_node_with_little_on_it_is_replaced_by_a_small_one() -> None:
    """Both are paid until the small one is ready; its replica starts there while the other drains."""
    ledger = run(LARGE, SMALL, steps={0: 4, 600: 1}, nodes=KARPENTER)
    first, second = sorted(ledger.nodes.to_pylist(), key=lambda row: row["start_s"])
    assert (first["kind"], second["kind"], second["end_s"]) == (0, 1, HOUR)
    assert first["end_s"] - second["start_s"] >= 90  # node and image
    assert ledger.pulse["ready"].to_pylist()[-1] == 1


def test_spot_does_not_replace_spot() -> None:
    small = NodeKind(slots=1, usd_per_h=1, spot=True)
    assert len(run(SPOT, small, steps={0: 4, 600: 1}, nodes=KARPENTER).nodes) == 1
    assert len(run(LARGE, small, steps={0: 4, 600: 1}, nodes=KARPENTER).nodes) == 2


def node(kind: NodeKind, number: int, replicas: int) -> Node:
    room = NodeSlots(kind.slots, sizes=[1] * replicas, held=replicas)
    return Node(number, 0, 0, 0, kind=(LARGE, SMALL).index(kind), room=room)


def test_several_nodes_go_together_for_one_that_is_cheaper() -> None:
    small = [node(SMALL, i, 1) for i in range(4)]
    move = best_move(small, small, (LARGE, SMALL), 0)
    assert move is not None
    assert (len(move.nodes), move.kind) == (4, 0)  # 12 USD an hour against 8
    assert best_move(small[:2], small[:2], (LARGE, SMALL), 0) is None  # 6 against 8
    roomy = [node(LARGE, 9, 1), *small]
    move = best_move(small, roomy, (LARGE, SMALL), 0)
    assert move is not None
    assert (len(move.nodes), move.kind) == (4, 1)  # three fit on the large one, the fourth needs a small one
    assert move_of(small[:3], roomy, (LARGE, SMALL), 0) == type(move)(nodes=tuple(small[:3]), kind=None)


def test_usage_by_kind_adds_up() -> None:
    ledger = run(LARGE, SMALL, steps={0: 4, 300: 6, 1200: 2, 2400: 7}, nodes=KARPENTER, response_bytes_per_token=250.0)
    parts = usages_of(ledger)
    assert [usage.slots_per_node for usage in parts] == [4, 1]
    assert sum(len(usage.nodes) for usage in parts) == len(ledger.nodes)
    for state, seconds in ledger.slot_seconds().items():
        assert sum(usage.slot_seconds[state] for usage in parts) == pytest.approx(seconds, abs=1e-6)
    assert [usage.gb_out for usage in parts] == [ledger.gb_out, 0.0]
    assert ledger.gb_out > 0
