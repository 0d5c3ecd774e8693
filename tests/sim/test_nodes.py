"""Cold starts phase by phase, nodes as their autoscalers time them, and which replicas go first."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import simpy
from support.conserved import conserve, most_at_once
from support.pools import CHAT, poisson

from simcost.errors import InputError
from simcost.ledger.requests import LatencyLimits, Ledger
from simcost.plan import Schedule, Startup
from simcost.plan.autoscaling import Step
from simcost.plan.interruptions import Interruptions
from simcost.plan.nodes import AtOnce, ClusterAutoscaler, DisruptionBudget, FixedNodes, NodeKind, NodePool
from simcost.plan.serving import Drain
from simcost.plan.shared_nodes import SharedNodes
from simcost.plan.startup import Varying
from simcost.sim import simulate
from simcost.sim.fleet.node_pool import Machines
from simcost.sim.fleet.records import Node, Replica, to_remove
from simcost.sim.fleet.startup import ColdStart, Transfers
from simcost.sim.serving.recorder import Recorder
from simcost.trace.requests.batch import RequestBatch

HOUR = 3600.0
S = 10**9
QUICK = Startup(node=60, image=30, weights=1e9, engine=20)
UP = Schedule(steps=(Step(at=0, replicas=1), Step(at=600, replicas=3)), interval=1)
UP_DOWN = Schedule(steps=(Step(at=0, replicas=1), Step(at=600, replicas=3), Step(at=1800, replicas=1)), interval=1)
KARPENTER = NodePool(instance_types=("n",))


def run(scaling: Schedule = UP, rate: float = 2, span_s: float = HOUR, seed: int = 1, **changes: Any) -> Ledger:
    pool = replace(CHAT, **({"scaling": scaling, "startup": QUICK} | changes))
    ledger = simulate(pool, poisson(rate, span_s), horizon_s=span_s, limits=LatencyLimits(), seed=seed)
    conserve(ledger)
    return ledger


def starts(ledger: Ledger) -> list[float]:
    return [row["value"] for row in ledger.events.to_pylist() if row["what"] == "started"]


def ends(ledger: Ledger, slots: int = 1) -> list[tuple[float, float]]:
    return [(row["start_s"], row["end_s"]) for row in ledger.nodes.to_pylist()]


# --- cold start ---


def node(number: int = 0, **more: Any) -> Node:
    return Node(number, 0, 0, 0, **more)


def test_two_downloads_share_and_the_second_catches_up() -> None:
    """Closed form: 100 B alone for 2 s at 10/s, then both at 5/s; the first ends at 18 s, the second at 20 s."""
    env = simpy.Environment()
    pipe, done = Transfers(env, 10.0, np.inf), {}

    def load(name: str, after_s: float, size: float) -> Any:
        yield env.timeout(round(after_s * S))
        yield pipe.start(machine, size, np.inf, stored=True).done
        done[name] = env.now / S

    machine = node()
    env.process(load("a", 0, 100.0))
    env.process(load("b", 2, 100.0))
    env.run()
    assert done == {"a": pytest.approx(18.0), "b": pytest.approx(20.0)}


def test_storage_is_shared_by_all_nodes_and_a_replica_has_its_own_limit() -> None:
    env = simpy.Environment()
    pipe, done = Transfers(env, np.inf, 30.0), []

    def load(machine: Node) -> Any:
        yield pipe.start(machine, 100.0, 20.0, stored=True).done
        done.append(env.now / S)

    for number in range(3):
        env.process(load(node(number)))
    env.run()
    assert done == [pytest.approx(10.0)] * 3  # 10/s each, below the 20/s that one could take


def test_image_and_weights_contend_for_the_network() -> None:
    """A recorded pair: 77 s for the weights alone, 168 s beside a pull of 333 s (SageMaker, g6.2xlarge)."""
    image, weights = 17.7e9, 16e9
    together = Startup(node=60, image_size=image, network=0.2e9, weights=10e9, engine=10, together=True)
    after = replace(together, together=False)
    apart = 60 + image / 0.2e9 + 16e9 / 0.2e9 + 10
    assert starts(run(startup=after))[0] == pytest.approx(apart, abs=1e-3)
    assert starts(run(startup=together))[0] == pytest.approx(60 + (image + weights) / 0.2e9 + 10, abs=1e-3)


@pytest.mark.slow
def test_phases_vary_around_their_medians() -> None:
    spread = Startup(node=Varying(median=60, sigma=0.3), image=30, weights=1e9, engine=Varying(median=20, sigma=0.3))
    found = np.array([start for seed in range(30) for start in starts(run(startup=spread, seed=seed, span_s=1200))])
    assert np.median(found) == pytest.approx(126, rel=0.1)
    assert found.std() > 5


def test_kernels_are_compiled_once_per_node() -> None:
    building = replace(QUICK, compile=100.0)
    found = starts(run(startup=building, nodes=FixedNodes(nodes=3)))
    assert found == [16 + 100 + 20.0] * 2
    up_down_up = Schedule(
        steps=(
            Step(at=0, replicas=1),
            Step(at=600, replicas=2),
            Step(at=1200, replicas=1),
            Step(at=1800, replicas=2),
        ),
        interval=1,
    )
    assert starts(run(up_down_up, startup=building, nodes=FixedNodes(nodes=2))) == [136.0, 36.0]


def test_a_warm_replica_has_compiled_and_loaded_on_its_node() -> None:
    building = replace(QUICK, compile=100.0, reload=8e9)
    found = starts(run(startup=building, kinds=(NodeKind(slots=3),), nodes=FixedNodes(nodes=1)))
    assert found == [pytest.approx(2 + 20)] * 2


def test_weights_that_a_node_has_loaded_before_come_at_its_own_speed() -> None:
    """A second replica downloads 16 GB on its node; when it comes again there, it reads them at 8 GB/s."""
    counts = {0: 1, 600: 2, 1200: 1, 1800: 2}
    scaling = Schedule(steps=tuple(Step(at=at, replicas=count) for at, count in counts.items()))
    found = starts(run(startup=replace(QUICK, reload=8e9), nodes=FixedNodes(nodes=2), scaling=scaling, span_s=HOUR))
    assert found == [pytest.approx(16 + 20), pytest.approx(2 + 20)]


def test_a_start_that_fails_begins_anew() -> None:
    ledger = run(startup=replace(QUICK, failed=0.5), span_s=HOUR, seed=3)
    failed = sum(row["what"] == "failed_start" for row in ledger.events.to_pylist())
    assert sum(starts(ledger)) == pytest.approx(2 * 126 + failed * 36)


# --- nodes ---


def test_a_fixed_pool_bounds_the_replicas_and_is_paid_throughout() -> None:
    ledger = run(nodes=FixedNodes(nodes=2))
    assert max(ledger.pulse["ready"].to_pylist()) == 2
    assert ends(ledger) == [(0.0, HOUR), (0.0, HOUR)]
    assert ledger.timeline["starting"].to_pylist()[-1] == 1  # it waits, and is not billed


def test_a_warm_pool_skips_the_node_and_is_filled_again() -> None:
    ledger = run(nodes=AtOnce(spare=2))
    assert starts(ledger) == [36.0, 36.0]
    assert most_at_once(ledger, "nodes") == 5


def test_the_cluster_autoscaler_scans_and_gives_back_late() -> None:
    rules = ClusterAutoscaler(max=3, unneeded=300, after_add=100)
    ledger = run(UP_DOWN, nodes=rules)
    assert starts(ledger) == [126 + 10.0 - 0.0] * 2  # ordered at the scan 10 s after 600 s
    away = sorted(end for _, end in ends(ledger) if end < HOUR)
    assert len(away) == 2
    assert all(1800 + 300 <= end <= 1800 + 300 + 30 for end in away)


def test_the_cluster_autoscaler_empties_underused_nodes_next_to_a_spare_one() -> None:
    """Two nodes of four with two replicas each: one goes, the spare one stays. Alone, a node is needed: the spare
    one is kept free.
    """
    rules = ClusterAutoscaler(max=6, spare=1, unneeded=120.0, after_add=60.0, threshold=0.6)
    steps = Schedule(steps=(Step(at=0, replicas=8), Step(at=300, replicas=4)), interval=1)
    ledger = run(steps, 0.5, nodes=rules, kinds=(NodeKind(slots=4),), drain=Drain(victims="replica-set"))
    assert sorted(ends(ledger)) == [(0, pytest.approx(430, abs=30)), (0, HOUR), (0, HOUR)]
    alone = replace(steps, steps=(Step(at=0, replicas=2),))
    ledger = run(alone, 0.5, nodes=rules, kinds=(NodeKind(slots=4),))
    assert sorted(ends(ledger)) == [(0, HOUR)] * 2


def test_insufficient_capacity_backs_off_and_doubles() -> None:
    rules = ClusterAutoscaler(max=3, backoff=60, max_backoff=200)
    ledger = run(nodes=rules, interruptions=Interruptions(refused=0.9999), span_s=1800)
    refused = [row["t_s"] for row in ledger.events.to_pylist() if row["what"] == "refused"]
    assert np.diff(refused[:5]).tolist() == [60, 120, 200, 200]


def test_a_node_that_does_not_come_is_given_up() -> None:
    rules = ClusterAutoscaler(max=3, provisioning=100, backoff=30)
    ledger = run(nodes=rules, startup=replace(QUICK, node=Varying(median=200, sigma=0.01)), span_s=1200)
    assert any(row["what"] == "node_late" for row in ledger.events.to_pylist())
    assert not starts(ledger)


def test_karpenter_batches_and_gives_empty_nodes_back_within_its_budget() -> None:
    ledger = run(UP_DOWN, nodes=replace(KARPENTER, consolidation="WhenEmpty", consolidate_after=60.0))
    assert starts(ledger) == [126 + 1.0] * 2  # a second without another pod
    away = sorted(end for _, end in ends(ledger) if end < HOUR)
    assert away[0] == pytest.approx(1875, abs=11)  # checked again 15 s after it was found
    assert away[1] == pytest.approx(away[0] + 25, abs=1e-6)  # 10 % of 3 nodes is 1 at a time
    none = replace(KARPENTER, budgets=(DisruptionBudget(nodes=0),))
    assert all(end == HOUR for _, end in ends(run(UP_DOWN, nodes=none)))


def test_an_empty_node_that_takes_a_replica_before_it_is_checked_again_stays() -> None:
    """Three nodes, one empty from 10:00 on and found at once; a third replica comes back 8 s later, and lies there."""
    rules = replace(KARPENTER, budgets=(DisruptionBudget(nodes=9),), consolidation="WhenEmpty")
    for gap_s, nodes in ((8, 3), (40, 4)):
        counts = {0: 3, 600: 2, 600 + gap_s: 3}
        scaling = Schedule(steps=tuple(Step(at=at, replicas=count) for at, count in counts.items()), interval=1)
        assert len(run(scaling, 0.1, nodes=rules).nodes) == nodes


def test_karpenter_moves_replicas_off_an_underused_node() -> None:
    """Five replicas on three nodes of two; two leave, and what is left fits on two nodes."""
    scaling = Schedule(steps=(Step(at=0, replicas=5), Step(at=600, replicas=2)), interval=1)
    rules = replace(KARPENTER, budgets=(DisruptionBudget(nodes=3),))
    ledger = run(scaling, nodes=rules, kinds=(NodeKind(slots=2),), drain=Drain(victims="youngest"))
    assert most_at_once(ledger, "nodes") >= 3
    assert ledger.pulse["ready"].to_pylist()[-1] == 2
    assert sum(end == HOUR for _, end in ends(ledger)) == 1


def test_a_budget_with_a_schedule_holds_from_its_strikes_for_its_duration() -> None:
    """Nothing may go from 08:00 for 20 min, and what is empty by then goes once that is over."""
    office = DisruptionBudget(nodes=0, schedule="0 8 * * mon-fri", duration=1200.0)
    rules = replace(
        KARPENTER,
        consolidation="WhenEmpty",
        consolidate_after=60.0,
        budgets=(DisruptionBudget(nodes=9), office),
    )
    monday = datetime(2026, 7, 20, 7, 40, tzinfo=UTC).timestamp()  # replicas leave at 08:10
    held = run(UP_DOWN, nodes=rules, starts_utc_s=monday)
    assert min(end for _, end in ends(held)) == pytest.approx(2415, abs=10.1)  # 08:20
    sunday = run(UP_DOWN, nodes=rules, starts_utc_s=monday - 86400)
    assert min(end for _, end in ends(sunday)) == pytest.approx(1875, abs=11)
    other = replace(office, reasons=("Underutilized",))
    rules = replace(rules, budgets=(DisruptionBudget(nodes=9), other))
    assert ends(run(UP_DOWN, nodes=rules, starts_utc_s=monday)) == ends(sunday)  # empty nodes are not underused
    with pytest.raises(InputError, match="starts: 2026"):
        run(UP_DOWN, nodes=rules)


def test_a_draining_node_is_taken_away_after_the_grace_of_its_pool() -> None:
    long = Schedule(steps=(Step(at=0, replicas=2),))
    soon, late = (
        run(long, 4, nodes=replace(KARPENTER, expire_after=1200.0, termination_grace=grace)) for grace in (0.0, None)
    )
    assert soon.outcomes.requeued > 0
    assert late.outcomes.requeued == 0


def test_the_grace_of_a_node_holds_for_replicas_that_drained_before() -> None:
    """Each of two replicas of a node has a request of 5 min; one of them drains already when the node expires."""
    rules = NodePool(instance_types=("n",), expire_after=400.0, termination_grace=30.0, consolidation="WhenEmpty")
    scaling = Schedule(steps=(Step(at=0, replicas=2), Step(at=300, replicas=1)), interval=1)
    pool = replace(CHAT, scaling=scaling, startup=QUICK, nodes=rules, kinds=(NodeKind(slots=2),))
    long = RequestBatch(np.array([290, 291]) * S, np.full(2, 9, np.int32), np.full(2, 45_000, np.int32))
    ledger = simulate(pool, iter([long]), horizon_s=HOUR, limits=LatencyLimits())
    assert min(end for _, end in ends(ledger)) == pytest.approx(430, abs=10)


def test_karpenter_respects_its_limit_and_expires_nodes() -> None:
    limited = run(nodes=replace(KARPENTER, max_accelerators=2))
    assert most_at_once(limited, "nodes") == 2
    old = run(Schedule(steps=(Step(at=0, replicas=2),)), nodes=replace(KARPENTER, expire_after=1200.0))
    assert len(old.nodes) > 4
    assert all(end - start <= 1200 + 60 for start, end in ends(old))


# --- drain ---


def test_no_node_is_ordered_for_a_replica_that_goes_at_the_same_instant() -> None:
    """Of two nodes at most, one replica waits in vain, and goes with the one whose node is then free."""
    ledger = run(UP_DOWN, rate=0.01, nodes=AtOnce(max=2))
    assert sorted(ends(ledger)) == [(0, HOUR), (600, 1800)]


def replica(number: int, state: str, node: Node | None, ready_s: float = 0, ordered_s: float = 0) -> Replica:
    return Replica(number, number, node, state, 0, round(ordered_s * S), ready_ns=round(ready_s * S))


def test_victims_in_the_order_of_a_replica_set() -> None:
    one, two, booting = node(1), node(2), Node(3, 0, 0, 2**62)
    living = [
        replica(0, "ready", one, ready_s=10),
        replica(1, "ready", one, ready_s=10),
        replica(2, "ready", two, ready_s=900),
        replica(3, "starting", two),
        replica(4, "starting", booting),
        replica(5, "starting", None),
    ]
    gone = [victim.number for victim in to_remove(living, 6, "replica-set", 1000 * S)]
    assert gone[:4] == [5, 4, 3, 2]  # no node, pending, not ready, then two siblings and the youngest
    assert [victim.number for victim in to_remove(living, 4, "youngest", 1000 * S)] == [5, 4, 3, 2]


def test_siblings_go_before_the_young_and_ages_compare_by_powers_of_two() -> None:
    one, two = node(1), node(2)
    pair = [replica(0, "ready", one, ready_s=10), replica(1, "ready", one, ready_s=10)]
    young = replica(2, "ready", two, ready_s=990)
    assert to_remove([*pair, young], 1, "replica-set", 1000 * S)[0].node is one
    old, older = replica(3, "ready", two, ready_s=200), replica(4, "ready", node(3), ready_s=100)
    tied = to_remove([old, older], 1, "replica-set", 1000 * S)[0]
    assert tied is to_remove([older, old], 1, "replica-set", 1000 * S)[0]  # 800 s and 900 s are one age


@pytest.mark.parametrize("grace", [0.0, 0.3, 2.0])
def test_a_drain_ends_by_its_grace_period(grace: float) -> None:
    ledger = run(UP_DOWN, rate=20, drain=Drain(grace=grace))
    draining = [row for row in ledger.replicas.to_pylist() if row["state"] == "draining"]
    assert all(row["end_s"] - row["start_s"] <= grace + 1e-9 for row in draining)
    cut = sum(row["what"] == "cut" for row in ledger.events.to_pylist())
    assert (ledger.outcomes.requeued > 0) == (cut > 0)
    assert cut > 0 or grace == 2.0


@pytest.mark.parametrize("slots", [1, 4])
def test_the_node_with_least_room_is_that_of_a_search_of_all(slots: int) -> None:
    env, recorder, rng = simpy.Environment(), Recorder("p"), np.random.default_rng(slots)
    plan = SharedNodes(kinds=(NodeKind(slots=slots),), interruptions=Interruptions(zones=3))
    cold = ColdStart(Transfers(env, np.inf, np.inf), Startup(), 0.0, recorder, 0)
    machines, held = Machines(env, plan, recorder, cold, 0), list[tuple[Node, int, tuple[int, ...]]]()
    for _ in range(600):
        size = int(rng.integers(1, slots + 1))
        roomy = [node for node in machines.nodes if not node.cordoned and node.room.count(size)]
        assert machines.roomy(size) is min(roomy, key=lambda node: node.room.free, default=None)
        assert machines.empty() == [node for node in machines.nodes if not node.room.held and not node.cordoned]
        by_zone = [len(machines.in_zone(zone)) for zone in range(3)]
        node = machines.roomy(size)
        if rng.random() < 0.5:
            if node is None:
                node = machines.order(warm=True)
                assert node is not None
                assert by_zone[node.zone] == min(by_zone)
            held.append((node, size, machines.take(node, size)))
        elif held:
            node, size, accelerators = held.pop(int(rng.integers(len(held))))
            machines.give(node, size, accelerators)
            if not node.room.held and rng.random() < 0.5:
                machines.give_back(node, 0)
