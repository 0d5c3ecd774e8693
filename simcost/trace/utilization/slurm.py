"""Duty of the GPUs of Slurm's jobs, from the steps of an `sacct -P` export.

Slurm records `gres/gpuutil` per cent of a GPU per task where GPUs are found by AutoDetect=nvml: TRESUsageInTot is the
sum over the tasks of a step, TRESUsageInAve their mean (https://slurm.schedmd.com/sacct.html).
"""

import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from simcost.tables.header import header
from simcost.tables.table import read_table

_FIELDS = {
    "job": "jobid",
    "total": "tresusageintot",
    "mean": "tresusageinave",
    "tasks": "ntasks",
    "seconds": "elapsedraw",
    "alloc": "alloctres",
}
_BUSY = re.compile(r"gres/gpuutil=(\d+(?:\.\d+)?)")
_GPUS = re.compile(r"gres/gpu=(\d+)")
_JOB = re.compile(r"^([^.]+)(\..*)?$")
_WHAT = "sacct export, made with -P"


def is_sacct(path: Path) -> bool:
    """True if a file looks like an export of sacct. Raises TraceError if it cannot be read."""
    container, names = header(path, "file of monitored utilisation, or a job log")
    return container == "csv" and len(names) == 1 and "|" in names[0] and "jobid" in names[0].lower()


def duty_of_jobs(path: Path) -> dict[str, float]:
    """By job, the share of its GPUs' time in which they worked; empty where the export does not say.

    GPU-seconds of work of all its steps over GPUs x elapsed, at most 1. Raises as `read_table`.
    """
    table = read_table(path, "psv", _find, _WHAT)
    if not {"job", "seconds", "alloc"} <= set(table.columns) or not {"total", "mean"} & set(table.columns):
        return {}
    cells = {name: _texts(column) for name, column in table.columns.items()}
    blank = [""] * len(table)
    busy: dict[str, float] = {}
    held: dict[str, float] = {}
    for job, seconds, alloc, total, mean, tasks in zip(
        *(cells.get(name, blank) for name in ("job", "seconds", "alloc", "total", "mean", "tasks")),
        strict=True,
    ):
        match = _JOB.match(job)
        if match is None or not seconds.isdigit():
            continue
        name, step = match[1], match[2]
        if step is None:
            gpus = _GPUS.search(alloc)
            held[name] = float(gpus[1]) * float(seconds) if gpus else 0.0
            continue
        used = _percent(total, mean, tasks)
        if used is not None:
            busy[name] = busy.get(name, 0.0) + used / 100.0 * float(seconds)
    return {name: min(work / held[name], 1.0) for name, work in busy.items() if held.get(name)}


def _find(present: Sequence[str]) -> dict[str, str]:
    lower = {name.strip().lower(): name for name in reversed(present)}
    return {ours: lower[theirs] for ours, theirs in _FIELDS.items() if theirs in lower}


def _percent(total: str, mean: str, tasks: str) -> float | None:
    """Per cent of one GPU that all tasks of a step used."""
    whole, each = _BUSY.search(total), _BUSY.search(mean)
    if whole:
        return float(whole[1])
    return float(each[1]) * float(tasks if tasks.isdigit() else 1) if each else None


def _texts(column: pa.Array) -> list[str]:
    return [text or "" for text in column.cast(pa.string()).to_pylist()]
