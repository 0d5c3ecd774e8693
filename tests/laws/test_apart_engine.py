"""The compiled engine with prefill and decode apart equals the stepwise one bit for bit."""

from collections.abc import Iterator
from typing import Any

import apart_stepwise as plain
import numpy as np
import pytest
from support.blocks import blocks
from test_engine import STEP, random_base

from simcost.ledger.requests import LatencyLimits
from simcost.plan import Batching, Fixed, LeastOutstanding, PowerOfTwo, RoundRobin
from simcost.plan.disaggregation import HandOver, Link
from simcost.sim.clock import Clock
from simcost.sim.serving.disaggregated import DisaggregatedPlanes
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine import transfer_state as own
from simcost.sim.serving.pool import Pool, PrefillSide
from simcost.trace.requests.batch import RequestBatch

pytestmark = pytest.mark.slow

ROUTERS = {"round-robin": RoundRobin(), "least-outstanding": LeastOutstanding(), "power-of-two": PowerOfTwo()}
SHIFT = 16


def random_engine(g: np.random.Generator, capacity: int) -> plain.Engine:
    max_seqs = int(g.integers(1, 9))
    shift = capacity % 5 if capacity % 3 == 0 else 0
    return plain.Engine(
        base=random_base(g, capacity, shift),
        b=int(g.integers(0, 6)),
        c=int(g.integers(0, 20)),
        d=int(g.integers(0, 4)),
        e=int(g.integers(0, 3) * g.integers(0, 1000)),
        shift=8,
        capacity=capacity,
        budget=max_seqs + int(g.integers(1, 60)),
        max_seqs=max_seqs,
        router=str(g.choice(list(ROUTERS))),
        salt=int(g.integers(2**62)),
        step_shift=shift,
    )


def random_case(seed: int) -> tuple[plain.Apart, list[tuple[int, int, int]], int]:
    g = np.random.default_rng(seed)
    rules = plain.Rules(
        base=int(g.integers(0, 30)),
        per_token=int(g.choice([0, 2**SHIFT // 3, 2 * 2**SHIFT, 20 * 2**SHIFT])),
        shift=SHIFT,
        fifo=bool(g.integers(2)),
        from_prefill=bool(g.integers(2)),
        layers=int(g.choice([0, 0, 4, 10])),
        local_below=int(g.choice([0, 0, 10, 40])),
        fail_below=int(g.choice([0, 0, 2**51])),
        recompute=bool(g.integers(2)),
    )
    ours = random_engine(g, int(g.integers(20, 400))), random_engine(g, int(g.integers(20, 400)))
    count, gap = int(g.integers(5, 50)), int(g.choice([3, 30, 300]))
    times = np.cumsum(g.integers(0, 2 * gap, count) * (g.random(count) < 0.8))
    longest = max(min(engine.capacity for engine in ours) // int(g.integers(1, 6)), 2)
    prompts, outputs = g.integers(1, longest, count), g.integers(1, int(g.choice([2, 12, 60])), count)
    horizon = int(times[-1] + (g.integers(1, 500) if g.random() < 0.3 else 10**6))
    apart = plain.Apart(
        prefill=[plain.Prefill(ours[0], rules) for _ in range(g.integers(1, 4))],
        decode=[plain.Decode(ours[1], rules) for _ in range(g.integers(1, 4))],
        rules=rules,
    )
    return apart, list(zip(times.tolist(), prompts.tolist(), outputs.tolist(), strict=True)), horizon


def pool_of(engine: plain.Engine, prefill: PrefillSide | None = None) -> Pool:
    return Pool(
        name="p",
        step=STEP,
        kv_capacity_tokens=engine.capacity,
        scaling=Fixed(replicas=1),
        router=ROUTERS[engine.router],
        batching=Batching(max_num_seqs=engine.max_seqs, max_num_batched_tokens=engine.budget),
        prefill=prefill,
    )


def clock_of(engine: plain.Engine) -> Clock:
    base = np.array(engine.base, np.int64)
    return Clock(
        ticks_per_ns=1,
        base=base,
        b=engine.b,
        c=engine.c,
        d=engine.d,
        e=engine.e,
        e_shift=engine.shift,
        step_shift=engine.step_shift,
    )


def planes_of(
    apart: plain.Apart, arrivals: list[tuple[int, int, int]], horizon: int, seed: int, rows: list[Any]
) -> DisaggregatedPlanes:
    """The same compiled, with arrivals in small batches, before any replica is ready."""

    def batches() -> Iterator[RequestBatch]:
        size = 1 + seed % 7
        for i in range(0, len(arrivals), size):
            t, p, o = zip(*arrivals[i : i + size], strict=True)
            yield RequestBatch(np.array(t, np.int64), np.array(p, np.int32), np.array(o, np.int32))

    rules, (ours, theirs) = apart.rules, (apart.prefill[0].engine, apart.decode[0].engine)
    hand_over = HandOver(
        link=Link(base=0, sharing="fifo" if rules.fifo else "parallel"),
        overlap="layers" if rules.layers else "none",
        first_output="prefill" if rules.from_prefill else "decode",
        local_below=rules.local_below,
        failures=rules.fail_below / 2**53,
        on_failure="recompute" if rules.recompute else "fail",
    )
    per_token = rules.per_token / 2**SHIFT * 1e-9
    side = PrefillSide(pool=pool_of(ours), hand_over=hand_over, transfer_s_per_token=per_token, layers=rules.layers)
    planes = DisaggregatedPlanes(
        pool_of(theirs, side),
        side,
        (clock_of(ours), clock_of(theirs)),
        batches(),
        limits=LatencyLimits(),
        window_ns=horizon + 1,
        windows=1,
        salts=(ours.salt, theirs.salt),
        on_rows=lambda part: rows.append(part.copy()),
    )
    planes.transfers.parameters[own.BASE] = rules.base
    return planes


def play_compiled(
    apart: plain.Apart, arrivals: list[tuple[int, int, int]], horizon: int, seed: int
) -> tuple[DisaggregatedPlanes, dict[int, Any]]:
    """All replicas from the start to the end, and looks at random times."""
    rows: list[Any] = []
    planes = planes_of(apart, arrivals, horizon, seed, rows)
    for plane, replicas in ((planes.prefill, apart.prefill), (planes.decode, apart.decode)):
        for slot in range(len(replicas)):
            plane.open(slot)
    for cut in sorted(np.random.default_rng(seed).integers(0, horizon, seed % 5).tolist()):
        planes.decode.advance(cut)
    planes.prefill.advance(horizon)
    planes.prefill.finish()
    planes.decode.finish()
    return planes, {int(row[col.R_REQUEST]): row for row in np.concatenate(rows)}


def assert_equal(seed: int) -> dict[str, int]:
    apart, arrivals, horizon = random_case(seed)
    apart.run(arrivals, horizon)
    planes, rows = play_compiled(apart, arrivals, horizon, seed)
    for request in apart.requests:
        row = rows.pop(request.number, None)
        if request.end is None:
            assert row is None, request
            continue
        assert row is not None, request
        found = (col.STATUSES[row[col.R_STATUS]], row[col.R_FIRST], row[col.R_END], row[col.R_EVICTED])
        assert found == (
            request.status,
            col.NIL if request.first is None else request.first,
            request.end,
            request.evicted,
        )
    assert not rows
    prefill, decode, transfers = planes.prefill.state.totals, planes.decode.state.totals, planes.transfers.totals
    statuses = [request.status for request in apart.requests]
    assert planes.prefill.state.windows[:, col.W_TOO_LONG].sum() == statuses.count("rejected")
    assert prefill[col.IN_SYSTEM] + decode[col.IN_SYSTEM] == statuses.count("in system")
    sojourns = sum((one.end if one.end is not None else horizon) - one.arrival for one in apart.requests)
    assert (planes.prefill.observe().area + planes.decode.observe().area) % 2**64 == sojourns % 2**64
    if "in system" not in statuses:
        assert transfers[own.TRANSFERS] == sum(request.ready is not None for request in apart.requests)
        assert prefill[col.STEPS] == sum(replica.steps for replica in apart.prefill)
        assert decode[col.STEPS] == sum(replica.steps for replica in apart.decode)
        assert all(plane.is_empty(0) for plane in (planes.prefill, planes.decode))
    return {
        "preempted": sum(request.evicted > 0 for request in apart.requests),
        "lost": statuses.count("lost"),
        "completed": statuses.count("completed"),
        "rejected": statuses.count("rejected"),
        "in system": statuses.count("in system"),
        "stalls": apart.stalls,
    }


@pytest.mark.parametrize("block", blocks(2))
def test_prefill_and_decode_apart_equal_the_stepwise_engine_bit_for_bit(block: int) -> None:
    seen: dict[str, int] = {}
    for seed in range(block * 250, block * 250 + 250):
        for name, count in assert_equal(seed).items():
            seen[name] = seen.get(name, 0) + count
    assert min(seen.values()) > 30, seen


@pytest.mark.parametrize("block", blocks(1))
def test_requests_are_conserved_while_replicas_come_and_go(block: int) -> None:
    for seed in range(block * 50, block * 50 + 50):
        apart, arrivals, _ = random_case(seed)
        g, last = np.random.default_rng(seed), arrivals[-1][0] + 10
        planes = planes_of(apart, arrivals, 10**9, seed, [])
        both = planes.prefill, planes.decode
        changes = [(int(g.integers(last)), plane, "open", slot) for plane in both for slot in range(3)]
        changes += [(at + int(g.integers(last)), plane, "close", slot) for at, plane, _, slot in changes if slot]
        opened = {plane: {slot for _, other, _, slot in changes if other is plane} for plane in both}
        for at, plane, what, slot in sorted(changes, key=lambda change: change[0]):
            planes.advance(at)
            getattr(plane, what)(slot)
        planes.advance(10**9)
        ends = [sum(int(plane.state.totals[c]) for plane in both) for c in (col.COMPLETED, col.REJECTED, col.LOST)]
        assert sum(ends) == len(arrivals) == planes.prefill.state.totals[col.ARRIVED]
        assert not any(plane.state.totals[col.IN_SYSTEM] for plane in both)
        assert all(plane.is_empty(slot) for plane in both for slot in opened[plane])
        assert not planes.transfers.totals[[own.RELEASES, own.STALLED]].any()
        assert not planes.transfers.decode[:, own.LOADING].any()
        assert (planes.prefill.state.replicas[:, [col.KV, col.RESERVED]] == 0).all()
        assert (planes.decode.state.replicas[:, [col.KV, col.RESERVED]] == 0).all()
