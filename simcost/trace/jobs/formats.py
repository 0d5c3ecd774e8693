"""Columns of job logs: the public formats, the generic ones, and the user's mapping.

Some pods of Alibaba's openb were never scheduled, and are demand all the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import pyarrow as pa

from simcost.errors import TraceError, columns_said, did_you_mean
from simcost.tables.cells import empty, real_numbers
from simcost.tables.table import LogTable
from simcost.trace.jobs.rejections import finding

JobFormat = Literal["philly", "helios", "sia", "openb", "sacct", "kubernetes", "csv", "parquet"]
JOB_FORMATS: tuple[str, ...] = get_args(JobFormat)

OURS = (
    "job_id",
    "submit_s",
    "start_s",
    "end_s",
    "duration_s",
    "wait_s",
    "gpus",
    "gpu_milli",
    "cpus",
    "cpu_milli",
    "memory_mib",
    "gpu_type",
    "pool",
    "user",
    "priority",
    "limit_s",
    "deadline_s",
    "min_gpus",
    "max_gpus",
    "state_bytes",
    "params",
    "ckpt_interval_s",
    "ckpt_write_s",
    "restart_s",
    "after",
    "preemptible",
    "spot_ok",
    "status",
)
"""Canonical columns: those of `Jobs`, and `start_s`, `end_s`, `wait_s`, `cpus` (cores) and `params` (of the model),
from which some follow. `after` are ids of jobs that must have ended, with spaces or `;` between.
"""

TABLES: Mapping[str, Mapping[str, str]] = {
    "helios": {
        "job_id": "job_id",
        "user": "user",
        "pool": "vc",
        "gpus": "gpu_num",
        "cpus": "cpu_num",
        "submit_s": "submit_time",
        "start_s": "start_time",
        "end_s": "end_time",
        "duration_s": "duration",
        "wait_s": "queue",
        "status": "state",
    },
    "openb": {
        "job_id": "name",
        "submit_s": "creation_time",
        "start_s": "scheduled_time",
        "end_s": "deletion_time",
        "gpus": "num_gpu",
        "gpu_milli": "gpu_milli",
        "cpu_milli": "cpu_milli",
        "memory_mib": "memory_mib",
        "gpu_type": "gpu_spec",
        "status": "pod_phase",
    },
    "philly": {"submit_s": "submit_time", "duration_s": "duration_s", "gpus": "num_gpus", "pool": "vc"},
    "sia": {"submit_s": "timestamp", "duration_s": "duration", "gpus": "num_gpus", "pool": "cluster"},
}
"""Public formats: ours -> theirs. A header that has all of these columns is of the format."""

_ALSO_CALLED = {
    "job_id": ("jobid", "id", "job", "name"),
    "submit_s": (
        "submit_time",
        "submit",
        "submitted_at",
        "submission_time",
        "creation_time",
        "created_at",
        "arrival",
        "arrival_s",
        "arrival_time",
        "timestamp",
        "time",
    ),
    "start_s": ("start_time", "start", "started_at", "scheduled_time"),
    "end_s": ("end_time", "end", "ended_at", "finished_at", "finish_time", "completion_time"),
    "duration_s": ("duration", "run_time", "runtime", "runtime_s", "elapsed", "elapsed_s"),
    "wait_s": ("wait", "queue_time", "queue_s", "wait_time"),
    "gpus": ("num_gpus", "num_gpu", "gpu_num", "gpu", "n_gpus", "gpu_count", "gpus_requested"),
    "cpus": ("num_cpus", "cpu_num", "num_cpu", "n_cpus", "cpu"),
    "gpu_type": ("gpu_spec", "accelerator"),
    "pool": ("vc", "virtual_cluster", "queue", "partition", "cluster"),
    "user": ("user_id", "username", "owner", "account"),
    "limit_s": ("limit", "time_limit", "timelimit", "timelimit_s", "walltime", "walltime_s"),
    "deadline_s": ("deadline",),
    "after": ("dependency", "dependencies", "depends_on"),
    "status": ("state", "outcome", "pod_phase"),
}


def recognise(present: Sequence[str]) -> str:
    """The public format that a header is of, else `csv` (names are then matched one by one)."""
    matching = (name for name, columns in TABLES.items() if set(columns.values()) <= set(present))
    return next(matching, "csv")


def find_job_columns(form: str, mapping: Mapping[str, str], present: Sequence[str], place: str) -> dict[str, str]:
    """Ours -> theirs for one table.

    Args:
        form: its format; of `csv` and `parquet` the usual names are known.
        mapping: the user's, ours -> theirs, over those of the format.
        present: the columns of the log.
        place: the log, for messages.

    Raises:
        TraceError: columns that are unknown, missing or there twice, all of them, with suggestions.
    """
    faults = [
        f"{ours!r} is not a known column{did_you_mean(ours, OURS)} (known: {', '.join(OURS)})"
        for ours in mapping
        if ours not in OURS
    ]
    faults += [
        f"no column {theirs!r}{did_you_mean(theirs, present)}" for theirs in mapping.values() if theirs not in present
    ]
    found = dict(TABLES[form]) if form in TABLES else _by_name(present, mapping)
    found |= mapping
    faults += [
        f"no column {theirs!r} ({ours}){did_you_mean(theirs, present)}"
        for ours, theirs in found.items()
        if theirs not in present and ours not in mapping
    ]
    faults += _lacking(found)
    faults += [f"column {theirs!r} is there twice" for theirs in found.values() if present.count(theirs) > 1]
    if faults:
        raise TraceError(f"{place}: {'; '.join(faults)}; {columns_said(present)}")
    return {ours: found[ours] for ours in OURS if ours in found}


def _by_name(present: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """Columns that carry our own names, or well-known others; each is taken once."""
    lower = {name.lower(): name for name in reversed(present)}
    own = [(ours, ours) for ours in OURS]
    others = [(ours, name) for ours, names in _ALSO_CALLED.items() for name in names]
    found: dict[str, str] = {}
    taken = set(mapping.values())
    for ours, name in own + others:
        theirs = lower.get(name)
        if theirs is not None and theirs not in taken and ours not in found and ours not in mapping:
            found[ours] = theirs
            taken.add(theirs)
    return found


def _lacking(found: Mapping[str, str]) -> list[str]:
    """Facts that cannot be known without further columns."""
    needed = {"submit_s": "when jobs were submitted", "gpus": "how many GPUs they asked for"}
    faults = [f"no column says {what}; pass --map {ours}=COLUMN" for ours, what in needed.items() if ours not in found]
    if "duration_s" not in found and not {"start_s", "end_s"} <= set(found):
        faults.append("no column says how long jobs ran; pass --map duration_s=COLUMN, or start_s and end_s")
    return faults


def never_scheduled(table: LogTable) -> LogTable:
    """The table with a duration for pods that were never scheduled: from creation to deletion, at least 1 s.

    How long they would have run is unknown; what they asked for is not, and placement studies count them.
    """
    never = empty(table.columns["start_s"])
    created, deleted = (real_numbers(table.columns[ours])[0] for ours in ("submit_s", "end_s"))
    lived = np.maximum(deleted - created, 1.0)
    known = never & np.isfinite(lived)
    if not known.any():
        return table
    duration = pa.array(lived, mask=~known)
    said = finding(
        "never_started",
        int(known.sum()),
        f"{int(known.sum()):,} pods were never scheduled; they are kept "
        "as demand, and the time until they were deleted stands for their duration",
    )
    return replace(table, columns={**table.columns, "duration_s": duration}, findings=[*table.findings, said])
