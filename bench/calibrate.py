"""Two real vLLM 0.19 runs calibrated: errors on the later half of the requests after a fit to the earlier half.

    python bench/calibrate.py [--json]

Each run is 300 ShareGPT requests at 10/s; the whole calibration is counted, its bootstrap included.
"""

import argparse
import json
import time
from typing import Any

import measure

from simcost.catalog import load_catalog
from simcost.studies.calibration.study import calibrate
from simcost.trace.observed import Configuration

OBSERVED = measure.SHARED / "data/observed"
RUNS = ("RTXPRO6000_Llama-3.1-8B", "RTXPRO6000_Qwen3-32B")
GOAL = {"ttft": 0.08, "tpot": 0.04, "e2e": 0.04}
"""Largest error that is wanted at mean, p50, p90 and p95."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not OBSERVED.is_dir():
        print(json.dumps({"name": "calibrate", "skipped": "no observed runs beside the checkout"}))
        return
    since = time.monotonic(), measure.cpu_s()
    runs = {name: calibrated(name) for name in RUNS}
    document = {
        "name": "calibrate",
        "work": "2 calibrations of 300 requests, compiling included",
        **measure.account(since, len(RUNS)),
        "within_goal": all(run["within_goal"] for run in runs.values()),
        "runs": runs,
    }
    measure.show(document, options)


def calibrated(name: str) -> dict[str, Any]:
    begin = measure.cpu_s()
    found = calibrate([OBSERVED / name], load_catalog(), given=Configuration(accelerator="rtx-pro-6000")).document
    errors = {
        metric: {key: value for key, value in each.items() if value is not None}
        for metric, each in found["holdout"].items()
    }
    near = all(abs(errors[metric][key]) <= GOAL[metric] for metric in GOAL for key in ("mean", "p50", "p90", "p95"))
    return {
        "cpu_s": measure.cpu_s() - begin,
        "within_goal": near,
        "engine_factor": found["engine_factor"],
        "sigma": found["sigma"],
        "not_identified": ", ".join(row["coefficient"] for row in found["not_identified"]),
        "holdout": errors,
    }


if __name__ == "__main__":
    main()
