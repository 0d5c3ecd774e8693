"""The prefix cache of the engine beside an independent replay of a public trace, and stated shares."""

import gzip
import json
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from simcost.ledger.requests import LatencyLimits
from simcost.perf import StepTime
from simcost.plan import Batching, Fixed, RoundRobin, Router
from simcost.plan.routing import EndpointPicker, Weighted
from simcost.plan.routing.scorers import PrefixCache
from simcost.plan.serving import PrefixCaching
from simcost.sim.clock import clock_for
from simcost.sim.serving.engine import block_state as blk
from simcost.sim.serving.engine_driver import DataPlane
from simcost.sim.serving.pool import Pool, TierRules
from simcost.trace.requests.batch import RequestBatch

pytestmark = pytest.mark.slow

ID_TOKENS = 512
APART_NS = 60 * 10**9
STEP = StepTime(
    a_s=0.01,
    b_s_per_token=1e-5,
    c_s_per_sequence=0,
    d_s_per_token=0,
    q_s_per_pair=0,
    provenance="given",
    source="test",
    sigma=0,
)


def hit_rate(
    requests: RequestBatch,
    capacity_tokens: int,
    replicas: int = 1,
    router: Router | None = None,
    tiers: tuple[TierRules, ...] = (),
    **cache: Any,
) -> float:
    """Of requests one after the other."""
    batching = Batching(max_num_batched_tokens=16384)
    horizon_s = (len(requests) + 1) * APART_NS / 1e9
    pool = Pool(
        name="p",
        step=STEP,
        kv_capacity_tokens=capacity_tokens,
        scaling=Fixed(replicas=replicas),
        batching=batching,
        router=router or RoundRobin(),
        prefix_cache=PrefixCaching(**cache),
        cache_tiers=tiers,
        prefix_block_tokens=None if requests.prefix is None else ID_TOKENS,
    )
    plane = DataPlane(
        pool,
        clock_for(STEP, horizon_s=horizon_s, capacity=capacity_tokens, batching=batching),
        iter([requests]),
        limits=LatencyLimits(),
        window_ns=round(horizon_s * 1e9),
        windows=1,
    )
    for slot in range(replicas):
        plane.open(slot)
    plane.advance(round(horizon_s * 1e9))
    blocks = plane.blocks
    assert blocks is not None
    return float(blocks.cached[blk.HIT] / blocks.cached[blk.LOOKED_UP])


@pytest.fixture(scope="module")
def conversations(shared: Path) -> list[dict[str, Any]]:
    """A public hour of requests with the hashes of their prompts (Mooncake)."""
    with gzip.open(shared / "data/traces/mooncake_conversation_trace.jsonl.gz", "rt") as file:
        return [json.loads(line) for line in file]


def replayed(rows: list[dict[str, Any]], most: int) -> float:
    """Hit rate of a cache of so many ids: the least recently used leaves, the end of a prompt before its beginning."""
    cache, hit, asked = OrderedDict[int, None](), 0, 0
    for row in rows:
        ids, found = row["hash_ids"][: row["input_length"] // ID_TOKENS], 0
        while found < min(len(ids), (row["input_length"] - 1) // ID_TOKENS) and ids[found] in cache:
            found += 1
        hit, asked = hit + found * ID_TOKENS, asked + row["input_length"]
        for one in reversed(ids):
            cache[one] = None
            cache.move_to_end(one)
        while len(cache) > most:
            cache.popitem(last=False)
    return hit / asked


def one_after_the_other(rows: list[dict[str, Any]]) -> RequestBatch:
    return RequestBatch(
        np.arange(len(rows)) * APART_NS,
        np.array([row["input_length"] for row in rows], np.int32),
        np.ones(len(rows), np.int32),
        prefix=pa.array([row["hash_ids"] for row in rows], pa.list_(pa.int64())),
    )


@pytest.mark.parametrize(
    ("ids", "published"), [(1000, 0.046), (5000, 0.121), (10_000, 0.219), (20_000, 0.300), (200_000, 0.373)]
)
def test_hit_rates_of_a_public_trace_equal_an_independent_replay(
    conversations: list[dict[str, Any]], ids: int, published: float
) -> None:
    rate = hit_rate(one_after_the_other(conversations), ids * ID_TOKENS, block_tokens=ID_TOKENS)
    assert rate == pytest.approx(replayed(conversations, ids), abs=0.001)
    assert rate == pytest.approx(published, abs=0.0015)


def test_a_tier_that_holds_all_finds_what_a_cache_of_its_size_would(conversations: list[dict[str, Any]]) -> None:
    memory = TierRules(capacity_tokens=200_000 * ID_TOKENS, latency_s=0.0, s_per_token=1e-6)
    requests = one_after_the_other(conversations)
    rate = hit_rate(requests, 1000 * ID_TOKENS, tiers=(memory,), block_tokens=ID_TOKENS)
    assert rate == pytest.approx(replayed(conversations, 200_000), abs=0.001)


def test_a_stated_share_of_each_prompt_is_cached_in_whole_blocks() -> None:
    requests = RequestBatch(np.arange(50) * APART_NS, np.full(50, 1000, np.int32), np.full(50, 5, np.int32))
    assert hit_rate(requests, 100_000, hit_share=0.4) == 400 // 16 * 16 / 1000


def test_turns_of_a_conversation_find_prompt_and_answer_of_the_turn_before() -> None:
    turns = RequestBatch(
        np.arange(3) * APART_NS,
        np.array([160, 340, 660], np.int32),  # the text so far and 20 tokens more, then 160
        np.array([160, 160, 1], np.int32),
        session=np.zeros(3, np.int64),
    )
    # the last token of an answer has no KV: of 320 tokens 19 whole blocks; of 500 tokens 31
    assert hit_rate(turns, 100_000) == (0 + 19 * 16 + 31 * 16) / (160 + 340 + 660)


@pytest.mark.parametrize("precise", [False, True])
def test_a_router_that_looks_at_prefixes_finds_what_one_replica_would(precise: bool) -> None:
    g = np.random.default_rng(1)
    kinds = g.integers(0, 12, 200)
    prompts = [[100 * kind + k for k in range(3)] for kind in kinds.tolist()]
    requests = RequestBatch(
        np.arange(200) * APART_NS,
        np.full(200, 3 * ID_TOKENS + 10, np.int32),
        np.full(200, 2, np.int32),
        prefix=pa.array(prompts, pa.list_(pa.int64())),
    )
    picker = EndpointPicker(scorers=(Weighted(scorer=PrefixCache(precise=precise)),))
    alone = hit_rate(requests, 10**6)
    assert hit_rate(requests, 10**6, 4, picker) == alone == pytest.approx(188 / 200 * 1536 / 1546)
    assert hit_rate(requests, 10**6, 4) < 0.9 * alone  # each replica in turn
