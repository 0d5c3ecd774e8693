"""Samples of monitored utilisation, each valid until the next, and the columns of monitoring exports."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from simcost.errors import TraceError, columns_said
from simcost.tables.columns import Column, DeclaredTable
from simcost.tables.header import Head

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


PART_ROWS = 500_000
"""Samples that are looked at together: measures take several times the memory of their samples."""


def whole_units(rows: Ints) -> Iterator[tuple[int, int]]:
    """First unit and end of each part: units with PART_ROWS rows together, or one unit with more."""
    ends = np.concatenate([[0], np.cumsum(rows)])
    begin = 0
    while begin < len(rows):
        last = int(np.searchsorted(ends, ends[begin] + PART_ROWS, side="right")) - 1
        end = min(max(last, begin + 1), len(rows))
        yield begin, end
        begin = end


class MonitoredUnits(Protocol):
    """Samples of units, of which those of some whole units are in memory at a time."""

    @property
    def units(self) -> tuple[str, ...]:
        """Names of the units."""

    @property
    def pools(self) -> tuple[str, ...]:
        """Names of the pools."""

    @property
    def owners(self) -> tuple[str, ...]:
        """Names of those who hold GPUs."""

    @property
    def step_s(self) -> float:
        """Median time between samples of a unit."""

    @property
    def start_utc_s(self) -> float | None:
        """Seconds since 1970 of the first sample; None = the clock is unknown."""

    @property
    def queues(self) -> bool:
        """True if the file says how many GPUs or jobs wait."""

    def __len__(self) -> int:
        """Number of samples."""

    @property
    def span_s(self) -> float:
        """From the first sample to the end of the last."""

    def parts(self) -> Iterator["UtilizationSamples"]:
        """The samples of some whole units after the other."""


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

    def parts(self) -> Iterator["UtilizationSamples"]:
        """The samples of some whole units after the other."""
        rows = np.bincount(self.unit, minlength=len(self.units))
        ends = np.concatenate([[0], np.cumsum(rows)])
        for first, last in whole_units(rows):
            if ends[last] > ends[first]:
                part = slice(int(ends[first]), int(ends[last]))
                yield self.with_columns({name: getattr(self, name)[part] for name in self.columns()})

    @classmethod
    def columns(cls) -> tuple[str, ...]:
        """Names of the arrays."""
        return tuple(field.name for field in fields(cls) if field.type in (Ints, Floats))

    def with_columns(self, columns: Mapping[str, Any]) -> "UtilizationSamples":
        """The same units with other samples."""
        return replace(self, **columns)


TIME, UNIT, NODE, POD, POOL, OWNER = "time", "unit", "node", "pod", "pool", "owner"
SLICE, PROFILE = "mig_instance", "mig_profile"
METRIC, DUTY = "metric", "duty"
ENGINE = "engine_active"
"""Duty where the first has none: DCGM gives GPUs with MIG no other."""
MODEL = "gpu_model"
USED, FREE, TOTAL = "memory_used_bytes", "memory_free_bytes", "memory_total_bytes"
GPUS, ALLOCATED, IDLE, DOWN = "gpus", "allocated", "idle_gpus", "down_gpus"
PENDING, WAITING = "pending_gpus", "waiting_jobs"
WIDE = "wide:"
"""Before the name of a column that is the duty of one GPU."""
WIDE_SAID = "its columns"
"""All of them, in messages."""
WHAT = "file of monitored utilisation, as CSV or Parquet"
MIB = float(2**20)

_FLAGS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
_UNIT_OF_CELL = r"\s*(%|MiB)\s*$"


def _bare(column: pa.Array) -> pa.Array:
    """Cells without the unit that nvidia-smi writes in each."""
    return pc.replace_substring_regex(column, _UNIT_OF_CELL, "") if pa.types.is_string(column.type) else column


def _measure(name: str, *aliases: str, words: Mapping[str, float] | None = None) -> Column:
    remedy = "leave the cell empty if it is unknown"
    return Column(name=name, aliases=aliases, kind="number", low=0, words=words, spelled=_bare, remedy=remedy)


UTILISATION = DeclaredTable(
    what=WHAT,
    columns=(
        Column(
            name=TIME,
            aliases=(
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
            kind="time",
            required=True,
            filled=True,
        ),
        Column(name=UNIT, aliases=("uuid", "gpu_uuid", "gpu", "gpu_id", "device", "index", "gpu_index")),
        Column(name=NODE, aliases=("hostname", "nodename", "host", "instance")),
        Column(name=POD, aliases=("exported_pod", "pod", "pod_name")),
        Column(name=POOL, aliases=("vc", "queue", "partition", "cluster", "node_pool", "nodepool")),
        Column(name=OWNER, aliases=("user", "team", "account", "exported_namespace", "namespace")),
        Column(name=SLICE, aliases=("gpu_i_id", "mig_instance_id")),
        Column(name=PROFILE, aliases=("gpu_i_profile",)),
        Column(name=MODEL, aliases=("modelname", "gpu_type", "gpu_name", "accelerator")),
        Column(name=METRIC, aliases=("__name__", "metric", "metric_name")),
        _measure(
            DUTY,
            "dcgm_fi_dev_gpu_util",
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
        _measure(ENGINE, "dcgm_fi_prof_gr_engine_active"),
        _measure(USED, "dcgm_fi_dev_fb_used", "memory.used [mib]", "memory_used_mib"),
        _measure(FREE, "dcgm_fi_dev_fb_free", "memory.free [mib]", "memory_free_mib"),
        _measure(TOTAL, "dcgm_fi_dev_fb_total", "memory.total [mib]", "memory_total_mib"),
        _measure(GPUS, "total_gpu_num", "total_gpus"),
        _measure(ALLOCATED, *("running_gpu_num", "allocated_gpus", "busy", "busy_gpus"), words=_FLAGS),
        _measure(IDLE, "idle_gpu_num", "idle", "free_gpus"),
        _measure(DOWN, "down"),
        _measure(PENDING, "pending_gpu_num"),
        _measure(WAITING, "pending_gpujob_num", "pending_jobs"),
        _measure(WIDE),
    ),
)
NUMBERS = tuple(column.name for column in UTILISATION.columns if column.kind == "number" and column.name != WIDE)
_PERCENT = re.compile(r"gpu_util$|\[%\]|percent|pct")
_SHARE = re.compile(r"_prof_|ratio|share")


def called(name: str) -> str | None:
    """Canonical name of a column or metric of that name, None if it is unknown."""
    key = name.strip().lower()
    return next((column.name for column in UTILISATION.columns if key in column.spellings), None)


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
    result, faults = UTILISATION.match(head.names, mapping)
    faults += UTILISATION.lacking(result)
    if DUTY not in result and ENGINE in result:
        result[DUTY] = result.pop(ENGINE)
    if DUTY not in result and not counts_pools(result):
        result = _wide(head, result) or result
        if not any(name.startswith(WIDE) for name in result):
            faults.append(
                "no column holds a duty cycle or the number of GPUs; pass --map duty=COLUMN for samples "
                "of GPUs, --map gpus=COLUMN (or --map idle_gpus=COLUMN) and --map allocated=COLUMN for samples of pools"
            )
    if GPUS in result and ALLOCATED not in result and DUTY not in result:
        faults.append("no column says how many GPUs are allocated; pass --map allocated=COLUMN")
    if faults:
        hint = "" if TIME in result else "; of a job log say how many GPUs the cluster has"
        raise TraceError(f"{path}: {'; '.join(faults)}{hint}; {columns_said(head.names)}")
    return result


def counts_idle(columns: Collection[str]) -> bool:
    """True if allocated and idle GPUs are counted apart, so that their sum is the capacity."""
    return GPUS not in columns and ALLOCATED in columns and IDLE in columns


def counts_pools(columns: Collection[str]) -> bool:
    """True if the capacity of a row is counted, so that a row is of a pool."""
    return GPUS in columns or counts_idle(columns)


def _wide(head: Head, found: Mapping[str, str]) -> dict[str, str]:
    """A table with a column per GPU, as dashboards export it."""
    if TIME not in found or set(found) != {TIME}:
        return {}
    units = [name for name in head.names if name in head.numeric and name != found[TIME]]
    return {TIME: found[TIME]} | {f"{WIDE}{name.strip()}": name for name in units}
