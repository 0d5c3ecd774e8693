"""Laws of placement: the compiled engine equals the rules spelled out, and gives nothing twice."""

from itertools import chain
from typing import Any

import numpy as np
import placed_naively
import pytest
from support.placed_jobs import jobs_of, nodes_of

from simcost.plan.scheduling import (
    BestFit,
    Consolidate,
    DeadlineAware,
    Fgd,
    FifoSkip,
    FifoStrict,
    OnNodes,
    Random,
    SjfSkip,
    SjfStrict,
    Spread,
)
from simcost.scenario.storage.laws import check_job_ledger
from simcost.sim.jobs.simulate_on_nodes import Ordered, replay_on_nodes
from simcost.trace.jobs.jobs import Jobs
from simcost.trace.jobs.nodes import NodeTable

TYPES = ("", "a100", "a100|t4")
OF_TYPE = (frozenset({0, 1}), frozenset({0}), frozenset({0, 1}))
PLACEMENTS: tuple[OnNodes, ...] = (Consolidate(), Spread(), BestFit(), Fgd())
SCHEDULERS: tuple[tuple[Ordered, str, bool], ...] = (
    (FifoStrict(), "submit", True),
    (FifoSkip(), "submit", False),
    (SjfStrict(), "duration", True),
    (SjfSkip(), "duration", False),
    (DeadlineAware(), "deadline", False),
)


def some(seed: int) -> tuple[list[dict[str, Any]], dict[str, list[int]], Jobs, NodeTable]:
    """A few jobs and nodes of all sorts."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 7))
    columns = {
        "gpus": rng.choice([0, 1, 2, 4, 4], count).tolist(),
        "cpu": rng.choice([0, 8000, 16000], count).tolist() if seed % 2 else [0] * count,
        "memory": rng.choice([0, 32, 64], count).tolist(),
        "type": rng.integers(2, size=count).tolist(),
    }
    columns["gpus"][0] = 4
    submit = np.sort(rng.integers(0, 30, 25)).tolist()
    rows = [one_job(rng, at, cpu=seed % 2 > 0) for at in submit]
    nodes = nodes_of(*columns["gpus"], types=("a100", "t4"), **{k: v for k, v in columns.items() if k != "gpus"})
    return rows, columns, jobs_of(rows, types=TYPES), nodes


def one_job(rng: np.random.Generator, submit: int, *, cpu: bool) -> dict[str, Any]:
    gpus = int(rng.choice([0, 1, 1, 1, 2, 3, 4, 6, 9]))
    kind = int(rng.integers(3))
    return {
        "submit": submit,
        "duration": int(rng.integers(1, 12)),
        "gpus": gpus,
        "milli": int(rng.choice([1000, 500, 300])) if gpus == 1 else 1000,
        "cpu": int(rng.choice([0, 1000, 5000])) if cpu else 0,
        "memory": int(rng.choice([0, 0, 20])),
        "type": kind,
        "kinds": OF_TYPE[kind],
        "deadline": int(rng.integers(20, 90)),
    }


def naive_nodes(columns: dict[str, list[int]]) -> list[placed_naively.Node]:
    return [
        placed_naively.Node([1000] * gpus, cpu or placed_naively.UNKNOWN, memory or placed_naively.UNKNOWN, kind)
        for gpus, cpu, memory, kind in zip(*columns.values(), strict=True)
    ]


@pytest.mark.parametrize("placement", PLACEMENTS, ids=lambda p: p.kind)
def test_equals_the_rules_spelled_out(placement: OnNodes) -> None:
    for seed in range(25):
        rows, columns, jobs, nodes = some(seed)
        scheduler, key, strict = SCHEDULERS[seed % len(SCHEDULERS)]
        ledger, lying = replay_on_nodes(jobs, nodes, scheduler, placement)
        start, lay, sums = placed_naively.replay(rows, naive_nodes(columns), placement.kind, key, strict=strict)
        assert ledger.outcomes.start_s.tolist() == start, seed
        assert list(zip(lying.node.tolist(), lying.gpus.tolist(), strict=True)) == list(chain(*lay)), seed
        assert ledger.horizon_s == sums["end"]
        idle = ledger.gpu_seconds["idle_blocked"] + ledger.gpu_seconds["idle_free"]
        assert idle * 1000 == pytest.approx(sums["idle"])
        assert ledger.gpu_seconds["idle_blocked"] * 1000 == pytest.approx(sums["blocked"])
        assert ledger.fragmented_gpu_seconds * 1000 == pytest.approx(sums["fragmented"])


@pytest.mark.parametrize("placement", [*PLACEMENTS, Random()], ids=lambda p: p.kind)
def test_all_or_nothing_and_nothing_twice(placement: OnNodes) -> None:
    for seed in range(100, 112):
        _, _, jobs, nodes = some(seed)
        ledger, lying = replay_on_nodes(jobs, nodes, SCHEDULERS[seed % 5][0], placement, seed=seed)
        start, end = ledger.outcomes.start_s, ledger.outcomes.end_s
        bits = np.array([one.bit_count() for one in lying.gpus.tolist()])
        given = np.bincount(lying.job, weights=bits, minlength=len(jobs))
        assert np.array_equal(given, np.where(ledger.outcomes.rejected, 0, jobs.gpus))
        for now in range(int(ledger.horizon_s) + 1):
            here = (start[lying.job] <= now) & (now < end[lying.job])
            used = np.zeros((len(nodes), 4))
            for job, node, gpus in zip(lying.job[here], lying.node[here], lying.gpus[here], strict=True):
                used[node] += [jobs.gpu_milli[job] * (int(gpus) >> i & 1) for i in range(4)]
            room = 1000 * (np.arange(4)[None, :] < nodes.gpus[:, None])
            assert (used <= room).all()
        check_job_ledger(ledger)
        assert sum(ledger.gpu_seconds.values()) == pytest.approx(ledger.gpus * ledger.horizon_s, rel=1e-12)


def test_a_seed_gives_the_same_run_and_another_another() -> None:
    jobs, nodes = jobs_of([{"duration": 5} for _ in range(40)]), nodes_of(*[4] * 12)
    runs = [replay_on_nodes(jobs, nodes, FifoSkip(), Random(), seed=seed)[1].node.tolist() for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert len(set(runs[0])) > 6
