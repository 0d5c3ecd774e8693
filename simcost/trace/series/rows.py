"""The rows of a table of demand, in its order, as arrays; bad cells are collected with their places."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from simcost.tables.cells import Flags, Floats, Ints
from simcost.tables.header import Head
from simcost.tables.typed import TypedTable, codes, read_typed
from simcost.trace.series.columns import BY, DEMAND, REGRESSOR, SERIES, TIMESTAMP, UNIT, VALUE
from simcost.trace.series.dates import DateSpelling
from simcost.trace.series.from_traces import joined, stem
from simcost.trace.series.resample import finding


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


def read_rows(path: Path, head: Head, theirs: Mapping[str, str], time_format: str | None = None) -> SeriesRows:
    """All rows of a table, given its columns as `find_series_columns` names them.

    `time_format`: pattern of strptime of its times; None = it is found out.

    Raises:
        FaultsError: cells that are no time, no number, negative or beyond reason, rows that could
            not be split, series of two units.
        TraceError: a column of a type that cannot be read, or no rows.
    """
    spelling = DateSpelling(str(path), theirs[TIMESTAMP], time_format)
    spelled = [replace(one, spelled=spelling) if one.name == TIMESTAMP else one for one in DEMAND.columns]
    table = read_typed(path, head, replace(DEMAND, columns=tuple(spelled)), theirs)
    known: dict[str, int] = {}
    series = codes(known, _labels(table, path))
    names = list(known)
    influences = [table.numbers[ours] for ours in theirs if ours.startswith(REGRESSOR)]
    rows = SeriesRows(
        names=names,
        series=series,
        time_ns=table.times_ns[TIMESTAMP],
        naive=table.naive[TIMESTAMP],
        values=table.numbers[VALUE],
        regressors=np.array(influences).reshape(-1, len(table)).T,
        units=_units(table, series, names),
        place=table.place,
        findings=[*_findings(table), *_of_dates(spelling)],
    )
    table.faults.check()
    return rows


def _of_dates(spelling: DateSpelling) -> Iterator[dict[str, Any]]:
    """The notation of the dates, where it was found out."""
    if spelling.finding:
        text = f"{spelling.finding}; if that is wrong, write ISO dates, or pass --time-format"
        yield finding("time_format", "", 1, text)


def _labels(table: TypedTable, path: Path) -> pa.Array:
    """The name of each row's series; that of the file if the table names none."""
    by = [table.text(ours) for ours in table.theirs if ours.startswith(BY)]
    if by:
        return joined(by)
    return table.text(SERIES) if SERIES in table else pa.array([stem(path)] * len(table))


def _units(table: TypedTable, series: Ints, names: list[str]) -> list[str]:
    """The unit of each series; one of two is noted."""
    texts, units = table.texts(UNIT), [""] * len(names)
    unit = table.codes.get(UNIT, np.zeros(len(table), np.int64))
    for key in np.unique(series * len(texts) + unit):
        which, said = divmod(int(key), len(texts))
        if units[which] and texts[said]:
            two = f"series {names[which]!r} has two units, {units[which]!r} and {texts[said]!r}"
            table.faults.add("", f"{two}; give each its own series")
        units[which] = texts[said] or units[which]
    return units


def _findings(table: TypedTable) -> list[dict[str, Any]]:
    """Rows passed over, and what was assumed of times that are numbers; of zones the reader of series says more."""
    result = [finding(kind, "", count, text) for kind, count, text in table.findings() if kind == "blank"]
    column, rule = table.theirs[TIMESTAMP], table.rules[TIMESTAMP]
    if rule.unit is not None and not rule.epoch:
        text = f"{column} was read as {rule.unit} from an unknown start, written as 1970-01-01 00:00"
        return [*result, finding("clock_unknown", "", 1, f"{text}: clock hours and weekdays are unknown")]
    for kind, count, text in table.time_findings():
        said = text.replace("write ISO dates", "write ISO dates, or pass --time-format")
        result.append(finding(kind, "", count, said))
    return result
