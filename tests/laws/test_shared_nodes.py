"""Services on shared nodes: nothing is held twice, quotas hold, and a service by itself is a pool by itself."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.pools import CHAT, poisson

from simcost.catalog.slices import Slice
from simcost.errors import InputError
from simcost.ledger.requests import Ledger
from simcost.ledger.shared_nodes import SharedLedger
from simcost.plan import Schedule, Startup
from simcost.plan.autoscaling import Step
from simcost.plan.interruptions import Interruptions, NodeFailures, SpotHazard
from simcost.plan.nodes import AtOnce, ClusterAutoscaler, DisruptionBudget, FixedNodes, NodeKind, NodePool
from simcost.plan.serving import Drain
from simcost.plan.shared_nodes import SharedNodes
from simcost.plan.startup import Varying
from simcost.scenario.runs.contributions import gpus_held
from simcost.scenario.storage.laws import check_ledger
from simcost.sim import Pool, Service, simulate, simulate_services

SPAN_S = 900.0
QUICK = Startup(node=30, image=15, weights=1e9, engine=10)
SLOW = Startup(node=Varying(median=30, sigma=0.3), image=15, engine=10, storage=2e9, compile=20, failed=0.2)
RULES = (
    AtOnce(max=3),
    AtOnce(spare=1),
    FixedNodes(nodes=2),
    ClusterAutoscaler(max=3, unneeded=60, after_add=20),
    NodePool(instance_types=("n",), budgets=(DisruptionBudget(nodes=9),), max_accelerators=24),
)
TROUBLES = (None, Interruptions(zones=2, spot=SpotHazard(per_node_h=4), nodes=NodeFailures(per_node_day=40)))
SEVENTH = Fraction(1, 7)
SMALL_INSTANCE = Slice(
    name="1g.10gb", part=SEVENTH, memory=Fraction(1, 8), compute=SEVENTH, width=1, starts=tuple(range(7)), copies=7
)
ROOMY_INSTANCE = Slice(
    name="1g.20gb", part=SEVENTH, memory=Fraction(1, 4), compute=SEVENTH, width=2, starts=(0, 2, 4, 6), copies=4
)
KINDS = ((NodeKind(slots=8, usd_per_h=8),), (NodeKind(slots=4, usd_per_h=5), NodeKind(slots=8, usd_per_h=8)))


def along(*counts: int) -> Schedule:
    """As many replicas in each part of the run."""
    steps = tuple(Step(at=k * SPAN_S / len(counts), replicas=count) for k, count in enumerate(counts))
    return Schedule(steps=steps, interval=5)


def service(name: str, counts: Sequence[int], seed: int = 1, pool: Pool = CHAT, **more: Any) -> Service:
    changed = replace(pool, name=name, scaling=along(*counts), startup=QUICK)
    return Service(pool=changed, arrivals=poisson(1, SPAN_S, seed), seed=seed, **more)


def held_of(ledger: Ledger) -> float:
    """Most accelerators that a service held at one instant."""
    return max((held for held, _ in sweep([ledger])), default=0.0)


def sweep(ledgers: Sequence[Ledger], node: int | None = None) -> list[tuple[float, float]]:
    """Accelerators held after each change, and its time; what goes at an instant goes first."""
    changes = [
        (row[when], sign * ledger.accelerators_per_replica)
        for ledger in ledgers
        for row in ledger.nodes.to_pylist()
        if node in (None, row["node"])
        for when, sign in (("start_s", 1), ("end_s", -1))
    ]
    changes.sort()
    return list(zip(np.cumsum([change for _, change in changes]), [at for at, _ in changes], strict=True))


def nothing_is_held_twice(shared: SharedLedger) -> None:
    for ledger in shared.services.values():
        check_ledger(ledger)
        assert ledger.slot_seconds()["unallocated"] == 0
    assert (shared.unallocated_s() >= -1e-6).all()
    usage = shared.usage()
    for kind, part in enumerate(usage):
        offered_s = shared.offered_s()[shared.nodes["kind"].to_numpy() == kind].sum()
        assert sum(part.slot_seconds.values()) == pytest.approx(offered_s, abs=1e-6)
    assert shared.accelerator_seconds()["unallocated"] == pytest.approx(shared.unallocated_s().sum(), abs=1e-6)
    for row in shared.nodes.to_pylist():
        held = [held for held, _ in sweep(list(shared.services.values()), row["node"])]
        assert max(held, default=0) <= shared.accelerators[row["kind"]] + 1e-9


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[dict[str, Any]], SharedNodes]:
    chosen = [
        {
            "name": f"s{number}",
            "counts": draw(st.lists(st.integers(0 if number else 1, 4), min_size=1, max_size=4)),
            "seed": number,
            "accelerators": draw(st.sampled_from([Fraction(1, 7), Fraction(1, 2), *map(Fraction, (1, 2, 4, 8))])),
            "priority": draw(st.integers(0, 2)),
            "quota": draw(st.sampled_from([None, 8, 12])),
            "pool": replace(CHAT, drain=Drain(grace=draw(st.sampled_from([None, 3.0])))),
        }
        for number in range(draw(st.integers(1, 4)))
    ]
    nodes = SharedNodes(
        kinds=draw(st.sampled_from(KINDS)),
        rules=draw(st.sampled_from(RULES)),
        startup=draw(st.sampled_from([QUICK, SLOW])),
        interruptions=draw(st.sampled_from(TROUBLES)),
        preempt=draw(st.booleans()),
    )
    return chosen, nodes


@given(cases())
def test_nothing_is_held_twice_and_quotas_hold(case: tuple[list[dict[str, Any]], SharedNodes]) -> None:
    chosen, nodes = case
    shared = simulate_services([service(**one) for one in chosen], nodes, horizon_s=SPAN_S, seed=3)
    nothing_is_held_twice(shared)
    for one in chosen:
        if one["quota"] is not None:
            assert held_of(shared.services[one["name"]]) <= one["quota"] + 1e-9


@pytest.mark.parametrize("rules", RULES, ids=lambda one: one.kind)
def test_the_same_seeds_give_the_same_bytes(rules: Any) -> None:
    nodes = SharedNodes(kinds=KINDS[1], rules=rules, startup=SLOW, interruptions=TROUBLES[1], preempt=True)
    sizes = (Fraction(1, 7), Fraction(2), Fraction(8))
    first, again = (
        simulate_services(
            [service(f"s{k}", (1, 4, 0, 3), accelerators=size, priority=k) for k, size in enumerate(sizes)],
            nodes,
            horizon_s=SPAN_S,
        )
        for _ in range(2)
    )
    assert same(first, again)
    assert len(first.nodes)


def same(one: SharedLedger, other: SharedLedger) -> bool:
    return one.nodes.equals(other.nodes) and all(
        getattr(one.services[name], table).equals(getattr(other.services[name], table))
        for name in one.services
        for table in ("nodes", "replicas", "timeline", "events", "pulse")
    )


@pytest.mark.parametrize("rules", RULES, ids=lambda one: one.kind)
@pytest.mark.parametrize("startup", [QUICK, SLOW], ids=["constant", "random"])
def test_a_service_by_itself_is_a_pool_by_itself(rules: Any, startup: Startup) -> None:
    """The tables to the byte: a replica of two accelerators on a node of eight is one of four slots."""
    troubles = Interruptions(zones=2, spot=SpotHazard(per_node_h=6), replicas_per_day=200, refused=0.1)
    own = {"rules": rules, "startup": startup, "interruptions": troubles}
    pool = replace(CHAT, name="a", scaling=along(2, 9, 1, 6), startup=startup, accelerators_per_replica=2)
    alone = simulate(
        replace(pool, kinds=(NodeKind(slots=4),), nodes=rules, interruptions=troubles),
        poisson(1, SPAN_S),
        horizon_s=SPAN_S,
        seed=7,
    )
    nodes = SharedNodes(kinds=(NodeKind(slots=8),), **own)
    shared = simulate_services(
        [Service(pool=pool, arrivals=poisson(1, SPAN_S), seed=7)], nodes, horizon_s=SPAN_S, seed=7
    )
    together = shared.services["a"]
    for table in ("replicas", "timeline", "pulse"):
        assert getattr(together, table).equals(getattr(alone, table)), table
    columns = [name for name in alone.nodes.column_names if name != "pool"]
    assert shared.nodes.select(columns).equals(alone.nodes.select(columns))
    assert plain(together) == plain(alone)
    assert sorted(map(str, together.events.to_pylist() + refusals(shared))) == sorted(
        map(str, alone.events.to_pylist())
    )
    [usage] = shared.usage()
    assert usage.slot_seconds == pytest.approx({state: 2 * s for state, s in alone.slot_seconds().items()})


def refusals(shared: SharedLedger) -> list[dict[str, Any]]:
    """Events of nodes without a replica, which are those of no service."""
    return [row for row in shared.events.to_pylist() if row["what"] == "refused" or row["value"] == 0]


def plain(ledger: Ledger) -> dict[str, Any]:
    """Outcomes as they compare."""
    outcomes = ledger.outcomes
    kept = asdict(replace(outcomes, windows=None, mix=None, gaps=None))
    counted = {
        name: {column: values.tolist() for column, values in asdict(getattr(outcomes, name)).items()}
        for name in ("mix", "gaps")
    }
    tables = {"windows": outcomes.windows.to_pylist(), "histograms": outcomes.histograms.tobytes()}
    return kept | counted | tables


def test_services_that_cannot_share_a_node_are_separate() -> None:
    """Two that each need a whole node: as two simulations, but for the numbers of the nodes."""
    asked = {"a": (1, 4, 2), "b": (3, 1, 2)}
    nodes = SharedNodes(kinds=(NodeKind(slots=8),), startup=QUICK)
    both = [service(name, counts, accelerators=Fraction(8), seed=5) for name, counts in asked.items()]
    shared = simulate_services(both, nodes, horizon_s=SPAN_S)
    lengths = []
    for name, counts in asked.items():
        one = service(name, counts, seed=5)
        alone = simulate(one.pool, one.arrivals, horizon_s=SPAN_S, seed=5)
        together = shared.services[name]
        for table in ("replicas", "timeline", "events", "pulse"):
            kept = [column for column in getattr(alone, table).column_names if column != "node"]
            assert getattr(together, table).select(kept).equals(getattr(alone, table).select(kept)), table
        assert plain(together) == plain(alone)
        lengths += [(row["start_s"], row["end_s"]) for row in alone.nodes.to_pylist()]
    assert sorted(lengths) == sorted((row["start_s"], row["end_s"]) for row in shared.nodes.to_pylist())


def test_the_higher_priority_drives_the_lower_away_and_takes_its_room() -> None:
    """One node of eight: the four of two leave when one of eight comes, which then starts on the warm node."""
    low = service("low", (4,), accelerators=Fraction(2), pool=replace(CHAT, drain=Drain(grace=0.0)))
    high = service("high", (0, 1), accelerators=Fraction(8), priority=1)
    nodes = SharedNodes(kinds=(NodeKind(slots=8),), rules=FixedNodes(nodes=1), startup=QUICK, preempt=True)
    shared = simulate_services([low, high], nodes, horizon_s=SPAN_S)
    [came] = shared.services["high"].nodes.to_pylist()
    assert came["start_s"] == pytest.approx(SPAN_S / 2, abs=6)
    assert [row["end_s"] for row in shared.services["low"].nodes.to_pylist()] == [came["start_s"]] * 4
    assert [row["what"] for row in shared.services["low"].events.to_pylist()].count("preempted") == 4
    assert shared.services["low"].pulse["starting"].to_pylist()[-1] == 4  # ordered again, without room
    polite = simulate_services(
        [replace(low, arrivals=poisson(1, SPAN_S)), replace(high, arrivals=poisson(1, SPAN_S))],
        replace(nodes, preempt=False),
        horizon_s=SPAN_S,
    )
    assert len(polite.services["high"].nodes) == 0


def test_who_waits_gets_room_by_priority() -> None:
    """Both wait for the room that a third leaves; the one of higher priority came later."""
    third = service("third", (4, 4, 4, 0), accelerators=Fraction(1))
    early, late = service("early", (0, 2, 2, 2)), service("late", (0, 0, 2, 2), priority=1)
    nodes = SharedNodes(kinds=(NodeKind(slots=4),), rules=FixedNodes(nodes=1), startup=QUICK)
    both = [replace(early, accelerators=Fraction(2)), replace(late, accelerators=Fraction(2))]
    shared = simulate_services([third, *both], nodes, horizon_s=SPAN_S)
    began = {name: shared.services[name].nodes["start_s"].to_pylist() for name in ("early", "late")}
    assert len(began["late"]) == 2
    assert not began["early"]


def test_jobs_get_the_accelerators_of_the_nodes_that_no_service_holds() -> None:
    """Nodes of two services, as the fleet that jobs share sees them: whole nodes, each once."""
    both = [service("a", (2, 6, 1), accelerators=Fraction(1)), service("b", (1, 1, 3), accelerators=Fraction(4))]
    shared = simulate_services(both, SharedNodes(kinds=(NodeKind(slots=8),), startup=QUICK), horizon_s=SPAN_S)
    since_s, held = gpus_held(shared.usage()[0])
    for at_s, gpus in zip(since_s, held, strict=True):
        there = [row for row in shared.nodes.to_pylist() if row["start_s"] <= at_s < row["end_s"]]
        assert gpus == 8 * len(there)
    lasting = np.diff(np.append(since_s, SPAN_S))
    assert (lasting * held).sum() == pytest.approx(sum(shared.accelerator_seconds().values()))


def test_slices_of_seven_fill_accelerators_one_after_another() -> None:
    """Fourteen of a seventh on two accelerators, and none of a half beside them."""
    small = service("small", (4,), accelerators=Fraction(3, 7))
    large = service("large", (1,), accelerators=Fraction(4, 7))
    whole = service("whole", (1,), accelerators=Fraction(1))
    nodes = SharedNodes(kinds=(NodeKind(slots=4),), rules=FixedNodes(nodes=1), startup=QUICK)
    shared = simulate_services([small, large, whole], nodes, horizon_s=SPAN_S)
    held = {name: len(ledger.nodes) for name, ledger in shared.services.items()}
    assert held == {"small": 4, "large": 1, "whole": 1}  # 3+3, 3+3, 4, 7 of 7
    [unallocated] = shared.unallocated_s()
    assert unallocated == pytest.approx(SPAN_S * (1 / 7 + 1 / 7 + 3 / 7))


@pytest.mark.parametrize(
    ("services", "fault"),
    [
        ([service("a", (1,)), service("a", (1,))], "appears twice"),
        ([service("a", (1,), accelerators=Fraction(16))], "the largest node has 8"),
        ([service("a", (1,), accelerators=Fraction(3, 2))], "a whole number, or a part of one"),
        (
            [
                service("a", (1,), pool=replace(CHAT, slice=SMALL_INSTANCE), accelerators=SMALL_INSTANCE.part),
                service("b", (1,), pool=replace(CHAT, slice=ROOMY_INSTANCE), accelerators=ROOMY_INSTANCE.part),
            ],
            "service 'b': MIG instances 1g.20gb and 1g.10gb have the same processors and cannot be told apart",
        ),
    ],
)
def test_what_cannot_be_is_said(services: list[Service], fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        simulate_services(services, SharedNodes(kinds=(NodeKind(slots=8),)), horizon_s=SPAN_S)
