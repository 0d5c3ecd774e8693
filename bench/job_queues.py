"""CPU time of a job in a long queue: jobs that ask for five times what 400 GPUs do, so that nearly all of them wait.

    python bench/job_queues.py [--jobs 3000 30000] [--json]

If the queue were looked through at each event, ten times the jobs would take a hundred times as long.
"""

import argparse
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import measure
import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from support.jobs_of import jobs_of

from simcost.plan.failures import Checkpoints
from simcost.plan.scheduling import (
    EasyBackfill,
    Elastic,
    FairShare,
    FifoSkip,
    Las,
    PriorityBackfill,
    PriorityPreemptive,
    Quota,
    Quotas,
    Scheduler,
    Srtf,
)
from simcost.sim.jobs.simulate import schedule
from simcost.trace.jobs.jobs import Jobs

GPUS, LOAD = 400, 5
POOLS = ("a", "b", "c", "d")
QUEUES = {name: Quota(nominal=GPUS // len(POOLS)) for name in POOLS}
CHECKPOINTS = Checkpoints(interval=1800, write=60, restart=120)
POLICIES: dict[str, tuple[Scheduler, Checkpoints | None]] = {
    "fair share": (FairShare(), None),
    "SRTF": (Srtf(), None),
    "LAS": (Las(), None),
    "priorities with preemption": (PriorityPreemptive(), None),
    "quotas": (Quotas(queues=QUEUES), None),
    "quotas, strict": (Quotas(queues=QUEUES, strict=True), None),
    "elastic": (Elastic(), None),
    "FIFO that skips, checkpoints": (FifoSkip(), CHECKPOINTS),
    "EASY backfill, checkpoints": (EasyBackfill(), CHECKPOINTS),
    "priorities with backfill, checkpoints": (PriorityBackfill(), CHECKPOINTS),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, nargs="+", default=[3_000, 30_000], help="default: 3000 30000")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    since = time.monotonic(), measure.cpu_s()
    found: dict[str, dict[str, Any]] = {}
    for name, (policy, checkpoints) in POLICIES.items():
        run = partial(schedule, gpus=GPUS, policy=policy, checkpoints=checkpoints)
        run(overload(100))  # compiles
        for count in options.jobs:
            jobs, before = overload(count), measure.cpu_s()
            run(jobs)
            used_s = measure.cpu_s() - before
            found[f"{name}, {count:,} jobs"] = {"cpu_s": used_s, "us_per_job": 1e6 * used_s / count}
    total = len(POLICIES) * sum(options.jobs)
    measure.show({"name": "job_queues", "work": f"{total} jobs", **measure.account(since, total), **found}, options)


def overload(count: int) -> Jobs:
    """Jobs of many sizes, users, priorities and pools."""
    rng = np.random.default_rng(1)
    gpus = rng.choice([1, 2, 4, 8, 16, 64], count, p=[0.5, 0.15, 0.15, 0.14, 0.05, 0.01])
    duration = (rng.lognormal(8, 1.2, count) + 30).astype(int)
    submit = np.sort((rng.random(count) * (gpus * duration).sum() / GPUS / LOAD).astype(int))
    return jobs_of(
        submit,
        duration,
        gpus,
        limit_s=(duration * rng.uniform(1, 3, count)).astype(int),
        priority=rng.integers(0, 5, count),
        user=rng.integers(0, 20, count),
        users=tuple(f"user-{i}" for i in range(20)),
        pool=rng.integers(0, len(POOLS), count),
        pools=POOLS,
        min_gpus=np.maximum(gpus // 2, 1),
        max_gpus=gpus * 2,
    )


if __name__ == "__main__":
    main()
