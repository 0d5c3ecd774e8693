"""Cleaning a log chunk by chunk: what cannot be read is a fault, what can be mended is counted."""

from collections import Counter
from dataclasses import dataclass, field
from math import isfinite, nan
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from simcost.errors import TraceError
from simcost.trace.log.cells import (
    Flags,
    Ints,
    TimeRule,
    TimeUnit,
    as_text,
    instants,
    time_rule,
    whole_numbers,
)
from simcost.trace.log.formats import NEEDED, Format
from simcost.trace.log.sources import Chunk
from simcost.trace.store import MAX_TOKENS, OPTIONAL, trace_schema

OnError = Literal["stop", "skip"]
_SHOWN = 5
_LATEST_NS = 2**62  # so that differences stay within 64 bits
_RANGES = {
    "prompt_tokens": (0, MAX_TOKENS),
    "output_tokens": (0, MAX_TOKENS),
    "priority": (-(2**15), 2**15 - 1),
}
_SAID = {
    "blank": "rows without any value were left out",
    "failed": "requests without output tokens failed in the service that logged them; they were left out",
    "malformed": "rows could not be split into columns and were left out",
    "zero_prompt": "prompts of 0 tokens were set to 1",
    "zero_output": "outputs of 0 tokens were set to 1",
    "unsorted": "rows were earlier than a row before them; the trace was sorted",
}


@dataclass(slots=True, kw_only=True)
class Intake:
    """Turns chunks into tables of the store's schema and keeps count of what it left out or mended.

    Attributes:
        dropped: rows left out, by reason or by the column at fault.
        repaired: rows mended, by reason.
        rows_read: rows seen so far.
    """

    path: Path
    form: Format
    on_error: OnError
    unit: TimeUnit | None
    start: str | None
    dropped: Counter[str] = field(default_factory=Counter)
    repaired: Counter[str] = field(default_factory=Counter)
    rows_read: int = 0
    _rule: TimeRule | None = None
    _start_ns: int = 0
    _time_column: str = ""
    _examples: dict[str, str] = field(default_factory=dict)

    @property
    def epoch(self) -> bool:
        """Whether arrivals count from 1970."""
        return self.start is not None or (self._rule is not None and self._rule.epoch)

    def table(self, chunk: Chunk) -> pa.Table:
        """The good rows of a chunk, arrivals in ns from the log's own zero.

        Raises:
            TraceError: some rows are at fault, unless they are to be skipped.
        """
        rows = len(chunk.columns["arrival"]) if chunk.columns else 0
        self.rows_read += rows + len(chunk.malformed)
        faults = [("malformed", f"{place}: {reason}") for place, reason in chunk.malformed]
        if rows == 0:
            self._report(faults, Counter(malformed=len(faults)))
            return trace_schema().empty_table()
        values, keep = self._clean(chunk, faults)
        table = pa.table(values)
        return table if keep.all() else table.filter(pa.array(keep))

    def findings(self) -> list[dict[str, Any]]:
        """What was left out, mended or assumed, for people."""
        found = [_finding(kind, count, self._examples.get(kind)) for kind, count in
                 [*(+self.dropped).items(), *(+self.repaired).items()]]  # fmt: skip
        if self._rule is not None and self._rule.guessed:
            zero = "1970-01-01 UTC" if self._rule.epoch else "an unknown start"
            found.append({"kind": "time_unit", "count": 1, "message":
                          f"{self._time_column} was read as {self._rule.unit} since {zero}; "
                          "if that is wrong, say --time-unit"})  # fmt: skip
        return found

    def _clean(self, chunk: Chunk, faults: list[tuple[str, str]]) -> tuple[dict[str, Any], Flags]:
        """Columns of the store's schema, and which rows to keep; bad and empty rows are counted here."""
        cells = {ours: self._read(ours, chunk) for ours in chunk.columns if ours in (*NEEDED, "priority")}
        good: Flags = np.logical_and.reduce([ok for _, ok in cells.values()])
        prompt, output = cells["prompt_tokens"][0], cells["output_tokens"][0]
        failed = good & (output == 0) & self.form.failed_without_output
        keep = good & ~failed
        counts = Counter(failed=int(failed.sum()), malformed=len(faults))
        if not good.all():
            faults = faults + _faults(chunk, cells, counts)
        self._report(faults, counts)
        self.repaired["zero_prompt"] += int((keep & (prompt == 0)).sum())
        self.repaired["zero_output"] += int((keep & (output == 0)).sum())
        columns = {"arrival_ns": cells["arrival"][0] + self._start_ns, "prompt_tokens": _tokens(prompt),
                   "output_tokens": _tokens(output)}  # fmt: skip
        extra = {ours: self._optional(ours, chunk, cells) for ours in OPTIONAL if ours in chunk.columns}
        return columns | extra, keep

    def _read(self, ours: str, chunk: Chunk) -> tuple[Ints, Flags]:
        """The values of a numeric column, and which are possible."""
        column = chunk.columns[ours]
        try:
            if ours == "arrival":
                values, ok = instants(column, self._time_rule(chunk))
                return values, ok & (np.abs(values) < _LATEST_NS) & (self.epoch | (values >= 0))
            values, ok = whole_numbers(column)
        except pa.ArrowException as error:
            raise TraceError(f"{self.path}: {chunk.theirs[ours]} holds {column.type}, no {ours}") from error
        if ours == "priority":
            ok = ok | _null(column)
        low, high = _RANGES[ours]
        return values, ok & (values >= low) & (values <= high)

    def _time_rule(self, chunk: Chunk) -> TimeRule:
        """How to read arrivals; decided at the first chunk."""
        if self._rule is None:
            self._time_column = chunk.theirs["arrival"]
            self._rule = time_rule(chunk.columns["arrival"], self._time_column, self.unit)
            if self.start is not None:
                self._start_ns = self._parse_start(self._rule)
        return self._rule

    def _parse_start(self, rule: TimeRule) -> int:
        values, ok = instants(pa.array([self.start]), TimeRule(None, epoch=True))
        if not ok[0]:
            raise TraceError(f"{self.start!r} is no ISO time; write e.g. 2024-05-12T00:00:00Z")
        if rule.epoch:
            raise TraceError(f"{self.path}: {self._time_column} has dates of its own; leave out --start")
        return int(values[0])

    def _optional(self, ours: str, chunk: Chunk, cells: dict[str, tuple[Ints, Flags]]) -> pa.Array:
        """An optional column in the store's type; empty labels become null."""
        column = chunk.columns[ours]
        try:
            if ours == "priority":
                return pa.array(
                    np.clip(cells[ours][0], -(2**15), 2**15 - 1).astype(np.int16), mask=_null(column)
                )
            if ours == "prefix_hashes":
                return column.cast(OPTIONAL[ours])
            text = as_text(column)
            return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text).dictionary_encode()
        except pa.ArrowException as error:
            raise TraceError(f"{self.path}: {chunk.theirs[ours]} holds {column.type}, no {ours}") from error

    def _report(self, faults: list[tuple[str, str]], counts: Counter[str]) -> None:
        """Count what is left out; raise if it is at fault and nothing may be skipped."""
        total = sum(count for kind, count in counts.items() if kind not in ("blank", "failed"))
        if total and self.on_error == "stop":
            lines = [f"{self.path}: {text}" for _, text in faults[:_SHOWN]]
            more = f"\nand {total - len(lines)} more rows in this block" if total > len(lines) else ""
            raise TraceError("\n".join(lines) + more + "\ncorrect the log, or leave such rows out with "
                             "--on-error skip")  # fmt: skip
        self.dropped += counts
        for kind, text in faults:
            self._examples.setdefault(kind, text)


def _faults(
    chunk: Chunk, cells: dict[str, tuple[Ints, Flags]], counts: Counter[str]
) -> list[tuple[str, str]]:
    """The first bad cells of each column, in the order of the rows. A row counts under its first bad column."""
    blank = _blank(chunk)
    counts["blank"] = int(blank.sum())
    left, first = ~blank, []
    for ours, (_, ok) in cells.items():
        bad = np.flatnonzero(left & ~ok)
        counts[ours] += len(bad)
        first += [(int(i), ours) for i in bad[:_SHOWN]]
        left &= ok
    return [(ours, _say(ours, chunk, i)) for i, ours in sorted(first)]


def _blank(chunk: Chunk) -> Flags:
    """Rows of which all columns needed are empty, as the blank lines of a CSV file are."""
    blank: Flags = np.logical_and.reduce([_null(chunk.columns[ours]) for ours in NEEDED])
    return blank


def _null(column: pa.Array) -> Flags:
    """Cells that are null or empty text."""
    empty = column.is_null()
    if pa.types.is_string(column.type):
        empty = pc.or_(empty, pc.fill_null(pc.equal(column, ""), fill_value=True))
    flags: Flags = empty.to_numpy(zero_copy_only=False)
    return flags


def _tokens(values: Ints) -> npt.NDArray[np.int32]:
    """As the store keeps them; what is out of range here is dropped with its row."""
    return np.clip(values, 1, MAX_TOKENS).astype(np.int32)


def _say(ours: str, chunk: Chunk, i: int) -> str:
    """Place, column, value and what is wrong with it."""
    value = (
        chunk.columns[ours][i].as_py() if not pa.types.is_timestamp(chunk.columns[ours].type) else "a time"
    )
    return f"{chunk.place(i)}: {chunk.theirs[ours]}: {_wrong(ours, value)}"


def _wrong(ours: str, value: object) -> str:
    if value is None or value == "":
        return "the value is missing"
    shown = repr(value) if len(str(value)) <= 40 else repr(str(value)[:40] + "...")
    if ours == "arrival":
        return f"{shown} is no time, or out of range; write ISO time or a number that is not negative"
    try:
        number = float(str(value))
    except ValueError:
        number = nan
    if not isfinite(number):
        return f"{shown} is no number"
    low, high = _RANGES[ours]
    if number < low or number > high:
        return f"{shown} is out of range; it must be from {low:,} to {high:,}"
    return f"{shown} is no whole number"


def _finding(kind: str, count: int, example: str | None) -> dict[str, Any]:
    said = _SAID.get(kind, f"rows had an impossible {kind} and were left out")
    return {
        "kind": kind,
        "count": count,
        "message": f"{count:,} {said}" + (f"; first: {example}" if example else ""),
    }
