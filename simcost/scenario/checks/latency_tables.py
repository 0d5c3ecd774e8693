"""Replicas with a latency table: `replica: {latency_table: table.csv}` as a measured step time."""

from __future__ import annotations

from math import isfinite
from pathlib import Path

from simcost.errors import Fault, InputError
from simcost.scenario.checks.measured_tables import measured_rows, with_table
from simcost.scenario.files.nodes import Plain, YamlNode

KEY = "latency_table"
COLUMNS = ("batch_size", "seconds")
SOURCE = "latency table"
"""Beginning of the origin of such a step time."""
_KV_TOKENS = 1_000_000
"""Of a KV cache in which requests of one token never run short."""


def with_latency_table(replica: YamlNode, folder: Path, file: str, faults: list[Fault]) -> YamlNode:
    """The replica with its table as `step`: a batch of n requests, each of one token, takes the n-th time."""

    def read(name: str) -> dict[str, Plain]:
        base: list[Plain] = [{"tokens": size, "seconds": seconds} for size, seconds in _knots(folder, name)]
        step: dict[str, Plain] = dict.fromkeys("abcd", 0.0)
        return {"step": step | {"base": base, "source": f"{SOURCE} {name}"}, "kv_tokens": _KV_TOKENS}

    return with_table(replica, KEY, "step", read, file, faults)


def _knots(folder: Path, name: str) -> list[tuple[int, float]]:
    """Sizes of batches and their seconds, smallest first. Raises InputError for the first row that is wrong."""
    rows: dict[int, float] = {}
    for place, cells in measured_rows(folder, name, COLUMNS):
        size, seconds = _row(cells, place)
        if size in rows:
            raise InputError(f"{place}: batch_size {size} appears twice; give each size one time")
        rows[size] = seconds
    return sorted(rows.items())


def _row(cells: list[str], place: str) -> tuple[int, float]:
    try:
        size, seconds = int(cells[0]), float(cells[1])
    except ValueError:
        raise InputError(f"{place}: {','.join(cells)!r} is not a batch size and its seconds, as 8,0.012") from None
    if size < 1 or not isfinite(seconds) or seconds <= 0:
        raise InputError(f"{place}: batch sizes are 1 or more, and seconds above 0, not {','.join(cells)}")
    return size, seconds
