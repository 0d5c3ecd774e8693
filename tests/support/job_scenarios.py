"""Small scenarios with jobs for tests."""

import csv
from pathlib import Path

import numpy as np
from support.scenarios import write

QUEUE = """\
scenario: queue
question: How many GPUs?
jobs: {path: jobs.csv}
slo: {wait: {p95: 2h}}
defaults: {buy: {offer: aws/p4d.24xlarge}}
plans:
  - name: small
    training: {kind: gpus, gpus: 16}
  - name: large
    training: {kind: gpus, gpus: 32, scheduler: easy-backfill}
"""

NIGHT = """\
scenario: night
model: llama-3.2-1b
horizon: 2h
seeds: 2
workload: {kind: synthetic, rate: 4/s, lengths: {prompt_median: 100, output_median: 60}}
jobs: {path: jobs.csv, window: 100min}
slo: {ttft: 2s, wait: {p95: 90min}}
defaults:
  replica: {accelerator: l4}
  buy: {offer: aws/g6.xlarge}
  startup: {disk: 50}
  scaling: {kind: target-concurrency, target: 4, min: 1, max: 4, scale_down_delay: 1min}
plans:
  - name: two fleets
    training: {kind: gpus, gpus: 10, checkpoints: {interval: 10min}}
  - name: one fleet
    training: {kind: shared, gpus: 11, checkpoints: {interval: 10min}}
engine_sigma: 0.15
"""

SPOT = """\
scenario: spot
jobs: {path: jobs.csv}
seeds: 3
slo: {wait: {p95: 2h}}
plans:
  - name: steady
    buy: {offer: aws/p4d.24xlarge}
    training: {kind: gpus, gpus: 32, checkpoints: {}}
  - name: mixed
    buy: {offer: aws/p4d.24xlarge}
    training:
      kind: spot
      gpus: 16
      spot: {nodes: 3, offer: aws/p4d.24xlarge, price: $5/h, availability: there.csv}
"""


def home(folder: Path, *changes: tuple[str, str], text: str = QUEUE) -> Path:
    """A scenario with its files: sixty jobs in ten hours, and a day of spot nodes."""
    rng = np.random.default_rng(3)
    submit = np.cumsum(rng.exponential(600, 60)).astype(int)
    rows = [
        [f"j{i}", at, int(rng.exponential(3600)) + 60, int(rng.choice([1, 2, 4, 8])), "team"]
        for i, at in enumerate(submit)
    ]
    _csv(folder / "jobs.csv", ["job_id", "submit_s", "duration_s", "gpus", "pool"], rows)
    up = [[900 * i, int(n)] for i, n in enumerate(rng.choice([0, 1, 2], 96))]
    _csv(folder / "there.csv", ["timestamp", "available"], up)
    _csv(folder / "prices.csv", ["timestamp", "price_usd_h"], [[0, 5.0], [43200, 7.0]])
    _csv(folder / "nodes.csv", ["node", "gpus"], [[f"n{i}", 8] for i in range(4)])
    return write(folder, *changes, text=text, name="jobs.yaml")


def _csv(path: Path, header: list[str], rows: list[list[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
