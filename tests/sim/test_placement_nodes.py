"""Placement case by case."""

import numpy as np
import pytest
from support.placed_jobs import jobs_of, nodes_of

from simcost.errors import InputError
from simcost.plan.scheduling import BestFit, Consolidate, Fgd, FifoSkip, FifoStrict, OnNodes, Spread
from simcost.sim.jobs.packing import pack
from simcost.sim.jobs.simulate_on_nodes import replay_on_nodes, schedule_on_nodes


def where(rows: list[dict[str, int]], gpus: tuple[int, ...], placement: OnNodes, groups: list[int] | None = None):
    """Node and GPU bits of each member."""
    given = np.array(groups) if groups else None
    _, lying = replay_on_nodes(jobs_of(rows), nodes_of(*gpus), FifoSkip(), placement, groups=given)
    return list(zip(lying.job.tolist(), lying.node.tolist(), lying.gpus.tolist(), strict=True))


def test_consolidate_fills_the_fullest_node_and_spread_the_emptiest() -> None:
    rows = [{"gpus": 3}, {"gpus": 2}, {"gpus": 1}]
    assert where(rows, (4, 8, 8), Consolidate()) == [(0, 0, 0b111), (1, 1, 0b11), (2, 0, 0b1000)]
    assert [node for _, node, _ in where(rows, (4, 8, 8), Spread())] == [1, 2, 2]


def test_a_gang_wider_than_a_node_takes_whole_nodes_and_the_emptiest_for_the_rest() -> None:
    rows = [{"gpus": 1}, {"gpus": 18}]
    assert where(rows, (8, 8, 8, 8), Consolidate()) == [(0, 0, 1), (1, 1, 255), (1, 2, 255), (1, 3, 3)]


def test_a_gang_stays_within_a_group_that_has_room() -> None:
    rows = [{"gpus": 1}, {"gpus": 16}]
    assert [node for _, node, _ in where(rows, (8,) * 5, Consolidate())] == [0, 1, 2]
    assert [node for _, node, _ in where(rows, (8,) * 5, Consolidate(), [0, 0, 1, 1, 1])] == [0, 2, 3]


def test_a_gang_goes_across_groups_if_none_has_room() -> None:
    rows = [{"gpus": 24}]
    assert [node for _, node, _ in where(rows, (8,) * 4, Consolidate(), [0, 0, 1, 1])] == [0, 1, 2]


def test_parts_of_a_gpu_share_one() -> None:
    rows = [{"milli": 600}, {"milli": 600}, {"milli": 400}, {"gpus": 2}]
    found = where(rows, (2, 2), BestFit())
    assert found == [(0, 0, 1), (1, 0, 2), (2, 0, 1), (3, 1, 3)]


def test_enough_gpus_on_too_many_nodes_is_not_enough() -> None:
    rows = [
        {"gpus": 3, "duration": 5},
        {"gpus": 3, "duration": 9},
        {"gpus": 2, "duration": 1},
        {"duration": 1},
    ]
    jobs, nodes = jobs_of(rows), nodes_of(4, 4)
    strict = schedule_on_nodes(jobs, nodes, FifoStrict(), Consolidate()).outcomes
    skip = schedule_on_nodes(jobs, nodes, FifoSkip(), Consolidate()).outcomes
    assert strict.start_s.tolist() == [0, 0, 5, 5]
    assert skip.start_s.tolist() == [0, 0, 5, 0]


def test_what_never_fits_is_rejected_and_blocks_nobody() -> None:
    rows = [
        {"gpus": 9},
        {"cpu": 9000},
        {"type": 1},
        {"gpus": 8},
        {"milli": 500, "memory": 65},
        {"memory": 64},
    ]
    jobs = jobs_of(rows, types=("", "h100"))
    nodes = nodes_of(4, 4, cpu=[8000, 8000], memory=[64, 32], types=("a100",))
    outcomes = schedule_on_nodes(jobs, nodes, FifoStrict(), Fgd()).outcomes
    assert outcomes.rejected.tolist() == [True, True, True, False, True, False]
    assert outcomes.start_s.tolist() == [-1, -1, -1, 0, -1, 1]


def test_fragmented_time_by_hand() -> None:
    # Both shapes are typical, each a half. Beside one job of 3 GPUs, the GPU left is of no use for another: 0.5.
    jobs, nodes = jobs_of([{"gpus": 3, "duration": 10}, {"gpus": 1, "duration": 4}]), nodes_of(4, 4)
    ledger = schedule_on_nodes(jobs, nodes, FifoSkip(), Spread())
    # 0-4 s: 1 + 3 GPUs are left: 0.5 + 0; 4-10 s: 1 + 4: 0.5 + 0.
    assert ledger.fragmented_gpu_seconds == pytest.approx(0.5 * 10)
    assert ledger.gpu_seconds["useful"] == 34
    assert ledger.gpu_seconds["idle_free"] == 46


def test_pools_are_independent_and_must_have_nodes() -> None:
    rows = [{"gpus": 4, "duration": 7}, {"gpus": 4, "pool": 1, "duration": 2}, {"gpus": 4, "duration": 1}]
    nodes = nodes_of(4, 4, pool=[1, 0], pools=("b", "a"))
    ledger, lying = replay_on_nodes(jobs_of(rows, ("a", "b")), nodes, FifoStrict(), Consolidate())
    assert ledger.outcomes.start_s.tolist() == [0, 0, 7]
    assert lying.node.tolist() == [0, 1, 0]
    assert sum(ledger.gpu_seconds.values()) == 8 * 8
    with pytest.raises(InputError, match="pool 'c' has 1 jobs but no nodes"):
        schedule_on_nodes(jobs_of([{}], ("c",)), nodes, FifoStrict(), Consolidate())


def test_no_jobs_are_no_time() -> None:
    for rows in ([], [{"gpus": 5}]):
        ledger = schedule_on_nodes(jobs_of(rows), nodes_of(2, 2), FifoStrict(), Fgd())
        assert ledger.horizon_s == 0
        assert ledger.outcomes.rejected.all()
    assert sum(ledger.gpu_seconds.values()) == 0


def test_packing_as_given_stops_before_demand_is_exceeded() -> None:
    found = pack(jobs_of([{"gpus": 3}, {"gpus": 1}]), nodes_of(4, 4), Consolidate(), order="given", until=1.3)
    assert found["pods"] == 4
    assert found["allocated"] == {"38": 0.375, "50": 0.5, "88": 0.875, "100": 1.0}
    assert found["refused"] == 0
    assert found["allocated_at_end"] == 1.0


def test_packing_needs_gpus() -> None:
    with pytest.raises(InputError, match="jobs that ask for GPUs"):
        pack(jobs_of([{"gpus": 0}]), nodes_of(4), Consolidate())


def test_nodes_wider_than_a_word_are_refused() -> None:
    with pytest.raises(InputError, match="node aa has 72 GPUs"):
        schedule_on_nodes(jobs_of([{}]), nodes_of(72), FifoStrict(), Consolidate())
