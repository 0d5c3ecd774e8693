"""External sort of a stored trace by arrival, in bounded memory.

The time axis is cut where a sample of the arrivals says that about `CHUNK_ROWS` rows lie; for each cut the row
groups that overlap it are read, filtered, sorted (stable) and handed on. A log that is nearly in order is
read about once; one in random order is read once per cut.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SAMPLE_EVERY = 256
CHUNK_ROWS = 2_097_152
_EVER = np.iinfo(np.int64).max


def sorted_tables(path: Path, sample: npt.NDArray[np.int64]) -> Iterator[pa.Table]:
    """The rows of a Parquet file by its first column, `arrival_ns`.

    Args:
        path: the file; equal arrivals keep its order.
        sample: about every `SAMPLE_EVERY`-th arrival.
    """
    cuts = np.unique(np.sort(sample)[:: CHUNK_ROWS // SAMPLE_EVERY])[1:]
    bounds = [-_EVER - 1, *map(int, cuts), _EVER]
    with pq.ParquetFile(path, pre_buffer=False) as file:
        for low, high in pairwise(bounds):
            table = pa.concat_tables(_between(file, low, high)).unify_dictionaries().combine_chunks()
            order = np.argsort(table["arrival_ns"].to_numpy(), kind="stable")
            yield table.take(pa.array(order))


def _between(file: pq.ParquetFile, low: int, high: int) -> Iterator[pa.Table]:
    """The rows of each row group with low <= arrival < high."""
    yield file.schema_arrow.empty_table()
    for group in range(file.num_row_groups):
        seen = file.metadata.row_group(group).column(0).statistics
        if seen.min < high and seen.max >= low:
            table = file.read_row_group(group)
            arrival = table["arrival_ns"]
            inside = pc.and_(pc.greater_equal(arrival, low), pc.less(arrival, high))
            yield table.filter(inside)
