"""Gangs within NVLink domains and racks: the closest that has room, whatever the state of the cluster."""

from dataclasses import replace

import numpy as np
import placed_naively
import pytest
from support.placed_jobs import jobs_of, nodes_of

from simcost.errors import InputError
from simcost.plan.scheduling import Consolidate, FifoSkip, Topology
from simcost.sim.jobs.simulate_on_nodes import replay_on_nodes, schedule_on_nodes
from simcost.trace.jobs.nodes import NodeTable

FOUR = frozenset({0})


def cluster(domains: list[int], racks: list[int] | None = None, gpus: int = 4) -> NodeTable:
    nodes = nodes_of(*[gpus] * len(domains))
    return replace(nodes, domain=np.array(domains), rack=None if racks is None else np.array(racks))


def where(rows: list[dict[str, int]], nodes: NodeTable) -> dict[int, list[int]]:
    _, lying = replay_on_nodes(jobs_of(rows), nodes, FifoSkip(), Topology())
    found: dict[int, list[int]] = {}
    for job, node in zip(lying.job.tolist(), lying.node.tolist(), strict=True):
        found.setdefault(job, []).append(node)
    return found


def test_the_tightest_domain_that_has_room() -> None:
    """Node 0 is taken: 8 GPUs are left in domain 0, 12 in domain 1."""
    nodes = cluster([0, 0, 0, 1, 1, 1])
    assert where([{"gpus": 4}, {"gpus": 8}], nodes) == {0: [0], 1: [1, 2]}
    assert where([{"gpus": 4}, {"gpus": 12}], nodes) == {0: [0], 1: [3, 4, 5]}


def test_else_the_tightest_rack_across_as_few_domains_as_can_be() -> None:
    """Domains of 3, 1, 2 and 2 nodes; racks of 4 and 4. 16 GPUs fit into no domain, but into either rack."""
    nodes = cluster([0, 0, 0, 1, 2, 2, 3, 3], [0, 0, 0, 0, 1, 1, 1, 1])
    assert where([{"gpus": 16}], nodes) == {0: [0, 1, 2, 3]}
    assert where([{"gpus": 4}, {"gpus": 16}], nodes) == {0: [0], 1: [4, 5, 6, 7]}


def test_else_across_as_few_racks_as_can_be() -> None:
    """24 GPUs: six of eight nodes, none of the racks has them: one rack whole, then the widest domain of the other."""
    nodes = cluster([0, 0, 0, 1, 2, 3, 3, 3], [0, 0, 0, 0, 1, 1, 1, 1])
    assert where([{"gpus": 24}], nodes) == {0: [0, 1, 2, 3, 5, 6]}


def test_what_is_left_over_goes_along() -> None:
    nodes = cluster([0, 0, 1, 1])
    assert where([{"gpus": 6}, {"gpus": 9}], nodes) == {0: [0, 1], 1: [2, 3, 1]}


def test_no_domain_is_crossed_where_one_has_room() -> None:
    """On random states: naive placement on the nodes of each domain alone, then of each rack, says what there is."""
    rng = np.random.default_rng(5)
    crossed = 0
    for _ in range(60):
        count = int(rng.integers(4, 10))
        racks = np.sort(rng.integers(0, 2, count))
        domains = np.sort(rng.integers(0, 2, count)) + 2 * racks
        order = np.argsort(domains, kind="stable")
        nodes = cluster(domains[order].tolist(), racks[order].tolist())
        rows = [{"gpus": int(rng.integers(1, 4)), "duration": 99} for _ in range(int(rng.integers(0, count)))]
        rows.append({"gpus": int(rng.integers(5, 17)), "submit": 1, "duration": 9})
        ledger, lying = replay_on_nodes(jobs_of(rows), nodes, FifoSkip(), Topology())
        gang = len(rows) - 1
        if ledger.outcomes.start_s[gang] != 1:
            continue
        left = [4] * count
        for job, node in zip(lying.job.tolist(), lying.node.tolist(), strict=True):
            left[node] -= rows[job]["gpus"] if job != gang else 0
        job = {"gpus": rows[gang]["gpus"], "cpu": 0, "memory": 0, "milli": 1000, "kinds": FOUR}
        mine = lying.node[lying.job == gang]
        for place in (nodes.domain, nodes.rack):
            room = [fits(job, [left[i] for i in np.flatnonzero(place == one)]) for one in np.unique(place)]
            if any(room):
                assert len(set(place[mine].tolist())) == 1
                break
            crossed += 1
    assert crossed > 20


def fits(job: dict, left: list[int]) -> bool:
    """On nodes of 4 GPUs with so many left: as many whole nodes as it fills, and the rest."""
    nodes = [placed_naively.Node([1000] * one + [0] * (4 - one), 1e9, 1e9, 0) for one in left]
    return placed_naively.Pool(nodes, "consolidate", []).place(job) is not None


def test_how_gangs_lay_is_counted() -> None:
    nodes = cluster([0, 0, 1, 1], [0, 0, 0, 0])
    rows = [{"gpus": 8}, {"gpus": 2}, {"gpus": 12, "submit": 5}]
    facts = schedule_on_nodes(jobs_of(rows), nodes, FifoSkip(), Topology()).facts
    assert facts == {
        "gangs_on_several_nodes": 2,
        "gangs_in_one_domain": 1,
        "domains_of_these_gangs": 3,
        "gangs_in_one_rack": 2,
        "racks_of_these_gangs": 2,
    }
    assert schedule_on_nodes(jobs_of(rows), nodes_of(4, 4, 4), FifoSkip(), Consolidate()).facts == {}


def test_topology_needs_a_topology() -> None:
    with pytest.raises(InputError, match="needs a column rack or domain"):
        schedule_on_nodes(jobs_of([{}]), nodes_of(4), FifoSkip(), Topology())
