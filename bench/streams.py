"""Files that are larger than memory: peak memory of reading usage, jobs, requests and samples, each in its own process.

python bench/streams.py [--json] [--usage 20000000] [--jobs 5000000] [--requests 100000000] [--samples 2102400]
                        [--tokens 20000000] [--fleet 16000000]

`usage` and `tokens`, a row for each request, are read and billed. `fleet` is `simcost waste` of samples of many GPUs.
The others are read alone.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import measure
import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

STEP = 500_000
PLAN = "purchasing: on demand\nprices: {aws/p5.48xlarge: 55, aws/p4d.24xlarge: 22, gcp/a3-highgpu-8g: 88}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", choices=("make", "read"))
    parser.add_argument("--file", type=Path)
    for name, count in COUNTS.items():
        parser.add_argument(f"--{name}", type=int, default=count, help=f"rows (default: {count:,}; 0 = leave it out)")
    options = parser.parse_args()
    if options.part:
        kind = options.file.stem
        count = getattr(options, kind)
        print(json.dumps(make(kind, options.file, count) if options.part == "make" else read(kind, options.file)))
        return
    found: dict[str, Any] = {}
    with TemporaryDirectory() as home:
        for name in FILES:
            count = getattr(options, Path(name).stem)
            if count:
                found[name] = measured(Path(home) / name, count)
    worst = max(part["rss_bytes"] for part in found.values())
    rows = sum(part["rows"] for part in found.values())
    cpu_s, wall_s = (sum(part[key] for part in found.values()) for key in ("cpu_s", "wall_s"))
    spent = {"cpu_s": cpu_s, "wall_s": wall_s, "rss_bytes": worst, "per_cpu_s": rows / cpu_s}
    measure.show({"name": "streams", "work": f"{rows:,} rows read", **spent, **found}, options)


def measured(path: Path, count: int) -> dict[str, Any]:
    """Reading a file, which another process has written."""
    arguments = ("--file", str(path), f"--{path.stem}", str(count))
    measure.in_process(__file__, "--part", "make", *arguments)
    spent = measure.in_process(__file__, "--part", "read", *arguments)
    path.unlink()
    return {"rows": count, **spent}


def make(kind: str, path: Path, count: int) -> dict[str, Any]:
    """Write a file of some rows, step by step."""
    rng = np.random.default_rng(1)
    writer: Any = None
    for begin in range(0, count, STEP):
        rows = np.arange(begin, min(begin + STEP, count))
        table = TABLES[kind](rng, rows, count)
        if writer is None:
            writer = (pq.ParquetWriter if path.suffix == ".parquet" else pacsv.CSVWriter)(path, table.schema)
        writer.write(table)
    writer.close()
    return {}


def read(kind: str, path: Path) -> dict[str, Any]:
    """Read a file as its verb does."""
    if kind in ("usage", "tokens"):
        from simcost.scenario.inputs.purchasing import price_usage

        plan = path.with_name("plan.yaml")
        plan.write_text(PLAN, encoding="utf-8")
        return {"billed_usd": price_usage(path, [plan], {})[0][0]["billed_usd"]}
    if kind == "jobs":
        from simcost.trace.jobs.reader import read_jobs

        return {"read": len(read_jobs(path)[0])}
    if kind == "fleet":
        from simcost.studies.waste.study import waste

        return {"verdict": waste(path, price_usd_per_h=2.0).verdict}
    if kind == "samples":
        from simcost.trace.utilization.reader import read_utilisation

        return {"findings": len(read_utilisation(path)[1])}
    from simcost.trace.requests.store import read_batches

    return {"read": sum(len(batch) for batch in read_batches(path))}


def usage(rng: np.random.Generator, rows: Any, count: int) -> pa.Table:
    """A year by the hour: 3 SKUs of 50 accounts, several rows of each."""
    hours, hour = np.unique(rows * 8760 // count, return_inverse=True)
    starts = np.datetime64("2025-01-01", "s") + hours.astype("timedelta64[h]")
    skus = pa.array(["aws/p5.48xlarge", "aws/p4d.24xlarge", "gcp/a3-highgpu-8g"])
    accounts = pa.array([f"team-{i}" for i in range(50)])
    return pa.table(
        {
            "start": pa.array([f"{start}Z" for start in starts]).take(pa.array(hour)),
            "sku": skus.take(pa.array(rng.integers(0, len(skus), len(rows)))),
            "account": accounts.take(pa.array(rng.integers(0, len(accounts), len(rows)))),
            "quantity": rng.integers(1, 9, len(rows)).astype(float),
        }
    )


def tokens(rng: np.random.Generator, rows: Any, count: int) -> pa.Table:
    """A month of requests of 20 tenants to two models, each at a time of its own."""
    models = np.array(["openai/gpt-5-mini", "openai/gpt-5"])
    return pa.table(
        {
            "start": 1.75e9 + rows * (30 * 86400 / count),
            "model": models[rng.integers(0, 2, len(rows))],
            "prompt_tokens": rng.integers(1, 2000, len(rows)),
            "output_tokens": rng.integers(1, 500, len(rows)),
            "tenant": np.char.add("tenant-", rng.integers(0, 20, len(rows)).astype(str)),
        }
    )


def jobs(rng: np.random.Generator, rows: Any, count: int) -> pa.Table:
    """Jobs of 500 users in 9 virtual clusters."""
    del count
    return pa.table(
        {
            "job_id": np.char.add("job-", rows.astype(str)),
            "submit_time": 1.7e9 + rows,
            "duration": rng.integers(10, 100_000, len(rows)),
            "gpus": rng.integers(1, 9, len(rows)),
            "user": np.char.add("user-", rng.integers(0, 500, len(rows)).astype(str)),
            "vc": np.char.add("vc-", rng.integers(0, 9, len(rows)).astype(str)),
            "status": np.where(rng.random(len(rows)) < 0.9, "Pass", "Failed"),
        }
    )


def requests(rng: np.random.Generator, rows: Any, count: int) -> pa.Table:
    """A stored trace, 1,000 requests a second."""
    from simcost.trace.requests.store import KEY, VERSION, trace_schema

    said: dict[str, object] = {
        "version": VERSION,
        "rows": count,
        "span_ns": count * 1_000_000,
        "start_utc": None,
        "source": "bench",
        "block_tokens": None,
        "models": {},
    }
    columns = [rows * 1_000_000, *(rng.integers(1, 2_000, len(rows)).astype(np.int32) for _ in range(2))]
    return pa.table(columns, schema=trace_schema().with_metadata({KEY: json.dumps(said)}))


def samples(rng: np.random.Generator, rows: Any, count: int) -> pa.Table:
    """The duty of one GPU every 15 s."""
    del count
    return pa.table({"time": 1.7e9 + 15.0 * rows, "gpu": np.full(len(rows), "a"), "duty": rng.random(len(rows))})


def fleet(rng: np.random.Generator, rows: Any, count: int) -> pa.Table:
    """200 GPUs of 9 teams every 15 s, some at duty 0, in the order of time."""
    del count
    gpu = rows % 200
    return pa.table(
        {
            "time": 1.7e9 + 15.0 * (rows // 200),
            "node": np.char.add("node-", (gpu // 8).astype(str)),
            "gpu": gpu % 8,
            "user": np.char.add("team-", ((gpu + rows // 1_000_000) % 9).astype(str)),
            "duty": np.where(rng.random(len(rows)) < 0.3, 0.0, rng.random(len(rows))),
            "memory_used_bytes": 8e10 * rng.random(len(rows)),
            "memory_total_bytes": np.full(len(rows), 8e10),
        }
    )


TABLES: dict[str, Callable[[np.random.Generator, Any, int], pa.Table]] = {
    "usage": usage,
    "tokens": tokens,
    "jobs": jobs,
    "requests": requests,
    "samples": samples,
    "fleet": fleet,
}
COUNTS = {
    "usage": 20_000_000,
    "tokens": 20_000_000,
    "jobs": 5_000_000,
    "requests": 100_000_000,
    "samples": 2_102_400,
    "fleet": 16_000_000,
}
FILES = (
    "usage.csv",
    "usage.parquet",
    "tokens.parquet",
    "jobs.csv",
    "jobs.parquet",
    "requests.parquet",
    "samples.csv",
    "fleet.parquet",
)


if __name__ == "__main__":
    main()
