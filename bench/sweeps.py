"""A sweep of small runs: what surrounds each simulation, resuming, and listing and ranking the rows.

python bench/sweeps.py [--json] [--plans 200]
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import measure
import pyarrow as pa
import pyarrow.parquet as pq

from simcost.scenario.checks.load import load
from simcost.scenario.runs.serving_runs import simulated
from simcost.scenario.sweeps import batches
from simcost.scenario.sweeps.dataset import RUNS, read_dataset, with_heads
from simcost.scenario.sweeps.space import sweep_space
from simcost.scenario.sweeps.sweep import SweepOptions, sweep
from simcost.studies.results.study import ResultQuery, selected

SEEDS, ROWS = 5, 10_000
SWEEP = """\
sweep:
  matrix: {{scaling.replicas: [1, 2, 3, 4, 5]}}
  latin_hypercube:
    samples: {samples}
    ranges: {{batching.max_num_seqs: [16, 512], admission.timeout: [30s, 5min]}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--plans", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        swept(Path(folder), 5, "warm")  # loads what is compiled
        found = swept(Path(folder), options.plans, "sweep")
    runs = found["runs"]
    measure.show({"name": "sweeps", "work": f"{runs:,} runs of 300 requests", **found}, options)


def swept(folder: Path, plans: int, name: str) -> dict[str, Any]:
    """One sweep in one thread: new, again, listed."""
    file, out = folder / f"{name}.yaml", folder / name
    scenario = measure.SMALL_SCENARIO.format(horizon="5min", seeds=SEEDS, rate="1/s")
    file.write_text(scenario + SWEEP.format(samples=plans // 5), encoding="utf-8")
    simulated_s = 0.0

    def timed(*given: Any, **named: Any) -> Any:
        nonlocal simulated_s
        begun_s = time.thread_time()
        ledger = simulated(*given, **named)
        simulated_s += time.thread_time() - begun_s
        return ledger

    with patch.object(batches, "simulated", timed):
        since = time.monotonic(), measure.cpu_s()
        runs = made(file, out)
        spent = measure.account(since, runs)
    again = measure.cpu_s()
    made(file, out)
    again_s = measure.cpu_s() - again
    return {
        "runs": runs,
        **spent,
        "simulation_ms_per_run": 1e3 * simulated_s / runs,
        "overhead_ms_per_run": 1e3 * (spent["cpu_s"] - simulated_s) / runs,
        "unchanged_cpu_s": again_s,
        "ranked_10000_rows_cpu_s": ranked(out, folder / f"{name}-rows.parquet"),
        "bytes_per_run": sum(path.stat().st_size for path in out.rglob("*.parquet")) / runs,
    }


def ranked(out: Path, many: Path) -> float:
    """CPU seconds of filtering and ranking 10,000 rows: those of a sweep again and again, five to a plan."""
    rows, heads = read_dataset(out / RUNS)
    rows = rows.take([i % len(rows) for i in range(ROWS)])
    rows = rows.set_column(0, "plan", pa.array([f"plan {i // SEEDS}" for i in range(ROWS)]))
    pq.write_table(with_heads(rows, heads), many)
    since = measure.cpu_s()
    _, found = selected(many, ResultQuery(where="attainment >= 0.5", sort="cost_usd_per_month"))
    if found.of != ROWS // SEEDS:
        raise SystemExit("rows are missing")
    return measure.cpu_s() - since


def made(file: Path, out: Path) -> int:
    """Runs of a sweep, made or found."""
    space = sweep_space(load(file))
    sweep(space, out, SweepOptions())
    return space.runs


if __name__ == "__main__":
    main()
