"""Reader of monitored utilisation: samples of GPUs or of pools, their duration, and GPUs held, down and busy."""

from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from simcost.errors import TraceError
from simcost.tables.cells import Flags
from simcost.tables.header import peek
from simcost.tables.typed import TypedTable
from simcost.trace.series.resample import finding
from simcost.trace.utilization.samples import (
    ALLOCATED,
    DOWN,
    DUTY,
    FREE,
    GPUS,
    IDLE,
    NODE,
    OWNER,
    PENDING,
    POD,
    POOL,
    TIME,
    TOTAL,
    UNIT,
    USED,
    WAITING,
    WHAT,
    Floats,
    Ints,
    UtilizationSamples,
    bytes_per,
    find_columns,
    stated_scale,
)
from simcost.trace.utilization.table import arranged, pivoted, read_table
from simcost.units import NS_PER_S, format_seconds

Findings = list[dict[str, Any]]
Occupancy = tuple[Floats, Floats, Floats, Floats, Findings]


def occupancy(table: TypedTable) -> Occupancy:
    """Duty (0 to 1, NaN = not measured), allocated, gpus and down of the rows, and what was assumed.

    Counts that contradict each other are noted among the table's faults.
    """
    duty, findings = _duty(table)
    gpus, said = _gpus(table)
    findings += said
    allocated, said = _allocated(table, gpus, duty)
    findings += said
    down = _column(table, DOWN)
    if IDLE in table.numbers:
        idle = _column(table, IDLE)
        _wrong(
            table,
            allocated + idle > gpus,
            lambda i: f"allocated {allocated[i]:g} + idle {idle[i]:g} exceed {gpus[i]:g} GPUs",
        )
        down = np.maximum(down, gpus - allocated - idle)
    over = allocated + down > gpus
    _wrong(table, over, lambda i: f"allocated {allocated[i]:g} + down {down[i]:g} exceed {gpus[i]:g} GPUs")
    return duty, allocated, gpus, down, findings


def _duty(table: TypedTable) -> tuple[Floats, Findings]:
    """As a share; whether the file means per cent is in the name of the column, else in its largest value."""
    if DUTY not in table.numbers:
        return _everywhere(table, np.nan), []
    name, duty = table.theirs[DUTY], table.numbers[DUTY]
    stated = stated_scale(name)
    scale = stated or (100.0 if np.nanmax(duty, initial=0.0) > 1 else 1.0)
    _wrong(table, duty > scale, lambda i: f"{name}: duty {duty[i]:g} exceeds {scale:g}")
    words = "per cent" if scale == 100 else "a share from 0 to 1"
    fractions = ((duty > 0) & (duty < 1)).any() and np.nanmax(duty) <= 1
    why = "" if stated else ", by its largest value"
    if stated == 100 and fractions:
        why = (
            ", as its name says, but no value is above 1: if they are shares, call it duty_ratio, and say "
            "--map duty=duty_ratio"
        )
    return duty / scale, [finding("duty_unit", "", 1, f"{name} was read as {words}{why}")] if why else []


def _gpus(table: TypedTable) -> tuple[Floats, Findings]:
    if GPUS not in table.numbers:
        one = finding("gpus", "", 1, "the file does not say how many GPUs a unit has; one each was taken")
        return _everywhere(table, 1.0), [] if UNIT in table.codes else [one]
    gpus = _column(table, GPUS)
    return gpus, []


def _allocated(table: TypedTable, gpus: Floats, duty: Floats) -> tuple[Floats, Findings]:
    """Given; or where a pod is named on a GPU; else all. A working GPU is allocated, whatever the file says."""
    if ALLOCATED in table.numbers:
        allocated = _column(table, ALLOCATED)
        allocated = np.where(np.isnan(table.numbers[ALLOCATED]) & ~np.isnan(duty), gpus, allocated)
        findings: Findings = []
    elif POD in table.codes and UNIT in table.codes:
        empty = table.words[POD].get("", -1)
        allocated = np.where(table.codes[POD] == empty, 0.0, gpus)
        findings = [finding("allocated", "", 1, "a GPU was taken as allocated while a pod is named on it")]
    else:
        allocated = gpus
        findings = [finding("allocated", "", 1, "the file does not say which GPUs are allocated; all were taken so")]
    busy = (allocated == 0) & (duty > 0) & (gpus > 0)
    if busy.any():
        text = f"{int(busy.sum()):,} samples show work on GPUs that are not allocated; they were taken as allocated"
        findings.append(finding("busy_unallocated", "", int(busy.sum()), text))
    return np.where(busy, gpus, allocated), findings


def _column(table: TypedTable, name: str) -> Floats:
    """A column of counts; an empty cell is none."""
    if name not in table.numbers:
        return _everywhere(table, 0.0)
    return np.nan_to_num(table.numbers[name])


def _everywhere(table: TypedTable, value: float) -> Floats:
    """The same in each row, which takes no memory: of most columns a file says nothing."""
    return np.broadcast_to(np.float64(value), len(table))


def _wrong(table: TypedTable, bad: Flags, say: Callable[[int], str]) -> None:
    table.faults.add_all(np.flatnonzero(bad), lambda i: (table.place(i), say(i)))


LONGEST_STEPS = 3
"""A sample stands until the next one of its unit, but for this many median steps at most."""
_NONE: Mapping[str, str] = {}


def read_utilisation(path: Path, *, mapping: Mapping[str, str] = _NONE) -> tuple[UtilizationSamples, Findings]:
    """The samples of a monitoring export.

    Args:
        path: CSV (also .gz) or Parquet: samples of pools (time, pool, gpus, allocated, pending_gpus, ...), or of
            GPUs or pods (time, unit, duty, memory, ...) as DCGM, Prometheus, nvidia-smi or a dashboard export
            them: a column per measure, a row per metric, or a column per GPU.
        mapping: ours -> the file's column, where the file calls it otherwise.

    Returns:
        The samples, and findings on what was assumed, left out or missing.

    Raises:
        FaultsError: cells or rows at fault, with their lines, all at once.
        TraceError: a file or column that cannot be used; the message says the remedy.
    """
    head = peek(path, WHAT)
    columns = find_columns(head, mapping, path)
    table, others = pivoted(read_table(path, head, columns))
    findings = [_other(others)] if others else []
    findings += [finding(kind, "", count, text) for kind, count, text in table.findings()]
    unit, units = _units(table, path)
    order, omitted = _measured_order(table, unit, path)
    table, unit = arranged(table, order), unit[order]
    duty, allocated, gpus, down, assumed = occupancy(table)
    table.faults.check()
    start_ns = table.times_ns[TIME].min()
    time_s = (table.times_ns[TIME] - start_ns) / NS_PER_S
    hold_s, step_s, gaps = _hold(time_s, unit, path)
    pool, pools = _words(table, POOL)
    owner, owners = _owners(table)
    samples = UtilizationSamples(
        unit=unit,
        pool=pool,
        owner=owner,
        start_s=time_s,
        hold_s=hold_s,
        gpus=gpus,
        allocated=allocated,
        down=down,
        duty=duty,
        pending=_column(table, PENDING),
        waiting_jobs=_column(table, WAITING),
        memory_used_bytes=_memory(table, USED),
        memory_total_bytes=_total(table),
        units=units,
        pools=pools,
        owners=owners,
        step_s=step_s,
        start_utc_s=float(start_ns / NS_PER_S) if table.rules[TIME].epoch else None,
        queues=PENDING in table.numbers or WAITING in table.numbers,
    )
    return samples, findings + omitted + assumed + gaps


def _other(count: int) -> dict[str, Any]:
    return finding("other_metrics", "", count, f"{count:,} rows of metrics that are not used here were passed over")


def _units(table: TypedTable, path: Path) -> tuple[Ints, tuple[str, ...]]:
    """Unit of each row: pools by their name, GPUs by UUID, or by node and index; else pods."""
    given = [name for name in (NODE, UNIT) if name in table.codes]
    if UNIT in given and table.theirs.get(UNIT, "").lower() in ("uuid", "gpu_uuid"):
        given = [UNIT]
    pooled = GPUS in table.numbers and POOL in table.codes and UNIT not in given
    keys = [POOL] if pooled else given if UNIT in given else [POD] if POD in table.codes else given
    if not keys:
        keys = [POOL] if POOL in table.codes else []
    if not keys:
        return np.zeros(len(table), np.int64), (path.name.split(".")[0],)
    words = [table.texts(key) for key in keys]
    sizes = [len(said) for said in words]
    distinct, unit = _distinct(np.ravel_multi_index([table.codes[key] for key in keys], sizes), prod(sizes))
    parts = np.unravel_index(distinct, sizes)
    names = tuple("/".join(said[i] for said, i in zip(words, row, strict=True)) for row in zip(*parts, strict=True))
    return unit, names


def _distinct(codes: Ints, most: int) -> tuple[Ints, Ints]:
    """The different codes below `most` in order, and which of them each row is; without sorting where they are few."""
    if most > len(codes):
        found = np.unique(codes, return_inverse=True)
        return found[0], found[1]
    there = np.bincount(codes, minlength=most) > 0
    return np.flatnonzero(there), (np.cumsum(there) - 1)[codes]


def _measured_order(table: TypedTable, unit: Ints, path: Path) -> tuple[Ints, Findings]:
    """Rows with a measurement by unit, then time, and findings on those left out."""
    findings: Findings = []
    order, dropped = _order(table, unit)
    if dropped:
        text = f"{dropped:,} samples have the unit and time of a later row; the last row of each counts"
        findings.append(finding("duplicate", "", dropped, text))
    order, blank = _measured(table, order)
    if blank:
        findings.append(finding("blank", "", blank, f"{blank:,} samples without a measurement were left out"))
    if not len(order):
        raise TraceError(f"{path}: no sample has a measurement; give samples of at least two times")
    return order, findings


def _order(table: TypedTable, unit: Ints) -> tuple[Ints, int]:
    """Rows by unit, then time, the last of each; and how many others there were."""
    order = np.lexsort((table.times_ns[TIME], unit))
    new = np.ones(len(order), np.bool_)
    new[:-1] = (np.diff(unit[order]) != 0) | (np.diff(table.times_ns[TIME][order]) != 0)
    return order[new], int((~new).sum())


def _measured(table: TypedTable, order: Ints) -> tuple[Ints, int]:
    """The rows that say how many GPUs are allocated, or how busy they are; and how many say neither."""
    said = np.zeros(len(order), np.bool_)
    for name in (DUTY, ALLOCATED):
        if name in table.numbers:
            said |= ~np.isnan(table.numbers[name][order])
    return order[said], int((~said).sum())


def _hold(time_s: Floats, unit: Ints, path: Path) -> tuple[Floats, float, Findings]:
    """Duration of each sample, the median step, and the finding on gaps."""
    step = np.append(np.diff(time_s), 0.0)
    last = np.append(np.diff(unit) != 0, [True])
    if last.all():
        raise TraceError(
            f"{path}: no unit has two samples, so it is unknown how long one stands; give samples of at least two times"
        )
    step_s = float(np.median(step[~last]))
    longest = LONGEST_STEPS * step_s
    hold_s = np.where(last, step_s, np.minimum(step, longest))
    gaps = ~last & (step > longest * (1 + 1e-9))
    if not gaps.any():
        return hold_s, step_s, []
    missing = float((step - hold_s)[gaps].sum())
    text = (
        f"{int(gaps.sum()):,} gaps of more than {LONGEST_STEPS} steps of {format_seconds(step_s)}: "
        f"{format_seconds(missing)} over all units are in no account"
    )
    return hold_s, step_s, [finding("gaps", "", int(gaps.sum()), text)]


def _words(table: TypedTable, name: str) -> tuple[Ints, tuple[str, ...]]:
    """The codes and words of a column of text; one, empty, where there is none."""
    if name not in table.codes:
        return np.broadcast_to(np.int64(0), len(table)), ("",)
    return table.codes[name].astype(np.int64), table.texts(name)


def _owners(table: TypedTable) -> tuple[Ints, tuple[str, ...]]:
    """Owner of the GPU: the owner, else the pod where the unit is a GPU."""
    if OWNER in table.codes or UNIT not in table.codes:
        return _words(table, OWNER)
    return _words(table, POD)


def _memory(table: TypedTable, name: str) -> Floats:
    if name not in table.numbers:
        return _everywhere(table, np.nan)
    return table.numbers[name] * bytes_per(table.theirs[name])


def _total(table: TypedTable) -> Floats:
    """The memory of the unit: given, or used + free (without what the driver keeps)."""
    if TOTAL in table.numbers or not {USED, FREE} <= table.numbers.keys():
        return _memory(table, TOTAL)
    return _memory(table, USED) + _memory(table, FREE)
