"""The store: what is written is read back, and what is not a trace is refused with the reason."""

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.changed_bits import with_changed_bit

from simcost.errors import InputError, TraceError
from simcost.tables.paths import inside
from simcost.trace.requests.batch import RequestBatch, concat
from simcost.trace.requests.store import KEY, open_trace, read_batches, read_tables
from simcost.trace.requests.writer import TraceWriter


def batch(arrival: list[int], prompt: int = 10, output: int = 5) -> RequestBatch:
    count = len(arrival)
    return RequestBatch(np.array(arrival, np.int64), np.full(count, prompt, np.int32), np.full(count, output, np.int32))


def write(path: Path, *batches: RequestBatch, **options: object) -> Path:
    with TraceWriter(path, source="test", **options) as writer:  # type: ignore[arg-type]
        for part in batches:
            writer.write_batch(part)
    return path


def test_a_file_that_cannot_be_begun_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(where: Path, *_: object, **__: object) -> NoReturn:
        Path(where).touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pq, "ParquetWriter", full)
    with pytest.raises(InputError, match=r"a\.parquet: cannot be written: No space left on device"):
        write(tmp_path / "a.parquet", batch([0]))
    assert not list(tmp_path.iterdir())


def test_round_trip(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    want = RequestBatch(
        np.sort(rng.integers(0, 10**15, 700_000)),
        rng.integers(1, 9, 700_000, np.int32),
        rng.integers(1, 9, 700_000, np.int32),
    )
    path = write(tmp_path / "a.parquet", want[:1], want[1:300_000], want[300_000:])
    sizes = [len(part) for part in read_batches(path, 1000)]
    got = concat(list(read_batches(path)))
    assert max(sizes) <= 1000
    for name in ("arrival_ns", "prompt_tokens", "output_tokens"):
        np.testing.assert_array_equal(getattr(got, name), getattr(want, name))
        assert getattr(got, name).dtype == getattr(want, name).dtype
    info = open_trace(path)
    assert (info.rows, info.span_ns, info.source) == (700_000, int(want.arrival_ns[-1]), "test")


def test_optional_columns_survive(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    names = ["arrival_ns", "prompt_tokens", "output_tokens", "model", "priority", "prefix_hashes"]
    with TraceWriter(path, source="test", optional=["model", "priority", "prefix_hashes"], block_tokens=16) as w:
        for label in ("a", "b"):
            w.write(pa.table([[0, 7], [1, 2], [3, 4], [label, None], [None, 3], [[1, 2], []]], names=names))
    table = pa.Table.from_batches(read_tables(path, names))
    assert table["model"].to_pylist() == ["a", "b", None, None]
    assert table["priority"].to_pylist() == [None, None, 3, 3]
    assert table["prefix_hashes"].to_pylist() == [[1, 2], [1, 2], [], []]
    assert open_trace(path).block_tokens == 16


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file"),
        (b"", "empty"),
        (b"PAR1 but no more", "truncated"),
        ("folder", "is not a file"),
    ],
)
def test_no_trace(tmp_path: Path, content: bytes | str | None, said: str) -> None:
    path = tmp_path / "a.parquet"
    if content == "folder":
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(TraceError, match=said):
        open_trace(path)


def test_truncated(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", batch(list(range(5000))))
    whole = path.read_bytes()
    for size in (1, 4, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(TraceError, match="truncated"):
            list(read_batches(path))


def test_damaged_pages(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", batch(list(range(0, 10**9, 9973))))
    whole = bytearray(path.read_bytes())
    whole[4 : len(whole) // 2] = b"\xff" * (len(whole) // 2 - 4)
    path.write_bytes(whole)
    with pytest.raises(TraceError, match="damaged"):
        list(read_batches(path))


def test_other_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"arrival_ns": [1.0], "prompt_tokens": pa.array([1], pa.int32()), "x": [1]}), path)
    with pytest.raises(TraceError) as error:
        open_trace(path)
    for said in ("no column output_tokens", "unknown column x", "arrival_ns is double", "trace import"):
        assert said in str(error.value)


def test_no_metadata(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", batch([0, 1]))
    pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)
    with pytest.raises(TraceError, match="no metadata"):
        open_trace(path)


@pytest.mark.parametrize(
    ("column", "row", "value", "said"),
    [
        ("arrival_ns", 3, -5, "row 4: arrival_ns"),
        ("prompt_tokens", 2, 0, "row 3: prompt_tokens is 0"),
        ("output_tokens", 0, -7, "row 1: output_tokens is -7"),
        ("arrival_ns", 0, -1, "row 1: arrival_ns"),
    ],
)
def test_impossible_values(tmp_path: Path, column: str, row: int, value: int, said: str) -> None:
    path = write(tmp_path / "a.parquet", batch([0, 1, 2, 3, 4]))
    table, said_by_writer = pq.read_table(path), pq.read_metadata(path).metadata
    values = table[column].to_pylist()
    values[row] = value
    place = table.schema.get_field_index(column)
    broken = table.set_column(place, table.schema.field(place), pa.array(values, table[column].type))
    with pq.ParquetWriter(path, broken.schema) as file:
        file.write_table(broken)
        file.add_key_value_metadata({KEY: said_by_writer[KEY]})
    with pytest.raises(TraceError, match=said):
        list(read_batches(path, 2))


def test_unsorted_rows_are_sorted_stably(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simcost.trace.requests.writer.CHUNK_ROWS", 1024)
    monkeypatch.setattr("simcost.trace.requests.writer.BATCH_ROWS", 1000)
    rng = np.random.default_rng(2)
    arrival = rng.integers(0, 3000, 20_000)
    prompt = np.arange(1, 20_001, dtype=np.int32)
    source = RequestBatch(arrival, prompt, prompt)
    with TraceWriter(tmp_path / "a.parquet", source="test", origin="relative") as writer:
        for at in range(0, 20_000, 512):
            writer.write_batch(source[at : at + 512])
    got = concat(list(read_batches(tmp_path / "a.parquet")))
    order = np.argsort(arrival, kind="stable")
    np.testing.assert_array_equal(got.arrival_ns, arrival[order] - arrival.min())
    np.testing.assert_array_equal(got.prompt_tokens, prompt[order])
    late = sum(arrival[i] < arrival[:i].max() for i in range(1, 20_000))
    assert writer.late_rows == late
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


def interrupted(path: Path, stop: type[BaseException]) -> None:
    with TraceWriter(path, source="test") as writer:
        writer.write_batch(batch(list(range(300_000))))
        raise stop


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError])
def test_interrupted_writer_leaves_nothing(tmp_path: Path, stop: type[BaseException]) -> None:
    with pytest.raises(stop):
        interrupted(tmp_path / "a.parquet", stop)
    assert list(tmp_path.iterdir()) == []


def test_interrupted_writer_keeps_what_was_there(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", batch([0, 1]))
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        interrupted(path, KeyboardInterrupt)
    assert path.read_bytes() == before


def test_empty_trace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="no requests"), TraceWriter(tmp_path / "a.parquet", source="test"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_no_place_to_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InputError, match="cannot be written"),
        TraceWriter(tmp_path / "file" / "a.parquet", source="t"),
    ):
        pass


def test_the_folder_is_made(tmp_path: Path) -> None:
    with TraceWriter(tmp_path / "new" / "a.parquet", source="t") as writer:
        writer.write_batch(RequestBatch(*(np.array([1], kind) for kind in (np.int64, np.int32, np.int32))))
    assert open_trace(tmp_path / "new" / "a.parquet").rows == 1


def test_paths_stay_inside(tmp_path: Path) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    home.mkdir()
    other.mkdir()
    (other / "a").write_text("")
    (home / "out").symlink_to(other / "a")
    (home / "in").symlink_to(home / "b")
    assert inside(home, "b") == inside(home, "in") == home / "b"
    assert inside(home, str(home / "x" / ".." / "b")) == home / "b"
    for wrong in ("../other/a", "out", str(other / "a"), "x/../../other"):
        with pytest.raises(InputError, match="outside"):
            inside(home, wrong)
    with pytest.raises(InputError, match=r"'a\\x00b': cannot be the name of a file"):
        inside(home, "a\0b")


@pytest.mark.parametrize("column", [0, 1, 2])
def test_a_changed_bit_of_the_values_is_damage(tmp_path: Path, column: int) -> None:
    """Half of all changed bits gave other requests without a word."""
    rng = np.random.default_rng(1)
    want = RequestBatch(np.sort(rng.integers(0, 10**12, 900)), *rng.integers(1, 2000, (2, 900), np.int32))
    path = with_changed_bit(write(tmp_path / "a.parquet", want), column)
    with pytest.raises(TraceError, match=r"a\.parquet: damaged: .*checksum.*; import the log again"):
        list(read_batches(path))


@pytest.mark.slow
def test_a_changed_bit_anywhere_is_refused_or_changes_nothing(tmp_path: Path) -> None:
    """Checksums cover pages, not their heads: some bits there, and of the foot, left a trace without requests."""
    path = write(tmp_path / "t.parquet", batch([7]))
    right, data = list(read_tables(path, ["arrival_ns", "prompt_tokens"])), path.read_bytes()
    for bit in range(0, 8 * len(data), 3):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with suppress(TraceError):
            assert list(read_tables(path, ["arrival_ns", "prompt_tokens"])) == right, bit
