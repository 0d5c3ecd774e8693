"""Small job traces for tests."""

import csv
import gzip
from pathlib import Path
from typing import Any

import numpy as np

from simcost.trace.jobs import Jobs


def jobs_of(submit: Any, duration: Any, gpus: Any, **columns: Any) -> Jobs:
    """Jobs by their arrays; all else is at its default."""
    submit, duration, gpus = (np.asarray(one, np.int64) for one in (submit, duration, gpus))
    count, zeros = len(submit), np.zeros(len(submit), np.int64)
    fields: dict[str, Any] = {
        "job_id": np.array([str(i) for i in range(count)], object), "submit_s": submit, "duration_s": duration,
        "gpus": gpus, "gpu_milli": zeros + 1000, "cpu_milli": zeros, "memory_mib": zeros, "priority": zeros,
        "limit_s": duration, "deadline_s": zeros - 1, "min_gpus": gpus, "max_gpus": gpus, "pool": zeros,
        "user": zeros, "gpu_type": zeros, "status": zeros, "preemptible": np.ones(count, np.bool_),
        "spot_ok": np.zeros(count, np.bool_), "pools": ("all",), "users": ("one",),
    }  # fmt: skip
    columns = {k: np.asarray(v) if isinstance(v, list) else v for k, v in columns.items()}
    return Jobs(**(fields | columns))


def philly(shared: Path) -> Jobs:
    """Two weeks of Philly, 24,134 jobs."""
    with gzip.open(shared / "data/philly_2weeks_24134jobs.csv.gz", "rt", encoding="utf-8") as file:
        rows = np.array([[int(cell) for cell in row] for row in list(csv.reader(file))[1:]])
    return jobs_of(rows[:, 1], rows[:, 2], rows[:, 3])
