"""Engines side by side: a scenario on one process, on two, on Dask, on Ray; and what each run costs in addition.

CPU seconds are those of all processes that a command has started, its servers among them, as Linux lists them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from empty_runs import EmptyRun, Nothing, versions
from kills import MARK, ours
from measure import SMALL_SCENARIO, in_process, show

from simcost.execution.options import EngineOptions
from simcost.execution.workers import Workers

QUICKSTART = Path(__file__).resolve().parents[1] / "scenarios" / "quickstart.yaml"
_LOOK_S = 0.2
"""Between two looks at the processes: so much of the time of each may be missed."""
PACKAGES = {"local": "simcost", "dask": "distributed", "ray": "ray"}


def empty(options: argparse.Namespace) -> dict[str, Any]:
    """Empty tasks on two workers that have been started."""
    engine = EngineOptions(name=options.engine, time_limit_s=600.0 if options.engine == "local" else None)
    with tempfile.TemporaryDirectory() as folder, Workers(Path(folder), versions, jobs=2, options=engine) as workers:
        task = Nothing()
        workers.execute([EmptyRun(number=i) for i in range(20)], task, note=lambda: None)
        begun_s = time.monotonic()
        workers.execute([EmptyRun(number=i) for i in range(options.runs)], task, note=lambda: None)
        return {"us_a_run": 1e6 * (time.monotonic() - begun_s) / options.runs}


def runs(options: argparse.Namespace) -> dict[str, Any]:
    """All runs of a scenario, its files and their hash."""
    from simcost.scenario.checks.load import load_with_services
    from simcost.scenario.runs.run import run

    with tempfile.TemporaryDirectory() as home:
        os.chdir(home)
        file = Path("small.yaml") if options.small else QUICKSTART
        if options.small:
            file.write_text(SMALL_SCENARIO.format(horizon="10min", seeds=options.seeds, rate="5/s"), encoding="utf-8")
        loaded, out = load_with_services(file), Path("out")
        engine = EngineOptions(name=options.engine)
        begun_s = time.monotonic()
        run(loaded, out, seeds=options.seeds, jobs=options.jobs, engine=engine)
        found = sha256()
        for path in sorted(path for path in out.rglob("*") if path.is_file()):
            found.update(path.relative_to(out).as_posix().encode() + path.read_bytes())
        return {"run_s": time.monotonic() - begun_s, "sha256": found.hexdigest()}


def compared(options: argparse.Namespace) -> dict[str, Any]:
    """One engine after the other, as often as asked; the shortest of each counts."""
    ways = [(name, jobs) for name, jobs in (("local", 1), ("local", 2), ("dask", 2), ("ray", 2)) if _there(name)]
    words = ["--part", "runs", "--seeds", str(options.seeds), *(["--small"] if options.small else [])]
    in_process(__file__, *words[:3], "1", *words[4:], "--engine", "local", "--jobs", "1")  # compiles
    found: dict[str, Any] = {}
    for _ in range(options.times):
        for name, jobs in ways:
            one = counted(*words, "--engine", name, "--jobs", str(jobs))
            key = f"{name} {jobs}"
            found[key] = min(found.get(key, one), one, key=lambda way: way["run_s"])
    alone, count = found["local 1"], options.seeds * (1 if options.small else 4)
    two = found["local 2"]
    table = {
        key: {
            "run_s": one["run_s"],
            "times as fast": alone["run_s"] / one["run_s"],
            "of two local processes": two["run_s"] / one["run_s"],
            "cpu_s": one["cpu_s"],
            "cpu_ms_a_run": 1000 * one["cpu_s"] / count,
            "same bytes": one["sha256"] == alone["sha256"],
        }
        for key, one in found.items()
    }
    return {"scenario": "small" if options.small else "quickstart", "runs": count, **table}


def counted(*words: str) -> dict[str, Any]:
    """A part of this file in a process of its own, with the CPU seconds of all that it has started."""
    with tempfile.TemporaryDirectory() as mark:
        used: dict[int, float] = {}
        process = subprocess.Popen(
            [sys.executable, __file__, *words],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {MARK: f"{mark}/"},
        )
        while process.poll() is None or set(ours(Path(mark))) - {process.pid}:
            for number in ours(Path(mark)):
                used[number] = max(used.get(number, 0.0), _cpu_s(number))
            time.sleep(_LOOK_S)
        said = process.stdout.read() if process.stdout else ""
    return {**json.loads(said.splitlines()[-1]), "cpu_s": sum(used.values())}


def _cpu_s(process: int) -> float:
    """CPU seconds of a process so far; 0 if it has gone."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _there(name: str) -> bool:
    return find_spec(PACKAGES[name]) is not None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=60, help="replications: 4 runs each of the quickstart, 1 if small")
    parser.add_argument("--small", action="store_true", help="runs of some milliseconds")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--runs", type=int, default=10_000, help="empty tasks")
    parser.add_argument("--part", choices=("all", "runs", "empty"), default="all")
    parser.add_argument("--engine", choices=tuple(PACKAGES), default="local")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.part != "all":
        print(json.dumps({"runs": runs, "empty": empty}[options.part](options)))
        return
    words = ["--part", "empty", "--runs", str(options.runs)]
    overheads = {name: in_process(__file__, *words, "--engine", name)["us_a_run"] for name in PACKAGES if _there(name)}
    show(compared(options) | {"empty_us_a_run": overheads}, options)


if __name__ == "__main__":
    main()
