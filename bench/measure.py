"""Parts that benchmarks share: run work in a fresh process and account for it, print one JSON document."""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does

SHARED = Path(__file__).resolve().parents[2] / "shared"
VERSIONS = ("simcost", "numba", "numpy", "pyarrow", "simpy")

SMALL_SCENARIO = """\
scenario: small
model: llama-3.2-1b
horizon: {horizon}
seeds: {seeds}
workload: {{kind: synthetic, rate: {rate}, lengths: {{prompt_median: 100, output_median: 20}}}}
slo: {{ttft: 1s, attainment: 95%}}
plans:
  - name: one
    replica: {{accelerator: l4}}
    buy: {{offer: aws/g6.xlarge}}
    scaling: {{kind: fixed, replicas: 1}}
"""
"""Scenario of small runs, to which further plans may be added."""


COUNTED = """\
import json, resource, subprocess, sys, time
start = time.monotonic()
code = subprocess.run(sys.argv[1:]).returncode
spent = resource.getrusage(resource.RUSAGE_CHILDREN)
cpu_s, wall_s = spent.ru_utime + spent.ru_stime, time.monotonic() - start
print(json.dumps({"cpu_s": cpu_s, "wall_s": wall_s, "rss_bytes": spent.ru_maxrss * 1024}))
sys.exit(code)
"""
"""A small process that runs a command and adds a line with its cost: Linux counts the memory of the process that
starts another in the peak of the other.
"""


def in_process(script: str, *arguments: str) -> dict[str, Any]:
    """Run `python script --part ...` to its end; its last line of stdout is a JSON object, to which the CPU
    seconds (user + system), wall seconds and peak memory of the whole process are added.
    """
    words = [sys.executable, "-c", COUNTED, sys.executable, script, *arguments]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{script} {' '.join(arguments)}: exit status {done.returncode}")
    *_, found, spent = done.stdout.splitlines()
    return {**json.loads(found), **json.loads(spent)}


def kept(file: Path | None) -> list[dict[str, Any]]:
    """Rows of a file of finished parts, one JSON object a line."""
    if file is None or not file.exists():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def keep(file: Path | None, row: dict[str, Any]) -> None:
    """Add the row of a finished part."""
    if file is not None:
        with file.open("a", encoding="utf-8") as lines:
            lines.write(f"{json.dumps(row)}\n")


def cpu_s() -> float:
    """CPU seconds of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def account(since: tuple[float, float], count: int) -> dict[str, Any]:
    """The cost of work in this process since `(time.monotonic(), cpu_s())` was taken; `count` pieces of it."""
    used_s = cpu_s() - since[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "cpu_s": used_s,
        "wall_s": time.monotonic() - since[0],
        "rss_bytes": peak,
        "per_cpu_s": count / used_s,
    }


def environment() -> dict[str, Any]:
    """Machine on which the figures were measured."""
    return {
        "machine": {"cpu": _cpu(), "cores": os.cpu_count(), "python": platform.python_version()},
        "versions": {name: version(name) for name in VERSIONS},
    }


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def show(document: dict[str, Any], options: argparse.Namespace) -> None:
    """Print the document: JSON for machines, else a line per key."""
    document = {**document, **environment()}
    if options.json:
        print(json.dumps(document, indent=2))
        return
    _print(document, "")


def _print(document: dict[str, Any], indent: str) -> None:
    """A line per key; what is within a key below it, unless it is short."""
    for key, value in document.items():
        if isinstance(value, dict) and any(isinstance(inner, dict) for inner in value.values()):
            print(f"{indent}{key}:")
            _print(value, indent + "  ")
        elif isinstance(value, dict):
            print(f"{indent}{key}: " + ", ".join(f"{name} {_shown(inner)}" for name, inner in value.items()))
        else:
            print(f"{indent}{key}: {_shown(value)}")


def _shown(value: Any) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else str(value)
