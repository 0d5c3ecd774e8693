"""The rows of a table of demand, in its order, as arrays; bad cells are collected with their places."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.errors import TraceError
from simcost.tables.cells import Flags, Floats, Ints, TimeRule, as_text, empty, instants, real_numbers, time_rule
from simcost.tables.faults import FAULTS_SHOWN, Faults, written
from simcost.tables.sources import Chunk
from simcost.trace.series.cells import codes, dates, labels, wrong
from simcost.trace.series.columns import REGRESSOR, SERIES, TIMESTAMP, UNIT, VALUE
from simcost.trace.series.from_traces import stem
from simcost.trace.series.resample import finding

_LATEST_NS = 2**62
_ZONED = r"[ T].*(Z|[-+]\d\d(:?\d\d)?)\s*$"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRows:
    """The rows of a file in its order."""

    names: list[str]
    """Of the series; one, empty, if the file names none."""
    series: Ints
    """Index into `names`."""
    time_ns: Ints
    """Nanoseconds since 1970; of the wall clock where `naive`."""
    naive: Flags
    values: Floats
    """NaN where the cell is empty."""
    regressors: Floats
    """Shape (rows, regressors)."""
    units: list[str]
    """Of each series; empty where there is no such column."""
    place: Callable[[int], str]
    """Location of a row."""
    findings: list[dict[str, Any]]

    def __len__(self) -> int:
        return len(self.values)


def read_rows(chunks: Iterable[Chunk], path: Path) -> SeriesRows:
    """All rows of a table, given its columns as `find_series_columns` names them.

    Raises:
        FaultsError: cells that are no time, no number, negative or beyond reason, rows that could
            not be split.
        TraceError: a column of a type that cannot be read, or no rows.
    """
    intake = _Intake(path, Faults(path))
    try:
        for chunk in chunks:
            for place, reason in chunk.malformed:
                intake.faults.add(place, reason)
            if chunk.columns and len(chunk.columns[TIMESTAMP]):
                intake.add(chunk)
    except pa.ArrowException as error:
        raise TraceError(f"{path}: a column holds neither text nor numbers: {error}") from error
    intake.faults.check()
    if not sum(len(part[0]) for part in intake.parts):
        raise TraceError(f"{path}: no rows; give at least two steps of a series")
    return intake.rows()


@dataclass(slots=True)
class _Intake:
    """Gathers the rows chunk by chunk."""

    path: Path
    faults: Faults
    rule: TimeRule | None = None
    time_column: str = ""
    names: dict[str, int] = field(default_factory=dict)
    units: dict[str, int] = field(default_factory=dict)
    parts: list[tuple[Any, ...]] = field(default_factory=list)
    places: list[Callable[[int], str]] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])
    blank: int = 0

    def add(self, chunk: Chunk) -> None:
        """Read the cells of a chunk; blank lines are passed over."""
        columns = chunk.columns
        time_ns, time_ok, naive = self._times(chunk)
        values, ok = real_numbers(columns[VALUE])
        rows = len(values)
        influences = {name: real_numbers(columns[name]) for name in columns if name.startswith(REGRESSOR)}
        names = labels(columns, stem(self.path))
        blank = empty(columns[TIMESTAMP]) & ok & np.isnan(values)
        good = {
            TIMESTAMP: time_ok,
            VALUE: ok & ~(values < 0),
            SERIES: ~empty(names),
        }
        good |= {name: np.isfinite(read) for name, (read, _) in influences.items()}
        bad = {name: ~(ok | blank) for name, ok in good.items()}
        self._note(chunk, bad, {SERIES: names, **chunk.columns})
        units = as_text(columns[UNIT]) if UNIT in columns else pa.nulls(rows, pa.string())
        keep = pa.array(~blank)
        series, unit = codes(self.names, names.filter(keep)), codes(self.units, units.filter(keep))
        matrix = np.array([read for read, _ in influences.values()]).reshape(-1, rows).T
        row = self.starts[-1] + np.arange(rows)
        read = (time_ns, naive, values, row, matrix)
        self.parts.append((series, unit, *(part[~blank] for part in read)))
        self.places.append(chunk.place)
        self.starts.append(self.starts[-1] + rows)
        self.blank += int(blank.sum())

    def rows(self) -> SeriesRows:
        """All rows gathered. Raises FaultsError where a series has two units."""
        series, unit, time_ns, naive, values, row, matrix = map(np.concatenate, zip(*self.parts, strict=True))
        texts, names = list(self.units), list(self.names)
        units = [""] * len(names)
        for key in np.unique(series * len(texts) + unit):
            which, said = divmod(int(key), len(texts))
            if units[which] and texts[said]:
                self.faults.add(
                    "",
                    f"series {names[which]!r} has two units, {units[which]!r} and {texts[said]!r}; "
                    "give each its own series",
                )
            units[which] = texts[said] or units[which]
        self.faults.check()
        return SeriesRows(
            names=names,
            series=series,
            time_ns=time_ns,
            naive=naive,
            values=values,
            regressors=matrix,
            units=units,
            place=lambda i: self._place(int(row[i])),
            findings=self._findings(),
        )

    def _place(self, row: int) -> str:
        part = bisect_right(self.starts, row) - 1
        return self.places[part](row - self.starts[part])

    def _times(self, chunk: Chunk) -> tuple[Ints, Flags, Flags]:
        """Nanoseconds since 1970, which cells are times, and which do not say their zone."""
        column, name = dates(chunk.columns[TIMESTAMP]), chunk.theirs[TIMESTAMP]
        if self.rule is None:
            self.rule, self.time_column = time_rule(column, name, None), name
        time_ns, ok = instants(column, self.rule)
        if pa.types.is_timestamp(column.type):
            naive = np.full(len(column), column.type.tz is None)
        elif self.rule.unit is None:
            zoned = pc.match_substring_regex(as_text(column), _ZONED)
            naive = ~pc.fill_null(zoned, fill_value=True).to_numpy(zero_copy_only=False)
        else:
            naive = np.zeros(len(column), np.bool_)
        return time_ns, ok & (np.abs(time_ns) < _LATEST_NS), naive & (not name.lower().endswith("_utc"))

    def _note(self, chunk: Chunk, bad: Mapping[str, Flags], columns: Mapping[str, pa.Array]) -> None:
        """The bad cells of a chunk, in the order of its rows."""
        first = [(int(i), ours) for ours, flags in bad.items() for i in np.flatnonzero(flags)[:FAULTS_SHOWN]]
        for i, ours in sorted(first):
            said = wrong(ours, written(columns[ours], i))
            self.faults.add(chunk.place(i), f"{chunk.theirs.get(ours, ours)}: {said}")
        self.faults.count += sum(int(flags.sum()) for flags in bad.values()) - len(first)

    def _findings(self) -> list[dict[str, Any]]:
        column, rule = self.time_column, self.rule
        texts = {}
        if self.blank:
            texts["blank"] = f"{self.blank:,} rows without time and value were left out"
        if rule is not None and rule.unit is not None and not rule.epoch:
            texts["clock_unknown"] = (
                f"{column} was read as {rule.unit} from an unknown start, written as 1970-01-01 "
                "00:00: clock hours and weekdays are unknown"
            )
        elif rule is not None and rule.unit is not None and rule.guessed:
            texts["time_unit"] = f"{column} was read as {rule.unit} since 1970-01-01 UTC"
        return [finding(kind, "", self.blank if kind == "blank" else 1, text) for kind, text in texts.items()]
