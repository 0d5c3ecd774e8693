"""Every policy drives a simulated pool through the metric pipeline; what it sees is what was there."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import simpy
from support.conserved import conserve
from support.pools import CHAT, poisson

from simcost.errors import InputError
from simcost.ledger.requests import Buckets, LatencyLimits, Ledger
from simcost.plan import Schedule, Startup
from simcost.plan.autoscaling import (
    Autoscaler,
    AwsScaling,
    Chain,
    DynamoPlanner,
    Fixed,
    Hpa,
    Keda,
    Kpa,
    Predictive,
    RayServe,
    Signal,
    Step,
    Wva,
)
from simcost.plan.autoscaling.aws import TargetTracking
from simcost.plan.autoscaling.hpa import Behavior, Direction, Metric
from simcost.plan.autoscaling.keda import MetricTrigger
from simcost.plan.serving import Drain, Metrics
from simcost.sim import simulate
from simcost.sim.clock import clock_for
from simcost.sim.fleet import Fleet, nodes_of
from simcost.sim.fleet.metrics_pipeline import MetricsPipeline
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine_driver import DataPlane
from simcost.sim.serving.pool import Pool
from simcost.sim.serving.recorder import Recorder

HOUR = 3600.0
QUICK = Startup(node=60, image=30, weights=1e9, engine=20)


def pods(name: str, target: float, **more: Any) -> Metric:
    return Metric(type="Pods", name=name, target_type="AverageValue", target=target, **more)


def run(scaling: Autoscaler, rate: float = 12, span_s: float = HOUR, seed: int = 1, **changes: Any) -> Ledger:
    pool = replace(CHAT, scaling=scaling, startup=QUICK, **changes)
    return simulate(pool, poisson(rate, span_s * 0.7), horizon_s=span_s, limits=LatencyLimits(ttft_s=1.0), seed=seed)


POLICIES: list[Autoscaler] = [
    Hpa(max=6, metrics=(pods("running", 4),), behavior=Behavior(scale_down=Direction(window=60))),
    Hpa(max=6, metrics=(Metric(type="Resource", name="busy_fraction", target_type="Utilization", target=50),)),
    Hpa(max=6, metrics=(Metric(type="External", name="ttft_p95_s", target_type="Value", target=0.04),)),
    Keda(max=6, triggers=(MetricTrigger(name="in_flight", threshold=4),), cooldown=60, stabilization=60),
    Kpa(target=6, max=6, window=30),
    RayServe(max=6, target_ongoing_requests=4, upscale_delay=10, downscale_delay=60, interval=1),
    AwsScaling(max=6, policies=(TargetTracking(metric="requests_per_s", target=3.0),)),
    DynamoPlanner(max_gpu_budget=6),
    Chain(
        first=Wva(max=6),
        then=Hpa(
            max=6,
            metrics=(Metric(type="External", name="wva_desired_replicas", target_type="AverageValue", target=1),),
        ),
    ),
    Predictive(demand=(1.0, 12.0, 12.0, 2.0), step_length=900, per_replica=4, lead=126, max=6),
]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.kind)
def test_every_policy_scales_a_simulated_pool(policy: Autoscaler) -> None:
    ledger = run(policy, rate=16)
    conserve(ledger)
    ready = ledger.pulse["ready"].to_pylist()
    assert max(ready) > max(policy.initial(), 1) or policy.kind in ("aws", "dynamo", "chain")
    assert max(ready) <= 6
    asked = [row["value"] for row in ledger.events.to_pylist() if row["what"] == "desired"]
    assert min(asked, default=policy.initial()) >= policy.smallest()
    assert run(policy, rate=16).events.equals(ledger.events)


def test_a_pool_at_zero_wakes_only_where_the_gateway_is_measured() -> None:
    keda = Keda(max=3, triggers=(MetricTrigger(name="waiting", threshold=4),))
    seen = run(keda, span_s=1800)
    blind = run(keda, span_s=1800, metrics=Metrics(gateway=False))
    assert seen.outcomes.completed > 0
    assert blind.outcomes.completed == 0
    assert blind.outcomes.in_system == blind.outcomes.arrived


@pytest.mark.parametrize(
    "scaling", [POLICIES[0], Kpa(max=6, target=8), RayServe(max=6)], ids=lambda policy: policy.kind
)
def test_other_settings_of_metrics_leave_the_scrapes_of_the_controller(scaling: Autoscaler) -> None:
    """Knative samples each second, Ray each 10 s: a lag or a fixed phase does not make them scrape as an HPA does."""
    usual = run(scaling, span_s=1200, metrics=None).events
    phase = replace(CHAT, scaling=scaling).seen_through.phase
    assert run(scaling, span_s=1200, metrics=Metrics(phase=phase)).events.equals(usual)
    assert not run(scaling, span_s=1200, metrics=Metrics(phase=phase, scrape=20)).events.equals(usual)


def test_the_phases_of_controllers_differ_by_seed() -> None:
    hpa = POLICIES[0]
    first = [run(hpa, seed=seed, span_s=1200).events["t_s"].to_pylist()[0] for seed in (1, 2)]
    assert first[0] != first[1]
    steady = run(hpa, seed=1, span_s=1200, metrics=Metrics(phase=False))
    assert all(row["t_s"] % 15 == 0 for row in steady.events.to_pylist() if row["what"] == "desired")


def piped(policy: Autoscaler, metrics: Metrics, rate: float = 10, **changes: Any) -> tuple[Fleet, MetricsPipeline]:
    """A pool of fixed replicas whose pipeline is driven by hand."""
    pool: Pool = replace(CHAT, scaling=policy, startup=QUICK, metrics=metrics, **changes)
    clock = clock_for(pool.step, horizon_s=HOUR, capacity=pool.kv_capacity_tokens, batching=pool.batching)
    plane = DataPlane(pool, clock, poisson(rate, HOUR), limits=LatencyLimits(), window_ns=300 * 10**9, windows=12)
    books = Recorder("p")
    fleet = Fleet(nodes_of(simpy.Environment(), pool, books), pool, plane, books)
    fleet.scheduler.begin()
    return fleet, MetricsPipeline(fleet)


def scraped(fleet: Fleet, pipeline: MetricsPipeline, until_s: float, every_s: float = 15.0) -> None:
    for t in np.arange(every_s, until_s + 1e-9, every_s):
        fleet.env.run(until=int(t * 1e9))
        pipeline.scrape()


READS = Hpa(
    max=9,
    start=3,
    metrics=(
        pods("load", 1, source=(Signal(name="running"), Signal(name="waiting"))),
        pods("rate", 1, source=(Signal(name="completions_per_s", window=60),)),
        pods("tokens", 1, source=(Signal(name="output_tokens_per_s", window=60),)),
        pods("busy", 1, source=(Signal(name="busy_fraction", over="mean", scale=100.0),)),
        pods("kv", 1, source=(Signal(name="kv_utilisation", over="max"),)),
        Metric(
            type="External",
            name="ttft",
            target_type="Value",
            target=1,
            source=(Signal(name="ttft_p95_s", window=300),),
        ),
    ),
)


def test_samples_are_what_the_data_plane_has() -> None:
    fleet, pipeline = piped(READS, Metrics(phase=False))
    scraped(fleet, pipeline, 600)
    before = fleet.plane.state.totals.copy()
    seen, look = pipeline.observe(), fleet.plane.observe()
    rows = seen.replicas
    assert rows is not None
    assert seen.total("load") == rows.signals["load"].sum() == look.running + look.waiting
    kv = rows.signals["kv"] * fleet.pool.kv_capacity_tokens
    assert kv.sum() == pytest.approx(look.kv_tokens)
    assert seen.total("kv") == rows.signals["kv"].max()
    assert seen.total("busy") == pytest.approx(rows.signals["busy"].mean())
    assert seen.total("rate") == pytest.approx(rows.signals["rate"].sum())
    assert seen.total("rate") == pytest.approx(10, rel=0.2)
    assert seen.total("tokens") == pytest.approx(10 * 100, rel=0.2)
    assert (fleet.plane.state.totals == before).all()  # looking changes nothing


def test_output_tokens_of_replicas_add_up_to_those_of_the_pool() -> None:
    fleet, pipeline = piped(READS, Metrics(phase=False))
    scraped(fleet, pipeline, 300)
    written = fleet.plane.state.replicas[:, [col.WRITTEN, col.TOKENS_NOW]].sum()
    state = fleet.plane.state
    run_on = written - state.totals[8]  # GENERATED counts a run of steps at its end
    assert 0 <= run_on <= 256 * 3 * 300


def test_a_percentile_is_that_of_the_requests_answered_in_the_window() -> None:
    """From two samples: the difference of the histograms is that of all requests answered between them."""
    fleet, pipeline = piped(READS, Metrics(phase=False), rate=40)
    scraped(fleet, pipeline, 600)
    before = fleet.plane.state.histograms.sum(axis=0)
    scraped_again = 900
    for t in range(615, scraped_again + 1, 15):
        fleet.env.run(until=t * 10**9)
        pipeline.scrape()
    answered = np.cumsum((fleet.plane.state.histograms.sum(axis=0) - before)[0])
    expected = Buckets().middles()[np.searchsorted(answered, 0.95 * answered[-1])]
    assert pipeline.observe().total("ttft") == expected


@pytest.mark.parametrize("grace", [None, 3.0])
def test_a_scrape_that_is_taken_late_sees_what_one_on_time_saw(
    grace: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often replicas come, drain and go: with an event for each scrape all is the same."""
    metrics = Metrics(lag=20, missed=0.2, staleness=40)
    late = run(POLICIES[0], rate=16, metrics=metrics, drain=Drain(grace=grace))
    monkeypatch.setattr(DataPlane, "moves_alone", property(lambda _: False, lambda *_: None), raising=False)
    on_time = run(POLICIES[0], rate=16, metrics=metrics, drain=Drain(grace=grace))
    for table in ("replicas", "events", "timeline", "pulse"):
        assert getattr(late, table).equals(getattr(on_time, table))
    assert any(row["what"] == "desired" and row["value"] < 6 for row in late.events.to_pylist())


def test_lag_and_staleness() -> None:
    fleet, pipeline = piped(READS, Metrics(phase=False, lag=40, staleness=100))
    scraped(fleet, pipeline, 45)
    newest = pipeline.samples.until(fleet.now - 40 * 10**9)
    assert [one.t_ns for one in newest] == []
    fleet.env.run(until=60 * 10**9)
    assert (
        pipeline.observe().total("load")
        == pipeline.samples.until(15 * 10**9)[-1].rows[:, [col.RUNNING, col.WAITING]].sum()
    )
    fleet.env.run(until=300 * 10**9)
    seen = pipeline.observe()
    assert np.isnan(seen.total("load"))
    assert seen.replicas is not None
    assert np.isnan(seen.replicas.signals["load"]).all()


def test_a_young_replica_is_missing_until_it_is_scraped() -> None:
    fleet, pipeline = piped(READS, Metrics(phase=False))
    fleet.scale_to(4)
    scraped(fleet, pipeline, 120)
    fleet.env.run(until=130 * 10**9)
    rows = pipeline.observe().replicas
    assert rows is not None
    assert np.isnan(rows.signals["load"]).tolist() == [False, False, False, True]
    pipeline.scrape()
    rows = pipeline.observe().replicas
    assert rows is not None
    assert not np.isnan(rows.signals["load"]).any()
    assert np.isnan(rows.signals["rate"]).tolist() == [False, False, False, True]  # a rate needs two samples


def test_replicas_finish_what_they_had_when_they_were_to_go() -> None:
    """However long ago the pool was looked at: what came before belongs to the replicas that were there."""
    fleet, _ = piped(READS, Metrics(phase=False))
    plane = fleet.plane
    fleet.env.run(until=60 * 10**9)
    fleet.scale_to(1)
    assert min(plane.busy_s(replica.slot) for replica in fleet.replicas) > 0
    assert plane.state.totals[col.NOW] == 60 * 10**9 * plane.clock.ticks_per_ns


def test_pending_then_loading_then_ready() -> None:
    fleet, pipeline = piped(READS, Metrics(phase=False))
    fleet.scale_to(4)
    phases = []
    for t in (10, 100, 130):
        fleet.env.run(until=t * 10**9)
        rows = pipeline.observe().replicas
        assert rows is not None
        phases.append((int(rows.phase[3]), int(rows.ready[3])))
    assert phases == [(0, 0), (1, 0), (1, 1)]


def test_a_metric_that_nothing_makes_is_refused() -> None:
    with pytest.raises(InputError, match="the hpa reads 'cpu', which is none of the simulator's signals"):
        run(Hpa(max=3, metrics=(Metric(type="Resource", name="cpu", target_type="Utilization", target=50),)))


def test_a_scraped_timetable_needs_no_metrics() -> None:
    ledger = run(Schedule(steps=(Step(at=0, replicas=1), Step(at=600, replicas=3))), metrics=Metrics())
    assert max(ledger.pulse["ready"].to_pylist()) == 3


def test_fixed_is_not_touched_by_the_pipeline() -> None:
    plain, scraped_too = run(Fixed(replicas=3)), run(Fixed(replicas=3), metrics=Metrics(scrape=7))
    assert plain.outcomes.completed == scraped_too.outcomes.completed
    assert np.array_equal(plain.outcomes.histograms, scraped_too.outcomes.histograms)
