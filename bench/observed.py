"""Two real vLLM 0.19 runs (300 ShareGPT requests each) replayed without calibration: simulated against measured.

    python bench/observed.py [--json]

Both runs fill their 128 sequences at once, so that TTFT is mostly queueing: a test of throughput.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import measure
import numpy as np
import pyarrow.parquet as pq

from simcost.catalog import load_catalog
from simcost.perf import ReplicaSpec, fit_memory, step_time
from simcost.plan import Batching, Fixed
from simcost.sim import Pool, simulate
from simcost.trace.requests.batch import RequestBatch

OBSERVED = measure.SHARED / "data/observed"
RUNS = {"RTXPRO6000_Llama-3.1-8B": ("llama-3.1-8b", 1), "RTXPRO6000_Qwen3-32B": ("qwen3-32b", 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not OBSERVED.is_dir():
        print(json.dumps({"name": "observed", "skipped": "no observed runs beside the checkout"}))
        return
    since = time.monotonic(), measure.cpu_s()
    runs = {name: compare(OBSERVED / name, *setting) for name, setting in RUNS.items()}
    document = {
        "name": "observed",
        "work": "2 replays of 300 requests",
        **measure.account(since, 600),
        "runs": runs,
    }
    measure.show(document, options)


def compare(folder: Path, model_name: str, tp: int) -> dict[str, Any]:
    lines = (folder / "requests.jsonl").read_text(encoding="utf-8").splitlines()
    requests = sorted((json.loads(line) for line in lines), key=lambda request: request["queued_ts"])
    column = {key: np.array([request[key] for request in requests]) for key in requests[0] if key != "request_id"}
    measured = latencies(
        column["first_token_ts"] - column["queued_ts"],
        column["last_token_ts"] - column["queued_ts"],
        column["output_toks"],
    )
    arrival_s = column["queued_ts"] - column["queued_ts"][0]
    batch = RequestBatch(
        np.round(arrival_s * 1e9).astype(np.int64),
        column["input_toks"].astype(np.int32),
        column["output_toks"].astype(np.int32),
    )
    catalog, spec = load_catalog(), ReplicaSpec(accelerator="rtx-pro-6000", tp=tp)
    model, accelerator = catalog.model(model_name), catalog.accelerator(spec.accelerator)
    batching = Batching(max_num_seqs=128, max_num_batched_tokens=2048)
    step = step_time(catalog, model, accelerator, spec)
    memory = fit_memory(model, accelerator, spec, batching.max_num_batched_tokens)
    pool = Pool(
        name=model_name,
        step=step,
        kv_capacity_tokens=memory.kv_capacity_tokens,
        batching=batching,
        scaling=Fixed(replicas=1),
    )
    with tempfile.TemporaryDirectory() as scratch:
        rows = Path(scratch, "rows.parquet")
        simulate(pool, iter([batch]), horizon_s=float(arrival_s[-1]) + 3600, rows=rows)
        table = pq.ParquetFile(rows).read()
    simulated = latencies(*(table[name].to_numpy() for name in ("ttft_s", "e2e_s", "output_tokens")))
    return {
        "step_time": step.source,
        "sigma": step.sigma,
        "measured_ms": measured,
        "simulated_ms": simulated,
        "error": {name: round(simulated[name][0] / measured[name][0] - 1, 4) for name in measured},
    }


def latencies(ttft_s: Any, e2e_s: Any, output: Any) -> dict[str, list[float]]:
    """Mean, p50 and p99 in ms."""
    tpot_s = ((e2e_s - ttft_s) / np.maximum(output - 1, 1))[output > 1]
    return {
        name: [round(float(v) * 1e3, 1) for v in (values.mean(), *np.quantile(values, (0.5, 0.99)))]
        for name, values in {"ttft": ttft_s, "tpot": tpot_s, "e2e": e2e_s}.items()
    }


if __name__ == "__main__":
    main()
