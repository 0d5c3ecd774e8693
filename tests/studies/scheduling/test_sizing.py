"""The smallest cluster that meets a queueing-delay target, and the GPUs that a better policy saves."""

import numpy as np
import pytest
from support.jobs_of import jobs_of

from simcost.errors import InputError
from simcost.ledger.jobs import BUCKETS, JobLedger, JobOutcomes
from simcost.plan.scheduling import FifoSkip
from simcost.sim.jobs.simulate import schedule
from simcost.studies.scheduling.sizing import SizingTarget, size

ASKED = SizingTarget(wait_s=60.0, percentile=0.95, step=8, usd_per_gpu_h=2.0)


def run(gpus: int, policy: str) -> JobLedger:
    """Waits fall linearly with the GPUs; the better policy needs a quarter less of them."""
    enough = {"fifo-strict": 400.0, "easy-backfill": 300.0}[policy]
    wait = np.linspace(0.0, 1.0, 101) * max(enough - gpus, 0.0) * 2
    zero = np.zeros(101)
    outcomes = JobOutcomes(
        submit_s=zero,
        start_s=wait,
        end_s=wait + 10,
        gpus=np.ones(101, np.int64),
        preemptions=np.zeros(101, np.int64),
        lost_s=zero,
        checkpoint_s=zero,
        restart_s=zero,
        held_gpu_s=zero,
        rejected=np.zeros(101, bool),
    )
    seconds = dict.fromkeys(BUCKETS, 0.0) | {"useful": 900.0, "restart": 100.0, "idle_free": 10.0 * gpus}
    return JobLedger(horizon_s=110.0, gpus=gpus, outcomes=outcomes, gpu_seconds=seconds)


def test_the_smallest_number_of_nodes_that_keeps_the_target() -> None:
    found = size(run, ["fifo-strict", "easy-backfill"], ASKED, offered=100.0, widest=16)
    # 0.95 * 2 * (400 - n) <= 60 from n = 368.4 on: 376 is the next multiple of 8
    assert [policy.gpus for policy in found.policies] == [376, 272]
    for policy in found.policies:
        below = run(policy.gpus - 8, policy.policy).outcomes.wait_s
        assert np.quantile(below, 0.95) > 60 >= policy.wait_s.target


def test_what_the_policy_is_worth() -> None:
    found = size(run, ["fifo-strict", "easy-backfill"], ASKED, offered=100.0, widest=16)
    assert found.verdict == (
        "easy-backfill needs 272 GPUs for P95 of the wait within 60 s ($397,120 a month); "
        "fifo-strict needs 376: the policy is worth 104 GPUs, $151,840 a month."
    )


def test_jobs_that_restart_hold_their_gpus_as_in_a_replay() -> None:
    for point in size(run, ["easy-backfill"], ASKED, offered=100.0, widest=16).policies[0].curve:
        assert point.utilisation == pytest.approx(1000 / (1000 + 10 * point.gpus))


def test_the_curve_holds_the_answer_and_rises_in_size() -> None:
    [found] = size(run, ["fifo-strict"], ASKED, offered=100.0, widest=16).policies
    sizes = [point.gpus for point in found.curve]
    assert sizes == sorted(sizes)
    assert found.gpus in sizes
    waits = [point.wait_s.target for point in found.curve]
    assert waits == sorted(waits, reverse=True)


def test_no_cluster_keeps_an_impossible_target() -> None:
    def hopeless(gpus: int, policy: str) -> JobLedger:
        return run(0, "fifo-strict")

    with pytest.raises(InputError, match=r"fifo-strict: not even .* GPUs keep P95 of the wait within 60 s"):
        size(hopeless, ["fifo-strict"], ASKED, offered=100.0, widest=16)


@pytest.mark.slow
def test_a_burst_needs_fewer_gpus_than_it_offers_at_once() -> None:
    """Eight hours of work submitted in seven seconds: three GPUs do it within two hours of waiting."""
    burst = jobs_of(np.arange(8), [3600] * 8, [1] * 8)
    asked = SizingTarget(wait_s=7200.0, percentile=0.95, step=1, usd_per_gpu_h=None)
    found = size(
        lambda gpus, _: schedule(burst, gpus, FifoSkip()),
        ["fifo-skip"],
        asked,
        offered=8 * 3600 / 7,
        widest=1,
        every=8,
    )
    assert found.policies[0].gpus == 3
    assert max(point.gpus for point in found.policies[0].curve) <= 8


def test_the_smallest_is_found_where_waits_do_not_fall_at_every_step() -> None:
    def bumpy(gpus: int, policy: str) -> JobLedger:
        return run(gpus - 40 if gpus % 16 == 0 else gpus, policy)

    [found] = size(bumpy, ["fifo-strict"], ASKED, offered=100.0, widest=16).policies
    keeping = [
        gpus for gpus in range(16, 800, 8) if np.quantile(bumpy(gpus, "fifo-strict").outcomes.wait_s, 0.95) <= 60
    ]
    assert found.gpus == min(keeping) == 376
