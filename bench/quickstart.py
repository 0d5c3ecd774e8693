"""The waiting of a new user: the quickstart for the first time, again, and unchanged; --help and check.

    python bench/quickstart.py [--json]

First: the kernel compiles. Again: compiled, all 20 runs simulated afresh. Unchanged: stored runs and the report are
reused.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measure

ROOT = Path(__file__).resolve().parents[1]
SCENARIO = str(ROOT / "scenarios/quickstart.yaml")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NUMBA_CACHE_DIR"] = f"{folder}/cache"
        out = ["--out", f"{folder}/out", "--quiet"]
        first = timed("run", SCENARIO, *out)
        again = timed("run", SCENARIO, *out, "--fresh")
        unchanged = timed("run", SCENARIO, *out)
    small = {
        name: [timed(*words)[1] for _ in range(5)]
        for name, words in {"help": ("--help",), "check": ("check", SCENARIO)}.items()
    }
    document = {
        "name": "quickstart",
        "work": "4 plans x 5 replications of a day",
        "cpu_s": again[1],
        "wall_s": again[0],
        "rss_bytes": again[2],
        "per_cpu_s": 20 / again[1],
        "first_wall_s": first[0],
        "first_cpu_s": first[1],
        "unchanged_wall_s": unchanged[0],
        "unchanged_cpu_s": unchanged[1],
        "help_cpu_s": sorted(small["help"])[2],
        "check_cpu_s": sorted(small["check"])[2],
    }
    measure.show(document, options)


def timed(*words: str) -> tuple[float, float, int]:
    """Wall seconds, CPU seconds and peak memory of one call of simcost."""
    start = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "simcost", *words], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"simcost {' '.join(words)}: exit status {status}")
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


if __name__ == "__main__":
    main()
