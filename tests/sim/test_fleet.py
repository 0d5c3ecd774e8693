"""Replicas boot, serve, drain and leave; no request and no second is lost on the way."""

from dataclasses import replace

import numpy as np
import pytest
from support.conserved import conserve
from support.pools import CHAT, poisson

from simcost.billing.metering import usages_of
from simcost.ledger.requests import LatencyLimits, Ledger
from simcost.plan import Admission, Fixed, Scaling, Schedule, Startup, TargetConcurrency
from simcost.plan.autoscaling import Step
from simcost.plan.nodes import NodeKind
from simcost.plan.serving import Retries
from simcost.sim import simulate, simulate_pools
from simcost.trace.requests.batch import RequestBatch

HOUR = 3600.0
DAY_SHAPE = Schedule(steps=(Step(at=0, replicas=1), Step(at=600, replicas=5), Step(at=2400, replicas=2)))
REACTIVE = TargetConcurrency(target=10, min=1, max=6, scale_down_delay=60)
QUICK = Startup(node=60, image=30, weights=1e9, engine=20)


def run(scaling: Scaling, *, rate: float = 8, slots: int = 1, span_s: float = HOUR, **changes: object) -> Ledger:
    pool = replace(CHAT, scaling=scaling, startup=QUICK, kinds=(NodeKind(slots=slots),), **changes)  # type: ignore[arg-type]
    return simulate(pool, poisson(rate, span_s * 0.9), horizon_s=span_s, limits=LatencyLimits(ttft_s=1.0))


@pytest.mark.parametrize("slots", [1, 4])
@pytest.mark.parametrize("scaling", [Fixed(replicas=3), DAY_SHAPE, REACTIVE], ids=lambda policy: policy.kind)
def test_requests_and_time_are_conserved(scaling: Scaling, slots: int) -> None:
    ledger = run(scaling, slots=slots)
    conserve(ledger)
    assert ledger.outcomes.completed > 25_000


def test_a_node_stays_until_the_last_of_its_replicas_has_drained() -> None:
    """Whichever of them is found empty first."""
    up_and_down = Schedule(steps=tuple(Step(at=300 * i, replicas=4 if i % 2 else 8) for i in range(12)))
    ledger = run(up_and_down, rate=40, slots=4)
    conserve(ledger)
    assert len(ledger.nodes) == 7


def test_a_fixed_fleet_is_paid_for_the_whole_run() -> None:
    hours = run(Fixed(replicas=3)).replica_hours()
    assert hours["computing"] + hours["idle"] == pytest.approx(3.0)
    assert hours["starting"] == hours["draining"] == hours["unallocated"] == 0


def test_busy_time_is_the_union_of_steps_at_light_load() -> None:
    """At a load where requests never meet, busy time = sum of sojourns = sum of the steps of each alone."""
    ledger = run(Fixed(replicas=1), rate=0.02, span_s=50 * HOUR)
    assert ledger.busy_ready_s() == pytest.approx(ledger.outcomes.outstanding_s, rel=0.05)
    assert ledger.replica_hours()["computing"] * HOUR == pytest.approx(ledger.outcomes.work_s)


def test_a_cold_start_takes_node_image_weights_and_engine() -> None:
    ledger = run(Schedule(steps=(Step(at=0, replicas=1), Step(at=600, replicas=2))))
    second = [row for row in ledger.replicas.to_pylist() if row["replica"] == 1]
    assert second[0]["state"] == "starting"
    assert second[0]["start_s"] == 600.0
    assert second[0]["end_s"] == 600.0 + 60 + 30 + 16 + 20


def test_a_free_slot_on_a_node_skips_node_and_image() -> None:
    ledger = run(Schedule(steps=(Step(at=0, replicas=1), Step(at=600, replicas=2))), slots=2)
    second = [row for row in ledger.replicas.to_pylist() if row["replica"] == 1]
    assert second[0]["end_s"] == 600.0 + 16 + 20
    assert len(ledger.nodes) == 1


def test_a_drained_replica_finishes_its_requests_and_leaves_at_once() -> None:
    ledger = run(DAY_SHAPE)
    draining = [row for row in ledger.replicas.to_pylist() if row["state"] == "draining"]
    assert draining
    assert all(row["busy_s"] == pytest.approx(row["end_s"] - row["start_s"], abs=1e-6) for row in draining)
    assert ledger.outcomes.in_system == 0


def test_a_pool_at_zero_keeps_requests_at_the_gateway() -> None:
    schedule = Schedule(steps=(Step(at=0, replicas=0), Step(at=600, replicas=2)))
    ledger = run(schedule, rate=2)
    conserve(ledger)
    assert ledger.outcomes.completed == ledger.outcomes.arrived
    waiting = ledger.timeline["waiting"].to_numpy()
    assert waiting[np.searchsorted(ledger.timeline["t_s"].to_numpy(), 590)] == pytest.approx(2 * 590, rel=0.1)


def test_clients_give_up_at_the_gateway() -> None:
    schedule = Schedule(steps=(Step(at=0, replicas=0), Step(at=600, replicas=2)))
    ledger = run(schedule, rate=2, admission=Admission(timeout=30))
    conserve(ledger)
    ready_s = 600 + 60 + 30 + 16 + 20
    assert ledger.outcomes.timed_out == pytest.approx(2 * (ready_s - 30), rel=0.1)


@pytest.mark.parametrize(
    "retries",
    [None, pytest.param(Retries(attempts=3, on=("rejected",)), marks=pytest.mark.slow)],
    ids=["once", "again"],
)
def test_requests_that_never_fit_are_rejected_and_counted(retries: Retries | None) -> None:
    """By the window in which they came, each once; those that the gateway turned away are not among them."""
    full = Admission(max_ongoing=2, max_queued=1)
    ledger = run(Fixed(replicas=2), kv_capacity_tokens=900, retries=retries, admission=full)
    conserve(ledger)
    arrivals = list(poisson(8, HOUR * 0.9))
    tokens, at_ns = (
        np.concatenate(parts)
        for parts in zip(*((one.prompt_tokens + one.output_tokens, one.arrival_ns) for one in arrivals), strict=True)
    )
    starts_ns = np.array(ledger.outcomes.windows["start_s"]) * 1e9
    expected = np.histogram(at_ns[tokens > 900], [*starts_ns, HOUR * 1e9])[0]
    assert ledger.outcomes.windows["too_long"].to_pylist() == expected.tolist()
    assert 0 < ledger.outcomes.too_long < ledger.outcomes.rejected
    assert ledger.outcomes.completed > 0


def test_late_requests_at_the_end_are_counted_as_late() -> None:
    ledger = run(Fixed(replicas=1), rate=200, span_s=600)
    late = sum(ledger.outcomes.windows["late"].to_pylist())
    assert 0 < late <= ledger.outcomes.in_system


@pytest.mark.parametrize("batch", [777, 100_000])
def test_same_seed_same_ledger_whatever_the_batches(batch: int) -> None:
    pool = replace(CHAT, scaling=REACTIVE, startup=QUICK)
    ledgers = [simulate(pool, poisson(8, 3000, batch=size), horizon_s=HOUR, seed=5) for size in (batch, 10_000)]
    assert ledgers[0].replicas.equals(ledgers[1].replicas)
    assert ledgers[0].timeline.equals(ledgers[1].timeline)
    assert np.array_equal(ledgers[0].outcomes.histograms, ledgers[1].outcomes.histograms)


def test_progress_may_stop_a_run() -> None:
    def stop(share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(CHAT, poisson(8, 3000), horizon_s=HOUR, progress=stop)


def test_work_is_the_offered_load_of_the_tokens() -> None:
    """Without preemption each token is worked on once: sum of b*prompt + q*pairs + decode steps over requests."""
    batch = next(iter(poisson(6, 900)))
    pool = replace(CHAT, scaling=Fixed(replicas=3), kv_capacity_tokens=10**6)
    ledger = simulate(pool, iter([batch]), horizon_s=HOUR)
    assert ledger.outcomes.preemptions == 0
    step, prompt, more = pool.step, batch.prompt_tokens.astype(float), batch.output_tokens - 1.0
    context = more * prompt + more * (more + 1) / 2
    work_s = (
        step.b_s_per_token * prompt
        + step.q_s_per_pair * prompt**2 / 2
        + step.c_s_per_sequence * more
        + step.d_s_per_token * context
    )
    assert ledger.outcomes.work_s == pytest.approx(work_s.sum(), rel=1e-6)
    assert ledger.outcomes.work_s < ledger.busy_ready_s()


@pytest.mark.parametrize("pools", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_step_that_the_end_of_the_run_cuts_is_no_more_work_than_it_took(pools: int) -> None:
    """The only step has begun shortly before the end, so that its fixed part is not known to be hidden yet."""
    step = replace(CHAT.step, a_s=0.0, base=((0, 0.02), (2000, 0.02), (16_000, 4.0)))
    pool = replace(CHAT, step=step, batching=replace(CHAT.batching, max_num_batched_tokens=16_000))
    pool = replace(pool, scaling=Fixed(replicas=1))
    batch = RequestBatch(np.array([10**9]), np.full(1, 1500, np.int32), np.full(1, 9, np.int32))
    if pools == 1:
        ledger = simulate(pool, iter([batch]), horizon_s=1.001)
    else:
        ledger = simulate_pools([replace(pool, name=name) for name in "ab"], iter([batch]), horizon_s=1.001)
        assert sum(part.outcomes.work_s for part in ledger.of_pools()) == ledger.outcomes.work_s
    usages_of(ledger)
    assert 0 < ledger.outcomes.work_s <= ledger.busy_ready_s() == pytest.approx(0.001)
