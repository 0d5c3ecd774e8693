"""Writing a FOCUS table: Parquet, or CSV as the specification wants its values."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from simcost.errors import InputError

_ROWS = 131_072
SUFFIXES = (".parquet", ".csv")


def check_suffix(path: Path) -> None:
    """Raise InputError unless the name says how to write."""
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: is written by its suffix; name it .parquet or .csv")


def write_focus(table: pa.Table, path: Path, *, text: bool) -> None:
    """Write a table, as CSV if `text` says so, else as Parquet."""
    if text:
        _write_csv(table, path)
    else:
        repeated = [field.name for field in table.schema if not pa.types.is_floating(field.type)]
        pq.write_table(table, path, compression="zstd", compression_level=1, row_group_size=1_048_576,
                       use_dictionary=repeated)  # fmt: skip


def _write_csv(table: pa.Table, path: Path) -> None:
    schema = pa.schema([(field.name, _written(field.type)) for field in table.schema])
    with pacsv.CSVWriter(path, schema, write_options=pacsv.WriteOptions(quoting_style="needed")) as writer:
        for batch in table.to_batches(max_chunksize=_ROWS):
            columns = [_text(column) for column in batch.columns]
            writer.write_batch(pa.record_batch(columns, schema=schema))


def _written(kind: pa.DataType) -> pa.DataType:
    return pa.float64() if pa.types.is_floating(kind) else pa.string()


def _text(column: pa.Array) -> pa.Array:
    """Words as they are, times as 2026-01-31T23:00:00Z; each distinct time is formatted once."""
    if pa.types.is_dictionary(column.type):
        return column.dictionary_decode()
    if pa.types.is_timestamp(column.type):
        encoded = column.dictionary_encode()
        said = pc.strftime(encoded.dictionary.cast(pa.timestamp("s", "UTC")), format="%Y-%m-%dT%H:%M:%SZ")
        return said.take(encoded.indices)
    return column
