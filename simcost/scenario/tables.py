"""The tables of a results folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simcost.compare.result import RunResult, Served
from simcost.ledger import METRICS, Ledger, Outcomes

QUANTILES = np.append(np.arange(1, 200) / 200, 0.999)
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What one run of one plan contributes; timeline and latency of replication 0 alone."""

    result: RunResult
    timeline: pa.Table | None
    latency: pa.Table | None


def rows_of(result: RunResult, ledger: Ledger) -> Rows:
    """The parts of a ledger that the tables need."""
    first = result.replication == 0
    return Rows(
        result=result,
        timeline=ledger.timeline if first else None,
        latency=_quantiles(ledger.outcomes) if first else None,
    )


def write_tables(rows: Sequence[Rows], folder: Path) -> list[str]:
    """Write all tables; returns their names relative to the results folder.

    timeline: `plan` and the columns of `ledger.TIMELINE`. hours: `plan` and those of `SloReport.hours`.
    latency: `plan, metric, quantile, value_s`, within the error of the histograms. These are of replication 0.
    charges: `plan, replication` and the fields of `Charge`. runs: one line per plan and replication.
    """
    folder.mkdir()
    results = [row.result for row in rows]
    tables = {
        "timeline": _joined((row.result.plan, row.timeline) for row in rows if row.timeline is not None),
        "hours": _joined(
            (one.plan, one.served.slo.hours) for one in results if one.served and one.replication == 0
        ),
        "latency": _joined((row.result.plan, row.latency) for row in rows if row.latency is not None),
        "charges": pa.Table.from_pylist([charge for result in results for charge in _charges(result)]),
        "runs": pa.Table.from_pylist([_line(result) for result in results]),
    }
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
    return [f"tables/{name}.parquet" for name in tables]


def _joined(parts: Iterable[tuple[str, pa.Table]]) -> pa.Table:
    """Tables of plans under each other, the plan in front."""
    return pa.concat_tables(
        [table.add_column(0, "plan", pa.array([plan] * len(table), pa.string())) for plan, table in parts]
    )


def _quantiles(outcomes: Outcomes) -> pa.Table:
    """Quantiles of each metric from the histograms; none where no request tells."""
    middles, total = outcomes.buckets.middles(), outcomes.histograms.sum(axis=0)
    found: list[Row] = []
    for metric, counts in zip(METRICS, total, strict=True):
        cumulative = counts.cumsum()
        if cumulative[-1]:
            place = np.searchsorted(cumulative, np.ceil(QUANTILES * cumulative[-1]))
            found += [
                {"metric": metric, "quantile": float(q), "value_s": float(middles[i])}
                for q, i in zip(QUANTILES, place, strict=True)
            ]
    schema = [("metric", pa.string()), ("quantile", pa.float64()), ("value_s", pa.float64())]
    return pa.Table.from_pylist(found, schema=pa.schema(schema))


def _charges(result: RunResult) -> list[Row]:
    head = {"plan": result.plan, "replication": result.replication}
    return [head | asdict(charge) for charge in result.bill.charges]


def _line(result: RunResult) -> Row:
    return {
        "plan": result.plan,
        "replication": result.replication,
        "total_usd": result.bill.total_usd,
        "per_month_usd": result.bill.per_month_usd,
        "met": result.met,
        "attainment": result.attainment,
        **(_served(result.served) if result.served else {}),
        "node_h": result.node_hours,
        "accelerator_h": result.accelerator_hours,
        "utilisation": result.utilisation,
    }


def _served(served: Served) -> Row:
    return {
        "engine_factor": served.engine_factor,
        **served.requests,
        "output_tokens": served.output_tokens,
        **{
            f"{metric.removesuffix('_s')}_{level}_s": value
            for metric, levels in served.slo.metrics.items()
            for level, value in levels.items()
        },
        **{f"{state}_replica_h": hours for state, hours in served.replica_hours.items()},
    }
