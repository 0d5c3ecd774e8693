"""Ten fields of the quickstart varied: simulations, flip points and CPU time of `simcost sensitivity`, nothing stored.

python bench/sensitivity.py [--json] [--jobs 1]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import measure

SCENARIO = Path(__file__).resolve().parents[1] / "scenarios" / "quickstart.yaml"
RANGES = (
    "demand=0.8..1.5",
    "engine=0.8..1.5",
    "workload.0.burst_cv=0.1..1",
    "workload.0.lengths.output_median=120..300",
    "plans.3.scaling.target=20..80",
    "plans.3.scaling.max=2..8",
    "price.aws/g6e.xlarge=1.3..2.6",
    "price.aws/p5.4xlarge=3..8",
    "discount.aws/g6e.xlarge=0..50%",
    "discount.aws/p5.4xlarge=0..70%",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--part", metavar="FOLDER", help="the measured process")
    options = parser.parse_args()
    if options.part:
        print(json.dumps(asked(options.jobs, options.part)))
        return
    work = {"name": "sensitivity", "work": f"{len(RANGES)} fields of {SCENARIO.name}, {options.jobs} at a time"}
    with tempfile.TemporaryDirectory() as folder:
        measured = measure.in_process(__file__, "--part", folder, "--jobs", str(options.jobs))
    measure.show(work | measured, options)


def asked(jobs: int, folder: str) -> dict[str, Any]:
    """Figures of one call; its processes are waited for, so that their CPU time counts."""
    words = [word for one in RANGES for word in ("--vary", one)]
    command = [sys.executable, "-m", "simcost", "sensitivity", SCENARIO, "--out", folder, "--jobs", jobs]
    done = subprocess.run(
        [*map(str, command), *words, "--json", "--quiet"], stdout=subprocess.PIPE, text=True, check=True
    )
    document = json.loads(done.stdout)
    return {"simulated": document["simulated"], "flips": len(document["flips"])}


if __name__ == "__main__":
    main()
