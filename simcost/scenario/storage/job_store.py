"""A ledger of jobs on disk."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from simcost.ledger.jobs import JobLedger, JobOutcomes
from simcost.scenario.storage.laws import check_job_ledger
from simcost.scenario.storage.sealed import read_table, seal, whole


def save_job_ledger(ledger: JobLedger, folder: Path) -> None:
    """Write a ledger of jobs into an existing folder, and seal it; times of jobs lie in `jobs.parquet`."""
    out = ledger.outcomes
    columns = {name: getattr(out, name) for name in out.__dataclass_fields__}
    tables = {"jobs": pa.table({name: values for name, values in columns.items() if values is not None})}
    tables |= {name: table for name in ("nodes", "timeline") if (table := getattr(ledger, name)) is not None}
    left_out = ("outcomes", "nodes", "timeline")
    said = {name: getattr(ledger, name) for name in ledger.__dataclass_fields__ if name not in left_out}
    seal(folder, tables, {"ledger": said})


def load_job_ledger(folder: Path) -> JobLedger:
    """The ledger of jobs in a folder. Raises as `load_ledger`."""
    with whole(folder) as said:
        jobs = read_table(folder, "jobs")
        tables = {
            name: read_table(folder, name)
            for name in ("nodes", "timeline")
            if (folder / f"{name}.parquet").exists()
        }
        columns = {name: jobs[name].to_numpy() for name in jobs.column_names}
        ledger = JobLedger(**tables, **said["ledger"], outcomes=JobOutcomes(**columns))
        check_job_ledger(ledger)
        return ledger
