"""The verdict of `train share` follows from the figures of its table, and fleets are compared at one rounding."""

import re
from math import fsum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.shown import on_terminal

from simcost.errors import InputError
from simcost.plan.failures import Checkpoints
from simcost.studies.scheduling.share_view import parts
from simcost.studies.scheduling.sharing import ServingUse, share
from simcost.trace.jobs.jobs import Jobs
from simcost.units import HOURS_PER_MONTH, format_seconds, format_usd

text = on_terminal(parts)

SAVES = Checkpoints(interval=600, write=5, restart=20)


def jobs(*rows: tuple[int, int, int]) -> Jobs:
    """(submit, duration, gpus) each."""
    submit, duration, gpus = (np.array(column, np.int64) for column in zip(*sorted(rows), strict=True))
    return Jobs.of(submit_s=submit, duration_s=duration, gpus=gpus)


def use(*gpus: int, plan: str = "scaled") -> ServingUse:
    """GPUs held hour by hour, over and over."""
    held = np.array(gpus, np.int64)
    return ServingUse(plan=plan, since_s=np.arange(len(held)) * 3600.0, gpus=held, horizon_s=3600.0 * len(held))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Jobs, ServingUse, int, int]:
    """Jobs, what serving holds, GPUs of the shared fleet, GPUs of a node."""
    held = draw(st.lists(st.integers(0, 9), min_size=1, max_size=6))
    rows = draw(
        st.lists(
            st.tuples(st.integers(0, 20_000), st.integers(60, 9000), st.sampled_from([1, 1, 2, 4])),
            min_size=1,
            max_size=12,
        )
    )
    most = max(held)
    return jobs(*rows), use(*held), most + draw(st.integers(1, 12)), draw(st.sampled_from([1, 2, 3, 4, 8]))


@given(cases(), st.sampled_from([None, 1.5]))
def test_the_verdict_is_what_its_table_says(case: tuple[Jobs, ServingUse, int, int], usd: float | None) -> None:
    work, held, gpus, step = case
    try:
        found = share(work, held, gpus=gpus, checkpoints=SAVES, usd_per_gpu_h=usd, step=step)
    except InputError:
        return  # the widest job never fits what serving leaves
    verdict, apart = found.verdict, found.separate
    assert found.gpus % step == apart.serving_gpus % step == apart.training_gpus % step == 0
    assert gpus <= found.gpus < gpus + step
    assert apart.gpus == apart.serving_gpus + apart.training_gpus
    assert apart.wait_s.p95 <= found.wait_s.p95
    saved = apart.gpus - found.gpus
    assert ("saves nothing" in verdict) == (saved <= 0)
    fewer = re.search(r"([\d,]+) GPUs? fewer", verdict)
    assert (int(fewer[1].replace(",", "")) if fewer else 0) == abs(saved)
    if usd is not None and saved > 0:
        assert format_usd(saved * usd * HOURS_PER_MONTH) in verdict
        assert found.usd_per_month < apart.usd_per_month
    waits = {format_seconds(side.wait_s.p95) for side in (found, apart)}
    assert ("the same P95 wait" in verdict) == (len(waits) == 1)
    length_h = (float(work.submit_s[-1]) + held.horizon_s) / 3600.0
    assert fsum(found.gpu_hours.values()) == pytest.approx(found.gpus * length_h, rel=1e-9)
    assert all(wait in verdict for wait in waits)
    assert all(wait in text(found) for wait in waits)


@given(cases())
def test_what_is_never_given_back_saves_no_more_than_the_rounding(
    case: tuple[Jobs, ServingUse, int, int],
) -> None:
    work, held, gpus, step = case
    fixed = use(held.peak, plan="fixed")
    try:
        found = share(work, fixed, gpus=gpus, checkpoints=SAVES, usd_per_gpu_h=None, step=step)
    except InputError:
        return
    if fixed.peak % step == 0:
        assert "saves nothing" in found.verdict
    else:
        # How much the rounding gives depends on the jobs: more GPUs may make the P95 wait longer.
        assert found.saved_gpus <= 0 or "gives no GPU back" in found.verdict


@pytest.mark.parametrize("step", [1, 2, 4, 8])
def test_a_fixed_plan_saves_nothing_at_any_size_of_node(step: int) -> None:
    work = jobs(*[(900 * i, 4000, 1 + i % 4) for i in range(30)])
    found = share(work, use(8, plan="fixed"), gpus=12, checkpoints=SAVES, usd_per_gpu_h=1.86, step=step)
    assert "saves nothing" in found.verdict
    assert found.usd_per_month == found.separate.usd_per_month
    assert found.wait_s.p95 == found.separate.wait_s.p95
    assert (found.requested_gpus, found.gpus) == (12, 16 if step == 8 else 12)
    assert ("rounded up to 16" in text(found)) == (step == 8)


def test_valleys_that_are_given_back_save_gpus() -> None:
    work = jobs(*[(3600 * (i % 12), 1500, 2) for i in range(48)])
    found = share(work, use(8, 8, 0, 0, 8, 0), gpus=10, checkpoints=SAVES, usd_per_gpu_h=2.0, step=1)
    assert found.saved_gpus > 0
    assert found.verdict.startswith("One fleet of 10 GPUs takes the place of two of ")
    assert "takes its GPUs back" in found.verdict


def test_a_job_that_never_fits_is_an_error_and_no_saving() -> None:
    with pytest.raises(InputError, match=r"widest job needs 4 GPUs.*never leaves more than 3 of 3; give 4 GPUs"):
        share(jobs((0, 100, 4)), use(0, 2), gpus=3, checkpoints=SAVES, usd_per_gpu_h=None, step=1)
