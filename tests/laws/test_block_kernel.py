"""The compiled engine with KV blocks equals the plain one bit for bit, and no block is lost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import block_engine as plain
import numpy as np
import pyarrow as pa
import pytest
from support.blocks import blocks
from support.pools import step
from support.vectors import document

from simcost.ledger.requests import LatencyLimits
from simcost.plan import Batching, Fixed
from simcost.plan.serving import PrefixCaching
from simcost.sim.clock import Clock
from simcost.sim.serving.engine import block_state as blk
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.block_state import BlockState
from simcost.sim.serving.engine_driver import DataPlane
from simcost.sim.serving.pool import AdapterRules, Pool, TierRules
from simcost.trace.requests.batch import RequestBatch

pytestmark = pytest.mark.slow

HORIZON = 10**9
APART = 300_000  # ticks between two turns of a conversation: the first has ended then
STEP = step(1)


@dataclass(frozen=True)
class Asked:
    """A request: what it shares with others stands in `ids`, one for so many tokens as the case says, or `session`."""

    prompt: int
    output: int
    arrival: int
    priority: int = 0
    ids: tuple[int, ...] = ()
    session: int = -1
    tenant: int = 0
    adapter: int = -1


@dataclass(frozen=True)
class Case:
    settings: plain.Settings
    requests: tuple[Asked, ...]
    id_tokens: int = 0
    """0 = conversations tell what is shared."""


@dataclass(eq=False)
class Turn(plain.Request):
    """A request whose answer is part of the next prompt of its conversation."""

    session: int = -1

    def token(self, i: int) -> Any:
        return (self.session, i) if self.session >= 0 else super().token(i)


def played_plainly(case: Case) -> tuple[plain.BlockEngine, list[Turn]]:
    requests = []
    for number, asked in enumerate(case.requests):
        known = asked.prompt // case.id_tokens * case.id_tokens if asked.ids else 0  # the last id may be of a part
        tokens = [(asked.ids[j // case.id_tokens], j) if j < known else (number, "own", j) for j in range(asked.prompt)]
        told = {"arrival": asked.arrival, "priority": asked.priority, "session": asked.session, "tenant": asked.tenant}
        told["adapter"] = str(asked.adapter) if asked.adapter >= 0 else None
        requests.append(Turn(str(number), tokens, asked.output, **told))
    return plain.run(case.settings, requests), requests


def played_compiled(case: Case, g: np.random.Generator) -> tuple[DataPlane, dict[int, Any]]:
    """In batches and with cuts at random."""
    settings, size, rows = case.settings, int(g.integers(1, 20)), list[Any]()
    chunk = settings.chunk_blocks * settings.block_size

    def batches() -> Iterator[RequestBatch]:
        for i in range(0, len(case.requests), size):
            yield batch_of(case.requests[i : i + size], hashes=case.id_tokens > 0)

    pool = Pool(
        name="p",
        step=STEP,
        kv_capacity_tokens=settings.blocks * settings.block_size,
        scaling=Fixed(replicas=1),
        batching=Batching(
            max_num_seqs=settings.max_num_seqs,
            max_num_batched_tokens=settings.max_num_batched_tokens,
            kv_block_tokens=settings.block_size,
            watermark=settings.watermark,
            long_prefill_token_threshold=settings.long_prefill_token_threshold or None,
            policy=settings.policy,
        ),
        weights=settings.weights,
        adapters=rules_of(case),
        prefix_cache=PrefixCaching(block_tokens=settings.block_size, chunk_tokens=chunk)
        if settings.prefix_caching
        else None,
        cache_tiers=tuple(
            TierRules(
                capacity_tokens=tier.chunks * chunk,
                latency_s=tier.latency_ticks / 1e9,
                s_per_token=tier.ticks_per_block / settings.block_size / 1e9,
            )
            for tier in settings.tiers
        ),
        prefix_block_tokens=case.id_tokens or None,
    )
    step = settings.step
    base = np.array(step.base or [step.a] * (settings.max_num_batched_tokens + 1), np.int64)
    clock = Clock(
        ticks_per_ns=1,
        base=base,
        b=step.b,
        c=step.c,
        d=step.d,
        e=step.q,
        e_shift=step.shift,
        step_shift=step.step_shift,
    )
    plane = DataPlane(
        pool,
        clock,
        batches(),
        limits=LatencyLimits(),
        window_ns=HORIZON + 1,
        windows=1,
        on_rows=lambda part: rows.extend(part.copy()),
        nodes=4,
    )
    plane.open(0)
    last = case.requests[-1].arrival
    for now in sorted(g.integers(0, last + 1000, int(g.integers(0, 8))).tolist()):
        plane.advance(now)
        assert_blocks_are_conserved(plane)
    plane.advance(HORIZON)
    plane.finish()
    return plane, {int(row[col.R_REQUEST]): row for row in rows}


def rules_of(case: Case) -> AdapterRules | None:
    """The adapters of a case, in ticks of 1 ns."""
    told = case.settings.adapters
    if told is None or case.settings.max_loras is None:
        return None
    return AdapterRules(
        count=max(request.adapter for request in case.requests) + 1,
        slots=case.settings.max_loras,
        cpu_slots=told.max_cpu_loras,
        disk_s=told.disk_ticks * 1e-9,
        link_s=told.h2d_ticks * 1e-9,
        step_s=told.step_ticks_per_adapter * 1e-9,
    )


def batch_of(requests: Sequence[Asked], *, hashes: bool) -> RequestBatch:
    return RequestBatch(
        np.array([request.arrival for request in requests], np.int64),
        np.array([request.prompt for request in requests], np.int32),
        np.array([request.output for request in requests], np.int32),
        None if hashes else np.array([request.session for request in requests], np.int64),
        np.array([-request.priority for request in requests], np.int16),
        pa.array([request.ids for request in requests], pa.list_(pa.int64())) if hashes else None,
        tenant=np.array([request.tenant for request in requests], np.int16),
        adapter=np.array([request.adapter for request in requests], np.int16),
    )


def idle(blocks: BlockState) -> int:
    """Blocks that are cached and that nobody holds."""
    pieces, found = blocks.pieces[0], 0
    p = pieces[0, blk.MORE_RECENT]
    while p != 0:
        assert pieces[p, blk.HOLDERS] == 0
        found += pieces[p, blk.STOP] - pieces[p, blk.START]
        p = pieces[p, blk.MORE_RECENT]
    return int(found)


def assert_blocks_are_conserved(plane: DataPlane) -> None:
    blocks = plane.blocks
    assert blocks is not None
    slot = blocks.slots[0]
    assert slot[blk.FREE] == slot[blk.FRESH] + idle(blocks)
    assert 0 <= slot[blk.FREE] <= blocks.rules[blk.BLOCKS]
    assert blocks.phases[0].sum() == plane.state.replicas[0, col.DECODING]


def assert_equal(case: Case, seed: int) -> plain.BlockEngine:
    engine, requests = played_plainly(case)
    plane, rows = played_compiled(case, np.random.default_rng(seed))
    for number, request in enumerate(requests):
        row = rows[number]
        got = (row[col.R_FIRST], row[col.R_END], row[col.R_EVICTED])
        assert got == (request.first_token, request.finish, request.preempted), (seed, number)
    assert plane.state.totals[col.STEPS] == len(engine.steps)
    blocks = plane.blocks
    assert blocks is not None
    assert blocks.shares[0, :, blk.COUNTER].tolist() == engine.counters
    loads = [load for step in engine.steps for load, _ in step.loads]
    assert blocks.cached[[blk.DISK_LOADS, blk.LINK_LOADS]].tolist() == [loads.count("disk"), loads.count("h2d")]
    if case.settings.prefix_caching:
        assert blocks.cached[[blk.LOOKED_UP, blk.HIT]].tolist() == [engine.query_tokens, engine.hit_tokens]
        assert blocks.cached[blk.TIER_TIME] == engine.tier_ticks
        assert blocks.tiers[:, blk.TIER_HIT].tolist() == engine.tier_tokens
    assert blocks.slots[0, blk.FREE] == case.settings.blocks == len(engine.pool.free)
    assert idle(blocks) == len(engine.pool.key_of)
    return engine


def random_case(seed: int) -> Case:
    g = np.random.default_rng(seed)
    size, blocks, max_seqs = int(g.integers(1, 6)), int(g.integers(8, 60)), int(g.integers(1, 9))
    budget, by = max_seqs + int(g.integers(1, 40)), g.choice(["nothing", "hashes", "hashes", "sessions"])
    shift = 1 + seed % 5 if seed % 3 == 0 else 0
    times = np.full(budget + 1, int(g.integers(1, 50))) if g.random() < 0.5 else g.integers(1, 100, budget + 1)
    settings = plain.Settings(
        blocks=blocks,
        block_size=size,
        step=plain.StepTicks(
            a=0,
            b=int(g.integers(0, 6)),
            c=int(g.integers(0, 20)),
            d=int(g.integers(0, 4)),
            q=int(g.integers(0, 3) * g.integers(0, 1000)),
            shift=8,
            base=(times + (1 << shift) - 1).tolist(),  # a tick or more: `clock_for` refuses shorter steps
            step_shift=shift,
        ),
        max_num_batched_tokens=budget,
        max_num_seqs=max_seqs,
        policy="priority" if g.random() < 0.3 else "fcfs",
        watermark=float(g.choice([0, 0, 0.1, 0.3])),
        long_prefill_token_threshold=int(g.choice([0, 0, 3, 7, 20])),
        prefix_caching=by != "nothing",
    )
    id_tokens = size * int(g.integers(1, 4)) if by == "hashes" else 0
    requests = conversations(g, blocks * size) if by == "sessions" else prompts(g, blocks * size, id_tokens)
    if settings.prefix_caching and g.random() < 0.5:
        told = [plain.Tier(*g.integers((1, 0, 0), (40, 50, 20)).tolist()) for _ in range(int(g.integers(1, 3)))]
        chunk = id_tokens // size or int(g.integers(1, 4))
        settings = replace(settings, tiers=tuple(told), chunk_blocks=chunk)
    if g.random() < 0.3:
        weights = tuple(g.choice([0.5, 1, 3], int(g.choice([1, 2, 3, 30]))).tolist())
        settings = replace(settings, policy="fair", weights=weights)
        requests = [replace(request, tenant=int(g.integers(len(weights)))) for request in requests]
    elif not settings.prefix_caching:
        slots, count = int(g.integers(1, 4)), int(g.integers(1, 9))
        told = plain.Adapters(
            disk_ticks=int(g.integers(0, 300)),
            h2d_ticks=int(g.integers(0, 50)),
            max_cpu_loras=slots + int(g.integers(0, 3)),
            step_ticks_per_adapter=int(g.integers(0, 10)),
        )
        settings = replace(settings, max_loras=slots, adapters=told)
        requests = [replace(request, adapter=int(g.integers(-1, count))) for request in requests]
    return Case(settings, tuple(requests), id_tokens)


def arrivals(g: np.random.Generator, count: int) -> list[int]:
    """With ties."""
    gaps = g.integers(0, 2 * int(g.choice([3, 30, 300, 1500])), count) * (g.random(count) < 0.8)
    return np.cumsum(gaps).tolist()


def prompts(g: np.random.Generator, most: int, id_tokens: int) -> Iterator[Asked]:
    """Of all lengths, that share their beginnings where they have ids: an id is a node of a tree."""
    tree, alphabet, longest = dict[tuple[int, ...], int](), int(g.choice([1, 2, 4])), int(g.choice([2, 12, 40]))
    for arrival in arrivals(g, int(g.integers(3, 60))):
        prompt = int(g.integers(1, max(most // int(g.integers(1, 6)), 2)))
        output = min(int(g.integers(1, longest)), most - prompt + 1)
        path, ids = (), list[int]()
        for _ in range(-(-prompt // id_tokens) if id_tokens else 0):
            path = (*path, int(g.integers(alphabet)))
            ids.append(tree.setdefault(path, len(tree)))
        yield Asked(prompt, output, arrival, int(g.integers(-2, 2)), tuple(ids))


def conversations(g: np.random.Generator, most: int) -> Iterator[Asked]:
    """Each turn repeats all that was said, and comes when the turn before is over; some requests stand alone."""
    text, last, shift = dict[int, int](), dict[int, int](), 0
    for arrival in arrivals(g, int(g.integers(3, 60))):
        session, output, prompt = int(g.integers(-1, 5)), int(g.integers(1, 12)), int(g.integers(1, min(10, most)))
        if session >= 0:
            shift += max(last.get(session, -APART) + APART - arrival - shift, 0)
            last[session] = arrival + shift
            longer = text.get(session, 0) + prompt
            prompt = longer if longer + output - 1 <= most else prompt
            text[session] = prompt + output
        yield Asked(prompt, min(output, most - prompt + 1), arrival + shift, int(g.integers(-2, 2)), (), session)


@pytest.mark.parametrize("block", blocks(3))
def test_compiled_engine_equals_plain_engine_bit_for_bit(block: int) -> None:
    seen = dict.fromkeys(("preemptions", "hits", "evicted", "partial", "fair", "loads", "tiers"), 0)
    for seed in range(block * 100, block * 100 + 100):
        engine = assert_equal(random_case(seed), seed)
        seen["preemptions"] += engine.preemptions
        seen["hits"] += engine.hit_tokens
        seen["evicted"] += engine.pool.evicted
        seen["tiers"] += sum(engine.tier_tokens)
        seen["loads"] += sum(len(step.loads) for step in engine.steps)
        seen["fair"] += sum(counter > 0 for counter in engine.counters) * len(engine.steps) * (len(engine.counters) > 1)
        seen["partial"] += sum(len(step.scheduled) > 1 for step in engine.steps)
    assert min(seen.values()) > 100  # the cases reach all that can happen


def engine_vectors(vectors: dict[str, Any]) -> Iterator[tuple[str, Case, dict[str, Any]]]:
    """Those whose prompts share nothing, and which keep the rules that are not options here."""
    for vector in vectors["groups"]["engine"]:
        told = dict(vector["engine"])
        a, b, c, d = told.pop("step_ticks")
        if not told.get("chunked_prefill", True) or not told.get("reserve_full_isl", True) or "prefix_caching" in told:
            continue
        settings = plain.Settings(step=plain.StepTicks(a=a, b=b, c=c, d=d), **told)
        requests = tuple(
            Asked(request["prompt"], request["output"], request["arrival"], request.get("priority", 0))
            for request in vector["requests"]
        )
        yield vector["id"], Case(settings, requests), vector["expected"]


def test_engine_vectors() -> None:
    names = []
    for name, case, expected in engine_vectors(document("serving_features")):
        plane, rows = played_compiled(case, np.random.default_rng(0))
        for number, told in enumerate(expected["requests"].values()):
            row = rows[number]
            assert row[col.R_FIRST] == told["first_token"], name
            assert row[col.R_END] == told["finish"], name
        assert plane.state.totals[col.PREEMPTIONS] == expected["preemptions"], name
        names.append(name)
    assert {"preempt-itself", "chunks", "watermark", "long-prefill-threshold"} <= set(names)


def test_adapter_vectors() -> None:
    for vector in document("serving_features")["groups"]["lora"]:
        told = dict(vector["engine"])
        a, b, c, d = told.pop("step_ticks")
        settings = plain.Settings(
            step=plain.StepTicks(a=a, b=b, c=c, d=d), adapters=plain.Adapters(**told.pop("lora")), **told
        )
        requests = tuple(
            Asked(
                request["prompt"],
                request["output"],
                request["arrival"],
                adapter="ABCD".find(request["adapter"] or "none"),
            )
            for request in vector["requests"]
        )
        _, rows = played_compiled(Case(settings, requests), np.random.default_rng(0))
        expected = list(vector["expected"]["requests"].values())
        found = [{"first_token": rows[k][col.R_FIRST], "finish": rows[k][col.R_END]} for k in range(len(expected))]
        assert found == [{name: one[name] for name in ("first_token", "finish")} for one in expected], vector["id"]


def test_cache_without_reuse_changes_nothing_but_who_is_evicted() -> None:
    case = next(one for one in map(random_case, range(100)) if not one.settings.prefix_caching and not one.id_tokens)
    alone = replace(case, requests=tuple(replace(request, ids=(), session=-1) for request in case.requests))
    cached = replace(alone, settings=replace(alone.settings, prefix_caching=True))
    assert assert_equal(alone, 1).hit_tokens == 0 == assert_equal(cached, 1).hit_tokens
