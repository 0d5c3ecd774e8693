"""The general engine on a capacity that changes against its plain retelling, to the bit."""

import numpy as np
import pytest
from naive_capacity import simulate
from support.jobs_of import jobs_of

from simcost.plan.failures import Checkpoints
from simcost.plan.scheduling import FifoSkip, FifoStrict, SjfSkip
from simcost.scenario.storage.laws import check_job_ledger
from simcost.sim.jobs.changing_capacity import GpuCapacity
from simcost.sim.jobs.simulate import schedule

HORIZON = 150
COLUMNS = {
    "start_s": "start",
    "end_s": "end",
    "preemptions": "stops",
    "lost_s": "lost",
    "checkpoint_s": "written",
    "restart_s": "restarted",
}


@pytest.mark.parametrize("policy", [FifoSkip(), FifoStrict(), SjfSkip()], ids=lambda one: one.kind)
@pytest.mark.parametrize("period", [None, 37])
def test_it_does_what_the_plain_words_say(policy: FifoSkip | FifoStrict | SjfSkip, period: int | None) -> None:
    rng, stops = np.random.default_rng(7), 0
    for case in range(60):
        count = int(rng.integers(1, 13))
        submit = np.sort(rng.integers(0, rng.choice([1, 10, 60]), count))
        jobs = jobs_of(submit, rng.integers(1, 40, count), rng.integers(1, 6, count))
        since = np.append(0, np.flatnonzero(rng.random(36) < 0.2) + 1)
        gpus = np.append(rng.integers(5, 8), rng.integers(0, 8, len(since) - 1))
        interval, write, restart = int(rng.integers(1, 15)), int(rng.integers(0, 4)), int(rng.integers(0, 5))
        saves = Checkpoints(interval=interval, write=write, restart=restart)
        capacity = GpuCapacity(since_s=since.astype(float), gpus=gpus, period_s=period)
        rules = {"checkpoints": saves, "horizon_s": HORIZON}
        ledger = schedule(jobs, capacity, policy, **rules)
        check_job_ledger(ledger)
        keys = jobs.duration_s if isinstance(policy, SjfSkip) else np.zeros(count, np.int64)
        columns = zip(*(one.tolist() for one in (jobs.submit_s, jobs.duration_s, jobs.gpus, keys)), strict=True)
        rows = [dict(zip(("submit", "duration", "gpus", "key"), one, strict=True)) for one in columns]
        there = gpus[np.searchsorted(since, np.arange(HORIZON) % (period or HORIZON), side="right") - 1].tolist()
        expected, spent = simulate(rows, there, saves, strict=isinstance(policy, FifoStrict), horizon=HORIZON)
        for column, name in COLUMNS.items():
            assert getattr(ledger.outcomes, column).tolist() == [job[name] for job in expected], (case, column)
        kept = {"useful": sum(job["gpus"] * (job["duration"] - job["left"]) for job in expected)}
        for bucket, name in (("checkpoint", "written"), ("lost", "lost"), ("restart", "restarted")):
            kept[bucket] = sum(job["gpus"] * job[name] for job in expected)
        assert ledger.gpu_seconds == kept | spent, case
        stops += int(ledger.outcomes.preemptions.sum())
    assert stops > 60
