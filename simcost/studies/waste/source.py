"""What a waste report starts from: monitored utilisation, or a job log, whichever a file is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simcost.trace.jobs.jobs import Jobs
from simcost.trace.jobs.reader import read_jobs
from simcost.trace.jobs.store import is_jobs
from simcost.trace.utilization.from_jobs import samples_of_jobs
from simcost.trace.utilization.reader import read_utilisation
from simcost.trace.utilization.samples import Samples
from simcost.trace.utilization.slurm import duty_of_jobs, is_sacct

Findings = list[dict[str, Any]]
UNUSED = ("limit_assumed", "limit_raised")
"""Findings about what schedulers need, which waste does not."""


def read(
    path: Path, mapping: Mapping[str, str], gpus: Mapping[str, int] | int | None, timezone: str
) -> tuple[Samples, Findings, Jobs | None]:
    """The samples, what was found, and the jobs where the file is their log.

    A stored trace of jobs and an export of sacct are job logs, and so is a file for which the number of GPUs is given.

    Raises: as the readers.
    """
    slurm = is_sacct(path)
    if not (slurm or is_jobs(path) or gpus is not None):
        return (*read_utilisation(path, mapping=mapping), None)
    jobs, said = read_jobs(path, mapping=mapping, timezone=timezone)
    duty = duty_of_jobs(path) if slurm else {}
    samples, findings = samples_of_jobs(jobs, gpus=gpus, duty=duty)
    return samples, [one for one in said if one["kind"] not in UNUSED] + findings, jobs
