"""Ledgers in memory: the same as those on disk, read again once a file of them has changed, up to so many bytes."""

import os
from pathlib import Path

import numpy as np
import pytest

from simcost.scenario.checks.load import load
from simcost.scenario.runs.run import run
from simcost.scenario.storage.ledger_memory import MEMORY, LedgerMemory

SCENARIO = """\
scenario: one
model: llama-3.2-1b
horizon: 30min
seeds: 2
workload: {kind: synthetic, rate: 2/s, burst_cv: 1, lengths: {prompt_median: 100, output_median: 40}}
slo: {ttft: 10s, attainment: 50%}
plans:
  - name: scaled
    replica: {accelerator: l4}
    buy: {offer: aws/g6.xlarge, price: $2/h}
    scaling: {kind: target-concurrency, target: 2, min: 1, max: 4, window: 30s, scale_down_delay: 1min}
  - name: fixed
    replica: {accelerator: l4}
    buy: {offer: aws/g6.xlarge}
    scaling: {kind: fixed, replicas: 2}
"""


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
    for one in runs:
        memory.of(one, read)
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


def test_what_is_computed_of_a_run_is_computed_once_for_each_key(tmp_path: Path) -> None:
    memory, read, run = LedgerMemory(100), Reader(), written(tmp_path / "run", b"one")
    computed: list[str] = []

    def compute(key: str) -> np.ndarray:
        return memory.computed(memory.of(run, read), {"of": key}, lambda: computed.append(key) or np.zeros(1))  # type: ignore[func-returns-value]

    assert compute("a") is compute("a")
    assert compute("b") is not compute("a")
    assert computed == ["a", "b"]
    assert memory.size_bytes == 3 + 2 * 8
    written(run, b"two")
    os.utime(run / "a", ns=(1, 1))
    compute("a")
    assert computed == ["a", "b", "a"]
    assert memory.size_bytes == 3 + 8


def test_the_values_of_a_forgotten_run_are_forgotten(tmp_path: Path) -> None:
    memory, read = LedgerMemory(20), Reader()
    first, second = (memory.of(written(tmp_path / name, b"12345"), read) for name in ("a", "b"))
    memory.computed(first, "key", lambda: np.zeros(1))
    memory.computed(second, "key", lambda: np.zeros(1))
    assert memory.size_bytes == 5 + 8
    assert memory.computed(first, "key", lambda: "again") == "again"


def test_without_room_values_are_computed_each_time(tmp_path: Path) -> None:
    memory = LedgerMemory()
    ledger = memory.of(written(tmp_path / "run", b"one"), Reader())
    assert [memory.computed(ledger, "key", lambda one=number: one) for number in (1, 2)] == [1, 2]  # type: ignore[misc]


@pytest.mark.parametrize(
    "change", [("$2/h", "$3/h"), ("attainment: 50%", "attainment: 99.9%"), ("ttft: 10s", "e2e: 3s")]
)
def test_a_changed_price_or_target_gives_the_same_files_as_without_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str]
) -> None:
    scenario = tmp_path / "one.yaml"
    found: list[dict[str, bytes]] = []
    for most_bytes in (10**8, 0):
        monkeypatch.setattr(MEMORY, "most_bytes", most_bytes)
        for text in (SCENARIO, SCENARIO.replace(*change)):
            scenario.write_text(text, encoding="utf-8")
            run(load(scenario), tmp_path / "out")
        files = sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file() and "runs" not in path.parts)
        found.append({path.name: path.read_bytes() for path in files})
    assert found[0] == found[1]
    assert len(found[0]) > 8
