"""Outcomes of tenants on disk: a row for each, and the cells of their histograms that are not zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import pyarrow as pa

from simcost.ledger.requests import Buckets
from simcost.ledger.tenants import TenantOutcomes
from simcost.scenario.storage.folders import read_table

_ROWS, _CELLS = "tenants", "tenant_histograms"
_IN_CELLS = ("latency_places", "latency_counts")
_COUNTS = tuple(field.name for field in fields(TenantOutcomes) if field.name not in ("tenant", *_IN_CELLS))


def tenant_tables(tenants: Sequence[TenantOutcomes], buckets: Buckets) -> dict[str, pa.Table]:
    """The tables of tenants by name; none where there are none."""
    if not tenants:
        return {}
    rows = {name: [getattr(tenant, name) for tenant in tenants] for name in ("tenant", *_COUNTS)}
    places, counts = (np.concatenate([getattr(tenant, name) for tenant in tenants]) for name in _IN_CELLS)
    metrics, numbers = np.divmod(places, buckets.count)
    cells = {
        "tenant": np.repeat(np.arange(len(tenants)), [len(tenant.latency_places) for tenant in tenants]),
        "metric": metrics,
        "bucket": numbers,
        "count": counts,
    }
    return {_ROWS: pa.table(rows), _CELLS: pa.table(cells)}


def read_tenants(folder: Path, buckets: Buckets) -> tuple[TenantOutcomes, ...]:
    """The tenants in a folder; none where there are none."""
    if not (folder / f"{_ROWS}.parquet").exists():
        return ()
    rows, cells = read_table(folder, _ROWS).to_pylist(), read_table(folder, _CELLS)
    tenant, metric, bucket, count = (cells[name].to_numpy() for name in ("tenant", "metric", "bucket", "count"))
    ends = np.searchsorted(tenant, np.arange(1, len(rows)))
    return tuple(
        TenantOutcomes(
            tenant=row["tenant"],
            latency_places=places,
            latency_counts=counts,
            **{name: row[name] for name in _COUNTS},
        )
        for row, places, counts in zip(
            rows, np.split(metric * buckets.count + bucket, ends), np.split(count, ends), strict=True
        )
    )
