"""Columns of job logs: the public formats, the generic ones, and the user's mapping.

Some pods of Alibaba's openb were never scheduled, and are demand all the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.tables.cells import empty, real_numbers
from simcost.tables.columns import Column, DeclaredTable
from simcost.tables.table import LogTable
from simcost.trace.jobs.rejections import finding
from simcost.units import how_many

JobFormat = Literal["philly", "helios", "sia", "openb", "sacct", "kubernetes", "csv", "parquet"]
JOB_FORMATS: tuple[str, ...] = get_args(JobFormat)

_MOST_GPUS = 10_000_000
_MOST_S = 10_000_000_000
_YES_NO = dict.fromkeys(("true", "1", "yes", "t", "y"), 1.0) | dict.fromkeys(("false", "0", "no", "f", "n"), 0.0)
JOBS = DeclaredTable(
    what="log of jobs",
    columns=(
        Column(name="job_id", aliases=("jobid", "id", "job", "name")),
        Column(
            name="submit_s",
            aliases=(
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
            kind="time",
            on_bad="drop",
        ),
        Column(
            name="start_s", aliases=("start_time", "start", "started_at", "scheduled_time"), kind="time", on_bad="drop"
        ),
        Column(
            name="end_s",
            aliases=("end_time", "end", "ended_at", "finished_at", "finish_time", "completion_time"),
            kind="time",
            on_bad="drop",
        ),
        Column(
            name="duration_s",
            aliases=("duration", "run_time", "runtime", "runtime_s", "elapsed", "elapsed_s"),
            kind="number",
            low=0,
            high=_MOST_S,
            on_bad="drop",
        ),
        Column(
            name="wait_s",
            aliases=("wait", "queue_time", "queue_s", "wait_time"),
            kind="number",
            low=0,
            high=_MOST_S,
            on_bad="drop",
        ),
        Column(
            name="gpus",
            aliases=("num_gpus", "num_gpu", "gpu_num", "gpu", "n_gpus", "gpu_count", "gpus_requested"),
            kind="whole",
            low=0,
            high=_MOST_GPUS,
            on_bad="drop",
        ),
        Column(name="gpu_milli", kind="whole", low=0, high=1000, on_bad="drop"),
        Column(
            name="cpus",
            aliases=("num_cpus", "cpu_num", "num_cpu", "n_cpus", "cpu"),
            kind="number",
            low=0,
            high=1e9,
            on_bad="drop",
        ),
        Column(name="cpu_milli", kind="whole", low=0, high=2**53, on_bad="drop"),
        Column(name="memory_mib", kind="whole", low=0, high=2**53, on_bad="drop"),
        Column(name="gpu_type", aliases=("gpu_spec", "accelerator")),
        Column(name="pool", aliases=("vc", "virtual_cluster", "queue", "partition", "cluster")),
        Column(name="user", aliases=("user_id", "username", "owner", "account")),
        Column(name="priority", kind="whole", low=-(2**53), high=2**53, on_bad="drop"),
        Column(
            name="limit_s",
            aliases=("limit", "time_limit", "timelimit", "timelimit_s", "walltime", "walltime_s"),
            kind="number",
            low=0,
            high=_MOST_S,
            on_bad="drop",
        ),
        Column(name="deadline_s", aliases=("deadline",), kind="time", on_bad="drop"),
        Column(name="min_gpus", kind="whole", low=0, high=_MOST_GPUS, on_bad="drop"),
        Column(name="max_gpus", kind="whole", low=0, high=_MOST_GPUS, on_bad="drop"),
        Column(name="state_bytes", kind="number", low=0, high=1e18, on_bad="drop"),
        Column(name="params", kind="number", low=0, high=1e16, on_bad="drop"),
        Column(name="ckpt_interval_s", kind="number", low=1, high=_MOST_S, on_bad="drop"),
        Column(name="ckpt_write_s", kind="number", low=0, high=_MOST_S, on_bad="drop"),
        Column(name="restart_s", kind="number", low=0, high=_MOST_S, on_bad="drop"),
        Column(name="after", aliases=("dependency", "dependencies", "depends_on")),
        Column(name="preemptible", kind="choice", words=_YES_NO, on_bad="empty"),
        Column(name="spot_ok", kind="choice", words=_YES_NO, on_bad="empty"),
        Column(name="status", aliases=("state", "outcome", "pod_phase")),
    ),
)
"""Columns of ours: those of `Jobs`, and `start_s`, `end_s`, `wait_s`, `cpus` (cores) and `params` (of the model), from
which some follow. `after` are ids of jobs that must have ended, with spaces or `;` between. Rows with a bad cell are
kept out, and said."""
OURS = tuple(column.name for column in JOBS.columns)

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


def recognise(present: Sequence[str]) -> str:
    """The public format that a header is of, else `csv` (names are then matched one by one)."""
    matching = (name for name, columns in TABLES.items() if set(columns.values()) <= set(present))
    return next(matching, "csv")


def find_job_columns(form: str, mapping: Mapping[str, str], present: Sequence[str], path: Path) -> dict[str, str]:
    """Ours -> theirs for one table.

    Args:
        form: its format; of `csv` and `parquet` the usual names are known.
        mapping: the user's, ours -> theirs, over those of the format.
        present: the columns of the log.
        path: the log, for messages.

    Raises:
        TraceError: columns that are unknown, missing or there twice, all of them, with suggestions.
    """
    asked = {**TABLES.get(form, {}), **mapping}
    found, faults = JOBS.match(present, asked)
    if form in TABLES:
        found = asked
    JOBS.refuse([*faults, *_lacking(found)], present, path)
    return {ours: found[ours] for ours in OURS if ours in found}


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
    never = empty(table.columns["start_s"], words=True)
    created, deleted = (real_numbers(table.columns[ours])[0] for ours in ("submit_s", "end_s"))
    lived = np.maximum(deleted - created, 1.0)
    known = never & np.isfinite(lived)
    if not known.any():
        return table
    duration = pa.array(lived, mask=~known)
    said = finding(
        "never_started",
        int(known.sum()),
        f"{how_many(int(known.sum()), 'pod was', 'pods were')} never scheduled; kept as demand, with the time until "
        "deletion for a duration",
    )
    return replace(table, columns={**table.columns, "duration_s": duration}, findings=[*table.findings, said])


def with_parts(table: LogTable) -> LogTable:
    """The table with parts of a GPU as `gpu_milli` where its numbers of GPUs are below 1, as 0.5."""
    if "gpu_milli" in table.columns:
        return table
    gpus = table.columns["gpus"]
    numbers = real_numbers(gpus)[0]
    parts = (numbers > 0) & (numbers < 1)
    if not parts.any():
        return table
    milli = np.where(parts, np.maximum(np.rint(numbers * 1000), 1), 1000).astype(np.int64)
    whole = pc.if_else(pa.array(parts), pa.scalar("1").cast(gpus.type), gpus)
    return replace(
        table,
        columns={**table.columns, "gpus": whole, "gpu_milli": pa.array(milli)},
        theirs={**table.theirs, "gpu_milli": table.theirs["gpus"]},
    )
