"""Outcomes of tenants on disk: a row for each, and the cells of their histograms that are not zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import pyarrow as pa

from simcost.ledger.requests import METRICS, Buckets
from simcost.ledger.tenants import TenantOutcomes
from simcost.scenario.storage.folders import read_table

_ROWS, _CELLS = "tenants", "tenant_histograms"
_COUNTS = tuple(field.name for field in fields(TenantOutcomes) if field.name not in ("tenant", "histograms"))


def tenant_tables(tenants: Sequence[TenantOutcomes]) -> dict[str, pa.Table]:
    """The tables of tenants by name; none where there are none."""
    if not tenants:
        return {}
    rows = {name: [getattr(tenant, name) for tenant in tenants] for name in ("tenant", *_COUNTS)}
    places = [np.nonzero(tenant.histograms) for tenant in tenants]  # one after another: all may be a gigabyte
    counts = [tenant.histograms[place] for tenant, place in zip(tenants, places, strict=True)]
    metrics, buckets = (np.concatenate(column) for column in zip(*places, strict=True))
    cells = {
        "tenant": np.repeat(np.arange(len(tenants)), [len(one) for one in counts]),
        "metric": metrics,
        "bucket": buckets,
        "count": np.concatenate(counts),
    }
    return {_ROWS: pa.table(rows), _CELLS: pa.table(cells)}


def read_tenants(folder: Path, buckets: Buckets) -> tuple[TenantOutcomes, ...]:
    """The tenants in a folder; none where there are none."""
    if not (folder / f"{_ROWS}.parquet").exists():
        return ()
    rows, cells = read_table(folder, _ROWS).to_pylist(), read_table(folder, _CELLS)
    histograms = np.zeros((len(rows), len(METRICS), buckets.count), np.int64)
    histograms[tuple(cells[name].to_numpy() for name in ("tenant", "metric", "bucket"))] = cells["count"].to_numpy()
    return tuple(
        TenantOutcomes(
            tenant=row["tenant"],
            histograms=own,
            **{name: row[name] for name in _COUNTS},
        )
        for row, own in zip(rows, histograms, strict=True)
    )
