"""Drawn requests as a stored trace, with all that their workload states of them."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from simcost.outputs import check_outputs
from simcost.tables.paths import inside
from simcost.trace.requests.batch import NO_ADAPTER, RequestBatch, Tenants
from simcost.trace.requests.writer import TraceWriter, required_columns
from simcost.trace.synthesis.generator import synthetic
from simcost.trace.synthesis.lengths import BLOCK_TOKENS, with_sessions
from simcost.trace.synthesis.sessions import recorded
from simcost.trace.workload.adapters import adapter_numbers
from simcost.trace.workload.arrivals import has_priorities, labelled
from simcost.trace.workload.spec import Stream, Synthetic, tenants, workload_traces
from simcost.units import NS_PER_S


def synthesize(
    spec: Synthetic,
    out: Path,
    *,
    folder: Path,
    seed: int,
    horizon_s: float,
    progress: Callable[[int, float], None] | None = None,
) -> dict[str, Any]:
    """Draw a synthetic workload (replication 0) and store it as a trace.

    Args:
        spec: the workload.
        out: the Parquet file to write.
        folder: traces are looked for in it.
        seed: of the random numbers.
        horizon_s: length of the trace.
        progress: called with the rows written and the share of the horizon done.

    Returns:
        file, rows, span_s, rate_per_s, seed, and `cut`: how many prompts and outputs the context limits cut.

    Raises:
        InputError: the horizon is impossible, or the file cannot be written.
    """
    check_outputs([out], [inside(folder, name) for name in workload_traces(spec)])
    cut = Counter({"prompt": 0, "output": 0})
    found = stored(
        synthetic(spec, folder=folder, seed=seed, index=0, horizon_s=horizon_s, cut=cut),
        spec,
        out,
        folder=folder,
        source=f"synthetic, seed {seed}",
        horizon_s=horizon_s,
        seed=seed,
        progress=progress,
    )
    return {**found, "seed": seed, "cut": dict(cut)}


def stored(
    batches: Iterator[RequestBatch],
    spec: Synthetic,
    out: Path,
    *,
    folder: Path,
    source: str,
    horizon_s: float,
    seed: int,
    index: int = 0,
    start_s: int | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> dict[str, Any]:
    """Store the requests of a workload as a trace, with their tenants, priorities and adapters; conversations get
    their numbers and prefixes.

    Args:
        batches: the requests, sorted.
        spec: who sends them.
        out: the Parquet file to write.
        folder: traces are looked for in it.
        source: what the trace says of its origin.
        horizon_s: length of the trace.
        seed: of the adapters that they ask for.
        index: of the replication, likewise.
        start_s: of its start, seconds since 1970, where known.
        progress: called with the rows written and the share of the horizon done.

    Returns:
        file, rows, span_s, rate_per_s.

    Raises:
        InputError: the file cannot be written.
    """
    horizon_ns = round(horizon_s * NS_PER_S)
    talking = any(client.sessions for client in spec.clients)
    system_tokens = [_system_tokens(client, folder) for client in spec.clients]
    labels = _labels(spec, folder)
    (requests,) = labelled([batches], [spec], folder=folder, seed=seed, index=index)
    with TraceWriter(
        out,
        source=source,
        span_ns=horizon_ns,
        optional=(*labels, *(("session", "prefix_hashes") if talking else ())),
        start_s=start_s,
        block_tokens=BLOCK_TOKENS if talking else None,
    ) as writer:
        for batch in requests:
            table = with_sessions(batch, system_tokens, writer.rows) if talking else required_columns(batch)
            for name, column in labels.items():
                table = table.append_column(name, column(batch))
            writer.write(table)
            if progress is not None and len(batch):
                progress(writer.rows, int(batch.arrival_ns[-1]) / horizon_ns)
    return {"file": str(out), "rows": writer.rows, "span_s": horizon_s, "rate_per_s": writer.rows / horizon_s}


def _labels(spec: Synthetic, folder: Path) -> dict[str, Callable[[RequestBatch], pa.Array]]:
    """Columns of a trace that the workload states, and their values."""
    senders, adapters = tenants([spec]), adapter_numbers([spec], folder).count
    named = [f"adapter-{number}" for number in range(1, adapters + 1)]
    found: dict[str, Callable[[RequestBatch], pa.Array]] = {}
    if adapters:
        found["adapter"] = lambda batch: _named(batch.adapters(), named)
    if senders:
        found["tenant"] = lambda batch: _named(batch.tenants(), senders)
    if has_priorities(spec, folder):
        found["priority"] = lambda batch: pa.array(batch.priorities(), pa.int16())
    return found


def _named(numbers: Tenants, names: Sequence[str]) -> pa.Array:
    """The name of each number; null = none."""
    places = pa.array(numbers.astype(np.int32), mask=numbers == NO_ADAPTER)
    return pa.DictionaryArray.from_arrays(places, pa.array(names))


def _system_tokens(client: Stream, folder: Path) -> int:
    """The tokens that all prompts of a client share."""
    if client.sessions is None:
        return 0
    named = client.sessions.trace
    return client.sessions.system_tokens if named is None else recorded(inside(folder, named)).system_tokens
