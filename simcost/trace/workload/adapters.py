"""LoRA adapters that requests ask for: some are asked for often, most rarely."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from simcost.rng import stream
from simcost.trace.requests.batch import NO_ADAPTER, NO_SESSION, Floats, Ints, RequestBatch
from simcost.trace.workload.spec import AdapterMix


def _ends(mix: AdapterMix) -> Floats:
    """Upper ends of the adapters on the line from 0 to 1; what lies above the last asks for none."""
    weights = np.arange(1, mix.count + 1, dtype=np.float64) ** -mix.skew
    ends: Floats = np.cumsum(weights) / weights.sum() * mix.share
    return ends


def with_adapters(
    batches: Iterator[RequestBatch], mix: AdapterMix | None, first: int, *, seed: int, index: int, part: int
) -> Iterator[RequestBatch]:
    """Each request with its adapter; those of a workload are numbered from `first` on."""
    if mix is None:
        for batch in batches:
            yield replace(batch, adapter=batch.adapters())
        return
    generator, ends = stream(seed, "adapters", index, part), _ends(mix)
    salt = int(generator.integers(2**62))
    for batch in batches:
        draws = generator.random(len(batch))
        sessions = batch.sessions()
        draws = np.where(sessions == NO_SESSION, draws, _draws(sessions, salt))
        chosen = np.searchsorted(ends, draws, side="right")
        adapter = np.where(chosen < mix.count, first + chosen, NO_ADAPTER).astype(np.int16)
        yield replace(batch, adapter=adapter)


def _draws(sessions: Ints, salt: int) -> Floats:
    """A number from 0 to 1 for each conversation, by its hash (splitmix64)."""
    with np.errstate(over="ignore"):
        x = (sessions ^ np.int64(salt)).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        found: Floats = ((x ^ (x >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return found
