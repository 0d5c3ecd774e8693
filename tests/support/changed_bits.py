"""One bit of a value in a file is another one."""

from pathlib import Path

import pyarrow.parquet as pq


def with_changed_bit(path: Path, column: int) -> Path:
    """A Parquet file after a bit of the last values of a column in its first row group has changed."""
    chunk = pq.read_metadata(path).row_group(0).column(column)
    begin = chunk.data_page_offset if chunk.dictionary_page_offset is None else chunk.dictionary_page_offset
    data = bytearray(path.read_bytes())
    data[begin + chunk.total_compressed_size - 1] ^= 1
    path.write_bytes(data)
    return path
