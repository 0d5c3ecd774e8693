"""Distance of a screened run from the full one: costs and breaches of a few futures against those of all.

A real hour of conversations, its rate that of a public week: 100 futures of two days on a fixed and a scaled
plan, all of them simulated. Then, from the same runs, what 5, 10, 20 and 50 futures chosen by stratified
selection would have said, and what as many taken at random say on average.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from measure import SHARED, account, cpu_s, show

from simcost.compare.futures import SHARES, quantile
from simcost.forecast.scenario_reduction import screen
from simcost.scenario.checks.load import load
from simcost.scenario.runs.run import run
from simcost.scenario.storage.sample_paths import read_paths
from simcost.trace.requests.readers import import_trace

FUTURES, COUNTS, RANDOM = 100, (5, 10, 20, 50), 200
SCENARIO = """\
scenario: screening
model: llama-3.1-70b
demand:
  history: demand_hourly.csv.gz
  series: az24_conv
  scale: 0.12
  forecast: {horizon: 2d, paths: 100}
  requests: {gaps: {kind: bootstrap, trace: conversation.parquet}}
  events: [{kind: launch, name: customer, share: 0.3, range: [0.1, 0.9], start: +0d}]
slo: {ttft: 2s, tpot: 50ms, attainment: 99%}
engine_sigma: 0
plans:
  - name: fixed
    replica: {accelerator: h100, tp: 2, precision: fp8}
    buy: {offer: aws/p5.48xlarge}
    scaling: {kind: fixed, replicas: 2}
  - name: scaled
    replica: {accelerator: h200, tp: 2, precision: fp8}
    buy: {offer: verda/2H200.141S.88V, storage: $0.20/GB, egress: $0/GB}
    scaling: {kind: target-concurrency, target: 24, min: 1, max: 6, start: 1, scale_down_delay: 15min}
"""
Costs = dict[str, np.ndarray[Any, np.dtype[np.float64]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with TemporaryDirectory() as home:
        since = (time.monotonic(), cpu_s())
        costs, met, paths = _full(Path(home))
        spent = account(since, FUTURES * len(costs))
    found = {f"{count} of {FUTURES}": _errors(costs, met, paths, count) for count in COUNTS}
    show(
        {"name": "futures", "work": f"{FUTURES} futures x {len(costs)} plans", **spent, "screening": found},
        options,
    )


def _full(folder: Path) -> tuple[Costs, Costs, np.ndarray[Any, np.dtype[np.float64]]]:
    """Cost a month and whether the SLO was met of each plan in each future, by number of the path; the paths."""
    log = SHARED / "data/traces/AzureLLMInferenceTrace_conv.csv"
    import_trace(log, "azure-llm", folder / "conversation.parquet")
    (folder / "demand_hourly.csv.gz").write_bytes((SHARED / "data/demand_hourly.csv.gz").read_bytes())
    (folder / "s.yaml").write_text(SCENARIO, encoding="utf-8")
    document = run(load(folder / "s.yaml"), folder / "out", seeds=FUTURES, jobs=2)
    import pyarrow.parquet as pq

    rows = pq.ParquetFile(folder / "out/tables/runs.parquet").read().to_pylist()
    chosen = document["demand"]["screening"]["chosen"]
    costs, met = ({plan["name"]: np.empty(FUTURES) for plan in document["plans"]} for _ in range(2))
    for row in rows:
        costs[row["plan"]][chosen[row["replication"]]] = row["per_month_usd"]
        met[row["plan"]][chosen[row["replication"]]] = row["met"]
    return costs, met, read_paths(folder / "out/paths.parquet")[0].values


def _errors(costs: Costs, met: Costs, paths: Any, count: int) -> dict[str, Any]:
    """By plan: largest relative error of P10, P50 and P90 of the cost, and the error of the share that misses."""
    chosen = np.array(screen(paths, count, seed=1).chosen)
    rng = np.random.default_rng(0)
    random = [rng.choice(FUTURES, count, replace=False) for _ in range(RANDOM)]
    return {
        plan: {
            "cost": _cost_error(costs[plan], chosen),
            "cost_at_random": float(np.mean([_cost_error(costs[plan], rows) for rows in random])),
            "misses": float(abs(met[plan][chosen].mean() - met[plan].mean())),
            "misses_at_random": float(np.mean([abs(met[plan][rows].mean() - met[plan].mean()) for rows in random])),
            "misses_of_all": float(1 - met[plan].mean()),
        }
        for plan in costs
    }


def _cost_error(usd: Any, rows: Any) -> float:
    return max(
        abs(quantile(usd[rows].tolist(), share) / quantile(usd.tolist(), share) - 1) for share in SHARES.values()
    )


if __name__ == "__main__":
    main()
