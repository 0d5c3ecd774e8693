"""Reader of monitored utilisation: samples of GPUs or of pools, their duration, and GPUs held, down and busy.

Rows are stored by unit, so that memory durations those of some units at a time, however many there are.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import fsum
from pathlib import Path
from shlex import quote

import numpy as np

from simcost.errors import TraceError
from simcost.tables.header import peek
from simcost.tables.row_filter import Conditions
from simcost.tables.typed import TypedTable
from simcost.trace.series.resample import finding
from simcost.trace.utilization.blocks import RowBlocks
from simcost.trace.utilization.mig_instances import whole_gpus
from simcost.trace.utilization.occupancy import Findings, Occupancy, column, memory, total_memory
from simcost.trace.utilization.samples import (
    ALLOCATED,
    DUTY,
    ENGINE,
    MODEL,
    NODE,
    OWNER,
    PENDING,
    POD,
    POOL,
    TIME,
    UNIT,
    USED,
    WAITING,
    WHAT,
    Floats,
    Ints,
    UtilizationSamples,
    find_columns,
)
from simcost.trace.utilization.table import StoredTable, columns_of, read_table, table_of
from simcost.units import NS_PER_S, format_seconds, how_many, plural

LONGEST_STEPS = 3
"""A sample stands until the next one of its unit, but for this many median steps at most."""
_NONE: Mapping[str, str] = {}
_UNIT = ("unit", "")


def read_utilisation(path: Path, *, mapping: Mapping[str, str] = _NONE) -> tuple[UtilizationSamples, Findings]:
    """The samples of a monitoring export, all in memory. Arguments, findings and errors as of `UtilizationFile`."""
    file = UtilizationFile(path, mapping=mapping)
    parts = list(file.parts())
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in UtilizationSamples.columns()}
    return parts[0].with_columns(columns), file.findings


class UtilizationFile:
    """The samples of a monitoring export, those of some units at a time.

    Args:
        path: CSV (also .gz) or Parquet: samples of pools (time, pool, gpus, allocated, pending_gpus, ...), or of
            GPUs or pods (time, unit, duty, memory, ...) as DCGM, Prometheus, nvidia-smi or a dashboard export
            them: a column per measure, a row per metric, or a column per GPU.
        mapping: ours -> the file's column, where the file calls it otherwise.
        where: conditions on the rows that are taken.

    Raises:
        FaultsError: cells or rows at fault, with their lines, all at once.
        TraceError: a file or column that cannot be used; the message says the remedy.
    """

    def __init__(self, path: Path, *, mapping: Mapping[str, str] = _NONE, where: Conditions = ()) -> None:
        head = peek(path, WHAT)
        stored = read_table(path, head, find_columns(head, mapping, path), where)
        self._path, self._ordered = path, _Ordered(stored)
        first = self._ordered.first
        self.units = stored.units
        self.pools = _words(first, POOL)[1]
        self.owners = _owners(first)[1]
        self.start_utc_s = float(self._ordered.start_ns / NS_PER_S) if first.rules[TIME].epoch else None
        self.queues = PENDING in first.numbers or WAITING in first.numbers
        self.step_s = self._median_step()
        self.span_s = 0.0
        durations = _Durations(self.step_s)
        for table, unit in self._ordered.parts():
            self._ordered.occupancy.of(table)
            time_s = self._time_s(table)
            self.span_s = max(self.span_s, float((time_s + durations.of(time_s, unit)).max()))
        self._ordered.occupancy.check()
        assumed = self._ordered.occupancy.findings(first)
        self.models = [model for model in stored.words.get(MODEL, ()) if model]
        self.unnamed = "" in stored.words.get(MODEL, ())
        self.findings = _several_models(self.models) + self._ordered.findings + assumed + durations.findings()

    def __len__(self) -> int:
        return len(self._ordered)

    def parts(self) -> Iterator[UtilizationSamples]:
        """The samples of some whole units after the other."""
        durations = _Durations(self.step_s)
        for table, unit in self._ordered.parts():
            duty, allocated, gpus, down = self._ordered.occupancy.of(table)
            time_s = self._time_s(table)
            yield UtilizationSamples(
                unit=unit,
                pool=_words(table, POOL)[0],
                owner=_owners(table)[0],
                start_s=time_s,
                hold_s=durations.of(time_s, unit),
                gpus=gpus,
                allocated=allocated,
                down=down,
                duty=duty,
                pending=column(table, PENDING),
                waiting_jobs=column(table, WAITING),
                memory_used_bytes=memory(table, USED),
                memory_total_bytes=total_memory(table),
                units=self.units,
                pools=self.pools,
                owners=self.owners,
                step_s=self.step_s,
                start_utc_s=self.start_utc_s,
                queues=self.queues,
            )

    def _time_s(self, table: TypedTable) -> Floats:
        """Times from the first sample."""
        return (table.times_ns[TIME] - self._ordered.start_ns) / NS_PER_S

    def _median_step(self) -> float:
        """Median time between samples of a unit; of the steps only the different ones are held."""
        steps, counts = np.empty(0), np.empty(0, np.int64)
        for table, unit in self._ordered.parts():
            step = np.diff(self._time_s(table))[np.diff(unit) == 0]
            found, count = np.unique(step, return_counts=True)
            steps, place = np.unique(np.concatenate([steps, found]), return_inverse=True)
            counts = np.bincount(place, np.concatenate([counts, count]), len(steps)).astype(np.int64)
        if not len(steps):
            raise TraceError(
                f"{self._path}: no unit has two samples, so it is unknown how long one stands; give samples of "
                "at least two times"
            )
        until, total = np.cumsum(counts), int(counts.sum())
        middle = np.searchsorted(until, [(total - 1) // 2, total // 2], side="right")
        return float(steps[middle].mean())


class _Ordered:
    """Rows of a stored table with a measurement, by unit, then time, the last of each; and findings on the others."""

    def __init__(self, stored: StoredTable) -> None:
        self._place, self._blocks = stored.place, RowBlocks(stored.path)
        self.occupancy = Occupancy(stored.path)
        self.start_ns = np.iinfo(np.int64).max
        dropped = blank = instances = 0
        for rows, unit_of_row in stored.parts():
            table, unit, summed = whole_gpus(rows, unit_of_row, stored.path)
            instances += summed
            order, doubled = _order(table, unit)
            order, empty = _measured(table, order)
            dropped, blank = dropped + doubled, blank + empty
            columns = columns_of(table, order)
            if not self._blocks.rows:
                self.first = table_of(table, columns_of(table, order[:0]), self._place)
                """No row, with all columns."""
            if len(order):
                self.start_ns = min(self.start_ns, int(columns["times", TIME].min()))
                self.occupancy.see(table_of(table, columns, self._place))
                self._blocks.append({**columns, _UNIT: unit[order]})
        self.findings = _left_out(stored, dropped + stored.doubled, blank) + _of_instances(instances)
        if not self._blocks.rows:
            raise TraceError(f"{stored.path}: no sample has a measurement; give samples of at least two times")

    def __len__(self) -> int:
        return sum(self._blocks.rows)

    def parts(self) -> Iterator[tuple[TypedTable, Ints]]:
        """The rows of some whole units after the other, and the unit of each."""
        for block in range(len(self._blocks.rows)):
            columns = self._blocks.read(block)
            unit = columns.pop(_UNIT)
            yield table_of(self.first, columns, self._place), unit


def _of_instances(rows: int) -> Findings:
    """The finding on rows of MIG instances that became rows of GPUs."""
    if not rows:
        return []
    were = how_many(rows, "sample of MIG instances was", "samples of MIG instances were")
    text = f"{were} summed by GPU, the duty of each by its slices of those of the GPU"
    return [finding("mig", "", rows, text)]


SEVERAL_MODELS = "several_models"


def _several_models(models: Sequence[str]) -> Findings:
    """The finding on GPUs of unlike models, whose hours are added up."""
    if len(models) < 2:
        return []
    named = ", ".join(models[:3]) + (f" and {len(models) - 3} more" if len(models) > 3 else "")
    text = (
        f"the GPUs are of {len(models)} models ({named}): their hours are added up at one price, and measures take "
        f"them for alike; give `simcost waste` the price of each, --price {quote(f'{models[0]}=USD')}, or take the "
        f"GPUs of one: --where {quote(f'{MODEL}={models[0]}')}"
    )
    return [finding(SEVERAL_MODELS, "", len(models), text)]


def _left_out(stored: StoredTable, dropped: int, blank: int) -> Findings:
    """Findings on rows that are not samples."""
    found = [finding(kind, "", count, text) for kind, count, text in stored.passed_over]
    if stored.others:
        text = f"{plural(stored.others, 'row')} of metrics that are not used here: passed over"
        found.insert(0, finding("other_metrics", "", stored.others, text))
    if dropped:
        have = how_many(dropped, "sample has", "samples have")
        several = "GPUs, pass --map gpu=COLUMN" if UNIT not in stored.words else "nodes, pass --map node=COLUMN"
        several = "" if {UNIT, NODE} <= stored.words.keys() else f"; where they are of several {several}"
        text = f"{have} the unit and time of a later row; the last row of each counts{several}"
        found.append(finding("duplicate", "", dropped, text))
    if blank:
        found.append(finding("blank", "", blank, f"{plural(blank, 'sample')} without a measurement: left out"))
    return found


def _order(table: TypedTable, unit: Ints) -> tuple[Ints, int]:
    """Rows by unit, then time, the last of each; and how many others there were."""
    order = np.lexsort((table.times_ns[TIME], unit))
    new = np.ones(len(order), np.bool_)
    new[:-1] = (np.diff(unit[order]) != 0) | (np.diff(table.times_ns[TIME][order]) != 0)
    return order[new], int((~new).sum())


def _measured(table: TypedTable, order: Ints) -> tuple[Ints, int]:
    """The rows that say how many GPUs are allocated, or how busy they are; and how many say neither."""
    said = np.zeros(len(order), np.bool_)
    for name in (DUTY, ENGINE, ALLOCATED):
        if name in table.numbers:
            said |= ~np.isnan(table.numbers[name][order])
    return order[said], int((~said).sum())


class _Durations:
    """Duration of each sample, and the gaps between them."""

    def __init__(self, step_s: float) -> None:
        self._step_s, self._gaps = step_s, 0
        self._missing_s: list[float] = []
        """By unit."""

    def of(self, time_s: Floats, unit: Ints) -> Floats:
        """Durations of the samples of some whole units."""
        step = np.append(np.diff(time_s), 0.0)
        last = np.append(np.diff(unit) != 0, [True])
        longest = LONGEST_STEPS * self._step_s
        hold_s: Floats = np.where(last, self._step_s, np.minimum(step, longest))
        gaps = np.flatnonzero(~last & (step > longest * (1 + 1e-9)))
        self._gaps += len(gaps)
        self._missing_s += np.bincount(unit[gaps] - unit[0], (step - hold_s)[gaps]).tolist()
        return hold_s

    def findings(self) -> Findings:
        """The finding on gaps, once all samples were seen."""
        if not self._gaps:
            return []
        text = (
            f"{plural(self._gaps, 'gap')} of more than {LONGEST_STEPS} steps of {format_seconds(self._step_s)}: "
            f"{format_seconds(fsum(self._missing_s))} over all units are in no account"
        )
        return [finding("gaps", "", self._gaps, text)]


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
