"""Sample paths on disk: one Parquet form, described in docs/reference/sample-paths.md."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simcost.errors import InputError
from simcost.forecast.paths import Paths
from simcost.scenario.folders import whole_file
from simcost.trace.series import Grid

VERSION = 1
KEY = b"simcost.paths"
SCHEMA = pa.schema(
    [
        pa.field("series", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("path", pa.int32(), nullable=False),
        pa.field("timestamp_utc", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
    ]
)


def write_paths(path: Path, futures: Sequence[Paths], said: dict[str, Any]) -> None:
    """Write paths, a row group a series; `said` goes into the metadata (seed, source, version)."""
    about = {"version": VERSION, **said, "series": {one.series: _about(one) for one in futures}}
    schema = SCHEMA.with_metadata({KEY: json.dumps(about)})
    with whole_file(path) as draft, pq.ParquetWriter(draft, schema, compression="zstd") as file:
        for one in futures:
            file.write_table(_table(one).cast(schema))


def read_paths(path: Path) -> list[Paths]:
    """The paths of a file, in its order.

    Raises:
        InputError: missing, damaged, or not of the form.
    """
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            about = json.loads((file.metadata.metadata or {})[KEY])
            table = file.read(["series", "value"])
        return list(_series(about, table["value"].to_numpy()))
    except (OSError, pa.ArrowException, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: no sample paths ({error}); write them with `simcost forecast FILE --paths-out {path.name}`"
        ) from error


def _about(one: Paths) -> dict[str, Any]:
    count, steps = one.values.shape
    return {
        "quantity": one.quantity,
        "start_s": one.grid.start_s,
        "step_s": one.grid.step_s,
        "paths": count,
        "steps": steps,
    }


def _table(one: Paths) -> pa.Table:
    count, steps = one.values.shape
    times = np.tile(one.grid.times(steps), count)
    return pa.table(
        {
            "series": pa.array([one.series])
            .dictionary_encode()
            .take(pa.array(np.zeros(count * steps, np.int32))),
            "path": np.repeat(np.arange(count, dtype=np.int32), steps),
            "timestamp_utc": pa.array(times).cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC")),
            "value": one.values.ravel(),
        }
    )


def _series(about: dict[str, Any], values: np.ndarray[Any, np.dtype[np.float64]]) -> Iterator[Paths]:
    if about["version"] != VERSION:
        raise ValueError(f"form {about['version']}, but this version reads {VERSION}")
    first = 0
    for name, said in about["series"].items():
        shape = (said["paths"], said["steps"])
        part = values[first : first + shape[0] * shape[1]].reshape(shape)
        grid = Grid(start_s=said["start_s"], step_s=said["step_s"])
        first += part.size
        yield Paths(series=name, quantity=said["quantity"], grid=grid, values=part)
