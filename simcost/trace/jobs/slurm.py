"""Slurm's accounting, as `sacct -P` (or `-p`) prints it. A row of a job, not of its steps, is a job.

Fields read: JobID, User or Account, Partition, Submit, Eligible, Start, End, Elapsed or ElapsedRaw, AllocTRES and
ReqTRES, Timelimit or TimelimitRaw, State, Priority (https://slurm.schedmd.com/sacct.html).
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.errors import TraceError
from simcost.tables.cells import Flags, Ints, empty
from simcost.tables.table import LogTable, read_table
from simcost.trace.jobs.nodes import repeated
from simcost.trace.jobs.rejections import finding
from simcost.trace.jobs.times import seconds_of_clock
from simcost.units import how_many

_FIELDS = {
    "job_id": ("jobid", "jobidraw"),
    "submit_s": ("submit",),
    "eligible": ("eligible",),
    "start_s": ("start",),
    "end_s": ("end",),
    "duration_s": ("elapsedraw", "elapsed"),
    "alloc": ("alloctres",),
    "asked": ("reqtres",),
    "limit_min": ("timelimitraw",),
    "limit_s": ("timelimit",),
    "user": ("user", "account"),
    "pool": ("partition",),
    "priority": ("priority",),
    "status": ("state",),
}
_NEEDED = {"job_id": "JobID", "submit_s": "Submit", "duration_s": "Elapsed or ElapsedRaw", "status": "State"}
_EXPORTED = "JobID,User,Partition,Submit,Eligible,Start,End,ElapsedRaw,AllocTRES,ReqTRES,Timelimit,State,Priority"
SACCT = f"sacct -a -X -P -D -o {_EXPORTED}"
_NEVER = ["", "unknown", "none", "n/a", "unlimited", "partition_limit", "invalid"]
_OPEN = r"^(RUNNING|PENDING|SUSPENDED|RESIZING|CONFIGURING|COMPLETING)"
_COUNT = re.compile(r"(\d+(?:\.\d+)?)([KM]?)")
_PART = re.compile(r"\dg\.\d+gb|^gres/(shard|mps)\b")
"""MIG slices, and shares of a GPU."""
_MIB = {"K": 1 / 1024, "M": 1.0, "G": 1024.0, "T": 1048576.0, "P": 1073741824.0, "": 1.0}


def read_sacct(path: Path) -> LogTable:
    """The jobs of an export; array tasks are jobs, steps are passed over. Of a job that was requeued, each run that
    the export has (`sacct -D`) is a job.

    A job without a start or an end has no duration here, and is kept out later. GPUs are those allocated, else
    those asked for; a job that names resources but no GPU has none, one whose GPUs cannot be counted is kept out later.

    Raises:
        TraceError: the file cannot be read or lacks fields; the message says what to export.
    """
    table = read_table(path, "psv", lambda present: _columns(path, present), "sacct export, made with -P")
    if not len(table):
        return table
    rows = np.flatnonzero(~_matches(table.columns["job_id"], r"\."))
    steps = len(table) - len(rows)
    runs = _runs({ours: _bare(column.take(pa.array(rows))) for ours, column in table.columns.items()})
    rows, columns = rows[runs.rows], dict(runs.columns)
    said = _findings(steps, runs) + _wait_from_eligible(columns)
    alloc, asked = columns.pop("alloc", None), columns.pop("asked", None)
    tres = asked if alloc is None else alloc if asked is None else pc.coalesce(alloc, asked)
    columns["duration_s"] = pc.if_else(
        pa.array(_unfinished(columns)),
        pa.scalar(None, pa.string()),
        seconds_of_clock(columns["duration_s"]),
    )
    minutes = columns.pop("limit_min", None)
    if minutes is not None:
        columns["limit_s"] = _times(minutes, 60)
    elif "limit_s" in columns:
        columns["limit_s"] = seconds_of_clock(columns["limit_s"])
    theirs = {ours: name for ours, name in table.theirs.items() if ours in columns}
    theirs["gpus"] = table.theirs.get("alloc") or table.theirs["asked"]
    return LogTable(
        columns=columns | _resources(tres),
        rows=len(rows),
        theirs=theirs,
        malformed=table.malformed,
        findings=said,
        place=lambda i: table.place(int(rows[i])),
        grace=True,
    )


def _columns(path: Path, present: Sequence[str]) -> dict[str, str]:
    lower = {name.strip().lower(): name for name in reversed(present)}
    result = {
        ours: lower[name]
        for ours, names in _FIELDS.items()
        if (name := next((name for name in names if name in lower), None)) is not None
    }
    lacking = [said for ours, said in _NEEDED.items() if ours not in result]
    lacking += [] if {"alloc", "asked"} & set(result) else ["AllocTRES or ReqTRES"]
    if lacking:
        raise TraceError(f"{path}: no field {', '.join(lacking)}; export with `{SACCT}`")
    return result


@dataclass(frozen=True, slots=True)
class _Runs:
    """Rows of jobs after `_runs`.

    Attributes:
        rows: those kept.
        columns: of these.
        requeued: further runs of jobs that stand above.
        ended_later: rows of jobs that had not ended, and have in another row; left out.
    """

    rows: Ints
    columns: Mapping[str, pa.Array]
    requeued: int = 0
    ended_later: int = 0


def _runs(columns: Mapping[str, pa.Array]) -> _Runs:
    """The rows with an id for each run of a job: the second has another start. Rows of an earlier export, in which a
    job had not ended, are left out where a later one has its end.
    """
    ids = pc.fill_null(columns["job_id"], "")
    several = pc.is_in(ids, ids.filter(pa.array(repeated(ids)))).to_numpy(zero_copy_only=False)
    if not several.any() or "start_s" not in columns:
        return _Runs(np.arange(len(ids)), columns)
    names, starts = (column.filter(pa.array(several)).to_pylist() for column in (ids, columns["start_s"]))
    runs = list(zip(names, starts, (~_unfinished(columns))[several].tolist(), strict=True))
    ended = {(name, start) for name, start, has_ended in runs if has_ended}
    ever = {name for name, _ in ended}
    keep = np.ones(len(ids), np.bool_)
    keep[several] = [
        has_ended or not ((name, start) in ended or (start is None and name in ever)) for name, start, has_ended in runs
    ]
    count = Counter[str]()
    called: dict[tuple[str, str | None], str] = {}
    for name, start in (run[:2] for run, kept in zip(runs, keep[several], strict=True) if kept):
        if (name, start) not in called:
            count[name] += 1
            called[name, start] = name if count[name] == 1 else f"{name} run {count[name]}"
    new = pa.array([called.get(run[:2], run[0]) for run in runs], pa.string())
    renamed = {**columns, "job_id": pc.replace_with_mask(ids, pa.array(several), new)}
    return _Runs(
        np.flatnonzero(keep),
        {ours: column.filter(pa.array(keep)) for ours, column in renamed.items()},
        requeued=count.total() - len(count),
        ended_later=int((~keep).sum()),
    )


def _findings(steps: int, runs: _Runs) -> list[dict[str, Any]]:
    """Findings on rows that do not count as jobs, or stand for a further run of one."""
    again = how_many(runs.requeued, "row is a further run of a job", "rows are further runs of jobs")
    open_ = how_many(runs.ended_later, "row is of a job", "rows are of jobs")
    found = [
        ("steps", steps, f"{how_many(steps, 'row is a step', 'rows are steps')} of jobs; passed over"),
        ("requeued", runs.requeued, f"{again} that had been requeued; each counts as a job of its own"),
        ("ended_later", runs.ended_later, f"{open_} that had not ended yet, and did by another row; passed over"),
    ]
    return [finding(kind, count, message) for kind, count, message in found if count]


def _wait_from_eligible(columns: dict[str, pa.Array]) -> list[dict[str, Any]]:
    """Count the waits of jobs from when they could run: a job that waits for another, for its begin time or for who
    holds it waits for no GPU. Times of one form compare as text.
    """
    eligible, submit = columns.pop("eligible", None), columns["submit_s"]
    if eligible is None:
        return []
    start = pc.coalesce(columns["start_s"], eligible) if "start_s" in columns else eligible
    alike = pc.equal(pc.utf8_length(eligible), pc.utf8_length(submit))
    later = pc.and_(alike, pc.and_(pc.greater(eligible, submit), pc.less_equal(eligible, start)))
    later = pc.fill_null(later, fill_value=False)
    columns["submit_s"] = pc.if_else(later, eligible, submit)
    count = pc.sum(later).as_py() or 0
    could = how_many(count, "job could", "jobs could")
    said = f"{could} run later than submitted (Eligible: dependencies, begin times, holds); waits count from then"
    return [finding("eligible", count, said)] if count else []


def _unfinished(columns: Mapping[str, pa.Array]) -> Flags:
    """Jobs that wait or run, by their state or for lack of a start or an end."""
    lacking = [empty(columns[ours]) for ours in ("start_s", "end_s") if ours in columns]
    result: Flags = np.logical_or.reduce([_matches(columns["status"], _OPEN), *lacking])
    return result


def _bare(column: pa.Array) -> pa.Array:
    """Trimmed, and null for the words that stand for nothing."""
    text = pc.utf8_trim_whitespace(column)
    nothing = pc.is_in(pc.utf8_lower(text), pa.array(_NEVER))
    return pc.if_else(nothing, pa.scalar(None, pa.string()), text)


def _matches(column: pa.Array, pattern: str) -> Flags:
    found = pc.fill_null(pc.match_substring_regex(column, pattern), fill_value=False)
    flags: Flags = found.to_numpy(zero_copy_only=False)
    return flags


def _times(text: pa.Array, factor: int) -> pa.Array:
    """Whole numbers times a factor, still text; other cells stay as they are."""
    whole = pc.match_substring_regex(text, r"^\d{1,12}$")
    number = pc.if_else(whole, text, pa.scalar(None, pa.string())).cast(pa.int64())
    return pc.coalesce(pc.multiply(number, factor).cast(pa.string()), text)


def _resources(tres: pa.Array) -> dict[str, pa.Array]:
    """GPUs, CPUs, memory and type of GPU of texts such as `cpu=8,mem=64G,node=1,gres/gpu=4`; null stays null."""
    kinds = tres.dictionary_encode()
    read = [_resource(text) for text in kinds.dictionary.to_pylist()]
    names = ("gpus", "cpus", "memory_mib", "gpu_type")
    types = (pa.string(), pa.float64(), pa.int64(), pa.string())
    return {
        name: pa.array([each[i] for each in read], kind).take(kinds.indices)
        for i, (name, kind) in enumerate(zip(names, types, strict=True))
    }


def _resource(text: str) -> tuple[str, float, int, str]:
    """One such text; GPUs without a total are the sum over their types. Where a count cannot be read, and for
    MIG slices and shares, of which the export does not say which part of a GPU they are, the GPUs are that text, and
    the job is kept out by it.
    """
    said = dict(part.split("=", 1) for part in text.split(",") if "=" in part)
    typed = {name.split(":", 1)[1]: value for name, value in said.items() if name.startswith("gres/gpu:")}
    counts = [said["gres/gpu"]] if "gres/gpu" in said else list(typed.values())
    parts = [f"{name}={value}" for name, value in said.items() if _PART.search(name)]
    parts += [f"gres/gpu={count}" for count in counts if _COUNT.fullmatch(count) is None]
    memory = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGTP]?)[cn]?", said.get("mem", "0"))
    mib = 0 if memory is None else round(float(memory[1]) * _MIB[memory[2]])
    gpus = parts[0] if parts else str(sum(int(_number(count)) for count in counts))
    return gpus, _number(said.get("cpu", "0")), mib, "|".join(sorted(typed))


def _number(text: str) -> float:
    """A count as Slurm writes it, `1.5K` of many CPUs included; what is none counts as 0."""
    match = _COUNT.fullmatch(text)
    return 0.0 if match is None else float(match[1]) * {"": 1, "K": 1000, "M": 1_000_000}[match[2]]
