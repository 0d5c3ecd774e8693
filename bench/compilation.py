"""CPU seconds to compile the engines of a service: first use less the next one, each in a process of its own.

python bench/compilation.py [--engine blocks --engine ...] [--json]
"""

import argparse
import json
import os
import tempfile
from typing import Any

import measure

ENGINES = ("tokens", "tokens-informed", "blocks", "blocks-informed", "closed-blocks-informed", "apart")
STEP_S = 0.01


def main() -> None:
    options = parse()
    if options.part:
        print(json.dumps(simulate(options.part)))
        return
    engines = {name: compile_cpu_s(name) for name in options.engine or ENGINES}
    cpu_s = sum(engines.values())
    document = {
        "name": "compilation",
        "work": "first use of each engine, without what the next use takes",
        "cpu_s": cpu_s,
        "per_cpu_s": len(engines) / cpu_s,
        **{f"{name}_cpu_s": found for name, found in engines.items()},
    }
    measure.show(document, options)


def compile_cpu_s(name: str) -> float:
    """CPU seconds of the first use less those of the next."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NUMBA_CACHE_DIR"] = folder
        first, again = (measure.in_process(__file__, "--part", name) for _ in range(2))
    return float(first["cpu_s"] - again["cpu_s"])


def simulate(name: str) -> dict[str, Any]:
    """A few requests through an engine."""
    import numpy as np

    from simcost.perf import StepTime
    from simcost.plan import Batching, Fixed
    from simcost.plan.disaggregation import HandOver, Link
    from simcost.plan.routing import EndpointPicker, LeastOutstanding, Weighted
    from simcost.plan.routing.scorers import QueueDepth
    from simcost.sim.serving.pool import Pool, PrefillSide
    from simcost.sim.serving.simulate import simulate as play
    from simcost.trace.requests.batch import RequestBatch
    from simcost.trace.workload.closed import ClosedWorkload

    terms: dict[str, Any] = {"b_s_per_token": 1e-5, "c_s_per_sequence": 1e-5, "d_s_per_token": 1e-8}
    picker = EndpointPicker(scorers=(Weighted(scorer=QueueDepth()),))
    pool = Pool(
        name="p",
        step=StepTime(a_s=STEP_S, **terms, q_s_per_pair=0.0, provenance="given", source="round numbers", sigma=0.0),
        kv_capacity_tokens=100_000,
        scaling=Fixed(replicas=2),
        batching=Batching(kv_block_tokens=16 if "blocks" in name else None),
        router=picker if "informed" in name else LeastOutstanding(),
    )
    if name == "apart":
        link = Link(bandwidth=25e9)
        side = PrefillSide(pool=pool, hand_over=HandOver(link=link), transfer_s_per_token=1e-6, layers=32)
        pool = Pool(name="d", step=pool.step, kv_capacity_tokens=100_000, scaling=Fixed(replicas=2), prefill=side)
    tokens = np.full(10, 100, np.int32)
    batch = RequestBatch(np.arange(10) * 1_000_000, tokens, tokens)
    closed = ClosedWorkload(requests=10, clients=3) if name.startswith("closed") else None
    ledger = play(pool, iter([batch]), horizon_s=60.0, closed=closed)
    return {"completed": ledger.outcomes.completed}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--engine", action="append", choices=ENGINES, help="only this one; may be repeated")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", choices=ENGINES, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
