"""Ledgers in memory: the same as those on disk, read again once a file of them has changed, up to so many bytes."""

import os
from pathlib import Path

import numpy as np
import pytest

from simcost.scenario.storage.ledger_memory import LedgerMemory


class Reader:
    """Reads a file, and counts."""

    def __init__(self) -> None:
        self.reads = 0

    def __call__(self, folder: Path) -> tuple[np.ndarray, ...]:
        self.reads += 1
        return (np.frombuffer((folder / "a").read_bytes(), np.uint8),)


def written(folder: Path, text: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "a").write_bytes(text)
    return folder


def test_a_folder_is_read_once_until_a_file_of_it_changes(tmp_path: Path) -> None:
    memory, read, run = LedgerMemory(100), Reader(), written(tmp_path / "run", b"one")
    assert memory.of(run, read) is memory.of(run, read)
    assert read.reads == 1
    written(run, b"two")
    os.utime(run / "a", ns=(1, 1))
    assert bytes(memory.of(run, read)[0]) == b"two"
    (run / "a").unlink()
    with pytest.raises(FileNotFoundError):
        memory.of(run, read)


def test_the_oldest_are_forgotten_beyond_the_bytes(tmp_path: Path) -> None:
    memory, read = LedgerMemory(10), Reader()
    runs = [written(tmp_path / str(i), b"12345") for i in range(3)]
    for run in runs:
        memory.of(run, read)
    assert memory.size_bytes == 10
    memory.of(runs[2], read)
    assert read.reads == 3
    memory.of(runs[0], read)
    assert read.reads == 4
    assert memory.size_bytes == 10


def test_without_room_nothing_is_kept(tmp_path: Path) -> None:
    memory, read, run = LedgerMemory(), Reader(), written(tmp_path / "run", b"one")
    memory.of(run, read)
    memory.of(run, read)
    assert (read.reads, memory.size_bytes) == (2, 0)


def test_results_that_share_a_run_read_it_once(tmp_path: Path) -> None:
    memory, read = LedgerMemory(100), Reader()
    (tmp_path / "runs").mkdir()
    written(tmp_path / "runs" / "key", b"one")
    for result in ("may", "june"):
        (tmp_path / result).mkdir()
        (tmp_path / result / "runs").symlink_to("../runs")
        memory.of(tmp_path / result / "runs" / "key", read)
    assert (read.reads, memory.size_bytes) == (1, 3)


def test_a_run_that_is_kept_again_counts_once(tmp_path: Path) -> None:
    memory, read, run = LedgerMemory(100), Reader(), written(tmp_path / "run", b"one")
    for _ in range(3):
        memory.keep(run, read(run))
    assert memory.size_bytes == 3
