"""Reproducibility between two interpreters: the same commands under each, their documents compared value by value.

    python bench/reproducible.py PYTHON_A PYTHON_B [--only NAME ...] [--json]

Both need simcost's dependencies; the code is that of this checkout. A runs one simulation at a time, B two. Exit status
1 if a value differs other than the version of Python in the provenance.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import pi, sin
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SCENARIOS = ROOT / "scenarios"
LIBRARIES = ("numpy", "scipy", "numba", "llvmlite", "pandas", "statsmodels", "pyarrow")
RUNS = (
    "quickstart",
    "services-and-training",
    "pools",
    "prefill-decode",
    "speculation",
    "philly-queue",
    "philly-spot",
    "azure-forecast",
    "eat-the-night",
    "batch-work",
    "slices",
    "other-models",
    "levers",
)
COMMANDS = {
    "sweep": ("sweep", f"{SCENARIOS}/sweep.yaml", "--out", "sweep"),
    "optimize": ("optimize", f"{SCENARIOS}/quickstart.yaml", "--out", "optimize"),
    "forecast": ("forecast", f"{SCENARIOS}/synthetic/requests-hourly.csv", "--horizon", "2d"),
    "replay": ("train", "replay", f"{SCENARIOS}/synthetic/jobs.csv.gz", "--gpus", "48", "--policy", "easy-backfill"),
    "bill": ("bill", "usage.csv", "--plan", "purchasing.yaml"),
    "commit": ("commit", "usage.csv", "--options", "options.yaml"),
}
PURCHASING = "purchasing: base\ncommitments: [{kind: savings-plan, name: plan, commitment: $60/h, discount: 28 %}]\n"
OPTIONS = "purchasing: options\ncommitments: [{kind: savings-plan, name: year, commitment: $60/h, discount: 28 %}]\n"
NAMELESS = object()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("python", nargs=2, help="two interpreters")
    parser.add_argument("--only", nargs="+", choices=(*RUNS, *COMMANDS), default=(*RUNS, *COMMANDS))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    versions = [versions_of(python) for python in options.python]
    found: dict[str, Any] = {"versions": versions, "cases": {}}
    with tempfile.TemporaryDirectory() as folder:
        sides = [Path(folder) / side for side in "ab"]
        for side in sides:
            side.mkdir()
            write_inputs(side)
        for name in options.only:
            start = time.monotonic()
            documents = [
                answer(python, side, name, jobs)
                for python, side, jobs in zip(options.python, sides, ("1", "2"), strict=True)
            ]
            apart = [(path, a, b) for path, a, b in differences(*documents) if not path.endswith("python_version")]
            found["cases"][name] = {"values": size(documents[0]), "different": len(apart), "first": apart[:10]}
            if not options.json:
                print(f"{name}: {len(apart)} of {size(documents[0])} values differ, {time.monotonic() - start:.0f} s")
                for path, a, b in apart[:10]:
                    print(f"  {path}: {a!r} and {b!r}")
    if options.json:
        print(json.dumps(found, indent=2, default=str))
    elif versions[0] != versions[1]:
        print(f"The versions differ: {versions[0]} and {versions[1]}")
    sys.exit(any(case["different"] for case in found["cases"].values()))


def versions_of(python: str) -> dict[str, str]:
    """Versions of the libraries that compute."""
    code = f"import importlib.metadata as m, json; print(json.dumps({{n: m.version(n) for n in {LIBRARIES}}}))"
    found: dict[str, str] = json.loads(subprocess.check_output([python, "-c", code], text=True))
    return found


def answer(python: str, folder: Path, name: str, jobs: str) -> Any:
    """The document of a case under one interpreter; of a run with the hashes of its tables."""
    words = COMMANDS.get(name, ("run", f"{SCENARIOS}/{name}.yaml", "--out", name))
    words = (*words, "--jobs", jobs) if words[0] in ("run", "sweep") else words
    process = subprocess.run(
        [python, "-m", "simcost", *words, "--json", "--quiet"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        raise SystemExit(f"{python}: simcost {' '.join(words)}: exit status {process.returncode}\n{process.stderr}")
    result = folder / name / "result.json"
    return json.loads(result.read_text(encoding="utf-8") if words[0] == "run" else process.stdout)


def differences(a: Any, b: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Values of two documents that are not the same, with their paths."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in {**a, **b}:
            yield from differences(a.get(key, NAMELESS), b.get(key, NAMELESS), f"{path}.{key}")
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (one, other) in enumerate(zip(a, b, strict=True)):
            yield from differences(one, other, f"{path}[{i}]")
    elif repr(a) != repr(b):
        yield path, a, b


def size(document: Any) -> int:
    """Values of a document."""
    if isinstance(document, dict | list):
        return sum(map(size, document.values() if isinstance(document, dict) else document))
    return 1


def write_inputs(folder: Path) -> None:
    """Usage of 28 days with a rhythm, and what may be bought for it."""
    rows = ["sku,region,hour,quantity,team"]
    for hour in range(24 * 28):
        when = (datetime(2026, 1, 5, tzinfo=UTC) + timedelta(hours=hour)).strftime("%Y-%m-%dT%H:%M:%SZ")
        busy = 1 + 0.6 * sin((hour % 24 - 9) / 12 * pi)
        rows.append(f"aws/p5.48xlarge,us-east-1,{when},{3 * busy:.3f},research")
        rows.append(f"aws/g6e.xlarge,us-east-1,{when},{14 * busy:.3f},chat")
    (folder / "usage.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "purchasing.yaml").write_text(PURCHASING, encoding="utf-8")
    (folder / "options.yaml").write_text(OPTIONS, encoding="utf-8")


if __name__ == "__main__":
    main()
