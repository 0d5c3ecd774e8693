"""Findings on a file of usage: how its rows were taken where they could mean something else."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from simcost.tables.cells import Flags
from simcost.tables.typed import TypedTable
from simcost.trace.usage import purchase_options, time_units, token_columns
from simcost.trace.usage.repeats import RepeatedUsage
from simcost.trace.usage.sums import UsageBatch
from simcost.trace.usage.usage import HOURLY, KEY, is_counted
from simcost.units import NS_PER_S, SECONDS_PER_HOUR, format_seconds, plural

Finding = dict[str, Any]
_SLACK_S = 1e-6
_SHOWN = 8
"""Columns that a message names."""
_MOST_STARTS = 1000
"""Times of which it is looked at how far apart they are; more are of single requests, or of years."""


class UsageFindings:
    """Findings on a file, gathered while its rows are read.

    Args:
        theirs: the columns read, ours -> the file's.
        names: all columns of the file.
    """

    def __init__(self, theirs: Mapping[str, str], names: Sequence[str]) -> None:
        self._theirs, self._names = theirs, names
        self._counts_tokens = any(ours.startswith(token_columns.COLUMN) for ours in theirs)
        self._not_read = Counter[str]()
        self._converted = Counter[str]()
        self._starts_ns: set[int] | None = (
            None if "end" in theirs or theirs["start"].lower() == token_columns.DAILY else set()
        )
        counts = self._counts_tokens or "quantity" in theirs
        self._repeats = RepeatedUsage(sought=counts and "resource" not in theirs)
        self._rows = 0

    def see(self, table: TypedTable) -> None:
        """Look at rows as the file has them."""
        self._rows += len(table)
        self._not_read.update(purchase_options.not_read(table))
        self._converted.update(time_units.converted(table))
        if self._starts_ns is not None:
            self._starts_ns |= set(np.unique(table.times_ns["start"])[: _MOST_STARTS + 1].tolist())
            self._starts_ns = None if len(self._starts_ns) > _MOST_STARTS else self._starts_ns

    def take(self, batch: UsageBatch, rows: int) -> None:
        """Look at the usage of so many rows."""
        self._repeats.add(batch, rows)

    def all_of(self, found: Mapping[str, Any], keys: Sequence[tuple[str, ...]]) -> Iterator[Finding]:
        """The findings.

        Args:
            found: columns of the usage read.
            keys: its lines.
        """
        yield from purchase_options.told(self._not_read)
        yield from time_units.told(self._converted)
        if self._counts_tokens:
            yield from token_columns.left_out(self._names, self._theirs.values())
        yield from self._one_each()
        yield from self._repeats.findings()
        yield from _without_machine(found, keys)
        yield from _without_time(found, keys)
        yield from self._an_hour_each(found, keys)
        yield from self._totals(found, keys)

    def _one_each(self) -> Iterator[Finding]:
        """Finding on a file that neither counts instances nor names machines."""
        if self._counts_tokens or {"quantity", "resource"} & self._theirs.keys():
            return
        others = [name for name in self._names if name not in self._theirs.values()]
        counts = f"; where one of {', '.join(others[:_SHOWN])} counts them, pass --map quantity=COLUMN"
        message = f"no quantity: each row is taken as one instance{counts if others else ''}"
        yield {"kind": "one_each", "count": self._rows, "message": message}

    def _an_hour_each(self, found: Mapping[str, Any], keys: Sequence[tuple[str, ...]]) -> Iterator[Finding]:
        """Finding on rows without an end that mostly do not follow each other by the hour, as daily ones or samples."""
        lasts = _lasting(found, keys)
        if "end" in self._theirs or self._theirs["start"].lower() == "hour" or not lasts.any():
            return
        line, start_s = found["line"][lasts], found["start_s"][lasts]
        order = np.lexsort((start_s, line))
        gaps_s = np.diff(start_s[order])[np.diff(line[order]) == 0]
        gaps_s = gaps_s[gaps_s > _SLACK_S]
        usual_s = float(np.median(gaps_s)) if len(gaps_s) else SECONDS_PER_HOUR
        if abs(usual_s - SECONDS_PER_HOUR) > _SLACK_S:
            apart = f"they mostly begin {format_seconds(usual_s)} apart"
            message = f"no end: each row is taken as one hour, but {apart}; give an `end` if a row is of another length"
            yield {"kind": "hour_each", "count": int(lasts.sum()), "message": message}

    def _totals(self, found: Mapping[str, Any], keys: Sequence[tuple[str, ...]]) -> Iterator[Finding]:
        """Finding on totals without an end, as of a day or a month each; how long the last one lasts is not known."""
        counted = np.array([is_counted(key) for key in keys], np.bool_)[found["line"]]
        if self._starts_ns is None or not counted.any():
            return
        gaps_s = np.diff(sorted(self._starts_ns)) / NS_PER_S
        if not len(gaps_s) or float(np.median(gaps_s)) > SECONDS_PER_HOUR + _SLACK_S:
            rows = found["file_rows"] if "file_rows" in found else np.ones(len(counted), np.int64)
            count = int(rows[counted].sum())
            message = (
                f"no end: {plural(count, 'total')} of a time that is not said; the last is taken as of one hour, by "
                "which hours and costs a month go; give an `end`"
            )
            yield {"kind": "totals", "count": count, "message": message}


def _without_machine(found: Mapping[str, Any], keys: Sequence[tuple[str, ...]]) -> Iterator[Finding]:
    """Finding on hours of no machine in a file that names machines."""
    hourly = np.array([key[KEY - 1] == HOURLY for key in keys], np.bool_)
    count = int(((found["resource"] < 0) & hourly[found["line"]]).sum()) if "resource" in found else 0
    if count:
        says = f"{plural(count, 'row')} {'names' if count == 1 else 'name'} no resource"
        message = f"{says}: taken as metered already, without minimum and granularity"
        yield {"kind": "no_resource", "count": count, "message": message}


def _lasting(found: Mapping[str, Any], keys: Sequence[tuple[str, ...]]) -> Flags:
    """Rows of what is paid by the time: machines, and what is kept."""
    lasting = np.array([key[KEY - 1] == HOURLY or key[1] == "storage" for key in keys], np.bool_)
    rows: Flags = lasting[found["line"]]
    return rows


def _without_time(found: Mapping[str, Any], keys: Sequence[tuple[str, ...]]) -> Iterator[Finding]:
    """Finding on rows that end when they start, of which nothing is billed; of a machine that is named, its minimum."""
    none = _lasting(found, keys) & (found["end_s"] - found["start_s"] <= _SLACK_S) & (found["quantity"] > 0)
    if "resource" in found:
        none &= found["resource"] < 0
    count = int(found["file_rows"][none].sum()) if "file_rows" in found else int(none.sum())
    if count:
        message = (
            f"{plural(count, 'row')} {'ends when it starts' if count == 1 else 'end when they start'}, so that nothing "
            "is billed; an `end` that is a day is its first instant: write the day after"
        )
        yield {"kind": "no_time", "count": count, "message": message}
