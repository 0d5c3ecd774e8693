"""Percentiles of request latencies: exact from their rows, or from histograms within a stated error.

A percentile is the smallest value with at least that share of the values at or below it (numpy's
`inverted_cdf`), so that both ways read the same request and differ by the width of its bucket only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from simcost.errors import RunError
from simcost.ledger.requests import METRICS, Buckets, RequestOutcomes
from simcost.ledger.tenants import TenantOutcomes

PERCENTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}
Floats = npt.NDArray[np.float64]
_SHARES = np.array(list(PERCENTILES.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyPercentiles:
    """Percentiles of completed requests, seconds; NaN where there was none.

    Axes: metric as in `METRICS`, percentile as in `PERCENTILES`.
    """

    mean: Floats
    """[metric]."""
    overall: Floats
    """[metric, percentile]."""
    by_window: Floats
    """[window of arrival, metric, percentile]."""
    error: float
    """Largest relative error; 0 = exact."""


def latency(outcomes: RequestOutcomes) -> LatencyPercentiles:
    """Exact where the run kept its rows, else from the histograms.

    Raises:
        RunError: the rows cannot be read, or are not those of this run.
    """
    return _from_histograms(outcomes) if outcomes.rows is None else _from_rows(outcomes, outcomes.rows)


def of_histogram(counts: npt.NDArray[np.int64], buckets: Buckets) -> tuple[Floats, Floats]:
    """Means [metric] and percentiles [metric, percentile] of counts [metric, bucket]; NaN where there are none."""
    middles = buckets.middles()
    with np.errstate(invalid="ignore"):
        mean: Floats = counts @ middles / counts.sum(axis=-1)
    return mean, _read(counts, middles)


def of_tenants(tenants: Sequence[TenantOutcomes], buckets: Buckets) -> tuple[Floats, Floats]:
    """Means [tenant, metric] and percentiles [tenant, metric, percentile], as `of_histogram` finds them of all buckets;
    NaN where there are none.
    """
    rows = np.repeat(np.arange(len(tenants)), [len(tenant.latency_places) for tenant in tenants])
    metric, bucket = np.divmod(np.concatenate([tenant.latency_places for tenant in tenants]), buckets.count)
    counts = np.concatenate([tenant.latency_counts for tenant in tenants])
    values, row = buckets.middles()[bucket], rows * len(METRICS) + metric
    shape = len(tenants), len(METRICS)
    ends = np.searchsorted(row, np.arange(len(tenants) * len(METRICS)), "right")
    reached = np.concatenate([[0], np.cumsum(counts)])
    below = np.concatenate([[0], reached[ends[:-1]]])
    number = reached[ends] - below
    place = np.searchsorted(reached[1:], below[:, None] + ranks(number))
    with np.errstate(invalid="ignore"):
        mean = np.bincount(row, counts * values, len(number)) / number
    levels = np.where(number[:, None] > 0, np.append(values, np.nan)[np.minimum(place, len(values))], np.nan)
    return mean.reshape(shape), levels.reshape(*shape, len(PERCENTILES))


def ranks(counts: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """1-based rank of each percentile among `counts` values: ceil(share x count); a further, last axis."""
    exact = np.asarray(counts)[..., None] * _SHARES
    rank: npt.NDArray[np.int64] = np.ceil(exact - 1e-9 * np.maximum(exact, 1.0)).astype(np.int64)
    return rank


def _from_histograms(outcomes: RequestOutcomes) -> LatencyPercentiles:
    mean, overall = of_histogram(outcomes.histograms.sum(axis=0), outcomes.buckets)
    return LatencyPercentiles(
        mean=mean,
        overall=overall,
        by_window=_read(outcomes.histograms, outcomes.buckets.middles()),
        error=outcomes.buckets.relative_error,
    )


def _read(counts: npt.NDArray[np.int64], middles: Floats) -> Floats:
    """The middle of the bucket that holds each rank: [..., bucket] -> [..., percentile]."""
    cumulative = counts.cumsum(axis=-1).reshape(-1, counts.shape[-1])
    wanted = ranks(cumulative[:, -1])
    bucket = np.array([row.searchsorted(rank) for row, rank in zip(cumulative, wanted, strict=True)], dtype=np.int64)
    found = middles[np.minimum(bucket.reshape(wanted.shape), len(middles) - 1)]
    return np.where(cumulative[:, -1:] > 0, found, np.nan).reshape(*counts.shape[:-1], len(PERCENTILES))


def _from_rows(outcomes: RequestOutcomes, rows: Path) -> LatencyPercentiles:
    window, values = _completed(rows, outcomes.window_s)
    if len(window) != outcomes.completed:
        raise RunError(
            f"{rows}: holds {len(window)} completed requests, the run had {outcomes.completed}; "
            "the file is not of this run or is cut short: run again with --fresh"
        )
    last = outcomes.windows.num_rows - 1
    window = np.minimum(window, last)
    ends = np.cumsum(np.bincount(window, minlength=last + 1))
    parts = np.split(values[:, np.argsort(window, kind="stable")], ends[:-1], axis=1)
    return LatencyPercentiles(
        mean=np.array([_mean(column) for column in values]),
        overall=_exact(values),
        by_window=np.stack([_exact(part) for part in parts]),
        error=0.0,
    )


def _completed(rows: Path, window_s: float) -> tuple[npt.NDArray[np.int64], Floats]:
    """Window of arrival [request] and values [metric, request] of completed requests, read batch by batch."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    columns = ["arrival_s", "status", "output_tokens", "ttft_s", "e2e_s"]
    windows, values = [np.empty(0, dtype=np.int64)], [np.empty((len(METRICS), 0))]
    try:
        for batch in pq.ParquetFile(rows).iter_batches(columns=columns):
            done = batch.filter(pc.equal(batch["status"], "completed"))
            arrival, tokens, ttft, e2e = (
                done[name].to_numpy(zero_copy_only=False).astype(np.float64)
                for name in ("arrival_s", "output_tokens", "ttft_s", "e2e_s")
            )
            gaps = np.where(tokens > 1, tokens - 1, np.nan)
            windows.append((arrival // window_s).astype(np.int64))
            values.append(np.stack([ttft, (e2e - ttft) / gaps, e2e]))
    except (OSError, pa.ArrowException) as error:
        raise RunError(f"{rows}: cannot read the outcomes: {error}; run again with --fresh") from error
    return np.concatenate(windows), np.concatenate(values, axis=1)


def _exact(values: Floats) -> Floats:
    """Exact percentiles, undefined values left out: [metric, request] -> [metric, percentile]."""
    result = np.full((len(values), len(PERCENTILES)), np.nan)
    for metric, column in enumerate(values):
        kept = column[~np.isnan(column)]
        if len(kept):
            place = ranks(len(kept)) - 1
            result[metric] = np.partition(kept, place)[place]
    return result


def _mean(values: Floats) -> float:
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if len(kept) else float("nan")
