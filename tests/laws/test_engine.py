"""The compiled engine equals the stepwise one bit for bit, and keeps the laws of queueing."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import stepwise
from support.blocks import blocks
from support.pools import step

from simcost.ledger.requests import LatencyLimits
from simcost.plan import Admission, Batching, Fixed, LeastOutstanding, PowerOfTwo, RoundRobin, Router
from simcost.plan.routing import EndpointPicker, Weighted
from simcost.plan.routing.routers import LowestRate, RayPowerOfTwo, Session, VllmDataParallel
from simcost.plan.routing.scorers import (
    ActiveRequest,
    KvCacheUtilization,
    LoadAware,
    QueueDepth,
    RunningRequests,
    SessionAffinity,
    TokenLoad,
)
from simcost.plan.serving import Saturation
from simcost.sim.clock import Clock, DraftTicks
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine_driver import DataPlane
from simcost.sim.serving.pool import Pool
from simcost.trace.requests.batch import RequestBatch
from simcost.trace.workload.closed import ClosedWorkload

MODES = {"migrate": col.MIGRATE, "retry": col.RETRY, "lose": col.LOSE}
MOST_RETRIES = 2
SEEN = ("steps", "preemptions", "rejected", "timed_out", "completed", "lost", "held", "requeued", "overflowed")
STEP = step(1)


@dataclass(frozen=True)
class Workload:
    """A random small engine, its arrivals, and what control does when: (time, "open"|"close"|"look", slot)."""

    engine: stepwise.Engine
    arrivals: list[tuple[int, int, int, int]]
    control: list[tuple[int, str, int]]
    horizon: int
    kinds: tuple[stepwise.Engine, ...] = ()
    """Of unlike replicas; `engine` is then what they share."""

    def kind_of(self, now: int, slot: int) -> int:
        return (now + slot) % max(len(self.kinds), 1)


def random_workload(seed: int) -> Workload:
    g = np.random.default_rng(seed)
    max_seqs = int(g.integers(1, 9))
    capacity = int(g.integers(20, 400))
    shift = 1 + seed % 5 if seed % 3 == 0 else 0
    engine = stepwise.Engine(
        base=random_base(g, capacity, shift),
        b=int(g.integers(0, 6)),
        c=int(g.integers(0, 20)),
        d=int(g.integers(0, 4)),
        e=int(g.integers(0, 3) * g.integers(0, 1000)),
        shift=8,
        capacity=capacity,
        budget=max_seqs + int(g.integers(1, 60)),
        max_seqs=max_seqs,
        whole=bool(g.integers(2)),
        timeout=int(g.integers(50, 5000)) if g.random() < 0.4 else None,
        router=random_router(g),
        salt=int(g.integers(2**62)),
        step_shift=shift,
    )
    engine = replace(engine, admission=random_admission(g, engine.router))
    if seed % 4 == 0:
        engine = replace(engine, api=(1 + seed % 90, seed % 7))
    count, gap = int(g.integers(5, 80)), int(g.choice([3, 30, 300, 1500]))
    times = np.cumsum(g.integers(0, 2 * gap, count) * (g.random(count) < 0.8))  # ties too
    prompts = g.integers(1, max(engine.capacity // int(g.integers(1, 6)), 2), count)
    outputs = g.integers(1, int(g.choice([2, 12, 80])), count)
    sessions = g.integers(-1, int(g.choice([1, 5, 40])), count)
    horizon = int(times[-1] + (g.integers(1, 500) if g.random() < 0.3 else 10**6))
    arrivals = list(zip(times.tolist(), prompts.tolist(), outputs.tolist(), sessions.tolist(), strict=True))
    return Workload(engine, arrivals, random_control(g, int(times[-1]) + 1), horizon)


def random_base(g: np.random.Generator, most: int, shift: int = 0) -> tuple[int, ...]:
    """A constant, a staircase upwards, or anything at all, of a tick or more: `clock_for` refuses shorter steps."""
    if g.random() < 0.3:
        units = np.full(most + 1, g.integers(1, 50))
    elif g.random() < 0.5:
        steps = g.integers(0, 9, most + 1) * (g.random(most + 1) < 0.2)
        units = 1 + np.cumsum(steps)
    else:
        units = g.integers(1, 100, most + 1)
    return tuple((units + (1 << shift) - 1).tolist())


def random_router(g: np.random.Generator) -> Router:
    """Half of the time one that needs no signals; times are in ticks of 1 ns."""
    refresh, window = int(g.choice([0, 5, 40, 400, 4000])) * 1e-9, int(g.integers(1, 5000)) * 1e-9
    if g.random() < 0.4:
        return (RoundRobin(), LeastOutstanding(), PowerOfTwo())[g.integers(3)]
    kind = g.choice(["vllm", "rate", "session", "ray", "picker", "picker"])
    if kind == "vllm":
        return VllmDataParallel(refresh=refresh)
    if kind == "rate":
        return LowestRate(refresh=refresh, window=window)
    if kind == "session":
        return Session(refresh=refresh, window=window)
    if kind == "ray":
        limits = (g.integers(1, 50), g.integers(50, 500))
        backoff, max_backoff = (int(ticks) * 1e-9 for ticks in limits)
        most = int(g.integers(1, 9))
        return RayPowerOfTwo(max_ongoing_requests=most, refresh=refresh, backoff=backoff, max_backoff=max_backoff)
    scorers = [
        QueueDepth(),
        RunningRequests(),
        KvCacheUtilization(),
        LoadAware(threshold=int(g.integers(1, 9))),
        ActiveRequest(idle_threshold=int(g.integers(0, 3)), max_busy_score=float(g.random())),
        TokenLoad(threshold_tokens=int(g.integers(1, 500))),
        SessionAffinity(),
    ]
    chosen = g.choice(len(scorers), int(g.integers(1, 5)))
    return EndpointPicker(
        scorers=tuple(Weighted(scorer=scorers[i], weight=float(g.choice([0.3, 1, 2]))) for i in chosen),
        picker=("max-score", "max-score", "random", "weighted-random")[g.integers(4)],
        refresh=refresh,
    )


def random_admission(g: np.random.Generator, router: Router) -> Admission:
    """Limits now and then; saturation where the router has the signals of it."""
    saturation = None
    if isinstance(router, EndpointPicker) and g.random() < 0.5:
        saturation = Saturation(
            queue=int(g.integers(1, 6)),
            kv=float(g.uniform(0.3, 1)),
            then="hold" if g.random() < 0.7 else "reject",
        )
    return Admission(
        max_ongoing=int(g.integers(1, 9)) if g.random() < 0.3 else None,
        max_queued=int(g.integers(0, 12)) if g.random() < 0.3 else None,
        saturation=saturation,
    )


def random_control(g: np.random.Generator, span: int) -> list[tuple[int, str, int]]:
    """Opens and closes slots at random, sometimes down to none, and cuts the run at random in between."""
    control: list[tuple[int, str, int]] = []
    ready: list[int] = []
    slots = int(g.integers(1, 5))
    fresh, vacant = 0, list[int]()
    for now in sorted(g.integers(0, span, int(g.integers(0, 12))).tolist()):
        action = g.choice(["open", "open", "close", "look", "vacate", "vacate"])
        if action == "open" and (vacant or fresh < slots):
            slot = vacant.pop() if vacant else fresh
            control.append((now, "open", slot))
            ready.append(slot)
            fresh = max(fresh, slot + 1)
        elif action == "close" and ready:
            control.append((now, "close", ready.pop(int(g.integers(len(ready))))))
        elif action == "vacate" and ready:
            slot = ready.pop(int(g.integers(len(ready))))
            control += [(now, "close", slot), (now, str(g.choice(list(MODES))), slot)]
            vacant.append(slot)
        else:
            control.append((now, "look", 0))
    if g.random() < 0.8 and fresh < slots:
        control = [(0, "open", fresh), *[(t, a, s) for t, a, s in control]]
    return control


def with_drafts(work: Workload, seed: int) -> Workload:
    """The same with speculation: rows, tokens a step, drafting, slots."""
    g = np.random.default_rng([seed, 1])
    kinds = tuple(engine if g.random() < 0.3 else drafted(engine, g) for engine in work.kinds)
    return replace(work, engine=drafted(work.engine, g), kinds=kinds)


def drafted(engine: stepwise.Engine, g: np.random.Generator) -> stepwise.Engine:
    rows = int(g.integers(2, 6))
    capacity = max(engine.capacity, engine.max_seqs * rows)
    return replace(
        engine,
        base=engine.base + engine.base[-1:] * (capacity - engine.capacity),
        capacity=capacity,
        budget=engine.budget + engine.max_seqs * (rows - 1),
        rows=rows,
        rate=Fraction(int(g.integers(1 << col.RATE_BITS, (rows << col.RATE_BITS) + 1)), 1 << col.RATE_BITS),
        slots=int(g.choice([0, rows - 1, 2 * (rows - 1)])),
        drafts=(0, *g.integers(0, 60, engine.max_seqs).tolist()),
    )


def draft_ticks(engine: stepwise.Engine) -> DraftTicks | None:
    if not engine.drafts:
        return None
    rate = int(engine.rate * 2**col.RATE_BITS)
    return DraftTicks(rows=engine.rows, rate=rate, slots=engine.slots, units=np.array(engine.drafts))


def play_stepwise(work: Workload) -> stepwise.Pool:
    pool = stepwise.Pool(work.engine, work.kinds)
    control = iter([*work.control, (work.horizon, "look", 0)])
    arrivals = iter([*work.arrivals, (work.horizon + 1, 0, 0, -1)])
    arrival = next(arrivals)
    for now, action, slot in control:
        while arrival[0] < now:
            pool.arrive(*arrival)
            arrival = next(arrivals)
        pool.catch_up(now)
        if action == "open":
            pool.open(slot, now, work.kind_of(now, slot))
        elif action == "close":
            pool.close(slot)
        elif action in MODES:
            pool.vacate(slot, now, action, MOST_RETRIES)
    return pool


def play_compiled(work: Workload, batch: int) -> tuple[DataPlane, np.ndarray]:
    def batches() -> Iterator[RequestBatch]:
        for i in range(0, len(work.arrivals), batch):
            t, p, o, session = zip(*work.arrivals[i : i + batch], strict=True)
            yield RequestBatch(
                np.array(t, np.int64),
                np.array(p, np.int32),
                np.array(o, np.int32),
                np.array(session, np.int64),
            )

    return played(work, batches())


def played(
    work: Workload, batches: Iterator[RequestBatch], closed: ClosedWorkload | None = None, **more: Any
) -> tuple[DataPlane, np.ndarray]:
    """The compiled engine after the control of a workload, and its rows; `more` of its pool."""
    engine, rows = work.engine, []
    plane = DataPlane(
        *as_pool(engine, **more),
        batches,
        limits=LatencyLimits(),
        window_ns=work.horizon + 1,
        windows=1,
        salt=engine.salt,
        on_rows=lambda part: rows.append(part.copy()),
        closed=closed,
        nodes=4,
        kinds=[as_pool(kind, **more) for kind in work.kinds],
    )
    tokens = np.arange(1 + max(engine.capacity for engine in (work.engine, *work.kinds)))
    base = plane.state.base[:, np.minimum(tokens, plane.state.base.shape[1] - 1)]
    base[..., col.HIDDEN] = tokens**2  # times of a few ticks hide none that is counted
    plane.state = plane.state._replace(base=base)
    plane.state.drafts[..., col.DRAFT_HIDDEN] = 7 * np.arange(plane.state.drafts.shape[1])
    if engine.timeout is not None:
        plane.state.parameters[col.TIMEOUT] = engine.timeout
    for now, action, slot in [*work.control, (work.horizon, "look", 0)]:
        plane.advance(now)
        if action == "open":
            plane.open(slot, work.kind_of(now, slot))
        elif action == "close":
            plane.close(slot)
        elif action in MODES:
            plane.vacate(slot, MODES[action], MOST_RETRIES)
    plane.finish()
    return plane, np.concatenate(rows)


def as_pool(engine: stepwise.Engine, **more: Any) -> tuple[Pool, Clock]:
    """An engine as the data plane takes it."""
    pool = Pool(
        name="p",
        step=STEP,
        kv_capacity_tokens=engine.capacity,
        first_token_overhead_s=engine.overhead * 1e-9,
        weight=engine.weight,
        api_latency_s=None if engine.api is None else (engine.api[0] * 1e-9, engine.api[1] * 1e-9),
        scaling=Fixed(replicas=1),
        **more,
        router=engine.router,
        admission=engine.admission,
        batching=Batching(
            max_num_seqs=engine.max_seqs,
            max_num_batched_tokens=engine.budget,
            prefill="whole" if engine.whole else "chunked",
        ),
    )
    base = np.array(engine.base, np.int64)
    clock = Clock(
        ticks_per_ns=1,
        base=base,
        b=engine.b,
        c=engine.c,
        d=engine.d,
        e=engine.e,
        e_shift=engine.shift,
        step_shift=engine.step_shift,
        drafts=draft_ticks(engine),
    )
    return pool, clock


def assert_equal(work: Workload, batch: int) -> dict[str, int]:
    expected = play_stepwise(work)
    plane, rows = play_compiled(work, batch)
    totals = plane.state.totals
    got = {int(row[col.R_REQUEST]): row for row in rows}
    for request in expected.requests:
        row = got.pop(request.number, None)
        if request.end is None:
            assert row is None
            continue
        assert row is not None
        assert col.STATUSES[row[col.R_STATUS]] == request.status
        assert row[col.R_END] == request.end + request.overhead + request.away
        assert row[col.R_FIRST] == (col.NIL if request.first is None else request.first + request.overhead)
        assert row[col.R_EVICTED] == (col.NIL if request.away else request.evicted)
        assert row[col.R_RETRIES] == request.retries
    assert not got
    everyone = expected.replicas + expected.gone
    preemptions = sum(replica.preemptions for replica in everyone)
    assert totals[col.PREEMPTIONS] == preemptions
    # A run in progress counts its steps when it ends; all others must be there.
    steps = sum(replica.steps for replica in everyone)
    idle = all(replica.boundary is None for replica in everyone)
    if idle:
        assert totals[col.STEPS] == steps
        if not any(action in MODES for _, action, _ in work.control):  # a step that is lost has begun
            sizes = [size for replica in everyone for size in replica.sizes]
            drafting = [7 if replica.engine.drafts else 0 for replica in everyone for _ in replica.sizes]
            assert totals[col.HIDDEN_TIME] == sum(
                tokens**2 + more * sequences for (tokens, sequences), more in zip(sizes, drafting, strict=True)
            )
        assert totals[col.GENERATED] == expected.forgotten + sum(r.generated for r in expected.requests)
    assert totals[col.OVERFLOWED] == len(expected.overflowed)
    assert totals[col.OVERFLOWED_OUTPUT] == sum(request.output for request in expected.overflowed)
    for kind, engine in enumerate(work.kinds):
        own, counts = [replica for replica in everyone if replica.engine is engine], plane.state.by_kind[kind]
        assert counts[col.K_JOINED] == sum(replica.joined for replica in own)
        assert counts[col.K_FINISHED] == sum(replica.finished for replica in own)
        assert counts[col.K_STEPS] == sum(replica.steps for replica in own) or not idle
    if work.kinds:
        for column, total in (
            (col.K_STEPS, col.STEPS),
            (col.K_HIDDEN, col.HIDDEN_TIME),
            (col.K_GENERATED, col.GENERATED),
        ):
            assert plane.state.by_kind[:, column].sum() == totals[total]
        assert plane.state.by_kind[:, col.K_WAITING_NOW].sum() + totals[col.GATE_COUNT] == totals[col.WAITING_NOW]
    for slot, replica in enumerate(expected.replicas):
        if replica.boundary is None:
            assert plane.state.replicas[slot, col.PEAK_KV] == replica.peak
            assert plane.state.replicas[slot, col.BUSY] == replica.busy
        assert replica.peak <= replica.engine.capacity
    statuses = [request.status for request in expected.requests]
    assert totals[col.ARRIVED] == len(statuses)
    for status, column in (
        ("completed", col.COMPLETED),
        ("rejected", col.REJECTED),
        ("timed_out", col.TIMED_OUT),
        ("lost", col.LOST),
        ("in system", col.IN_SYSTEM),
    ):
        assert totals[column] == statuses.count(status)
    sojourns = sum((r.end if r.end is not None else work.horizon) - r.arrival for r in expected.requests)
    assert plane.observe().area == sojourns % 2**64  # Little's law, as integers
    return {
        "steps": steps,
        "preemptions": preemptions,
        "rejected": statuses.count("rejected"),
        "timed_out": statuses.count("timed_out"),
        "completed": statuses.count("completed"),
        "lost": statuses.count("lost"),
        "held": expected.held,
        "overflowed": len(expected.overflowed),
        "requeued": sum(r.retries > 0 for r in expected.requests),
    }


@pytest.mark.parametrize("block", blocks(4, fast=2))
def test_compiled_engine_equals_stepwise_engine_bit_for_bit(block: int) -> None:
    seen = dict.fromkeys(SEEN, 0)
    for seed in range(block * 250, block * 250 + 250):
        for name, count in assert_equal(random_workload(seed), batch=1 + seed % 17).items():
            seen[name] += count
    assert min(seen.values()) > 100  # the workloads reach all that can happen


@pytest.mark.parametrize("block", blocks(2, fast=1))
def test_speculation_in_closed_form_equals_speculation_step_by_step(block: int) -> None:
    seen = dict.fromkeys(("steps", "preemptions", "timed_out", "completed", "requeued"), 0)
    for seed in range(block * 250, block * 250 + 250):
        counts = assert_equal(with_drafts(random_workload(seed), seed), batch=1 + seed % 17)
        seen = {name: count + counts[name] for name, count in seen.items()}
    assert min(seen.values()) > 100
