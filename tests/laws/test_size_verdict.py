"""The verdicts of `train size` and `train spot` are not refuted by the tables below them."""

import re
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.ledger.jobs import JobLedger
from simcost.plan.failures import Checkpoints
from simcost.plan.scheduling import FifoSkip, Las, Srtf
from simcost.sim.jobs.simulate import schedule
from simcost.studies.scheduling.sizing import SizingTarget, size
from simcost.studies.spot.result import PolicyRow
from simcost.studies.spot.rows import spread
from simcost.studies.spot.study import verdict
from simcost.trace.jobs.jobs import Jobs


@pytest.mark.parametrize("case", [*range(20), 69, 79, 118, 131, 154, 173, 214, 248])
def test_no_smaller_cluster_of_the_tables_keeps_the_target(case: int) -> None:
    """Waits do not fall at every step of size: the search must not stop at a size when its own curve has a smaller."""
    rng = np.random.default_rng(case)
    submit, duration = np.sort(rng.integers(0, 20_000, 40)), rng.integers(60, 9000, 40)
    jobs = Jobs.of(submit_s=submit, duration_s=duration, gpus=rng.choice(np.array([1, 1, 2, 4, 8]), 40))
    step, wait_s = int(rng.choice([1, 2])), float(rng.choice([600.0, 3600.0, 7200.0]))

    def run(count: int, _: str) -> JobLedger:
        return schedule(jobs, count, FifoSkip(), checkpoints=Checkpoints(), horizon_s=1e6)

    percentile = float(rng.choice([0.5, 0.9]))
    also = tuple(rng.integers(8, 40, 2).tolist())
    question = SizingTarget(wait_s=wait_s, percentile=percentile, step=step, usd_per_gpu_h=1.0, also=also)
    found = size(run, ["fifo-skip"], question, offered=jobs.gpu_seconds / 20_000, widest=8)
    [policy] = found.policies
    whole = [point for point in policy.at if point.gpus % step == 0]
    keep = [point.gpus for point in (*policy.curve, *whole) if point.wait_s.target <= wait_s]
    assert min(keep) == policy.gpus
    assert policy.wait_s.target <= wait_s
    assert f"needs {policy.gpus:,} GPUs" in found.verdict


@pytest.mark.slow
@pytest.mark.parametrize(
    "policy", [Las(thresholds=(600.0,), overhead=False), Srtf(overhead=False)], ids=lambda p: p.kind
)
def test_waits_of_policies_that_preempt_are_all_the_time_in_the_queue(policy: Las | Srtf) -> None:
    """Completion - duration, as nothing is lost. To the first start alone, 2 GPUs seemed enough for work of 20."""
    rng = np.random.default_rng(6)
    jobs = Jobs.of(
        submit_s=np.sort(rng.integers(0, 20_000, 80)),
        duration_s=rng.integers(3000, 7000, 80),
        gpus=np.ones(80, np.int64),
    )
    ledgers = {}

    def run(count: int, _: str) -> JobLedger:
        return ledgers.setdefault(count, schedule(jobs, count, policy))

    question = SizingTarget(wait_s=1800.0, percentile=0.95, step=1, usd_per_gpu_h=None)
    found = size(run, [policy.kind], question, offered=jobs.gpu_seconds / 20_000, widest=1)
    [sized] = found.policies
    for point in (sized, *sized.curve):
        wait = ledgers[point.gpus].outcomes.jct_s - jobs.duration_s
        assert point.wait_s.mean == pytest.approx(wait.mean())
        assert point.wait_s.target == pytest.approx(np.quantile(wait, 0.95))
    assert sized.gpus > 10
    assert [said["kind"] for said in found.findings] == ["after_preemptions"]


_ROW = PolicyRow(**{field.name: None for field in fields(PolicyRow)})


@given(st.lists(st.tuples(st.floats(50, 200), st.sampled_from([1.0, 0.5])), min_size=1, max_size=4))
def test_the_verdict_of_a_spot_study_says_what_its_costs_say(costs: list[tuple[float, float]]) -> None:
    work, base = 100.0, 100.4
    rows = [
        replace(
            _ROW,
            policy=f"policy {i}",
            runs=10,
            deadline_met=met,
            billed_usd=spread(np.array([usd])),
            saving=1 - usd / work,
            saving_spread=spread(np.array([1 - usd / work])),
        )
        for i, (usd, met) in enumerate([(base, 1.0), *costs])
    ]
    said, safe = verdict(rows), [usd for usd, met in costs if met == 1]
    assert (" saves " in said) == any(usd < work for usd in safe)
    assert ("no other policy met" in said) == (not safe)
    if safe and min(safe) >= work:
        share = float(re.search(r"costs (?:only )?([\d.]+) %", said)[1])  # type: ignore[index]
        assert abs(share - abs(100 * (min(safe) / base - 1))) <= 0.051
        assert (" less, and no less than the work alone" in said) == (min(safe) < base)
        assert (" more." in said) == (min(safe) >= base)
