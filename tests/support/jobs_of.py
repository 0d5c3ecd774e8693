"""Small job traces for tests."""

from pathlib import Path
from typing import Any

from simcost.trace.jobs.jobs import Jobs
from simcost.trace.jobs.reader import read_jobs


def jobs_of(submit: Any, duration: Any, gpus: Any, **columns: Any) -> Jobs:
    """Jobs by their arrays; all else is at its default."""
    return Jobs.of(submit_s=submit, duration_s=duration, gpus=gpus, **columns)


def philly(shared: Path) -> Jobs:
    """Two weeks of Philly, 24,134 jobs."""
    return read_jobs(shared / "data/philly_2weeks_24134jobs.csv.gz")[0]
