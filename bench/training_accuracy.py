"""Training estimates against published figures that were left out: benchmarks of the loop, and whole runs.

Benchmarks: the MFU of each row of `published_mfu.csv` in 16 bits is predicted from the rows of other models on the
same card, as the catalog does it: quartiles of the size class up to 4,096 tokens, moved to the sequence length and the
GPU count.
Whole runs: the GPU-hours of each run of the catalog are predicted from the runs of other families.
Nothing is drawn at random.
"""

import argparse
import csv
import math
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean, median

import measure
import numpy as np

from simcost.catalog import Catalog, load_catalog
from simcost.catalog.facts import TrainingMfu
from simcost.catalog.training_runs import TrainingRun
from simcost.perf.training.utilization import benchmark_mfu
from simcost.perf.training.whole_runs import run_ratio, whole_runs

PUBLISHED = measure.SHARED / "data/published_mfu.csv"
CARDS = {"a100_40gb": "a100-40gb-sxm", "a100_80gb": "a100-80gb-sxm", "h100_80gb": "h100-sxm"}
CLASSES = (0.0, 4e9, 2e10, 1e11, math.inf)
LONGEST = 4096
LEVELS = (0.5, 0.8, 0.9, 0.95)
Row = dict[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    catalog, since = load_catalog(), (time.monotonic(), measure.cpu_s())
    runs = catalog.facts.training_runs
    document = {
        "name": "training_accuracy",
        "work": f"{len(runs)} whole runs, and the rows of {PUBLISHED.name} where it is there",
        "benchmarks": benchmarks(catalog) if PUBLISHED.exists() else f"skipped: no {PUBLISHED.name}",
        "whole_runs": covered_runs(catalog),
        "runs": {run.name: one_run(catalog, run) for run in runs},
        **measure.account(since, len(runs)),
    }
    measure.show(document, options)


def benchmarks(catalog: Catalog) -> dict[str, dict[str, float]]:
    """By card: error of the median, and how often p25 to p75 covers a row that was left out."""
    with PUBLISHED.open(newline="") as file:
        rows = [
            row for row in csv.DictReader(file) if row["params"] and row["seq_len"] and "fp8" not in row["precision"]
        ]
    errors: dict[str, list[float]] = defaultdict(list)
    inside: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        card, others = (
            CARDS[row["gpu"]],
            [r for r in rows if r["gpu"] == row["gpu"] and r["model"] != row["model"]],
        )
        size, reached = float(row["params"]), float(row["mfu_pct"]) / 100
        facts = replace(catalog.facts, training_mfu=(size_class(card, size, others),))
        found = benchmark_mfu(Catalog(facts), card, "bf16", size, int(row["seq_len"]), int(row["n_gpus"]))
        for group in (card, "all"):
            errors[group].append(math.log(reached / found.mid))
            inside[group].append(found.low <= reached <= found.high)
    return {
        group: {
            "rows": len(logs),
            "bias": math.exp(fmean(logs)) - 1,
            "rms": math.exp(math.sqrt(fmean(log**2 for log in logs))) - 1,
            "inside_p25_p75": fmean(inside[group]),
        }
        for group, logs in errors.items()
    }


def size_class(card: str, parameters: float, rows: Sequence[Row]) -> TrainingMfu:
    """Quartiles of the size class, or of the card where no other model is in the class."""
    start = max(edge for edge in CLASSES if edge <= parameters)
    end = next(edge for edge in CLASSES if edge > start)
    short = [row for row in rows if int(row["seq_len"]) <= LONGEST]
    chosen = [row for row in short if start <= float(row["params"]) < end] or short
    p25, p50, p75 = np.quantile([float(row["mfu_pct"]) / 100 for row in chosen], (0.25, 0.5, 0.75)).tolist()
    return TrainingMfu(
        accelerator=card,
        precision="bf16",
        parameters_from=0,
        rows=len(chosen),
        sequence_tokens=int(median(int(row["seq_len"]) for row in chosen)),
        gpus=int(median(int(row["n_gpus"]) for row in chosen)),
        mfu_p25=p25,
        mfu_median=p50,
        mfu_p75=p75,
        source="left out",
        as_of="2024",
        quality="A",
    )


def covered_runs(catalog: Catalog) -> dict[str, dict[str, float]]:
    """By nominal level: the share of the runs that the other families cover, and of the families, each run its part."""
    runs, found = catalog.facts.training_runs, {}
    for level in LEVELS:
        inside: dict[str, list[bool]] = defaultdict(list)
        for run in runs:
            interval = whole_runs(catalog, without=run.family, level=level)
            inside[run.family].append(interval.low <= run_ratio(catalog, run) <= interval.high)
        hits = [hit for hits in inside.values() for hit in hits]
        of_families = fmean(fmean(hits) for hits in inside.values())
        found[f"{level:.0%}"] = {"runs": fmean(hits), "families": of_families}
    return found


def one_run(catalog: Catalog, run: TrainingRun) -> dict[str, float | str | bool]:
    """Published GPU-hours over those of the benchmarks, and what the other families say of them."""
    ratio, interval = run_ratio(catalog, run), whole_runs(catalog, without=run.family)
    hours = run.gpu_hours
    return {
        "published": hours,
        "benchmark": hours / ratio,
        "ratio": ratio,
        "low": hours / ratio * interval.low,
        "high": hours / ratio * interval.high,
        "covered": interval.low <= ratio <= interval.high,
    }


if __name__ == "__main__":
    main()
