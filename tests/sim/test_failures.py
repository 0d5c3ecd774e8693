"""Gangs under failures: Daly's closed form, conservation of time, and runs small enough to follow by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.errors import InputError, RunError
from simcost.perf.checkpoints import daly_time, ettr, young
from simcost.plan.failures import (
    CorrelatedLoss,
    Exponential,
    FailureModel,
    Gamma,
    LogNormal,
    RecordedFailures,
    Weibull,
)
from simcost.rng import stream
from simcost.sim.training_failures import FailureRuns, Gang, run_under_failures
from simcost.units import SECONDS_PER_DAY

MODELS = (
    Exponential(),
    Weibull(shape=0.6),
    LogNormal(sigma=1.2),
    Gamma(shape=0.5),
    RecordedFailures(times_s=(500.0, 9000.0, 40000.0), span_s=86400.0),
)


def run(gang: Gang, runs: int = 1) -> FailureRuns:
    return run_under_failures(gang, runs=runs, rng=stream(1, "failures"))


@pytest.mark.parametrize("mtbf_h", [3.09, 24.0])
def test_monte_carlo_agrees_with_daly(mtbf_h: float) -> None:
    mtbf_s = mtbf_h * 3600
    interval_s = young(120, mtbf_s)
    gang = Gang(
        work_s=500 * interval_s,
        nodes=1,
        interval_s=interval_s,
        write_s=120,
        restart_s=300,
        rate_per_node_day=SECONDS_PER_DAY / mtbf_s,
    )
    stretch = run(gang, 4000).elapsed_s.mean() / gang.work_s
    assert stretch == pytest.approx(daly_time(1.0, interval_s, 120, 300, mtbf_s), rel=2e-3)


def test_the_first_order_ratio_is_near_where_failures_are_rare() -> None:
    gang = Gang(work_s=5e7, nodes=128, interval_s=83.2 * 60, write_s=120, restart_s=300, rate_per_node_day=6.5e-3)
    assert run(gang, 500).effective_share.mean() == pytest.approx(ettr(128, 6.5e-3, 300, 83.2 * 60, 120), abs=2e-3)


@given(
    model=st.sampled_from(MODELS),
    work_s=st.floats(1.0, 2e5),
    interval_s=st.floats(10.0, 2e4),
    write_s=st.floats(0.0, 300.0),
    restart_s=st.floats(0.0, 600.0),
    together=st.booleans(),
)
def test_every_second_is_in_one_part(
    model: FailureModel, work_s: float, interval_s: float, write_s: float, restart_s: float, together: bool
) -> None:
    loss = CorrelatedLoss(nodes=4, per_day=2.0, outage=3600.0) if together else None
    gang = Gang(
        work_s=work_s,
        nodes=8,
        interval_s=min(interval_s, 5000.0),
        write_s=write_s,
        restart_s=restart_s,
        rate_per_node_day=0.5,
        model=model,
        correlated=loss,
    )
    runs = run(gang, 20)
    parts = runs.useful_s + runs.lost_s + runs.checkpoint_s + runs.restart_s + runs.waiting_s
    assert parts == pytest.approx(runs.elapsed_s)
    assert runs.useful_s == pytest.approx(work_s)
    assert (runs.lost_s <= runs.failures * gang.interval_s + 1e-6).all()
    assert (runs.restart_s <= runs.failures * restart_s + 1e-6).all()
    assert (runs.checkpoint_s >= np.floor(work_s / gang.interval_s) * write_s - 1e-6).all()
    assert (runs.waiting_s <= (runs.failures * 3600 if together else 0.0)).all()


@pytest.mark.parametrize("model", MODELS[:-1], ids=lambda model: model.kind)
def test_times_to_failure_have_the_mean_of_the_rates(model: Exponential) -> None:
    assert model.draw(stream(2, model.kind), 400_000).mean() == pytest.approx(1, abs=0.02)


def test_recorded_failures_by_hand() -> None:
    """A failure every 25 s: 4 s restart, 1 segment of 11 s, 10 s lost; of 100 s of work, 20 s before the first."""
    gang = Gang(
        work_s=100,
        nodes=1,
        interval_s=10,
        write_s=1,
        restart_s=4,
        rate_per_node_day=0,
        model=RecordedFailures(times_s=(0.0,), span_s=25.0),
    )
    runs = run(gang, 400)
    assert set(runs.failures) == {8, 9, 10}  # 2, 1 or no segments before the first failure
    assert runs.restart_s == pytest.approx(4.0 * runs.failures)
    last_life_s = 4 + 11
    assert (runs.elapsed_s - last_life_s - 25.0 * (runs.failures - 1)).max() == pytest.approx(25, abs=0.5)
    assert runs.elapsed_s.min() > 25 * 7 + last_life_s


def test_nothing_fails() -> None:
    runs = run(Gang(work_s=95, nodes=4, interval_s=10, write_s=2, restart_s=5, rate_per_node_day=0))
    assert (runs.elapsed_s[0], runs.checkpoint_s[0], runs.failures[0]) == (115, 20, 0)


def test_spares_save_the_wait_after_a_correlated_loss() -> None:
    common = {
        "work_s": 1e6,
        "nodes": 256,
        "interval_s": 3600.0,
        "write_s": 60,
        "restart_s": 300,
        "rate_per_node_day": 0,
        "correlated": CorrelatedLoss(nodes=200, per_day=1, outage=7200),
    }
    few, enough = (run(Gang(**common, spares=spares), 50) for spares in (199, 200))
    assert few.waiting_s == pytest.approx(7200 * few.failures)
    assert enough.waiting_s.sum() == 0
    assert enough.failures.mean() > 5


def test_a_run_without_end_is_an_error() -> None:
    gang = Gang(work_s=1e6, nodes=10_000, interval_s=86400, write_s=60, restart_s=300, rate_per_node_day=1)
    with pytest.raises(RunError, match="checkpoint more often than every 24 h"):
        run(gang)


def test_impossible_gangs_are_refused() -> None:
    good = {"work_s": 1, "nodes": 1, "interval_s": 1, "write_s": 0, "restart_s": 0, "rate_per_node_day": 0}
    for name, value in (
        ("work_s", 0),
        ("interval_s", float("nan")),
        ("write_s", -1),
        ("restart_s", float("inf")),
    ):
        with pytest.raises(InputError, match=f"{name} is"):
            Gang(**(good | {name: value}))
    with pytest.raises(InputError, match="lies after the 60 s of its log"):
        Gang(**good, model=RecordedFailures(times_s=(61.0,), span_s=60.0))
