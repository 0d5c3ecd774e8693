"""Backfill and preemption on nodes: the compiled engine equals the rules spelled out; a single node equals a count."""

from dataclasses import replace
from typing import Any

import naive_on_nodes
import numpy as np
import placed_naively
import pytest
from support.placed_jobs import jobs_of, nodes_of
from test_placement import TYPES, naive_nodes, one_job

from simcost.plan.scheduling import (
    BestFit,
    ConservativeBackfill,
    Consolidate,
    EasyBackfill,
    FairShare,
    Fgd,
    Las,
    OnNodes,
    PriorityBackfill,
    PriorityPreemptive,
    Scheduler,
    Spread,
    Srtf,
)
from simcost.scenario.storage.laws import check_job_ledger
from simcost.sim.jobs.simulate import schedule
from simcost.sim.jobs.simulate_on_nodes import Ordered, replay_on_nodes
from simcost.trace.jobs.jobs import Jobs

pytestmark = pytest.mark.slow

POLICIES: tuple[Ordered, ...] = (
    EasyBackfill(),
    EasyBackfill(shadow_ties="all"),
    PriorityBackfill(),
    ConservativeBackfill(),
    Srtf(overhead=False),
    Srtf(),
    PriorityPreemptive(checkpoint_interval=3, restart=2),
)
PLACEMENTS: tuple[OnNodes, ...] = (Consolidate(), Spread(), BestFit(), Fgd())


def workload(seed: int) -> tuple[list[dict[str, Any]], dict[str, list[int]], Jobs]:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 6))
    columns = {
        "gpus": rng.choice([1, 2, 4, 4], count).tolist(),
        "cpu": [0] * count,
        "memory": [0] * count,
        "type": rng.integers(2, size=count).tolist(),
    }
    columns["gpus"][0] = 4
    rows = [one_job(rng, at, cpu=False) for at in np.sort(rng.integers(0, 30, 18)).tolist()]
    for row in rows:
        row["limit"] = row["duration"] + int(rng.integers(0, 6)) * (seed % 2)
        row["priority"], row["preemptible"] = int(rng.integers(0, 3)), bool(rng.random() < 0.8)
        row["memory"], row["cpu"] = 0, 0
    return rows, columns, with_columns(rows)


def with_columns(rows: list[dict[str, Any]]) -> Jobs:
    jobs = jobs_of(rows, types=TYPES)
    columns = {"limit_s": "limit", "priority": "priority", "preemptible": "preemptible"}
    return replace(
        jobs,
        **{ours: np.array([row[name] for row in rows], getattr(jobs, ours).dtype) for ours, name in columns.items()},
    )


@pytest.mark.parametrize("policy", POLICIES, ids=lambda one: one.kind)
def test_equals_the_rules_spelled_out(policy: Ordered) -> None:
    for seed in range(60):
        rows, columns, _ = workload(seed)
        nodes = nodes_of(*columns["gpus"], types=("a100", "t4"), type=columns["type"])
        placement = PLACEMENTS[seed % 4]
        fit = [placed_naively.Pool(naive_nodes(columns), "spread", []).place(job) is not None for job in rows]
        rows = [job for job, ok in zip(rows, fit, strict=True) if ok]
        ledger, _ = replay_on_nodes(with_columns(rows), nodes, policy, placement)
        typical = placed_naively.typical(rows, naive_nodes(columns))
        pool = placed_naively.Pool(naive_nodes(columns), placement.kind, typical)
        expected = naive_on_nodes.simulate(rows, pool, policy)
        found = ledger.outcomes
        assert found.start_s.tolist() == [job["start"] for job in expected], seed
        assert found.end_s.tolist() == [job["end"] for job in expected], seed
        assert found.preemptions.tolist() == [job["stops"] for job in expected], seed
        assert found.lost_s.tolist() == [job["lost"] for job in expected], seed
        check_job_ledger(ledger)
        assert sum(ledger.gpu_seconds.values()) == pytest.approx(ledger.gpus * ledger.horizon_s, rel=1e-9)


@pytest.mark.parametrize(
    "policy",
    [*POLICIES, FairShare(half_life=20), Las(thresholds=(3, 9))],
    ids=lambda one: one.kind,
)
def test_one_node_is_a_count(policy: Scheduler) -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        _, _, jobs = workload(seed)
        gpus = rng.integers(1, 9, len(jobs))
        jobs = replace(
            jobs,
            gpus=gpus,
            min_gpus=gpus,
            max_gpus=gpus,
            gpu_milli=np.full(len(jobs), 1000),
            users=("a", "b"),
            user=rng.integers(0, 2, len(jobs)),
            gpu_type=np.zeros(len(jobs), np.int64),
        )
        counted = schedule(jobs, 8, policy)
        placed, _ = replay_on_nodes(jobs, nodes_of(8), policy, Consolidate())
        for name in ("start_s", "end_s", "preemptions", "lost_s", "restart_s", "resumed_wait_s"):
            assert np.array_equal(getattr(counted.outcomes, name), getattr(placed.outcomes, name)), (
                seed,
                name,
            )
        assert placed.gpu_seconds == pytest.approx(counted.gpu_seconds)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda one: one.kind)
def test_a_horizon_ends_the_accounts(policy: Ordered) -> None:
    for seed in range(10):
        _, columns, jobs = workload(seed)
        nodes = nodes_of(*columns["gpus"], types=("a100", "t4"), type=columns["type"])
        whole, cut = (
            replay_on_nodes(jobs, nodes, policy, Fgd(), horizon_s=h, keep_timeline=True)[0] for h in (None, 25)
        )
        seen = np.where(whole.outcomes.end_s <= 25, whole.outcomes.end_s, -1)
        assert np.array_equal(seen, cut.outcomes.end_s)
        assert cut.horizon_s == 25
        assert sum(cut.gpu_seconds.values()) == pytest.approx(cut.gpus * 25, rel=1e-9)
        t, allocated = (whole.timeline[name].to_numpy() for name in ("t_s", "allocated"))
        assert (allocated <= whole.gpus).all()
        assert t[-1] == whole.horizon_s
