"""A thousand small runs in one process: growth of memory, threads, open files and temporary folders.

python bench/soak.py [--json] [--runs 1000] [--pages 8]
"""

import argparse
import os
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import measure

import simcost as sc
from simcost.scenario.runs.run import run

SCENARIO = {
    "scenario": "soak",
    "model": "llama-3.1-8b",
    "horizon": "5min",
    "seeds": 1,
    "workload": {"kind": "synthetic", "rate": "2/s", "lengths": {"prompt_median": 100, "output_median": 20}},
    "slo": {"e2e": "1min", "attainment": "90%"},
    "plans": [
        {
            "name": "one",
            "replica": {"accelerator": "l40s"},
            "buy": {"offer": "aws/g6e.xlarge"},
            "scaling": {"kind": "fixed", "replicas": 1},
        }
    ],
}
SETTLED = 5
"""The part of the runs after which memory is compared: a fifth."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--pages", type=int, default=8, help="runs for each of which one page with charts is written")
    options = parser.parse_args()
    before = set(Path(gettempdir()).iterdir())
    since = time.monotonic(), measure.cpu_s()
    seen = []
    for number in range(options.runs):
        with TemporaryDirectory(prefix="soak-") as home:
            one(Path(home) / "out", number, page=number % options.pages == 0)
        if number % max(options.runs // 20, 1) == 0 or number == options.runs - 1:
            seen.append(held())
    spent = measure.account(since, options.runs)
    settled = seen[len(seen) // SETTLED :]
    left = [path for path in Path(gettempdir()).iterdir() if path.name.startswith("soak-") and path not in before]
    growth = {
        "rss_growth_bytes": settled[-1]["rss_bytes"] - settled[0]["rss_bytes"],
        "rss_growth_bytes_per_run": (settled[-1]["rss_bytes"] - settled[0]["rss_bytes"]) / (options.runs * 0.8),
        "thread_growth": settled[-1]["threads"] - settled[0]["threads"],
        "file_growth": settled[-1]["files"] - settled[0]["files"],
        "temporary_left": len(left),
    }
    measure.show({"name": "soak", "work": f"{options.runs:,} runs", **spent, **growth, "seen": seen}, options)


def one(out: Path, number: int, *, page: bool) -> None:
    """One run, with or without its page, which takes ten times as long."""
    scenario = sc.load(SCENARIO)
    if page:
        scenario.run(out=out, seed=number + 1, jobs=1)
    else:
        run(scenario.loaded, out, seed=number + 1)


def held() -> dict[str, Any]:
    """Resident memory, threads and open files of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return {
        "rss_bytes": pages * os.sysconf("SC_PAGE_SIZE"),
        "threads": threading.active_count(),
        "files": len(list(Path("/proc/self/fd").iterdir())),
    }


if __name__ == "__main__":
    main()
