"""Job traces and clusters for the tests of placement."""

import csv
import gzip
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from simcost.trace.jobs.jobs import NONE, Jobs
from simcost.trace.jobs.nodes import NodeTable


def jobs_of(rows: list[dict[str, Any]], pools: tuple[str, ...] = ("",), types: tuple[str, ...] = ("",)) -> Jobs:
    """Jobs from rows of the columns that differ from: submitted at 0, for 1 s, one whole GPU, of any type."""

    def column(name: str, default: int) -> np.ndarray:
        return np.array([row.get(name, default) for row in rows], np.int64)

    return Jobs.of(
        submit_s=column("submit", 0),
        duration_s=column("duration", 1),
        gpus=column("gpus", 1),
        gpu_milli=column("milli", 1000),
        cpu_milli=column("cpu", 0),
        memory_mib=column("memory", 0),
        deadline_s=column("deadline", NONE),
        pool=column("pool", 0),
        gpu_type=column("type", 0),
        pools=pools,
        gpu_types=types,
    )


def nodes_of(*gpus: int, types: tuple[str, ...] = ("",), pools: tuple[str, ...] = ("",), **columns: Any) -> NodeTable:
    """Nodes a, b, c ... of so many GPUs; cpu, memory, pool and type by node where given."""
    none = [0] * len(gpus)
    names = tuple(f"{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(len(gpus)))
    cpu, memory, pool, kind = (
        np.array(columns.get(name, none), np.int64) for name in ("cpu", "memory", "pool", "type")
    )
    return NodeTable(
        names=names,
        gpus=np.array(gpus, np.int64),
        cpu_milli=cpu,
        memory_mib=memory,
        pool=pool,
        gpu_type=kind,
        pools=pools,
        gpu_types=types,
    )


def philly(folder: Path, pools: tuple[str, ...], window_s: int) -> Jobs:
    """Jobs of the pools from October 2017 on, as long as submitted within the window of the first of them."""
    with gzip.open(folder / "philly_jobs.csv.gz", "rt") as file:
        rows = [row for row in csv.DictReader(file) if row["vc"] in pools and row["submit_time"] >= "2017-10"]
    first = datetime.fromisoformat(rows[0]["submit_time"])
    asked = [
        {
            "submit": int((datetime.fromisoformat(row["submit_time"]) - first).total_seconds()),
            "duration": int(row["duration_s"]),
            "gpus": int(row["num_gpus"]),
            "pool": pools.index(row["vc"]),
        }
        for row in rows
    ]
    return jobs_of([row for row in asked if row["submit"] <= window_s], pools)


def openb(folder: Path) -> Jobs:
    """All pods of Alibaba's openb trace."""
    with (folder / "openb_pod_list_default.csv").open() as file:
        rows = list(csv.DictReader(file))
    return jobs_of(
        [
            {
                "gpus": int(row["num_gpu"]),
                "milli": int(row["gpu_milli"]) or 1000,
                "cpu": int(row["cpu_milli"]),
                "memory": int(row["memory_mib"]),
            }
            for row in rows
        ]
    )
