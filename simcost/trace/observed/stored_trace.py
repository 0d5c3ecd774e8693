"""A stored trace with the latencies that its log had."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simcost.errors import TraceError
from simcost.trace.observed.observation import Configuration, ObservedEngine, ObservedRun
from simcost.trace.observed.soundness import cached_prompts, check_run
from simcost.trace.requests.prefix_reuse import counted_requests, shared_in_trace
from simcost.trace.requests.store import open_trace, read_labelled
from simcost.units import NS_PER_S

_MAGIC = b"PAR1"
_LATENCIES = ("ttft_s", "e2e_s")
_EVER_S = 1e9
"""Time for which prompts are remembered: that of any log."""


def is_trace(path: Path) -> bool:
    """True for a Parquet file."""
    with path.open("rb") as file:
        return file.read(4) == _MAGIC


def read_stored(path: Path) -> ObservedEngine:
    """The requests of a trace with their latencies.

    Raises:
        TraceError: it is not a trace, has no latencies, or those of several models.
    """
    info = open_trace(path)
    there = [name for name in _LATENCIES if name in info.columns]
    if not there:
        raise TraceError(
            f"{path}: has no latencies; import the log again with its columns, e.g. --map ttft_s=TTFT,e2e_ms=LATENCY"
        )
    if len(info.models) > 1:
        names = ", ".join(list(info.models)[:3])
        raise TraceError(f"{path}: the requests are of several models ({names}); import those of one with --where")
    parts = list(read_labelled(path, there))
    columns = {
        name: np.concatenate([labels[name].to_numpy(zero_copy_only=False).astype(float) for _, labels in parts])
        for name in there
    }
    arrival = np.concatenate([batch.arrival_ns for batch, _ in parts]) / NS_PER_S
    unknown = np.full(len(arrival), np.nan)
    run = ObservedRun(
        arrival_s=arrival - arrival[0],
        prompt_tokens=np.concatenate([batch.prompt_tokens for batch, _ in parts]).astype(np.int64),
        output_tokens=np.concatenate([batch.output_tokens for batch, _ in parts]).astype(np.int64),
        ttft_s=columns.get("ttft_s", unknown),
        e2e_s=columns.get("e2e_s", unknown),
        queue_s=unknown,
    )
    configuration = Configuration(model=next(iter(info.models), None))
    run, findings = check_run(run, str(path), np.arange(1, len(run) + 1))
    shared, counted = sum(int(tokens.sum()) for _, tokens in shared_in_trace(path, _EVER_S)), counted_requests(path)
    findings += cached_prompts(shared / int(run.prompt_tokens.sum()), str(path), counted=bool(counted))
    return ObservedEngine(kind="trace", files=(path,), configuration=configuration, run=run, findings=tuple(findings))
