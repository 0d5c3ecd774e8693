"""Import: request logs of a public or own format become a stored trace; faults are named, repairs counted."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote
from typing import Any

import pyarrow as pa

from simcost.errors import TraceError
from simcost.tables.dates import TimePattern, TimeUnit
from simcost.tables.row_filter import RowFilter
from simcost.tables.sources import Chunk
from simcost.trace.requests.arrival_times import ArrivalReader
from simcost.trace.requests.describe import describe_trace
from simcost.trace.requests.formats import (
    LATENCIES,
    NEEDED,
    FormatName,
    LogFormat,
    OtherFormatError,
    find_columns,
    find_format,
    find_rules,
    stated_lengths,
)
from simcost.trace.requests.importing import Intake, OnError
from simcost.trace.requests.log_files import local, open_log, shown_name
from simcost.trace.requests.number_marks import NumberMarks
from simcost.trace.requests.span_tree import SpanTree, tree_columns
from simcost.trace.requests.store import OPTIONAL, TraceInfo, open_trace
from simcost.trace.requests.tally import finding
from simcost.trace.requests.unread_columns import unread_columns
from simcost.trace.requests.writer import TraceWriter

_OTHER_NAMES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".gz", ".zst", ".bz2", ".xlsx")
"""Ends of names that files of other kinds have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notation:
    """Notation of the cells of a log, where its format leaves it open; None = not declared."""

    delimiter: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    time_format: str | None = None
    time_unit: TimeUnit | None = None
    timezone: str | None = None


def import_trace(
    path: Path | Sequence[Path],
    fmt: FormatName,
    out: Path,
    *,
    mapping: Mapping[str, str] | None = None,
    where: Sequence[tuple[str, str]] = (),
    on_error: OnError = "stop",
    start: str | None = None,
    notation: Notation | None = None,
    block_tokens: int | None = None,
    any_format: bool = False,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Read logs and write them as one trace.

    Args:
        path: the log or several, packed or not; `-` is standard input.
        fmt: their format.
        out: the Parquet file to write.
        mapping: our column -> the log's column, over those of the format.
        where: columns of the log and values; rows with other values are not taken. Values of the same column are
            alternatives.
        on_error: `skip` drops rows that cannot be read and counts them; `stop` raises at the first block
            that has some.
        start: ISO time at which relative arrivals are 0; None = unknown.
        notation: how the cells are written.
        block_tokens: tokens per prefix block; None = that of the format.
        any_format: read it in the format that its columns are known from, where they are not those of `fmt`.
        progress: called with the rows read so far.

    Returns:
        The document of `trace import`: rows, dropped, repaired, span_s, findings[], and details.

    Raises:
        TraceError: a log cannot be read; the message names file, row and remedy.
        InputError: the output cannot be written there.
    """
    asked = _Request(
        fmt=fmt,
        any_format=any_format,
        mapping=mapping or {},
        where=where,
        on_error=on_error,
        start=start,
        notation=notation or Notation(),
    )
    given = [path] if isinstance(path, Path) else path
    with ExitStack() as stack:
        paths = [stack.enter_context(local(each)) for each in given]
        files = [(each, shown_name(name)) for each, name in zip(paths, given, strict=True)]
        logs, optional = _opened(files, asked)
        block_tokens = (block_tokens or logs[0].block_tokens) if "prefix_hashes" in optional else None
        if "prefix_hashes" in optional and block_tokens is None:
            raise TraceError(f"{logs[0].name}: prefix_hashes without a block size; pass --block-tokens N")
        with TraceWriter(out, source=_source(logs), optional=optional, block_tokens=block_tokens) as writer:
            _write(logs, optional, writer, progress)
    return _document(fmt, out, logs, writer)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """Options of each of the logs."""

    fmt: FormatName
    any_format: bool
    mapping: Mapping[str, str]
    where: Sequence[tuple[str, str]]
    on_error: OnError
    start: str | None
    notation: Notation

    @property
    def form(self) -> LogFormat:
        """Columns of the format."""
        return find_format(self.fmt)

    @property
    def marks(self) -> NumberMarks:
        """Of the numbers: declared, else those of the format."""
        return NumberMarks(decimal=self.notation.decimal, thousands=self.notation.thousands or self.form.thousands)


@dataclass(slots=True, kw_only=True)
class _Log:
    """One of the files: its rows, and their handling."""

    path: Path
    name: str
    request: _Request
    stored: TraceInfo | None = None
    """Metadata where it is a stored trace itself, whose date and blocks are kept."""
    intake: Intake = field(init=False)
    selects_model: bool = False
    has_tree: bool = False
    """Its rows hold each other, as spans do."""
    unread: list[str] = field(default_factory=list)
    sums: list[str] = field(default_factory=list)
    """Messages about counts that are sums of columns."""

    def __post_init__(self) -> None:
        request = self.request
        pattern = request.notation.time_format
        arrivals = ArrivalReader(
            name=self.name,
            unit=request.notation.time_unit or request.form.unit,
            start=request.start or (self.stored.start_utc if self.stored else None),
            pattern=None if pattern is None else TimePattern(pattern),
            month_first=request.form.month_first,
            rest=self._times,
            marks=request.marks,
            timezone=request.notation.timezone,
            utc=request.form.utc,
        )
        self.intake = Intake(
            name=self.name,
            arrivals=arrivals,
            on_error=request.on_error,
            marks=request.marks,
            rules=find_rules(request.form, request.mapping),
            selection=RowFilter(request.where),
        )

    @property
    def block_tokens(self) -> int | None:
        """Tokens per block of its `prefix_hashes`, where its format or the stored trace says."""
        return self.request.form.block_tokens or (self.stored.block_tokens if self.stored else None)

    def chunks(self) -> Iterator[Chunk]:
        """Its rows in order."""
        yield from open_log(self.path, self.request.form, self._find, delimiter=self.request.notation.delimiter)

    def _times(self) -> Iterator[pa.Array]:
        """All arrivals of the log, as it writes them."""
        return (chunk.columns["arrival"] for chunk in self.chunks() if "arrival" in chunk.columns)

    def _find(self, present: Sequence[str]) -> dict[str, str]:
        """Columns of the trace, of the conditions and of the rules, as this file calls them."""
        theirs = find_columns(self.request.form, self.request.mapping, present, place=str(self.path))
        conditions = self.intake.selection.columns(theirs, present, place=str(self.path))
        self.selects_model = theirs.get("model", "") in conditions.values()
        rules = {key: rule.column for key, rule in self.intake.rules.items() if rule.column in present}
        self.intake.lengths = stated_lengths(self.request.mapping, present)
        self.has_tree = bool(tree := tree_columns(present))
        self.sums = _sums_said(theirs)
        used = theirs | conditions | rules | tree
        self.unread = unread_columns(self.request.form, self.request.mapping, set(used.values()), present)
        return used


def _opened(files: Sequence[tuple[Path, str]], asked: _Request) -> tuple[list[_Log], list[str]]:
    """The logs, by their paths and names, and the columns of the trace that any of them has beside those needed."""
    logs = [_Log(path=path, name=name, request=asked, stored=_stored(path, asked)) for path, name in files]
    try:
        first = [next(log.chunks(), None) for log in logs]
    except OtherFormatError as error:
        if not asked.any_format:
            raise
        return _opened(files, replace(asked, fmt=error.other, any_format=False))
    there = {name for chunk in first if chunk for name in chunk.theirs}
    return logs, [name for name in OPTIONAL if there & {name, *LATENCIES.get(name, ())}]


def _stored(path: Path, asked: _Request) -> TraceInfo | None:
    """Metadata of a stored trace that is read as it is; None of any other log."""
    if asked.fmt != "parquet" or "arrival" in asked.mapping:
        return None
    try:
        return open_trace(path)
    except TraceError:
        return None


def _source(logs: Sequence[_Log]) -> str:
    return logs[0].name.rsplit("/", 1)[-1] + (f" and {len(logs) - 1} more" if len(logs) > 1 else "")


def _write(
    logs: Sequence[_Log], optional: list[str], writer: TraceWriter, progress: Callable[[int], None] | None
) -> None:
    """Write the rows of all files; raise TraceError if there are none, or their times count from different zeros."""
    before, first, tree = 0, None, SpanTree()
    for log in logs:
        log.intake.optional, log.intake.tree = optional, tree
        for chunk in log.chunks() if log.has_tree else ():
            log.intake.note_tree(chunk)
    tree.close()
    for log in logs:
        for chunk in log.chunks():
            table = log.intake.table(chunk)
            if log.intake.arrivals.decided:
                first = first or log
                _same_zero(first, log)
                writer.origin = "epoch" if log.intake.arrivals.epoch else "relative"
            writer.write(table)
            if progress is not None:
                progress(before + log.intake.tally.read)
        before += log.intake.tally.read
    if writer.rows == 0:
        raise TraceError(_no_rows(logs))


def _same_zero(first: _Log, log: _Log) -> None:
    if first.intake.arrivals.epoch != log.intake.arrivals.epoch:
        raise TraceError(
            f"{log.name}: its arrivals and those of {first.name} count from different zeros, dates and an "
            "unknown start; import them apart"
        )


def _no_rows(logs: Sequence[_Log]) -> str:
    """Reason why nothing was written, by file."""
    parts = []
    for log in logs:
        tally = log.intake.tally
        if tally.unselected and tally.unselected == tally.read:
            parts.append(f"{log.name}: {log.intake.selection.explanation()}")
        else:
            reasons = [each["message"] for each in tally.findings()]
            parts.append(f"{log.name}: no requests" + (f": {'; '.join(reasons)}" if reasons else ""))
    return "\n".join([*parts, "nothing was written"])


def _document(fmt: str, out: Path, logs: Sequence[_Log], writer: TraceWriter) -> dict[str, Any]:
    """The document of `trace import`; findings in the data themselves come from `trace describe`."""
    described, read_as = describe_trace(out), logs[0].request.fmt
    told = [{"kind": "format", "count": 1, "message": f"read as {read_as}, by its columns"}] if read_as != fmt else []
    if out.suffix.lower() in _OTHER_NAMES:
        told.append({"kind": "name", "count": 1, "message": f"{out} is Parquet, whatever its name says"})
    tallies = [log.intake.tally for log in logs]
    dropped: Counter[str] = sum((tally.dropped for tally in tallies), Counter())
    repaired: Counter[str] = sum((tally.repaired for tally in tallies), Counter(unsorted=writer.late_rows))
    return {
        "file": str(out),
        "source": ", ".join(log.name for log in logs),
        "format": read_as,
        "rows": described["rows"],
        "read": sum(tally.read for tally in tallies),
        "unselected": sum(tally.unselected for tally in tallies),
        "dropped": dropped.total(),
        "dropped_by": dict(dropped),
        "repaired": repaired.total(),
        "repaired_by": dict(+repaired),
        "models": described["models"],
        "span_s": described["span_s"],
        "start_utc": described["start_utc"],
        "findings": told + _findings(logs, writer, described["models"]) + described["findings"],
    }


def _findings(logs: Sequence[_Log], writer: TraceWriter, models: Mapping[str, int]) -> list[dict[str, Any]]:
    """Findings in each file, named where there are several, and in all of them."""
    result = []
    for log in logs:
        unread = [{"kind": "unread_column", "count": 1, "message": message} for message in log.unread]
        sums = [{"kind": "token_sum", "count": 1, "message": message} for message in log.sums]
        own = [*log.intake.tally.findings(), *log.intake.arrivals.findings(), *sums, *unread]
        if len(logs) > 1:
            own = [each | {"file": log.name, "message": f"{log.name}: {each['message']}"} for each in own]
        result += own
    if writer.late_rows:
        result.append(finding("unsorted", writer.late_rows))
    if len(models) > 1 and not logs[0].selects_model:
        result.append(_several_models(models))
    return result


def _sums_said(theirs: Mapping[str, str]) -> list[str]:
    """Messages about counts that are sums of columns, as providers count them or the user asks."""
    sums = {ours: [name for key, name in theirs.items() if key.partition(" ")[0] == ours] for ours in NEEDED[1:]}
    return [
        f"{ours} is {' + '.join(names)}; if {names[0]} already holds the others, rename it"
        for ours, names in sums.items()
        if len(names) > 1
    ]


def _several_models(models: Mapping[str, int]) -> dict[str, Any]:
    shown = ", ".join(f"{name} ({count:,})" for name, count in list(models.items())[:5])
    more = f" and {len(models) - 5} more" if len(models) > 5 else ""
    first = next(iter(models))
    message = (
        f"the requests are of {len(models)} models: {shown}{more}; a plan serves one of them: select it by "
        f"--where {quote(f'model={first}')}; for all of them import each, and list them under `services` of a scenario"
    )
    return {"kind": "models", "count": len(models), "message": message}
