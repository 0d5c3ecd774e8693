"""LoRA adapters that requests ask for, drawn or as traces name them: some are asked for often, most rarely."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

import numpy as np

from simcost.errors import InputError
from simcost.rng import stream
from simcost.tables.paths import inside
from simcost.trace.requests.batch import NO_ADAPTER, NO_SESSION, Floats, Ints, RequestBatch
from simcost.trace.workload.columns import check_column, column_values
from simcost.trace.workload.spec import AdapterColumn, AdapterMix, RecordedWorkload, Workload

MOST_NAMES = 10_000
"""Most adapters that a trace may name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterNumbers:
    """Numbers of the adapters of several workloads: those that traces name first, by their names, then those drawn."""

    named: Mapping[str, int]
    drawn: tuple[int, ...]
    """Of each workload, the number of its first adapter that is drawn."""
    count: int


def adapter_numbers(workloads: Sequence[Workload], folder: Path) -> AdapterNumbers:
    """The numbers of all adapters that the workloads of a scenario ask for.

    Raises:
        InputError: a trace without the column, or with too many names in it.
        TraceError: a trace that cannot be read.
    """
    found = [name for workload in workloads for name in _names(workload, folder)]
    named = {name: number for number, name in enumerate(dict.fromkeys(found))}
    counts = [workload.adapters.count if isinstance(workload.adapters, AdapterMix) else 0 for workload in workloads]
    *drawn, count = accumulate(counts, initial=len(named))
    return AdapterNumbers(named=named, drawn=tuple(drawn), count=count)


def _names(workload: Workload, folder: Path) -> Sequence[str]:
    if not isinstance(workload, RecordedWorkload) or not isinstance(workload.adapters, AdapterColumn):
        return ()
    path = inside(folder, workload.path)
    check_adapter_column(workload.adapters, path)
    values = column_values(path, workload.adapters.column)
    names = [name for name in values if name is not None and name not in workload.adapters.without]
    if not names or len(names) > MOST_NAMES:
        raise InputError(
            f"{path.name}: column {workload.adapters.column!r} names {len(names):,} adapters; from 1 to {MOST_NAMES:,} "
            "are simulated: name another column, or import the log with --map adapter=COLUMN"
        )
    return names


def check_adapter_column(asked: AdapterColumn, path: Path) -> None:
    """Raise InputError if a trace has no column of adapters by that name."""
    check_column(path, asked.column, "state a mix: `adapters: {count: 40}`")


def _ends(mix: AdapterMix) -> Floats:
    """Upper ends of the adapters on the line from 0 to 1; what lies above the last asks for none."""
    weights = np.arange(1, mix.count + 1, dtype=np.float64) ** -mix.skew
    ends: Floats = np.cumsum(weights) / weights.sum() * mix.share
    return ends


def with_adapters(
    batches: Iterator[RequestBatch],
    adapters: AdapterMix | AdapterColumn | None,
    first: int,
    *,
    seed: int,
    index: int,
    part: int,
) -> Iterator[RequestBatch]:
    """Each request with its adapter; those that are drawn are numbered from `first` on, the others are there."""
    if not isinstance(adapters, AdapterMix):
        for batch in batches:
            yield replace(batch, adapter=batch.adapters())
        return
    generator, ends = stream(seed, "adapters", index, part), _ends(adapters)
    salt = int(generator.integers(2**62))
    for batch in batches:
        draws = generator.random(len(batch))
        sessions = batch.sessions()
        draws = np.where(sessions == NO_SESSION, draws, _draws(sessions, salt))
        chosen = np.searchsorted(ends, draws, side="right")
        adapter = np.where(chosen < adapters.count, first + chosen, NO_ADAPTER).astype(np.int16)
        yield replace(batch, adapter=adapter)


def _draws(sessions: Ints, salt: int) -> Floats:
    """A number from 0 to 1 for each conversation, by its hash (splitmix64)."""
    with np.errstate(over="ignore"):
        x = (sessions ^ np.int64(salt)).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        found: Floats = ((x ^ (x >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return found
