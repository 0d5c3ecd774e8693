"""The tables of a results folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simcost.billing.bill import Charge
from simcost.compare.results import RunResult, Served, Trained
from simcost.compare.slo_risk import spot_hours
from simcost.ledger.jobs import JobLedger
from simcost.ledger.requests import METRICS, RequestOutcomes
from simcost.scenario.runs.bills import PurchasedNodes
from simcost.tables.rows import table_of_rows

_OF_A_CHARGE = tuple(one.name for one in fields(Charge))
QUANTILES = np.append(np.arange(1, 200) / 200, 0.999)
Row = dict[str, Any]
_LEVELS = pa.schema([("metric", pa.string()), ("quantile", pa.float64()), ("value_s", pa.float64())])


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTables:
    """Contribution of one run of one plan, or of one of its services; tables but `nodes` are of replication 0 alone,
    None = there is none.
    """

    result: RunResult
    nodes: pa.Table
    timeline: pa.Table | None = None
    held: pa.Table | None = None
    latency: pa.Table | None = None
    gpus: pa.Table | None = None
    waits: pa.Table | None = None
    followed: pa.Table | None = None
    services: tuple[RunTables, ...] = ()
    """Of a plan of several services, what each contributes in place of the tables of requests above."""
    bought: Sequence[PurchasedNodes] = ()
    """Nodes of the plan that are billed."""


def write_tables(rows: Sequence[RunTables], folder: Path) -> list[str]:
    """Write the tables that there are; returns their names relative to the results folder.

    Of requests: timeline: `plan` and the columns of `ledger.TIMELINE`; held: `plan, t_s, gpus`, the GPUs that replicas
    hold from each change on; hours: `plan` and those of `SloReport.hours`;
    latency: `plan, metric, quantile, value_s`, within the error of the histograms; followed: `plan` and the columns of
    `following.FOLLOWED`, of fleets that changed in any replication. Of jobs: waits: `plan, metric,
    quantile, value_s`; gpus: `plan, t_s`, GPUs that `jobs` and `requests` hold, `waiting_jobs`, means from each time
    to the next. These are of replication 0. nodes: `plan, replication`, the columns of `ledger.NODES`, and
    `provider, sku, region`: what was metered, for `simcost bill`. charges: `plan, replication` and the fields of
    `Charge`. runs: one line per plan and replication. Of several services, tables have the column `service` after
    `plan` but for those of jobs, charges and runs, which are of the plan, nodes that services share
    have none in it, and services has a line per plan, replication and service.
    """
    folder.mkdir()
    results = [row.result for row in rows]
    parts = list(_parts(rows))
    changed = {part.key for part in parts if part.row.result.served and part.row.result.served.fleet_changed}
    tables = {
        "timeline": _joined((part.head, part.row.timeline) for part in parts),
        "held": _joined((part.head, part.row.held) for part in parts),
        "hours": _joined((part.head, _hours(part.row.result)) for part in parts),
        "latency": _joined((part.head, part.row.latency) for part in parts),
        "followed": _joined((part.head, part.row.followed) for part in parts if part.key in changed),
        "waits": _joined((part.head, part.row.waits) for part in parts),
        "gpus": _joined((part.head, part.row.gpus) for part in parts),
        "nodes": _joined(({"plan": row.result.plan}, _numbered(row)) for row in rows),
        "charges": table_of_rows([charge for result in results for charge in _charges(result)]),
        "runs": table_of_rows([{"plan": result.plan} | run_row(result) for result in results]),
        "services": _services(results),
    }
    found = {name: table for name, table in tables.items() if table is not None}
    for name, table in found.items():
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
    return [f"tables/{name}.parquet" for name in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """The tables of a plan, or of one of its services."""

    head: dict[str, str]
    """Columns in front of each of its tables."""
    row: RunTables

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(self.head.values())


def _parts(rows: Iterable[RunTables]) -> Iterator[_Part]:
    for row in rows:
        head = {"plan": row.result.plan}
        yield _Part(head=head, row=row)
        for service in row.services:
            yield _Part(head=head | {"service": service.result.plan}, row=service)


def _joined(parts: Iterable[tuple[dict[str, str], pa.Table | None]]) -> pa.Table | None:
    """Tables under each other, columns with their plan and service in front; None where there are none."""
    found = [_headed(table, head) for head, table in parts if table is not None]
    return pa.concat_tables(found) if found else None


def _headed(table: pa.Table, head: dict[str, str]) -> pa.Table:
    for place, (name, value) in enumerate(head.items()):
        table = table.add_column(place, name, pa.array([value] * len(table), pa.string()))
    return table


def _hours(result: RunResult) -> pa.Table | None:
    return result.served.slo.hours if result.served and result.replication == 0 else None


def _services(results: Sequence[RunResult]) -> pa.Table | None:
    """A line per plan, replication and service; None where plans have no services."""
    lines = [
        {"plan": result.plan, "service": service.plan} | run_row(service)
        for result in results
        for service in result.services
    ]
    return table_of_rows(lines) if lines else None


def _numbered(row: RunTables) -> pa.Table:
    """The nodes of a run with its replication in front."""
    return row.nodes.add_column(0, "replication", pa.array([row.result.replication] * len(row.nodes), pa.int64()))


def job_quantiles(ledger: JobLedger) -> pa.Table:
    """Quantiles of waiting and completion of the jobs that were not rejected; none where no job has a value."""
    out = ledger.outcomes
    ends = np.where(out.end_s < 0, ledger.horizon_s, out.end_s)
    values = {"wait_s": ledger.waits_s(), "jct_s": (ends - out.submit_s)[~out.rejected]}
    rows = [
        {"metric": metric, "quantile": float(q), "value_s": float(value)}
        for metric, times in values.items()
        if len(times)
        for q, value in zip(QUANTILES, np.quantile(times, QUANTILES), strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=_LEVELS)


def quantiles(outcomes: RequestOutcomes) -> pa.Table:
    """Quantiles of each metric from the histograms; none where no request has a value."""
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
    return pa.Table.from_pylist(found, schema=_LEVELS)


def _charges(result: RunResult) -> list[Row]:
    head = {"plan": result.plan, "replication": result.replication}
    return [head | {name: getattr(charge, name) for name in _OF_A_CHARGE} for charge in result.bill.charges]


def run_row(result: RunResult) -> Row:
    """Figures of a run, as a row of a table."""
    return {
        "replication": result.replication,
        "total_usd": result.bill.total_usd,
        "per_month_usd": result.bill.per_month_usd,
        "met": result.met,
        "attainment": result.attainment,
        **(_served(result.served) if result.served else {}),
        **_received(result),
        **(_trained(result.trained) if result.trained else {}),
        "horizon_s": result.bill.horizon_s,
        "node_h": result.node_hours,
        "spot_node_h": spot_hours(result),
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
        **({"interruptions": served.following.interruptions} if served.following else {}),
    }


def _received(result: RunResult) -> Row:
    """Of the requests that arrive those that services get from one another; empty where they send none."""
    sides = [one.served for one in (result, *result.services) if one.served is not None]
    found = [side.forwarded.received for side in sides if side.forwarded is not None]
    return {"received": sum(found)} if found else {}


def _trained(trained: Trained) -> Row:
    report = trained.slo
    return {
        **{f"jobs_{name}": count for name, count in report.jobs.items()},
        **{f"wait_{level}_s": value for level, value in report.wait_s.items()},
        **{f"jct_{level}_s": value for level, value in report.jct_s.items()},
        **{f"{bucket}_gpu_h": hours for bucket, hours in trained.gpu_hours.items()},
    }
