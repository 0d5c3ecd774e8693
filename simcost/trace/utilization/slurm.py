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
from simcost.trace.jobs.times import seconds_of_clock

_FIELDS = {
    "job": ("jobid",),
    "start": ("start",),
    "total": ("tresusageintot",),
    "mean": ("tresusageinave",),
    "tasks": ("ntasks",),
    "seconds": ("elapsedraw", "elapsed"),
    "alloc": ("alloctres",),
}
_BUSY = re.compile(r"gres/gpuutil=(\d+(?:\.\d+)?)")
_GPUS = re.compile(r"gres/gpu=(\d+)")
_TYPED_GPUS = re.compile(r"gres/gpu:[^=,]+=(\d+)")
_JOB = re.compile(r"^([^.]+)(\..*)?$")
_NOT_STARTED = ("unknown", "none")
_WHAT = "sacct export, made with -P"


def is_sacct(path: Path) -> bool:
    """True if a file looks like an export of sacct. Raises TraceError if it cannot be read."""
    container, names = header(path, "file of monitored utilisation, or a job log")
    return container == "csv" and len(names) == 1 and "|" in names[0] and "jobid" in names[0].lower()


def duty_of_jobs(path: Path) -> dict[str, float]:
    """By job, the share of its GPUs' time in which they worked; empty where the export does not say.

    GPU-seconds of work of all its steps over GPUs x elapsed, at most 1. Steps are of the run of the job above them;
    runs are called as those that `read_sacct` gives. Raises as `read_table`.
    """
    table = read_table(path, "psv", _find, _WHAT)
    if not {"job", "seconds", "alloc"} <= set(table.columns) or not {"total", "mean"} & set(table.columns):
        return {}
    cells = {name: _texts(column) for name, column in table.columns.items()}
    cells["seconds"] = _texts(seconds_of_clock(pa.array(cells["seconds"])))
    blank = [""] * len(table)
    busy: dict[tuple[str, str], float] = {}
    held: dict[str, float] = {}
    runs: dict[str, dict[str, str]] = {}
    run: dict[str, str] = {}
    for job, start, seconds, alloc, total, mean, tasks in zip(
        *(cells.get(name, blank) for name in ("job", "start", "seconds", "alloc", "total", "mean", "tasks")),
        strict=True,
    ):
        match = _JOB.match(job)
        if match is None or not seconds.isdigit():
            continue
        name, step = match[1], match[2]
        if step is None and start.lower() in _NOT_STARTED:
            continue
        if step is None:
            called = runs.setdefault(name, {})
            run[name] = called.setdefault(start, f"{name} run {len(called) + 1}" if called else name)
            held[run[name]] = _gpus(alloc) * float(seconds)
            continue
        used = _percent(total, mean, tasks)
        if used is not None:
            busy[run.get(name, name), step] = used / 100.0 * float(seconds)
    work: dict[str, float] = {}
    for (name, _), worked in busy.items():
        work[name] = work.get(name, 0.0) + worked
    return {name: min(worked / held[name], 1.0) for name, worked in work.items() if held.get(name)}


def _gpus(alloc: str) -> float:
    """GPUs of a text such as `cpu=8,gres/gpu=4`; without a total the sum over their types."""
    whole = _GPUS.search(alloc)
    return float(whole[1]) if whole else float(sum(map(int, _TYPED_GPUS.findall(alloc))))


def _find(present: Sequence[str]) -> dict[str, str]:
    lower = {name.strip().lower(): name for name in reversed(present)}
    found = {ours: next((lower[name] for name in names if name in lower), None) for ours, names in _FIELDS.items()}
    return {ours: theirs for ours, theirs in found.items() if theirs is not None}


def _percent(total: str, mean: str, tasks: str) -> float | None:
    """Per cent of one GPU that all tasks of a step used."""
    whole, each = _BUSY.search(total), _BUSY.search(mean)
    if whole:
        return float(whole[1])
    return float(each[1]) * float(tasks if tasks.isdigit() else 1) if each else None


def _texts(column: pa.Array) -> list[str]:
    return [text or "" for text in column.cast(pa.string()).to_pylist()]
