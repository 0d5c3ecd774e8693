"""CPU time of a job does not grow with the queue it waits in."""

from time import process_time

import numpy as np
import pytest
from support.jobs_of import jobs_of

from simcost.plan.failures import Checkpoints
from simcost.plan.scheduling import (
    EasyBackfill,
    Elastic,
    FairShare,
    FifoSkip,
    Las,
    PriorityPreemptive,
    Quota,
    Quotas,
    Scheduler,
    Srtf,
)
from simcost.sim.jobs.simulate import schedule
from simcost.trace.jobs.jobs import Jobs

pytestmark = pytest.mark.slow

GPUS = 400
CHECKPOINTS = Checkpoints(interval=1800, write=60, restart=120)
QUEUES = {name: Quota(nominal=GPUS // 4) for name in "abcd"}


def overload(count: int) -> Jobs:
    """Jobs that ask for five times what the cluster has, so that the queue is nearly as long as the trace."""
    rng = np.random.default_rng(1)
    gpus = rng.choice([1, 2, 4, 8, 16, 64], count, p=[0.5, 0.15, 0.15, 0.14, 0.05, 0.01])
    duration = (rng.lognormal(8, 1.2, count) + 30).astype(int)
    submit = np.sort((rng.random(count) * (gpus * duration).sum() / GPUS / 5).astype(int))
    return jobs_of(
        submit,
        duration,
        gpus,
        limit_s=(duration * rng.uniform(1, 3, count)).astype(int),
        priority=rng.integers(0, 5, count),
        user=rng.integers(0, 20, count),
        users=tuple(f"user-{i}" for i in range(20)),
        pool=rng.integers(0, 4, count),
        pools=tuple("abcd"),
        min_gpus=np.maximum(gpus // 2, 1),
        max_gpus=gpus * 2,
    )


@pytest.mark.parametrize(
    ("policy", "checkpoints"),
    [
        (FairShare(), None),
        (Srtf(), None),
        (Las(), None),
        (PriorityPreemptive(), None),
        (Quotas(queues=QUEUES), None),
        (Quotas(queues=QUEUES, strict=True), None),
        (Elastic(), None),
        (FifoSkip(), CHECKPOINTS),
        (EasyBackfill(), CHECKPOINTS),
    ],
    ids=lambda one: getattr(one, "kind", ""),
)
def test_a_job_costs_no_more_in_a_longer_queue(policy: Scheduler, checkpoints: Checkpoints | None) -> None:
    def cpu_s(count: int) -> float:
        jobs, since = overload(count), process_time()
        schedule(jobs, GPUS, policy, checkpoints=checkpoints)
        return (process_time() - since) / count

    cpu_s(100)  # compiles
    assert cpu_s(30_000) < 3 * min(cpu_s(3_000) for _ in range(3))
