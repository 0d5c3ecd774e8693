"""Services that play together on nodes: one clock, a data plane and a fleet each."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from simcost.ledger.request_mix import CountedRequests
from simcost.ledger.requests import LatencyLimits, Ledger
from simcost.perf.images import as_work
from simcost.plan.autoscaling.dynamo import DisaggregatedPlanner
from simcost.rng import stream
from simcost.sim.clock import clock_for
from simcost.sim.fleet import (
    Fleet,
    NodeScheduler,
    control,
    control_both,
    interrupt,
    pulse,
    record_usage,
    sample,
    write_pulse,
)
from simcost.sim.serving.engine_driver import DataPlane
from simcost.sim.serving.pool import Pool
from simcost.sim.serving.recorder import Recorder, RowWriter, outcomes
from simcost.trace.requests.batch import RequestBatch, Tokens
from simcost.trace.workload.closed import ClosedWorkload
from simcost.units import NS_PER_S

_SMALLEST_PART = 1000
"""Of an accelerator that a replica takes: one over this."""
SAMPLES = 480
"""Lines of the timeline."""
PULSE_S = 60.0
"""Between two lines of the pulse, and less where that would be fewer than the timeline has."""


def window_s(horizon_s: float) -> float:
    """Length of the windows that a ledger counts in: 5 min up to 6 h, 1 h up to 60 days, then a day."""
    if horizon_s <= 6 * 3600:
        return 300.0
    return 3600.0 if horizon_s <= 60 * 86400 else 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A pool and its requests, beside others."""

    pool: Pool
    """Its name is that of the service. Of its start-up the phases of a replica count (weights, compile, graphs,
    engine, failed, together); its nodes, their kinds and interruptions are not read: those that all share count.
    """
    arrivals: Iterator[RequestBatch]
    """Batches sorted by arrival."""
    limits: LatencyLimits | None = None
    """Latency within which a request counts as good; None = no limits."""
    rows: Path | None = None
    """Parquet file for the outcome of each request; None = histograms alone."""
    closed: ClosedWorkload | None = None
    """Clients who wait for the end of each request; None = the requests come when they do."""
    tenants: Mapping[str, LatencyLimits] = field(default_factory=dict)
    """Limits within which a request of each tenant counts as good, in the order of their numbers; none = requests have
    no tenants."""
    seed: int = 0
    """For the hashes of routing, the phases of controllers, start-up times and failures of replicas."""
    accelerators: Fraction | None = None
    """Accelerators that a replica takes: a whole number, or a part of one; None = as the pool has it."""
    priority: int = 0
    """Services of higher priority get nodes first."""
    quota: int | None = None
    """Most accelerators that its replicas take together; None = no limit."""

    @property
    def accelerators_per_replica(self) -> Fraction:
        """Accelerators that a replica takes."""
        if self.accelerators is not None:
            return self.accelerators
        return Fraction(self.pool.accelerators_per_replica).limit_denominator(_SMALLEST_PART)


class ServiceRun:
    """One of the services of a run."""

    def __init__(
        self,
        service: Service,
        scheduler: NodeScheduler,
        recorder: Recorder,
        stack: ExitStack,
        *,
        horizon_s: float,
        size: int = 1,
        quota: int | None = None,
    ) -> None:
        self.service, self.horizon_s = service, horizon_s
        self._requests = CountedRequests(round(horizon_s * NS_PER_S))
        self._unsent: list[tuple[Tokens, Tokens]] = []
        """Tokens of the requests of a closed loop, in the order in which they are sent."""
        self.limits = service.limits or LatencyLimits()
        self.window_ns = round(window_s(horizon_s) * NS_PER_S)
        pool, self.recorder = service.pool, recorder
        clock = clock_for(pool.step, horizon_s=horizon_s, capacity=pool.kv_capacity_tokens, batching=pool.batching)
        writer = RowWriter(service.rows, clock.tick_s) if service.rows else None
        if writer:
            stack.callback(writer.close)
        self.plane = DataPlane(
            pool,
            clock,
            self._counted(as_work(service.arrivals, pool.images) if pool.images else service.arrivals),
            limits=self.limits,
            window_ns=self.window_ns,
            windows=ceil(round(horizon_s * NS_PER_S) / self.window_ns),
            salt=int(stream(service.seed, "routing").integers(2**62)),
            on_rows=writer,
            closed=service.closed,
            tenants=service.tenants,
        )
        self.fleet = Fleet(
            scheduler,
            pool,
            self.plane,
            recorder,
            service.seed,
            size=size,
            priority=service.priority,
            quota=quota,
        )

    def ledger(self, tables: dict[str, Any], slots: tuple[int, ...], disk_gb_per_node: float) -> Ledger:
        """The ledger, at the end of the run."""
        busy_s, each = float(tables["replicas"]["busy_s"].to_numpy().sum()), self.service.accelerators_per_replica
        result = outcomes(self.plane, busy_s, self.limits, self.window_ns, self.service.rows)
        self._count_sent(result.arrived)
        gaps = self._requests.gaps if self.service.closed is None else None
        result = replace(result, mix=self._requests.mix, gaps=gaps)
        return Ledger(
            horizon_s=self.horizon_s,
            slots=slots,
            accelerators_per_replica=each.numerator if each.denominator == 1 else float(each),
            **tables,
            outcomes=result,
            provisioning_s=self.recorder.provisioning_ns / NS_PER_S,
            disk_gb_per_node=disk_gb_per_node,
            gb_out=result.generated_tokens * self.service.pool.response_bytes_per_token / 1e9,
        )

    def _counted(self, arrivals: Iterator[RequestBatch]) -> Iterator[RequestBatch]:
        """The batches; requests within the horizon are counted by their tokens, of a closed loop those that were sent,
        at the end.
        """
        for batch in arrivals:
            if self.service.closed is None:
                self._requests.add(batch.arrival_ns, batch.prompt_tokens, batch.output_tokens)
            else:
                self._unsent.append((batch.prompt_tokens, batch.output_tokens))
            yield batch

    def _count_sent(self, arrived: int) -> None:
        """Count those of a closed loop that were sent."""
        for prompt, output in self._unsent:
            self._requests.add_sent(prompt[:arrived], output[:arrived])
            arrived = max(arrived - len(prompt), 0)
        self._unsent.clear()


def play(
    schedulers: Sequence[NodeScheduler],
    horizon_s: float,
    progress: Callable[[float], None] | None,
    *,
    planner: DisaggregatedPlanner | None = None,
) -> None:
    """Play the fleets of schedulers, which share a clock, to the horizon; `planner`: of both sides, where one is."""
    env, horizon_ns = schedulers[0].env, round(horizon_s * NS_PER_S)
    fleets = [fleet for scheduler in schedulers for fleet in scheduler.fleets]
    for scheduler in schedulers:
        interrupt(scheduler)
        scheduler.begin()
    for fleet in fleets:
        env.process(record_usage(fleet, round(window_s(horizon_s) * NS_PER_S)))
        if planner is None:
            env.process(control(fleet))
        env.process(sample(fleet, _sample_times(horizon_ns)))
        env.process(pulse(fleet, min(round(PULSE_S * NS_PER_S), max(horizon_ns // SAMPLES, 1))))
    if planner is not None:
        prefill, decode = fleets
        env.process(control_both(planner, prefill, decode))
    for share in np.linspace(0, 1, 101)[1:]:
        env.run(until=max(round(horizon_ns * share), int(env.now) + 1))
        for fleet in fleets:
            fleet.advance()
        if progress:
            progress(float(share))
    for fleet in fleets:
        write_pulse(fleet)
        fleet.observe()
        fleet.close_records()
    for scheduler in schedulers:
        scheduler.close_records()
    for fleet in fleets:
        fleet.plane.finish()


def _sample_times(horizon_ns: int) -> Iterator[int]:
    return (round(horizon_ns * k / SAMPLES) for k in range(SAMPLES))
