"""Sample paths on disk come back as they were, whole or not at all."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.changed_bits import with_changed_bit

from simcost.errors import InputError
from simcost.forecast.sample_paths import Paths
from simcost.scenario.storage.sample_paths import KEY, read_paths, write_paths
from simcost.trace.series.series import Grid


def futures() -> list[Paths]:
    rng = np.random.default_rng(1)
    hourly, monthly = Grid(start_s=1_700_000_000, step_s=3600), Grid(start_s=1_698_796_800, step_s=0)
    return [
        Paths(series="chat/a", quantity="requests", grid=hourly, values=rng.random((3, 48))),
        Paths(series="jobs", quantity="jobs", grid=monthly, values=rng.random((2, 12))),
    ]


def test_round_trip(tmp_path: Path) -> None:
    write_paths(tmp_path / "p.parquet", futures(), {"seed": 1})
    for before, after in zip(futures(), read_paths(tmp_path / "p.parquet"), strict=True):
        assert (before.series, before.quantity, before.grid) == (after.series, after.quantity, after.grid)
        np.testing.assert_array_equal(before.values, after.values)


def test_the_form_that_others_read(tmp_path: Path) -> None:
    write_paths(tmp_path / "p.parquet", futures()[:1], {"seed": 1})
    table = pq.ParquetFile(tmp_path / "p.parquet").read()
    assert table.column_names == ["series", "path", "timestamp_utc", "value"]
    rows = table.to_pylist()
    assert (rows[0]["series"], rows[0]["path"], rows[48]["path"]) == ("chat/a", 0, 1)
    assert (rows[1]["timestamp_utc"] - rows[0]["timestamp_utc"]).total_seconds() == 3600
    assert rows[49]["value"] == futures()[0].values[1, 1]


@pytest.mark.parametrize("keep", [0, 100, -10])
def test_a_damaged_file_is_named(tmp_path: Path, keep: int) -> None:
    file = tmp_path / "p.parquet"
    write_paths(file, futures(), {"seed": 1})
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"p\.parquet: no sample paths"):
        read_paths(file)


def test_nothing_is_left_where_writing_fails(tmp_path: Path) -> None:
    (tmp_path / "p.parquet").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        write_paths(tmp_path / "p.parquet", futures(), {"seed": 1})
    assert [path.name for path in tmp_path.iterdir()] == ["p.parquet"]


def test_files_of_others_are_checked(tmp_path: Path) -> None:
    """Who writes the form with another tool learns what is wrong."""
    file = tmp_path / "p.parquet"
    write_paths(file, futures(), {"seed": 1})
    table = pq.read_table(file)
    value = table.column("value").to_numpy().copy()
    value[7] = np.nan
    wrong = {
        "not sorted by path": table.take(np.arange(table.num_rows)[::-1]),
        "rows of jobs": table.slice(0, table.num_rows - 1),
        "rows, but": pa.concat_tables([table, table.slice(0, 1)]),
        "is not a number": table.set_column(3, "value", pa.array(value)),
        "simcost.paths": table.replace_schema_metadata(None),
        "NaN is not a finite number": table.replace_schema_metadata(
            {KEY: table.schema.metadata[KEY].replace(b'"seed": 1', b'"seed": NaN')}
        ),
    }
    for said, other in wrong.items():
        pq.write_table(other, file)
        with pytest.raises(InputError, match=said):
            read_paths(file)


def test_a_changed_bit_of_the_values_is_noticed(tmp_path: Path) -> None:
    write_paths(tmp_path / "paths.parquet", futures(), {"seed": 1})
    with pytest.raises(InputError, match=r"paths\.parquet: no sample paths \(.*checksum"):
        read_paths(with_changed_bit(tmp_path / "paths.parquet", 3))
