"""Cleaning a log chunk by chunk: unreadable cells are faults, repairs are counted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from simcost.errors import TraceError
from simcost.tables.cells import Flags, Floats, Ints, as_text, decoded, empty, real_numbers
from simcost.tables.columns import Column, DeclaredTable
from simcost.tables.row_filter import RowFilter
from simcost.tables.sources import Chunk
from simcost.tables.typed import read_cells
from simcost.trace.requests.arrival_times import ArrivalReader
from simcost.trace.requests.cached_tokens import COLUMN as CACHED_TOKENS
from simcost.trace.requests.cached_tokens import counts_of
from simcost.trace.requests.durations import durations_s
from simcost.trace.requests.failures import FailureRule, left_out
from simcost.trace.requests.formats import LATENCIES, NEEDED, PLUS
from simcost.trace.requests.number_marks import NumberMarks
from simcost.trace.requests.span_tree import SpanTree
from simcost.trace.requests.store import MAX_TOKENS, OPTIONAL, trace_schema
from simcost.trace.requests.tally import Tally, describe_cell
from simcost.units import NS_PER_S

OnError = Literal["stop", "skip"]
Cells = Mapping[str, tuple[Any, Flags]]
"""Ours -> the values of a column, and which are possible."""
_SHOWN = 5
_LONGEST_S = 86_400.0
"""Longest latency believed: a day."""


def _count(name: str, low: int, high: int) -> Column:
    return Column(name=name, kind="whole", low=low, high=high, on_bad="drop")


COUNTS = DeclaredTable(
    what="request log",
    columns=(
        _count("prompt_tokens", 0, MAX_TOKENS),
        _count("output_tokens", 0, MAX_TOKENS),
        _count("priority", -(2**15), 2**15 - 1),
        _count("cached_tokens", 0, MAX_TOKENS),
    ),
)
"""Columns of whole numbers; how arrivals are read depends on the log."""


@dataclass(slots=True, kw_only=True)
class Intake:
    """Turns the chunks of one file into tables of the store's schema; its tally has what was left out or mended.

    Attributes:
        name: of the file, for messages.
        arrivals: how arrivals are read.
        on_error: stop at rows that cannot be read, or leave them out.
        optional: columns of the trace beside those needed.
        marks: of the numbers.
        rules: keys of a chunk -> rows that were not served.
        selection: rows that are asked for.
        lengths: tokens of every prompt or output, where the user states them instead of a column.
        tree: of the rows of all files of the import; it leaves out LLM calls that hold another one.
        times: how the times at which latencies end are read.
        tally: counts so far.
    """

    name: str
    arrivals: ArrivalReader
    on_error: OnError
    optional: Sequence[str] = ()
    marks: NumberMarks = field(default_factory=NumberMarks)
    rules: Mapping[str, FailureRule] = field(default_factory=dict)
    selection: RowFilter = field(default_factory=RowFilter)
    lengths: Mapping[str, int] = field(default_factory=dict)
    tree: SpanTree = field(default_factory=SpanTree)
    times: dict[str, ArrivalReader] = field(init=False)
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self.times = {name: replace(self.arrivals, start=None, _of_day={}) for _, name in LATENCIES.values()}

    def table(self, chunk: Chunk) -> pa.Table:
        """The good rows of a chunk, arrivals in ns from the log's own zero.

        Raises:
            TraceError: some rows are at fault, unless they are to be skipped.
        """
        rows = len(chunk.columns["arrival"]) if chunk.columns else 0
        self.tally.read += rows + len(chunk.malformed)
        faults = [("malformed", f"{place}: {reason}") for place, reason in chunk.malformed]
        if rows == 0:
            self._report(faults, Counter(malformed=len(faults)))
            return trace_schema(self.optional).empty_table()
        chunk = self._decoded(chunk, rows)
        values, keep = self._clean(chunk, rows, faults)
        table = pa.table(values)
        return table if keep.all() else table.filter(pa.array(keep))

    def note_tree(self, chunk: Chunk) -> None:
        """Show the rows of a chunk to the tree, before any of them is counted.

        An LLM call has token counts and did not fail, so that the parent of a failed call still counts.
        """
        if not chunk.columns:
            return
        columns = self._decoded(chunk, len(chunk.columns["arrival"])).columns
        calls = ~empty(columns["prompt_tokens"], words=True)
        calls &= ~empty(columns["output_tokens"], words=True) & ~_zero(columns["output_tokens"])
        for hits in left_out(self.rules, columns, calls).values():
            calls &= ~hits
        self.tree.add(columns, calls)

    def _decoded(self, chunk: Chunk, rows: int) -> Chunk:
        """The chunk with plain text, and with the lengths that the user states."""
        stated = {ours: pa.array(np.full(rows, tokens)) for ours, tokens in self.lengths.items()}
        columns = {ours: decoded(column) for ours, column in chunk.columns.items()}
        return replace(chunk, columns=columns | stated, theirs={**chunk.theirs, **{ours: ours for ours in stated}})

    def _clean(self, chunk: Chunk, rows: int, faults: list[tuple[str, str]]) -> tuple[dict[str, Any], Flags]:
        """Columns of the store's schema, and which rows to keep; all others are counted here."""
        counts = Counter(malformed=len(faults))
        left = self._served(chunk, rows, counts)
        cells = {ours: self._read(ours, chunk) for ours in chunk.columns if ours in (*NEEDED, "priority")}
        good: Flags = left & np.logical_and.reduce([ok for _, ok in cells.values()])
        prompt, output = cells["prompt_tokens"][0], cells["output_tokens"][0]
        without_output = good & (output == 0)
        keep = good & ~without_output
        counts["failed"] += int(without_output.sum())
        if (left & ~good).any():
            faults = faults + self._faults(chunk, cells, left & ~good, counts)
        self._report(faults, counts)
        self.tally.repaired["zero_prompt"] += int((keep & (prompt == 0)).sum())
        columns = {
            "arrival_ns": cells["arrival"][0] + self.arrivals.start_ns,
            "prompt_tokens": _tokens(prompt),
            "output_tokens": _tokens(output),
        }
        since = {name: self._since(cells["arrival"], name, chunk) for name in self.times if name in chunk.columns}
        labels = [ours for ours in self.optional if ours not in (*LATENCIES, CACHED_TOKENS)]
        columns |= {ours: self._optional(ours, chunk, cells, keep) for ours in labels}
        if CACHED_TOKENS in self.optional:
            columns[CACHED_TOKENS] = self._cached(chunk, prompt, keep)
        latencies = self._latencies(chunk, since, keep, output)
        return columns | {ours: latencies[ours] for ours in self.optional if ours in LATENCIES}, keep

    def _served(self, chunk: Chunk, rows: int, counts: Counter[str]) -> Flags:
        """Rows that are asked for, and that a model served; the rest is counted."""
        selected = self.selection.rows(chunk.columns, rows)
        self.tally.unselected = self.selection.left_out
        out = left_out(self.rules, chunk.columns, selected)
        for key, rule in self.rules.items():
            if key in chunk.columns:
                self.tally.note_statuses(rule.column, rule.unknown(chunk.columns[key].filter(pa.array(selected))))
        nothing = {ours: empty(chunk.columns[ours], words=True) for ours in NEEDED}
        tokenless = nothing["prompt_tokens"] & nothing["output_tokens"]
        left = selected & ~np.logical_or.reduce([np.zeros(rows, bool), *out.values()])
        holders = self.tree.holders(chunk.columns)
        if holders is not None:
            out["parent"] = left & holders & ~tokenless
            left &= ~out["parent"]
        out["blank"] = left & tokenless & nothing["arrival"]
        out["no_usage"] = left & tokenless & ~nothing["arrival"]
        for reason, flags in out.items():
            counts[reason] += int(flags.sum())
        served: Flags = left & ~tokenless
        return served

    def _read(self, ours: str, chunk: Chunk) -> tuple[Ints, Flags]:
        """The values of a numeric column, and which are possible."""
        column = chunk.columns[ours]
        try:
            if ours == "arrival":
                return self.arrivals.read(column, chunk.theirs[ours])
            plain = self.marks.plain(column) if pa.types.is_string(column.type) else column
            cells = read_cells(plain, COUNTS.column(ours))
        except pa.ArrowException as error:
            raise TraceError(f"{self.name}: {chunk.theirs[ours]} holds {column.type}, no {ours}") from error
        possible = ~(cells.bad | cells.empty)
        if ours == "priority":
            return cells.values, possible | empty(column, words=True)
        values = cells.values
        for part in (name for name in chunk.columns if name.startswith(f"{ours} {PLUS}")):
            more, known = self._added(part, chunk)
            values, possible = values + more, possible & known
        return values, possible

    def _added(self, part: str, chunk: Chunk) -> tuple[Ints, Flags]:
        """Tokens that a log counts apart from those of a column; none where the cell is empty."""
        column = chunk.columns[part]
        plain = self.marks.plain(column) if pa.types.is_string(column.type) else column
        cells = read_cells(plain, COUNTS.column("cached_tokens"))
        nothing = cells.empty | empty(column, words=True)
        return np.where(nothing, 0, cells.values), nothing | ~cells.bad

    def _optional(self, ours: str, chunk: Chunk, cells: Cells, keep: Flags) -> pa.Array:
        """An optional column in the store's type; empty labels become null, as do words for no value, which are
        counted, and a column that this file lacks.
        """
        column = chunk.columns.get(ours)
        if column is None:
            return pa.nulls(len(keep), OPTIONAL[ours])
        try:
            if ours == "priority":
                return pa.array(
                    np.clip(cells[ours][0], -(2**15), 2**15 - 1).astype(np.int16), mask=empty(column, words=True)
                )
            if ours == "prefix_hashes":
                return column.cast(OPTIONAL[ours])
            text, nothing = as_text(column), empty(column, words=True)
            self.tally.note_words(chunk.theirs[ours], text.filter(pa.array(nothing & ~empty(column) & keep)))
            return pc.if_else(pa.array(nothing), pa.scalar(None, pa.string()), text).dictionary_encode()
        except pa.ArrowException as error:
            raise TraceError(f"{self.name}: {chunk.theirs[ours]} holds {column.type}, no {ours}") from error

    def _cached(self, chunk: Chunk, prompt: Ints, keep: Flags) -> pa.Array:
        """Tokens read from a cache; null where the log has none, and, counted, where it has no possible one."""
        if CACHED_TOKENS not in chunk.columns:
            return pa.nulls(len(keep), OPTIONAL[CACHED_TOKENS])
        column = counts_of(chunk.columns[CACHED_TOKENS])
        plain = self.marks.plain(column) if pa.types.is_string(column.type) else column
        cells = read_cells(plain, COUNTS.column(CACHED_TOKENS))
        known = ~(cells.bad | cells.empty) & (cells.values <= prompt)
        self.tally.repaired[CACHED_TOKENS] += int((keep & ~known & ~empty(column, words=True)).sum())
        return pa.array(np.where(known, cells.values, 0).astype(np.int32), mask=~known)

    def _latencies(self, chunk: Chunk, since: Cells, keep: Flags, output: Ints) -> dict[str, pa.Array]:
        """Seconds; null where the log has none, and, counted, where it has no possible one."""
        ttft, first = self._seconds("ttft_s", chunk, since, keep)
        e2e, last = self._seconds("e2e_s", chunk, since, keep)
        late = first & last & (ttft > e2e)
        self.tally.repaired["late_first_token"] += int((keep & late).sum())
        for form in [name for name in ("e2e_s", "e2e_ms") if name in chunk.columns][:1]:
            self.tally.note_paces(form, e2e[keep & last], output[keep & last])
        first &= ~late
        if {*since} >= {"first_token_at", "end_at"}:
            first &= ~last | (ttft < e2e)  # else the answer came as a whole
        return {"ttft_s": pa.array(ttft, mask=~first), "e2e_s": pa.array(e2e, mask=~last)}

    def _seconds(self, ours: str, chunk: Chunk, since: Cells, keep: Flags) -> tuple[Floats, Flags]:
        """A latency of each row, of the first form that the log has for it, and where it is possible; others of the
        rows to keep are counted.
        """
        seconds, known, stated = np.zeros(len(keep)), np.zeros(len(keep), bool), np.zeros(len(keep), bool)
        in_ms, ends = LATENCIES[ours]
        for name in (ours, in_ms, ends):
            if name not in chunk.columns:
                continue
            column = chunk.columns[name]
            if name == ends:
                values, ok = since[name]
            else:
                text = pa.types.is_string(column.type)
                values, ok = real_numbers(self.marks.real(column) if text else column)
                values = values * 1e-3 if name == in_ms else values
                if text and not (ok & (values > 0)).all():
                    said_s, with_unit = durations_s(self.marks.times(column))
                    values, ok = np.where(with_unit, said_s, values), ok | with_unit
            rows = ~stated & ~empty(column, words=True)
            seconds[rows], known[rows] = values[rows], (ok & (values > 0) & (values <= _LONGEST_S))[rows]
            stated |= rows
        self.tally.repaired["latency"] += int((keep & stated & ~known).sum())
        return seconds, known

    def _since(self, arrival: tuple[Ints, Flags], name: str, chunk: Chunk) -> tuple[Floats, Flags]:
        """Seconds from the arrival to a time, and where both are known."""
        column = chunk.columns[name]
        if empty(column, words=True).all():
            return np.zeros(len(column)), np.zeros(len(column), np.bool_)
        times = self.times[name]
        try:
            times_ns, known = times.read(column, chunk.theirs[name], after=arrival[0])
        except pa.ArrowException as error:
            raise TraceError(f"{self.name}: {chunk.theirs[name]} holds {column.type}, no time") from error
        zero_ns = self.arrivals.start_ns if times.epoch else 0  # dates, of arrivals that count from a stated start
        return (times_ns - arrival[0] - zero_ns) / NS_PER_S, known & arrival[1]

    def _faults(self, chunk: Chunk, cells: Cells, bad: Flags, counts: Counter[str]) -> list[tuple[str, str]]:
        """The first bad cells of each column, in the order of the rows. A row counts under its first bad column."""
        first = []
        for ours, (_, ok) in cells.items():
            wrong = np.flatnonzero(bad & ~ok)
            counts[ours] += len(wrong)
            first += [(int(i), ours) for i in wrong[:_SHOWN]]
            bad = bad & ok
        return [(ours, self._say(ours, chunk, i)) for i, ours in sorted(first)]

    def _say(self, ours: str, chunk: Chunk, i: int) -> str:
        """Place, column, value and fault."""
        name = ours
        if ours in NEEDED[1:] and self._read(ours, replace(chunk, columns={ours: chunk.columns[ours]}))[1][i]:
            parts = (name for name in chunk.columns if name.startswith(f"{ours} {PLUS}"))
            name = next((part for part in parts if not self._added(part, chunk)[1][i]), ours)
        column = chunk.columns[name]
        cell = column[i : i + 1]
        value = (cell.cast(pa.string()) if pa.types.is_timestamp(column.type) else cell)[0].as_py()
        declared = None if ours == "arrival" else COUNTS.column(ours)
        wrong = describe_cell(value, self.arrivals.expected, self.marks, declared)
        return f"{chunk.place(i)}: {chunk.theirs[name]}: {wrong}"

    def _report(self, faults: list[tuple[str, str]], counts: Counter[str]) -> None:
        """Count rows that are left out; raise if one is at fault and nothing may be skipped."""
        total = sum(count for kind, count in counts.items() if kind in (*NEEDED, "priority", "malformed"))
        if total and self.on_error == "stop":
            lines = [f"{self.name}: {text}" for _, text in faults[:_SHOWN]]
            more = f"\nand {total - len(lines)} more rows in this block" if total > len(lines) else ""
            raise TraceError("\n".join(lines) + more + "\ncorrect the log, or leave such rows out with --on-error skip")
        self.tally.dropped += counts
        for kind, text in faults:
            self.tally.examples.setdefault(kind, text)


def _zero(column: pa.Array) -> Flags:
    """Cells that hold the number 0."""
    flags: Flags = pc.match_substring_regex(pc.fill_null(as_text(column), ""), r"^\s*0+(\.0*)?\s*$").to_numpy(
        zero_copy_only=False
    )
    return flags


def _tokens(values: Ints) -> npt.NDArray[np.int32]:
    """As the store keeps them; what is out of range here is dropped with its row."""
    return np.clip(values, 1, MAX_TOKENS).astype(np.int32)
