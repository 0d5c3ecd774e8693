"""Jobs per CPU second of each scheduling policy: two weeks of Philly in one pool and in its virtual clusters on nodes,
and a million jobs.

    python bench/jobs.py [--json]

Measured for comparison, on one core: the Helios simulator schedules 313 jobs per CPU second, Alibaba's about 480,
Gavel 65 to 134, Sia 3.5. `compile_s` is what the first run after an installation costs once.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import measure
import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from support.jobs_of import jobs_of

from simcost.ledger.jobs import JobLedger
from simcost.plan.scheduling import (
    ConservativeBackfill,
    Consolidate,
    DeadlineAware,
    EasyBackfill,
    Elastic,
    EstimateError,
    FairShare,
    FifoSkip,
    FifoStrict,
    Las,
    PriorityPreemptive,
    Quota,
    Quotas,
    Rigid,
    Scheduler,
    SjfSkip,
    SjfStrict,
    Srtf,
    SsfSkip,
)
from simcost.sim.jobs.estimates import with_limits
from simcost.sim.jobs.simulate import schedule
from simcost.sim.jobs.simulate_on_nodes import schedule_on_nodes
from simcost.trace.jobs.jobs import Jobs
from simcost.trace.jobs.nodes import read_nodes
from simcost.trace.jobs.reader import read_jobs

LOG = measure.SHARED / "data/philly_2weeks_24134jobs.csv.gz"
GPUS = (400, 500, 700)
MILLION = 1_000_000
RIGID: tuple[Rigid, ...] = (
    FifoStrict(),
    FifoSkip(),
    SjfStrict(),
    SjfSkip(),
    SsfSkip(),
    DeadlineAware(),
    EasyBackfill(),
    ConservativeBackfill(),
    FairShare(),
    Srtf(),
    Las(),
    PriorityPreemptive(),
)
POLICIES: tuple[Scheduler, ...] = (*RIGID, Elastic())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", choices=["compile"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(compiled()))
        return
    if not LOG.exists():
        print('{"name": "jobs", "skipped": "no reference data"}')
        return
    since = time.monotonic(), measure.cpu_s()
    policies = on_philly() | in_virtual_clusters()
    million = a_million()
    count = sum(part["jobs"] for part in (*policies.values(), *million.values()))
    spent = measure.account(since, count)
    first = cold()
    work = {"name": "jobs", "work": f"{count} jobs"}
    measure.show({**work, **spent, "compile_s": first, **policies, **million}, options)


def timed(jobs: Jobs, gpus: int, policy: Scheduler) -> dict[str, Any]:
    return timed_run(jobs, partial(schedule, jobs, gpus, policy))


def timed_run(jobs: Jobs, run: Callable[[], JobLedger]) -> dict[str, Any]:
    before = measure.cpu_s()
    ledger = run()
    used_s = measure.cpu_s() - before
    return {
        "jobs": len(jobs),
        "cpu_s": used_s,
        "per_cpu_s": len(jobs) / used_s,
        "mean_wait_s": float(ledger.outcomes.wait_s.mean()),
        "preemptions": int(ledger.outcomes.preemptions.sum()),
    }


def on_philly() -> dict[str, Any]:
    """Users, priorities, deadlines and elastic ranges are not in the log: they are drawn."""
    jobs, _ = read_jobs(LOG)
    rng = np.random.default_rng(1)
    jobs = replace(
        jobs,
        pool=np.zeros(len(jobs), np.int64),
        user=rng.integers(0, 50, len(jobs)),
        users=tuple(map(str, range(50))),
        priority=rng.integers(0, 4, len(jobs)),
        deadline_s=jobs.submit_s + 3 * jobs.duration_s,
        min_gpus=np.maximum(jobs.gpus // 2, 1),
        max_gpus=2 * jobs.gpus,
    )
    for policy in POLICIES:
        schedule(jobs[:10], 32, policy)
    found = {f"{one.kind}, {gpus} GPUs": timed(jobs, gpus, one) for gpus in GPUS for one in POLICIES}
    doubled = with_limits(jobs, EstimateError(error=1.0), 1)
    for policy in (EasyBackfill(), ConservativeBackfill()):
        found[f"{policy.kind}, limits twice the durations, 700 GPUs"] = timed(doubled, 700, policy)
    return found


def in_virtual_clusters() -> dict[str, Any]:
    """The same two weeks in the eleven pools they come from, a quarter of their nodes, each gang on nodes; and with
    quotas that the pools lend each other.
    """
    nodes = read_nodes(measure.SHARED / "data/philly_vc_nodes.csv").divided(4)
    jobs, _ = read_jobs(
        measure.SHARED / "data/philly_jobs.csv.gz",
        pools=nodes.pool_gpus,
        since="2017-10-01",
        window_s=1_209_600,
    )
    quotas = Quotas(queues={name: Quota(nominal=gpus) for name, gpus in nodes.pool_gpus.items()})
    found = {}
    for policy in (*RIGID, quotas):
        if isinstance(policy, FairShare):
            continue  # the log has no users
        schedule_on_nodes(jobs[:10], nodes, policy, Consolidate())
        run = partial(schedule_on_nodes, jobs, nodes, policy, Consolidate())
        found[f"{policy.kind}, virtual clusters on nodes"] = timed_run(jobs, run)
    return found


def a_million() -> dict[str, Any]:
    """Jobs of Philly drawn at random, arriving as a Poisson process that takes 90 or 105 % of 700 GPUs."""
    jobs, _ = read_jobs(LOG)
    rng = np.random.default_rng(0)
    rows = rng.integers(0, len(jobs), MILLION)
    gpus, duration = jobs.gpus[rows], jobs.duration_s[rows]
    found = {}
    for load in (0.9, 1.05):
        submit = np.sort(rng.integers(0, int(np.dot(gpus, duration) / 700 / load), MILLION))
        many = jobs_of(submit, duration, gpus)
        found[f"a million, load {load}, easy-backfill"] = timed(many, 700, EasyBackfill())
    return found


def cold() -> dict[str, float]:
    """CPU seconds to compile, by policy."""
    with TemporaryDirectory() as cache:
        os.environ["NUMBA_CACHE_DIR"] = cache
        found = measure.in_process(__file__, "--part", "compile")
    return {kind: found[kind] for kind in found if kind in {policy.kind for policy in POLICIES}}


def compiled() -> dict[str, float]:
    few = jobs_of([0], [1], [1])
    spent: dict[str, float] = {}
    for policy in POLICIES:
        before = measure.cpu_s()
        schedule(few, 1, policy)
        spent[policy.kind] = measure.cpu_s() - before
    return spent


if __name__ == "__main__":
    main()
