"""The plain engine on KV blocks against worked examples that vLLM's own scheduler agrees with; blocks are conserved."""

import json
from pathlib import Path
from typing import Any

import pytest
from block_engine import Adapters, BlockEngine, BlockPool, Request, Settings, StepTicks, run
from block_engine_pair import Link, Pair, exposed_ticks
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.slow

GROUPS = ("prefix_cache", "hash_ids", "engine", "pd", "layerwise", "lora")


@pytest.fixture(scope="module")
def vectors(shared: Path) -> dict[str, list[dict[str, Any]]]:
    file = shared / "vectors" / "serving_features.json"
    if not file.is_file():
        pytest.skip(f"no worked examples at {file}")
    groups: dict[str, list[dict[str, Any]]] = json.loads(file.read_text())["groups"]
    return groups


def tokens(name: str, prompt: int | list[list[Any]]) -> list[Any]:
    segments = [[name, 0, prompt]] if isinstance(prompt, int) else prompt
    return [(source, i) for source, start, end in segments for i in range(start, end)]


def settings(engine: dict[str, Any]) -> Settings:
    options = dict(engine)
    step = StepTicks(*options.pop("step_ticks"))
    lora = options.pop("lora", None)
    return Settings(step=step, adapters=Adapters(**lora) if lora else None, **options)


def requests(rows: list[dict[str, Any]]) -> list[Request]:
    return [Request(**{**row, "prompt": tokens(row["id"], row["prompt"])}) for row in rows]


def step_row(engine: BlockEngine, k: int, with_loads: bool) -> dict[str, Any]:
    step = engine.steps[k]
    row = {
        "start": step.start,
        "scheduled": {request.id: new for request, new in step.scheduled.items()},
        "end": step.end,
        "free_blocks": step.free_blocks,
        "running": step.running,
        "waiting": step.waiting,
    }
    if with_loads:
        row |= {"loads": [list(load) for load in step.loads], "load_ticks": step.load_ticks}
    return row


@pytest.mark.parametrize("group", ["engine", "lora"])
def test_steps_are_those_of_the_worked_examples(vectors: dict[str, list[dict[str, Any]]], group: str) -> None:
    for case in vectors[group]:
        asked = requests(case["requests"])
        engine = run(settings(case["engine"]), asked)
        found = {
            "steps": [step_row(engine, k, group == "lora") for k in range(len(engine.steps))],
            "preemptions": engine.preemptions,
            "requests": {
                one.id: {name: getattr(one, name) for name in ("first_token", "finish", "cached_tokens", "preempted")}
                for one in asked
            },
        }
        assert found == case["expected"], case["id"]


def play(pool: BlockPool, request: Request, upto: int, hits: list[int] | None = None) -> dict[str, int]:
    """Compute up to `upto` tokens, and sample where that is all of them."""
    evicted, start = pool.evicted, request.computed
    new = pool.take(request, upto, hits or [])
    request.computed = upto
    request.generated += upto == request.length
    return {"computed_now": upto - start, "new_blocks": new, "evicted": pool.evicted - evicted}


def operate(engine: BlockEngine, known: dict[str, Request], op: dict[str, Any]) -> dict[str, Any]:
    pool = engine.pool
    if op["op"] == "admit":
        known[op["id"]] = Request(op["id"], tokens(op["id"], op["prompt"]), 100, adapter=op.get("adapter"))
    request, result = known[op["id"]], {}
    match op["op"]:
        case "admit" | "resume":
            hits = pool.look_up(request)
            result["admitted"] = pool.needed(request, request.length, hits) <= len(pool.free)
            if result["admitted"]:
                engine._count(request, len(hits) * pool.size)
                request.computed = len(hits) * pool.size
                upto = min(request.length, request.computed + op.get("chunk", request.length))
                result |= {"cached_tokens": request.computed, **play(pool, request, upto, hits)}
        case "prefill":
            result = play(pool, request, min(request.length, request.computed + op["chunk"]))
        case "decode":
            parts = [play(pool, request, request.length) for _ in range(op["steps"])]
            result = {name: sum(part[name] for part in parts) for name in ("new_blocks", "evicted")}
        case "finish" | "preempt":
            pool.release(request)
            request.computed = 0
    if request.table:
        result["detail_table"] = list(request.table)
    counts = {"free_blocks": len(pool.free), "hashed_blocks": len(pool.key_of)}
    return {**result, **counts, "detail_free_queue": list(pool.free)}


def test_the_cache_hits_evicts_and_frees_as_in_the_worked_examples(vectors: dict[str, list[dict[str, Any]]]) -> None:
    for case in vectors["prefix_cache"]:
        order = case.get("free_order", "hashed_to_tail")
        rules = Settings(case["blocks"], case["block_size"], StepTicks(1), 1, 1, prefix_caching=True, free_order=order)
        engine, known = BlockEngine(rules), {}
        for op, expected in zip(case["ops"], case["expected"]["after"], strict=True):
            assert operate(engine, known, op) == expected, (case["id"], op)
        counters = (engine.query_tokens, engine.hit_tokens)
        assert counters == (case["expected"]["query_tokens"], case["expected"]["hit_tokens"]), case["id"]


def test_ids_of_blocks_hit_as_far_as_they_are_full(vectors: dict[str, list[dict[str, Any]]]) -> None:
    for case in vectors["hash_ids"]:
        size = case["block_size"]
        pool = BlockPool(Settings(200, size, StepTicks(1), 1, 1, prefix_caching=True))
        hits = []
        for k, row in enumerate(case["requests"]):
            prompt = [(row["hash_ids"][i // size], i % size) for i in range(row["input_tokens"])]
            request = Request(str(k), prompt, 1)
            found = pool.look_up(request)
            hits.append(len(found) * size)
            play(pool, request, request.length, found)
            pool.release(request)
        assert hits == case["expected"]["cached_tokens"]


def test_prefill_and_decode_apart_as_in_the_worked_examples(vectors: dict[str, list[dict[str, Any]]]) -> None:
    for case in vectors["pd"]:
        engines = settings(case["prefill_engine"]), settings(case["decode_engine"])
        pair = Pair(*engines, Link(**case["transfer"]), case["first_token_from"])
        pair.run(requests(case["requests"]))
        times = ("prefill_end", "transfer_start", "transfer_ticks", "blocks", "transfer_end")
        found = {
            "requests": {
                one.decode.id: {name: getattr(one, name) for name in times}
                | {"first_token": one.decode.first_token, "finish": one.decode.finish}
                for one in pair.handed
            },
            "prefill_steps": [[step.start, step.end] for step in pair.p.steps],
            "decode_steps": [[step.start, step.end, len(step.scheduled)] for step in pair.d.steps],
        }
        assert found == case["expected"], case["id"]


def test_layers_sent_as_computed_leave_only_the_last_or_the_slower_link(
    vectors: dict[str, list[dict[str, Any]]],
) -> None:
    for case in vectors["layerwise"]:
        exposed = exposed_ticks(case["compute_ticks"], case["transfer_ticks"], case["layers"])
        assert exposed == pytest.approx(case["expected"]["exposed_ticks"]), case["id"]


@st.composite
def engines(draw: st.DrawFn) -> Settings:
    return Settings(
        blocks=draw(st.integers(12, 30)),
        block_size=4,
        step=StepTicks(100, 2, 3, 1, q=1, shift=3),
        max_num_batched_tokens=draw(st.integers(4, 24)),
        max_num_seqs=draw(st.integers(1, 4)),
        policy=draw(st.sampled_from(["fcfs", "priority"])),
        reserve_full_isl=draw(st.booleans()),
        watermark=draw(st.sampled_from([0.0, 0.1])),
        long_prefill_token_threshold=draw(st.sampled_from([0, 5])),
        prefix_caching=draw(st.booleans()),
        free_order=draw(st.sampled_from(["hashed_to_tail", "all_to_tail"])),
        max_loras=draw(st.sampled_from([None, 1, 2])),
    )


ASKED = st.lists(
    st.tuples(
        st.integers(0, 2),  # whose prompts begin alike
        st.integers(1, 20),
        st.integers(1, 20),
        st.integers(0, 500),
        st.integers(0, 2),
        st.sampled_from([None, "A", "B", "C"]),
    ),
    min_size=1,
    max_size=8,
)


@given(engines(), ASKED)
def test_blocks_are_held_or_free_and_every_request_gets_its_tokens(rules: Settings, rows: list[Any]) -> None:
    asked = [
        Request(str(k), tokens(f"like {like}", prompt), output, arrival, priority, adapter)
        for k, (like, prompt, output, arrival, priority, adapter) in enumerate(rows)
    ]
    engine = BlockEngine(rules)
    coming = sorted(asked, key=lambda request: request.arrival)
    while coming or engine.step:
        now = engine.step.end if engine.step else coming[0].arrival
        while coming and coming[0].arrival <= now:
            engine.waiting.append(coming.pop(0))
        engine.boundary(now)
        pool = engine.pool
        held = [block for request in asked for block in request.table]
        assert sorted(set(held) | set(pool.free)) == list(range(1, rules.blocks + 1))
        assert not set(held) & set(pool.free)
        assert pool.references[1:] == [held.count(block) for block in range(1, rules.blocks + 1)]
        for request in engine.running:
            assert len(request.table) == pool.blocks_for(
                request.computed + (engine.step.scheduled.get(request, 0) if engine.step else 0)
            )
    assert all(request.generated == request.output for request in asked)
    assert len(engine.pool.free) == rules.blocks
