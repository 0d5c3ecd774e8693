"""Ten million requests with hashed prompts through replicas with a prefix cache, beside the same without one.

    python bench/prefix_cache.py [--requests 10000000] [--replicas 16] [--block-tokens 16] [--json]

The requests are those of the Mooncake conversation trace again and again, each time with hashes of their own but for
that of the common beginning, at Poisson arrivals. Making them is part of the measured work.
"""

import argparse
import gzip
import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import measure
import numpy as np

if TYPE_CHECKING:
    from simcost.trace.requests.batch import RequestBatch

TRACE = measure.SHARED / "data/traces/mooncake_conversation_trace.jsonl.gz"
ID_TOKENS = 512
KV_TOKENS = 427_000  # an 8B model on one H100
GAP_S = 1.28  # between requests of a replica: it is busy most of the time


def main() -> None:
    options = parse()
    if not TRACE.exists():
        raise SystemExit(f"no {TRACE}")
    if options.part:
        print(json.dumps(simulate(options)))
        return
    common = [
        f"--requests={options.requests}",
        f"--replicas={options.replicas}",
        f"--block-tokens={options.block_tokens}",
    ]
    for engine in ("cache", "tokens"):
        measure.in_process(__file__, "--part", engine, "--requests", "20000", "--replicas", "2")  # compiles
    cached, plain = (measure.in_process(__file__, "--part", engine, *common) for engine in ("cache", "tokens"))
    document = {
        "name": "prefix_cache",
        "work": f"{options.requests:,} requests of Mooncake's lengths and hashes, {options.replicas} replicas, "
        f"blocks of {options.block_tokens} tokens",
        **cached,
        "per_cpu_s": cached["completed"] / cached["cpu_s"],
        "us_per_request": cached["cpu_s"] / cached["completed"] * 1e6,
        "us_per_request_without_cache": plain["cpu_s"] / plain["completed"] * 1e6,
    }
    measure.show(document, options)


def simulate(options: argparse.Namespace) -> dict[str, Any]:
    from simcost.perf import StepTime
    from simcost.plan import Batching, Fixed
    from simcost.plan.serving import PrefixCaching
    from simcost.sim.serving.pool import Pool
    from simcost.sim.serving.simulate import simulate as play

    cached = options.part == "cache"
    pool = Pool(
        name="p",
        step=StepTime(
            a_s=0.006,
            b_s_per_token=32e-6,
            c_s_per_sequence=20e-6,
            d_s_per_token=49e-9,
            q_s_per_pair=0.0,
            provenance="given",
            source="round numbers",
            sigma=0.0,
        ),
        kv_capacity_tokens=KV_TOKENS,
        scaling=Fixed(replicas=options.replicas),
        batching=Batching(max_num_seqs=256, max_num_batched_tokens=8192),
        prefix_cache=PrefixCaching(block_tokens=options.block_tokens) if cached else None,
        prefix_block_tokens=ID_TOKENS if cached else None,
    )
    gap_s = GAP_S / options.replicas
    since = (time.monotonic(), measure.cpu_s())
    ledger = play(pool, requests(options.requests, gap_s), horizon_s=gap_s * options.requests + 3600)
    found, hits = ledger.outcomes, ledger.outcomes.prefix_cache
    return {
        "completed": found.completed,
        "steps": found.steps,
        "preemptions": found.preemptions,
        "hit_rate": hits.hit_tokens / hits.query_tokens if hits else None,
        "work_cpu_s": measure.account(since, found.completed)["cpu_s"],
    }


def requests(count: int, gap_s: float) -> "Iterator[RequestBatch]":
    """The trace again and again, with hashes of its own each time but for id 0, which every prompt begins with."""
    import pyarrow as pa

    from simcost.trace.requests.batch import RequestBatch

    with gzip.open(TRACE, "rt") as file:
        rows = [json.loads(line) for line in file]
    prompt = np.array([row["input_length"] for row in rows], np.int32)
    output = np.maximum(np.array([row["output_length"] for row in rows], np.int32), 1)
    ids = np.concatenate([np.array(row["hash_ids"], np.int64) for row in rows])
    offsets = np.concatenate([[0], np.cumsum([len(row["hash_ids"]) for row in rows])]).astype(np.int32)
    g, last_ns, most = np.random.default_rng(1), 0, int(ids.max()) + 1
    for turn in range(-(-count // len(rows))):
        arrival_ns = last_ns + np.cumsum(g.exponential(gap_s, len(rows)) * 1e9).astype(np.int64)
        last_ns = int(arrival_ns[-1])
        own = np.where(ids == 0, 0, ids + turn * most)
        prefix = pa.ListArray.from_arrays(pa.array(offsets), pa.array(own))
        batch = RequestBatch(arrival_ns, prompt, output, prefix=prefix)
        yield batch[: count - turn * len(rows)] if count < (turn + 1) * len(rows) else batch


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--requests", type=int, default=10_000_000)
    parser.add_argument("--replicas", type=int, default=16)
    parser.add_argument("--block-tokens", type=int, default=16)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", choices=("cache", "tokens"), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
