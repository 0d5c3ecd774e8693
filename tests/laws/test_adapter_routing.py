"""Replicas with LoRA adapters behind a picker that knows their adapters: the compiled pool equals plain engines, each
played one step at a time, and a plain score, bit for bit.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import block_engine as plain
import numpy as np
import pytest
from stepwise import MASK, splitmix64
from support.blocks import blocks
from support.routing_scores import Endpoints, total

from simcost.ledger.requests import LatencyLimits
from simcost.perf import StepTime
from simcost.plan import Batching, Fixed
from simcost.plan.routing import EndpointPicker, Weighted
from simcost.plan.routing.scorers import LoraAffinity, QueueDepth, RunningRequests
from simcost.sim.clock import Clock
from simcost.sim.serving.engine import block_state as blk
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine_driver import DataPlane
from simcost.sim.serving.pool import AdapterRules, Pool
from simcost.trace.requests.batch import RequestBatch

pytestmark = pytest.mark.slow

HORIZON = 10**9
SALT = 77


@dataclass(frozen=True)
class Case:
    settings: plain.Settings
    picker: EndpointPicker
    refresh: int
    replicas: int
    requests: tuple[tuple[int, int, int, int], ...]
    """Arrival, prompt, output, adapter; -1 = for none."""
    adapters: int


@dataclass
class Picker:
    """A router that is told of its replicas at the multiples of its refresh, or before each request."""

    case: Case
    engines: list[plain.BlockEngine]
    told_at: int = 0
    told: bool = False
    waiting: list[list[Any]] = field(default_factory=list)
    running: list[list[Any]] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    def hear(self, now: int) -> None:
        every = self.case.refresh
        due = now // every * every if every else now
        if due > self.told_at or not every:
            self.told_at, self.told = due, True
            self.waiting = [[one.adapter for one in engine.waiting] for engine in self.engines]
            self.running = [[one.adapter for one in engine.running] for engine in self.engines]

    def choose(self, request: plain.Request) -> int:
        count, adapter = len(self.engines), request.adapter
        waiting, running = (self.waiting, self.running) if self.told else ([[]] * count, [[]] * count)
        named = [{*waits, *runs} - {None} for waits, runs in zip(waiting, running, strict=True)]
        seen = Endpoints(
            waiting=np.array([len(one) for one in waiting], np.float64),
            running=np.array([len(one) for one in running], np.float64),
            adapter_runs=np.array([adapter is not None and adapter in one for one in running]),
            adapter_waits=np.array([adapter is not None and adapter in one for one in waiting]),
            free_slot=np.array([self.told and len(one) < (self.case.settings.max_loras or 0) for one in named]),
        )
        scores = total(self.case.picker, seen)
        start = splitmix64((int(request.id) ^ SALT) & MASK) % count
        chosen = max(((start + i) % count for i in range(count)), key=lambda slot: scores[slot])
        at = ("runs", "fits", "waits", "none")
        flags = (seen.adapter_runs[chosen], seen.free_slot[chosen], seen.adapter_waits[chosen], True)
        self.reasons[at[flags.index(True)]] += 1
        return chosen


def played_plainly(case: Case) -> tuple[Picker, list[plain.Request]]:
    requests = [
        plain.Request(str(k), [(k, j) for j in range(prompt)], output, at, adapter=str(name) if name >= 0 else None)
        for k, (at, prompt, output, name) in enumerate(case.requests)
    ]
    engines, coming = [plain.BlockEngine(case.settings) for _ in range(case.replicas)], list(requests)
    picker = Picker(case, engines)
    while coming or any(engine.step for engine in engines):
        now = min([one.step.end for one in engines if one.step] + [one.arrival for one in coming[:1]])
        if case.refresh:
            picker.hear(now)
        while coming and coming[0].arrival == now:
            if not case.refresh:
                picker.hear(now)
            engines[picker.choose(coming[0])].arrive(coming.pop(0))
        for engine in engines:
            if engine.step is None or engine.step.end == now:
                engine.boundary(now)
    return picker, requests


def played_compiled(case: Case, g: np.random.Generator) -> tuple[DataPlane, dict[int, Any]]:
    """In batches and with cuts at random."""
    settings, size, rows = case.settings, int(g.integers(1, 20)), list[Any]()
    told, step = settings.adapters, settings.step
    assert told is not None
    assert settings.max_loras is not None

    def batches() -> Iterator[RequestBatch]:
        for i in range(0, len(case.requests), size):
            at, prompt, output, adapter = zip(*case.requests[i : i + size], strict=True)
            yield RequestBatch(
                np.array(at, np.int64),
                np.array(prompt, np.int32),
                np.array(output, np.int32),
                adapter=np.array(adapter, np.int16),
            )

    pool = Pool(
        name="p",
        step=StepTime(
            a_s=1,
            b_s_per_token=0,
            c_s_per_sequence=0,
            d_s_per_token=0,
            q_s_per_pair=0,
            provenance="given",
            source="test",
            sigma=0,
        ),
        kv_capacity_tokens=settings.blocks * settings.block_size,
        scaling=Fixed(replicas=case.replicas),
        router=case.picker,
        batching=Batching(
            max_num_seqs=settings.max_num_seqs,
            max_num_batched_tokens=settings.max_num_batched_tokens,
            kv_block_tokens=settings.block_size,
        ),
        adapters=AdapterRules(
            count=case.adapters,
            slots=settings.max_loras,
            cpu_slots=told.max_cpu_loras,
            disk_s=told.disk_ticks * 1e-9,
            link_s=told.h2d_ticks * 1e-9,
            step_s=told.step_ticks_per_adapter * 1e-9,
        ),
    )
    base = np.full(settings.max_num_batched_tokens + 1, step.a, np.int64)
    plane = DataPlane(
        pool,
        Clock(ticks_per_ns=1, base=base, b=step.b, c=step.c, d=step.d, e=0, e_shift=0),
        batches(),
        limits=LatencyLimits(),
        window_ns=HORIZON + 1,
        windows=1,
        salt=SALT,
        on_rows=lambda part: rows.extend(part.copy()),
        nodes=4,
    )
    for slot in range(case.replicas):
        plane.open(slot)
    for now in sorted(g.integers(0, case.requests[-1][0] + 1000, int(g.integers(0, 8))).tolist()):
        plane.advance(now)
    plane.advance(HORIZON)
    plane.finish()
    return plane, {int(row[col.R_REQUEST]): row for row in rows}


def random_case(seed: int) -> Case:
    g = np.random.default_rng(seed)
    size, slots, adapters = int(g.integers(1, 6)), int(g.integers(1, 4)), int(g.integers(1, 9))
    many, seqs = int(g.integers(12, 60)), int(g.integers(1, 9))
    settings = plain.Settings(
        blocks=many,
        block_size=size,
        step=plain.StepTicks(a=int(g.integers(1, 50)), b=int(g.integers(0, 6)), c=int(g.integers(0, 20)), d=1),
        max_num_batched_tokens=seqs + int(g.integers(1, 40)),
        max_num_seqs=seqs,
        max_loras=slots,
        adapters=plain.Adapters(
            disk_ticks=int(g.integers(0, 300)),
            h2d_ticks=int(g.integers(0, 50)),
            max_cpu_loras=slots + int(g.integers(0, 3)),
            step_ticks_per_adapter=int(g.integers(0, 10)),
        ),
    )
    refresh = int(g.choice([0, 7, 100, 1000]))
    others = (QueueDepth(), RunningRequests())
    scorers = [Weighted(scorer=LoraAffinity(), weight=float(g.choice([0.5, 1, 3])))]
    scorers += [Weighted(scorer=others[int(g.integers(2))], weight=1.0)] * int(g.integers(0, 2))
    gaps = g.integers(0, 2 * int(g.choice([3, 30, 300])), int(g.integers(3, 80)))
    most = many * size
    lengths = [(int(p), min(int(o), most - int(p) + 1)) for p, o in g.integers(1, [most // 3, 12], (len(gaps), 2))]
    asked = g.integers(-1, adapters, len(gaps)).tolist()
    requests = tuple((at, *pair, name) for at, pair, name in zip(np.cumsum(gaps).tolist(), lengths, asked, strict=True))
    picker = EndpointPicker(scorers=tuple(scorers), refresh=refresh * 1e-9)
    return Case(settings, picker, refresh, int(g.integers(1, 5)), requests, adapters)


@pytest.mark.parametrize("block", blocks(2))
def test_compiled_pool_equals_plain_engines_and_plain_scores_bit_for_bit(block: int) -> None:
    reasons, loads = Counter[str](), 0
    for seed in range(block * 100, block * 100 + 100):
        case = random_case(seed)
        picker, requests = played_plainly(case)
        plane, rows = played_compiled(case, np.random.default_rng(seed))
        for number, request in enumerate(requests):
            row = rows[number]
            got = (row[col.R_FIRST], row[col.R_END], row[col.R_EVICTED])
            assert got == (request.first_token, request.finish, request.preempted), (seed, number)
        expected = [load for engine in picker.engines for step in engine.steps for load, _ in step.loads]
        assert plane.blocks is not None
        found = plane.blocks.cached[[blk.DISK_LOADS, blk.LINK_LOADS]].tolist()
        assert found == [expected.count("disk"), expected.count("h2d")]
        reasons += picker.reasons
        loads += len(expected)
    assert min(reasons[one] for one in ("runs", "fits", "waits", "none")) > 30  # each step of the score decides
    assert loads > 100
