"""The store of job traces: one Parquet file, a column for each of `Jobs`, and its metadata."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simcost.errors import TraceError
from simcost.outputs import whole_file
from simcost.tables.json_objects import finite_json
from simcost.trace.jobs.jobs import CHECKPOINTS, NONE, STATUS, Jobs
from simcost.trace.jobs.nodes import coded, compact_texts

VERSION = 1
KEY = b"simcost.jobs"
"""The metadata key; its value is a JSON object."""
_AGAIN = "import the log again"
_NAMED = ("pool", "user", "gpu_type")
_INTS = (
    "submit_s",
    "duration_s",
    "gpus",
    "gpu_milli",
    "cpu_milli",
    "memory_mib",
    "priority",
    "limit_s",
    "deadline_s",
    "min_gpus",
    "max_gpus",
)
_FLAGS = ("preemptible", "spot_ok")
_OPTIONAL = {"recorded_wait_s": pa.int64(), **dict.fromkeys(("state_bytes", *CHECKPOINTS), pa.float64())}
_LISTS = {"after": pa.list_(pa.string())}
_LABEL = pa.dictionary(pa.int32(), pa.string())
REQUIRED = {
    "job_id": pa.string(),
    **dict.fromkeys(_INTS, pa.int64()),
    **dict.fromkeys((*_NAMED, "status"), _LABEL),
    **dict.fromkeys(_FLAGS, pa.bool_()),
}


def write_jobs(path: Path, jobs: Jobs) -> None:
    """Write a job trace; the file appears only when complete. Raises InputError if it cannot be written there."""
    names = {"pool": jobs.pools, "user": jobs.users, "gpu_type": jobs.gpu_types, "status": STATUS}
    columns: dict[str, Any] = {}
    for name in (*REQUIRED, *_OPTIONAL):
        values = getattr(jobs, name)
        if values is not None:
            columns[name] = _labels(values, names[name]) if name in names else pa.array(values)
    if jobs.after is not None:
        columns["after"] = pa.array([list(one) for one in jobs.after.tolist()], _LISTS["after"])
    said = {
        "version": VERSION,
        "rows": len(jobs),
        "start_utc": jobs.start_utc,
        "first_s": jobs.first_s,
        "source": jobs.source,
        "pools": jobs.pools,
        "gpu_types": jobs.gpu_types,
        "users_known": jobs.users_known,
        "extra": jobs.extra,
    }
    table = pa.table(columns).replace_schema_metadata({KEY: json.dumps(said)})
    with whole_file(path) as draft:
        pq.write_table(table, draft, compression="zstd", write_page_checksum=True)


def is_jobs(path: Path) -> bool:
    """True if a file is a job trace that simcost stored, by its metadata; False where it cannot be read."""
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            return KEY in (file.metadata.metadata or {})
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return False


def open_jobs(path: Path) -> Jobs:
    """Read and check a stored job trace.

    Raises:
        TraceError: missing, damaged, of another kind or version, or with impossible values; the message says which.
    """
    if not path.is_file():
        raise TraceError(
            f"{path}: {'is not a file' if path.exists() else 'no such file'}; "
            "give a job trace that `simcost trace import` wrote"
        )
    try:
        table = pq.read_table(path, memory_map=False, page_checksum_verification=True)
        table.validate(full=True)  # text may be no UTF-8
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise TraceError(f"{path}: no Parquet file, or a damaged one: {error}; {_AGAIN}") from error
    said = _metadata(path, table)
    _check_columns(path, table)
    jobs = _jobs(path, table, said)
    _check(path, jobs)
    return jobs


def _labels(codes: Any, names: tuple[str, ...]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(names, pa.string()))


def _metadata(path: Path, table: pa.Table) -> dict[str, Any]:
    try:
        said = finite_json((table.schema.metadata or {})[KEY])
        version, rows = int(said["version"]), int(said["rows"])
        said = {
            "start_utc": None if said["start_utc"] is None else str(said["start_utc"]),
            "first_s": None if said.get("first_s") is None else float(said["first_s"]),
            "source": str(said["source"]),
            "pools": tuple(map(str, said["pools"])),
            "gpu_types": tuple(map(str, said["gpu_types"])),
            "users_known": bool(said["users_known"]),
            "extra": {str(name): float(value) for name, value in said["extra"].items()},
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise TraceError(
            f"{path}: Parquet, but no job trace of simcost; convert it with `simcost trace import`"
        ) from error
    if version != VERSION:
        raise TraceError(f"{path}: job format {version}, but this version reads {VERSION}; {_AGAIN}")
    if rows != table.num_rows or rows == 0:
        raise TraceError(f"{path}: {table.num_rows} rows, but {rows} were written; {_AGAIN}")
    return said


def _check_columns(path: Path, table: pa.Table) -> None:
    """Raise TraceError for columns missing, unknown, of another type or with holes; all of them at once."""
    known, schema = REQUIRED | _OPTIONAL | _LISTS, table.schema
    faults = [f"no column {name}" for name in REQUIRED if name not in schema.names]
    faults += [f"unknown column {name}" for name in schema.names if name not in known]
    faults += [
        f"{field.name} is {field.type}, not {known[field.name]}"
        for field in schema
        if field.name in known and field.type != known[field.name]
    ]
    faults += [f"{name} has missing values" for name in schema.names if table[name].null_count]
    if faults:
        raise TraceError(f"{path}: no job trace of this version: {'; '.join(faults)}; {_AGAIN}")


def _jobs(path: Path, table: pa.Table, said: dict[str, Any]) -> Jobs:
    """The columns as arrays, the labels as indices."""
    plain = {name: table[name].to_numpy() for name in (*_INTS, *_FLAGS, *_OPTIONAL) if name in table.column_names}
    texts = {name: table[name].cast(pa.string()).combine_chunks() for name in (*_NAMED, "status")}
    user, users = coded(texts["user"], table.num_rows)
    known = {"pool": said["pools"], "gpu_type": said["gpu_types"], "status": STATUS}
    codes = {name: _indices(path, name, texts[name], names) for name, names in known.items()}
    ids = compact_texts(table["job_id"])
    after = None
    if "after" in table.column_names:
        after = np.empty(table.num_rows, np.object_)
        after[:] = [tuple(one) for one in table["after"].to_pylist()]
    return Jobs(job_id=ids, user=user, users=users, after=after, **said, **plain, **codes)


def _indices(path: Path, name: str, texts: pa.Array, names: tuple[str, ...]) -> Any:
    codes, found = coded(texts, len(texts))
    unknown = set(found) - set(names)
    if unknown:
        raise TraceError(f"{path}: {name} {min(unknown)!r} is not in the metadata; {_AGAIN}")
    return np.array([names.index(text) for text in found], np.int64)[codes]


def _check(path: Path, jobs: Jobs) -> None:
    """Raise TraceError for the first impossible value."""
    laws = {
        "submit_s goes back": np.diff(jobs.submit_s, prepend=0) < 0,
        "duration_s is below 1": jobs.duration_s < 1,
        "gpus is negative": jobs.gpus < 0,
        "gpu_milli is not from 1 to 1000, or below 1000 for more than one GPU": (jobs.gpu_milli < 1)
        | (jobs.gpu_milli > 1000)
        | ((jobs.gpu_milli < 1000) & (jobs.gpus != 1)),
        "min_gpus to max_gpus does not hold gpus": (jobs.min_gpus > jobs.gpus) | (jobs.max_gpus < jobs.gpus),
        "limit_s is below duration_s": jobs.limit_s < jobs.duration_s,
        "deadline_s is before submit_s": (jobs.deadline_s != NONE) & (jobs.deadline_s < jobs.submit_s),
    }
    for said, bad in laws.items():
        if bad.any():
            raise TraceError(f"{path}: row {int(bad.argmax()) + 1}: {said}; {_AGAIN}")
    again = len(jobs) - len(set(jobs.job_id.tolist()))
    if again:
        raise TraceError(f"{path}: {again} jobs have an id of others; {_AGAIN}")
