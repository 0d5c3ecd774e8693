"""Jobs on a capacity that changes: nothing is lost or made up, gangs stop and start whole, the latest go first."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.errors import InputError
from simcost.ledger.jobs import JobLedger
from simcost.plan.failures import Checkpoints
from simcost.plan.scheduling import EasyBackfill, FifoSkip
from simcost.scenario.storage.laws import check_job_ledger
from simcost.sim.jobs.changing_capacity import GpuCapacity
from simcost.sim.jobs.simulate import schedule
from simcost.trace.jobs.jobs import Jobs


def jobs(*rows: tuple[int, int, int]) -> Jobs:
    """(submit, duration, gpus) each."""
    submit, duration, gpus = (
        np.array(column, np.int64) for column in zip(*sorted(rows, key=lambda r: r[0]), strict=True)
    )
    return Jobs.of(submit_s=submit, duration_s=duration, gpus=gpus)


def capacity(*steps: tuple[float, int]) -> GpuCapacity:
    since, gpus = zip(*steps, strict=True)
    return GpuCapacity(since_s=np.array(since, float), gpus=np.array(gpus, np.int64))


def on_changing(of: Jobs, given_: GpuCapacity, saves: Checkpoints, **options: Any) -> JobLedger:
    return schedule(of, given_, FifoSkip(), checkpoints=saves, **options)


SAVES = Checkpoints(interval=10, write=1, restart=2)


def check(ledger: JobLedger, of: Jobs, given_: GpuCapacity) -> None:
    """Every GPU-second in one bucket; work kept is the work of the finished jobs and part of that of the others."""
    most = given_.gpus.max() * ledger.horizon_s
    check_job_ledger(ledger)
    assert sum(ledger.gpu_seconds.values()) == pytest.approx(most, rel=1e-9, abs=1e-6)
    assert min(ledger.gpu_seconds.values()) >= -1e-9
    ended = ledger.outcomes.end_s >= 0
    whole = float((of.gpus * of.duration_s)[ended].sum())
    assert whole - 1e-6 <= ledger.gpu_seconds["useful"] <= float((of.gpus * of.duration_s).sum()) + 1e-6
    spent = ledger.outcomes.end_s - ledger.outcomes.start_s
    more = ledger.outcomes.lost_s + ledger.outcomes.checkpoint_s + ledger.outcomes.restart_s
    assert (spent >= of.duration_s + more - 1e-6)[ended].all()
    calm = ended & (ledger.outcomes.preemptions == 0)
    assert spent[calm] == pytest.approx((of.duration_s + more)[calm])


def test_a_falling_capacity_stops_the_job_that_started_last() -> None:
    work = jobs((0, 100, 2), (1, 100, 2))
    ledger = on_changing(work, capacity((0, 4), (26, 2), (60, 4)), SAVES, horizon_s=1000)
    check(ledger, work, capacity((0, 4), (26, 2), (60, 4)))
    assert ledger.outcomes.preemptions.tolist() == [0, 1]
    # It ran 25 s: two cycles of 10 s work and 1 s write, 3 s lost; from 60 s on 2 s restart, 80 s work, 7 writes.
    assert ledger.outcomes.lost_s.tolist() == [0, 3]
    assert ledger.outcomes.restart_s.tolist() == [0, 2]
    assert ledger.outcomes.checkpoint_s.tolist() == [9, 2 + 7]
    assert ledger.outcomes.end_s.tolist() == [109, 60 + 2 + 80 + 7]


def test_no_more_stop_than_must() -> None:
    work = jobs((0, 100, 4), (1, 100, 1), (2, 100, 1))
    ledger = on_changing(work, capacity((0, 6), (10, 2)), SAVES, horizon_s=50)
    assert ledger.outcomes.preemptions.tolist() == [1, 0, 0]  # the wide one alone makes room


def test_a_job_that_never_fits_is_kept_out() -> None:
    work = jobs((0, 5, 9), (0, 5, 1))
    ledger = on_changing(work, capacity((0, 4)), SAVES, horizon_s=20)
    assert ledger.outcomes.rejected.tolist() == [True, False]
    assert ledger.outcomes.end_s.tolist() == [-1, 5]


def test_a_capacity_that_makes_no_sense() -> None:
    with pytest.raises(InputError, match="capacity must begin at 0 s"):
        on_changing(jobs((0, 1, 1)), capacity((1, 4)), SAVES, horizon_s=5)


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 40), st.integers(1, 5)), min_size=1, max_size=14),
    st.lists(st.integers(0, 6), min_size=1, max_size=8),
    st.integers(30, 300),
)
def test_nothing_is_lost_or_made_up(rows: list[tuple[int, int, int]], steps: list[int], horizon: int) -> None:
    work, offered = jobs(*rows), capacity(*((13.0 * i, gpus) for i, gpus in enumerate(steps)))
    check(on_changing(work, offered, SAVES, horizon_s=horizon), work, offered)


def test_without_a_horizon_it_ends_with_the_last_job() -> None:
    work = jobs((0, 100, 2), (1, 100, 2))
    offered = capacity((0, 4), (26, 2), (60, 4))
    ledger = on_changing(work, offered, SAVES, keep_timeline=True)
    assert ledger.horizon_s == 60 + 2 + 80 + 7
    check(ledger, work, offered)
    assert ledger.timeline.to_pylist()[:3] == [
        {"t_s": 0.0, "allocated": 2, "waiting_jobs": 0, "waiting_gpus": 0},
        {"t_s": 1.0, "allocated": 4, "waiting_jobs": 0, "waiting_gpus": 0},
        {"t_s": 26.0, "allocated": 2, "waiting_jobs": 1, "waiting_gpus": 2},
    ]


def test_a_capacity_may_begin_anew() -> None:
    work = jobs((0, 30, 2), (0, 30, 2), (70, 30, 4))
    once = GpuCapacity(since_s=np.array([0.0, 20.0]), gpus=np.array([4, 2]), period_s=50.0)
    laps = capacity(*((50.0 * lap + since, gpus) for lap in range(6) for since, gpus in ((0, 4), (20, 2))))
    for horizon_s in (None, 220.0):
        again, spelled = (on_changing(work, one, SAVES, horizon_s=horizon_s) for one in (once, laps))
        assert again.gpu_seconds == spelled.gpu_seconds
        assert again.outcomes.end_s.tolist() == spelled.outcomes.end_s.tolist()
    assert again.gpu_seconds["down"] == 4 * 30 * 2


def test_jobs_that_never_get_through_are_no_endless_run() -> None:
    short = GpuCapacity(since_s=np.array([0.0, 5.0]), gpus=np.array([4, 0]), period_s=1e7)
    with pytest.raises(InputError, match="jobs never get through"):
        on_changing(jobs((0, 30, 4)), short, SAVES)
    with pytest.raises(InputError, match="never get through"):
        on_changing(jobs((1, 30, 4)), capacity((0, 4), (1, 2)), SAVES)


@pytest.mark.parametrize("since_s", [0.3, 2.3, 3.8])
def test_a_checkpoint_that_was_just_written_is_kept_whatever_the_fraction(since_s: float) -> None:
    """In floats 32.3 - 2.3 is less than 30, three whole intervals; the clock counts in whole ticks."""
    offered = capacity((0, 0), (since_s, 1), (round(since_s + 30, 1), 0), (round(since_s + 80, 1), 1))
    out = on_changing(jobs((0, 100, 1)), offered, Checkpoints(interval=10, write=0, restart=0)).outcomes
    assert out.lost_s.tolist() == [0]
    assert out.end_s.tolist() == [round(since_s + 80 + 70, 1)]


def test_the_log_says_how_its_jobs_save_and_wait() -> None:
    work = replace(
        jobs((0, 30, 1), (0, 30, 1)), after=np.array([(), ("0",)], object), ckpt_write_s=np.array([np.nan, 3])
    )
    out = on_changing(work, capacity((0, 4), (10, 3)), SAVES).outcomes
    assert out.start_s.tolist() == [0, 30 + 2]
    assert out.checkpoint_s.tolist() == [2, 6]


def test_policies_that_reserve_or_preempt_take_no_capacity_that_changes() -> None:
    with pytest.raises(InputError, match="easy-backfill takes no capacity that changes"):
        schedule(jobs((0, 1, 1)), capacity((0, 4)), EasyBackfill())
