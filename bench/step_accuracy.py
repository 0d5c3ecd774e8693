"""Step-time model against measured serving: TPOT at a steady state, one evaluation per measurement.

At concurrency C a step decodes B = C sequences and prefills P = C * prompt / output tokens in the mean, with
Q = P * prompt / 2 attention pairs and K = C * (prompt + output / 2) KV tokens. P comes in chunks of a prompt, or of
the token budget: a share P / chunk of the steps holds one, the others decode alone. The mean time of a step is compared
with the measured TPOT. The measurements come from several engines, versions and benchmark definitions; none is dropped.
"""

import argparse
import csv
import gzip
import json
import math
import time
from collections import defaultdict
from collections.abc import Iterator
from statistics import fmean, median, quantiles

import measure

from simcost.catalog import load_catalog
from simcost.catalog.facts import Precision
from simcost.perf import ReplicaSpec, StepTime, step_time

MEASURED = measure.SHARED / "data/calibration/aic_silicon_sample.csv.gz"
ACCELERATORS = {"h100_sxm": "h100-sxm", "h200_sxm": "h200-sxm", "b200_sxm": "b200-sxm", "gb200": "gb200"}
MODELS = {
    "Llama-3.1-8B": "llama-3.1-8b",
    "Llama-3.1-70B": "llama-3.1-70b",
    "Qwen3-32B": "qwen3-32b",
    "Qwen3-235B-A22B-FP8": "qwen3-235b-a22b",
}
TOKEN_BUDGET = 8192
PRECISIONS: dict[str, Precision] = {"bf16": "bf16", "fp8": "fp8", "fp4": "fp4"}
Row = dict[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not MEASURED.exists():
        print(json.dumps({"name": "step_accuracy", "skipped": f"no measurements at {MEASURED.name}"}))
        return
    since = time.monotonic(), measure.cpu_s()
    errors: dict[str, list[tuple[float, float]]] = defaultdict(list)
    count = 0
    for row in rows():
        step = predicted(row)
        ratio = steady_state_s(step, row) / (float(row["silicon_tpot_ms"]) / 1e3)
        for group in groups(row, step):
            errors[group].append((ratio, step.sigma))
        count += 1
    document = {
        "name": "step_accuracy",
        "work": f"{count} steady states",
        **measure.account(since, count),
        "groups": {name: score(errors[name]) for name in sorted(errors)},
    }
    measure.show(document, options)


def rows() -> Iterator[Row]:
    with gzip.open(MEASURED, "rt", newline="") as file:
        for row in csv.DictReader(file):
            known = row["model_family"] in MODELS and row["system"] in ACCELERATORS
            if known and row["mode"] == "agg" and row["precision"] in PRECISIONS:
                yield row


def predicted(row: Row) -> StepTime:
    catalog = load_catalog()
    name = ACCELERATORS[row["system"]]
    precision = PRECISIONS[row["precision"]]
    spec = ReplicaSpec(accelerator=name, tp=int(float(row["tp_size"])), precision=precision)
    return step_time(catalog, catalog.model(MODELS[row["model_family"]]), catalog.accelerator(name), spec)


def steady_state_s(step: StepTime, row: Row) -> float:
    prompt, output = float(row["isl"]), float(row["osl"])
    ranks = max(float(row["attention_dp_size"] or 0), 1.0)
    sequences = float(row["batch_size"]) * ranks  # a few rows state the concurrency of many replicas instead
    prefill = sequences * prompt / output
    chunk = max(min(prompt, TOKEN_BUDGET), prefill)
    kv_tokens, share = sequences * (prompt + output / 2), prefill / chunk
    with_chunk = step.seconds(chunk, sequences, kv_tokens, chunk * prompt / 2)
    return share * with_chunk + (1 - share) * step.seconds(0, sequences, kv_tokens, 0)


def groups(row: Row, step: StepTime) -> Iterator[str]:
    model = MODELS[row["model_family"]]
    if model == "qwen3-235b-a22b" or row["precision"] == "fp4":
        yield f"not fitted: {model} {row['precision']}"
        return
    yield "dense"
    yield "dense vllm" if row["backend"] == "vllm" else "dense, other engines"
    yield (f"dense {step.provenance}, own fit" if " tp " in step.source else f"dense {step.provenance}, hardware fit")
    yield f"{model} {row['backend']} {row['system']}"


def score(found: list[tuple[float, float]]) -> dict[str, float]:
    """Errors in percent, and how many measurements lie in the stated 95 % interval."""
    error = [100 * abs(ratio - 1) for ratio, _ in found]
    inside = [abs(math.log(ratio)) <= 1.96 * sigma for ratio, sigma in found]
    p90 = quantiles(error, n=10)[-1] if len(error) > 1 else error[0]
    return {
        "n": len(found),
        "mean": round(fmean(error), 1),
        "median": round(median(error), 1),
        "p90": round(p90, 1),
        "bias": round(100 * (fmean(ratio for ratio, _ in found) - 1), 1),
        "in_95_interval": round(100 * fmean(inside), 1),
    }


if __name__ == "__main__":
    main()
