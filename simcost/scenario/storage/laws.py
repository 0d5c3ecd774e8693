"""Laws that every run keeps; a stored one that breaks them is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from math import fsum

import numpy as np
import numpy.typing as npt

from simcost.ledger.jobs import HELD, JobLedger
from simcost.ledger.requests import METRICS, Ledger, RequestOutcomes

ROUNDING = 1e-9
"""Relative error that sums of floats may have."""
_LEFT = ("completed", "rejected", "timed_out", "lost")


def check_ledger(ledger: Ledger) -> None:
    """Raise ValueError for the first law that a run of requests breaks."""
    _refuse([*_outcome_faults(ledger.outcomes), *_fleet_faults(ledger)])


def check_job_ledger(ledger: JobLedger) -> None:
    """Raise ValueError for the first law that a run of jobs breaks."""
    out, spent = ledger.outcomes, np.array(list(ledger.gpu_seconds.values()))
    most = ledger.gpus * ledger.horizon_s * (1 + ROUNDING) + 1e-6
    held = fsum(ledger.gpu_seconds.get(bucket, 0.0) for bucket in HELD) - out.held_gpu_s.sum(keepdims=True)
    started, ended = out.start_s >= 0, out.end_s >= 0
    laws = {
        "jobs start before they are submitted": (out.start_s < out.submit_s)[started],
        "jobs start before those they wait for have ended": (out.start_s < out.queued_s)[started],
        "jobs end before they start": (out.end_s < out.start_s)[ended],
        "jobs end that never started": ended & ~started,
        "rejected jobs start": out.rejected & started,
        "counts or times of jobs are negative": np.concatenate(
            [values < 0 for values in (out.gpus, out.preemptions, out.lost_s, out.checkpoint_s, out.restart_s)]
        ),
        "GPU-seconds are negative": spent < -1e-9 * most,
        "GPU-seconds are more than the cluster has": spent.sum(keepdims=True) > most,
        "GPU-seconds that jobs hold are not the sum of what each held": np.abs(held) > 1e-6 + ROUNDING * most,
    }
    _refuse([law for law, broken in laws.items() if broken.any()])


def _refuse(broken: list[str]) -> None:
    if broken:
        raise ValueError(f"{broken[0]}, which cannot be")


def _outcome_faults(out: RequestOutcomes) -> Iterator[str]:
    """Requests are conserved, in all and window by window; clients' retries and priorities add up."""
    if out.arrived != sum(getattr(out, name) for name in _LEFT) + out.in_system:
        yield "requests that arrived are not those that left or are in the system"
    for name in ("arrived", *_LEFT):
        if int(_column(out.windows, name).sum()) != getattr(out, name):
            yield f"{name} of the windows do not add up"
    if (_column(out.windows, "good") > _column(out.windows, "completed")).any():
        yield "more requests are good than completed"
    counted = out.histograms.sum(axis=(0, 2))
    if (out.histograms < 0).any() or counted[METRICS.index("e2e_s")] != out.completed:
        yield "latencies are not those of the completed requests"
    if (cache := out.prefix_cache) is not None and not 0 <= cache.hit_tokens <= cache.query_tokens:
        yield "prefix caches hit more tokens than were looked up"
    if (sent := out.sendings) is not None:
        left = sum(getattr(sent, name) for name in _LEFT)
        if sent.arrived != out.arrived + sent.retries or sent.arrived != left + sent.in_system:
            yield "requests and retries do not add up"
    for name in ("arrived", *_LEFT, "in_system"):
        if out.by_priority and sum(one[name] for one in out.by_priority) != getattr(out, name):
            yield f"{name} of the priorities do not add up"
        if out.by_tenant and sum(getattr(one, name) for one in out.by_tenant) != getattr(out, name):
            yield f"{name} of the tenants do not add up"


def _fleet_faults(ledger: Ledger) -> Iterator[str]:
    """Nodes and replicas are there within the run, and replicas take no more than their nodes have."""
    slack_s = ROUNDING * max(ledger.horizon_s, 1.0)
    for what, table in (("nodes", ledger.nodes), ("replicas", ledger.replicas)):
        start, end = _column(table, "start_s"), _column(table, "end_s")
        if (start < -slack_s).any() or (end < start - slack_s).any() or (end > ledger.horizon_s + slack_s).any():
            yield f"{what} are there outside of the run"
    replicas, nodes = ledger.replicas, ledger.nodes
    length, busy = _column(replicas, "end_s") - _column(replicas, "start_s"), _column(replicas, "busy_s")
    if (busy < -slack_s).any() or (busy > length + slack_s).any():
        yield "replicas are busy for longer than they are there"
    if not np.isin(_column(replicas, "node"), _column(nodes, "node")).all():
        yield "replicas are on nodes that are not there"
    kinds = _column(nodes, "kind")
    if (kinds < 0).any() or (kinds >= len(ledger.slots)).any():
        yield "nodes are of a kind that is not there"
    elif length.sum() > ledger.offered_s().sum() * (1 + ROUNDING) + slack_s:
        yield "replicas take more than their nodes have"


def _column(table: object, name: str) -> npt.NDArray[np.float64]:
    values: npt.NDArray[np.float64] = table[name].to_numpy()  # type: ignore[index]
    return values
