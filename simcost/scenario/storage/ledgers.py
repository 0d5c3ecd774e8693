"""Ledgers of requests and jobs on disk; histograms as the cells that are not zero."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from math import inf, isinf
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from simcost.ledger.jobs import JobLedger, JobOutcomes
from simcost.ledger.request_mix import ArrivalGaps, RequestMix
from simcost.ledger.requests import (
    AdapterLoads,
    Buckets,
    LatencyLimits,
    Ledger,
    PoolShare,
    PrefixHits,
    RequestOutcomes,
    Sendings,
    TransferUse,
)
from simcost.ledger.shared_nodes import SharedLedger
from simcost.scenario.storage.folders import read_table, seal, whole
from simcost.scenario.storage.laws import check_job_ledger, check_ledger
from simcost.scenario.storage.ledger_memory import MEMORY
from simcost.scenario.storage.tenants import read_tenants, tenant_tables

T = TypeVar("T", RequestMix, ArrivalGaps)
ROWS = "outcomes.parquet"
_OTHERWISE = ("sendings", "by_priority", "prefix_blocks", "prefix_cache", "adapter_loads", "overflowed")
"""Outcomes that only some runs have."""
_IN_TABLES = ("windows", "histograms", "rows", "by_tenant", "mix", "gaps")
"""Outcomes that tables hold."""
_TABLES = ("nodes", "replicas", "timeline", "events", "pulse")
_COUNTED = {"mix": ("prompt_tokens", "output_tokens", "counts"), "gaps": ("seconds", "counts")}
"""Columns of what only some runs have counted."""
_OF_ONE_SIDE = ("steps", "work_s", "preemptions")
"""Outcomes in which the sides differ where prefill and decode are apart."""


def save_ledger(ledger: Ledger, folder: Path) -> None:
    """Write a ledger into an existing folder, and seal it.

    Rows of requests are copied, unless they lie at `outcomes.parquet` of the folder already.
    """
    outcomes = ledger.outcomes
    tables = {name: getattr(ledger, name) for name in _TABLES}
    tables |= {"windows": outcomes.windows, "histograms": _cells(outcomes.histograms)}
    tables |= tenant_tables(outcomes.by_tenant, outcomes.buckets)
    for name, columns in _COUNTED.items():
        if (counted := getattr(outcomes, name)) is not None:
            tables[name] = pa.table({column: getattr(counted, column) for column in columns})
    if outcomes.rows is not None and outcomes.rows != folder / ROWS:
        shutil.copyfile(outcomes.rows, folder / ROWS)
    said = {
        "shape": outcomes.histograms.shape,
        "ledger": _own_scalars(ledger),
        "outcomes": {k: v for k, v in _scalars(outcomes).items() if k not in _IN_TABLES},
    }
    if ledger.prefill is not None and ledger.transfers is not None:
        tables |= {f"prefill_{name}": getattr(ledger.prefill, name) for name in _TABLES}
        work = {name: getattr(ledger.prefill.outcomes, name) for name in _OF_ONE_SIDE}
        said["prefill"] = {"ledger": _own_scalars(ledger.prefill), "outcomes": work}
        said["transfers"] = asdict(ledger.transfers)
    seal(folder, tables, said)


def _own_scalars(ledger: Ledger) -> dict[str, Any]:
    """Numbers of a ledger besides its tables and outcomes."""
    return {k: v for k, v in _scalars(ledger).items() if k not in (*_TABLES, "outcomes", "prefill", "transfers")}


def load_ledger(folder: Path) -> Ledger:
    """The ledger in a folder.

    Raises:
        RunError: there is none, or a file of it is missing, cut short or changed; or other code has made it.
    """
    return MEMORY.of(folder, _read_ledger)


def _read_ledger(folder: Path) -> Ledger:
    with whole(folder) as said:
        ledger = _side(folder, "", said["ledger"], _outcomes(folder, said))
        check_ledger(ledger)
        if "prefill" not in said:
            return ledger
        work = replace(ledger.outcomes, **said["prefill"]["outcomes"])
        prefill = _side(folder, "prefill_", said["prefill"]["ledger"], work)
        check_ledger(prefill)
        return replace(ledger, prefill=prefill, transfers=TransferUse(**said["transfers"]))


def _side(folder: Path, prefix: str, scalars: dict[str, Any], result: RequestOutcomes) -> Ledger:
    tables = {name: read_table(folder, f"{prefix}{name}") for name in _TABLES}
    pools = tuple(PoolShare(**pool) for pool in scalars.get("pools", ()))
    known = scalars | {"slots": tuple(scalars["slots"]), "pools": pools}
    return Ledger(**tables, **known, outcomes=result)


def save_shared_nodes(ledger: SharedLedger, folder: Path) -> None:
    """Write the nodes of services that share them into an existing folder, and seal it; each service has its own."""
    said = {"horizon_s": ledger.horizon_s, "disk_gb_per_node": ledger.disk_gb_per_node}
    tables = {"nodes": ledger.nodes, "events": ledger.events}
    seal(folder, tables, {"ledger": said | {"accelerators": ledger.accelerators}})


def load_shared_ledger(folder: Path, services: Mapping[str, Ledger]) -> SharedLedger:
    """The nodes in a folder, with the ledgers of the services on them. Raises as `load_ledger`."""
    with whole(folder) as said:
        scalars = said["ledger"] | {"accelerators": tuple(said["ledger"]["accelerators"])}
        tables = {name: read_table(folder, name) for name in ("nodes", "events")}
        return SharedLedger(**tables, **scalars, services=dict(services))


def _outcomes(folder: Path, seal: dict[str, Any]) -> RequestOutcomes:
    said = dict(seal["outcomes"])
    limits = {name: inf if value is None else value for name, value in said.pop("limits").items()}
    histograms = np.zeros(seal["shape"], dtype=np.int64)
    cells = pq.read_table(folder / "histograms.parquet")
    histograms[tuple(cells[name].to_numpy() for name in ("window", "metric", "bucket"))] = cells["count"].to_numpy()
    return RequestOutcomes(
        **{name: value for name, value in said.items() if name not in ("buckets", *_OTHERWISE)},
        overflowed=tuple(said["overflowed"]) if "overflowed" in said else None,
        prefix_blocks=tuple(said["prefix_blocks"]) if "prefix_blocks" in said else None,
        prefix_cache=_prefix_hits(said["prefix_cache"]) if "prefix_cache" in said else None,
        adapter_loads=AdapterLoads(**said["adapter_loads"]) if "adapter_loads" in said else None,
        by_priority=tuple(said.get("by_priority", ())),
        by_tenant=read_tenants(folder, Buckets(**said["buckets"])),
        sendings=Sendings(**said["sendings"]) if "sendings" in said else None,
        limits=LatencyLimits(**limits),
        buckets=Buckets(**said["buckets"]),
        windows=pq.read_table(folder / "windows.parquet"),
        histograms=histograms,
        rows=folder / ROWS if (folder / ROWS).exists() else None,
        mix=_counted(folder, "mix", RequestMix),
        gaps=_counted(folder, "gaps", ArrivalGaps),
    )


def _counted(folder: Path, name: str, kind: type[T]) -> T | None:
    if not (folder / f"{name}.parquet").exists():
        return None
    table = read_table(folder, name)
    return kind(**{column: table[column].to_numpy() for column in _COUNTED[name]})


def with_rows_in(ledger: Ledger, folder: Path) -> Ledger:
    """The ledger after its folder has moved."""
    if ledger.outcomes.rows is None:
        return ledger
    moved = replace(ledger, outcomes=replace(ledger.outcomes, rows=folder / ROWS))
    return moved if ledger.prefill is None else replace(moved, prefill=with_rows_in(ledger.prefill, folder))


def without_rows(ledger: Ledger) -> Ledger:
    """The ledger without the outcome of each request."""
    if ledger.outcomes.rows is None:
        return ledger
    bare = replace(ledger, outcomes=replace(ledger.outcomes, rows=None))
    return bare if ledger.prefill is None else replace(bare, prefill=without_rows(ledger.prefill))


def _cells(histograms: npt.NDArray[np.int64]) -> pa.Table:
    _, metrics, buckets = histograms.shape
    counts = histograms.ravel()
    there = np.flatnonzero(counts != 0)
    row, bucket = np.divmod(there, buckets)
    window, metric = np.divmod(row, metrics)
    return pa.table({"window": window, "metric": metric, "bucket": bucket, "count": counts[there]})


def _prefix_hits(said: dict[str, Any]) -> PrefixHits:
    return PrefixHits(**said | {"tier_tokens": tuple(said["tier_tokens"])})


def _scalars(thing: Ledger | RequestOutcomes) -> dict[str, Any]:
    """The fields of a record; limits and buckets as mappings, no limit as null."""
    result = {name: getattr(thing, name) for name in thing.__dataclass_fields__}
    if isinstance(thing, RequestOutcomes):
        limits = {name: None if isinf(value) else value for name, value in asdict(thing.limits).items()}
        result |= {"limits": limits, "buckets": asdict(thing.buckets)}
        if (sendings := result.pop("sendings")) is not None:
            result["sendings"] = asdict(sendings)
        for name in ("prefix_cache", "adapter_loads"):
            if (counted := result.pop(name)) is not None:
                result[name] = asdict(counted)
        result = {k: v for k, v in result.items() if k not in _OTHERWISE or v}
    elif pools := result.pop("pools"):
        result["pools"] = [asdict(pool) for pool in pools]
    return result


def save_job_ledger(ledger: JobLedger, folder: Path) -> None:
    """Write a ledger of jobs into an existing folder, and seal it; times of jobs lie in `jobs.parquet`."""
    out = ledger.outcomes
    columns = {name: getattr(out, name) for name in out.__dataclass_fields__}
    tables = {"jobs": pa.table({name: values for name, values in columns.items() if values is not None})}
    tables |= {name: table for name in ("nodes", "timeline") if (table := getattr(ledger, name)) is not None}
    left_out = ("outcomes", "nodes", "timeline")
    said = {name: getattr(ledger, name) for name in ledger.__dataclass_fields__ if name not in left_out}
    seal(folder, tables, {"ledger": said})


def load_job_ledger(folder: Path) -> JobLedger:
    """The ledger of jobs in a folder. Raises as `load_ledger`."""
    return MEMORY.of(folder, _read_job_ledger)


def _read_job_ledger(folder: Path) -> JobLedger:
    with whole(folder) as said:
        jobs = read_table(folder, "jobs")
        tables = {
            name: read_table(folder, name) for name in ("nodes", "timeline") if (folder / f"{name}.parquet").exists()
        }
        columns = {name: jobs[name].to_numpy() for name in jobs.column_names}
        ledger = JobLedger(**tables, **said["ledger"], outcomes=JobOutcomes(**columns))
        check_job_ledger(ledger)
        return ledger
