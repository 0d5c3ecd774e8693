"""Samples of monitored utilisation, each valid until the next, and the columns of monitoring exports."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from simcost.errors import TraceError, columns_said, did_you_mean
from simcost.tables.header import Head

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UtilizationSamples:
    """One row per unit and time, sorted by unit, then time; arrays of equal length.

    A unit is what one row measures: a GPU, a pod that holds one, or a whole pool of GPUs.
    """

    unit: Ints
    """Index into `units`."""
    pool: Ints
    """Index into `pools`."""
    owner: Ints
    """Index into `owners`: who holds the GPU at that time."""
    start_s: Floats
    """From the first sample of the file."""
    hold_s: Floats
    """Duration of the sample."""
    gpus: Floats
    """Capacity."""
    allocated: Floats
    """Allocated GPUs, busy or not."""
    down: Floats
    """GPUs broken or withdrawn."""
    duty: Floats
    """Mean share of time, 0 to 1, in which the allocated GPUs worked; NaN where it was not measured."""
    pending: Floats
    """GPUs that waiting jobs of this pool ask for."""
    waiting_jobs: Floats
    memory_used_bytes: Floats
    """Of the unit; NaN where not measured."""
    memory_total_bytes: Floats
    units: tuple[str, ...]
    pools: tuple[str, ...]
    owners: tuple[str, ...]
    """The empty name where the file says none."""
    step_s: float
    """Median time between samples of a unit."""
    start_utc_s: float | None
    """Seconds since 1970 of the first sample; None = the clock is unknown."""
    queues: bool
    """True if the file says how many GPUs or jobs wait."""

    def __len__(self) -> int:
        return len(self.start_s)

    @property
    def end_s(self) -> Floats:
        """End of each sample."""
        return self.start_s + self.hold_s

    @property
    def span_s(self) -> float:
        """From the first sample to the end of the last."""
        return float(self.end_s.max())

    @property
    def capacity_gpu_s(self) -> float:
        """GPU-seconds of capacity that were observed."""
        return float(self.gpus @ self.hold_s)


TIME, UNIT, NODE, POD, POOL, OWNER = "time", "unit", "node", "pod", "pool", "owner"
METRIC, DUTY = "metric", "duty"
USED, FREE, TOTAL = "memory_used_bytes", "memory_free_bytes", "memory_total_bytes"
GPUS, ALLOCATED, IDLE, DOWN = "gpus", "allocated", "idle_gpus", "down_gpus"
PENDING, WAITING = "pending_gpus", "waiting_jobs"
NAMES = (UNIT, NODE, POD, POOL, OWNER, METRIC)
"""Columns of text."""
NUMBERS = (DUTY, USED, FREE, TOTAL, GPUS, ALLOCATED, IDLE, DOWN, PENDING, WAITING)
WIDE = "wide:"
"""Before the name of a column that is the duty of one GPU."""
WHAT = "file of monitored utilisation, as CSV or Parquet"
MIB = float(2**20)

_CALLED: dict[str, tuple[str, ...]] = {
    TIME: (
        "timestamp",
        "time",
        "t_s",
        "time_s",
        "timestamp_s",
        "timestamp_ms",
        "time_ms",
        "timestamp_utc",
        "ts",
        "datetime",
        "date",
    ),
    UNIT: ("unit", "uuid", "gpu_uuid", "gpu", "gpu_id", "device", "index", "gpu_index"),
    NODE: ("node", "hostname", "nodename", "host", "instance"),
    POD: ("exported_pod", "pod", "pod_name"),
    POOL: ("pool", "vc", "queue", "partition", "cluster", "node_pool", "nodepool"),
    OWNER: ("owner", "user", "team", "account", "exported_namespace", "namespace"),
    METRIC: ("__name__", "metric", "metric_name"),
    DUTY: (
        "duty",
        "dcgm_fi_dev_gpu_util",
        "dcgm_fi_prof_gr_engine_active",
        "nvidia_smi_utilization_gpu_ratio",
        "utilization.gpu [%]",
        "duty_cycle",
        "gpu_util",
        "gpu_utilization",
        "gpu_utilisation",
        "utilization",
        "utilisation",
        "value",
    ),
    USED: (USED, "dcgm_fi_dev_fb_used", "memory.used [mib]", "memory_used_mib"),
    FREE: (FREE, "dcgm_fi_dev_fb_free", "memory.free [mib]", "memory_free_mib"),
    TOTAL: (TOTAL, "dcgm_fi_dev_fb_total", "memory.total [mib]", "memory_total_mib"),
    GPUS: (GPUS, "total_gpu_num", "total_gpus"),
    ALLOCATED: (ALLOCATED, "running_gpu_num", "allocated_gpus"),
    IDLE: (IDLE, "idle_gpu_num"),
    DOWN: (DOWN, "down"),
    PENDING: (PENDING, "pending_gpu_num"),
    WAITING: (WAITING, "pending_gpujob_num", "pending_jobs"),
}
_PERCENT = re.compile(r"gpu_util$|\[%\]|percent|pct")
_SHARE = re.compile(r"_prof_|ratio|share")


def called(name: str) -> str | None:
    """Canonical name of a column or metric of that name, None if it is unknown."""
    key = name.strip().lower()
    return next((ours for ours, spellings in _CALLED.items() if key in spellings), None)


def bytes_per(name: str) -> float:
    """Bytes in the unit of a memory column, by its name; DCGM's framebuffer fields are MiB."""
    key = name.lower()
    return MIB if "mib" in key or "_fb_" in key else 1.0


def stated_scale(name: str) -> float | None:
    """Value at full load of a duty column of that name: 100, 1, or None if the name does not say."""
    key = name.lower()
    return 100.0 if _PERCENT.search(key) else 1.0 if _SHARE.search(key) else None


def find_columns(head: Head, mapping: Mapping[str, str], path: Path) -> dict[str, str]:
    """Ours -> the file's; without a known duty or pool column, each column of numbers is the duty of one GPU.

    Raises:
        TraceError: columns that are missing or unknown, all of them, with suggestions.
    """
    faults = [
        f"{ours!r} is not a known column{did_you_mean(ours, list(_CALLED))} (known: {', '.join(_CALLED)})"
        for ours in mapping
        if ours not in _CALLED
    ]
    faults += [
        f"no column {theirs!r}{did_you_mean(theirs, head.names)}"
        for theirs in mapping.values()
        if theirs not in head.names
    ]
    found = _known(head.names, mapping) | dict(mapping)
    faults += [f"column {name!r} is there twice" for name in found.values() if head.names.count(name) > 1]
    if TIME not in found:
        faults.append("no timestamp column found; pass --map time=COLUMN")
    if DUTY not in found and GPUS not in found:
        found = _wide(head, found) or found
        if not any(name.startswith(WIDE) for name in found):
            faults.append(
                "no column holds a duty cycle or the number of GPUs; pass --map duty=COLUMN for samples "
                "of GPUs, --map gpus=COLUMN and --map allocated=COLUMN for samples of pools"
            )
    if GPUS in found and ALLOCATED not in found and DUTY not in found:
        faults.append("no column says how many GPUs are allocated; pass --map allocated=COLUMN")
    if faults:
        hint = "" if TIME in found else "; of a job log say how many GPUs the cluster has"
        raise TraceError(f"{path}: {'; '.join(faults)}{hint}; {columns_said(head.names)}")
    return found


def _known(names: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """The commonest spelling of each column of ours that is there and not mapped."""
    free = {name.strip().lower(): name for name in reversed(names) if name not in mapping.values()}
    return {
        ours: free[key]
        for ours, spellings in _CALLED.items()
        if ours not in mapping
        for key in reversed(spellings)
        if key in free
    }


def _wide(head: Head, found: Mapping[str, str]) -> dict[str, str]:
    """A table with a column per GPU, as dashboards export it."""
    if TIME not in found or set(found) != {TIME}:
        return {}
    units = [name for name in head.names if name in head.numeric and name != found[TIME]]
    return {TIME: found[TIME]} | {f"{WIDE}{name.strip()}": name for name in units}
